/**
 * Readers of arguments and keys that the data families share. Each one answers the client itself when something will not do; the caller
 * then only returns.
 */
import { TYPE_NONE } from "@hearthkv/engine";
import { INT64_MIN, parseFloat64, parseInt64, parseSafeInt } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import { wrongArity as arityError, ERR, outsideRange } from "../errors.js";

/** The largest element of a collection: the longest string that V8 makes. */
export const ELEMENT_BYTES_MAX = 536_870_888;

/** Looks up the key at argument `i` for a command that changes it; returns its TYPE_* code and leaves the cursor of `ctx.db.keys` on it. */
export function lookupAt(ctx: CommandContext, i: number): number {
  const r = ctx.request;
  return ctx.db.keys.lookup(r.buf, r.off[i], r.len[i]);
}

/** As lookupAt, for a command that only reads: counts a hit or a miss. */
export function lookupReadAt(ctx: CommandContext, i: number): number {
  const r = ctx.request;
  return ctx.db.keys.lookupRead(r.buf, r.off[i], r.len[i]);
}

/** Replies the bytes that the cursor stands on: a string that was looked up, or an element that was read (see KeyStore). */
export function replyFound({ db, reply }: CommandContext): void {
  const { keys } = db;
  reply.bulk(keys.valueBuf, keys.valueOff, keys.valueLen);
}

/** True when a key of `type` may be used as `wanted`: it is one, or there is none. Otherwise replies WRONGTYPE. */
export function isOrAbsent(ctx: CommandContext, type: number, wanted: number): boolean {
  if (type === wanted || type === TYPE_NONE) return true;
  ctx.reply.error(ERR.wrongType);
  return false;
}

/** How many elements the collection of the type `wanted` has, that a lookup which gave `type` has found: 0 where there is none, -1 after the reply WRONGTYPE. */
export function sizeFound(ctx: CommandContext, type: number, wanted: number): number {
  if (!isOrAbsent(ctx, type, wanted)) return -1;
  return type === TYPE_NONE ? 0 : ctx.db.found.size;
}

/** Where a range begins in `size` elements: `first` may count from the end, and what is before the start is the start. */
export function rangeFrom(first: number, size: number): number {
  return Math.max(0, first < 0 ? size + first : first);
}

/** Where it ends, behind its last element: before where it begins when it is empty. */
export function rangeTo(last: number, size: number): number {
  return Math.min(size, (last < 0 ? size + last : last) + 1);
}

/**
 * An int64, clamped to what a number holds exactly: for positions and counts, where the difference cannot be seen.
 * NaN after an error reply.
 */
export function intArg(ctx: CommandContext, i: number, error: string = ERR.notInteger): number {
  const r = ctx.request;
  const safe = parseSafeInt(r.buf, r.off[i], r.len[i]);
  if (!Number.isNaN(safe)) return safe;
  const exact = parseInt64(r.buf, r.off[i], r.len[i]);
  if (exact === null) {
    ctx.reply.error(error);
    return Number.NaN;
  }
  return exact < 0n ? -Number.MAX_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
}

/** An int64 whose negative is one, too: where below zero means from the other end, or with repetitions. NaN after an error reply. */
export function signedArg(ctx: CommandContext, i: number): number {
  const r = ctx.request;
  const value = intArg(ctx, i);
  if (value >= 0 || Number.isNaN(value) || parseInt64(r.buf, r.off[i], r.len[i]) !== INT64_MIN) return value;
  ctx.reply.error(outsideRange(INT64_MIN + 1n, -(INT64_MIN + 1n)));
  return Number.NaN;
}

/** An integer from `min` on; to anything else `error` is replied, and NaN returned. */
export function intFromArg(ctx: CommandContext, i: number, min: number, error: string): number {
  const value = intArg(ctx, i, error);
  if (value >= min || Number.isNaN(value)) return value;
  ctx.reply.error(error);
  return Number.NaN;
}

/** How many elements to give or take: 0 or more. NaN after an error reply. */
export function countArg(ctx: CommandContext, i: number): number {
  return intFromArg(ctx, i, 0, ERR.mustBePositive);
}

/** A double, infinities included. NaN after an error reply. */
export function doubleArg(ctx: CommandContext, i: number, error: string = ERR.notFloat): number {
  const r = ctx.request;
  const value = parseFloat64(r.buf, r.off[i], r.len[i]);
  if (value !== null) return value;
  ctx.reply.error(error);
  return Number.NaN;
}

/**
 * True when every argument from `first` on can be an element of a collection. Elements are bytes; but now and then one is needed as
 * text (a key to wait for, a float, what the tools print), and V8's strings end a little below the limit of a bulk.
 */
export function elementsFit(ctx: CommandContext, first: number): boolean {
  const { argc, len } = ctx.request;
  for (let i = first; i < argc; i++) {
    if (len[i] > ELEMENT_BYTES_MAX) {
      ctx.reply.error(ERR.stringTooLong);
      return false;
    }
  }
  return true;
}

/** The arguments from `first` on, as elements. Ask elementsFit() before. */
export function elements(ctx: CommandContext, first: number): string[] {
  const r = ctx.request;
  const all = new Array<string>(r.argc - first);
  for (let i = first; i < r.argc; i++) all[i - first] = r.str(i);
  return all;
}

/** Replies that the running command has the wrong number of arguments. */
export function wrongArity(ctx: CommandContext): void {
  ctx.reply.error(arityError(ctx.row.name));
}

/** A byte range as a latin1 string. Its length must be at most ELEMENT_BYTES_MAX. */
export function latin1(buf: Uint8Array, off: number, len: number): string {
  return Buffer.from(buf.buffer, buf.byteOffset + off, len).toString("latin1");
}

/** INCR and its kin, and the arithmetic that hashes share with them. */
import { TYPE_NONE, TYPE_STRING } from "@hearthkv/engine";
import { addLongDouble, isLongDouble, parseInt64, parseSafeInt } from "@hearthkv/resp";
import { isOrAbsent, latin1, lookupAt } from "./arguments.js";
import type { CommandContext } from "./context.js";
import { ERR } from "./errors.js";

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const INFINITE = /^[+-]?inf(?:inity)?$/i;
/** No number is longer: Redis copies a float's text into a buffer of 5 KB. */
const FLOAT_BYTES_MAX = 5 * 1024 - 1;

export function incr(ctx: CommandContext): void {
  add(ctx, 1);
}

export function decr(ctx: CommandContext): void {
  add(ctx, -1);
}

export function incrBy(ctx: CommandContext): void {
  const r = ctx.request;
  const delta = parseSafeInt(r.buf, r.off[2], r.len[2]);
  if (!Number.isNaN(delta)) {
    add(ctx, delta);
    return;
  }
  const exact = bigArg(ctx, 2);
  if (exact !== null) addBig(ctx, exact);
}

export function decrBy(ctx: CommandContext): void {
  const r = ctx.request;
  const delta = parseSafeInt(r.buf, r.off[2], r.len[2]);
  if (!Number.isNaN(delta)) {
    add(ctx, -delta);
    return;
  }
  const exact = bigArg(ctx, 2);
  if (exact === INT64_MIN) ctx.reply.error(ERR.decrementOverflow);
  else if (exact !== null) addBig(ctx, -exact);
}

/** The expiry stays, as with every increment. */
export function incrByFloat(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const type = lookupAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const before = type === TYPE_NONE ? "0" : floatText(db.keys.valueBuf, db.keys.valueOff, db.keys.valueLen);
  const sum = addFloats(ctx, before, floatText(r.buf, r.off[2], r.len[2]), ERR.notFloat);
  if (sum === null) return;
  const bytes = Buffer.from(sum, "latin1");
  db.strings.set(r.buf, r.off[1], r.len[1], bytes, 0, bytes.length, type === TYPE_NONE ? 0 : db.keys.expireAt);
  reply.bulkString(sum);
}

/** The int64 at argument `i`; null after an error reply. */
export function bigArg(ctx: CommandContext, i: number): bigint | null {
  const r = ctx.request;
  const value = parseInt64(r.buf, r.off[i], r.len[i]);
  if (value === null) ctx.reply.error(ERR.notInteger);
  return value;
}

/** Sum of two int64; null after an error reply when it is none. */
export function addInt64(ctx: CommandContext, a: bigint, b: bigint): bigint | null {
  const sum = a + b;
  if (sum <= INT64_MAX && sum >= INT64_MIN) return sum;
  ctx.reply.error(ERR.overflow);
  return null;
}

/**
 * Sum of two numbers in text form, as INCRBYFLOAT prints it; null after an error reply.
 * @param notFloat the error for a `before` that is no number
 */
export function addFloats(ctx: CommandContext, before: string, delta: string, notFloat: string): string | null {
  if (!isLongDouble(before)) ctx.reply.error(notFloat);
  else if (!isLongDouble(delta)) ctx.reply.error(ERR.notFloat);
  else return finiteSum(ctx, before, delta);
  return null;
}

/** True when a text that is a long double is an infinite one. */
export function isInfinite(text: string): boolean {
  return INFINITE.test(text);
}

function finiteSum(ctx: CommandContext, before: string, delta: string): string | null {
  const sum = addLongDouble(before, delta);
  if (sum === null) ctx.reply.error(ERR.nanOrInfinity);
  return sum;
}

function add(ctx: CommandContext, delta: number): void {
  const { request: r, db } = ctx;
  if (!isOrAbsent(ctx, db.keys.lookup(r.buf, r.off[1], r.len[1]), TYPE_STRING)) return;
  const value = db.strings.incrFound(r.buf, r.off[1], r.len[1], delta);
  if (Number.isNaN(value)) addBig(ctx, BigInt(delta));
  else ctx.reply.int(value);
}

/** Values beyond 2^53, and what is no integer at all. */
function addBig(ctx: CommandContext, delta: bigint): void {
  const { request: r, db, reply } = ctx;
  if (!isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_STRING)) return;
  const value = db.strings.incrByBig(r.buf, r.off[1], r.len[1], delta);
  if (value === "notint") reply.error(ERR.notInteger);
  else if (value === "overflow") reply.error(ERR.overflow);
  else reply.int(value);
}

/** Bytes that may be a float, as text; "" for what is too long to be one and need not be copied. */
export function floatText(buf: Uint8Array, off: number, len: number): string {
  return len > FLOAT_BYTES_MAX ? "" : latin1(buf, off, len);
}

/** Strings. */
import { OP_SETNX, TYPE_NONE, TYPE_STRING } from "@hearthkv/engine";
import { parseInt64 } from "@hearthkv/resp";
import { intArg, isOrAbsent, lookupAt, lookupReadAt, replyFound, wrongArity } from "./arguments.js";
import type { CommandContext, CommandRow } from "./context.js";
import { ERR } from "./errors.js";
import { decr, decrBy, incr, incrBy, incrByFloat } from "./increments.js";
import { ALL_KEYS, GROW, GROW_FAST, KEY_VALUE_PAIRS, READ, READ_FAST, rowMaker, WRITE_FAST } from "./rows.js";
import {
  ANY_TIME,
  expireAtArg,
  expireAtOfOptions,
  GET,
  GETEX_OPTIONS,
  isAbsolute,
  KEEPTTL,
  NX,
  PERSIST,
  parseOptions,
  SET_OPTIONS,
  XX,
} from "./set-options.js";

/** The longest string: proto-max-bulk-len's default. */
const STRING_BYTES_MAX = 512 * 1024 * 1024;

/** The hottest of all: without options nothing is looked up and nothing is parsed. */
function set(ctx: CommandContext): void {
  const r = ctx.request;
  if (r.argc > 3) {
    setWithOptions(ctx);
    return;
  }
  const off = r.off;
  const len = r.len;
  ctx.db.strings.set(r.buf, off[1], len[1], r.buf, off[2], len[2], 0);
  ctx.reply.ok();
}

function setWithOptions(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const flags = parseOptions(ctx, 3, SET_OPTIONS);
  if (flags < 0) return;
  let expireAt = 0;
  if ((flags & ANY_TIME) !== 0) {
    expireAt = expireAtOfOptions(ctx, flags);
    if (Number.isNaN(expireAt)) return;
  }
  const wantsOld = (flags & GET) !== 0;
  if ((flags & SET_OPTIONS) !== 0) {
    const type = wantsOld ? lookupReadAt(ctx, 1) : lookupAt(ctx, 1);
    if (wantsOld && !replyString(ctx, type)) return;
    if ((flags & (type === TYPE_NONE ? XX : NX)) !== 0) {
      if (!wantsOld) reply.nil();
      return;
    }
    if ((flags & KEEPTTL) !== 0 && type !== TYPE_NONE) expireAt = db.keys.expireAt;
  }
  if ((flags & NX) !== 0) setValue(ctx, 2, expireAt, OP_SETNX);
  else db.strings.set(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2], expireAt);
  if (!wantsOld) reply.ok();
}

/** Stores argument `i` under the key at argument 1. */
function setValue(ctx: CommandContext, i: number, expireAt: number, op?: number): void {
  const r = ctx.request;
  ctx.db.strings.set(r.buf, r.off[1], r.len[1], r.buf, r.off[i], r.len[i], expireAt, op);
}

function setNx(ctx: CommandContext): void {
  const isNew = lookupAt(ctx, 1) === TYPE_NONE;
  if (isNew) setValue(ctx, 2, 0, OP_SETNX);
  ctx.reply.int(isNew ? 1 : 0);
}

function setEx(ctx: CommandContext): void {
  setForDuration(ctx, 1000);
}

function psetEx(ctx: CommandContext): void {
  setForDuration(ctx, 1);
}

function setForDuration(ctx: CommandContext, unitMs: 1 | 1000): void {
  const expireAt = expireAtArg(ctx, 2, unitMs, true);
  if (Number.isNaN(expireAt)) return;
  setValue(ctx, 3, expireAt);
  ctx.reply.ok();
}

function get(ctx: CommandContext): void {
  const { request: r, db } = ctx;
  const type = db.keys.lookupRead(r.buf, r.off[1], r.len[1]);
  if (type === TYPE_STRING) replyFound(ctx);
  else if (type === TYPE_NONE) ctx.reply.nil();
  else ctx.reply.error(ERR.wrongType);
}

/** Replies with the string just looked up, or nil, or an error; false after the error. */
function replyString(ctx: CommandContext, type: number): boolean {
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return false;
  if (type === TYPE_NONE) ctx.reply.nil();
  else replyFound(ctx);
  return true;
}

function getSet(ctx: CommandContext): void {
  if (replyString(ctx, lookupReadAt(ctx, 1))) setValue(ctx, 2, 0);
}

function getDel(ctx: CommandContext): void {
  const { request: r, db } = ctx;
  const type = lookupReadAt(ctx, 1);
  if (replyString(ctx, type) && type !== TYPE_NONE) db.keys.remove(r.buf, r.off[1], r.len[1]);
}

/** The time is judged only when there is a string to give, as in Redis. */
function getEx(ctx: CommandContext): void {
  const flags = parseOptions(ctx, 2, GETEX_OPTIONS);
  if (flags < 0) return;
  const type = lookupReadAt(ctx, 1);
  if (type !== TYPE_STRING || flags === 0) {
    replyString(ctx, type);
    return;
  }
  const expireAt = (flags & PERSIST) !== 0 ? 0 : expireAtOfOptions(ctx, flags);
  if (Number.isNaN(expireAt)) return;
  replyString(ctx, type);
  changeExpiry(ctx, expireAt, isAbsolute(flags));
}

function changeExpiry(ctx: CommandContext, expireAt: number, absolute: boolean): void {
  const { request: r, db } = ctx;
  if (absolute && expireAt <= ctx.keyspace.nowMs) db.keys.remove(r.buf, r.off[1], r.len[1]);
  else if (expireAt !== db.keys.expireAt) db.keys.setExpire(r.buf, r.off[1], r.len[1], expireAt);
}

function mset(ctx: CommandContext): void {
  const r = ctx.request;
  if (r.argc % 2 === 0) {
    wrongArity(ctx);
    return;
  }
  ctx.db.strings.mset(r.buf, r.off, r.len, 1, (r.argc - 1) / 2);
  ctx.reply.ok();
}

/** A key given twice counts as absent both times; its last value stays. */
function msetNx(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (r.argc % 2 === 0) {
    wrongArity(ctx);
    return;
  }
  for (let i = 1; i < r.argc; i += 2) {
    if (lookupAt(ctx, i) !== TYPE_NONE) {
      reply.int(0);
      return;
    }
  }
  db.strings.mset(r.buf, r.off, r.len, 1, (r.argc - 1) / 2);
  reply.int(1);
}

/** Keys of other types count as absent. */
function mget(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  reply.array(r.argc - 1);
  for (let i = 1; i < r.argc; i++) {
    if (db.keys.lookupRead(r.buf, r.off[i], r.len[i]) === TYPE_STRING) replyFound(ctx);
    else reply.nil();
  }
}

function append(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const type = lookupAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const oldLen = type === TYPE_NONE ? 0 : db.keys.valueLen;
  const addedLen = r.len[2];
  if (!fitsString(ctx, oldLen + addedLen)) return;
  // Nothing appended is a write all the same, as in Redis: WATCH sees it.
  reply.int(db.strings.append(r.buf, r.off[1], r.len[1], r.buf, r.off[2], addedLen));
}

function strlen(ctx: CommandContext): void {
  const type = lookupReadAt(ctx, 1);
  if (isOrAbsent(ctx, type, TYPE_STRING)) ctx.reply.int(type === TYPE_NONE ? 0 : ctx.db.keys.valueLen);
}

function setRange(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const offset = intArg(ctx, 2);
  if (Number.isNaN(offset)) return;
  if (offset < 0) {
    reply.error(ERR.offsetOutOfRange);
    return;
  }
  const type = lookupAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const writtenLen = r.len[3];
  if (writtenLen === 0) reply.int(type === TYPE_NONE ? 0 : db.keys.valueLen);
  else if (fitsString(ctx, offset + writtenLen))
    reply.int(db.strings.setRange(r.buf, r.off[1], r.len[1], offset, r.buf, r.off[3], writtenLen));
}

function fitsString(ctx: CommandContext, bytes: number): boolean {
  if (bytes <= STRING_BYTES_MAX) return true;
  ctx.reply.error(ERR.stringTooLong);
  return false;
}

function getRange(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const first = intArg(ctx, 2);
  if (Number.isNaN(first)) return;
  const last = intArg(ctx, 3);
  if (Number.isNaN(last)) return;
  const type = lookupReadAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const size = type === TYPE_NONE ? 0 : db.keys.valueLen;
  const from = fromStart(first, size);
  const to = Math.min(fromStart(last, size) + 1, size);
  if (from >= to || (first < 0 && last < 0 && isBehind(ctx, 2, 3))) reply.bulkString("");
  else reply.bulk(db.keys.valueBuf, db.keys.valueOff + from, to - from);
}

/** Whether the integer at argument `i` is the larger one, also where a number is not exact. */
function isBehind({ request: r }: CommandContext, i: number, j: number): boolean {
  return parseInt64(r.buf, r.off[i], r.len[i])! > parseInt64(r.buf, r.off[j], r.len[j])!;
}

/** A position that may count from the end, as one from the start; before the start is the start. */
function fromStart(position: number, size: number): number {
  return Math.max(0, position < 0 ? size + position : position);
}

const row = rowMaker("string");

export const stringRows: readonly CommandRow[] = [
  row("set", -3, GROW, "1.0.0", "Sets the string value of a key, whatever the key held before.", set),
  row("get", 2, READ_FAST, "1.0.0", "Returns the string value of a key.", get),
  row("getset", 3, GROW_FAST, "1.0.0", "Sets a string and returns the one before.", getSet),
  row("getdel", 2, WRITE_FAST, "6.2.0", "Returns a string and deletes its key.", getDel),
  row("getex", -2, WRITE_FAST, "6.2.0", "Returns a string and sets or removes its expiry.", getEx),
  row("setnx", 3, GROW_FAST, "1.0.0", "Sets a string if the key does not exist.", setNx),
  row("setex", 4, GROW, "2.0.0", "Sets a string and how many seconds it lives.", setEx),
  row("psetex", 4, GROW, "2.6.0", "Sets a string and how many milliseconds it lives.", psetEx),
  row("mset", -3, GROW, "1.0.1", "Sets several strings at once.", mset, KEY_VALUE_PAIRS),
  row("msetnx", -3, GROW, "1.0.1", "Sets several strings if none of the keys exist.", msetNx, KEY_VALUE_PAIRS),
  row("mget", -2, READ_FAST, "1.0.0", "Returns the strings of several keys.", mget, ALL_KEYS),
  row("append", 3, GROW_FAST, "2.0.0", "Appends to a string; creates it if needed.", append),
  row("strlen", 2, READ_FAST, "2.2.0", "Returns the length of a string in bytes.", strlen),
  row("getrange", 4, READ, "2.4.0", "Returns the bytes of a string between two positions.", getRange),
  row("substr", 4, READ, "1.0.0", "The old name of GETRANGE.", getRange),
  row("setrange", 4, GROW, "2.2.0", "Overwrites a string from a position on; fills gaps with zero bytes.", setRange),
  row("incr", 2, GROW_FAST, "1.0.0", "Adds one to an integer; a missing key counts as 0.", incr),
  row("decr", 2, GROW_FAST, "1.0.0", "Subtracts one from an integer; a missing key counts as 0.", decr),
  row("incrby", 3, GROW_FAST, "1.0.0", "Adds to an integer; a missing key counts as 0.", incrBy),
  row("decrby", 3, GROW_FAST, "1.0.0", "Subtracts from an integer; a missing key counts as 0.", decrBy),
  row("incrbyfloat", 3, GROW_FAST, "2.6.0", "Adds to a floating point number; a missing key counts as 0.", incrByFloat),
];

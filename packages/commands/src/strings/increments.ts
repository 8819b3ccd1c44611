/** INCR and its kin, and the arithmetic that hashes share with them. */
import { TYPE_NONE, TYPE_STRING } from "@hearthkv/engine";
import { addLongDouble, INT64_MAX, INT64_MIN, isLongDouble, parseInt64, parseSafeInt } from "@hearthkv/resp";
import { isOrAbsent, latin1, lookupAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_STRING, notify } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

const INFINITE = /^[+-]?inf(?:inity)?$/i;
/** No number is longer: Redis copies a float's text into a buffer of 5 KB. */
const FLOAT_BYTES_MAX = 5 * 1024 - 1;

function incr(ctx: CommandContext): void {
  add(ctx, 1);
}

function decr(ctx: CommandContext): void {
  add(ctx, -1);
}

function incrBy(ctx: CommandContext): void {
  const r = ctx.request;
  const delta = parseSafeInt(r.buf, r.off[2], r.len[2]);
  if (!Number.isNaN(delta)) {
    add(ctx, delta);
    return;
  }
  const exact = bigArg(ctx, 2);
  if (exact !== null) addBig(ctx, exact);
}

function decrBy(ctx: CommandContext): void {
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
function incrByFloat(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const type = lookupAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const before = type === TYPE_NONE ? "0" : floatText(db.keys.valueBuf, db.keys.valueOff, db.keys.valueLen);
  const sum = addFloats(ctx, before, floatText(r.buf, r.off[2], r.len[2]), ERR.notFloat);
  if (sum === null) return;
  const bytes = Buffer.from(sum, "latin1");
  db.strings.set(r.buf, r.off[1], r.len[1], bytes, 0, bytes.length, type === TYPE_NONE ? 0 : db.keys.expireAt);
  notify(ctx, EVENT_STRING, "incrbyfloat", 1);
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
  if (Number.isNaN(value)) {
    addBig(ctx, BigInt(delta));
    return;
  }
  notify(ctx, EVENT_STRING, "incrby", 1);
  ctx.reply.int(value);
}

/** Values beyond 2^53, and what is no integer at all. */
function addBig(ctx: CommandContext, delta: bigint): void {
  const { request: r, db, reply } = ctx;
  if (!isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_STRING)) return;
  const value = db.strings.incrByBig(r.buf, r.off[1], r.len[1], delta);
  if (value === "notint") reply.error(ERR.notInteger);
  else if (value === "overflow") reply.error(ERR.overflow);
  else {
    notify(ctx, EVENT_STRING, "incrby", 1);
    reply.int(value);
  }
}

/** Bytes that may be a float, as text; "" for what is too long to be one and need not be copied. */
export function floatText(buf: Uint8Array, off: number, len: number): string {
  return len > FLOAT_BYTES_MAX ? "" : latin1(buf, off, len);
}

export const incrementCommands = family("string", [
  {
    name: "incr",
    arity: 2,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Adds one to an integer; a missing key counts as 0.",
    syntax: "@key",
    run: incr,
  },
  {
    name: "decr",
    arity: 2,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Subtracts one from an integer; a missing key counts as 0.",
    syntax: "@key",
    run: decr,
  },
  {
    name: "incrby",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Adds to an integer; a missing key counts as 0.",
    syntax: "@key increment:integer",
    run: incrBy,
  },
  {
    name: "decrby",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Subtracts from an integer; a missing key counts as 0.",
    syntax: "@key decrement:integer",
    run: decrBy,
  },
  {
    name: "incrbyfloat",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Adds to a floating point number; a missing key counts as 0.",
    syntax: "@key increment:double",
    run: incrByFloat,
  },
]);

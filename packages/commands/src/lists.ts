/** Lists. */
import { lengthAt, lengthBytes, SIDE_HEAD, SIDE_TAIL, TYPE_LIST, TYPE_NONE, WRONG_TYPE } from "@hearthkv/engine";
import { isLongDouble, parseFloat64 } from "@hearthkv/resp";
import {
  countArg,
  elements,
  elementsFit,
  intArg,
  isOrAbsent,
  lookupAt,
  lookupReadAt,
  wrongArity,
} from "./arguments.js";
import type { CommandContext, CommandFlag, CommandRow } from "./context.js";
import { ERR } from "./errors.js";
import { ALL_KEYS_BUT_LAST, GROW_FAST, READ, READ_FAST, rowMaker, WRITE_FAST } from "./rows.js";

/** 2^63 ms: what Redis can count to. */
const TIMEOUT_MS_LIMIT = 2 ** 63;

function lpush(ctx: CommandContext): void {
  push(ctx, SIDE_HEAD, false);
}

function rpush(ctx: CommandContext): void {
  push(ctx, SIDE_TAIL, false);
}

function lpushx(ctx: CommandContext): void {
  push(ctx, SIDE_HEAD, true);
}

function rpushx(ctx: CommandContext): void {
  push(ctx, SIDE_TAIL, true);
}

function push(ctx: CommandContext, side: number, onlyIfExists: boolean): void {
  const { request: r, db, reply } = ctx;
  if (onlyIfExists && lookupAt(ctx, 1) === TYPE_NONE) {
    reply.int(0);
    return;
  }
  const size = db.lists.push(r.buf, r.off[1], r.len[1], side, r.buf, r.off, r.len, 2, r.argc - 2);
  if (size === WRONG_TYPE) reply.error(ERR.wrongType);
  else reply.int(size);
}

function lpop(ctx: CommandContext): void {
  pop(ctx, SIDE_HEAD);
}

function rpop(ctx: CommandContext): void {
  pop(ctx, SIDE_TAIL);
}

function pop(ctx: CommandContext, side: number): void {
  const { argc } = ctx.request;
  if (argc > 3) {
    wrongArity(ctx);
    return;
  }
  if (argc === 3) popSeveral(ctx, side);
  else popOne(ctx, side);
}

function popOne(ctx: CommandContext, side: number): void {
  const { request: r, db, reply } = ctx;
  const popped = db.lists.pop(r.buf, r.off[1], r.len[1], side, 1, (buf, off, len) => reply.bulk(buf, off, len));
  if (popped === WRONG_TYPE) reply.error(ERR.wrongType);
  else if (popped === 0) reply.nil();
}

function popSeveral(ctx: CommandContext, side: number): void {
  const { request: r, db, reply } = ctx;
  const count = countArg(ctx, 2);
  if (Number.isNaN(count)) return;
  const type = lookupAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_LIST)) return;
  if (type === TYPE_NONE) {
    reply.nilArray();
    return;
  }
  reply.array(Math.min(count, db.found.size));
  db.lists.pop(r.buf, r.off[1], r.len[1], side, count, (buf, off, len) => reply.bulk(buf, off, len));
}

/** Looks the key up for reading: the list's length, 0 when there is none, -1 after an error reply. */
function readList(ctx: CommandContext): number {
  const type = lookupReadAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_LIST)) return -1;
  return type === TYPE_NONE ? 0 : ctx.db.found.size;
}

function llen(ctx: CommandContext): void {
  const size = readList(ctx);
  if (size >= 0) ctx.reply.int(size);
}

function lrange(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const first = intArg(ctx, 2);
  if (Number.isNaN(first)) return;
  const last = intArg(ctx, 3);
  if (Number.isNaN(last)) return;
  const size = readList(ctx);
  if (size < 0) return;
  const from = Math.max(0, first < 0 ? size + first : first);
  const to = Math.min(size, (last < 0 ? size + last : last) + 1);
  reply.array(Math.max(0, to - from));
  if (from >= to) return;
  if (db.found.isPacked) db.lists.range(from, to, (buf, off, len) => reply.bulk(buf, off, len));
  else db.lists.runs(from, to, (buf, start, end) => reply.bulkRun(buf, start, end, lengthAt, lengthBytes));
}

/** The index is read only when there is a list, as in Redis. */
function lindex(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const size = readList(ctx);
  if (size < 0) return;
  if (size === 0) {
    reply.nil();
    return;
  }
  const index = intArg(ctx, 2);
  if (Number.isNaN(index)) return;
  const position = index < 0 ? size + index : index;
  if (position < 0 || position >= size) reply.nil();
  else db.lists.range(position, position + 1, (buf, off, len) => reply.bulk(buf, off, len));
}

function blpop(ctx: CommandContext): void {
  popOrWait(ctx, SIDE_HEAD);
}

function brpop(ctx: CommandContext): void {
  popOrWait(ctx, SIDE_TAIL);
}

/** Pops from the first key that has a list; when none has, the host runs this again once one of them was written. */
function popOrWait(ctx: CommandContext, side: number): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 1)) return;
  const lastKey = r.argc - 2;
  const timeoutMs = timeoutArg(ctx, r.argc - 1);
  if (Number.isNaN(timeoutMs)) return;
  for (let i = 1; i <= lastKey; i++) {
    const type = lookupAt(ctx, i);
    if (!isOrAbsent(ctx, type, TYPE_LIST)) return;
    if (type === TYPE_NONE) continue;
    reply.array(2);
    reply.bulk(r.buf, r.off[i], r.len[i]);
    db.lists.pop(r.buf, r.off[i], r.len[i], side, 1, (buf, off, len) => reply.bulk(buf, off, len));
    return;
  }
  if (ctx.denyBlocking) reply.nilArray();
  else ctx.host.block(ctx, TYPE_LIST, elements(ctx, 1).slice(0, lastKey), timeoutMs);
}

/** Seconds as a decimal fraction; returns whole ms, rounded up, 0 = for ever. NaN after an error reply. */
function timeoutArg(ctx: CommandContext, i: number): number {
  const { request: r, reply } = ctx;
  const seconds = parseFloat64(r.buf, r.off[i], r.len[i]) ?? beyondDoubles(r.str(i));
  const ms = seconds === null ? 0 : Math.ceil(seconds * 1000);
  if (seconds === null) reply.error(ERR.timeoutNotFloat);
  else if (ms < 0) reply.error(ERR.timeoutNegative);
  else if (ms + ctx.keyspace.nowMs >= TIMEOUT_MS_LIMIT) reply.error(ERR.timeoutOutOfRange);
  else return ms;
  return Number.NaN;
}

/** A timeout may be a long double: one that is no double is as good as endless, or as the shortest that there is. Null when it is no number. */
function beyondDoubles(text: string): number | null {
  if (!isLongDouble(text)) return null;
  const value = Number(text);
  if (Number.isNaN(value)) return Number.POSITIVE_INFINITY;
  return value === 0 ? Number.MIN_VALUE : value;
}

const row = rowMaker("list");
const BLOCKING: readonly CommandFlag[] = ["write", "noscript", "blocking"];

export const listRows: readonly CommandRow[] = [
  row("lpush", -3, GROW_FAST, "1.0.0", "Pushes elements at the head of a list.", lpush),
  row("rpush", -3, GROW_FAST, "1.0.0", "Pushes elements at the tail of a list.", rpush),
  row("lpushx", -3, GROW_FAST, "2.2.0", "Pushes elements at the head of a list that exists.", lpushx),
  row("rpushx", -3, GROW_FAST, "2.2.0", "Pushes elements at the tail of a list that exists.", rpushx),
  row("lpop", -2, WRITE_FAST, "1.0.0", "Takes elements from the head of a list.", lpop),
  row("rpop", -2, WRITE_FAST, "1.0.0", "Takes elements from the tail of a list.", rpop),
  row("llen", 2, READ_FAST, "1.0.0", "Returns the length of a list.", llen),
  row("lrange", 4, READ, "1.0.0", "Returns the elements between two positions.", lrange),
  row("lindex", 3, READ, "1.0.0", "Returns the element at a position.", lindex),
  row(
    "blpop",
    -3,
    BLOCKING,
    "2.0.0",
    "Takes the head of the first list that has one, or waits.",
    blpop,
    ALL_KEYS_BUT_LAST,
  ),
  row(
    "brpop",
    -3,
    BLOCKING,
    "2.0.0",
    "Takes the tail of the first list that has one, or waits.",
    brpop,
    ALL_KEYS_BUT_LAST,
  ),
];

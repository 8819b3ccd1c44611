/** Lists. */
import { lengthAt, lengthBytes, SIDE_HEAD, SIDE_TAIL, TYPE_LIST, TYPE_NONE, WRONG_TYPE } from "@hearthkv/engine";
import {
  countArg,
  intArg,
  lookupAt,
  lookupReadAt,
  rangeFrom,
  rangeTo,
  sizeFound,
  wrongArity,
} from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_LIST, notify, notifyTaken } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

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
  if (size === WRONG_TYPE) {
    reply.error(ERR.wrongType);
    return;
  }
  notifyPushed(ctx, 1, side);
  reply.int(size);
}

/** Tells that the list at argument `i` has got elements at this side. */
export function notifyPushed(ctx: CommandContext, i: number, side: number): void {
  notify(ctx, EVENT_LIST, side === SIDE_HEAD ? "lpush" : "rpush", i);
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
  else notifyPopped(ctx, 1, side);
}

function popSeveral(ctx: CommandContext, side: number): void {
  const { request: r, db, reply } = ctx;
  const count = countArg(ctx, 2);
  if (Number.isNaN(count)) return;
  const size = sizeFound(ctx, lookupAt(ctx, 1), TYPE_LIST);
  if (size < 0) return;
  if (size === 0) {
    reply.nilArray();
    return;
  }
  reply.array(Math.min(count, size));
  if (count === 0) return;
  db.lists.pop(r.buf, r.off[1], r.len[1], side, count, (buf, off, len) => reply.bulk(buf, off, len));
  notifyPopped(ctx, 1, side);
}

/** Tells that the list at argument `i` has lost elements at this side. */
export function notifyPopped(ctx: CommandContext, i: number, side: number): void {
  notifyTaken(ctx, EVENT_LIST, side === SIDE_HEAD ? "lpop" : "rpop", i);
}

/** Looks the key up for reading: the list's length, 0 when there is none, -1 after an error reply. */
function readList(ctx: CommandContext): number {
  return sizeFound(ctx, lookupReadAt(ctx, 1), TYPE_LIST);
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
  const from = rangeFrom(first, size);
  const to = rangeTo(last, size);
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

export const listCommands = family("list", [
  {
    name: "lpush",
    arity: -3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW insert")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Pushes elements at the head of a list.",
    syntax: "@key element+",
    history: [["2.4.0", "takes several elements"]],
    run: lpush,
  },
  {
    name: "rpush",
    arity: -3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW insert")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Pushes elements at the tail of a list.",
    syntax: "@key element+",
    history: [["2.4.0", "takes several elements"]],
    run: rpush,
  },
  {
    name: "lpushx",
    arity: -3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW insert")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Pushes elements at the head of a list that exists.",
    syntax: "@key element+",
    history: [["4.0.0", "takes several elements"]],
    run: lpushx,
  },
  {
    name: "rpushx",
    arity: -3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW insert")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Pushes elements at the tail of a list that exists.",
    syntax: "@key element+",
    history: [["4.0.0", "takes several elements"]],
    run: rpushx,
  },
  {
    name: "lpop",
    arity: -2,
    flags: ["write", "fast"],
    keys: [key(1, "RW access delete")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Takes elements from the head of a list.",
    syntax: "@key count:integer?",
    history: [["6.2.0", "takes a count"]],
    run: lpop,
  },
  {
    name: "rpop",
    arity: -2,
    flags: ["write", "fast"],
    keys: [key(1, "RW access delete")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Takes elements from the tail of a list.",
    syntax: "@key count:integer?",
    history: [["6.2.0", "takes a count"]],
    run: rpop,
  },
  {
    name: "llen",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Counts the elements of a list.",
    syntax: "@key",
    run: llen,
  },
  {
    name: "lrange",
    arity: 4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "1.0.0",
    complexity: "O(S+N)",
    summary: "Returns the elements between two positions.",
    syntax: "@key start:integer stop:integer",
    run: lrange,
  },
  {
    name: "lindex",
    arity: 3,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Returns the element at a position.",
    syntax: "@key index:integer",
    run: lindex,
  },
]);

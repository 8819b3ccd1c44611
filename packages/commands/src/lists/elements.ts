/** Lists: what finds, changes or removes elements inside. */
import { SIDE_HEAD, SIDE_TAIL, TYPE_LIST, WRONG_TYPE } from "@hearthkv/engine";
import {
  intArg,
  intFromArg,
  lookupAt,
  lookupReadAt,
  rangeFrom,
  rangeTo,
  signedArg,
  sizeFound,
} from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_LIST, notify, notifyTaken } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

/** LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len] */
function lpos(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  let rank = 1;
  let count = -1;
  let longest = 0;
  for (let i = 3; i < r.argc; i += 2) {
    if (i + 1 === r.argc) {
      reply.error(ERR.syntax);
      return;
    }
    let value = 0;
    if (r.is(i, "rank")) {
      rank = signedArg(ctx, i + 1);
      value = rank;
      if (rank === 0) {
        reply.error(ERR.rankZero);
        return;
      }
    } else if (r.is(i, "count")) {
      count = intFromArg(ctx, i + 1, 0, ERR.countNegative);
      value = count;
    } else if (r.is(i, "maxlen")) {
      longest = intFromArg(ctx, i + 1, 0, ERR.maxLenNegative);
      value = longest;
    } else {
      reply.error(ERR.syntax);
      return;
    }
    if (Number.isNaN(value)) return;
  }
  const size = sizeFound(ctx, lookupReadAt(ctx, 1), TYPE_LIST);
  if (size < 0) return;
  const looked = longest === 0 ? size : Math.min(size, longest);
  const fromTail = rank < 0;
  const from = fromTail ? size - looked : 0;
  const positions: number[] = [];
  const wanted = count < 0 ? 1 : count === 0 ? size : count;
  let skip = Math.abs(rank) - 1;
  if (size > 0) {
    db.lists.eachEqual(r.buf, r.off[2], r.len[2], from, from + looked, fromTail, (position) => {
      if (skip-- > 0) return true;
      return positions.push(position) < wanted;
    });
  }
  if (count >= 0) {
    reply.array(positions.length);
    for (const position of positions) reply.int(position);
  } else if (positions.length === 0) reply.nil();
  else reply.int(positions[0]);
}

/** LSET key index element. The index is read only when there is a list, as in Redis. */
function lset(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const size = sizeFound(ctx, lookupAt(ctx, 1), TYPE_LIST);
  if (size < 0) return;
  if (size === 0) {
    reply.error(ERR.noSuchKey);
    return;
  }
  const index = intArg(ctx, 2);
  if (Number.isNaN(index)) return;
  const position = index < 0 ? size + index : index;
  if (position >= 0 && db.lists.set(r.buf, r.off[1], r.len[1], position, r.buf, r.off[3], r.len[3])) {
    notify(ctx, EVENT_LIST, "lset", 1);
    reply.ok();
  } else reply.error(ERR.indexOutOfRange);
}

/** LINSERT key BEFORE | AFTER pivot element */
function linsert(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const after = r.is(2, "after");
  if (!after && !r.is(2, "before")) {
    reply.error(ERR.syntax);
    return;
  }
  const size = sizeFound(ctx, lookupAt(ctx, 1), TYPE_LIST);
  if (size < 0) return;
  if (size === 0) {
    reply.int(0);
    return;
  }
  let pivot = -1;
  db.lists.eachEqual(r.buf, r.off[3], r.len[3], 0, size, false, (position) => {
    pivot = position;
    return false;
  });
  if (pivot < 0) {
    reply.int(-1);
    return;
  }
  db.lists.insert(r.buf, r.off[1], r.len[1], after ? pivot + 1 : pivot, r.buf, r.off[4], r.len[4]);
  notify(ctx, EVENT_LIST, "linsert", 1);
  reply.int(size + 1);
}

/** LREM key count element: the first so many, a negative count means the last so many, 0 all. */
function lrem(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const count = signedArg(ctx, 2);
  if (Number.isNaN(count)) return;
  const side = count < 0 ? SIDE_TAIL : SIDE_HEAD;
  const limit = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count);
  const removed = db.lists.remove(r.buf, r.off[1], r.len[1], side, limit, r.buf, r.off[3], r.len[3]);
  if (removed > 0) notifyTaken(ctx, EVENT_LIST, "lrem", 1);
  if (removed === WRONG_TYPE) reply.error(ERR.wrongType);
  else reply.int(removed);
}

/** LTRIM key start stop */
function ltrim(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const first = intArg(ctx, 2);
  if (Number.isNaN(first)) return;
  const last = intArg(ctx, 3);
  if (Number.isNaN(last)) return;
  const size = sizeFound(ctx, lookupAt(ctx, 1), TYPE_LIST);
  if (size < 0) return;
  if (size > 0) {
    db.lists.trim(r.buf, r.off[1], r.len[1], rangeFrom(first, size), rangeTo(last, size));
    notifyTaken(ctx, EVENT_LIST, "ltrim", 1);
  }
  reply.ok();
}

export const listElementCommands = family("list", [
  {
    name: "lpos",
    arity: -3,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "6.0.6",
    complexity: "O(N)",
    summary: "Returns the positions of elements that equal a value.",
    syntax: "@key element RANK=rank:integer? COUNT=num-matches:integer? MAXLEN=len:integer?",
    run: lpos,
  },
  {
    name: "lset",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW update")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Overwrites the element at a position.",
    syntax: "@key index:integer element",
    run: lset,
  },
  {
    name: "linsert",
    arity: 5,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW insert")],
    since: "2.2.0",
    complexity: "O(N)",
    summary: "Inserts an element before or behind the first that equals another.",
    syntax: "@key <where: BEFORE | AFTER> pivot element",
    run: linsert,
  },
  {
    name: "lrem",
    arity: 4,
    flags: ["write"],
    keys: [key(1, "RW delete")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Removes elements that equal a value, from the head or the tail on.",
    syntax: "@key count:integer element",
    run: lrem,
  },
  {
    name: "ltrim",
    arity: 4,
    flags: ["write"],
    keys: [key(1, "RW delete")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Keeps the elements between two positions and removes the others.",
    syntax: "@key start:integer stop:integer",
    run: ltrim,
  },
]);

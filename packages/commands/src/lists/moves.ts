/** Lists: elements that go from one list to another, and pops from the first of several lists. */
import { SIDE_HEAD, SIDE_TAIL, TYPE_LIST, TYPE_NONE } from "@hearthkv/engine";
import { intFromArg, isOrAbsent, lookupAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";
import { countedKeys, key } from "../table/keys.js";
import { notifyPopped, notifyPushed } from "./lists.js";

/** LMOVE source destination LEFT | RIGHT LEFT | RIGHT */
function lmove(ctx: CommandContext): void {
  const from = sideArg(ctx, 3);
  const to = sideArg(ctx, 4);
  if (from < 0 || to < 0) ctx.reply.error(ERR.syntax);
  else move(ctx, from, to);
}

/** RPOPLPUSH source destination */
function rpoplpush(ctx: CommandContext): void {
  move(ctx, SIDE_TAIL, SIDE_HEAD);
}

/** A target of another type matters only when there is something to move. */
function move(ctx: CommandContext, from: number, to: number): void {
  const { request: r, db, reply } = ctx;
  const type = lookupAt(ctx, 1);
  if (type === TYPE_NONE) reply.nil();
  else if (isOrAbsent(ctx, type, TYPE_LIST) && isOrAbsent(ctx, lookupAt(ctx, 2), TYPE_LIST)) {
    const visit = (buf: Uint8Array, off: number, len: number) => reply.bulk(buf, off, len);
    db.lists.move(r.buf, r.off[1], r.len[1], from, r.off[2], r.len[2], to, visit);
    // The push comes first, as in Redis.
    notifyPushed(ctx, 2, to);
    notifyPopped(ctx, 1, from);
  }
}

/** LEFT or RIGHT; -1 where it is neither. */
function sideArg({ request: r }: CommandContext, i: number): number {
  if (r.is(i, "left")) return SIDE_HEAD;
  return r.is(i, "right") ? SIDE_TAIL : -1;
}

/** LMPOP numkeys key [key ...] LEFT | RIGHT [COUNT count] */
function lmpop(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const keys = intFromArg(ctx, 1, 1, ERR.numKeysNotPositive);
  if (Number.isNaN(keys)) return;
  const sideAt = 2 + keys;
  const side = sideAt < r.argc ? sideArg(ctx, sideAt) : -1;
  const hasCount = r.argc === sideAt + 3 && r.is(sideAt + 1, "count");
  if (side < 0 || (r.argc > sideAt + 1 && !hasCount)) {
    reply.error(ERR.syntax);
    return;
  }
  const count = hasCount ? intFromArg(ctx, sideAt + 2, 1, ERR.countNotPositive) : 1;
  if (Number.isNaN(count)) return;
  for (let i = 2; i < sideAt; i++) {
    const type = lookupAt(ctx, i);
    if (!isOrAbsent(ctx, type, TYPE_LIST)) return;
    if (type === TYPE_NONE) continue;
    reply.array(2);
    reply.bulk(r.buf, r.off[i], r.len[i]);
    reply.array(Math.min(count, db.found.size));
    db.lists.pop(r.buf, r.off[i], r.len[i], side, count, (buf, off, len) => reply.bulk(buf, off, len));
    notifyPopped(ctx, i, side);
    return;
  }
  reply.nilArray();
}

export const listMoveCommands = family("list", [
  {
    name: "lmove",
    arity: 5,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW access delete"), key(2, "RW insert")],
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Takes an element from one side of a list and pushes it to a side of another.",
    syntax: "@source @destination/1 <wherefrom: LEFT | RIGHT> <whereto: LEFT | RIGHT>",
    run: lmove,
  },
  {
    name: "rpoplpush",
    arity: 3,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW access delete"), key(2, "RW insert")],
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Takes the tail of a list and pushes it at the head of another.",
    syntax: "@source @destination/1",
    deprecated: { since: "6.2.0", replacedBy: "`LMOVE` with the `RIGHT` and `LEFT` arguments" },
    run: rpoplpush,
  },
  {
    name: "lmpop",
    arity: -4,
    flags: ["write", "movablekeys"],
    keys: [countedKeys(1, "RW access delete")],
    since: "7.0.0",
    complexity: "O(N+M)",
    summary: "Takes elements from the first of several lists that has some.",
    syntax: "numkeys:integer @key+ <where: LEFT | RIGHT> COUNT=count:integer?",
    run: lmpop,
  },
]);

/** Lists: elements that go from one list to another, and pops from the first of several lists. */
import { SIDE_HEAD, SIDE_TAIL, TYPE_LIST, TYPE_NONE } from "@hearthkv/engine";
import { isOrAbsent, lookupAt } from "../arguments/arguments.js";
import { type Popper, popCounted } from "../arguments/first-pop.js";
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
  else if (!moveElement(ctx, from, to)) ctx.reply.nil();
}

/** RPOPLPUSH source destination */
function rpoplpush(ctx: CommandContext): void {
  if (!moveElement(ctx, SIDE_TAIL, SIDE_HEAD)) ctx.reply.nil();
}

/** Moves an element from the list at argument 1 to that at 2 and replies it, or that one of them is no list; false when there is no source. */
export function moveElement(ctx: CommandContext, from: number, to: number): boolean {
  const { request: r, db, reply } = ctx;
  const type = lookupAt(ctx, 1);
  if (type === TYPE_NONE) return false;
  // A target of another type matters only when there is something to move.
  if (isOrAbsent(ctx, type, TYPE_LIST) && isOrAbsent(ctx, lookupAt(ctx, 2), TYPE_LIST)) {
    const visit = (buf: Uint8Array, off: number, len: number) => reply.bulk(buf, off, len);
    db.lists.move(r.buf, r.off[1], r.len[1], from, r.off[2], r.len[2], to, visit);
    // The push comes first, as in Redis.
    notifyPushed(ctx, 2, to);
    notifyPopped(ctx, 1, from);
  }
  return true;
}

/** LEFT or RIGHT; -1 where it is neither. */
export function sideArg({ request: r }: CommandContext, i: number): number {
  if (r.is(i, "left")) return SIDE_HEAD;
  return r.is(i, "right") ? SIDE_TAIL : -1;
}

/** How LMPOP, BLPOP and their kin pop. */
export const listPopper: Popper = {
  type: TYPE_LIST,
  ends: ["left", "right"],
  width: 1,
  pop(ctx, i, count, { fromLast }) {
    const { request: r, db, reply } = ctx;
    const side = fromLast ? SIDE_TAIL : SIDE_HEAD;
    db.lists.pop(r.buf, r.off[i], r.len[i], side, count, (buf, off, len) => reply.bulk(buf, off, len));
    notifyPopped(ctx, i, side);
  },
};

/** LMPOP numkeys key [key ...] LEFT | RIGHT [COUNT count] */
function lmpop(ctx: CommandContext): void {
  popCounted(ctx, listPopper);
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

/** List commands that wait for an element. */
import { SIDE_HEAD, SIDE_TAIL, TYPE_LIST, TYPE_NONE } from "@hearthkv/engine";
import { elements, elementsFit, isOrAbsent, lookupAt } from "../arguments/arguments.js";
import { timeoutArg } from "../arguments/timeout.js";
import type { CommandContext } from "../context.js";
import { family } from "../table/declare.js";
import { keyRange } from "../table/keys.js";
import { notifyPopped } from "./lists.js";

function blpop(ctx: CommandContext): void {
  popOrWait(ctx, SIDE_HEAD);
}

function brpop(ctx: CommandContext): void {
  popOrWait(ctx, SIDE_TAIL);
}

function popOrWait(ctx: CommandContext, side: number): void {
  if (!elementsFit(ctx, 1)) return;
  const lastKey = ctx.request.argc - 2;
  const timeoutMs = timeoutArg(ctx, lastKey + 1);
  if (Number.isNaN(timeoutMs)) return;
  for (let i = 1; i <= lastKey; i++) {
    const type = lookupAt(ctx, i);
    if (!isOrAbsent(ctx, type, TYPE_LIST)) return;
    if (type !== TYPE_NONE) {
      popFrom(ctx, i, side);
      return;
    }
  }
  ctx.host.block(ctx, {
    type: TYPE_LIST,
    keys: elements(ctx, 1).slice(0, lastKey),
    timeoutMs,
    retry: (again) => popFirst(again, lastKey, side),
    over: (reply) => reply.nilArray(),
  });
}

/** Pops from the first key that has a list; false when none has. */
function popFirst(ctx: CommandContext, lastKey: number, side: number): boolean {
  for (let i = 1; i <= lastKey; i++) {
    if (lookupAt(ctx, i) !== TYPE_LIST) continue;
    popFrom(ctx, i, side);
    return true;
  }
  return false;
}

function popFrom(ctx: CommandContext, i: number, side: number): void {
  const { request: r, db, reply } = ctx;
  reply.array(2);
  reply.bulk(r.buf, r.off[i], r.len[i]);
  db.lists.pop(r.buf, r.off[i], r.len[i], side, 1, (buf, off, len) => reply.bulk(buf, off, len));
  notifyPopped(ctx, i, side);
}

export const blockingListCommands = family("list", [
  {
    name: "blpop",
    arity: -3,
    flags: ["write", "noscript", "blocking"],
    keys: [keyRange(1, -2, "RW access delete")],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Takes the head of the first list that has one, or waits.",
    syntax: "@key+ timeout:double",
    history: [["6.0.0", "the timeout may have decimals"]],
    run: blpop,
  },
  {
    name: "brpop",
    arity: -3,
    flags: ["write", "noscript", "blocking"],
    keys: [keyRange(1, -2, "RW access delete")],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Takes the tail of the first list that has one, or waits.",
    syntax: "@key+ timeout:double",
    history: [["6.0.0", "the timeout may have decimals"]],
    run: brpop,
  },
]);

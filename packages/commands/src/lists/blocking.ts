/** List commands that wait for an element. */
import { SIDE_HEAD, SIDE_TAIL, TYPE_LIST } from "@hearthkv/engine";
import { elementsFit } from "../arguments/arguments.js";
import { popCountedOrWait, popOneOrWait } from "../arguments/first-pop.js";
import { timeoutArg } from "../arguments/timeout.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";
import { countedKeys, key, keyRange } from "../table/keys.js";
import { listPopper, moveElement, sideArg } from "./moves.js";

/** BLPOP key [key ...] timeout */
function blpop(ctx: CommandContext): void {
  popOneOrWait(ctx, listPopper, false);
}

/** BRPOP key [key ...] timeout */
function brpop(ctx: CommandContext): void {
  popOneOrWait(ctx, listPopper, true);
}

/** BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout */
function blmove(ctx: CommandContext): void {
  const from = sideArg(ctx, 3);
  const to = sideArg(ctx, 4);
  if (from < 0 || to < 0) ctx.reply.error(ERR.syntax);
  else moveOrWait(ctx, from, to);
}

/** BRPOPLPUSH source destination timeout */
function brpoplpush(ctx: CommandContext): void {
  moveOrWait(ctx, SIDE_TAIL, SIDE_HEAD);
}

function moveOrWait(ctx: CommandContext, from: number, to: number): void {
  if (!elementsFit(ctx, 1)) return;
  const timeoutMs = timeoutArg(ctx, ctx.request.argc - 1);
  if (Number.isNaN(timeoutMs) || moveElement(ctx, from, to)) return;
  // As Redis: the null where nothing may wait is that of LMOVE, that of a time that is up is an array's.
  if (ctx.denyBlocking) {
    ctx.reply.nil();
    return;
  }
  ctx.host.block(ctx, {
    type: TYPE_LIST,
    keys: [ctx.request.str(1)],
    timeoutMs,
    retry: (again) => moveElement(again, from, to),
    over: (reply) => reply.nilArray(),
  });
}

/** BLMPOP timeout numkeys key [key ...] LEFT | RIGHT [COUNT count] */
function blmpop(ctx: CommandContext): void {
  popCountedOrWait(ctx, listPopper);
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
  {
    name: "blmove",
    arity: 6,
    flags: ["write", "denyoom", "noscript", "blocking"],
    keys: [key(1, "RW access delete"), key(2, "RW insert")],
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Moves an element from one list to another, or waits for one.",
    syntax: "@source @destination/1 <wherefrom: LEFT | RIGHT> <whereto: LEFT | RIGHT> timeout:double",
    run: blmove,
  },
  {
    name: "brpoplpush",
    arity: 4,
    flags: ["write", "denyoom", "noscript", "blocking"],
    keys: [key(1, "RW access delete"), key(2, "RW insert")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Moves the tail of a list to the head of another, or waits for one.",
    syntax: "@source @destination/1 timeout:double",
    history: [["6.0.0", "the timeout may have decimals"]],
    deprecated: { since: "6.2.0", replacedBy: "`BLMOVE` with the `RIGHT` and `LEFT` arguments" },
    run: brpoplpush,
  },
  {
    name: "blmpop",
    arity: -5,
    flags: ["write", "blocking", "movablekeys"],
    keys: [countedKeys(2, "RW access delete")],
    since: "7.0.0",
    complexity: "O(N+M)",
    summary: "Takes elements from the first of several lists that has some, or waits.",
    syntax: "timeout:double numkeys:integer @key+ <where: LEFT | RIGHT> COUNT=count:integer?",
    run: blmpop,
  },
]);

/** Sorted sets: pops from the first of several, and pops that wait. */
import { TYPE_NONE, TYPE_ZSET } from "@hearthkv/engine";
import { elements, elementsFit, intFromArg, isOrAbsent, lookupAt, popCountArg } from "../arguments/arguments.js";
import { timeoutArg } from "../arguments/timeout.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_ZSET, notifyTaken } from "../events.js";
import { family } from "../table/declare.js";
import { countedKeys, keyRange } from "../table/keys.js";

/** What is asked for: up to `count` members of the first sorted set among arguments [firstKey, endKey). */
interface ZsetPop {
  readonly firstKey: number;
  readonly endKey: number;
  readonly fromTop: boolean;
  readonly count: number;
  /** ZMPOP's reply has an array of pairs behind the key, in RESP2, too; BZPOPMIN's the one pair as it is. */
  readonly isNested: boolean;
}

/** ZMPOP numkeys key [key ...] MIN | MAX [COUNT count] */
function zmpop(ctx: CommandContext): void {
  const pop = zsetPopArgs(ctx, 1);
  if (pop !== null && !popMembers(ctx, pop)) ctx.reply.nilArray();
}

/** BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count] */
function bzmpop(ctx: CommandContext): void {
  if (!elementsFit(ctx, 1)) return;
  const pop = zsetPopArgs(ctx, 2);
  if (pop !== null) popOrWait(ctx, pop, 1);
}

/** BZPOPMIN key [key ...] timeout */
function bzpopMin(ctx: CommandContext): void {
  popOneOrWait(ctx, false);
}

/** BZPOPMAX key [key ...] timeout */
function bzpopMax(ctx: CommandContext): void {
  popOneOrWait(ctx, true);
}

function popOneOrWait(ctx: CommandContext, fromTop: boolean): void {
  const timeoutAt = ctx.request.argc - 1;
  if (elementsFit(ctx, 1))
    popOrWait(ctx, { firstKey: 1, endKey: timeoutAt, fromTop, count: 1, isNested: false }, timeoutAt);
}

function popOrWait(ctx: CommandContext, pop: ZsetPop, timeoutAt: number): void {
  const timeoutMs = timeoutArg(ctx, timeoutAt);
  if (Number.isNaN(timeoutMs) || popMembers(ctx, pop)) return;
  ctx.host.block(ctx, {
    type: TYPE_ZSET,
    keys: elements(ctx, pop.firstKey).slice(0, pop.endKey - pop.firstKey),
    timeoutMs,
    retry: (again) => popMembers(again, pop),
    over: (reply) => reply.nilArray(),
  });
}

/** numkeys at argument `at`, and what is behind it. Null after an error reply. */
function zsetPopArgs(ctx: CommandContext, at: number): ZsetPop | null {
  const { request: r, reply } = ctx;
  const keys = intFromArg(ctx, at, 1, ERR.numKeysNotPositive);
  if (Number.isNaN(keys)) return null;
  const firstKey = at + 1;
  const endKey = firstKey + keys;
  const fromTop = endKey < r.argc && r.is(endKey, "max");
  if (!fromTop && !(endKey < r.argc && r.is(endKey, "min"))) {
    reply.error(ERR.syntax);
    return null;
  }
  const count = popCountArg(ctx, endKey + 1);
  return Number.isNaN(count) ? null : { firstKey, endKey, fromTop, count, isNested: true };
}

/** Replies what is asked for, or that a key before it holds no sorted set; false when no key has anything. */
function popMembers(ctx: CommandContext, { firstKey, endKey, fromTop, count, isNested }: ZsetPop): boolean {
  const { request: r, db, reply } = ctx;
  for (let i = firstKey; i < endKey; i++) {
    const type = lookupAt(ctx, i);
    if (!isOrAbsent(ctx, type, TYPE_ZSET)) return true;
    if (type === TYPE_NONE) continue;
    const { size } = db.found;
    const popped = Math.min(count, size);
    const from = fromTop ? size - popped : 0;
    reply.array(isNested ? 2 : 3);
    reply.bulk(r.buf, r.off[i], r.len[i]);
    if (isNested) reply.array(popped);
    db.zsets.popRanks(r.buf, r.off[i], r.len[i], from, from + popped, fromTop, (buf, off, len, score) => {
      if (isNested) reply.array(2);
      reply.bulk(buf, off, len);
      reply.double(score);
    });
    notifyTaken(ctx, EVENT_ZSET, fromTop ? "zpopmax" : "zpopmin", i);
    return true;
  }
  return false;
}

export const zsetPopCommands = family("sorted-set", [
  {
    name: "zmpop",
    arity: -4,
    flags: ["write", "movablekeys"],
    keys: [countedKeys(1, "RW access delete")],
    since: "7.0.0",
    complexity: "O(K)+O(M*log(N))",
    summary: "Takes members from the first of several sorted sets that has some.",
    syntax: "numkeys:integer @key+ <where: MIN | MAX> COUNT=count:integer?",
    run: zmpop,
  },
  {
    name: "bzmpop",
    arity: -5,
    flags: ["write", "blocking", "movablekeys"],
    keys: [countedKeys(2, "RW access delete")],
    since: "7.0.0",
    complexity: "O(K)+O(M*log(N))",
    summary: "Takes members from the first of several sorted sets that has some, or waits.",
    syntax: "timeout:double numkeys:integer @key+ <where: MIN | MAX> COUNT=count:integer?",
    run: bzmpop,
  },
  {
    name: "bzpopmin",
    arity: -3,
    flags: ["write", "noscript", "blocking", "fast"],
    keys: [keyRange(1, -2, "RW access delete")],
    since: "5.0.0",
    complexity: "O(log(N))",
    summary: "Takes the lowest member of the first sorted set that has one, or waits.",
    syntax: "@key+ timeout:double",
    history: [["6.0.0", "the timeout may have decimals"]],
    run: bzpopMin,
  },
  {
    name: "bzpopmax",
    arity: -3,
    flags: ["write", "noscript", "blocking", "fast"],
    keys: [keyRange(1, -2, "RW access delete")],
    since: "5.0.0",
    complexity: "O(log(N))",
    summary: "Takes the highest member of the first sorted set that has one, or waits.",
    syntax: "@key+ timeout:double",
    history: [["6.0.0", "the timeout may have decimals"]],
    run: bzpopMax,
  },
]);

/** Sorted sets: pops from the first of several, and pops that wait. */
import { TYPE_ZSET } from "@hearthkv/engine";
import { type Popper, popCounted, popCountedOrWait, popOneOrWait } from "../arguments/first-pop.js";
import type { CommandContext } from "../context.js";
import { EVENT_ZSET, notifyTaken } from "../events.js";
import { family } from "../table/declare.js";
import { countedKeys, keyRange } from "../table/keys.js";

const zsetPopper: Popper = {
  type: TYPE_ZSET,
  ends: ["min", "max"],
  width: 2,
  pop(ctx, i, count, { fromLast, isNested }) {
    const { request: r, db, reply } = ctx;
    const from = fromLast ? db.found.size - count : 0;
    db.zsets.popRanks(r.buf, r.off[i], r.len[i], from, from + count, fromLast, (buf, off, len, score) => {
      // In RESP2, too.
      if (isNested) reply.array(2);
      reply.bulk(buf, off, len);
      reply.double(score);
    });
    notifyTaken(ctx, EVENT_ZSET, fromLast ? "zpopmax" : "zpopmin", i);
  },
};

/** ZMPOP numkeys key [key ...] MIN | MAX [COUNT count] */
function zmpop(ctx: CommandContext): void {
  popCounted(ctx, zsetPopper);
}

/** BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count] */
function bzmpop(ctx: CommandContext): void {
  popCountedOrWait(ctx, zsetPopper);
}

/** BZPOPMIN key [key ...] timeout */
function bzpopMin(ctx: CommandContext): void {
  popOneOrWait(ctx, zsetPopper, false);
}

/** BZPOPMAX key [key ...] timeout */
function bzpopMax(ctx: CommandContext): void {
  popOneOrWait(ctx, zsetPopper, true);
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

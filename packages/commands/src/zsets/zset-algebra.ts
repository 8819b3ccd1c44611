/** Intersections, unions and differences of sorted sets; sets count as sorted sets with scores of 1. */
import {
  type Aggregate,
  type BuiltZset,
  higherScore,
  lowerScore,
  type MemberSource,
  sumOfScores,
  TYPE_NONE,
} from "@hearthkv/engine";
import { doubleArg, intArg, intFromArg, lookupAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR, noInputKey } from "../errors.js";
import { EVENT_ZSET, notifyStored } from "../events.js";
import { family } from "../table/declare.js";
import { countedKeys, key } from "../table/keys.js";

type Kind = "union" | "intersection" | "difference";

/** What a command asks for behind its keys. */
interface Options {
  aggregate: Aggregate;
  /** AGGREGATE COUNT. */
  countsOnly: boolean;
  withScores: boolean;
  limit: number;
}

/** Which options a command has: Redis looks for each of them only there. */
interface Allowed {
  readonly weights: boolean;
  readonly scores: boolean;
  readonly limit: boolean;
}

/** ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT] [WITHSCORES] */
function zunion(ctx: CommandContext): void {
  replyCombined(ctx, "union");
}

/** ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT] [WITHSCORES] */
function zinter(ctx: CommandContext): void {
  replyCombined(ctx, "intersection");
}

/** ZDIFF numkeys key [key ...] [WITHSCORES] */
function zdiff(ctx: CommandContext): void {
  replyCombined(ctx, "difference");
}

/** ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT] */
function zunionStore(ctx: CommandContext): void {
  storeCombined(ctx, "union");
}

/** ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT] */
function zinterStore(ctx: CommandContext): void {
  storeCombined(ctx, "intersection");
}

/** ZDIFFSTORE destination numkeys key [key ...] */
function zdiffStore(ctx: CommandContext): void {
  storeCombined(ctx, "difference");
}

/** ZINTERCARD numkeys key [key ...] [LIMIT limit] */
function zinterCard(ctx: CommandContext): void {
  const sources = sourcesFrom(ctx, 1);
  if (sources === null) return;
  const options = optionsBehind(ctx, 2 + sources.length, sources, { weights: false, scores: false, limit: true });
  if (options === null) return;
  const limit = options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
  let count = 0;
  ctx.db.algebra.intersect(sources, sumOfScores, () => ++count < limit);
  ctx.reply.int(count);
}

function replyCombined(ctx: CommandContext, kind: Kind): void {
  const sources = sourcesFrom(ctx, 1);
  if (sources === null) return;
  const weights = kind !== "difference";
  const options = optionsBehind(ctx, 2 + sources.length, sources, { weights, scores: true, limit: false });
  if (options === null) return;
  const built = combined(ctx, kind, sources, options, true);
  try {
    replyScored(ctx, built, options.withScores);
  } finally {
    built.free();
  }
}

function storeCombined(ctx: CommandContext, kind: Kind): void {
  const { request: r, db, reply } = ctx;
  const sources = sourcesFrom(ctx, 2);
  if (sources === null) return;
  const weights = kind !== "difference";
  const options = optionsBehind(ctx, 3 + sources.length, sources, { weights, scores: false, limit: false });
  if (options === null) return;
  const built = combined(ctx, kind, sources, options, false);
  const { size } = built;
  const existed = lookupAt(ctx, 1) !== TYPE_NONE;
  db.put(r.buf, r.off[1], r.len[1], built);
  notifyStored(ctx, EVENT_ZSET, 1, size, existed);
  reply.int(size);
}

function combined(
  { db }: CommandContext,
  kind: Kind,
  sources: readonly MemberSource[],
  { aggregate, countsOnly }: Options,
  keepsSign: boolean,
): BuiltZset {
  const { algebra } = db;
  for (const source of sources) source.countsOnly = countsOnly;
  if (kind === "union") return algebra.uniteScores(sources, aggregate, keepsSign);
  if (kind === "difference") return algebra.collectScores((visit) => algebra.subtract(sources, visit), keepsSign);
  return algebra.collectScores((visit) => algebra.intersect(sources, aggregate, visit), keepsSign);
}

function replyScored({ reply }: CommandContext, built: BuiltZset, withScores: boolean): void {
  const nested = withScores && reply.proto === 3;
  reply.array(withScores && !nested ? 2 * built.size : built.size);
  built.each((buf, off, len, score) => {
    if (nested) reply.array(2);
    reply.bulk(buf, off, len);
    if (withScores) reply.double(score);
  });
}

/** What the keys hold whose number stands at argument `at`; null after an error reply. */
function sourcesFrom(ctx: CommandContext, at: number): MemberSource[] | null {
  const { request: r, db, reply } = ctx;
  const keys = intArg(ctx, at);
  if (Number.isNaN(keys)) return null;
  if (keys < 1) reply.error(noInputKey(ctx.row.name));
  else if (keys > r.argc - at - 1) reply.error(ERR.syntax);
  else {
    const sources = db.algebra.sources(r.buf, r.off, r.len, at + 1, keys, true);
    if (sources === null) reply.error(ERR.wrongType);
    return sources;
  }
  return null;
}

const AGGREGATES = [
  ["sum", sumOfScores],
  ["min", lowerScore],
  ["max", higherScore],
  ["count", sumOfScores],
] as const;

/** The options from argument `first` on; weights go to the sources. Null after an error reply. */
function optionsBehind(
  ctx: CommandContext,
  first: number,
  sources: readonly MemberSource[],
  allowed: Allowed,
): Options | null {
  const { request: r, reply } = ctx;
  const options: Options = { aggregate: sumOfScores, countsOnly: false, withScores: false, limit: 0 };
  for (let i = first; i < r.argc; i++) {
    const behind = r.argc - i - 1;
    if (allowed.weights && behind >= sources.length && r.is(i, "weights")) {
      for (const source of sources) {
        source.weight = doubleArg(ctx, ++i, ERR.weightNotFloat);
        if (Number.isNaN(source.weight)) return null;
      }
    } else if (allowed.weights && behind >= 1 && r.is(i, "aggregate")) {
      i++;
      const chosen = AGGREGATES.find(([name]) => r.is(i, name));
      if (chosen === undefined) {
        reply.error(ERR.syntax);
        return null;
      }
      options.aggregate = chosen[1];
      options.countsOnly = chosen[0] === "count";
    } else if (allowed.scores && r.is(i, "withscores")) options.withScores = true;
    else if (allowed.limit && behind >= 1 && r.is(i, "limit")) {
      options.limit = intFromArg(ctx, ++i, 0, ERR.limitNegative);
      if (Number.isNaN(options.limit)) return null;
    } else {
      reply.error(ERR.syntax);
      return null;
    }
  }
  return options;
}

const WEIGHTS = "WEIGHTS=weight:integer+? AGGREGATE=<aggregate: SUM | MIN | MAX | COUNT>?";
const COUNT_HISTORY = [["8.8.0", "AGGREGATE COUNT"]] as const;

export const zsetAlgebraCommands = family("sorted-set", [
  {
    name: "zunion",
    arity: -3,
    flags: ["readonly", "movablekeys"],
    keys: [countedKeys(1, "RO access")],
    since: "6.2.0",
    complexity: "O(N)+O(M*log(M))",
    summary: "Returns the members of all of several sorted sets.",
    syntax: `numkeys:integer @key+ ${WEIGHTS} WITHSCORES?`,
    history: COUNT_HISTORY,
    run: zunion,
  },
  {
    name: "zinter",
    arity: -3,
    flags: ["readonly", "movablekeys"],
    keys: [countedKeys(1, "RO access")],
    since: "6.2.0",
    complexity: "O(N*K)+O(M*log(M))",
    summary: "Returns the members that are in all of several sorted sets.",
    syntax: `numkeys:integer @key+ ${WEIGHTS} WITHSCORES?`,
    history: COUNT_HISTORY,
    run: zinter,
  },
  {
    name: "zdiff",
    arity: -3,
    flags: ["readonly", "movablekeys"],
    keys: [countedKeys(1, "RO access")],
    since: "6.2.0",
    complexity: "O(L + (N-K)log(N))",
    summary: "Returns the members of a sorted set that are in none of others.",
    syntax: "numkeys:integer @key+ WITHSCORES?",
    run: zdiff,
  },
  {
    name: "zunionstore",
    arity: -4,
    flags: ["write", "denyoom", "movablekeys"],
    keys: [key(1, "OW update"), countedKeys(2, "RO access")],
    since: "2.0.0",
    complexity: "O(N)+O(M*log(M))",
    summary: "Stores the members of all of several sorted sets.",
    syntax: `@destination numkeys:integer @key/1+ ${WEIGHTS}`,
    history: COUNT_HISTORY,
    run: zunionStore,
  },
  {
    name: "zinterstore",
    arity: -4,
    flags: ["write", "denyoom", "movablekeys"],
    keys: [key(1, "OW update"), countedKeys(2, "RO access")],
    since: "2.0.0",
    complexity: "O(N*K)+O(M*log(M))",
    summary: "Stores the members that are in all of several sorted sets.",
    syntax: `@destination numkeys:integer @key/1+ ${WEIGHTS}`,
    history: COUNT_HISTORY,
    run: zinterStore,
  },
  {
    name: "zdiffstore",
    arity: -4,
    flags: ["write", "denyoom", "movablekeys"],
    keys: [key(1, "OW update"), countedKeys(2, "RO access")],
    since: "6.2.0",
    complexity: "O(L + (N-K)log(N))",
    summary: "Stores the members of a sorted set that are in none of others.",
    syntax: "@destination numkeys:integer @key/1+",
    run: zdiffStore,
  },
  {
    name: "zintercard",
    arity: -3,
    flags: ["readonly", "movablekeys"],
    keys: [countedKeys(1, "RO access")],
    since: "7.0.0",
    complexity: "O(N*K)",
    summary: "Counts the members that are in all of several sorted sets.",
    syntax: "numkeys:integer @key+ LIMIT=limit:integer?",
    run: zinterCard,
  },
]);

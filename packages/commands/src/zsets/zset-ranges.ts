/** Ranges of sorted sets: by rank, by score, by member. Each becomes a range of ranks; only then something is read. */
import { type Database, TYPE_ZSET } from "@hearthkv/engine";
import { parseFloat64 } from "@hearthkv/resp";
import { elementsFit, intArg, lookupReadAt, rangeFrom, rangeTo, sizeFound } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

export type RangeKind = "rank" | "score" | "lex";

export interface RangeOptions {
  kind: RangeKind;
  /** Highest first. */
  reverse: boolean;
  withScores: boolean;
  /** Elements to leave out at the beginning; a negative number leaves out all. */
  offset: number;
  /** Elements to give at most; negative = all. */
  limit: number;
}

/** Ranks from `from` up to but not including `to`, counted from the lowest score. */
export interface RankRange {
  from: number;
  to: number;
}

/** Finds a range in the sorted set just looked up, which has `size` members. */
export type RankFinder = (db: Database, size: number) => RankRange;

/** ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES] */
function zrange(ctx: CommandContext): void {
  rangeCommand(ctx, null, null);
}

/** ZREVRANGE key start stop [WITHSCORES] */
function zrevRange(ctx: CommandContext): void {
  rangeCommand(ctx, "rank", true);
}

/** ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count] */
function zrangeByScore(ctx: CommandContext): void {
  rangeCommand(ctx, "score", false);
}

/** ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count] */
function zrevRangeByScore(ctx: CommandContext): void {
  rangeCommand(ctx, "score", true);
}

/** ZRANGEBYLEX key min max [LIMIT offset count] */
function zrangeByLex(ctx: CommandContext): void {
  rangeCommand(ctx, "lex", false);
}

/** ZREVRANGEBYLEX key max min [LIMIT offset count] */
function zrevRangeByLex(ctx: CommandContext): void {
  rangeCommand(ctx, "lex", true);
}

/** ZCOUNT key min max */
function zcount(ctx: CommandContext): void {
  countRange(ctx, "score");
}

/** ZLEXCOUNT key min max */
function zlexCount(ctx: CommandContext): void {
  countRange(ctx, "lex");
}

function countRange(ctx: CommandContext, kind: RangeKind): void {
  const finder = finderFor(ctx, 1, kind, false);
  if (finder === null) return;
  const size = readZset(ctx);
  if (size < 0) return;
  const { from, to } = size === 0 ? { from: 0, to: 0 } : finder(ctx.db, size);
  ctx.reply.int(Math.max(0, to - from));
}

/** `kind` and `reverse` are those of the command; null leaves them to options. */
function rangeCommand(ctx: CommandContext, kind: RangeKind | null, reverse: boolean | null): void {
  if (!elementsFit(ctx, 2)) return;
  const options = optionsFrom(ctx, 4, kind, reverse, true);
  if (options === null) return;
  const finder = finderFor(ctx, 1, options.kind, options.reverse);
  if (finder === null) return;
  const size = readZset(ctx);
  if (size < 0) return;
  if (size === 0) ctx.reply.array(0);
  else replyRange(ctx, limited(finder(ctx.db, size), options), options);
}

/** Looks a key up for reading: number of members, 0 when there is no such key, -1 after an error reply. */
export function readZset(ctx: CommandContext, i = 1): number {
  return sizeFound(ctx, lookupReadAt(ctx, i), TYPE_ZSET);
}

/** The options from argument `first` on. Null after an error reply. */
export function optionsFrom(
  ctx: CommandContext,
  first: number,
  kind: RangeKind | null,
  reverse: boolean | null,
  mayHaveScores: boolean,
): RangeOptions | null {
  const { request: r, reply } = ctx;
  const options: RangeOptions = { kind: "rank", reverse: false, withScores: false, offset: 0, limit: -1 };
  let chosenKind = kind;
  let chosenReverse = reverse;
  for (let i = first; i < r.argc; i++) {
    if (mayHaveScores && r.is(i, "withscores")) options.withScores = true;
    else if (r.is(i, "limit") && i + 2 < r.argc) {
      options.offset = intArg(ctx, i + 1);
      if (Number.isNaN(options.offset)) return null;
      options.limit = intArg(ctx, i + 2);
      if (Number.isNaN(options.limit)) return null;
      i += 2;
    } else if (chosenReverse === null && r.is(i, "rev")) chosenReverse = true;
    else if (chosenKind === null && r.is(i, "bylex")) chosenKind = "lex";
    else if (chosenKind === null && r.is(i, "byscore")) chosenKind = "score";
    else {
      reply.error(ERR.syntax);
      return null;
    }
  }
  options.kind = chosenKind ?? "rank";
  options.reverse = chosenReverse ?? false;
  if (options.kind === "rank" && options.limit !== -1) reply.error(ERR.zrangeLimit);
  else if (options.kind === "lex" && options.withScores) reply.error(ERR.zrangeLexScores);
  else return options;
  return null;
}

/** The range whose ends stand behind the key at argument `at`; a reversed one of scores or members has its upper end first. Null after an error reply. */
export function finderFor(ctx: CommandContext, at: number, kind: RangeKind, reverse: boolean): RankFinder | null {
  if (kind === "rank") return rankRange(ctx, at, reverse);
  const min = reverse ? at + 2 : at + 1;
  const max = reverse ? at + 1 : at + 2;
  return kind === "score" ? scoreRange(ctx, min, max) : lexRange(ctx, min, max);
}

function rankRange(ctx: CommandContext, at: number, reverse: boolean): RankFinder | null {
  const first = intArg(ctx, at + 1);
  if (Number.isNaN(first)) return null;
  const last = intArg(ctx, at + 2);
  if (Number.isNaN(last)) return null;
  return (_db, size) => {
    const from = rangeFrom(first, size);
    const to = rangeTo(last, size);
    return reverse ? { from: size - to, to: size - from } : { from, to };
  };
}

function scoreRange(ctx: CommandContext, minAt: number, maxAt: number): RankFinder | null {
  const min = scoreArg(ctx, minAt);
  const max = scoreArg(ctx, maxAt);
  if (Number.isNaN(min) || Number.isNaN(max)) {
    ctx.reply.error(ERR.minMaxNotFloat);
    return null;
  }
  const minExclusive = isExclusive(ctx, minAt);
  const maxExclusive = isExclusive(ctx, maxAt);
  return (db) => ({ from: db.zsets.countByScore(min, minExclusive), to: db.zsets.countByScore(max, !maxExclusive) });
}

/** A score is text of at most so many bytes; a longer one is none. */
const SCORE_BYTES_MAX = 512;
const OPEN_PARENTHESIS = 40;
const PLUS = 43;
const MINUS = 45;
const BRACKET = 91;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

function isExclusive(ctx: CommandContext, i: number): boolean {
  const r = ctx.request;
  return r.len[i] > 0 && r.buf[r.off[i]] === OPEN_PARENTHESIS;
}

/** An end of a range of scores, NaN when it is none. strtod is asked, so "" is 0, spaces may stand before a number, a zero byte ends it, and 1e400 is infinite. */
function scoreArg(ctx: CommandContext, i: number): number {
  const r = ctx.request;
  if (r.len[i] > SCORE_BYTES_MAX) return Number.NaN;
  const given = r
    .str(i)
    .slice(isExclusive(ctx, i) ? 1 : 0)
    .replace(/\0[\s\S]*/, "");
  if (given === "") return 0;
  const text = given.replace(/^[ \t-\r]+/, "");
  if (DECIMAL.test(text)) return Number(text);
  const bytes = Buffer.from(text, "latin1");
  return parseFloat64(bytes, 0, bytes.length) ?? Number.NaN;
}

function lexRange(ctx: CommandContext, minAt: number, maxAt: number): RankFinder | null {
  if (!isLexBound(ctx, minAt) || !isLexBound(ctx, maxAt)) {
    ctx.reply.error(ERR.minMaxNotLex);
    return null;
  }
  return (_db, size) => ({ from: lexRank(ctx, minAt, size, false), to: lexRank(ctx, maxAt, size, true) });
}

/** "-" and "+" are the ends; "[" and "(" stand before a member that is in the range or just outside. */
function isLexBound({ request: r }: CommandContext, i: number): boolean {
  const first = r.len[i] === 0 ? 0 : r.buf[r.off[i]];
  return first === BRACKET || first === OPEN_PARENTHESIS || (r.len[i] === 1 && (first === MINUS || first === PLUS));
}

/** Members before the range that begins at a bound, or (`end`) up to its end. */
function lexRank({ request: r, db }: CommandContext, i: number, size: number, end: boolean): number {
  const first = r.buf[r.off[i]];
  if (first === MINUS) return 0;
  if (first === PLUS) return size;
  return db.zsets.countByMember(r.buf, r.off[i] + 1, r.len[i] - 1, (first === BRACKET) === end);
}

/** What LIMIT leaves of a range, seen from the end at which reading begins. */
export function limited({ from, to }: RankRange, { kind, reverse, offset, limit }: RangeOptions): RankRange {
  // With ranks the one LIMIT that is let through is `LIMIT x -1`, and it does nothing.
  if (kind === "rank") return { from, to };
  const left = offset < 0 ? 0 : Math.max(0, to - from - offset);
  const count = limit < 0 ? left : Math.min(left, limit);
  return reverse ? { from: to - offset - count, to: to - offset } : { from: from + offset, to: from + offset + count };
}

function replyRange({ db, reply }: CommandContext, { from, to }: RankRange, options: RangeOptions): void {
  const { withScores } = options;
  const nested = withScores && reply.proto === 3;
  const count = Math.max(0, to - from);
  reply.array(withScores && !nested ? 2 * count : count);
  if (count === 0) return;
  db.zsets.each(from, to, options.reverse, (buf, off, len, score) => {
    if (nested) reply.array(2);
    reply.bulk(buf, off, len);
    if (withScores) reply.double(score);
  });
}

export const zsetRangeCommands = family("sorted-set", [
  {
    name: "zcount",
    arity: 4,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "2.0.0",
    complexity: "O(log(N))",
    summary: "Counts the members with scores in a range.",
    syntax: "@key min:double max:double",
    run: zcount,
  },
  {
    name: "zlexcount",
    arity: 4,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "2.8.9",
    complexity: "O(log(N))",
    summary: "Counts the members in a range of names; all have the same score.",
    syntax: "@key min max",
    run: zlexCount,
  },
  {
    name: "zrange",
    arity: -4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "1.2.0",
    complexity: "O(log(N)+M)",
    summary: "Returns members in a range of ranks, scores or names.",
    syntax:
      "@key start stop <sortby: BYSCORE | BYLEX>? REV? LIMIT=(offset-count: offset:integer count:integer)? WITHSCORES?",
    history: [["6.2.0", "options REV, BYSCORE, BYLEX and LIMIT"]],
    run: zrange,
  },
  {
    name: "zrevrange",
    arity: -4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "1.2.0",
    complexity: "O(log(N)+M)",
    summary: "Returns members in a range of ranks, highest score first.",
    syntax: "@key start:integer stop:integer WITHSCORES?",
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `REV` argument" },
    run: zrevRange,
  },
  {
    name: "zrangebyscore",
    arity: -4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "1.0.5",
    complexity: "O(log(N)+M)",
    summary: "Returns members in a range of scores.",
    syntax: "@key min:double max:double WITHSCORES? LIMIT=(offset-count: offset:integer count:integer)?",
    history: [["2.0.0", "option WITHSCORES"]],
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `BYSCORE` argument" },
    run: zrangeByScore,
  },
  {
    name: "zrevrangebyscore",
    arity: -4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.2.0",
    complexity: "O(log(N)+M)",
    summary: "Returns members in a range of scores, highest first.",
    syntax: "@key max:double min:double WITHSCORES? LIMIT=(offset-count: offset:integer count:integer)?",
    history: [["2.1.6", "min and max may be left out of the range"]],
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `REV` and `BYSCORE` arguments" },
    run: zrevRangeByScore,
  },
  {
    name: "zrangebylex",
    arity: -4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.8.9",
    complexity: "O(log(N)+M)",
    summary: "Returns members in a range of names; all have the same score.",
    syntax: "@key min max LIMIT=(offset-count: offset:integer count:integer)?",
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `BYLEX` argument" },
    run: zrangeByLex,
  },
  {
    name: "zrevrangebylex",
    arity: -4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.8.9",
    complexity: "O(log(N)+M)",
    summary: "Returns members in a range of names, the last one first.",
    syntax: "@key max min LIMIT=(offset-count: offset:integer count:integer)?",
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `REV` and `BYLEX` arguments" },
    run: zrevRangeByLex,
  },
]);

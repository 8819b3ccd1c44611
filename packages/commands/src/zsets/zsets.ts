/** Sorted sets, but for their ranges (zset-ranges.ts). */
import { TYPE_ZSET, WRONG_TYPE, ZADD_GT, ZADD_LT, ZADD_NX, ZADD_XX, zaddAllows } from "@hearthkv/engine";
import {
  countArg,
  doubleArg,
  elementsFit,
  lookupAt,
  replyFound,
  sizeFound,
  wrongArity,
} from "../arguments/arguments.js";
import { pairCountArg, replyRandom } from "../arguments/random.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_ZSET, notify, notifyTaken } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";
import { readZset } from "./zset-ranges.js";

/** Options besides the conditions, which the mutator knows. */
const CH = 16;
const INCR = 32;
const CONDITIONS = ZADD_NX | ZADD_XX | ZADD_GT | ZADD_LT;

const ZADD_OPTIONS = [
  ["nx", ZADD_NX],
  ["xx", ZADD_XX],
  ["gt", ZADD_GT],
  ["lt", ZADD_LT],
  ["ch", CH],
  ["incr", INCR],
] as const;

/** Scores of the running ZADD, by pair; it grows and stays. */
const scores: number[] = [];

function zadd(ctx: CommandContext): void {
  addWithOptions(ctx, 0);
}

/** Is ZADD INCR, down to the options that ZADD would take at the place of the increment. */
function zincrBy(ctx: CommandContext): void {
  addWithOptions(ctx, INCR);
}

function addWithOptions(ctx: CommandContext, given: number): void {
  const { request: r, db, reply } = ctx;
  let flags = given;
  let first = 2;
  for (let flag = optionAt(ctx, first); flag !== 0; flag = optionAt(ctx, ++first)) flags |= flag;
  const rest = r.argc - first;
  if (!pairsAllowed(ctx, flags, rest) || !elementsFit(ctx, first)) return;
  const pairs = rest >> 1;
  for (let k = 0; k < pairs; k++) {
    const score = doubleArg(ctx, first + 2 * k);
    if (Number.isNaN(score)) return;
    // -0 becomes 0, as in Redis where it keeps small sorted sets.
    scores[k] = score + 0;
  }
  const conditions = flags & CONDITIONS;
  if ((flags & INCR) !== 0) {
    addOne(ctx, conditions, first, scores[0]);
    return;
  }
  const added = db.zsets.add(r.buf, r.off[1], r.len[1], scores, r.buf, r.off, r.len, first + 1, pairs, conditions);
  if (added !== WRONG_TYPE && db.zsets.changed > 0) notify(ctx, EVENT_ZSET, "zadd", 1);
  if (added === WRONG_TYPE) reply.error(ERR.wrongType);
  else reply.int((flags & CH) !== 0 ? db.zsets.changed : added);
}

function optionAt(ctx: CommandContext, i: number): number {
  const r = ctx.request;
  // No option begins as a number does, and ZADD is mostly given none.
  if (i >= r.argc || r.len[i] > 4 || r.buf[r.off[i]] < LETTERS_FROM) return 0;
  for (const [name, flag] of ZADD_OPTIONS) if (r.is(i, name)) return flag;
  return 0;
}

const LETTERS_FROM = 65;

/** False after an error reply. */
function pairsAllowed(ctx: CommandContext, flags: number, rest: number): boolean {
  const conflicts = flags & (ZADD_NX | ZADD_GT | ZADD_LT);
  let error: string | null = null;
  if (rest <= 0 || rest % 2 === 1) error = ERR.syntax;
  else if ((flags & ZADD_NX) !== 0 && (flags & ZADD_XX) !== 0) error = ERR.zaddXxAndNx;
  // At most one of the three: no two bits are set.
  else if ((conflicts & (conflicts - 1)) !== 0) error = ERR.zaddGtLtNx;
  else if ((flags & INCR) !== 0 && rest > 2) error = ERR.zaddIncrPairs;
  if (error !== null) ctx.reply.error(error);
  return error === null;
}

/** ZADD INCR, with the increment at argument `at` and the member behind it. */
function addOne(ctx: CommandContext, conditions: number, at: number, delta: number): void {
  const { request: r, db, reply } = ctx;
  const size = sizeFound(ctx, lookupAt(ctx, 1), TYPE_ZSET);
  if (size < 0) return;
  const before = size === 0 ? Number.NaN : db.zsets.score(r.buf, r.off[at + 1], r.len[at + 1]);
  const after = (Number.isNaN(before) ? 0 : before) + delta;
  if (!zaddAllows(conditions, before, after)) {
    reply.nil();
    return;
  }
  if (Number.isNaN(after)) {
    reply.error(ERR.scoreNan);
    return;
  }
  scores[0] = after;
  db.zsets.add(r.buf, r.off[1], r.len[1], scores, r.buf, r.off, r.len, at + 1, 1, 0);
  if (after !== before) notify(ctx, EVENT_ZSET, "zincr", 1);
  reply.double(after);
}

function zrem(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const gone = db.zsets.remove(r.buf, r.off[1], r.len[1], r.buf, r.off, r.len, 2, r.argc - 2);
  if (gone > 0) notifyTaken(ctx, EVENT_ZSET, "zrem", 1);
  if (gone === WRONG_TYPE) reply.error(ERR.wrongType);
  else reply.int(gone);
}

function zcard(ctx: CommandContext): void {
  const size = readZset(ctx);
  if (size >= 0) ctx.reply.int(size);
}

function zscore(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const size = readZset(ctx);
  if (size >= 0) replyScore(ctx, size, 2);
}

function zmscore(ctx: CommandContext): void {
  const { argc } = ctx.request;
  if (!elementsFit(ctx, 2)) return;
  const size = readZset(ctx);
  if (size < 0) return;
  ctx.reply.array(argc - 2);
  for (let i = 2; i < argc; i++) replyScore(ctx, size, i);
}

/** The score of the member that argument `i` names. */
function replyScore({ request: r, db, reply }: CommandContext, size: number, i: number): void {
  const score = size === 0 ? Number.NaN : db.zsets.score(r.buf, r.off[i], r.len[i]);
  if (Number.isNaN(score)) reply.nil();
  else reply.double(score);
}

function zrank(ctx: CommandContext): void {
  replyRank(ctx, false);
}

function zrevRank(ctx: CommandContext): void {
  replyRank(ctx, true);
}

function replyRank(ctx: CommandContext, fromTop: boolean): void {
  const { request: r, db, reply } = ctx;
  const withScore = r.argc === 4 && r.is(3, "withscore");
  if (r.argc > 4) wrongArity(ctx);
  else if (r.argc === 4 && !withScore) reply.error(ERR.syntax);
  else if (elementsFit(ctx, 2)) {
    const size = readZset(ctx);
    if (size < 0) return;
    const rank = size === 0 ? -1 : db.zsets.rank(r.buf, r.off[2], r.len[2]);
    if (rank < 0) {
      if (withScore) reply.nilArray();
      else reply.nil();
      return;
    }
    if (withScore) reply.array(2);
    reply.int(fromTop ? size - 1 - rank : rank);
    if (withScore) replyScore(ctx, size, 2);
  }
}

function zpopMin(ctx: CommandContext): void {
  pop(ctx, false);
}

function zpopMax(ctx: CommandContext): void {
  pop(ctx, true);
}

function pop(ctx: CommandContext, fromTop: boolean): void {
  const { request: r, db, reply } = ctx;
  if (r.argc > 3) {
    reply.error(ERR.syntax);
    return;
  }
  const count = r.argc === 3 ? countArg(ctx, 2) : 1;
  if (Number.isNaN(count)) return;
  const size = sizeFound(ctx, lookupAt(ctx, 1), TYPE_ZSET);
  if (size < 0) return;
  const popped = Math.min(count, size);
  // One pair is flat, several are nested; RESP2 knows only flat ones.
  const nested = reply.proto === 3 && r.argc === 3;
  reply.array(nested ? popped : 2 * popped);
  if (popped === 0) return;
  const from = fromTop ? size - popped : 0;
  if (popped === 1 && !nested) popOne(ctx, from);
  else {
    db.zsets.popRanks(r.buf, r.off[1], r.len[1], from, from + popped, fromTop, (buf, off, len, score) => {
      if (nested) reply.array(2);
      reply.bulk(buf, off, len);
      reply.double(score);
    });
  }
  notifyTaken(ctx, EVENT_ZSET, fromTop ? "zpopmax" : "zpopmin", 1);
}

/** ZRANDMEMBER key [count [WITHSCORES]] */
function zrandMember(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (r.argc === 2) {
    const size = readZset(ctx);
    if (size < 0) return;
    if (size === 0) reply.nil();
    else {
      db.zsets.read(db.zsets.randomSpot());
      replyFound(ctx);
    }
    return;
  }
  const count = pairCountArg(ctx, "withscores");
  if (Number.isNaN(count)) return;
  const size = readZset(ctx);
  if (size < 0) return;
  const withScores = r.argc === 4;
  const nested = withScores && reply.proto === 3;
  replyRandom(ctx, size, count, withScores && !nested ? 2 : 1, db.zsets, (rank) => {
    if (nested) reply.array(2);
    const score = db.zsets.read(rank);
    replyFound(ctx);
    if (withScores) reply.double(score);
  });
}

/** The everyday pop; the header of the reply is written. */
function popOne(ctx: CommandContext, rank: number): void {
  const { request: r, db, reply } = ctx;
  const score = db.zsets.read(rank);
  replyFound(ctx);
  reply.double(score);
  db.zsets.removeRead(r.buf, r.off[1], r.len[1], rank);
}

export const zsetCommands = family("sorted-set", [
  {
    name: "zadd",
    arity: -4,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW update")],
    since: "1.2.0",
    complexity: "O(log(N))",
    summary: "Adds members with scores, or changes their scores.",
    syntax:
      "@key <condition: NX | XX>? <comparison: GT | LT>? CH=change:pure-token? INCR=increment:pure-token? (score-member: score:double member)+",
    history: [
      ["2.4.0", "takes several members with their scores"],
      ["3.0.2", "options XX, NX, CH and INCR"],
      ["6.2.0", "options GT and LT"],
    ],
    run: zadd,
  },
  {
    name: "zincrby",
    arity: 4,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "1.2.0",
    complexity: "O(log(N))",
    summary: "Adds to the score of a member; an absent one counts as 0.",
    syntax: "@key increment:integer member",
    run: zincrBy,
  },
  {
    name: "zrem",
    arity: -3,
    flags: ["write", "fast"],
    keys: [key(1, "RW delete")],
    since: "1.2.0",
    complexity: "O(M*log(N))",
    summary: "Removes members; an empty sorted set goes with them.",
    syntax: "@key member+",
    history: [["2.4.0", "takes several members"]],
    run: zrem,
  },
  {
    name: "zcard",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO")],
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Returns the number of members.",
    syntax: "@key",
    run: zcard,
  },
  {
    name: "zscore",
    arity: 3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Returns the score of a member.",
    syntax: "@key member",
    run: zscore,
  },
  {
    name: "zmscore",
    arity: -3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "6.2.0",
    complexity: "O(N)",
    summary: "Returns the scores of several members.",
    syntax: "@key member+",
    run: zmscore,
  },
  {
    name: "zrank",
    arity: -3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "2.0.0",
    complexity: "O(log(N))",
    summary: "Returns the rank of a member, lowest score first.",
    syntax: "@key member WITHSCORE?",
    history: [["7.2.0", "option WITHSCORE"]],
    run: zrank,
  },
  {
    name: "zrevrank",
    arity: -3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "2.0.0",
    complexity: "O(log(N))",
    summary: "Returns the rank of a member, highest score first.",
    syntax: "@key member WITHSCORE?",
    history: [["7.2.0", "option WITHSCORE"]],
    run: zrevRank,
  },
  {
    name: "zpopmin",
    arity: -2,
    flags: ["write", "fast"],
    keys: [key(1, "RW access delete")],
    since: "5.0.0",
    complexity: "O(log(N)*M)",
    summary: "Takes the members with the lowest scores.",
    syntax: "@key count:integer?",
    run: zpopMin,
  },
  {
    name: "zpopmax",
    arity: -2,
    flags: ["write", "fast"],
    keys: [key(1, "RW access delete")],
    since: "5.0.0",
    complexity: "O(log(N)*M)",
    summary: "Takes the members with the highest scores.",
    syntax: "@key count:integer?",
    run: zpopMax,
  },
  {
    name: "zrandmember",
    arity: -2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "6.2.0",
    complexity: "O(N)",
    summary: "Returns random members of a sorted set.",
    syntax: "@key (options: count:integer WITHSCORES?)?",
    tips: ["nondeterministic_output"],
    differs: "A reply of more than 512 MB is refused.",
    run: zrandMember,
  },
]);

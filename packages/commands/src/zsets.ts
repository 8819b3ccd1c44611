/** Sorted sets, but for their ranges (zset-ranges.ts). */
import { TYPE_NONE, TYPE_ZSET, type ZsetValue } from "@hearthkv/engine";
import {
  countArg,
  doubleArg,
  elements,
  elementsFit,
  isOrAbsent,
  lookupAt,
  lookupReadAt,
  wrongArity,
} from "./arguments.js";
import type { CommandContext, CommandRow } from "./context.js";
import { ERR } from "./errors.js";
import { GROW_FAST, READ, READ_FAST, rowMaker, WRITE_FAST } from "./rows.js";
import { zscan } from "./scan.js";
import { zcount, zrange, zrangeByScore, zrevRange, zrevRangeByScore } from "./zset-ranges.js";

const NX = 1;
const XX = 2;
const GT = 4;
const LT = 8;
const CH = 16;
const INCR = 32;

const ZADD_OPTIONS = [
  ["nx", NX],
  ["xx", XX],
  ["gt", GT],
  ["lt", LT],
  ["ch", CH],
  ["incr", INCR],
] as const;

function zadd(ctx: CommandContext): void {
  addWithOptions(ctx, 0);
}

/** Is ZADD INCR, down to the options that ZADD would take at the place of the increment. */
function zincrBy(ctx: CommandContext): void {
  addWithOptions(ctx, INCR);
}

function addWithOptions(ctx: CommandContext, given: number): void {
  const { request: r } = ctx;
  let flags = given;
  let first = 2;
  for (let flag = optionAt(ctx, first); flag !== 0; flag = optionAt(ctx, ++first)) flags |= flag;
  if (!pairsAllowed(ctx, flags, r.argc - first) || !elementsFit(ctx, first)) return;
  const scores: number[] = [];
  for (let i = first; i < r.argc; i += 2) {
    const score = doubleArg(ctx, i);
    if (Number.isNaN(score)) return;
    // -0 becomes 0, as in Redis where it keeps small sorted sets.
    scores.push(score + 0);
  }
  const zset = zsetOf(ctx, lookupAt(ctx, 1));
  if (zset === undefined) return;
  if ((flags & INCR) !== 0) addOne(ctx, flags, zset, r.str(first + 1), scores[0]);
  else addAll(ctx, flags, zset, first + 1, scores);
}

function optionAt(ctx: CommandContext, i: number): number {
  const r = ctx.request;
  if (i >= r.argc || r.len[i] > 4) return 0;
  for (const [name, flag] of ZADD_OPTIONS) if (r.is(i, name)) return flag;
  return 0;
}

/** False after an error reply. */
function pairsAllowed(ctx: CommandContext, flags: number, rest: number): boolean {
  const conflicts = flags & (NX | GT | LT);
  let error: string | null = null;
  if (rest <= 0 || rest % 2 === 1) error = ERR.syntax;
  else if ((flags & NX) !== 0 && (flags & XX) !== 0) error = ERR.zaddXxAndNx;
  // At most one of the three: no two bits are set.
  else if ((conflicts & (conflicts - 1)) !== 0) error = ERR.zaddGtLtNx;
  else if ((flags & INCR) !== 0 && rest > 2) error = ERR.zaddIncrPairs;
  if (error !== null) ctx.reply.error(error);
  return error === null;
}

/** Whether the options let a member with the score `before` (undefined = absent) have the score `after`. */
function allows(flags: number, before: number | undefined, after: number): boolean {
  if (before === undefined) return (flags & XX) === 0;
  if ((flags & NX) !== 0 || ((flags & GT) !== 0 && after <= before)) return false;
  return (flags & LT) === 0 || !(after >= before);
}

function addOne(ctx: CommandContext, flags: number, zset: ZsetValue | null, member: string, delta: number): void {
  const { request: r, db, reply } = ctx;
  const before = zset?.score(member);
  const after = (before ?? 0) + delta;
  if (!allows(flags, before, after)) {
    reply.nil();
    return;
  }
  if (Number.isNaN(after)) {
    reply.error(ERR.scoreNan);
    return;
  }
  if (after !== before) db.zsetAdd(r.buf, r.off[1], r.len[1], [after], [member]);
  reply.double(after);
}

/** Only what changes goes to the mutator and so to the log. A member named twice is judged by the score it just got. */
function addAll(ctx: CommandContext, flags: number, zset: ZsetValue | null, first: number, scores: number[]): void {
  const { request: r, db, reply } = ctx;
  const given = scores.length > 1 ? new Map<string, number>() : null;
  const members: string[] = [];
  const changed: number[] = [];
  let added = 0;
  for (let k = 0; k < scores.length; k++) {
    const member = r.str(first + 2 * k);
    const before = given?.get(member) ?? zset?.score(member);
    const after = scores[k];
    if (after === before || !allows(flags, before, after)) continue;
    if (before === undefined) added++;
    given?.set(member, after);
    members.push(member);
    changed.push(after);
  }
  if (members.length > 0) db.zsetAdd(r.buf, r.off[1], r.len[1], changed, members);
  reply.int((flags & CH) !== 0 ? members.length : added);
}

/** The sorted set just looked up, null when there is none, undefined after an error reply. */
function zsetOf(ctx: CommandContext, type: number): ZsetValue | null | undefined {
  if (!isOrAbsent(ctx, type, TYPE_ZSET)) return undefined;
  return type === TYPE_NONE ? null : (ctx.db.value as ZsetValue);
}

function readZset(ctx: CommandContext): ZsetValue | null | undefined {
  return zsetOf(ctx, lookupReadAt(ctx, 1));
}

function zrem(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const zset = zsetOf(ctx, lookupAt(ctx, 1));
  if (zset === undefined) return;
  reply.int(zset === null ? 0 : db.zsetRemove(r.buf, r.off[1], r.len[1], elements(ctx, 2)));
}

function zcard(ctx: CommandContext): void {
  const zset = readZset(ctx);
  if (zset !== undefined) ctx.reply.int(zset?.size ?? 0);
}

function zscore(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const zset = readZset(ctx);
  if (zset !== undefined) replyScore(ctx, zset, 2);
}

function zmscore(ctx: CommandContext): void {
  const { argc } = ctx.request;
  if (!elementsFit(ctx, 2)) return;
  const zset = readZset(ctx);
  if (zset === undefined) return;
  ctx.reply.array(argc - 2);
  for (let i = 2; i < argc; i++) replyScore(ctx, zset, i);
}

/** The score of the member that argument `i` names. */
function replyScore(ctx: CommandContext, zset: ZsetValue | null, i: number): void {
  const score = zset?.score(ctx.request.str(i));
  if (score === undefined) ctx.reply.nil();
  else ctx.reply.double(score);
}

function zrank(ctx: CommandContext): void {
  replyRank(ctx, false);
}

function zrevRank(ctx: CommandContext): void {
  replyRank(ctx, true);
}

function replyRank(ctx: CommandContext, fromTop: boolean): void {
  const { request: r, reply } = ctx;
  const withScore = r.argc === 4 && r.is(3, "withscore");
  if (r.argc > 4) wrongArity(ctx);
  else if (r.argc === 4 && !withScore) reply.error(ERR.syntax);
  else if (elementsFit(ctx, 2)) {
    const zset = readZset(ctx);
    if (zset === undefined) return;
    const rank = zset?.rank(r.str(2)) ?? -1;
    if (rank < 0) {
      if (withScore) reply.nilArray();
      else reply.nil();
      return;
    }
    if (withScore) reply.array(2);
    reply.int(fromTop ? zset!.size - 1 - rank : rank);
    if (withScore) replyScore(ctx, zset, 2);
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
  const zset = zsetOf(ctx, lookupAt(ctx, 1));
  if (zset === undefined) return;
  const size = zset?.size ?? 0;
  const popped = Math.min(count, size);
  // One pair is flat, several are nested; RESP2 knows only flat ones.
  const nested = reply.proto === 3 && r.argc === 3;
  reply.array(nested ? popped : 2 * popped);
  if (zset === null || popped === 0) return;
  const members: string[] = [];
  const take = (member: string, score: number) => {
    if (nested) reply.array(2);
    reply.bulkString(member);
    reply.double(score);
    members.push(member);
  };
  if (fromTop) zset.iterateReverse(size - popped, size, take);
  else zset.iterate(0, popped, take);
  db.zsetRemove(r.buf, r.off[1], r.len[1], members);
}

const row = rowMaker("sorted-set");

export const zsetRows: readonly CommandRow[] = [
  row("zadd", -4, GROW_FAST, "1.2.0", "Adds members with scores, or changes their scores.", zadd),
  row("zincrby", 4, GROW_FAST, "1.2.0", "Adds to the score of a member; an absent one counts as 0.", zincrBy),
  row("zrem", -3, WRITE_FAST, "1.2.0", "Removes members; an empty sorted set goes with them.", zrem),
  row("zcard", 2, READ_FAST, "1.2.0", "Returns the number of members.", zcard),
  row("zscore", 3, READ_FAST, "1.2.0", "Returns the score of a member.", zscore),
  row("zmscore", -3, READ_FAST, "6.2.0", "Returns the scores of several members.", zmscore),
  row("zrank", -3, READ_FAST, "2.0.0", "Returns the rank of a member, lowest score first.", zrank),
  row("zrevrank", -3, READ_FAST, "2.0.0", "Returns the rank of a member, highest score first.", zrevRank),
  row("zcount", 4, READ_FAST, "2.0.0", "Counts the members with scores in a range.", zcount),
  row("zrange", -4, READ, "1.2.0", "Returns members in a range of ranks, scores or names.", zrange),
  row("zrevrange", -4, READ, "1.2.0", "Returns members in a range of ranks, highest score first.", zrevRange),
  row("zrangebyscore", -4, READ, "1.0.5", "Returns members in a range of scores.", zrangeByScore),
  row("zrevrangebyscore", -4, READ, "2.2.0", "Returns members in a range of scores, highest first.", zrevRangeByScore),
  row("zpopmin", -2, WRITE_FAST, "5.0.0", "Takes the members with the lowest scores.", zpopMin),
  row("zpopmax", -2, WRITE_FAST, "5.0.0", "Takes the members with the highest scores.", zpopMax),
  row("zscan", -3, READ, "2.8.0", "Iterates the members of a sorted set in steps.", zscan),
];

/** Places: members of a sorted set whose scores say where they are (geohash.ts). */
import { TYPE_NONE, TYPE_ZSET, WRONG_TYPE, ZADD_NX, ZADD_XX } from "@hearthkv/engine";
import { elementsFit, isOrAbsent, lookupReadAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_ZSET, notify } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";
import { placeArg, unitArg } from "./arguments.js";
import { geohashText, type Place, placeOf, scoreAt } from "./geohash.js";
import { distance } from "./shape.js";

const DISTANCE_DECIMALS = 4;

function geoAdd(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  let conditions = 0;
  let countsChanges = false;
  let first = 2;
  for (; first < r.argc; first++) {
    if (r.is(first, "nx")) conditions |= ZADD_NX;
    else if (r.is(first, "xx")) conditions |= ZADD_XX;
    else if (r.is(first, "ch")) countsChanges = true;
    else break;
  }
  const count = (r.argc - first) / 3;
  if (!Number.isInteger(count) || count === 0 || conditions === (ZADD_NX | ZADD_XX)) {
    reply.error(ERR.syntax);
    return;
  }
  const scores: number[] = [];
  const off = new Int32Array(2 * count);
  const len = new Int32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const place = placeArg(ctx, first + 3 * i);
    if (place === null) return;
    scores.push(scoreAt(...place));
    // Members are the second ones of pairs, as ZADD has them.
    off[2 * i + 1] = r.off[first + 3 * i + 2];
    len[2 * i + 1] = r.len[first + 3 * i + 2];
  }
  if (!elementsFit(ctx, first)) return;
  const added = db.zsets.add(r.buf, r.off[1], r.len[1], scores, r.buf, off, len, 1, count, conditions);
  if (added !== WRONG_TYPE && db.zsets.changed > 0) notify(ctx, EVENT_ZSET, "zadd", 1);
  if (added === WRONG_TYPE) reply.error(ERR.wrongType);
  else reply.int(countsChanges ? db.zsets.changed : added);
}

function geoDist(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  const unit = r.argc === 5 ? unitArg(ctx, 4) : 1;
  if (Number.isNaN(unit)) return;
  if (r.argc > 5) {
    reply.error(ERR.syntax);
    return;
  }
  const type = lookupReadAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_ZSET)) return;
  const from = memberPlace(ctx, type, 2);
  const to = memberPlace(ctx, type, 3);
  if (from === null || to === null) reply.nil();
  else replyDistance(ctx, distance(...from, ...to) / unit);
}

function geoHash(ctx: CommandContext): void {
  replyEach(ctx, (place) => {
    if (place === null) ctx.reply.nil();
    else ctx.reply.bulkString(geohashText(...place));
  });
}

function geoPos(ctx: CommandContext): void {
  replyEach(ctx, (place) => {
    if (place === null) ctx.reply.nilArray();
    else replyPlace(ctx, place);
  });
}

/** Replies something for the place of each member that the arguments from the third on name, null where there is none. */
function replyEach(ctx: CommandContext, replyOne: (place: Place | null) => void): void {
  const { argc } = ctx.request;
  const type = lookupReadAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_ZSET)) return;
  ctx.reply.array(argc - 2);
  for (let i = 2; i < argc; i++) replyOne(memberPlace(ctx, type, i));
}

/** Where the member at argument `i` is, of the sorted set just looked up; null when there is none. */
export function memberPlace({ request: r, db }: CommandContext, type: number, i: number): Place | null {
  const score = type === TYPE_NONE ? Number.NaN : db.zsets.score(r.buf, r.off[i], r.len[i]);
  return Number.isNaN(score) ? null : placeOf(score);
}

export function replyPlace({ reply }: CommandContext, [longitude, latitude]: Place): void {
  reply.array(2);
  reply.longDouble(longitude);
  reply.longDouble(latitude);
}

/** A bulk in RESP3, too. */
export function replyDistance({ reply }: CommandContext, far: number): void {
  reply.bulkString(far.toFixed(DISTANCE_DECIMALS));
}

export const placeCommands = family("geo", [
  {
    name: "geoadd",
    arity: -5,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW update")],
    since: "3.2.0",
    complexity: "O(log(N)) for each place",
    summary: "Adds places, or moves them: members of a sorted set.",
    syntax: "@key <condition: NX | XX>? CH=change:pure-token? (data: longitude:double latitude:double member)+",
    history: [["6.2.0", "CH, NX and XX."]],
    run: geoAdd,
  },
  {
    name: "geodist",
    arity: -4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "3.2.0",
    complexity: "O(1)",
    summary: "Returns how far two places are from each other.",
    syntax: "@key member1 member2 <unit: M | KM | FT | MI>?",
    run: geoDist,
  },
  {
    name: "geohash",
    arity: -2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "3.2.0",
    complexity: "O(1) for each member",
    summary: "Returns the standard geohashes of places.",
    syntax: "@key member+?",
    run: geoHash,
  },
  {
    name: "geopos",
    arity: -2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "3.2.0",
    complexity: "O(1) for each member",
    summary: "Returns longitudes and latitudes of places.",
    syntax: "@key member+?",
    run: geoPos,
  },
]);

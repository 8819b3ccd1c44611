/** GEOSEARCH and its kin: places in a circle, a box or a polygon, as a reply or as another sorted set. */
import { ByteSink, TYPE_NONE, TYPE_ZSET } from "@hearthkv/engine";
import { parseSafeInt, type Request } from "@hearthkv/resp";
import { intArg, isOrAbsent, lookupReadAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR, geoOneOf, geoStoreOptions } from "../errors.js";
import { EVENT_GENERIC, EVENT_ZSET, notify } from "../events.js";
import { family } from "../table/declare.js";
import { type KeySpec, type KeyUse, key } from "../table/keys.js";
import { lengthArg, placeArg, unitArg } from "./arguments.js";
import { type Place, placeOf } from "./geohash.js";
import { sortFirst } from "./partial-sort.js";
import { memberPlace, replyDistance, replyPlace } from "./places.js";
import { cellsAround, centerOf, distanceInside, type SearchArea, type Shape } from "./shape.js";

/** Members are visited in groups of so many ranks: with ANY the search may end in the middle. */
const RANKS_A_STEP = 256;
/** What a mutation takes in the log besides its key, and a member of a sorted set besides its bytes, at most. */
const LOGGED_BYTES = 16;
const MIN_VERTICES = 3;
const INT32_MAX = 2 ** 31 - 1;
const TWO_63 = 2 ** 63;

/** Forms of the command. */
interface Form {
  /** GEOSEARCH and GEOSEARCHSTORE name their center and shape by options, GEORADIUS and GEORADIUSBYMEMBER by position. */
  readonly center: "options" | "place" | "member";
  /** Where the result may go: nowhere, to the first argument (GEOSEARCHSTORE), or where STORE says. */
  readonly store: "never" | "first" | "option";
}

/** What the arguments ask for. */
interface Query {
  center: Place | null;
  /** How GEOSEARCH was told its center: also of a member of nothing. */
  from: "member" | "place" | null;
  shape: Shape | null;
  /** Meters of the unit in which distances are given. */
  unit: number;
  withDistance: boolean;
  withHash: boolean;
  withPlace: boolean;
  order: "none" | "asc" | "desc";
  /** 0 = all. */
  count: number;
  takesAny: boolean;
  /** Number of the argument that names the key to store at, 0 = none. */
  storeAt: number;
  storesDistance: boolean;
}

/** What was found. */
interface Found {
  /** Where the member's bytes lie among those of all that was found. */
  readonly off: number;
  readonly len: number;
  readonly score: number;
  readonly place: Place;
  /** Meters from the center. */
  readonly far: number;
}

const searcher = (form: Form) => (ctx: CommandContext) => search(ctx, form);

function search(ctx: CommandContext, form: Form): void {
  const { reply } = ctx;
  const source = form.store === "first" ? 2 : 1;
  const type = lookupReadAt(ctx, source);
  if (!isOrAbsent(ctx, type, TYPE_ZSET)) return;
  const query = readQuery(ctx, form, type);
  if (query === null) return;
  if (type === TYPE_NONE) {
    if (query.storeAt > 0) replyStored(ctx, query, [], new ByteSink());
    else reply.array(0);
    return;
  }
  // Neither is null where there is a sorted set, or there was an error.
  const { center, shape } = query;
  if (center === null || shape === null) return;
  const members = new ByteSink();
  const found = findIn(ctx, { center, shape }, query.takesAny ? query.count : Number.POSITIVE_INFINITY, members);
  const order = query.count > 0 && !query.takesAny && query.order === "none" ? "asc" : query.order;
  const compare = (a: Found, b: Found) => (order === "asc" ? a.far - b.far : b.far - a.far);
  if (order !== "none" && query.count > 0 && query.count < found.length) sortFirst(found, query.count, compare);
  else if (order !== "none") found.sort(compare);
  const given = query.count > 0 ? found.slice(0, query.count) : found;
  if (query.storeAt > 0) replyStored(ctx, query, given, members);
  else replyFound(ctx, query, given, members);
}

/** Places of the sorted set just looked up in an area, at most `limit`, in the order of the cells and their scores. */
function findIn({ db }: CommandContext, area: SearchArea, limit: number, members: ByteSink): Found[] {
  const { zsets } = db;
  const found: Found[] = [];
  for (const [first, count] of cellsAround(area)) {
    const end = zsets.countByScore(first + count, false);
    for (let rank = zsets.countByScore(first, false); rank < end && found.length < limit; ) {
      const stepEnd = Math.min(end, rank + RANKS_A_STEP);
      zsets.each(rank, stepEnd, false, (buf, off, len, score) => {
        const place = placeOf(score);
        const far = distanceInside(area, ...place);
        rank++;
        if (Number.isNaN(far) || found.length >= limit) return;
        found.push({ off: members.length, len, score, place, far });
        members.raw(buf, off, len);
      });
    }
  }
  return found;
}

function replyFound(ctx: CommandContext, query: Query, found: readonly Found[], members: ByteSink): void {
  const { reply } = ctx;
  const { withDistance, withHash, withPlace, unit } = query;
  const more = Number(withDistance) + Number(withHash) + Number(withPlace);
  reply.array(found.length);
  for (const { off, len, score, place, far } of found) {
    if (more > 0) reply.array(1 + more);
    reply.bulk(members.bytes, off, len);
    if (withDistance) replyDistance(ctx, far / unit);
    if (withHash) reply.int(Math.abs(score) < TWO_63 ? BigInt(Math.trunc(score)) : -(2n ** 63n));
    if (withPlace) replyPlace(ctx, place);
  }
}

/** Makes the key hold what was found, or nothing. */
function replyStored(ctx: CommandContext, query: Query, found: readonly Found[], members: ByteSink): void {
  const { request: r, db, keyspace, reply } = ctx;
  const { storeAt, storesDistance, unit } = query;
  const target = [r.buf, r.off[storeAt], r.len[storeAt]] as const;
  const off = new Int32Array(2 * found.length);
  const len = new Int32Array(2 * found.length);
  const scores: number[] = [];
  let bytes = 2 * (target[2] + LOGGED_BYTES);
  for (const [i, one] of found.entries()) {
    off[2 * i + 1] = one.off;
    len[2 * i + 1] = one.len;
    scores.push(storesDistance ? one.far / unit : one.score);
    bytes += one.len + LOGGED_BYTES;
  }
  if (keyspace.effects.enabled) keyspace.effects.require(bytes);
  const existed = db.keys.remove(...target);
  if (found.length > 0) {
    db.zsets.add(...target, scores, members.bytes, off, len, 1, found.length, 0);
    notify(ctx, EVENT_ZSET, ctx.row.name === "geosearchstore" ? "geosearchstore" : "georadiusstore", storeAt);
  } else if (existed) notify(ctx, EVENT_GENERIC, "del", storeAt);
  reply.int(found.length);
}

/** Null after an error reply. */
function readQuery(ctx: CommandContext, form: Form, type: number): Query | null {
  const query: Query = {
    center: null,
    from: null,
    shape: null,
    unit: 1,
    withDistance: false,
    withHash: false,
    withPlace: false,
    order: "none",
    count: 0,
    takesAny: false,
    storeAt: form.store === "first" ? 1 : 0,
    storesDistance: false,
  };
  const first = readPosition(ctx, form, type, query);
  if (first === 0 || !readOptions(ctx, form, type, query, first)) return null;
  const error = problemOf(ctx, form, query);
  if (error === null) return query;
  ctx.reply.error(error);
  return null;
}

/** Reads what GEORADIUS and GEORADIUSBYMEMBER have before their options. Returns the number of the first of those, 0 after an error reply. */
function readPosition(ctx: CommandContext, { center, store }: Form, type: number, query: Query): number {
  if (center === "options") return store === "first" ? 3 : 2;
  const radiusAt = center === "place" ? 4 : 3;
  // Nobody knows where a member of nothing is: Redis does not look at the radius either.
  if (center === "member" && type === TYPE_NONE) return radiusAt + 2;
  query.center = center === "place" ? placeArg(ctx, 2) : memberCenter(ctx, type, 2);
  if (query.center === null) return 0;
  return readCircle(ctx, radiusAt, query) ? radiusAt + 2 : 0;
}

/** Where the member at argument `i` is; null after an error reply. */
function memberCenter(ctx: CommandContext, type: number, i: number): Place | null {
  const place = memberPlace(ctx, type, i);
  if (place === null) ctx.reply.error(ERR.geoMember);
  return place;
}

/** False after an error reply. */
function readOptions(ctx: CommandContext, form: Form, type: number, query: Query, first: number): boolean {
  let i = first;
  while (i < ctx.request.argc) {
    const taken = readFlag(ctx, i, query) || readTail(ctx, form, i, query) || readArea(ctx, form, type, i, query);
    if (taken < 0) return false;
    if (taken === 0) {
      ctx.reply.error(ERR.syntax);
      return false;
    }
    i += taken;
  }
  return true;
}

// Each of these returns how many arguments an option at `i` has, itself included; 0 where it is none of its own, -1 after an error reply.

function readFlag({ request: r }: CommandContext, i: number, query: Query): number {
  if (r.is(i, "withdist")) query.withDistance = true;
  else if (r.is(i, "withhash")) query.withHash = true;
  else if (r.is(i, "withcoord")) query.withPlace = true;
  else if (r.is(i, "any")) query.takesAny = true;
  else if (r.is(i, "asc")) query.order = "asc";
  else if (r.is(i, "desc")) query.order = "desc";
  else return 0;
  return 1;
}

/** COUNT, and where to store. */
function readTail(ctx: CommandContext, { store }: Form, i: number, query: Query): number {
  const { request: r, reply } = ctx;
  const hasMore = i + 1 < r.argc;
  if (r.is(i, "count") && hasMore) {
    query.count = intArg(ctx, i + 1);
    if (query.count > 0) return 2;
    if (!Number.isNaN(query.count)) reply.error(ERR.geoCount);
    return -1;
  }
  const isDistance = r.is(i, "storedist");
  if (isDistance && store === "first") {
    query.storesDistance = true;
    return 1;
  }
  if ((!isDistance && !r.is(i, "store")) || store !== "option" || !hasMore) return 0;
  query.storeAt = i + 1;
  query.storesDistance = isDistance;
  return 2;
}

/** Center and shape of GEOSEARCH. A second center of the other kind, or a second shape, is none. */
function readArea(ctx: CommandContext, form: Form, type: number, i: number, query: Query): number {
  if (form.center !== "options") return 0;
  const { request: r } = ctx;
  const left = r.argc - i - 1;
  const kind = query.shape?.kind;
  const isFree = (own: Shape["kind"]) => kind === undefined || kind === own;
  if (r.is(i, "frommember") && left >= 1 && query.from !== "place" && kind !== "polygon") {
    query.from = "member";
    if (type === TYPE_NONE) return 2;
    query.center = memberCenter(ctx, type, i + 1);
    return query.center === null ? -1 : 2;
  }
  if (r.is(i, "fromlonlat") && left >= 2 && query.from !== "member" && kind !== "polygon") {
    query.from = "place";
    query.center = placeArg(ctx, i + 1);
    return query.center === null ? -1 : 3;
  }
  if (r.is(i, "byradius") && left >= 2 && isFree("circle")) return readCircle(ctx, i + 1, query) ? 3 : -1;
  if (r.is(i, "bybox") && left >= 3 && isFree("box")) return readBox(ctx, i + 1, query) ? 4 : -1;
  if (r.is(i, "bypolygon") && left >= 2 && isFree("polygon") && query.from === null)
    return readPolygon(ctx, i + 1, query);
  return 0;
}

/** A radius and its unit at arguments `i` and `i + 1`. False after an error reply. */
function readCircle(ctx: CommandContext, i: number, query: Query): boolean {
  const radius = lengthArg(ctx, i, ERR.geoRadius);
  if (Number.isNaN(radius)) return false;
  if (radius < 0) {
    ctx.reply.error(ERR.geoRadiusNegative);
    return false;
  }
  query.unit = unitArg(ctx, i + 1);
  query.shape = { kind: "circle", radius: radius * query.unit };
  return !Number.isNaN(query.unit);
}

/** Width, height and unit from argument `i` on. False after an error reply. */
function readBox(ctx: CommandContext, i: number, query: Query): boolean {
  const width = lengthArg(ctx, i, ERR.geoWidth);
  if (Number.isNaN(width)) return false;
  const height = lengthArg(ctx, i + 1, ERR.geoHeight);
  if (Number.isNaN(height)) return false;
  if (width < 0 || height < 0) {
    ctx.reply.error(ERR.geoBoxNegative);
    return false;
  }
  query.unit = unitArg(ctx, i + 2);
  query.shape = { kind: "box", width: width * query.unit, height: height * query.unit };
  return !Number.isNaN(query.unit);
}

/** How many corners, and their places, from argument `i` on; how many arguments that is with the word before it, -1 after an error reply. */
function readPolygon(ctx: CommandContext, i: number, query: Query): number {
  const { request: r, reply } = ctx;
  const count = parseSafeInt(r.buf, r.off[i], r.len[i]);
  if (!(Math.abs(count) <= INT32_MAX)) {
    reply.error(ERR.geoVertices);
    return -1;
  }
  if (count < MIN_VERTICES || r.argc - i - 1 < 2 * count) {
    reply.error(ERR.geoTooFewVertices);
    return -1;
  }
  const vertices: Place[] = [];
  for (let n = 0; n < count; n++) {
    const place = placeArg(ctx, i + 1 + 2 * n);
    if (place === null) return -1;
    vertices.push(place);
  }
  query.unit = 1;
  query.shape = { kind: "polygon", vertices };
  query.center = centerOf(vertices);
  return 2 + 2 * count;
}

/** What does not go together, or is missing. */
function problemOf({ request: r }: CommandContext, form: Form, query: Query): string | null {
  const { withDistance, withHash, withPlace, shape, from, storeAt } = query;
  if (storeAt > 0 && (withDistance || withHash || withPlace)) {
    return geoStoreOptions(form.store === "first" ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
  }
  if (form.center === "options") {
    if (from === null && shape?.kind !== "polygon") return geoOneOf("FROMMEMBER or FROMLONLAT", r.str(0));
    if (shape === null) return geoOneOf("BYRADIUS and BYBOX", r.str(0));
  }
  return query.takesAny && query.count === 0 ? ERR.geoAny : null;
}

/** A word, anywhere from argument `from` on, has a key behind it. */
function keyBehind(word: string, from: number): KeySpec {
  return { use: "OW update", begin: { word, from }, find: { last: 0, step: 1, limit: 0 } };
}

/** Of several STORE and STOREDIST the last one counts. */
function radiusKeys(request: Request): KeyUse[] {
  const uses = [{ index: 1, use: "RO access" }];
  for (let i = 5; i + 1 < request.argc; i++) {
    if (!request.is(i, "store") && !request.is(i, "storedist")) continue;
    uses[1] = { index: i + 1, use: "OW update" };
    i++;
  }
  return uses;
}

const UNIT = "<unit: M | KM | FT | MI>";
const CIRCLE = `radius:double ${UNIT} WITHCOORD? WITHDIST? WITHHASH? (count-block: COUNT=count:integer ANY?)? <order: ASC | DESC>?`;
const STORE = "<store: STORE=@storekey/1 | STOREDIST=@storedistkey/2>?";
const CENTER = "<from: FROMMEMBER=member | FROMLONLAT=(fromlonlat: longitude:double latitude:double)>";
const SHAPE = `<by: (circle: BYRADIUS=radius:double ${UNIT}) | (box: BYBOX=width:double height:double ${UNIT})>`;
const CORNER = "longitude:double latitude:double";
const POLYGON = `BYPOLYGON=(polygon: num-vertices:integer (first: ${CORNER}) (second: ${CORNER}) (vertex: ${CORNER})+)`;
const AREA = `<area: (around: ${CENTER} ${SHAPE}) | ${POLYGON}> <order: ASC | DESC>? (count-block: COUNT=count:integer ANY?)?`;
const COMPLEXITY = "O(N+log(M)) with N members in the cells around the area and M in all";
const RADIUS_HISTORY = [
  ["6.2.0", "ANY behind COUNT."],
  ["7.0.0", "Units in capital letters."],
] as const;

export const placeSearchCommands = family("geo", [
  {
    name: "georadius",
    arity: -6,
    flags: ["write", "denyoom", "movablekeys"],
    keys: [key(1, "RO access"), keyBehind("STORE", 6), keyBehind("STOREDIST", 6)],
    findKeys: radiusKeys,
    since: "3.2.0",
    complexity: COMPLEXITY,
    summary: "Finds the places within a distance of a place, and may store them.",
    syntax: `@key longitude:double latitude:double ${CIRCLE} ${STORE}`,
    history: RADIUS_HISTORY,
    deprecated: { since: "6.2.0", replacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument" },
    run: searcher({ center: "place", store: "option" }),
  },
  {
    name: "georadius_ro",
    arity: -6,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "3.2.10",
    complexity: COMPLEXITY,
    summary: "Finds the places within a distance of a place.",
    syntax: `@key longitude:double latitude:double ${CIRCLE}`,
    history: RADIUS_HISTORY,
    deprecated: { since: "6.2.0", replacedBy: "`GEOSEARCH` with the `BYRADIUS` argument" },
    run: searcher({ center: "place", store: "never" }),
  },
  {
    name: "georadiusbymember",
    arity: -5,
    flags: ["write", "denyoom", "movablekeys"],
    keys: [key(1, "RO access"), keyBehind("STORE", 5), keyBehind("STOREDIST", 5)],
    findKeys: radiusKeys,
    since: "3.2.0",
    complexity: COMPLEXITY,
    summary: "Finds the places within a distance of a member, and may store them.",
    syntax: `@key member ${CIRCLE} ${STORE}`,
    history: RADIUS_HISTORY,
    deprecated: {
      since: "6.2.0",
      replacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
    },
    run: searcher({ center: "member", store: "option" }),
  },
  {
    name: "georadiusbymember_ro",
    arity: -5,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "3.2.10",
    complexity: COMPLEXITY,
    summary: "Finds the places within a distance of a member.",
    syntax: `@key member ${CIRCLE}`,
    history: RADIUS_HISTORY,
    deprecated: { since: "6.2.0", replacedBy: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments" },
    run: searcher({ center: "member", store: "never" }),
  },
  {
    name: "geosearch",
    arity: -7,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "6.2.0",
    complexity: COMPLEXITY,
    summary: "Finds the places in a circle or a box around a place or a member, or in a polygon.",
    syntax: `@key ${AREA} WITHCOORD? WITHDIST? WITHHASH?`,
    history: [["7.0.0", "Units in capital letters."]],
    differs: "BYPOLYGON is Valkey's (9.0); one around a pole finds what is in it.",
    run: searcher({ center: "options", store: "never" }),
  },
  {
    name: "geosearchstore",
    arity: -8,
    flags: ["write", "denyoom"],
    keys: [key(1, "OW update"), key(2, "RO access")],
    since: "6.2.0",
    complexity: COMPLEXITY,
    summary: "Stores the places in an area as another sorted set, with their scores or their distances.",
    syntax: `@destination @source/1 ${AREA} STOREDIST?`,
    history: [["7.0.0", "Units in capital letters."]],
    differs:
      "BYPOLYGON is Valkey's (9.0). The last digits of a stored distance are those of our sine, not of the C library's.",
    run: searcher({ center: "options", store: "first" }),
  },
]);

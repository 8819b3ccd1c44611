/** Commands as templates: each part draws some arguments. */
import type { Arguments, Family } from "./arguments.js";
import { ABSENT_KEY, edgeIntegers, edgeTimes } from "./arguments.js";
import { payloads } from "./payloads.js";
import {
  exact,
  kinds,
  memberScores,
  near,
  type Rule,
  scanStep,
  score,
  scoresAnywhere,
  unordered,
  unorderedPairs,
} from "./rules.js";

/** Draws zero or more arguments. */
export type Part = (a: Arguments) => string[];

/** How a command is generated. */
export interface Template {
  readonly parts: readonly Part[];
  /** How often, beside the others. */
  readonly weight: number;
  /** Judges the replies to these arguments (the command's name is the first). */
  readonly rule?: (args: readonly string[]) => Rule;
  /** Arguments are never bent: with others the command would block, end the server or fill the memory. */
  readonly fixed?: boolean;
}

const key =
  (family?: Family): Part =>
  (a) => [a.key(family)];
const word =
  (...words: string[]): Part =>
  (a) => [a.casing(a.random.pick(words))];
const text =
  (...words: string[]): Part =>
  (a) => [a.random.pick(words)];
const many =
  (min: number, max: number, ...parts: Part[]): Part =>
  (a) =>
    Array.from({ length: a.random.int(min, max) }, () => parts.flatMap((part) => part(a))).flat();
const maybe =
  (probability: number, ...parts: Part[]): Part =>
  (a) =>
    a.random.chance(probability) ? parts.flatMap((part) => part(a)) : [];

const value: Part = (a) => [a.value()];
const member: Part = (a) => [a.member()];
const integer: Part = (a) => [a.integer()];
const scoreValue: Part = (a) => [a.score()];
const scoreBound: Part = (a) => [a.scoreBound()];
const database: Part = (a) => [a.database()];
/** Mostly none. One that Redis adds to the clock beyond 2^63 is not drawn: it finds that passed. */
const restoreTime: Part = (a) => [
  a.random.chance(0.6)
    ? "0"
    : a.random.chance(0.2)
      ? a.random.pick(["-1", "x", "", "9223372036854775808"])
      : a.milliseconds(),
];
const payload: Part = (a) => [a.random.chance(0.9) ? a.random.pick(payloads) : a.value()];
const pattern: Part = (a) => [a.pattern()];
const orEdge =
  (usual: (a: Arguments) => string): Part =>
  (a) => [a.random.chance(0.1) ? a.random.pick(edgeTimes) : usual(a)];
const seconds = orEdge((a) => a.seconds());
const milliseconds = orEdge((a) => a.milliseconds());
const timestamp = orEdge((a) => a.timestamp());
const timestampMs = orEdge((a) => a.timestampMs());
const offset: Part = (a) => [a.random.chance(0.2) ? a.random.pick(edgeIntegers) : String(a.random.int(-1, 60))];

/** A bit offset: near, or one that no string has. Those in between would make strings of hundreds of megabytes. */
const bitOffset: Part = (a) => {
  const { random } = a;
  if (random.chance(0.8)) return [String(random.int(0, random.chance(0.1) ? 3000 : 200))];
  return [random.pick(edgeIntegers.filter((edge) => !(Number(edge) >= 2 ** 31 - 1 && Number(edge) < 2 ** 32)))];
};
/** A number of fields has no edge of 64 bits: allow-list.ts says why. */
const fieldOffset: Part = (a) => {
  const [offset] = a.random.chance(0.3) ? [String(a.random.int(0, 12))] : bitOffset(a);
  return [a.random.chance(0.5) && offset.length < 17 ? `#${offset}` : offset];
};
const fieldType: Part = (a) => {
  const { random } = a;
  if (random.chance(0.04))
    return [random.pick(["u64", "i65", "u0", "i", "", "x8", "U8", "i-1", "u08", "i8\0x", "i\0"])];
  return [`${random.pick(["u", "i"])}${random.chance(0.4) ? random.pick([1, 8, 16, 32, 63]) : random.int(1, 63)}`];
};
const wideType: Part = (a) => (a.random.chance(0.1) ? ["i64"] : fieldType(a));
const fieldSteps = many(1, 4, (a) =>
  a.random
    .pick([
      [word("get"), wideType, fieldOffset],
      [word("set"), wideType, fieldOffset, integer],
      [word("incrby"), wideType, fieldOffset, integer],
      [word("overflow"), word("wrap", "sat", "fail", "sat", "fail", "nope")],
    ])
    .flatMap((part) => part(a)),
);

/** Keys of places, and now and then a sorted set whose scores are none. */
const geoKey: Part = (a) => [a.random.chance(0.9) ? `geo:${a.random.int(0, 3)}` : a.key("zset")];
/** Near each other, mostly; at the edges of the world; or no place. No two of them are the same: what is equally far has an order of its own in Redis. */
const place: Part = (a) => {
  const { random } = a;
  const near = (middle: number, spread: number) => (middle + (random.next() - 0.5) * spread).toFixed(6);
  if (random.chance(0.03)) return [a.float(), a.float()];
  if (random.chance(0.1)) return [random.pick(["180", "-180", "179.999", "-179.999"]), near(0, 170)];
  if (random.chance(0.1)) return [near(0, 360), random.pick(["85.05112878", "-85.05112878", "84.9", "-80.1", "66.5"])];
  return random.chance(0.7) ? [near(13.3, 0.5), near(52.5, 0.5)] : [near(0, 359), near(0, 169)];
};
const geoMember: Part = (a) => [`p${a.random.int(0, 60)}`];
const unit: Part = (a) => [a.random.chance(0.97) ? a.casing(a.random.pick(["m", "km", "ft", "mi"])) : "yd"];
const reach: Part = (a) => {
  const { random } = a;
  if (random.chance(0.05)) return [random.pick(["0", "-1", "x", "inf", "-inf", "nan", "1e300", ""])];
  return [(10 ** (random.next() * 7.5)).toFixed(2)];
};
const geoLimit: Part = (a) => {
  const { random } = a;
  const count = random.chance(0.05) ? random.pick(edgeIntegers) : String(random.int(1, 10));
  return random.chance(0.5) ? [] : [a.casing("count"), count, ...(random.chance(0.4) ? [a.casing("any")] : [])];
};
const geoOrder = maybe(0.5, word("asc", "desc"));
const geoWith = options([word("withdist")], [word("withcoord")], [word("withhash")]);
const geoCenter: Part = (a) =>
  a.random.chance(0.5) ? [a.casing("frommember"), ...geoMember(a)] : [a.casing("fromlonlat"), ...place(a)];
const geoShape: Part = (a) =>
  a.random.chance(0.5)
    ? [a.casing("byradius"), ...reach(a), ...unit(a)]
    : [a.casing("bybox"), ...reach(a), ...reach(a), ...unit(a)];
/** Parts in any order, one of them now and then missing or there twice. */
const shuffled =
  (...parts: Part[]): Part =>
  (a) => {
    const drawn = parts.map((part) => part(a));
    if (a.random.chance(0.03)) drawn.pop();
    if (a.random.chance(0.03)) drawn.push(a.random.pick(parts)(a));
    return a.random.shuffle(drawn).flat();
  };
/** Not STOREDIST, which groups.ts has. */
const geoStore: Part = (a) => [a.casing("store"), ...geoKey(a)];

const hllKey: Part = (a) => (a.random.chance(0.92) ? [`hll:${a.random.int(0, 3)}`] : key("string")(a));
/** Elements: now and then so many that a sparse value becomes a dense one. */
const hllElements: Part = (a) => {
  const { random } = a;
  const count = random.chance(0.05) ? random.int(100, 700) : random.int(0, 8);
  return Array.from({ length: count }, () => (random.chance(0.1) ? a.value() : `e${random.int(0, 20_000)}`));
};

/** Some of the options, in any order: mostly one or none, now and then several, also twice and such as do not go together. */
function options(...choices: readonly (readonly Part[])[]): Part {
  return (a) => {
    const { random } = a;
    const dice = random.next();
    const wanted = dice < 0.35 ? 0 : dice < 0.75 ? 1 : dice < 0.92 ? 2 : 3;
    return Array.from({ length: wanted }, () => random.pick(choices).flatMap((part) => part(a))).flat();
  };
}

const of = (weight: number, ...parts: Part[]): Template => ({ weight, parts });
const fixed = (weight: number, ...parts: Part[]): Template => ({ weight, parts, fixed: true });
const judged = (rule: Rule, template: Template): Template => ({ ...template, rule: () => rule });
const whatever = (template: Template): Template => judged(kinds, template);

const expireOptions = options([word("nx")], [word("xx")], [word("gt")], [word("lt")], [text("nope", "ex")]);
/** With GT and LT only times that differ: an edge given twice would be compared with itself some milliseconds later. */
const expiry = (usual: (a: Arguments) => string): Template => ({
  weight: 3,
  parts: [
    key(),
    (a) => {
      const chosen = expireOptions(a);
      const compares = chosen.some((option) => /^[gl]t$/i.test(option));
      return [!compares && a.random.chance(0.15) ? a.random.pick(edgeTimes) : usual(a), ...chosen];
    },
  ],
});
const scan = (family: Family, withScores: boolean, pairs: boolean): Template => ({
  weight: 2,
  parts: [key(family), scanCursor, scanOptions],
  rule: (args) => scanStep(args[2], withScores, pairs),
});
const scanCursor: Part = (a) => [a.random.chance(0.8) ? "0" : a.random.pick(edgeIntegers)];
const scanOptions = options(
  [word("match"), pattern],
  [word("count"), text("1000000", "100000", "5", "0", "-1", "x", "2147483648", "9223372036854775807")],
);

/** Some keys behind their number, mostly the right one, and sometimes a weight for each. */
const weighted: Part = (a) => {
  const { random } = a;
  const keys = Array.from({ length: random.int(1, 4) }, () => a.key(random.chance(0.8) ? "zset" : "set"));
  const number = random.chance(0.95) ? String(keys.length) : random.pick(edgeIntegers);
  const weights = random.chance(0.4) ? [a.casing("weights"), ...keys.map(() => a.score())] : [];
  return [number, ...keys, ...weights];
};
const aggregated = maybe(0.4, word("aggregate"), word("sum", "min", "max", "sum", "min", "max", "nope"));

/** What no syntax says: other weights, arguments that must not be bent, replies that are compared in a way of their own. All other commands on keys have the template that follows from their declaration (declared.ts). */
export const templates: Readonly<Record<string, Template>> = {
  // strings
  set: of(
    14,
    key("string"),
    value,
    options(
      [word("nx")],
      [word("xx")],
      [word("get")],
      [word("keepttl")],
      [word("ex"), seconds],
      [word("px"), milliseconds],
      [word("exat"), timestamp],
      [word("pxat"), timestampMs],
    ),
  ),
  setrange: of(3, key("string"), offset, value),
  // bitmaps
  setbit: fixed(5, key("string"), bitOffset, (a) => [a.random.chance(0.95) ? String(a.random.int(0, 1)) : a.integer()]),
  bitop: fixed(4, (a) => {
    const operation = a.random.chance(0.05) ? "nope" : a.random.pick(["and", "or", "xor", "not"]);
    const sources = operation === "not" && a.random.chance(0.9) ? 1 : a.random.int(1, 4);
    return [a.casing(operation), ...many(sources + 1, sources + 1, key("string"))(a)];
  }),
  bitfield: fixed(6, key("string"), fieldSteps, maybe(0.05, text("get", "overflow", "set u8 0", ""))),
  // HyperLogLog: keys that are nothing else, mostly, and whose bytes are not damaged, which Redis 7.0 does not always survive
  pfadd: fixed(6, hllKey, hllElements),
  pfcount: of(5, hllKey, maybe(0.3, many(1, 3, hllKey))),
  pfmerge: fixed(2, hllKey, many(0, 3, hllKey)),
  pfdebug: fixed(0.5, word("encoding", "encoding", "decode", "decode", "todense", "getreg", "nope"), hllKey),
  pfselftest: of(0.02),
  bitfield_ro: of(3, key("string"), many(0, 3, word("get"), wideType, fieldOffset), maybe(0.05, fieldSteps)),
  // places
  geoadd: of(8, geoKey, options([word("nx")], [word("xx")], [word("ch")]), many(1, 6, place, geoMember)),
  geodist: of(4, geoKey, geoMember, geoMember, maybe(0.6, unit)),
  geohash: of(2, geoKey, many(0, 3, geoMember)),
  geopos: of(2, geoKey, many(0, 3, geoMember)),
  georadius: of(3, geoKey, place, reach, unit, shuffled(geoWith, geoLimit, geoOrder, maybe(0.3, geoStore))),
  georadius_ro: of(2, geoKey, place, reach, unit, shuffled(geoWith, geoLimit, geoOrder)),
  georadiusbymember: of(3, geoKey, geoMember, reach, unit, shuffled(geoWith, geoLimit, geoOrder, maybe(0.3, geoStore))),
  georadiusbymember_ro: of(2, geoKey, geoMember, reach, unit, shuffled(geoWith, geoLimit, geoOrder)),
  geosearch: of(7, geoKey, shuffled(geoCenter, geoShape, geoWith, geoLimit, geoOrder)),
  geosearchstore: of(3, geoKey, geoKey, shuffled(geoCenter, geoShape, geoLimit, geoOrder)),
  // keys
  copy: of(3, key(), key(), options([word("db"), database], [word("replace")])),
  keys: judged(unordered, of(2, pattern)),
  move: of(3, key(), database),
  // Of keys that are not there: nothing is sent anywhere.
  migrate: fixed(
    0.5,
    text("127.0.0.1", ""),
    text("1", "x"),
    text(ABSENT_KEY),
    text("0", "x", ""),
    text("1", "0", "-1", "x"),
    options(
      [word("copy")],
      [word("replace")],
      [word("auth"), text("x")],
      [word("auth2"), text("x"), text("y")],
      [text("nope")],
    ),
    maybe(0.3, text("auth", "auth2 ", "keys", "KEYS")),
    maybe(0.3, text(ABSENT_KEY)),
  ),
  // With a replica it would wait for ever but for the timeout.
  wait: fixed(0.3, text("0", "-1", "x", "", "1"), text("1", "-1", "x", "", "1e3")),
  // A payload that Redis takes with what is around it, or a stream, is not drawn; nor is any time put in (see restoreTime).
  restore: fixed(
    5,
    key(),
    restoreTime,
    payload,
    options(
      [word("replace")],
      [word("replace")],
      [word("absttl")],
      [word("idletime"), integer],
      [word("freq"), text("0", "255", "256", "-1", "x")],
    ),
  ),
  scan: {
    weight: 3,
    parts: [
      scanCursor,
      options(
        [word("match"), pattern],
        [word("count"), text("1000000", "100000", "10", "0", "-1", "x")],
        [word("type"), text("string", "HASH", "list", "set", "zset", "none", "nope", "__proto__", "")],
      ),
    ],
    rule: (args) => scanStep(args[1], false, false),
  },
  "object|encoding": whatever(of(1, key())),
  "object|freq": of(1, key()),
  "object|idletime": whatever(of(1, key())),
  "object|refcount": whatever(of(1, key())),
  expire: expiry((a) => a.seconds()),
  pexpire: expiry((a) => a.milliseconds()),
  expireat: expiry((a) => a.anyTimestamp()),
  pexpireat: expiry((a) => `${a.anyTimestamp()}${a.random.int(100, 999)}`),
  ttl: judged(near(60), of(3, key())),
  pttl: judged(near(60_000), of(3, key())),
  expiretime: judged(near(60), of(3, key())),
  pexpiretime: judged(near(60_000), of(3, key())),
  // hashes
  hgetall: judged(unorderedPairs, of(3, key("hash"))),
  hscan: scan("hash", false, true),
  // lists
  // sets
  sscan: scan("set", false, false),
  // sorted sets
  zadd: {
    ...of(
      9,
      key("zset"),
      options([word("nx")], [word("xx")], [word("gt")], [word("lt")], [word("ch")], [word("incr")]),
      many(1, 4, scoreValue, member),
    ),
    rule: () => score,
  },
  zrank: fixed(3, key("zset"), member),
  zrevrank: fixed(2, key("zset"), member),
  zrange: {
    ...of(
      6,
      key("zset"),
      (a) =>
        a.random.chance(0.4) ? [a.scoreBound(), a.scoreBound(), a.casing("byscore")] : [a.integer(), a.integer()],
      options([word("rev")], [word("byscore")], [word("withscores")], [word("limit"), integer, integer]),
    ),
    rule: rangeRule,
  },
  zrevrange: { ...of(3, key("zset"), integer, integer, options([word("withscores")])), rule: rangeRule },
  zrangebyscore: {
    ...of(5, key("zset"), scoreBound, scoreBound, options([word("withscores")], [word("limit"), integer, integer])),
    rule: rangeRule,
  },
  zrevrangebyscore: {
    ...of(4, key("zset"), scoreBound, scoreBound, options([word("withscores")], [word("limit"), integer, integer])),
    rule: rangeRule,
  },
  zscan: scan("zset", true, true),
  // BYLEX needs members of one score: the group lexRange.
  zrangestore: of(
    3,
    key("zset"),
    key("zset"),
    (a) => (a.random.chance(0.4) ? [a.scoreBound(), a.scoreBound(), a.casing("byscore")] : [a.integer(), a.integer()]),
    options([word("rev")], [word("byscore")], [word("limit"), integer, integer], [word("withscores")]),
  ),
  // AGGREGATE COUNT is newer than the peer.
  zunion: judged(scoresAnywhere, of(3, weighted, aggregated, maybe(0.5, word("withscores")))),
  zinter: judged(scoresAnywhere, of(3, weighted, maybe(0.5, word("withscores")), aggregated)),
  zunionstore: fixed(3, key("zset"), weighted, aggregated, maybe(0.05, word("withscores"))),
  zinterstore: fixed(3, key("zset"), weighted, aggregated, maybe(0.05, word("limit"))),
  // connection
  ping: of(1, maybe(0.5, value)),
  echo: of(1, value),
  select: of(3, database),
  auth: of(1, text("default", "nobody", "x"), maybe(0.7, value)),
  role: of(0.1),
  "client|unblock": of(0.5, text("999999999", "0", "-1", "x"), maybe(0.6, text("timeout", "ERROR", "y"))),
  "client|getname": of(1),
  "client|setname": of(1, text("", "name", "a b", "tab\t", "\u00e4", "x".repeat(100))),
  "client|id": whatever(of(1)),
  "client|info": whatever(of(1)),
  "client|list": whatever(
    of(
      1,
      maybe(0.5, word("type"), text("normal", "pubsub", "master", "replica", "slave", "nope")),
      maybe(0.2, word("id"), text("999999999", "x", "0", "-1", "")),
    ),
  ),
  "client|kill": fixed(
    1,
    options(
      [word("id"), text("0", "999999999999", "x", "-1", "")],
      [word("type"), text("master", "nope")],
      [word("user"), text("nobody")],
      [word("addr"), text("1.2.3.4:5")],
      [word("laddr"), text("1.2.3.4:5")],
      [word("skipme"), text("maybe")],
      [text("1.2.3.4:5", "id", "")],
    ),
    maybe(0.3, text("1.2.3.4:5", "x")),
  ),
  // server
  dbsize: of(2),
  flushdb: of(0.15, options([word("async")], [word("sync")], [text("now")])),
  flushall: of(0.05, options([word("async")], [word("sync")], [text("now")])),
  info: whatever(of(0.2, maybe(0.8, text("server", "KEYSPACE", "commandstats", "nope", "everything")))),
  swapdb: of(1, database, database),
  "memory|usage": whatever(of(1, key(), options([word("samples"), integer], [text("nope")]))),
  "memory|doctor": whatever(of(0.1)),
  "memory|malloc-stats": whatever(of(0.1)),
  "memory|purge": of(0.05),
  "memory|stats": judged((h, r) => h.kind === r.kind, of(0.1)),
  lastsave: whatever(of(0.2)),
  time: whatever(of(0.3)),
  save: of(0.02),
  bgsave: fixed(0.2, text("now", "", "schedul"), maybe(0.3, value)),
  shutdown: fixed(0.3, text("nope", "abort", "ABORT now", ""), maybe(0.4, text("abort", "x"))),
  "config|get": whatever(fixed(0.5, many(1, 2, text("maxclients", "nope", "__proto__", "appendon[l]y", "hz")))),
  "config|set": fixed(
    0.5,
    text("nope", "__proto__", "constructor"),
    value,
    maybe(0.3, text("maxclients"), maybe(0.5, value)),
  ),
  "config|resetstat": of(0.1),
  "latency|latest": whatever(of(0.1)),
  "latency|history": whatever(of(0.1, text("command", "nope"))),
  "latency|graph": of(0.1, text("nope", "")),
  "latency|doctor": whatever(of(0.1)),
  "latency|reset": of(0.1, maybe(0.5, text("nope"))),
  "latency|histogram": whatever(of(0.1, maybe(0.5, text("get", "nope")))),
  "slowlog|get": whatever(fixed(0.2, text("0", "-2", "x", "", "1 2"))),
  "slowlog|len": whatever(of(0.1)),
  "slowlog|reset": of(0.1),
  "config|rewrite": of(0.2),
  debug: fixed(0.3, text("sleep"), text("0", "0.0001", "-1")),
  command: judged((h, r) => h.kind === r.kind, of(0.03)),
  "command|count": whatever(of(0.2)),
  "command|docs": judged((h, r) => h.kind === r.kind, of(0.2, many(1, 2, text("get", "nope", "__proto__")))),
  "command|info": judged(
    sameCommandInfo,
    fixed(0.5, many(1, 3, text("get", "SET", "blpop", "nope", "constructor", "zadd", "mset", "config|get"))),
  ),
  "command|list": judged(
    (h, r) => h.kind === r.kind,
    of(0.2, maybe(0.7, word("filterby"), text("aclcat", "pattern", "module", "nope"), text("read", "x*", ""))),
  ),
  "command|getkeys": fixed(
    1,
    word("get", "mset", "set", "blpop", "del", "config", "ping", "nope", "zadd", "exec"),
    many(1, 4, key()),
  ),
  "command|getkeysandflags": fixed(0.5, word("get", "mset", "del", "ping", "nope", "rename"), many(1, 4, key())),
  // transactions: EXEC and DISCARD come more often once MULTI was sent (generator.ts)
  multi: of(4),
  exec: of(1),
  discard: of(0.5),
  watch: of(3, many(1, 3, key())),
  unwatch: of(1),
  // pub/sub: with nobody listening; the others have a test of their own
  publish: of(1, text("channel", "", "__proto__"), value),
  "pubsub|channels": of(0.5, maybe(0.5, pattern)),
  "pubsub|numsub": of(0.5, many(0, 3, text("channel", "", "__proto__"))),
  "pubsub|numpat": of(0.3),
  "pubsub|shardchannels": of(0.3, maybe(0.5, pattern)),
  "pubsub|shardnumsub": of(0.3, many(0, 3, text("channel", "", "__proto__"))),
};

function rangeRule(args: readonly string[]): Rule {
  return args.slice(4).some((arg) => arg.toLowerCase() === "withscores") ? memberScores : exact;
}

/** Name, arity, positions of the keys; flags, categories and tips are not what a client's routing rests on, and 7.2 changed some. */
function sameCommandInfo(...[h, r]: Parameters<Rule>): boolean {
  if (h.kind !== r.kind || h.items.length !== r.items.length) return false;
  return h.items.every((row, i) => {
    const other = r.items[i];
    return (
      row.kind === other.kind && [0, 1, 3, 4, 5].every((field) => row.items[field]?.text === other.items[field]?.text)
    );
  });
}

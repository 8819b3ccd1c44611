/**
 * Commands that need company: those whose effect is a matter of chance or of the machine (what they leave behind is made equal again), those that
 * would wait, and those that Redis lacks. A group is sent on one connection without anything in between.
 */
import { ABSENT_KEY, type Arguments, edgeFloats, edgeIntegers, type Family, traps } from "./arguments.js";
import type { Reply } from "./reply.js";
import { exact, kinds, mapExcept, type Rule, score, scoresAnywhere, unordered } from "./rules.js";
import { type Step, step, translated } from "./step.js";

/** Some commands that belong together. */
export interface Group {
  /** Names of rows. */
  readonly covers: readonly string[];
  readonly weight: number;
  /** @param protocol what the connection is to speak afterwards */
  readonly make: (a: Arguments, protocol: 2 | 3) => Step[];
}

const group = (weight: number, covers: readonly string[], make: Group["make"]): Group => ({ weight, covers, make });

/** Remembers both replies and finds them the same when `rule` does. */
class Remembered {
  hearth: readonly string[] = [];
  redis: readonly string[] = [];

  readonly rule: Rule = (h, r) => {
    this.hearth = texts(h);
    this.redis = texts(r);
    return unordered(h, r);
  };
}

function texts(reply: Reply): string[] {
  return reply.items.map((item) => item.text);
}

/** What was chosen is one of what there was, and all different where they must be. */
function isChoice(chosen: Reply, from: readonly string[], different: boolean): boolean {
  const texts = chosen.kind === "$" ? [chosen.text] : chosen.items.map((item) => item.text);
  return texts.every((text) => from.includes(text)) && (!different || new Set(texts).size === texts.length);
}

function spop(a: Arguments): Step[] {
  const key = a.key("set");
  const before = new Remembered();
  /** Stays null when the command fails, which must leave everything as it is. */
  let left: { hearth: readonly string[]; redis: readonly string[] } | null = null;
  const rule: Rule = (h, r) => {
    if (h.kind !== r.kind || h.items.length !== r.items.length) return false;
    left = { hearth: without(before.hearth, h), redis: without(before.redis, r) };
    return isChoice(h, before.hearth, true) && isChoice(r, before.redis, true);
  };
  const afterwards: Rule = (h, r) => {
    const { hearth, redis } = left ?? before;
    return h.kind === r.kind && sameMembers(texts(h), hearth) && sameMembers(texts(r), redis);
  };
  const count = a.random.chance(0.6) ? [a.count()] : [];
  return [
    step(["smembers", key], before.rule),
    step([a.casing("spop"), key, ...count], rule),
    step(["smembers", key], afterwards),
    step(["del", key]),
  ];
}

function without(members: readonly string[], taken: Reply): string[] {
  const gone = new Set(taken.kind === "$" ? [taken.text] : texts(taken));
  return members.filter((member) => !gone.has(member));
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
}

/** A count far below zero asks for as many choices: only of a key that is not there. */
function randomElements(name: string, family: Family, all: readonly string[], word: string | null) {
  return (a: Arguments): Step[] => {
    const { random } = a;
    const before = new Remembered();
    const edge = random.chance(0.15);
    const key = edge ? ABSENT_KEY : a.key(family);
    const count = edge ? random.pick(edgeIntegers) : String(random.int(-20, 20));
    const rule: Rule = (h, r) => {
      if (h.kind !== r.kind || h.items.length !== r.items.length) return false;
      const different = !count.startsWith("-");
      return isChoice(h, before.hearth, different) && isChoice(r, before.redis, different);
    };
    const look = step([all[0], key, ...all.slice(1)], before.rule);
    const args = random.chance(0.6) ? [count] : [];
    if (word === null || args.length === 0 || random.chance(0.5))
      return [look, step([a.casing(name), key, ...args], rule)];
    const words = random.chance(0.9) ? [a.casing(word)] : random.pick([["nope"], [word, word]]);
    return [step([a.casing(name), key, ...args, ...words], kinds)];
  };
}

function randomKey(a: Arguments): Step[] {
  const before = new Remembered();
  const rule: Rule = (h, r) => h.kind === r.kind && isChoice(h, before.hearth, true) && isChoice(r, before.redis, true);
  return [step(["keys", "*"], before.rule), step([a.casing("randomkey")], rule)];
}

function incrByFloat(a: Arguments): Step[] {
  const key = a.key("string");
  return [
    step([a.casing("incrbyfloat"), key, a.float()]),
    step(["set", key, String(a.random.int(-9, 9)), "xx", "keepttl"]),
  ];
}

function hincrByFloat(a: Arguments): Step[] {
  const [key, field] = [a.key("hash"), a.member()];
  return [step([a.casing("hincrbyfloat"), key, field, a.float()]), step(["hdel", key, field])];
}

/** There is something to pop, so it cannot wait; or a key before it is of another type, or the timeout is none. */
function blockingPop(a: Arguments): Step[] {
  const { random } = a;
  const key = random.pick(["list:0", "list:1", "list:2"]);
  const others = Array.from({ length: random.int(0, 2) }, () => a.key("list"));
  const timeout = random.chance(0.5) ? String(random.int(0, 3)) : random.pick([...edgeIntegers, ...edgeFloats]);
  return [
    step(["del", key]),
    step(["rpush", key, a.value(), a.value(), a.value()]),
    step([a.casing(random.pick(["blpop", "brpop"])), ...random.shuffle([...others, key, a.key("string")]), timeout]),
  ];
}

/** The same for all others that wait: the source or the first key that has something is there. */
function blockingOther(a: Arguments): Step[] {
  const { random } = a;
  const name = random.pick(["blmove", "brpoplpush", "blmpop", "bzpopmin", "bzpopmax", "bzmpop"]);
  const isZset = name.startsWith("bz");
  const family = isZset ? "zset" : "list";
  const key = `${family}:${random.int(0, 2)}`;
  const timeout = random.chance(0.5) ? String(random.int(0, 3)) : random.pick([...edgeIntegers, ...edgeFloats]);
  const filled = isZset ? ["zadd", key, "1", a.member(), "2", a.member()] : ["rpush", key, a.value(), a.value()];
  const keys = random.shuffle([...Array.from({ length: random.int(0, 2) }, () => a.key(family)), key]);
  const side = () => a.casing(random.pick(["left", "right"]));
  const counted = [String(keys.length), ...keys, isZset ? a.casing(random.pick(["min", "max"])) : side()];
  const count = random.chance(0.4) ? [a.casing("count"), a.count()] : [];
  const args: Readonly<Record<string, readonly string[]>> = {
    blmove: [key, a.key("list"), side(), side(), timeout],
    brpoplpush: [key, a.key("list"), timeout],
    blmpop: [timeout, ...counted, ...count],
    bzmpop: [timeout, ...counted, ...count],
    bzpopmin: [...keys, timeout],
    bzpopmax: [...keys, timeout],
  };
  return [step(["del", key]), step(filled), step([a.casing(name), ...args[name]], isZset ? scoresAnywhere : exact)];
}

/** Members in the order of their bytes: defined only while all scores are the same. */
function lexRange(a: Arguments): Step[] {
  const { random } = a;
  const key = random.pick(["zset:0", "zset:1"]);
  const members = Array.from({ length: random.int(0, 12) }, () => ["0", a.member()]).flat();
  const range = () => {
    const limit = random.chance(0.3) ? [a.casing("limit"), a.integer(), a.integer()] : [];
    const words = [[a.casing("bylex")], random.chance(0.4) ? [a.casing("rev")] : [], limit];
    const more = random.chance(0.05) ? ["withscores"] : [];
    return step(["zrange", key, a.lexBound(), a.lexBound(), ...random.shuffle(words).flat(), ...more]);
  };
  const others = () => {
    const limit = random.chance(0.3) ? [a.casing("limit"), a.integer(), a.integer()] : [];
    const name = random.pick(["zrangebylex", "zrevrangebylex", "zlexcount", "zremrangebylex", "zrangestore"]);
    if (name === "zrangestore") return step([name, a.key("zset"), key, a.lexBound(), a.lexBound(), "bylex", ...limit]);
    return step([a.casing(name), key, a.lexBound(), a.lexBound(), ...(name.startsWith("zr") ? limit : [])]);
  };
  const added = members.length > 0 ? [step(["zadd", key, ...members], score)] : [];
  return [step(["del", key]), ...added, range(), others(), range(), others(), others()];
}

const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
const lockScript = `
  local r = redis.pcall('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
  if r and r.err then return r end
  local t = redis.call('TYPE', KEYS[1]).ok
  if t ~= 'string' then return redis.error_reply('${WRONG_TYPE}') end
  return r and 1 or 0`;
const ownerScript = (effect: string) => `
  local r = redis.pcall('SET', 'scratch', '1', 'XX', 'PX', ARGV[2])
  if r and r.err then return r end
  local v = redis.pcall('GET', KEYS[1])
  if type(v) == 'table' then return v end
  if v ~= ARGV[1] then return 0 end
  return redis.call(${effect})`;
const scripts: Readonly<Record<string, string>> = {
  lock: lockScript,
  unlock: ownerScript("'DEL', KEYS[1]"),
  extendlock: ownerScript("'PEXPIRE', KEYS[1], ARGV[2]"),
};

/** A token is some positive integer. */
const tokenOrSame: Rule = (h, r) =>
  exact(h, r) || (h.kind === ":" && r.kind === ":" && r.text === "1" && /^[1-9]\d*$/.test(h.text));

/** Our locks beside scripts that do the same to Redis. */
function lock(a: Arguments): Step[] {
  const { random } = a;
  const name = random.pick(["lock", "lock", "unlock", "extendlock"]);
  const [key, owner] = [a.key("string"), random.pick(["me", "you", a.value()])];
  const ttl = random.chance(0.15) ? a.milliseconds() : random.pick(["0", "-1", "x", "", "9223372036854775807"]);
  const args = [a.casing(name), key, owner, ...(name === "unlock" ? [] : [ttl])];
  const renamed = (reply: Reply) => rename(reply, reply.text.includes("'get'") ? "get" : "set", name);
  // With too few arguments both refuse at once, also inside a transaction.
  if (random.chance(0.05)) return [translated(args.slice(0, random.int(1, args.length - 1)), ["get"], renamed)];
  const scripted = ["eval", scripts[name], "1", key, owner, name === "unlock" ? "1000" : ttl];
  return [translated(args, scripted, renamed, name === "lock" ? tokenOrSame : exact)];
}

function mdel(a: Arguments): Step[] {
  const keys = Array.from({ length: a.random.int(0, 4) }, () => a.key());
  return [translated([a.casing("mdel"), ...keys], ["del", ...keys], (reply) => rename(reply, "del", "mdel"))];
}

function rename(reply: Reply, from: string, to: string): Reply {
  return reply.kind === "-" ? { ...reply, text: reply.text.replace(`'${from}'`, `'${to}'`) } : reply;
}

const sameHello = mapExcept("version", "id");

/** Other protocols and back; wrong options, which change nothing. */
function hello(a: Arguments, protocol: 2 | 3): Step[] {
  const { random } = a;
  const version = random.chance(0.8) ? random.pick(["2", "3"]) : random.pick(edgeIntegers);
  const first = [[], ["auth", "default", "x"], ["auth", "nobody", "x"]];
  const last = [[], ["auth", "nobody", "x"], ["setname", "name"], ["setname", "a b"], ["auth"], ["nope"], ["n\0pe"]];
  const args = random.chance(0.2) ? [] : [version, ...random.pick(first), ...random.pick(last)];
  return [step([a.casing("hello"), ...args], sameHello), ...between(a), step(["hello", String(protocol)], sameHello)];
}

function reset(a: Arguments, protocol: 2 | 3): Step[] {
  return [step([a.casing("reset")]), ...between(a), step(["hello", String(protocol)], sameHello)];
}

/** Replies whose form depends on the protocol. */
function between(a: Arguments): Step[] {
  return a.random.shuffle([
    step(["get", ABSENT_KEY]),
    step(["hmget", ABSENT_KEY, "f"]),
    step(["lpop", ABSENT_KEY, "1"]),
    step(["smembers", ABSENT_KEY]),
    step(["client", "getname"]),
  ]);
}

/** More elements than a packed encoding holds. */
function fill(a: Arguments): Step[] {
  const { random } = a;
  const n = random.pick([127, 128, 129, 130, 300, 511, 512, 513, 600]);
  const numbered = Array.from({ length: n }, (_, i) => (random.chance(0.5) ? String(i) : `m${i}`));
  switch (random.int(0, 4)) {
    case 0:
      return [step(["rpush", a.key("list"), ...numbered])];
    case 1:
      return [step(["sadd", a.key("set"), ...numbered])];
    case 2:
      return [step(["hset", a.key("hash"), ...numbered.flatMap((name) => [name, a.value()])])];
    case 3:
      return [step(["sadd", a.key("set"), ...numbered.map((_, i) => String(i))])];
    default:
      return [step(["zadd", a.key("zset"), ...numbered.flatMap((name) => [a.score(), name])])];
  }
}

/**
 * Names that are no commands, and subcommands that are none. Not one with a zero byte behind a real name: Redis compares it as a C string when the
 * hash happens to lead to the right bucket, so it knows the name in some runs and not in others.
 */
function unknown(a: Arguments): Step[] {
  const { random } = a;
  const more = Array.from({ length: random.int(0, 4) }, () => a.value());
  if (random.chance(0.6)) return [step([random.pick([...traps, "", "nope", "g".repeat(200), " get"]), ...more])];
  const container = random.pick(["client", "config", "command", "object", "pubsub", "debug"]);
  return [step([a.casing(container), random.pick([...traps, "nope", "", "x".repeat(200)]), ...more])];
}

/** Commands that templates never bend with fewer arguments than they need. */
function tooFew(a: Arguments): Step[] {
  const names = [
    "subscribe",
    "psubscribe",
    "client",
    "config",
    "memory",
    "slowlog",
    "latency",
    "object",
    "pubsub",
    "debug",
  ];
  if (a.random.chance(0.6)) return [step([a.casing(a.random.pick(names))])];
  return [
    step(a.random.pick([["zrank"], ["zrevrank", a.key()], ["command", "getkeys"], ["command", "getkeysandflags"]])),
  ];
}

function help(a: Arguments): Step[] {
  const container = a.random.pick(["client", "config", "command", "memory", "object", "pubsub", "slowlog", "latency"]);
  const extra = a.random.chance(0.1) ? ["x"] : [];
  return [step([a.casing(container), a.casing("help"), ...extra], kinds)];
}

/**
 * Elements are made beforehand: of what is there few are numbers. Redis 7.0 takes a number that was out of range anywhere before for an error of the next SORT
 * by numbers (errno); so none of these is stored. What weighs the same has an order only where it is numbers that weigh.
 */
function sort(a: Arguments): Step[] {
  const { random } = a;
  const key = a.key(random.pick(["list", "set", "zset"]));
  const isAlpha = random.chance(0.4);
  const element = () =>
    random.chance(0.03) ? a.value() : isAlpha ? a.member() : String(random.int(-4, 12) / random.pick([1, 1, 1, 4]));
  const elements = Array.from({ length: random.int(1, 12) }, element);
  const fill = random.pick([
    ["rpush", key, ...elements],
    ["sadd", key, ...elements],
    ["zadd", key, ...elements.flatMap((one) => [a.score(), one])],
  ]);
  const pattern = () =>
    random.pick(["string:*", "hash:*->m1", "hash:*->", "*", "#", "nosort", "zset:*", "s*:1", "none*", ""]);
  const by = random.chance(0.5) ? [a.casing("by"), pattern()] : [];
  const limit = random.chance(0.4) ? [a.casing("limit"), a.integer(), a.integer()] : [];
  const get = Array.from({ length: random.chance(0.4) ? random.int(1, 3) : 0 }, () => [a.casing("get"), pattern()]);
  const order = random.chance(0.6) ? [a.casing(random.pick(["asc", "desc"]))] : [];
  const alpha = isAlpha || random.chance(0.1) ? [a.casing("alpha")] : [];
  const isLoose = by.length > 0 && (alpha.length > 0 || !by[1].includes("*"));
  const byNumbers = alpha.length === 0 && (by.length === 0 || by[1].includes("*"));
  const store = !isLoose && !byNumbers && random.chance(0.3) ? [a.casing("store"), a.key("list")] : [];
  const wrong = random.chance(0.05) ? [random.pick(["nope", "limit", "get", "store", ""])] : [];
  const options = random.shuffle([by, limit, order, alpha, store, ...get]).flat();
  const name = store.length === 0 && random.chance(0.4) ? "sort_ro" : "sort";
  const rule: Rule = !isLoose ? exact : limit.length > 0 ? (h, r) => h.items.length === r.items.length : unordered;
  return [
    ...(random.chance(0.8) ? [step(["del", key]), step(fill)] : []),
    step([a.casing(name), key, ...options, ...wrong], rule),
  ];
}

/** All groups, by what they are about. */
/** Distances as scores: the last digits of a sine depend on the C library. */
function storedDistances(a: Arguments): Step[] {
  const { random } = a;
  const source = `geo:${random.int(0, 3)}`;
  const center = ["fromlonlat", (13 + random.next() / 2).toFixed(4), (52.5 + random.next() / 4).toFixed(4)];
  const shape = ["byradius", String(random.int(1, 100)), random.pick(["km", "mi", "m", "ft"])];
  const isRadius = random.chance(0.3);
  const store = isRadius
    ? ["georadius", source, ...center.slice(1), ...shape.slice(1), "storedist", "distances"]
    : ["geosearchstore", "distances", source, ...center, ...shape, "storedist"];
  const isNear: Rule = (h, r) =>
    h.kind === r.kind && h.items.length === r.items.length && h.items.every((item, i) => nearly(item, r.items[i]));
  return [step(store), step(["zrange", "distances", "0", "-1", "withscores"], isNear), step(["del", "distances"])];
}

/** The same text, number or pair of both, but for what rounding makes of a number. */
function nearly(h: Reply, r: Reply): boolean {
  if (h.items.length > 0)
    return h.items.length === r.items.length && h.items.every((item, i) => nearly(item, r.items[i]));
  const [x, y] = [Number(h.text), Number(r.text)];
  return h.text === r.text || Math.abs(x - y) <= 1e-13 * Math.abs(y);
}

/** A new HyperLogLog with some elements, and every byte of it, mostly while it is sparse. */
function hyperLogLog(a: Arguments): Step[] {
  const { random } = a;
  const key = `hll:${random.int(0, 3)}`;
  const size = random.pick([3, 30, 300, 1500]);
  const add = () => {
    const elements = Array.from({ length: random.int(0, size / 2) }, () => `${random.int(0, 1e9)}${a.value()}`);
    return step(["pfadd", key, ...elements]);
  };
  const shown = [step(["pfcount", key]), step(["get", key]), step(["pfdebug", "encoding", key])];
  return [step(["del", key]), add(), ...shown, add(), step(["get", key]), add(), ...shown];
}

export const groups: Readonly<Record<string, Group>> = {
  spop: group(3, ["spop"], spop),
  srandmember: group(3, ["srandmember"], randomElements("srandmember", "set", ["smembers"], null)),
  zrandmember: group(3, ["zrandmember"], randomElements("zrandmember", "zset", ["zrange", "0", "-1"], "withscores")),
  hrandfield: group(3, ["hrandfield"], randomElements("hrandfield", "hash", ["hkeys"], "withvalues")),
  randomKey: group(1, ["randomkey"], randomKey),
  incrByFloat: group(4, ["incrbyfloat"], incrByFloat),
  hincrByFloat: group(3, ["hincrbyfloat"], hincrByFloat),
  blockingPop: group(3, ["blpop", "brpop"], blockingPop),
  blockingOther: group(4, ["blmove", "brpoplpush", "blmpop", "bzpopmin", "bzpopmax", "bzmpop"], blockingOther),
  lexRange: group(4, ["zrangebylex", "zrevrangebylex", "zlexcount", "zremrangebylex"], lexRange),
  lock: group(5, ["lock", "unlock", "extendlock"], lock),
  mdel: group(1.5, ["mdel"], mdel),
  hello: group(0.7, ["hello"], hello),
  reset: group(0.3, ["reset"], reset),
  sort: group(4, ["sort", "sort_ro"], sort),
  fill: group(0.4, [], fill),
  storedDistances: group(1, [], storedDistances),
  hyperLogLog: group(0.5, [], hyperLogLog),
  unknown: group(2, [], unknown),
  tooFew: group(0.5, ["client", "config", "memory", "slowlog", "latency", "object", "pubsub"], tooFew),
  help: group(
    0.5,
    [
      "client|help",
      "config|help",
      "command|help",
      "memory|help",
      "object|help",
      "pubsub|help",
      "slowlog|help",
      "latency|help",
    ],
    help,
  ),
};

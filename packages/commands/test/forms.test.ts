/**
 * Forms of collections: the same replies and the same log, whichever a value has and whenever it changes. What OBJECT ENCODING tells follows CONFIG's
 * parameters and the value's history, not our form.
 */
import { OP_BATCH, OP_RESTORE, type PackedLimits } from "@hearthkv/engine";
import { describe, expect, test } from "vitest";
import { CommandRunner } from "./transcript.js";

/** The number is a random one below 2^32. */
type Step = (n: number) => string[];

const field = (n: number) => `f${n % 30}`;
const member = (n: number) => (n % 7 < 4 ? String(n % 40) : `m${n % 40}`);
const text = (n: number) => (n % 50 === 0 ? "x".repeat(n % 300) : String(n % 1000));

const STEPS: readonly Step[] = [
  (n) => ["hset", "h", field(n), text(n >>> 5), field(n >>> 7), text(n >>> 9), field(n >>> 11), text(n >>> 13)],
  (n) => ["hset", "h", field(n), text(n >>> 5)],
  (n) => ["hsetnx", "h", field(n), text(n >>> 5)],
  (n) => ["hincrby", "h", field(n), String(n % 100)],
  (n) => ["hincrbyfloat", "h", field(n), "0.5"],
  (n) => ["hdel", "h", field(n), field(n >>> 5), field(n >>> 9)],
  (n) => ["hget", "h", field(n)],
  (n) => ["hmget", "h", field(n), field(n >>> 5), "none"],
  (n) => ["hexists", "h", field(n)],
  (n) => ["hstrlen", "h", field(n)],
  () => ["hlen", "h"],
  (n) => ["sadd", "s", member(n), member(n >>> 5), member(n >>> 9)],
  (n) => ["sadd", "s", member(n) + text(n >>> 7)],
  (n) => ["srem", "s", member(n), member(n >>> 5), member(n >>> 9)],
  (n) => ["sismember", "s", member(n)],
  (n) => ["smismember", "s", member(n), member(n >>> 5)],
  () => ["scard", "s"],
  (n) => (n % 10 === 0 ? ["copy", "h", "h2", "replace"] : ["hlen", "h2"]),
  (n) => (n % 10 === 0 ? ["rename", "h2", "h"] : ["exists", "h2"]),
  (n) => (n % 20 === 0 ? ["del", "h", "s"] : ["type", "h"]),
];

const long = (n: number) => "x".repeat(n % 90);
const KEYS = ["h", "s", "z", "l"];
const ALL_KEYS = [...KEYS, "c", "r", "z2"];

/** What makes collections grow and shrink across every limit, of ours and of CONFIG. */
const TIDES: readonly Step[] = [
  (n) => ["hset", "h", ...Array.from({ length: 1 + (n % 40) }, (_, i) => [field((n >>> 8) + i), text(n + i)]).flat()],
  (n) => ["hset", "h", field(n), long(n >>> 5)],
  (n) => ["hdel", "h", ...Array.from({ length: 1 + (n % 40) }, (_, i) => field((n >>> 8) + i))],
  (n) => ["sadd", "s", ...Array.from({ length: 1 + (n % 40) }, (_, i) => String(((n >>> 8) + i) % 50))],
  (n) => ["sadd", "s", member(n) + long(n >>> 5)],
  (n) => ["srem", "s", ...Array.from({ length: 1 + (n % 40) }, (_, i) => String(((n >>> 8) + i) % 50))],
  (n) => ["zadd", "z", ...Array.from({ length: 1 + (n % 40) }, (_, i) => [String(n % 30), field(n + i)]).flat()],
  (n) => ["zadd", "z", String(n % 30), member(n) + long(n >>> 5)],
  (n) => ["zpopmin", "z", String(n % 40)],
  (n) => ["zpopmax", "z", String(n % 40)],
  (n) => ["zremrangebyrank", "z", String(n % 7), String((n % 7) + (n % 3))],
  (n) => ["zremrangebyscore", "z", String(n % 30), String((n % 30) + 2)],
  (n) => [n % 2 === 0 ? "sinterstore" : "sunionstore", n % 3 === 0 ? "s" : "c", "s", n % 5 === 0 ? "z2" : "c"],
  () => ["sdiffstore", "c", "s", "c"],
  (n) => ["zunionstore", n % 3 === 0 ? "z" : "z2", "2", "z", n % 2 === 0 ? "s" : "z2", "weights", "0.5", "1"],
  (n) => ["zrangestore", "z2", "z", String(n % 9), String(-(n % 9))],
  (n) => ["rpush", "l", ...Array.from({ length: 1 + (n % 40) }, (_, i) => text(n + i))],
  (n) => ["lpush", "l", long(n), long(n >>> 5), long(n >>> 9)],
  (n) => ["lpop", "l", String(n % 40)],
  (n) => ["rpop", "l", String(n % 40)],
  (n) => ["lset", "l", String(n % 20), n % 8 === 0 ? long(n >>> 5) : text(n >>> 5)],
  (n) => ["linsert", "l", "before", text(n), long(n >>> 5)],
  (n) => ["lrem", "l", String((n % 5) - 2), text(n >>> 5)],
  (n) => ["ltrim", "l", String(n % 5), String(-(n % 7))],
  (n) => ["lmove", "l", n % 9 === 0 ? "r" : "l", n % 2 === 0 ? "left" : "right", n % 3 === 0 ? "left" : "right"],
  (n) => ["del", KEYS[n % 4] as string],
  () => ["del", "s"],
  (n) => ["copy", KEYS[n % 4] as string, "c", "replace"],
  (n) => (n % 3 === 0 ? ["rename", KEYS[n % 4] as string, "r"] : ["exists", "r"]),
  ...ALL_KEYS.map((key) => () => ["object", "encoding", key]),
];

/** Our own limits, which no reply tells. */
const LAYOUTS: readonly [name: string, limit: (step: number) => Partial<PackedLimits>][] = [
  ["no larger than CONFIG says", () => ({ entries: 0 })],
  ["up to a few", () => ({ entries: 30, bytes: 300 })],
  ["up to many", () => ({ entries: 1000, bytes: 100_000 })],
  ["now so, now so", (step) => ({ entries: step % 60, bytes: (step % 7) * 200 })],
];

/** What changes how collections are kept, and nothing else. */
const FORMS: readonly [name: string, limit: (step: number) => Partial<PackedLimits>][] = [
  ["as usual", () => ({})],
  ["never packed", () => ({ entries: 0, hashEntries: 0, setIntegers: 0, setEntries: 0 })],
  ["packed up to a few", () => ({ entries: 6, hashEntries: 6, setIntegers: 5, setEntries: 7 })],
  ["packed up to a few bytes", () => ({ bytes: 100, hashValueBytes: 3, setValueBytes: 2 })],
  ["packed beyond CONFIG", () => ({ entries: 1e9, hashEntries: 0, setIntegers: 0, setEntries: 0 })],
  ["packed without limits", () => ({ hashEntries: 1e9, hashValueBytes: 1e9, setEntries: 1e9, setValueBytes: 1e9 })],
  [
    "now so, now so",
    (step) => ({ entries: step % 50, hashEntries: step % 20, setIntegers: step % 9, setEntries: step % 30 }),
  ],
];

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state ^ (state >>> 16)) >>> 0;
  };
}

function run(
  seed: number,
  limit: (step: number) => Partial<PackedLimits>,
  steps = STEPS,
): { replies: string[]; runner: CommandRunner } {
  const next = random(seed);
  const runner = new CommandRunner();
  const replies: string[] = [];
  for (let i = 0; i < 5000; i++) {
    Object.assign(runner.keyspace.limits, limit(i));
    const step = steps[next() % steps.length] as Step;
    replies.push(runner.run(step(next())));
  }
  return { replies, runner };
}

describe("random commands", () => {
  const seed = Number(process.env.HEARTHKV_SEED ?? Date.now() % 2 ** 32);
  console.log(`forms: HEARTHKV_SEED=${seed}`);
  const usual = run(seed, () => ({}));

  test.each(FORMS)("%s", (_name, limit) => {
    const { replies, runner } = run(seed, limit);
    expect(replies).toEqual(usual.replies);
    expect(runner.keyspace.digest()).toBe(usual.runner.keyspace.digest());
    expect(runner.replayedDigest()).toBe(runner.keyspace.digest());
    // What RENAME and COPY log is a whole value, whose elements have another order in another form.
    const bytes = (of: CommandRunner) =>
      of.logged
        .filter(({ op }) => op !== OP_BATCH && op !== OP_RESTORE)
        .map(({ op, bytes: logged }) => `${op} ${Buffer.from(logged).toString("hex")}`);
    expect(bytes(runner).length).toBeGreaterThan(1000);
    expect(bytes(runner)).toEqual(bytes(usual.runner));
  });
});

describe("OBJECT ENCODING", () => {
  const seed = Number(process.env.HEARTHKV_SEED ?? Date.now() % 2 ** 32);
  const config = { hashEntries: 20, hashValueBytes: 40, setEntries: 20, setValueBytes: 40, setIntegers: 30 };
  const limits = { ...config, zsetEntries: 20, zsetValueBytes: 40, listSize: 20 };
  const usual = run(seed, () => limits, TIDES);

  test.each(LAYOUTS)("is the same where values are packed %s", (_name, limit) => {
    const { replies, runner } = run(seed, (step) => ({ ...limits, ...limit(step) }), TIDES);
    expect(replies).toEqual(usual.replies);
    expect(runner.replayedDigest()).toBe(usual.runner.keyspace.digest());
    for (const word of ["listpack", "intset", "hashtable", "skiplist", "quicklist"]) {
      expect(replies.filter((reply) => reply.includes(word)).length, word).toBeGreaterThan(3);
    }
    const replica = new CommandRunner();
    Object.assign(replica.keyspace.limits, limits);
    for (const [i, { op, bytes }] of runner.logged.entries())
      replica.keyspace.replay(op, i + 1, bytes, 0, bytes.length);
    const encodings = (of: CommandRunner) => ALL_KEYS.map((key) => of.run(["object", "encoding", key]));
    expect(encodings(replica)).toEqual(encodings(runner));
  });

  const encoding = (runner: CommandRunner, key: string) => runner.run(["object", "encoding", key]).split("\r\n")[1];
  const many = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

  test("a set of integers becomes a listpack with its first other member, and a hashtable at its limits", () => {
    const runner = new CommandRunner();
    runner.run(["sadd", "s", "1", "-5"]);
    expect(encoding(runner, "s")).toBe("intset");
    runner.run(["sadd", "s", "x"]);
    expect(encoding(runner, "s")).toBe("listpack");
    runner.run(["srem", "s", "x"]);
    expect(encoding(runner, "s")).toBe("listpack");
    runner.run(["sadd", "s", "x".repeat(65)]);
    expect(encoding(runner, "s")).toBe("hashtable");
    runner.run(["srem", "s", "x".repeat(65)]);
    expect(encoding(runner, "s")).toBe("hashtable");
    runner.run(["sadd", "i", ...many(512, "")]);
    expect(encoding(runner, "i")).toBe("intset");
    runner.run(["sadd", "i", "512"]);
    expect(encoding(runner, "i")).toBe("hashtable");
    runner.run(["sadd", "p", ...many(128, "m")]);
    expect(encoding(runner, "p")).toBe("listpack");
    runner.run(["sadd", "p", "m128"]);
    expect(encoding(runner, "p")).toBe("hashtable");
    runner.run(["sadd", "many", ...many(200, "")]);
    runner.run(["sadd", "many", "x"]);
    expect(encoding(runner, "many")).toBe("hashtable");
  });

  test("a hash is a listpack up to its limits", () => {
    const runner = new CommandRunner();
    const pairs = (count: number) => many(count, "f").flatMap((f) => [f, "v"]);
    runner.run(["hset", "h", ...pairs(512)]);
    expect(encoding(runner, "h")).toBe("listpack");
    runner.run(["hset", "h", "f512", "v"]);
    expect(encoding(runner, "h")).toBe("hashtable");
    runner.run(["hset", "v", "f", "x".repeat(64)]);
    expect(encoding(runner, "v")).toBe("listpack");
    runner.run(["hset", "v", "f", "x".repeat(65)]);
    expect(encoding(runner, "v")).toBe("hashtable");
    runner.keyspace.limits.hashEntries = 2;
    runner.run(["hset", "few", "a", "1", "b", "2"]);
    expect(encoding(runner, "few")).toBe("listpack");
    runner.run(["hset", "few", "c", "3"]);
    expect(encoding(runner, "few")).toBe("hashtable");
  });
});

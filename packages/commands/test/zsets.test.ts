import { expect, test } from "vitest";
import { CommandRunner, readTranscript, testTranscript } from "./transcript.js";

testTranscript("zsets");

/** Runners that keep sorted sets packed, never packed, and packed up to a size that is often passed. */
function runners(): CommandRunner[] {
  return [128, 0, 6].map((entries) => {
    const runner = new CommandRunner();
    runner.keyspace.limits.zsetEntries = entries;
    return runner;
  });
}

/** The same request to each: all must reply and log the same. */
function runAll(all: readonly CommandRunner[], args: readonly string[], proto: 2 | 3 = 2): void {
  const [first, ...others] = all;
  const reply = first.run(args, proto);
  const logged = first.logged.at(-1);
  for (const other of others) {
    const own = other.run(args, proto);
    // ZSCAN gives members in no order.
    if (args[0].toLowerCase() !== "zscan" && args[0] !== "OBJECT") expect(own, args.join(" ")).toBe(reply);
    expect(other.logged.at(-1), args.join(" ")).toEqual(logged);
  }
}

test("every form gives the replies of the transcript, and the same log", () => {
  for (const { steps } of readTranscript("zsets")) {
    const all = runners();
    for (const step of steps) {
      if (typeof step === "number") for (const runner of all) runner.keyspace.nowMs += step;
      else runAll(all, step.args, step.proto);
    }
    const digests = all.map((runner) => runner.keyspace.digest());
    expect(new Set(digests).size).toBe(1);
  }
});

// Negative control, seen red: members of one score that are packed in the order of their arrival.
test("prop: every form gives the same replies and the same log", () => {
  const seed = Number(process.env.HEARTHKV_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`zsets: HEARTHKV_TEST_SEED=${seed}`);
  let state = seed;
  const below = (n: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * n);
  };
  const pick = <T>(...items: readonly T[]): T => items[below(items.length)];
  const member = () => pick("a", "b", "ab", "\xff", "", `m${below(12)}`, "long".repeat(below(30)));
  const score = () =>
    pick("0", "-0", "1", "-1", "127", "128", "-32769", "3e9", "1.5", "inf", "-inf", String(below(20)));
  const rank = () => String(below(24) - 12);
  const bound = () => pick("-inf", "+inf", score(), `(${score()}`);
  const lexBound = () => pick("-", "+", `[${member()}`, `(${member()}`);
  const requests: (() => string[])[] = [
    () => ["zadd", "z", ...pick([], [], ["nx"], ["xx"], ["gt"], ["lt", "ch"], ["ch"]), score(), member()],
    () => ["zadd", "z", score(), member(), score(), member(), score(), member()],
    () => ["zadd", "z", "incr", score(), member()],
    () => ["zincrby", "z", score(), member()],
    () => ["zrem", "z", member(), member()],
    () => ["zscore", "z", member()],
    () => ["zmscore", "z", member(), member()],
    () => [pick("zrank", "zrevrank"), "z", member(), "withscore"],
    () => ["zcount", "z", bound(), bound()],
    () => [pick("zrange", "zrevrange"), "z", rank(), rank(), ...pick([], ["withscores"])],
    () => [pick("zrangebyscore", "zrevrangebyscore"), "z", bound(), bound(), "limit", String(below(4)), rank()],
    // Ranges of members are defined while all scores are the same.
    () => [pick("zadd", "zadd", "zrem"), "lex", "0", member()],
    () => ["zrange", "lex", lexBound(), lexBound(), "bylex", ...pick([], ["rev"])],
    () => [pick("zpopmin", "zpopmax"), "z", ...pick([], [], ["2"])],
    () => ["zcard", "z"],
    () => ["copy", "z", "y", "replace"],
    () => pick(["del", "z"], ["zcard", "z"], ["rename", "y", "z"]),
  ];
  const all = runners();
  for (let step = 0; step < 4000; step++) {
    runAll(all, pick(...requests)(), pick(2, 3));
    if (step % 1000 < 999) continue;
    const digests = all.flatMap((runner) => [runner.keyspace.digest(), runner.replayedDigest()]);
    expect(new Set(digests).size, `step ${step}`).toBe(1);
  }
});

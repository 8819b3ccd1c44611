import { expect, test } from "vitest";
import { Random, seedOf } from "../../engine/test/support/random.js";
import { CommandRunner, testTranscript } from "./transcript.js";

testTranscript("sets");

const MEMBERS = Array.from({ length: 100 }, (_, i) => `m${i}`);

function members(reply: string): string[] {
  return reply.split("\r\n").filter((word) => word.startsWith("m"));
}

test("a positive count gives different members, each as often as any other", () => {
  const { seed, next } = new Random(seedOf("sets"));
  const runner = new CommandRunner(next);
  runner.run(["sadd", "s", ...MEMBERS]);
  const seen = new Map<string, number>();
  for (let round = 0; round < 2000; round++) {
    const chosen = members(runner.run(["srandmember", "s", "10"]));
    expect(new Set(chosen).size, `seed ${seed}`).toBe(10);
    for (const member of chosen) seen.set(member, (seen.get(member) ?? 0) + 1);
  }
  // 200 are expected, with a standard deviation of 13.4; six of those leave room for luck.
  for (const member of MEMBERS) expect(Math.abs((seen.get(member) ?? 0) - 200), `seed ${seed}`).toBeLessThan(81);
});

test("a negative count may repeat members", () => {
  const runner = new CommandRunner();
  runner.run(["sadd", "s", "m1", "m2"]);
  expect(members(runner.run(["srandmember", "s", "-50"])).length).toBe(50);
});

test("a negative count whose reply would fill memory is refused", () => {
  const runner = new CommandRunner();
  runner.run(["sadd", "s", "m1"]);
  expect(runner.line("SRANDMEMBER s -9223372036854775807")).toBe("-ERR value is out of range");
});

test("SPOP takes what it gives, until nothing is left", () => {
  const runner = new CommandRunner();
  runner.run(["sadd", "s", ...MEMBERS]);
  const taken = [...members(runner.run(["spop", "s", "40"])), ...members(runner.run(["spop", "s"]))];
  expect(new Set(taken).size).toBe(41);
  for (const member of taken) expect(runner.run(["sismember", "s", member])).toBe(":0\r\n");
  expect(members(runner.run(["spop", "s", "100"])).length).toBe(59);
  expect(runner.line("EXISTS s")).toBe(":0");
  expect(runner.replayedDigest()).toBe(runner.keyspace.digest());
});

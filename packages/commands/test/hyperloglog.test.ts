import { expect, test } from "vitest";
import { asLine, CommandRunner, testTranscript } from "./transcript.js";

testTranscript("hyperloglog");

/** A pseudo-random source (mulberry32), so that a failure can be repeated. */
function seeded(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  };
}

/** Runs of every kind, of which most do not cover what they should, and now and then one that lacks its second byte. */
function damaged(random: (n: number) => number): string {
  const header = `HYLL${String.fromCharCode(random(20) === 0 ? random(256) : 1)}\0\0\0`;
  const cache = Array.from({ length: 8 }, () => String.fromCharCode(random(256))).join("");
  let runs = "";
  for (let i = random(40); i >= 0; i--) runs += String.fromCharCode(random(3) === 0 ? 0x40 | random(64) : random(256));
  if (random(2) === 0) runs += "\x7f\xff".repeat(random(4));
  return header + cache + runs + (random(30) === 0 ? "\0".repeat(random(40_000)) : "");
}

test("whatever a value holds, it counts or is told damaged, and after an error it is as it was", () => {
  const seed = Number(process.env.HEARTHKV_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`damaged HyperLogLogs: HEARTHKV_SEED=${seed}`);
  const random = seeded(seed);
  const runner = new CommandRunner();
  const run = (...args: string[]) => asLine(runner.run(args, 2));
  const texts = [
    "-INVALIDOBJ Corrupted HLL object detected",
    "-WRONGTYPE Key is not a valid HyperLogLog string value.",
  ];
  run("pfadd", "whole", "a", "b");
  const neighbour = run("get", "whole");
  let errors = 0;
  for (let round = 0; round < 5000; round++) {
    run("set", "h", damaged(random));
    const before = run("get", "h");
    const elements = Array.from({ length: random(20) }, () => String(random(1e9)));
    const commands = [
      ["pfadd", "h", ...elements],
      ["pfcount", "h"],
      ["pfcount", "h", "whole"],
      ["pfmerge", "h", "whole"],
      ["pfdebug", "todense", "h"],
      ["pfdebug", "getreg", "h"],
      ["pfdebug", "decode", "h"],
    ];
    const command = commands[random(commands.length)] as string[];
    const reply = run(...command);
    if (!reply.startsWith("-")) continue;
    errors++;
    expect(texts).toContain(reply);
    expect(run("get", "h")).toBe(before);
  }
  expect(errors).toBeGreaterThan(500);
  expect(run("get", "whole")).toBe(neighbour);
  expect(runner.replayedDigest()).toBe(runner.keyspace.digest());
});

test("the log of PFADD is the bytes that have changed", () => {
  const runner = new CommandRunner();
  for (let i = 0; i < 400; i++) runner.run(["pfadd", "h", String(i)], 2);
  const sparse = runner.logged.at(-1)?.bytes.length;
  expect(sparse).toBeLessThan(60);
  runner.run(["pfdebug", "todense", "h"], 2);
  runner.run(["pfcount", "h"], 2);
  runner.run(["pfadd", "h", "one more"], 2);
  expect(runner.logged.at(-1)?.bytes.length).toBeLessThan(60);
  expect(runner.replayedDigest()).toBe(runner.keyspace.digest());
});

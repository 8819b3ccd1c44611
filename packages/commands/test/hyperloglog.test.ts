import { expect, test } from "vitest";
import { Random, seedOf } from "../../engine/test/support/random.js";
import { asLine, CommandRunner, testTranscript } from "./transcript.js";

testTranscript("hyperloglog");

/** Runs of every kind, of which most do not cover what they should, and now and then one that lacks its second byte. */
function damaged(random: Random): string {
  const header = `HYLL${String.fromCharCode(random.int(20) === 0 ? random.int(256) : 1)}\0\0\0`;
  const cache = Array.from({ length: 8 }, () => String.fromCharCode(random.int(256))).join("");
  let runs = "";
  for (let i = random.int(40); i >= 0; i--)
    runs += String.fromCharCode(random.int(3) === 0 ? 0x40 | random.int(64) : random.int(256));
  if (random.int(2) === 0) runs += "\x7f\xff".repeat(random.int(4));
  return header + cache + runs + (random.int(30) === 0 ? "\0".repeat(random.int(40_000)) : "");
}

test("whatever a value holds, it counts or is told damaged, and after an error it is as it was", () => {
  const random = new Random(seedOf("damaged HyperLogLogs"));
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
    const elements = Array.from({ length: random.int(20) }, () => String(random.int(1e9)));
    const commands = [
      ["pfadd", "h", ...elements],
      ["pfcount", "h"],
      ["pfcount", "h", "whole"],
      ["pfmerge", "h", "whole"],
      ["pfdebug", "todense", "h"],
      ["pfdebug", "getreg", "h"],
      ["pfdebug", "decode", "h"],
    ];
    const command = random.pick(commands);
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

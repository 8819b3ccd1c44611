import { expect, test } from "vitest";
import { CommandRunner, testTranscript } from "./transcript.js";

testTranscript("lists");

test("a blocking pop without data waits for all its keys, in whole milliseconds rounded up", () => {
  const runner = new CommandRunner();
  runner.line("BLPOP a b 0");
  expect(runner.blocked).toEqual({ keys: ["a", "b"], timeoutMs: 0 });
  runner.line("BRPOP a 0.0001");
  expect(runner.blocked).toEqual({ keys: ["a"], timeoutMs: 1 });
  runner.line("BRPOP a 1.5");
  expect(runner.blocked).toEqual({ keys: ["a"], timeoutMs: 1500 });
  runner.line('BRPOP "q\\x06\\x163" 1');
  expect(runner.blocked?.keys).toEqual(["q\x06\x163"]);
});

test("inside EXEC a blocking pop answers at once", () => {
  const runner = new CommandRunner();
  runner.ctx.denyBlocking = true;
  expect(runner.line("BLPOP a 0")).toBe("*-1");
  expect(runner.line("BLPOP a 0", 3)).toBe("_");
  expect(runner.blocked).toBeNull();
});

test("packed lists and lists in blocks give the same replies and the same log", () => {
  const packed = new CommandRunner();
  const large = new CommandRunner();
  packed.keyspace.limits.listSize = -5;
  large.keyspace.limits.listSize = 1;
  // At the limits of the lengths' forms, of copies by loop, and of the numbers of digits.
  const lengths = [0, 1, 9, 10, 15, 16, 31, 32, 99, 100, 253, 254, 999, 1000];
  const element = (i: number) => String(i).padStart(lengths[i % lengths.length] ?? 0, "x");
  const commands: string[][] = [];
  for (let i = 0; i < 300; i += 3) {
    commands.push([i % 2 === 0 ? "RPUSH" : "LPUSH", "l", element(i), element(i + 1), element(i + 2)]);
    commands.push(["LRANGE", "l", "0", "-1"], ["LRANGE", "l", String(i % 17), String(-(i % 5))]);
    commands.push(["LINDEX", "l", String(i % 40)], ["LINDEX", "l", String(-(i % 40))]);
    if (i % 4 === 0) commands.push([i % 8 === 0 ? "LPOP" : "RPOP", "l"]);
    if (i % 15 === 0) commands.push([i % 2 === 0 ? "RPOP" : "LPOP", "l", String(i % 25)], ["LLEN", "l"]);
  }
  for (const args of commands) expect(large.run(args), args.join(" ").slice(0, 60)).toBe(packed.run(args));
  expect([packed.line("OBJECT ENCODING l"), large.line("OBJECT ENCODING l")]).toEqual(["$8 listpack", "$9 quicklist"]);
  expect(large.logged.map((entry) => entry.bytes)).toEqual(packed.logged.map((entry) => entry.bytes));
  expect(large.keyspace.digest()).toBe(packed.keyspace.digest());
  expect(large.replayedDigest()).toBe(packed.keyspace.digest());
});

test("LRANGE of elements that need longer lengths", () => {
  const runner = new CommandRunner();
  const all = [65_535, 3, 65_536, 99_999, 0, 100_000, 70_000, 200].map((n, i) => String(i).repeat(n));
  runner.run(["RPUSH", "l", ...all]);
  const reply = all.map((text) => `$${text.length}\r\n${text}\r\n`).join("");
  expect(runner.run(["LRANGE", "l", "0", "-1"]) === `*${all.length}\r\n${reply}`).toBe(true);
  expect(runner.run(["RPOP", "l", "8"]).length).toBe(reply.length + 4);
});

test("a list leaves its small form at the configured size and returns to it at half of that", () => {
  const runner = new CommandRunner();
  const encoding = (size: number, elements: string[]) => {
    runner.keyspace.limits.listSize = size;
    runner.run(["DEL", "l"]);
    runner.run(["RPUSH", "l", ...elements]);
    return runner.line("OBJECT ENCODING l").slice(3);
  };
  const kilobytes = (n: number) => Array.from({ length: n }, () => "x".repeat(1000));
  expect([encoding(-2, kilobytes(8)), encoding(-2, kilobytes(9))]).toEqual(["listpack", "quicklist"]);
  runner.run(["LPOP", "l", "4"]);
  expect(runner.line("OBJECT ENCODING l")).toBe("$9 quicklist");
  runner.run(["LPOP", "l", "1"]);
  expect(runner.line("OBJECT ENCODING l")).toBe("$8 listpack");
  expect([encoding(-1, kilobytes(4)), encoding(-1, kilobytes(5))]).toEqual(["listpack", "quicklist"]);
  expect([encoding(3, ["a", "b", "c"]), encoding(3, ["a", "b", "c", "d"])]).toEqual(["listpack", "quicklist"]);
});

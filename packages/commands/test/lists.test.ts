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

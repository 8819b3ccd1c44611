import { FOOTER_BYTES } from "@hearthkv/rdb";
import { expect, test } from "vitest";
import { CommandRunner, testTranscript } from "./transcript.js";

testTranscript("dump");

/** The payload that DUMP gives, without its footer. */
function dumped(runner: CommandRunner, key: string): string {
  const [, bytes] = /^\$(\d+)\r\n/.exec(runner.run(["DUMP", key])) ?? [];
  const reply = runner.run(["DUMP", key]);
  const start = reply.indexOf("\r\n") + 2;
  expect(reply.slice(start + Number(bytes) - FOOTER_BYTES, start + Number(bytes) - FOOTER_BYTES + 2)).toBe("\x09\x00");
  return reply.slice(start, start + Number(bytes) - FOOTER_BYTES);
}

test("what DUMP writes are the plain forms of RDB 9", () => {
  const runner = new CommandRunner();
  runner.run(["SET", "string", "v"]);
  runner.run(["SET", "long", "x".repeat(20000)]);
  runner.run(["RPUSH", "list", "a", "", "5"]);
  runner.run(["SADD", "set", "a"]);
  runner.run(["HSET", "hash", "f", "v"]);
  runner.run(["ZADD", "zset", "1.5", "m", "-inf", "n"]);
  expect(dumped(runner, "string")).toBe("\x00\x01v");
  expect(dumped(runner, "long")).toBe(`\x00\x80\x00\x00\x4e\x20${"x".repeat(20000)}`);
  expect(dumped(runner, "list")).toBe("\x01\x03\x01a\x00\x015");
  expect(dumped(runner, "set")).toBe("\x02\x01\x01a");
  expect(dumped(runner, "hash")).toBe("\x04\x01\x01f\x01v");
  const scores = ["\x00\x00\x00\x00\x00\x00\xf0\xff", "\x00\x00\x00\x00\x00\x00\xf8\x3f"];
  expect(dumped(runner, "zset")).toBe(`\x05\x02\x01n${scores[0]}\x01m${scores[1]}`);
});

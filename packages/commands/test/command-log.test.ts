/** SLOWLOG and COMMANDLOG: what is asked of the server, and how its answer is written. Error texts are those of redis-server 7.0 and Valkey 9. */
import { expect, test } from "vitest";
import { FakeServer } from "./server-fakes.js";

const ENTRY = "*6 :4 :9 :11 *2 $3 get $1 k $3 a:1 $1 n";

test("SLOWLOG is the log of slow commands", () => {
  const server = new FakeServer();
  expect(server.line("SLOWLOG GET")).toBe(`*1 ${ENTRY}`);
  expect(server.line("slowlog get 3")).toBe(`*1 ${ENTRY}`);
  expect(server.line("SLOWLOG GET -1")).toBe(`*1 ${ENTRY}`);
  expect(server.line("SLOWLOG LEN")).toBe(":4");
  expect(server.line("SLOWLOG RESET")).toBe("+OK");
  expect(server.calls).toEqual([
    ["entries", "slow", 10],
    ["entries", "slow", 3],
    ["entries", "slow", Number.POSITIVE_INFINITY],
    ["reset log", "slow"],
  ]);
  const count = "-ERR count should be greater than or equal to -1";
  expect(server.line("SLOWLOG GET x")).toBe(count);
  expect(server.line("SLOWLOG GET -2")).toBe(count);
  expect(server.line("SLOWLOG GET 1 2")).toBe(
    "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
  );
});

test("COMMANDLOG names the log", () => {
  const server = new FakeServer();
  expect(server.line("COMMANDLOG GET 2 Slow")).toBe(`*1 ${ENTRY}`);
  expect(server.line("COMMANDLOG GET -1 large-reply")).toBe(`*1 ${ENTRY}`);
  expect(server.line("COMMANDLOG LEN LARGE-REQUEST")).toBe(":13");
  expect(server.line("COMMANDLOG RESET large-reply")).toBe("+OK");
  expect(server.calls).toEqual([
    ["entries", "slow", 2],
    ["entries", "large-reply", Number.POSITIVE_INFINITY],
    ["reset log", "large-reply"],
  ]);
  const count = "-ERR count should be greater than or equal to -1";
  const type = "-ERR type should be one of the following: slow, large-request, large-reply";
  expect(server.line("COMMANDLOG GET 10")).toBe("-ERR wrong number of arguments for 'commandlog|get' command");
  expect(server.line("COMMANDLOG GET x slow")).toBe(count);
  expect(server.line("COMMANDLOG GET -2 slow")).toBe(count);
  for (const line of ["GET 1 x", "LEN x", "RESET x"]) expect(server.line(`COMMANDLOG ${line}`)).toBe(type);
});

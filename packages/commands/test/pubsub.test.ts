import { expect, it } from "vitest";
import { FakeServer } from "./server-fakes.js";

it("hands channels and patterns to the server", () => {
  const server = new FakeServer();
  for (const line of ["SUBSCRIBE a b", "UNSUBSCRIBE", "PSUBSCRIBE x*", "PUNSUBSCRIBE x*"]) server.line(line);
  expect(server.run("PUBLISH", "\xff", "m\0")).toBe(":2\r\n");
  expect(server.calls).toEqual([
    ["subscribe", ["a", "b"]],
    ["unsubscribe", []],
    ["psubscribe", ["x*"]],
    ["punsubscribe", ["x*"]],
    ["publish", "\xff", "m\0"],
  ]);
  expect(server.run("SPUBLISH", "\xff", "m\0")).toBe(":5\r\n");
  server.line("SSUBSCRIBE a b");
  server.line("SUNSUBSCRIBE");
  expect(server.calls.slice(5)).toEqual([
    ["spublish", "\xff", "m\0"],
    ["ssubscribe", ["a", "b"]],
    ["sunsubscribe", []],
  ]);
  server.denyBlocking = true;
  expect(server.line("SSUBSCRIBE a")).toBe("-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
  expect(server.line("SUNSUBSCRIBE a")).toBe("+OK");
  expect(server.line("SUBSCRIBE")).toBe("-ERR wrong number of arguments for 'subscribe' command");
});

it("PUBSUB tells who listens", () => {
  const server = new FakeServer();
  const replies = {
    "PUBSUB CHANNELS": "*2 $1 a $1 b",
    "PUBSUB CHANNELS x*": "*1 $2 x*",
    "PUBSUB CHANNELS a b": "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.",
    "PUBSUB NUMSUB": "*0",
    "PUBSUB NUMSUB a bb": "*4 $1 a :1 $2 bb :2",
    "PUBSUB NUMPAT": ":3",
    "PUBSUB NUMPAT x": "-ERR wrong number of arguments for 'pubsub|numpat' command",
    "PUBSUB SHARDCHANNELS": "*1 $1 s",
    "PUBSUB SHARDCHANNELS x*": "*1 $2 x*",
    "PUBSUB SHARDCHANNELS a b":
      "-ERR unknown subcommand or wrong number of arguments for 'SHARDCHANNELS'. Try PUBSUB HELP.",
    "PUBSUB SHARDNUMSUB": "*0",
    "PUBSUB SHARDNUMSUB a bb": "*4 $1 a :2 $2 bb :3",
    "PUBSUB foo": "-ERR unknown subcommand 'foo'. Try PUBSUB HELP.",
  };
  for (const [line, reply] of Object.entries(replies)) expect(server.line(line), line).toBe(reply);
});

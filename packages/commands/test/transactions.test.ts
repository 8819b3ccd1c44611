import { expect, it } from "vitest";
import { FakeServer } from "./server-fakes.js";

it("hands every command of a transaction to the server", () => {
  const server = new FakeServer();
  for (const line of ["MULTI", "EXEC", "DISCARD", "WATCH a b", "UNWATCH"]) expect(server.line(line)).toBe("+OK");
  expect(server.calls).toEqual([["multi"], ["exec"], ["discard"], ["watch"], ["unwatch"]]);
  expect(server.line("MULTI x")).toBe("-ERR wrong number of arguments for 'multi' command");
  expect(server.line("WATCH")).toBe("-ERR wrong number of arguments for 'watch' command");
});

/** redis-benchmark's default suite runs to its end without an error. It is a test of what it sends, not of speed. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { hasPeer, requirePeer, runProcess, type ServerProcess, startHearth } from "../support/index.js";

let server: ServerProcess;

beforeAll(async () => {
  if (hasPeer("redis-benchmark")) server = await startHearth();
});
beforeEach((context) => requirePeer(context, "redis-benchmark"));
afterAll(() => server?.stop());

// -r makes the keys and members random, so that the data structures grow.
test.each([1, 16])("default suite at pipeline %i", async (pipeline) => {
  const load = ["-q", "-n", "2000", "-c", "10", "-r", "1000", "-P", String(pipeline)];
  const { code, output } = await runProcess("redis-benchmark", ["-p", String(server.port), ...load]);
  expect(code, output).toBe(0);
  expect(output).not.toMatch(/error|warning|could not/i);
  const results = output.match(/^[^\r\n]*: [\d.]+ requests per second/gm) ?? [];
  const families = [
    "PING_INLINE",
    "PING_MBULK",
    "SET",
    "GET",
    "INCR",
    "LPUSH",
    "RPUSH",
    "LPOP",
    "RPOP",
    "SADD",
    "HSET",
  ];
  for (const name of [...families, "SPOP", "ZADD", "ZPOPMIN", "LRANGE_600", "MSET"]) {
    expect(
      results.some((line) => line.startsWith(name)),
      `${name} in\n${output}`,
    ).toBe(true);
  }
});

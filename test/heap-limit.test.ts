/**
 * A server whose JavaScript heap is small goes on serving when it is full. Controls, seen red: with a HeapWatch that never says `full` both servers
 * end with V8's "Reached heap limit" or "Ineffective mark-compacts"; where it collects only when it passes the mark, SET is refused for ever.
 */
import { expect, it } from "vitest";
import { startHearth, temporaryFolder, waitUntil } from "./support/index.js";

const nodeFlags = ["--max-old-space-size=64"];
const OOM = "OOM command not allowed when used memory > 'maxmemory'.";

const message = (reply: unknown) => (reply instanceof Error ? reply.message : reply);

it("what may add data is refused while the heap is full, and taken when there is room again", async () => {
  const server = await startHearth({ nodeFlags });
  const client = await server.connect();
  expect(await client.infoNumber("used_memory_heap_limit")).toBe(64 * 1024 * 1024);
  expect(await client.infoNumber("used_memory_heap")).toBeLessThan(48 * 1024 * 1024);
  await client.ok("SET", "kept", "v");
  const writer = await server.connect();
  expect(await writer.pipeline([["MULTI"], ["SET", "kept", "other"], ["GET", "kept"]])).toContain("QUEUED");
  const reader = await server.connect();
  expect(await reader.pipeline([["MULTI"], ["GET", "kept"]])).toContain("QUEUED");

  // Subscriptions are objects, however data is stored.
  const subscriber = await server.connect();
  for (let n = 0; message(await client.send("SET", "k", "v")) !== OOM; n++) {
    expect(n, "it is never refused").toBeLessThan(5000);
    const channels = Array.from({ length: 200 }, (_, i) => `${n}:${i}:${"c".repeat(100)}`);
    await subscriber.write(Buffer.from(`SUBSCRIBE ${channels.join(" ")}\r\n`), 0);
    await subscriber.send("PING");
  }
  for (const [request, reply] of [
    [["GET", "kept"], "v"],
    [["MSET", "k", "v"], OOM],
    [["LPUSH", "kept", "v"], OOM],
    [["DEL", "kept", "k"], 2],
    [["MULTI"], "OK"],
    [["PING"], "QUEUED"],
    [["SET", "k", "v"], OOM],
    [["EXEC"], "EXECABORT Transaction discarded because of previous errors."],
  ] as const)
    expect(message(await client.send(...request)), request.join(" ")).toBe(reply);
  expect(message(await writer.send("EXEC"))).toBe(`EXECABORT Transaction discarded because of: ${OOM}`);
  expect(message(await writer.send("EXEC"))).toBe("ERR EXEC without MULTI");
  expect(await reader.ok("EXEC")).toEqual([null]);
  expect(String(await client.ok("INFO", "errorstats"))).toMatch(/errorstat_OOM:count=[1-9]/);

  subscriber.close();
  await waitUntil("SET is taken again", async () => (await client.send("SET", "k", "v")) === "OK");
  expect(server.child.output.match(/heap is nearly full: \d+ of 64 MB are used/g)).toHaveLength(1);
  expect(server.child.output.match(/heap is full: \d+ of 64 MB are used/g)).toHaveLength(1);
  await server.stop();
});

it("what was written under a limit is loaded under it after kill -9", async () => {
  const dataDir = temporaryFolder("data");
  const first = await startHearth({ nodeFlags, dataDir });
  const writer = await first.connect();
  const token = "t".repeat(65);
  let keys = 0;
  let refused = 0;
  // Enough for several such heaps, where each is some objects.
  while (refused === 0 && keys < 100_000) {
    const requests = Array.from({ length: 500 }, (_, i) => [
      "HSET",
      `session:${keys + i}`,
      "user",
      "ada",
      "token",
      token,
    ]);
    const replies = (await writer.pipeline(requests)).map(message);
    refused = replies.filter((reply) => reply === OOM).length;
    keys += replies.filter((reply) => reply === 2).length;
    expect(replies.filter((reply) => reply !== OOM && reply !== 2)).toEqual([]);
  }
  const size = await writer.ok("DBSIZE");
  expect(size).toBe(keys);
  await first.kill();

  const second = await startHearth({ nodeFlags, dataDir });
  const client = await second.connect();
  expect(await client.ok("DBSIZE")).toBe(keys);
  for (const key of [0, keys >> 1, keys - 500]) {
    expect(await client.ok("HGETALL", `session:${key}`)).toEqual(["user", "ada", "token", token]);
  }
  expect(await client.ok("DEL", "session:0")).toBe(1);
  await second.stop();
});

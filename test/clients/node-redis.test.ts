/** node-redis 6 as it comes: RESP3, pipelining of what is sent in one turn, automatic reconnection. */
import { createClient } from "redis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startHearth } from "../support/index.js";

let server: ServerProcess;
let client: ReturnType<typeof connect>;

function connect(port: number) {
  return createClient({ socket: { host: "127.0.0.1", port } }).on("error", () => {}); // it reconnects by itself
}

beforeAll(async () => {
  server = await startHearth();
  client = connect(server.port);
  await client.connect();
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

test("values of every type", async () => {
  expect(await client.set("key", "välue", { expiration: { type: "EX", value: 100 } })).toBe("OK");
  expect(await client.get("key")).toBe("välue");
  expect(await client.ttl("key")).toBeGreaterThan(90);
  expect(await client.hSet("hash", { a: 1, b: "two" })).toBe(2);
  expect({ ...(await client.hGetAll("hash")) }).toEqual({ a: "1", b: "two" });
  expect(await client.rPush("list", ["a", "b"])).toBe(2);
  expect(await client.lRange("list", 0, -1)).toEqual(["a", "b"]);
  expect(await client.sAdd("set", ["x", "y"])).toBe(2);
  expect([...(await client.sMembers("set"))].sort()).toEqual(["x", "y"]);
  expect(await client.zAdd("zset", { score: 1.5, value: "m" })).toBe(1);
  expect(await client.zScore("zset", "m")).toBe(1.5);
  expect(await client.zRangeWithScores("zset", 0, -1)).toEqual([{ value: "m", score: 1.5 }]);
  await expect(client.lPush("key", "x")).rejects.toThrow("WRONGTYPE");
});

test("what is sent in one turn is answered in order", async () => {
  await client.set("n", 0);
  const replies = await Promise.all(Array.from({ length: 1000 }, () => client.incr("n")));
  expect(replies).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
});

test("MULTI runs all, and fails when a watched key changed", async () => {
  expect(await client.multi().set("t", 1).incr("t").exec()).toEqual(["OK", 2]);
  const other = await client.duplicate().connect();
  await client.watch("t");
  await other.set("t", 10);
  await expect(client.multi().incr("t").exec()).rejects.toThrow(/watched/i);
  other.destroy();
});

test("messages arrive by channel and by pattern", async () => {
  const listener = await client.duplicate().connect();
  const messages: string[] = [];
  await listener.subscribe("news", (message, channel) => messages.push(`${channel}: ${message}`));
  await listener.pSubscribe("new?", (message, channel) => messages.push(`pattern ${channel}: ${message}`));
  expect(await client.publish("news", "it is warm")).toBe(2);
  await expect.poll(() => messages.toSorted()).toEqual(["news: it is warm", "pattern news: it is warm"]);
  expect(await listener.ping()).toBe("PONG"); // RESP3: commands go on beside subscriptions
  listener.destroy();
});

test("a blocking pop waits for its element, and gives up in time", async () => {
  const waiting = await client.duplicate().connect();
  const popped = waiting.blPop("jobs", 10);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await client.rPush("jobs", "first");
  expect({ ...(await popped) }).toEqual({ key: "jobs", element: "first" });
  expect(await waiting.brPop("jobs", 0.1)).toBeNull();
  waiting.destroy();
});

test("after kill -9 and a restart it is connected again, with the same data", async () => {
  const keys = Array.from({ length: 500 }, (_, index) => `before:${index}`);
  await Promise.all(keys.map((key, index) => client.set(key, index)));
  await client.hSet("before:hash", { field: "value" });
  await server.kill();
  await expect.poll(() => client.isReady).toBe(false);
  const { port, dataDir } = server;
  server = await startHearth({ port, dataDir });
  expect(await client.mGet(keys)).toEqual(keys.map((_, index) => String(index)));
  expect(await client.hGet("before:hash", "field")).toBe("value");
});

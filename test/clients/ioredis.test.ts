/** ioredis 6 as it comes: RESP3, ready check, automatic reconnection. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startHearth } from "../support/index.js";

let server: ServerProcess;
let redis: Redis;

beforeAll(async () => {
  server = await startHearth();
  redis = new Redis(server.port);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

test("values of every type", async () => {
  expect(await redis.set("key", "välue", "EX", 100)).toBe("OK");
  expect(await redis.get("key")).toBe("välue");
  expect(await redis.ttl("key")).toBeGreaterThan(90);
  expect(await redis.hset("hash", { a: 1, b: "two" })).toBe(2);
  expect(await redis.hgetall("hash")).toEqual({ a: "1", b: "two" });
  expect(await redis.rpush("list", "a", "b")).toBe(2);
  expect(await redis.lrange("list", 0, -1)).toEqual(["a", "b"]);
  expect(await redis.sadd("set", "x", "y")).toBe(2);
  expect((await redis.smembers("set")).sort()).toEqual(["x", "y"]);
  expect(await redis.zadd("zset", "1.5", "m", "2", "n")).toBe(2);
  expect(await redis.zrange("zset", "0", "-1")).toEqual(["m", "n"]);
  expect(Number(await redis.zscore("zset", "m"))).toBe(1.5);
  expect(await redis.getBuffer("key")).toEqual(Buffer.from("välue"));
  await expect(redis.lpush("key", "x")).rejects.toThrow("WRONGTYPE");
});

test("a pipeline answers in order, errors in their place", async () => {
  const replies = await redis.pipeline().set("p", "1").incr("p").lpush("p", "x").get("p").exec();
  expect(replies?.map(([error, value]) => (error ? "error" : value))).toEqual(["OK", 2, "error", "2"]);
});

test("MULTI runs all, and nothing when a watched key changed", async () => {
  expect(await redis.multi().set("t", "1").incr("t").exec()).toEqual([
    [null, "OK"],
    [null, 2],
  ]);
  const other = redis.duplicate();
  await redis.watch("t");
  await other.set("t", 10);
  expect(await redis.multi().incr("t").exec()).toBeNull();
  expect(await redis.get("t")).toBe("10");
  other.disconnect();
});

test("messages arrive by channel and by pattern", async () => {
  const listener = redis.duplicate();
  const messages: string[][] = [];
  listener.on("message", (...message: string[]) => messages.push(message));
  listener.on("pmessage", (...message: string[]) => messages.push(message));
  await listener.subscribe("news");
  await listener.psubscribe("new?");
  expect(await redis.publish("news", "it is warm")).toBe(2);
  await expect
    .poll(() => messages)
    .toEqual([
      ["news", "it is warm"],
      ["new?", "news", "it is warm"],
    ]);
  await listener.unsubscribe("news");
  expect(await redis.publish("news", "again")).toBe(1);
  listener.disconnect();
});

test("a blocking pop waits for its element, and gives up in time", async () => {
  const waiting = redis.duplicate();
  const popped = waiting.blpop("jobs", 10);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await redis.rpush("jobs", "first");
  expect(await popped).toEqual(["jobs", "first"]);
  expect(await waiting.brpop("jobs", 0.1)).toBeNull();
  waiting.disconnect();
});

test("after kill -9 and a restart it is connected again, with the same data", async () => {
  const pairs = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`before:${index}`, String(index)]));
  await redis.mset(pairs);
  await redis.rpush("before:list", "a", "b", "c");
  const lost = new Promise((resolve) => redis.once("close", resolve));
  redis.on("error", () => {}); // while it is down
  await server.kill();
  await lost;
  const { port, dataDir } = server;
  server = await startHearth({ port, dataDir });
  expect(await redis.mget(Object.keys(pairs))).toEqual(Object.values(pairs));
  expect(await redis.lrange("before:list", 0, -1)).toEqual(["a", "b", "c"]);
});

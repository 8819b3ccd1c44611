/** The comparison itself: it finds what differs, says how to repeat it, and reads replies strictly. */
import { beforeAll, describe, expect, test } from "vitest";
import { hasPeer, requirePeer, startRedis } from "../support/index.js";
import { Comparison, Pair, type Ports } from "./comparison.js";
import { Random } from "./random.js";
import { ReplyReader, showReply } from "./reply.js";
import { step, translated } from "./step.js";

describe("the comparison", () => {
  let ports: Ports;

  beforeAll(async () => {
    if (!hasPeer("redis-server")) return;
    const [one, other] = await Promise.all([startRedis(), startRedis()]);
    ports = { hearth: one.port, redis: other.port };
  });

  test.for([
    ["a value", ["set", "k", "1"], ["set", "k", "2"]],
    ["a time", ["set", "k", "1", "ex", "10000"], ["set", "k", "1", "ex", "20000"]],
    ["a type", ["sadd", "k", "1"], ["hset", "k", "1", "1"]],
    ["a key", ["set", "k", "1"], ["set", "l", "1"]],
    ["a score", ["zadd", "k", "1", "m"], ["zadd", "k", "1.5", "m"]],
    ["the order of a list", ["rpush", "k", "1", "2"], ["lpush", "k", "1", "2"]],
  ] as const)("sees that %s differs", async ([, here, there], context) => {
    requirePeer(context, "redis-server");
    const comparison = new Comparison(42, 2);
    const pair = await Pair.open(ports, 2);
    await pair.both(["flushall"]);
    await comparison.compareContents(pair, new Random(1));
    expect(comparison.differences).toEqual([]);
    expect(await comparison.run(pair, 0, [translated(here, there, (reply) => reply)])).toBe(true);
    await comparison.compareContents(pair, new Random(1));
    expect(comparison.differences.length).toBeGreaterThan(0);
    expect(comparison.differences[0]).toContain("HEARTHKV_SEED=42 RESP2 command #0");
    pair.close();
  });

  test("sees a reply that differs, also within a transaction, and tells what was done before", async (context) => {
    requirePeer(context, "redis-server");
    const comparison = new Comparison(42, 2);
    const pair = await Pair.open(ports, 2);
    await pair.both(["flushall"]);
    const different = translated(["incr", "k"], ["incrby", "k", "2"], (reply) => reply);
    expect(await comparison.run(pair, 0, [step(["multi"]), different, step(["exec"])])).toBe(false);
    expect(comparison.differences[0]).toMatch(/: incr k\n {2}HearthKV :1\n {2}Redis {4}:2\n.*#1 connection 0: incr k/s);
    pair.close();
  });
});

describe("replies", () => {
  const bytes = "+OK\r\n:-5\r\n$3\r\na\r\n\r\n*-1\r\n%1\r\n+k\r\n~1\r\n,1.5\r\n>2\r\n#t\r\n_\r\n=7\r\ntxt:abc\r\n";
  const shown = ["+OK", ":-5", '"a\\r\\n"', "*-1", "%[+k, ~[,1.5]]", ">[#t, _]", "=txt:abc"];

  test("are the same however the bytes are cut", () => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new ReplyReader();
      const first = reader.feed(Buffer.from(bytes.slice(0, cut), "latin1"));
      const replies = [...first, ...reader.feed(Buffer.from(bytes.slice(cut), "latin1"))];
      expect(replies.map((reply) => showReply(reply))).toEqual(shown);
    }
  });

  test.for([
    ":01\r\n",
    ":+1\r\n",
    ":\r\n",
    "$-2\r\n",
    "$01\r\na\r\n",
    "$1\r\nab\r\n",
    ",\r\n",
    ",.5\r\n",
    "#x\r\n",
    "_x\r\n",
    "=3\r\nabc\r\n",
    "+a\nb\r\n",
    "?\r\n",
  ])("%j is none", (text) => {
    expect(() => new ReplyReader().feed(Buffer.from(text, "latin1"))).toThrow();
  });
});

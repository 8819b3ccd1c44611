/** Requests cut anywhere, deep pipelines, and the order of replies when a call blocks in the middle. */
import { randomBytes, randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MemoryServer } from "./support/memory-server.js";
import { bulk, encode } from "./support/raw-client.js";

describe("pipelines", () => {
  let server: MemoryServer;
  beforeAll(async () => {
    server = await MemoryServer.start({ enableDebugCommand: true });
  });
  afterAll(() => server.stop());

  it("takes requests cut after any byte", async () => {
    const input = `${encode("SET", "cut", "v\r\nv")}GET cut\r\n${encode("STRLEN", "cut")}`;
    for (let at = 1; at < input.length; at++) {
      const client = server.connect().send(input.slice(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      await client.send(input.slice(at)).expect("+OK\r\n$4\r\nv\r\nv\r\n:4\r\n");
      client.close();
    }
  });

  it("takes requests byte by byte", async () => {
    const client = server.connect();
    for (const byte of encode("ECHO", "slow")) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.expect(bulk("slow"));
  });

  it("answers a deep pipeline in order", async () => {
    const count = 50_000;
    const client = server.connect();
    client.send(Array.from({ length: count }, (_, i) => encode("ECHO", String(i))).join(""));
    await client.expect(Array.from({ length: count }, (_, i) => bulk(String(i))).join(""));
  });

  // Controls, each seen red: no clear() in forget(), so that a hash outlives its batch; next() that does not go on behind what was found ahead; the hash of an
  // element remembered as its key's.
  it("answers a pipeline as it does its commands one by one, whatever a batch does to the keys behind it", async () => {
    const seed = randomInt(1 << 30);
    console.log(`seed ${seed}`);
    let state = seed | 1;
    const upTo = (n: number): number => {
      state = Math.imul(state, 1664525) + 1013904223;
      return (state >>> 8) % n;
    };
    const key = (): string => `k${upTo(30)}`.padEnd(6, "x");
    // Large, so that elements are found by their hashes.
    const many = Array.from({ length: 600 }, (_, i) => [`e${i}`, String(i)]);
    const large = [
      ["HSET", "hash"],
      ["SADD", "set"],
      ["ZADD", "zset"],
    ].map(([command, name], i) => {
      return encode(command as string, name as string, ...many.flatMap((pair) => (i === 2 ? pair.toReversed() : pair)));
    });
    const element = (): string => `e${upTo(700)}`;
    const commands: (() => string[])[] = [
      () => ["HSET", "hash", element(), "v", element(), "w"],
      () => ["HGET", "hash", element()],
      () => ["HMGET", "hash", element(), element()],
      () => ["HDEL", "hash", element()],
      () => ["HINCRBY", "hash", element(), "3"],
      () => ["SADD", "set", element()],
      () => ["SREM", upTo(20) === 0 ? key() : "set", element(), element()],
      () => ["SMISMEMBER", "set", element(), element()],
      () => ["ZADD", "zset", String(upTo(9)), element(), "4", element()],
      () => ["ZADD", "zset", "GT", "5", element()],
      () => ["ZINCRBY", "zset", "2", element()],
      () => ["ZMSCORE", "zset", element(), element()],
      () => ["DEL", upTo(10) === 0 ? "hash" : key()],
      () => ["RENAME", upTo(2) === 0 ? "set" : key(), upTo(2) === 0 ? "zset" : key()],
      () => ["SET", key(), `v${upTo(1000)}`],
      () => ["GET", key()],
      () => ["GET", key()],
      () => ["INCR", key()],
      () => ["DEL", key(), key()],
      () => ["MGET", key(), key(), key()],
      () => ["MSET", key(), "1", key(), "2"],
      () => ["HSET", key(), "f", "v"],
      () => ["HGET", key(), "f"],
      () => ["RENAME", key(), key()],
      () => ["EXISTS", key(), key()],
      () => ["APPEND", key(), "more"],
      () => ["SELECT", String(upTo(2))],
      () => ["MULTI"],
      () => ["EXEC"],
      () => [upTo(10) === 0 ? "FLUSHALL" : "DBSIZE"],
      () => ["PEXPIREAT", key(), upTo(2) === 0 ? "1" : "99999999999999"],
      () => ["NOSUCH", key()],
      () => ["GET"],
      () => ["OBJECT", "ENCODING", key()],
    ];
    const clients = [server.connect(), server.connect()] as const;
    const [deep, single] = clients;
    for (let round = 0; round < 60; round++) {
      const batch = Array.from({ length: 1 + upTo(100) }, () => {
        const command = commands[upTo(commands.length)]?.() ?? [];
        return upTo(3) === 0 ? `${command.join(" ")}\r\n` : encode(...command);
      });
      batch.push(encode("DISCARD"), encode("PING", "end"));
      const replies: string[] = [];
      for (const client of [deep, single]) {
        // Both begin with the same.
        await client.send(`${encode("RESET")}${encode("FLUSHALL")}`).expect("+RESET\r\n+OK\r\n");
        await client.send(large.join("")).expect(":600\r\n:1200\r\n:600\r\n");
        for (const part of client === deep ? [batch.join("")] : batch) {
          client.send(part);
          if (client === single) await new Promise((resolve) => setImmediate(resolve));
        }
        replies.push(await client.until("$3\r\nend\r\n"));
      }
      expect(replies[0]).toBe(replies[1]);
    }
    for (const client of clients) client.close();
  });

  it("keeps keys apart whose requests are put together at the same place of one buffer", async () => {
    const client = server.connect();
    await client.send(encode("FLUSHALL")).expect("+OK\r\n");
    client.send(`MSET key:a 1 key:b 2\r\nINCR key:c\r\n${encode("MGET", "key:a", "key:b", "key:c")}`);
    await client.expect(`+OK\r\n:1\r\n*3\r\n${["1", "2", "1"].map(bulk).join("")}`);
    client.close();
  });

  it("carries large binary values", async () => {
    const seed = randomInt(1 << 30);
    const value = randomBytes(3_000_000 + (seed % 1000)).toString("latin1");
    const client = server.connect().call("SET", "large", value);
    await client.expect("+OK\r\n");
    await client.call("GET", "large").expect(bulk(value));
  });

  it("sends a reply that is larger than the output limit, also to a slow reader", async () => {
    const client = server.connect();
    await client.call("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 0 0").expect("+OK\r\n");
    const value = "v".repeat(32 * 1024 * 1024);
    await client.call("SET", "large", value).expect("+OK\r\n");
    client.socket.pause();
    client.call("GET", "large");
    // Longer than the server's cron needs to look at every client.
    await new Promise((resolve) => setTimeout(resolve, 400));
    client.socket.resume();
    await client.expect(bulk(value));
    await client.call("CONFIG", "SET", "client-output-buffer-limit", "normal 256mb 0 0").expect("+OK\r\n");
  });

  it("refuses a key that is too long wherever it stands, and takes a value of that length", async () => {
    const long = "k".repeat(64 * 1024 * 1024);
    const client = server.connect();
    await client.call("DEL", "a", long).expect("-ERR key is longer than 67108863 bytes\r\n");
    await client.call("SET", "value", long).expect("+OK\r\n");
    await client.call("MSET", "a", long, "b", "1").expect("+OK\r\n");
    await client.call("DEL", "value", "a", "b").expect(":3\r\n");
  });

  it("keeps requests behind a blocked one waiting", async () => {
    const blocked = server.connect();
    blocked.send(`${encode("ECHO", "a")}${encode("BLPOP", "queue", "0")}${encode("ECHO", "b")}`);
    await blocked.expect(bulk("a"));
    await blocked.send(encode("ECHO", "c")).expectSilence();
    const pusher = server.connect().call("RPUSH", "queue", "x", "y");
    await pusher.expect(":2\r\n");
    await blocked.expect(`*2\r\n${bulk("queue")}${bulk("x")}${bulk("b")}${bulk("c")}`);
    await pusher
      .call("LRANGE", "queue", "0", "-1")
      .call("DEL", "queue")
      .expect(`*1\r\n${bulk("y")}:1\r\n`);
  });

  it("keeps requests cut behind a blocked one", async () => {
    const blocked = server.connect();
    const rest = encode("ECHO", "rest");
    blocked.send(encode("BLPOP", "queue", "0") + rest.slice(0, 9));
    await blocked.expectSilence();
    server.connect().call("RPUSH", "queue", "x");
    await blocked.expect(`*2\r\n${bulk("queue")}${bulk("x")}`);
    await blocked.send(rest.slice(9)).expect(bulk("rest"));
  });

  it("answers before QUIT and closes behind it", async () => {
    const client = server.connect().send("PING\r\nQUIT\r\nPING\r\n");
    await client.expect("+PONG\r\n+OK\r\n");
    await client.expectClosed();
  });

  it("answers a client that closed its direction", async () => {
    const client = server.connect();
    client.socket.end("PING\r\nPING\r\n");
    await client.expect("+PONG\r\n+PONG\r\n");
    await client.expectClosed();
  });

  it("keeps the data over DEBUG RELOAD", async () => {
    const client = server.connect().call("RPUSH", "list", "a", "b").call("SET", "string", "c", "EX", "100");
    await client.expect(":2\r\n+OK\r\n");
    const before = await client.call("DEBUG", "DIGEST").until("\r\n");
    await client.call("DEBUG", "RELOAD").expect("+OK\r\n");
    expect(await client.call("DEBUG", "DIGEST").until("\r\n")).toBe(before);
    await client.call("LRANGE", "list", "0", "-1").expect(`*2\r\n${bulk("a")}${bulk("b")}`);
  });
});

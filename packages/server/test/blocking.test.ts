/** Blocking pops: who is served when, time-outs, and clients that go while they wait. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { MemoryServer } from "./support/memory-server.js";
import { bulk, encode, type RawClient } from "./support/raw-client.js";

const pair = (key: string, value: string) => `*2\r\n${bulk(key)}${bulk(value)}`;

describe("blocking", () => {
  let server: MemoryServer;
  let pusher: RawClient;
  beforeAll(async () => {
    server = await MemoryServer.start();
    pusher = server.connect();
  });
  afterEach(() => pusher.call("FLUSHALL").expect("+OK\r\n"));
  afterAll(() => server.stop());

  async function blockedOn(...args: string[]): Promise<RawClient> {
    const client = server.connect().call(...args);
    await client.expectSilence(15);
    return client;
  }

  it("serves in the order of arrival", async () => {
    const clients = [];
    for (let i = 0; i < 4; i++) clients.push(await blockedOn("BLPOP", "q", "0"));
    await pusher.call("RPUSH", "q", "1", "2", "3").expect(":3\r\n");
    for (const [i, client] of clients.slice(0, 3).entries()) await client.expect(pair("q", String(i + 1)));
    await clients[3]?.expectSilence();
    await pusher.call("EXISTS", "q").expect(":0\r\n");
    await pusher.call("RPUSH", "q", "4").expect(":1\r\n");
    await clients[3]?.expect(pair("q", "4"));
  });

  // Negative control: without remove() in giveUp() it was red.
  it("gives up when CLIENT UNBLOCK says so", async () => {
    const first = server.connect();
    const id = Number((await first.call("CLIENT", "ID").until("\r\n")).slice(1));
    const unblock = (...reason: string[]) => pusher.call("CLIENT", "UNBLOCK", String(id), ...reason);
    await unblock().expect(":0\r\n");
    for (const [reason, reply] of [
      [[], "*-1\r\n"],
      [["timeout"], "*-1\r\n"],
      [["ERROR"], "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"],
    ] as const) {
      await first.call("BLPOP", "q", "0").expectSilence(15);
      await unblock(...reason).expect(":1\r\n");
      await first.call("PING").expect(`${reply}+PONG\r\n`);
      await unblock(...reason).expect(":0\r\n");
      await pusher
        .call("RPUSH", "q", "x")
        .call("LPOP", "q")
        .expect(`:1\r\n${bulk("x")}`);
    }
    await unblock("x").expect("-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
    await pusher.call("CLIENT", "UNBLOCK", "x").expect("-ERR value is not an integer or out of range\r\n");
  });

  it("waits for several keys and takes from the one that was written", async () => {
    const client = await blockedOn("BLPOP", "a", "b", "c", "0");
    await pusher.call("RPUSH", "b", "x").expect(":1\r\n");
    await client.expect(pair("b", "x"));
    await pusher.call("RPUSH", "a", "y").expect(":1\r\n");
    await client.expectSilence();
  });

  it("looks only after the whole transaction", async () => {
    const client = await blockedOn("BLPOP", "q", "0");
    pusher.send(`MULTI\r\n${encode("RPUSH", "q", "x")}${encode("DEL", "q")}${encode("RPUSH", "q", "y")}EXEC\r\n`);
    await pusher.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n:1\r\n:1\r\n");
    await client.expect(pair("q", "y"));
  });

  // Redis 7.0 takes from the key that was written first; from 7.2 on (seen: Redis 8.0, Valkey 8.1 and 9.1, each reply the same) the call runs again.
  it.each<[string[], string[], [string, string][], [q1: string[], q2: string[]]]>([
    [["RPUSH q2 b", "RPUSH q1 a"], ["BLPOP q1 q2 0"], [["q1", "a"]], [[], ["b"]]],
    [
      ["RPUSH q2 b", "RPUSH q1 a"],
      ["BLPOP q1 q2 0", "BLPOP q1 q2 0"],
      [
        ["q1", "a"],
        ["q2", "b"],
      ],
      [[], []],
    ],
    [
      ["RPUSH q2 b1 b2", "RPUSH q1 a"],
      ["BLPOP q1 q2 0", "BLPOP q2 q1 0"],
      [
        ["q1", "a"],
        ["q2", "b1"],
      ],
      [[], ["b2"]],
    ],
    [
      ["RPUSH q2 b", "RPUSH q1 a1 a2"],
      ["BLPOP q1 0", "BLPOP q1 q2 0"],
      [
        ["q1", "a2"],
        ["q1", "a1"],
      ],
      [[], ["b"]],
    ],
    [["SET q2 x", "RPUSH q1 a", "DEL q2", "RPUSH q2 b"], ["BLPOP q1 q2 0"], [["q1", "a"]], [[], ["b"]]],
    [["RPUSH q2 b", "DEL q2", "RPUSH q1 a", "RPUSH q2 c"], ["BLPOP q1 q2 0"], [["q1", "a"]], [[], ["c"]]],
  ])("after a transaction of %j each waiter runs again: one element each", async (writes, calls, served, left) => {
    const clients = [];
    for (const call of calls) clients.push(await blockedOn(...call.split(" ")));
    await pusher
      .send(["MULTI", ...writes, "EXEC", "ECHO end"].map((line) => `${line}\r\n`).join(""))
      .until(bulk("end"));
    for (const [i, client] of clients.entries()) await client.expect(pair(...served[i]!));
    const reader = server.connect().call("LRANGE", "q1", "0", "-1").call("LRANGE", "q2", "0", "-1");
    await reader.expect(left.map((list) => `*${list.length}\r\n${list.map(bulk).join("")}`).join(""));
  });

  it("is not woken by a value of another type", async () => {
    const client = await blockedOn("BLPOP", "q", "0");
    await pusher.call("SADD", "q", "x").call("DEL", "q").call("RPUSH", "q", "y").expect(":1\r\n:1\r\n:1\r\n");
    await client.expect(pair("q", "y"));
  });

  it("is woken by RENAME", async () => {
    const client = await blockedOn("BLPOP", "q", "0");
    await pusher.call("RPUSH", "other", "x").call("RENAME", "other", "q").expect(":1\r\n+OK\r\n");
    await client.expect(pair("q", "x"));
  });

  it("keeps databases apart", async () => {
    const client = server.connect().call("SELECT", "3").call("BLPOP", "q", "0");
    await client.expect("+OK\r\n");
    await client.expectSilence(15);
    await pusher.call("RPUSH", "q", "zero").expect(":1\r\n");
    await client.expectSilence(15);
    const other = server.connect().call("SELECT", "3").call("RPUSH", "q", "three");
    await other.expect("+OK\r\n:1\r\n");
    await client.expect(pair("q", "three"));
  });

  it("times out on time, with the null of the protocol", async () => {
    for (const [hello, nothing] of [
      ["", "*-1\r\n"],
      ["HELLO 3\r\n", "_\r\n"],
    ] as const) {
      const client = server.connect();
      if (hello !== "") await client.send(hello).until("modules\r\n*0\r\n");
      await client.call("PING").expect("+PONG\r\n");
      const startMs = performance.now();
      await client.call("BLPOP", "q", "0.05").expect(nothing);
      const tookMs = performance.now() - startMs;
      expect(tookMs).toBeGreaterThanOrEqual(49);
      expect(tookMs).toBeLessThan(10_000);
      await client.call("PING").expect("+PONG\r\n");
    }
  });

  it("does not wait inside a transaction", async () => {
    const client = server.connect().send(`MULTI\r\n${encode("BLPOP", "q", "0")}EXEC\r\nPING\r\n`);
    await client.expect("+OK\r\n+QUEUED\r\n*1\r\n*-1\r\n+PONG\r\n");
  });

  it("forgets clients that left while they waited", async () => {
    const gone = await blockedOn("BLPOP", "q", "0");
    const killed = await blockedOn("BLPOP", "q", "0");
    const last = await blockedOn("BLPOP", "q", "0");
    gone.close();
    await killed.expectSilence(15);
    await pusher.call("CLIENT", "KILL", "TYPE", "pubsub").expect(":0\r\n");
    const address = killed.socket.address();
    const port = "port" in address ? address.port : 0;
    await pusher.call("CLIENT", "KILL", `127.0.0.1:${port}`).expect("+OK\r\n");
    await killed.expectClosed();
    await pusher.call("RPUSH", "q", "x").expect(":1\r\n");
    await last.expect(pair("q", "x"));
  });

  it("shows blocked clients", async () => {
    await blockedOn("BLPOP", "q", "0");
    const text = await pusher.call("CLIENT", "LIST").until("\n\r\n");
    expect(text).toMatch(/ flags=b .* cmd=blpop /);
  });
});

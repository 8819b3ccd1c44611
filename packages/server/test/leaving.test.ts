/** Clients that leave, or end their sending, while something of theirs still waits. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Keyspace } from "@hearthkv/engine";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SyncWaiters } from "../src/persistence/sync-waiters.js";
import { serveFake } from "./support/fake-persistence.js";
import { MemoryServer } from "./support/memory-server.js";
import { bulk, encode, RawClient } from "./support/raw-client.js";

const MB = 1024 * 1024;
/** Behind a call that waits: more than the server keeps of a client that waits for something that comes by itself. */
const BEHIND = encode("ECHO", "x".repeat(100_000)).repeat(30);

/** Until the server has so many clients. */
async function untilClients(asker: RawClient, count: number): Promise<void> {
  let text = "";
  for (let i = 0; i < 500 && !text.includes(`connected_clients:${count}\r\n`); i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    text = await asker.send("INFO clients\r\n").until("\r\n\r\n");
  }
  expect(text).toContain(`connected_clients:${count}\r\n`);
}

describe("a client blocked with megabytes behind it", () => {
  let server: MemoryServer;
  let asker: RawClient;
  beforeAll(async () => {
    server = await MemoryServer.start();
    asker = server.connect();
  });
  afterAll(() => server.stop());

  /** Blocked, and all that it sent has arrived. */
  async function blocked(): Promise<RawClient> {
    const client = server.connect().send(encode("BLPOP", "q", "0") + BEHIND);
    let text = "";
    while (Number(/ qbuf=(\d+) .* cmd=blpop/.exec(text)?.[1] ?? 0) < BEHIND.length)
      text = await asker.call("CLIENT", "LIST").until("\n\r\n");
    return client;
  }

  /** Negative control: with the pause of all input above 1 MB, as it was, both waited in vain for the client to go. */
  it.each(["closes", "ends its sending"])("is seen to leave when it %s, and takes no element", async (how) => {
    const client = await blocked();
    if (how === "closes") client.close();
    else client.socket.end();
    await untilClients(asker, 1);
    await asker.call("RPUSH", "q", "x").call("LLEN", "q").call("DEL", "q").expect(":1\r\n:1\r\n:1\r\n");
  });

  it("gets what it sent behind the call when an element comes", async () => {
    const client = await blocked();
    await asker.call("RPUSH", "q", "x").expect(":1\r\n");
    await client.expect(`*2\r\n${bulk("q")}${bulk("x")}${bulk("x".repeat(100_000)).repeat(30)}`);
    client.close();
    await untilClients(asker, 1);
  });

  it("is closed at client-query-buffer-limit", async () => {
    await asker.call("CONFIG", "SET", "client-query-buffer-limit", String(4 * MB)).expect("+OK\r\n");
    const client = await blocked();
    client.send(BEHIND);
    await client.expectClosed();
    await untilClients(asker, 1);
    expect(server.log.map((line) => line.msg)).toContain("Closing client that reached max query buffer length");
    expect(await asker.call("INFO", "stats").until("\r\n\r\n")).toContain(
      "client_query_buffer_limit_disconnections:1\r\n",
    );
    await asker.call("RPUSH", "q", "x").call("LLEN", "q").expect(":1\r\n:1\r\n");
  });
});

describe("a client that ends its sending", () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "hearthkv-leaving-"));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  /** Negative control: with #peerEnded closing at once, as it was, nothing was answered and SET not run. */
  it("gets what it asked for, behind a SAVE as well; what may never come is given up", async () => {
    const server = await MemoryServer.start({ dataDir, disablePersistence: false });
    const client = server.connect();
    client.socket.end(
      `SAVE\r\n${encode("SET", "a", "1")}${encode("GET", "a")}SAVE\r\n${encode("BLPOP", "q", "0")}PING\r\n`,
    );
    await client.expect(`+OK\r\n+OK\r\n${bulk("1")}+OK\r\n`);
    await client.expectClosed();
    const waiting = server.connect();
    waiting.socket.end(encode("SET", "a", "2") + encode("WAITAOF", "0", "1", "0"));
    await waiting.expect("+OK\r\n");
    await waiting.expectClosed();
    await server
      .connect()
      .call("RPUSH", "q", "x")
      .call("LLEN", "q")
      .call("GET", "a")
      .expect(`:1\r\n:1\r\n${bulk("2")}`);
    await server.stop();
  });
});

describe("WAITAOF", () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

  /** Negative control: without the call of `abandon` in Core all 50 timers stayed, as they did before. */
  it("leaves nothing behind when its client leaves", async () => {
    const server = await serveFake(new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random }));
    const before = timers();
    const clients = Array.from({ length: 50 }, () => new RawClient(server.port));
    for (const client of clients) client.call("SET", "a", "1").call("WAITAOF", "1", "0", "100000000");
    while (server.persistence.syncsAwaited < clients.length) await new Promise(setImmediate);
    expect(timers()).toBeGreaterThan(before + 40);
    for (const client of clients) client.close();
    while (server.persistence.syncsAwaited > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(timers()).toBeLessThan(before + 20);
    server.persistence.ack(server.persistence.lastSequence);
    while (server.core.clients.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    server.stop();
  });

  it("waits no more once it has been given up", async () => {
    const waiters = new SyncWaiters();
    const over = new AbortController();
    const [given, kept] = [waiters.wait(7, over.signal), waiters.wait(7)];
    over.abort();
    await expect(given).rejects.toThrow("aborted");
    expect(waiters.waiting).toBe(true);
    waiters.settle(7);
    await kept;
    expect(waiters.waiting).toBe(false);
  });
});

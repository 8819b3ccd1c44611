/** A server's life: start, data over a restart, the ways it ends. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ShutdownRequest } from "../src/options.js";
import { startServer } from "../src/start-server.js";
import { MemoryServer } from "./support/memory-server.js";
import { bulk } from "./support/raw-client.js";

describe("with a data directory", () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "hearthkv-server-"));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));
  const open = () => MemoryServer.start({ dataDir, disablePersistence: false, enableDebugCommand: true });

  it.each([true, false])("has everything after a restart (final snapshot: %s)", async (snapshot) => {
    const first = await open();
    const client = first.connect().call("SET", "a", "1").call("RPUSH", "l", "x").call("DEL", "l");
    await client.expect("+OK\r\n:1\r\n:1\r\n");
    await client.send("MULTI\r\nSET b 2\r\nSELECT 3\r\nHSET h f v\r\nEXEC\r\n").until("+OK\r\n:1\r\n");
    const digest = first.running.digest();
    await first.running.close({ snapshot });
    await client.expectClosed();

    const second = await open();
    expect(second.running.keysLoaded).toBe(3);
    expect(second.running.digest()).toBe(digest);
    await second
      .connect()
      .send("GET b\r\nSELECT 3\r\nHGET h f\r\nFLUSHALL\r\n")
      .expect(`${bulk("2")}+OK\r\n${bulk("v")}+OK\r\n`);
    await second.stop();
  });

  it("saves, waits for the disk and reloads on request", async () => {
    const server = await open();
    const client = server.connect().call("SET", "a", "1").call("WAITAOF", "1", "0", "0");
    await client.expect("+OK\r\n*2\r\n:1\r\n:0\r\n");
    await client.call("WAITAOF", "0", "1", "30").call("PING").expect("*2\r\n:1\r\n:0\r\n+PONG\r\n");
    await client.send("SAVE\r\nPING\r\nDEBUG RELOAD\r\nGET a\r\n").expect(`+OK\r\n+PONG\r\n+OK\r\n${bulk("1")}`);
    await client.call("BGSAVE").expect("+Background saving started\r\n");
    expect(await client.call("INFO", "persistence").until("\r\n\r\n")).toContain("wal_sequence:");
    await server.stop();
  });

  it("does not reload in a transaction while a snapshot is being made", async () => {
    const server = await open();
    const client = server.connect().send("SADD s a\r\nBGSAVE\r\nMULTI\r\nDEBUG RELOAD\r\nEXEC\r\n");
    const replies = ":1\r\n+Background saving started\r\n+OK\r\n+QUEUED\r\n*1\r\n";
    await client.expect(`${replies}-ERR Background save already in progress\r\n`);
    await client.send("SAVE\r\n").until("\r\n");
    await server.stop();
  });

  it("is locked while a server has it", async () => {
    const server = await open();
    await expect(open()).rejects.toThrow();
    await server.stop();
    await (await open()).stop();
  });
});

describe("without one", () => {
  it("hands SHUTDOWN to its owner", async () => {
    const requests: ShutdownRequest[] = [];
    const server = await MemoryServer.start({ onShutdownRequested: (request) => requests.push(request) });
    const client = server.connect().call("SHUTDOWN", "NOSAVE");
    await client.expectSilence();
    expect(requests).toEqual([{ save: false }]);
    await server.stop();
  });

  it("closes itself when it has no such owner", async () => {
    const server = await MemoryServer.start();
    const client = server.connect().call("SHUTDOWN");
    await client.expectClosed();
    await server.running.close();
    await server.connect().expectClosed();
  });

  it("says INFO and CONFIG", async () => {
    const server = await MemoryServer.start();
    const info = await server.connect().call("INFO").until("\r\n\r\n");
    expect(info).toContain(`tcp_port:${server.running.port}\r\n`);
    expect(info).toContain(`hearthkv_version:${server.running.version}\r\n`);
    await server
      .connect()
      .call("CONFIG", "GET", "maxclients")
      .expect(`*2\r\n${bulk("maxclients")}$`);
    await server.stop();
  });

  it("counts commands for itself, not for another server of the process", async () => {
    const [one, other] = [await MemoryServer.start(), await MemoryServer.start()];
    await one.connect().call("TIME").until("\r\n");
    const stats = async (server: MemoryServer) => server.connect().call("INFO", "commandstats").until("\r\n\r\n");
    expect(await stats(one)).toContain("cmdstat_time:calls=1,");
    expect(await stats(other)).not.toContain("cmdstat_time");
    await other.connect().call("CONFIG", "RESETSTAT").expect("+OK\r\n");
    expect(await stats(one)).toContain("cmdstat_time:calls=1,");
    await one.stop();
    await other.stop();
  });

  it("applies CONFIG SET requirepass to those who come later", async () => {
    const server = await MemoryServer.start();
    const old = server.connect().call("CONFIG", "SET", "requirepass", "p");
    await old.expect("+OK\r\n");
    await server.connect().call("PING").expect("-NOAUTH");
    await server.connect().call("AUTH", "p").call("PING").expect("+OK\r\n+PONG\r\n");
    await old.call("PING").expect("+PONG\r\n");
    await server.stop();
  });

  /** Negative control: with `authenticated` as a copy made when the client came, as it was, `late` got NOAUTH for ever. */
  it("asks nobody for a password that is not required any more", async () => {
    const server = await MemoryServer.start({ requirepass: "p" });
    const admin = server.connect().call("AUTH", "p");
    await admin.expect("+OK\r\n");
    const late = server.connect().call("PING");
    await late.expect("-NOAUTH Authentication required.\r\n");
    await admin.call("CONFIG", "SET", "requirepass", "").expect("+OK\r\n");
    await late.call("PING").call("SET", "large", "x".repeat(100_000)).expect("+PONG\r\n+OK\r\n");
    await admin.call("CONFIG", "SET", "requirepass", "q").expect("+OK\r\n");
    await late.call("PING").expect("-NOAUTH Authentication required.\r\n");
    await admin.call("PING").expect("+PONG\r\n");
    await late.call("SET", "large", "x".repeat(100_000)).expect("-ERR Protocol error: unauthenticated bulk length\r\n");
    await server.stop();
  });

  it("rejects when it cannot listen", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(
      startServer({ host: "127.0.0.1", port, disablePersistence: true, logLevel: "silent" }),
    ).rejects.toThrow("EADDRINUSE");
    other.close();
  });

  it("expires keys that nobody asks for", async () => {
    const server = await MemoryServer.start();
    const client = server.connect();
    for (let i = 0; i < 2000; i++) client.call("SET", `k${i}`, "v", "PX", "20");
    await client.expect("+OK\r\n".repeat(2000));
    let size = ":2000\r\n";
    for (let i = 0; i < 30 && size !== ":0\r\n"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      size = await client.call("DBSIZE").until("\r\n");
    }
    expect(size).toBe(":0\r\n");
    await server.stop();
  });
});

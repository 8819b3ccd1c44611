/**
 * Clients that come while the data is loaded. Server and client share this thread, and loading gives the event loop a turn every some
 * milliseconds: so a client that connects when the server says that it listens is there long before the log, of a good second, is read.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServerOptions } from "../src/options.js";
import { type RunningServer, startServer } from "../src/start-server.js";
import { bulk, encode, RawClient } from "./support/raw-client.js";

const LOADING = "-LOADING Redis is loading the dataset in memory\r\n";
const KEYS = 150_000;
const folders: string[] = [];
let dataDir: string;
let digest: string;

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "hearthkv-loading-"));
  folders.push(made);
  return made;
}

/** Starts a server without waiting for its data: resolves when it listens. */
async function begin(options: ServerOptions = {}): Promise<{ port: number; started: Promise<RunningServer> }> {
  let started: Promise<RunningServer> = Promise.reject();
  started.catch(() => {});
  const port = await new Promise<number>((resolve, reject) => {
    const write = (line: string) => {
      const { addresses } = JSON.parse(line);
      if (addresses !== undefined) resolve(Number(addresses[0].split(":")[1]));
    };
    const logger = pino({ level: "info" }, { write });
    started = startServer({ host: "127.0.0.1", port: 0, dataDir, logger, snapshotOps: 0, ...options });
    started.catch(reject);
  });
  return { port, started };
}

/** Sends many requests and waits for as many replies, "+OK" each. */
async function fill(client: RawClient, requests: readonly string[]): Promise<void> {
  for (let i = 0; i < requests.length; i += 10_000) {
    const some = requests.slice(i, i + 10_000);
    client.send(some.join(""));
    await client.take("+OK\r\n".length * some.length);
  }
}

/** Name and size of what lies in the directory. */
function listing(path: string): string[] {
  return readdirSync(path).map((name) => `${name} ${statSync(join(path, name)).size}`);
}

beforeAll(async () => {
  dataDir = folder();
  const { port, started } = await begin();
  const server = await started;
  const client = new RawClient(port);
  const requests = Array.from({ length: KEYS }, (_, i) => encode("SET", `key:${i}`, "v".repeat(200)));
  await fill(client, requests.slice(0, KEYS / 2));
  // In the middle of the log a list's time has come long ago when it is replayed, and it was made to stay.
  for (const command of ["MULTI", "RPUSH kept a", "PEXPIRE kept 1", "RPUSH kept b", "PERSIST kept", "EXEC"]) {
    client.call(...command.split(" "));
  }
  await client.until("*4\r\n:1\r\n:1\r\n:2\r\n:1\r\n");
  await fill(client, requests.slice(KEYS / 2));
  digest = server.digest();
  await server.close({ snapshot: false });
}, 180_000);

afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

describe("while the data is loaded", () => {
  it("what needs no data is answered, everything else is told LOADING, and the connections stay", async () => {
    const { port, started } = await begin({ enableDebugCommand: true });
    const client = new RawClient(port);
    const subscriber = new RawClient(port);
    for (const refused of [
      ["PING"],
      ["LLEN", "kept"],
      ["SET", "a", "1"],
      ["BGSAVE"],
      ["DBSIZE"],
      ["DEBUG", "RELOAD"],
    ]) {
      await client.call(...refused).expect(LOADING);
    }
    await client.call("GET").expect("-ERR wrong number of arguments for 'get' command\r\n");
    await client
      .call("SELECT", "1")
      .call("SELECT", "0")
      .call("CONFIG", "SET", "timeout", "0")
      .expect("+OK\r\n".repeat(3));
    await client
      .call("WATCH", "kept")
      .call("MULTI")
      .call("GET", "kept")
      .call("EXEC")
      .expect(`+OK\r\n+OK\r\n${LOADING}`);
    await client.until("-EXECABORT Transaction discarded because of previous errors.\r\n");
    const info = await client.call("INFO", "persistence").until("\r\n\r\n");
    expect(info).toMatch(/loading:1\r\nasync_loading:0\r\n/);
    expect(info).toMatch(/loading_start_time:\d+\r\nloading_total_bytes:\d{8,}\r\nloading_loaded_bytes:\d+\r\n/);
    expect(info).toMatch(/loading_loaded_perc:\d+\.\d\d\r\nloading_eta_seconds:\d+\r\n/);
    await subscriber.call("SUBSCRIBE", "c").until(":1\r\n");
    await client.call("PUBLISH", "c", "m").expect(":1\r\n");
    await client.call("PING").expect(LOADING);

    const server = await started;
    await subscriber.expect(`*3\r\n${bulk("message")}${bulk("c")}${bulk("m")}`);
    await client.call("PING").call("LLEN", "kept").expect("+PONG\r\n:2\r\n");
    expect(await client.call("INFO", "persistence").until("\r\n\r\n")).not.toContain("loading_");
    expect(server.keysLoaded).toBe(KEYS + 1);
    expect(server.digest()).toBe(digest);
    await server.close({ snapshot: false });
  });

  it("its owner may give up: everything is as it was", async () => {
    const before = listing(dataDir);
    const giveUp = new AbortController();
    const { port, started } = await begin({ signal: giveUp.signal });
    const client = new RawClient(port);
    await client.call("PING").expect(LOADING);
    giveUp.abort(new Error("no more"));
    await expect(started).rejects.toThrow("no more");
    await client.expectClosed();
    expect(listing(dataDir)).toEqual(before);
    await new RawClient(port).expectClosed();
  });

  it("SHUTDOWN ends it without a snapshot", async () => {
    const before = listing(dataDir);
    const { port, started } = await begin();
    const client = new RawClient(port);
    client.call("SHUTDOWN");
    await expect(started).rejects.toThrow("the server was closed while it loaded the data");
    await client.expectClosed();
    expect(listing(dataDir)).toEqual(before);
  });

  it("SHUTDOWN is its owner's to answer", async () => {
    const giveUp = new AbortController();
    const { port, started } = await begin({ signal: giveUp.signal, onShutdownRequested: () => giveUp.abort() });
    new RawClient(port).call("SHUTDOWN", "NOSAVE");
    await expect(started).rejects.toThrow("aborted");
  });
});

it("loads a snapshot whose sections are large in parts", async () => {
  const path = folder();
  const first = await begin({ dataDir: path });
  const server = await first.started;
  const client = new RawClient(first.port);
  const member = "m".repeat(1000);
  for (const key of ["l1", "l2", "l3", "l4"]) {
    const members = Array.from({ length: 10_000 }, (_, i) => `${member}${i}`);
    await client.call("RPUSH", key, ...members).expect(":10000\r\n");
  }
  await fill(
    client,
    Array.from({ length: 1000 }, (_, i) => encode("SET", `key:${i}`, member)),
  );
  const before = server.digest();
  await server.close();
  const second = await begin({ dataDir: path });
  const again = await second.started;
  expect(again.digest()).toBe(before);
  await again.close();
});

it("a port that is taken is known before the data directory is made", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const path = join(folder(), "new");
  await expect(startServer({ host: "127.0.0.1", port, dataDir: path, logLevel: "silent" })).rejects.toThrow(
    "EADDRINUSE",
  );
  expect(() => statSync(path)).toThrow("ENOENT");
  other.close();
});

it("a directory that is in use closes the port again", async () => {
  const path = folder();
  const first = await begin({ dataDir: path });
  const server = await first.started;
  const logged: { msg: string; addresses?: string[] }[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => logged.push(JSON.parse(line)) });
  await expect(startServer({ host: "127.0.0.1", port: 0, dataDir: path, logger })).rejects.toThrow("in use");
  expect(logged.map(({ msg }) => msg)).toEqual([expect.stringMatching(/^listening on/)]);
  const port = Number(logged[0]?.addresses?.[0]?.split(":")[1]);
  await new RawClient(port).expectClosed();
  await server.close();
});

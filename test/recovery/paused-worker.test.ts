/**
 * The log's writers stand still while clients write: what waits in memory has a limit, sockets are not read beyond it, and nothing is lost
 * when the log goes on, or when the process is killed instead.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { CrashRun } from "../crash/crash-run.js";
import { printedSeed } from "../crash/random.js";
import {
  encodeRequest,
  RespClient,
  residentBytes,
  type ServerProcess,
  startHearth,
  waitUntil,
} from "../support/index.js";

const hook = fileURLToPath(new URL("pause-hook.mjs", import.meta.url));
const nodeFlags = ["--import", hook];
const MB = 1024 * 1024;
/** The ring, what is read ahead of it, and the keys' values themselves: all far below what the clients want to send. */
const GROWTH_BYTES_MAX = 120 * MB;
const FLOODERS = 8;
const FLOOD_BYTES = 50 * MB;
const VALUE_BYTES = 10_000;
const FLOOD_MS = 900;
/** Of each connection: all of them together want more than may wait. */
const DEPTH = 5000;

async function togglePause(server: ServerProcess, expected: "paused" | "resumed"): Promise<void> {
  process.kill(server.pid, "SIGUSR2");
  await server.child.waitFor(new RegExp(`log ${expected}`));
}

const rotating = ["--wal-max-bytes", "1mb"];

test.for(["memory", "written"])(
  "--ack %s: memory is bounded, sockets are not read, all goes on afterwards",
  async (level) => {
    const flags = ["--ack", level, ...rotating];
    const server = await startHearth({ flags, nodeFlags });
    const before = residentBytes(server);
    const flooders = await Promise.all(Array.from({ length: FLOODERS }, (_, id) => Flooder.connect(server.port, id)));
    await togglePause(server, "paused");
    for (const flooder of flooders) flooder.start();
    // How much the kernel keeps unread is its own matter (128 KB a socket at least): this only waits for the flood to stand.
    await waitUntil("sockets that are not read", () => unreadBytes(server.port) > MB / 8);
    await sleep(FLOOD_MS / 3);
    const sentThen = sum(flooders.map((flooder) => flooder.sentBytes));
    await sleep(FLOOD_MS);
    expect(sum(flooders.map((flooder) => flooder.sentBytes)) - sentThen).toBeLessThan(MB);
    expect(sentThen).toBeLessThan((FLOODERS * FLOOD_BYTES) / 2);
    expect(residentBytes(server) - before).toBeLessThan(GROWTH_BYTES_MAX);
    if (level !== "memory") expect(sum(flooders.map((flooder) => flooder.replies))).toBe(0);

    await togglePause(server, "resumed");
    const replies = await Promise.all(flooders.map((flooder) => flooder.finish()));
    expect(replies).toEqual(flooders.map((flooder) => flooder.requests));
    const client = await server.connect();
    expect(await client.ok("DBSIZE")).toBe(sum(replies));
    await client.ok("SET", "last", 1); // WAITAOF waits for what its own client wrote, and all that came before it
    expect(await client.ok("WAITAOF", 1, 0, 0)).toEqual([1, 0]);
    const info = String(await client.ok("INFO", "persistence"));
    expect(Number(/ring_bytes:(\d+)/.exec(info)?.[1])).toBeLessThan(MB);
    client.close();
    await server.kill();
    await expectKeys(server.dataDir, sum(replies) + 1);
  },
);

test.for(["written", "synced"])("--ack %s, killed while paused: everything acknowledged is there", async (level) => {
  const run = new CrashRun(printedSeed(`paused, ${level}`), FLOODERS, ["--ack", level, ...rotating]);
  const server = await startHearth({ ...run.options, nodeFlags });
  await run.startWriters(server.port, DEPTH);
  await waitUntil("some writes", () => run.acknowledged > 100);
  await togglePause(server, "paused");
  await waitUntil("sockets that are not read", () => unreadBytes(server.port) > 0);
  // Replies that had left before the pause are still being read here.
  let acknowledged = -1;
  await waitUntil("no more replies", async () => {
    const before = acknowledged;
    acknowledged = run.acknowledged;
    await sleep(400);
    return acknowledged === before && run.acknowledged === acknowledged;
  });
  await server.kill();
  await run.writersEnded();
  const again = await startHearth(run.options);
  await run.check(again);
  await again.stop();
  expect(run.totals).toMatchObject({ lost: 0, faults: [] });
});

test("resumed: every command is answered, and all of it is there after a kill", async () => {
  const run = new CrashRun(printedSeed("resumed"), FLOODERS, rotating);
  const server = await startHearth({ ...run.options, nodeFlags });
  await run.startWriters(server.port, DEPTH);
  await waitUntil("some writes", () => run.acknowledged > 100);
  await togglePause(server, "paused");
  await waitUntil("sockets that are not read", () => unreadBytes(server.port) > 0);
  await togglePause(server, "resumed");
  await run.pause();
  await server.kill();
  await run.writersEnded();
  const again = await startHearth(run.options);
  await run.check(again);
  await again.stop();
  expect(run.totals).toMatchObject({ lost: 0, faults: [] });
  expect(run.totals.sent).toBe(run.totals.acknowledged);
});

async function expectKeys(dataDir: string, keys: number): Promise<void> {
  const again = await startHearth({ dataDir });
  const client = await RespClient.connect(again.port);
  expect(await client.ok("DBSIZE")).toBe(keys);
  client.close();
  await again.stop();
}

/** Sends SETs of new keys as fast as the socket takes them, up to a size. */
class Flooder {
  requests = 0;
  replies = 0;
  readonly #socket: net.Socket;
  readonly #id: number;
  #started = false;

  private constructor(socket: net.Socket, id: number) {
    this.#socket = socket;
    this.#id = id;
    socket.on("data", (chunk: Buffer) => {
      if (chunk.includes("-")) throw new Error(`an error reply: ${chunk}`);
      for (const byte of chunk) if (byte === 0x2b) this.replies++;
    });
    socket.on("error", () => {});
    socket.on("drain", () => this.#send());
  }

  static async connect(port: number, id: number): Promise<Flooder> {
    const socket = net.connect({ host: "127.0.0.1", port });
    await once(socket, "connect");
    return new Flooder(socket, id);
  }

  /** Bytes that left this process. */
  get sentBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  start(): void {
    this.#started = true;
    this.#send();
  }

  /** No more is sent; resolves with the number of replies when there is one for each request. */
  async finish(): Promise<number> {
    this.#started = false;
    await waitUntil("a reply to each request", () => this.replies >= this.requests);
    this.#socket.destroy();
    return this.replies;
  }

  #send(): void {
    while (this.#started && this.#socket.bytesWritten < FLOOD_BYTES) {
      const value = Buffer.alloc(VALUE_BYTES, this.requests);
      if (!this.#socket.write(encodeRequest(["SET", `${this.#id}:${this.requests++}`, value]))) return;
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** What lies unread in the kernel on the server's side of its connections. */
function unreadBytes(port: number): number {
  const here = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1);
  const queues = rows.map((row) => row.trim().split(/\s+/)).filter((columns) => columns[1]?.endsWith(here));
  return sum(queues.map((columns) => Number.parseInt(columns[4]?.split(":")[1] ?? "0", 16)));
}

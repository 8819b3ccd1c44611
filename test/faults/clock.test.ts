/**
 * The clock jumps, while the server serves and between two starts: an hour back, thirty days ahead, and back again. Keys without a TTL stay,
 * what has expired does not come back, the log is synced and snapshots are made as before, and nothing runs in circles.
 *
 * Intervals are those of the monotonic clock: who is idle, how much was done a second, how long a client is blocked, how old it is.
 *
 * Negative controls, by hand: with the wall clock for a connection's idle time the jump ahead closed the idle client. With Date.now for all of Clock's
 * monotonic time the first test never ended. With expireRecord() of engine/src/key-store.ts deleting without a word to the log, expired keys came
 * back after the restart.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  type RespClient,
  requirePeer,
  type ServerProcess,
  startHearth,
  temporaryFolder,
  waitUntil,
} from "../support/index.js";
import { persistenceInfo, persistenceNumber } from "./server-info.js";

const BACK = "-3600";
const AHEAD = "+30d";
const TRUE = "+0";
const TEN_DAYS_S = 10 * 86_400;
const IDLE_MS = 1000;
/** Of IDLE_MS; a loop that does not wait takes all of it. */
const IDLE_CPU_MS_MAX = 700;
const CLOCK_TICK_MS = 10;

/** A server whose clock is ours. The monotonic clock goes on, as that of the kernel does. */
class ClockRun {
  readonly dataDir = temporaryFolder("clock");
  readonly #file = join(temporaryFolder("clock"), "offset");

  /** Resolves when the server's clock shows it. */
  async jump(offset: string, client?: RespClient): Promise<void> {
    writeFileSync(this.#file, `${offset}\n`);
    const shownS = Date.now() / 1000 + (offset === AHEAD ? 30 * 86_400 : Number(offset));
    if (client === undefined) return;
    await waitUntil("the clock jumps", async () => {
      const [nowS] = (await client.ok("TIME")) as string[];
      return Math.abs(Number(nowS) - shownS) < 60;
    });
  }

  start(snapshotIntervalS: number): Promise<ServerProcess> {
    const places = readdirSync("/usr/lib").map((name) => join("/usr/lib", name, "faketime/libfaketime.so.1"));
    const env = {
      LD_PRELOAD: places.find((place) => existsSync(place)),
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      // libfaketime's work-around for old C libraries makes waits on the monotonic clock, which Atomics.wait is made of, end at once.
      FAKETIME_FORCE_MONOTONIC_FIX: "0",
      FAKETIME_NO_CACHE: "1",
      FAKETIME_TIMESTAMP_FILE: this.#file,
      NO_FAKE_STAT: "1",
    };
    const flags = ["--snapshot-interval-s", String(snapshotIntervalS), "--wal-max-bytes", "64kb"];
    return startHearth({ dataDir: this.dataDir, flags, env });
  }
}

/** Writes, and sees that the log is synced and rotated, and snapshots made, by themselves. */
async function goesOn(client: RespClient, snapshots = true): Promise<void> {
  const before = await persistenceInfo(client);
  await client.ok("INCR", "counter");
  await client.pipeline(Array.from({ length: 100 }, (_, i) => ["SET", `k${i}`, "v".repeat(1000)]));
  await waitUntil("a sync, a snapshot and a rotation", async () => {
    const now = await persistenceInfo(client);
    const synced = Number(now.wal_synced_sequence) >= Number(before.wal_sequence) + 101;
    const saved = !snapshots || now.snapshot_count !== before.snapshot_count;
    return synced && saved && now.wal_rotations !== before.wal_rotations;
  });
}

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
}

/** There is a second in which it has next to nothing to do: a loop that does not wait never has one. */
async function rests(server: ServerProcess): Promise<void> {
  await waitUntil("the server rests", async () => {
    const before = cpuMs(server.pid);
    await sleep(IDLE_MS);
    return cpuMs(server.pid) - before < IDLE_CPU_MS_MAX;
  });
}

test("live: an hour back, thirty days ahead, and back", async (context) => {
  requirePeer(context, "faketime");
  const run = new ClockRun();
  await run.jump(TRUE);
  const server = await run.start(0.2);
  const client = await server.connect();
  await client.ok("SET", "stays", "1");
  await client.ok("SET", "days", "1", "EX", TEN_DAYS_S);
  const idle = await server.connect();
  await idle.ok("CONFIG", "SET", "timeout", 3600);
  const blocked = (await server.connect()).send("BLPOP", "nothing", 0.5);
  await run.jump(BACK, client);
  await waitUntil(
    "a figure per second of after the jump",
    async () => (await client.infoNumber("instantaneous_ops_per_sec")) > 0,
  );
  expect(await blocked).toBeNull();
  await goesOn(client);
  await rests(server);
  expect(await client.ok("GET", "days")).toBe("1");
  expect(await client.ok("TTL", "days")).toBeGreaterThan(TEN_DAYS_S);
  await client.ok("SET", "second", "1", "PX", 200);
  await waitUntil("what is set now expires", async () => (await client.ok("GET", "second")) === null);

  await run.jump(AHEAD, client);
  await goesOn(client);
  expect(await idle.ok("PING")).toBe("PONG");
  expect(await client.infoNumber("uptime_in_seconds")).toBeLessThan(TEN_DAYS_S);
  expect(String(await client.ok("CLIENT", "LIST"))).not.toMatch(/ (age|idle)=\d{6}/);
  await rests(server);
  expect(await client.ok("GET", "days")).toBeNull();
  await run.jump(TRUE, client);
  await goesOn(client);
  await rests(server);
  expect(await client.ok("MGET", "stays", "days", "second", "counter")).toEqual(["1", null, null, "3"]);
  client.close();
  await server.kill();

  const again = await run.start(0.2);
  const reader = await again.connect();
  expect(await reader.ok("MGET", "stays", "days", "second", "counter")).toEqual(["1", null, null, "3"]);
  expect(await reader.ok("DBSIZE")).toBe(102);
  reader.close();
  await again.stop();
});

test("across restarts: an hour back, thirty days ahead, and back", async (context) => {
  requirePeer(context, "faketime");
  const run = new ClockRun();
  let counter = 0;
  for (const [offset, days] of [
    [TRUE, "1"],
    [BACK, "1"],
    [AHEAD, null],
    [TRUE, null],
  ] as const) {
    await run.jump(offset);
    const server = await run.start(0);
    const client = await server.connect();
    if (counter === 0)
      await client.pipeline([
        ["SET", "stays", "1"],
        ["SET", "days", "1", "EX", TEN_DAYS_S],
      ]);
    expect(await client.ok("MGET", "stays", "days"), offset).toEqual(["1", days]);
    await goesOn(client, false); // a snapshot would hide what the log does not say
    expect(await client.ok("GET", "counter"), offset).toBe(String(++counter));
    expect(await persistenceNumber(client, "wal_errors")).toBe(0);
    client.close();
    await server.kill();
  }
});

/**
 * A full disk: while the server writes, rotates its log, makes snapshots, and starts. Writes are refused with the reason, reads go on, the
 * old snapshot stays, and once there is room again the server goes on by itself; no torn entry stands before a good one.
 *
 * HEARTHKV_FULL_DISK_ROUNDS sets how often the disk is filled and freed. Negative controls: crash/oracle.test.ts, and by hand: with #writeRange
 * of server/src/persistence/channel.ts taking a short write for a whole one the next start refused, for damage in the middle of the log; with
 * the error of the first segment thrown on in worker-log.ts, or that of the cut in recover.ts, a full disk forbids the start.
 */
import { appendFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileNames } from "@hearthkv/durability";
import { expect, test } from "vitest";
import { CrashRun } from "../crash/crash-run.js";
import { printedSeed } from "../crash/random.js";
import { type RespClient, startHearth, waitUntil } from "../support/index.js";
import { bytesOf, checkDirectory, snapshotNames } from "./data-directory.js";
import { SmallDisk } from "./small-disk.js";
import { tryWrite } from "./try-write.js";

const MB = 1024 * 1024;
const ROUNDS = Number(process.env.HEARTHKV_FULL_DISK_ROUNDS ?? 3);
const DISK_BYTES = 256 * MB;
/** Room left to the server: it meets the end in a write, in a rotation, or in a snapshot, as it comes. */
const LEFT_BYTES = [700_000, 3 * MB, 1_500_001, 200_003];
const WRITERS = 4;
const DEPTH = 8;
/** More than the room that a start finds in leftover temporary files. */
const TORN_BYTES = 16 * MB;
const READ_MS_MAX = 1000;
const HEALED_MS_MAX = 10_000;
const SNAPSHOT_MS_MAX = 30_000;
const REFUSAL = "MISCONF Errors writing to the AOF file: No space left on device";
const FLAGS = ["--wal-max-bytes", "1mb", "--snapshot-interval-s", "0.3", "--snapshot-keep", "1"];

async function read(client: RespClient): Promise<void> {
  const startMs = performance.now();
  expect(await client.send("EXISTS", "nothing")).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(READ_MS_MAX);
}

test.for(["written", "synced"])("full while serving, --ack %s", { timeout: 600_000 }, async (level, context) => {
  const disk = SmallDisk.mount(context, DISK_BYTES);
  const dataDir = join(disk.path, "data");
  mkdirSync(dataDir);
  const run = new CrashRun(printedSeed(`full disk, ${level}`), WRITERS, [...FLAGS, "--ack", level], {
    dataDir,
    mayBeRefused: true,
  });
  const server = await startHearth(run.options);
  const reader = await server.connect();
  await run.startWriters(server.port, DEPTH);
  await waitUntil("a snapshot", () => snapshotNames(dataDir).length > 0);

  let healedMsMost = 0;
  for (let round = 0; round < ROUNDS; round++) {
    disk.fill(LEFT_BYTES[round % LEFT_BYTES.length] as number);
    await waitUntil("writes are refused", async () => {
      if ((await tryWrite(server)) === REFUSAL) return true;
      disk.fill(0); // what was removed with old segments
      return false;
    });
    await read(reader);
    const before = snapshotNames(dataDir);
    expect(await reader.send("SAVE")).toBeInstanceOf(Error);
    // Older ones may have been given up.
    expect(snapshotNames(dataDir).at(-1)).toBe(before.at(-1));
    await read(reader);

    disk.free();
    const freedMs = performance.now();
    await waitUntil("writes are taken again", async () => (await tryWrite(server)) === "OK", HEALED_MS_MAX);
    healedMsMost = Math.max(healedMsMost, Math.round(performance.now() - freedMs));
    const { acknowledged } = run;
    await waitUntil("writers go on", () => run.acknowledged > acknowledged + 2 * WRITERS * DEPTH);
    // Rounds are shorter than the pause after a failed snapshot: without one, the log alone would fill the disk in the end.
    await waitUntil("a snapshot makes room", () => bytesOf(dataDir) < DISK_BYTES / 2, SNAPSHOT_MS_MAX);
  }
  reader.close();
  await server.kill();
  await run.writersEnded();

  const last = await startHearth(run.options);
  await run.check(last);
  await last.stop();
  await checkDirectory(dataDir);
  const { acknowledged, lost, faults } = run.totals;
  const { refused } = run;
  console.log(`full disk, ${level}: ${JSON.stringify({ rounds: ROUNDS, acknowledged, refused, lost, healedMsMost })}`);
  expect(faults.map((fault) => fault.slice(0, 600)).slice(0, 5)).toEqual([]);
  expect(lost).toBe(0);
  disk.unmount();
});

test("full while starting: it serves reads, refuses writes, and takes them when there is room", async (context) => {
  const disk = SmallDisk.mount(context, DISK_BYTES);
  const dataDir = join(disk.path, "data");
  mkdirSync(dataDir);
  const run = new CrashRun(printedSeed("full while starting"), WRITERS, FLAGS, { dataDir });
  const server = await startHearth(run.options);
  await run.startWriters(server.port, DEPTH);
  await waitUntil("a snapshot and some log", () => snapshotNames(dataDir).length > 0 && run.acknowledged > 500);
  await server.kill();
  await run.writersEnded();
  appendFileSync(join(dataDir, fileNames.WAL_CURRENT), Buffer.alloc(TORN_BYTES, "an entry that was not written whole"));

  // Down to nothing at all, then a little room: each start gets one step further.
  for (const leftBytes of [0, 4096, 12_288]) {
    disk.free();
    disk.fill(leftBytes);
    const full = await startHearth(run.options);
    if (leftBytes === 0)
      expect(full.child.output).toMatch(/the torn tail of wal-current.log at \d+ stays: there is no room/);
    const client = await full.connect();
    expect(Number(await client.ok("DBSIZE"))).toBeGreaterThan(0);
    await waitUntil("writes are refused", async () => {
      if ((await tryWrite(full)) === REFUSAL) return true;
      disk.fill(0); // what was removed at the start, or given up
      return false;
    });
    await read(client);
    disk.free();
    await waitUntil("writes are taken", async () => (await tryWrite(full)) === "OK");
    client.close();
    await full.kill();
    expect(snapshotNames(dataDir)).not.toEqual([]);
  }
  disk.free();
  const last = await startHearth(run.options);
  const client = await last.connect();
  await client.ok("DEL", "probe");
  client.close();
  await run.check(last);
  await last.stop();
  await checkDirectory(dataDir);
  expect(run.totals).toMatchObject({ lost: 0, faults: [] });
  expect(run.totals.acknowledged).toBeGreaterThan(500);
  disk.unmount();
});

/*
 * Controls: with the manifest's error thrown on the start is refused. With the worker's writeManifest left out the next start is refused
 * (missing-manifest); with a seed of its own there, for a snapshot of another seed than the manifest's.
 */
test("full while an empty directory starts: nothing is there, writes are refused, and all is kept once there is room", async (context) => {
  const disk = SmallDisk.mount(context, 4 * MB);
  const dataDir = join(disk.path, "data");
  mkdirSync(dataDir);
  disk.fill(0);
  const full = await startHearth({ dataDir });
  const client = await full.connect();
  expect(await client.ok("DBSIZE")).toBe(0);
  await waitUntil("writes are refused", async () => (await tryWrite(full)) === REFUSAL);
  await expect(client.ok("SAVE")).rejects.toThrow();
  expect(snapshotNames(dataDir)).toEqual([]);
  expect(readdirSync(dataDir)).not.toContain(fileNames.MANIFEST);
  // Killed as it is, it starts again.
  await full.kill();
  const again = await startHearth({ dataDir });
  const writer = await again.connect();
  expect(await writer.ok("PING")).toBe("PONG");
  disk.free();
  await waitUntil("writes are taken", async () => (await tryWrite(again)) === "OK");
  for (let i = 0; i < 100; i++) await writer.ok("SET", `key:${i}`, i);
  await writer.ok("SAVE");
  for (let i = 100; i < 200; i++) await writer.ok("SET", `key:${i}`, i);
  await again.kill();
  const last = await startHearth({ dataDir });
  const reader = await last.connect();
  expect(await reader.ok("MGET", ...Array.from({ length: 200 }, (_, i) => `key:${i}`))).toEqual(
    Array.from({ length: 200 }, (_, i) => String(i)),
  );
  await last.stop();
  await checkDirectory(dataDir);
  disk.unmount();
});

/**
 * A few large values that are overwritten all the time: log and snapshots stay within the multiple of the data that DURABILITY.md states, a small
 * disk never fills by them, and one that something else fills is healed by giving up older snapshots, then by a new one.
 *
 * Negative controls: with --snapshot-wal-bytes 0 the same writes do fill the same disk, below; and by hand: with endSegment() of worker-log.ts
 * resolved at once the log exceeds its multiple and the small disk fills; with heldAtLogBytes() Infinity it fills, too, by a fast writer; with
 * giveUpOlder() returning false writes are refused while older snapshots still lie there; with pruneSnapshots keeping 0 the start refuses.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileNames } from "@hearthkv/durability";
import { expect, test } from "vitest";
import { type RespClient, startHearth, temporaryFolder, waitUntil } from "../support/index.js";
import { bytesOf, checkDirectory, snapshotNames } from "./data-directory.js";
import { persistenceNumber } from "./server-info.js";
import { SmallDisk } from "./small-disk.js";
import { tryWrite } from "./try-write.js";

const MB = 1024 * 1024;
const KEYS = 20;
const VALUE_BYTES = 100_000;
/** What a round of overwriting all keys adds to the log, nearly. */
const DATA_BYTES = KEYS * VALUE_BYTES;
const BY_SIZE_ALONE = ["--snapshot-interval-s", "0", "--snapshot-ops", "0"];

/** Overwrites every key once; returns how many were refused. */
async function overwrite(client: RespClient, round: number): Promise<number> {
  let refused = 0;
  for (let i = 0; i < KEYS; i++) {
    const reply = await client.send("SET", `key:${i}`, `${round}:`.padEnd(VALUE_BYTES, "x"));
    if (reply !== "OK") refused++;
  }
  return refused;
}

function sizes(dataDir: string): { log: number; snapshots: number; all: number } {
  const names = readdirSync(dataDir);
  return {
    log: bytesOf(dataDir, fileNames.segmentNames(names)),
    snapshots: bytesOf(dataDir, fileNames.snapshotNames(names)),
    all: bytesOf(dataDir, names),
  };
}

async function noSnapshotRuns(client: RespClient): Promise<boolean> {
  return (await persistenceNumber(client, "snapshot_in_progress")) === 0;
}

async function holds(dataDir: string, round: number): Promise<void> {
  const again = await startHearth({ dataDir });
  const client = await again.connect();
  for (let i = 0; i < KEYS; i++)
    expect(await client.ok("GETRANGE", `key:${i}`, 0, 5)).toMatch(new RegExp(`^${round}:x`));
  await again.stop();
  await checkDirectory(dataDir);
}

test("log and snapshots stay within their multiple of the data", { timeout: 300_000 }, async () => {
  const walBytes = 6 * MB;
  const keep = 2;
  const dataDir = temporaryFolder("growth");
  const server = await startHearth({
    dataDir,
    flags: [...BY_SIZE_ALONE, "--snapshot-wal-bytes", "6mb", "--snapshot-keep", String(keep)],
  });
  const client = await server.connect();
  const rounds = 100;
  let most = 0;
  for (let round = 0; round < rounds; round++) {
    expect(await overwrite(client, round)).toBe(0);
    most = Math.max(most, sizes(dataDir).all);
    // A snapshot begins with a segment: one is due when this one is too large. While it is late (a busy machine), nothing more is written.
    await waitUntil("a snapshot that was due", async () => {
      const segmentBytes = bytesOf(dataDir, [fileNames.WAL_CURRENT]);
      return segmentBytes > 0 && segmentBytes < walBytes && (await noSnapshotRuns(client));
    });
  }
  const round = DATA_BYTES * 1.1;
  expect(most).toBeLessThan(keep * (walBytes + round) + (keep + 1) * round + MB);
  expect(await persistenceNumber(client, "snapshot_count")).toBeGreaterThan((rounds * DATA_BYTES) / walBytes / 3);
  await server.kill();
  await holds(dataDir, rounds - 1);
});

test.for([
  ["as it is by default", [], true],
  ["control: not by the log's size", ["--snapshot-wal-bytes", "0"], false],
] as const)("a disk smaller than the log may grow, %s", { timeout: 300_000 }, async ([, flags, fits], context) => {
  const disk = SmallDisk.mount(context, 56 * MB);
  const dataDir = join(disk.path, "data");
  const server = await startHearth({ dataDir, flags: [...BY_SIZE_ALONE, ...flags] });
  const client = await server.connect();
  const rounds = 100;
  let refused = 0;
  for (let round = 0; round < rounds && refused === 0; round++) {
    refused = await overwrite(client, round);
    await waitUntil("the end of a snapshot", () => noSnapshotRuns(client));
  }
  expect(refused === 0).toBe(fits);
  await server.kill();
  if (fits) await holds(dataDir, rounds - 1);
  disk.unmount();
});

test("something else fills the disk: older snapshots are given up, never the newest, and with some room it heals", {
  timeout: 300_000,
}, async (context) => {
  const disk = SmallDisk.mount(context, 96 * MB);
  const dataDir = join(disk.path, "data");
  const server = await startHearth({ dataDir, flags: ["--snapshot-wal-bytes", "8mb", "--snapshot-keep", "4"] });
  const client = await server.connect();
  let round = 0;
  await waitUntil("four snapshots", async () => {
    expect(await overwrite(client, round++)).toBe(0);
    return snapshotNames(dataDir).length === 4;
  });
  const newest = snapshotNames(dataDir).at(-1) as string;
  // What older snapshots and their log leave is enough to go on; so it is taken away, too.
  await waitUntil("nothing is left to give up", async () => {
    disk.fill(0);
    const refused = await overwrite(client, round++);
    return refused > 0 && snapshotNames(dataDir).length === 1;
  });
  expect(server.child.output).toContain("too little space is left: gave up");
  expect(snapshotNames(dataDir)[0]?.localeCompare(newest)).toBeGreaterThanOrEqual(0);
  expect(await client.ok("EXISTS", "key:0")).toBe(1);

  disk.free();
  const room = 24 * MB;
  disk.fill(room);
  await waitUntil("writes are taken again", async () => (await tryWrite(server)) === "OK", 60_000);
  for (const until = round + 30; round < until; ) {
    await waitUntil("a write of each key is taken", async () => (await overwrite(client, round)) === 0, 20_000);
    round++;
  }
  expect(sizes(dataDir).all).toBeLessThan(96 * MB);
  await server.kill();
  disk.free();
  await holds(dataDir, round - 1);
  disk.unmount();
});

/** Which files a data directory has: segments of a limited size, three snapshots, and no log that none of these needs. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileNames, readSegmentHeader, readSnapshotHeader, realDisk, verifySnapshot } from "@hearthkv/durability";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/index.js";
import { startOwn } from "./in-process.js";

const SEGMENT_BYTES_MAX = 64 * 1024;
const VALUE = "v".repeat(1000);
const ROUNDS = 6;
const WRITES = 300;
const KEPT = 3;

test("rotation, three snapshots, and the segments that they need", async () => {
  const dataDir = temporaryFolder("retention");
  const dir = realDisk(dataDir);
  const own = await startOwn(dataDir, { walMaxBytes: SEGMENT_BYTES_MAX });
  for (let round = 1; round <= ROUNDS; round++) {
    await own.client.pipeline(Array.from({ length: WRITES }, (_, i) => ["SET", `k${i}`, `${round}${VALUE}`]));
    await own.client.ok("SAVE");
    await own.client.pipeline(Array.from({ length: WRITES }, (_, i) => ["SET", `l${i}`, `${round}${VALUE}`]));
    expect(fileNames.snapshotNames(dir.list())).toHaveLength(Math.min(round, KEPT));
  }

  const names = dir.list();
  const segments = fileNames.segmentNames(names);
  expect(segments.length).toBeGreaterThan(KEPT);
  expect(segments.at(-1)).toBe("wal-current.log");
  for (const name of segments.slice(0, -1)) {
    expect(name).toMatch(/^wal-\d{13}\.log$/);
    expect(statSync(join(dataDir, name)).size).toBeLessThanOrEqual(SEGMENT_BYTES_MAX * 1.25 + 2 * VALUE.length);
  }
  expect(names.filter((name) => !/^(wal-|snapshot-|manifest\.bson$|LOCK)/.test(name))).toEqual([]);
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);

  // Replay of the oldest kept snapshot begins in the first segment: not in a later one, and no earlier one is there.
  const snapshots = fileNames.snapshotNames(names);
  for (const name of snapshots) expect(verifySnapshot(dir, name).name).toBe(name);
  const replayFrom = Math.min(...snapshots.map((name) => readSnapshotHeader(dir, name).walPos)) + 1;
  const firsts = segments.map((name) => {
    const decoded = readSegmentHeader(dir, name);
    return decoded.state === "ok" ? decoded.header.firstSequence : Number.NaN;
  });
  expect(firsts[0]).toBeGreaterThan(1);
  expect(firsts[0]).toBeLessThanOrEqual(replayFrom);
  expect(firsts[1]).toBeGreaterThan(replayFrom);

  const info = await own.persistence();
  expect(info).toMatchObject({ wal_segments: String(segments.length), snapshot_count: String(ROUNDS) });
  const bytes = segments.reduce((sum, name) => sum + statSync(join(dataDir, name)).size, 0);
  expect(info.wal_bytes).toBe(String(bytes));
  const digest = own.server.digest();
  await own.close();

  // Each of the three is enough, should the newer ones be damaged.
  for (let damaged = 0; damaged < KEPT; damaged++) {
    const again = await startOwn(dataDir);
    expect(again.server.digest()).toBe(digest);
    await again.close();
    const newest = fileNames.snapshotNames(dir.list()).at(-1) as string;
    const fd = dir.open(newest, "update");
    dir.pwrite(fd, new Uint8Array(8).fill(0xff), 0, 8, 100);
    dir.close(fd);
  }
});

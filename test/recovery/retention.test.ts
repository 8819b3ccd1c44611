/** Which files a data directory has: segments of a limited size, three snapshots, and no log that none of these needs. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { type Directory, fileNames, readSegmentHeader, realDisk, verifySnapshot } from "@hearthkv/durability";
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
    // Never as many as in the round before: snapshots then do not fall on the edges of segments.
    const writes = WRITES + 37 * round;
    await own.client.pipeline(Array.from({ length: writes }, (_, i) => ["SET", `k${i}`, `${round}${VALUE}`]));
    await own.client.ok("SAVE");
    await own.client.pipeline(Array.from({ length: writes }, (_, i) => ["SET", `l${i}`, `${round}${VALUE}`]));
    expect(fileNames.snapshotNames(dir.list())).toHaveLength(Math.min(round, KEPT));
    expectWhatIsNeeded(dir);
  }

  const names = dir.list();
  const segments = fileNames.segmentNames(names);
  expect(segments.length).toBeGreaterThan(KEPT);
  expect(segments.at(-1)).toBe("wal-current.log");
  for (const name of segments.slice(0, -1)) {
    expect(name).toMatch(/^wal-\d{13}\.log$/);
    expect(statSync(join(dataDir, name)).size).toBeLessThanOrEqual(SEGMENT_BYTES_MAX * 1.25 + 2 * VALUE.length);
  }
  expect(names.filter((name) => !/^(wal-.*\.log|snapshot-.*\.snap|manifest\.bson|synced|LOCK.*)$/.test(name))).toEqual(
    [],
  );

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

/** Replay of the oldest snapshot begins in the first segment: not in a later one, and no earlier one is there. */
function expectWhatIsNeeded(dir: Directory): void {
  const names = dir.list();
  const snapshots = fileNames.snapshotNames(names).map((name) => verifySnapshot(dir, name));
  const replayFrom = Math.min(...snapshots.map((snapshot) => snapshot.header.walPos)) + 1;
  const [first = 0, second = Number.POSITIVE_INFINITY] = fileNames.segmentNames(names).map((name) => {
    const decoded = readSegmentHeader(dir, name);
    return decoded.state === "ok" ? decoded.header.firstSequence : Number.NaN;
  });
  expect(first).toBeLessThanOrEqual(replayFrom);
  expect(second).toBeGreaterThan(replayFrom);
}

/** What a server tells about its log and its recovery: INFO, the line after recovery, a line a second on the way. */
import { readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fileNames, realDisk } from "@hearthkv/durability";
import { expect, test } from "vitest";
import { copyDataDirectory } from "../crash/crash-run.js";
import { type ServerProcess, startHearth } from "../support/index.js";

const FIELDS = [
  "wal_sequence",
  "wal_written_sequence",
  "wal_synced_sequence",
  "wal_fsyncs",
  "wal_last_fsync_us",
  "wal_segments",
  "wal_bytes",
  "ring_bytes",
  "snapshot_count",
  "snapshot_last_ms",
  "snapshot_last_bytes",
  "recovery_ms",
  "recovery_snapshot_entries",
  "recovery_wal_entries",
  "recovery_corrupted_entries",
] as const;
const SECOND_MS = 1000;
const BIG_LOG_BYTES = 60 * 1024 * 1024;
const BIG_VALUE_BYTES = 500_000;
const LINES_LEAST = 3;

const talking = ["--log-level", "info", "--snapshot-interval-s", "0", "--snapshot-ops", "0"];
const fastClock = ["--import", fileURLToPath(new URL("fast-clock-hook.mjs", import.meta.url))];

test("INFO persistence has every field, and they fit together", async () => {
  const server = await startHearth({ flags: talking });
  const client = await server.connect();
  const empty = await persistence(server);
  for (const field of FIELDS) expect(empty[field], field).toBeGreaterThanOrEqual(0);
  expect(empty).toMatchObject({ wal_sequence: 0, wal_segments: 1, snapshot_count: 0, recovery_wal_entries: 0 });

  for (let i = 0; i < 10; i++) await client.ok("SET", `k${i}`, "v");
  await client.ok("SAVE");
  for (let i = 0; i < 4; i++) await client.ok("INCR", "counter");
  await client.ok("WAITAOF", 1, 0, 0);
  const figures = await persistence(server);
  expect(figures).toMatchObject({ wal_sequence: 14, wal_written_sequence: 14, wal_synced_sequence: 14 });
  expect(figures).toMatchObject({ ring_bytes: 0, wal_segments: 1, snapshot_count: 1 });
  for (const field of ["wal_fsyncs", "wal_last_fsync_us", "wal_bytes", "snapshot_last_bytes"] as const) {
    expect(figures[field], field).toBeGreaterThan(0);
  }
  const disk = realDisk(server.dataDir);
  expect(figures.wal_bytes).toBe(disk.size(fileNames.WAL_CURRENT));
  expect(figures.snapshot_last_bytes).toBe(disk.size(fileNames.snapshotNames(disk.list())[0] as string));
  await server.kill();

  const again = await startHearth({ dataDir: server.dataDir, flags: talking });
  const recovered = await persistence(again);
  expect(recovered).toMatchObject({ recovery_snapshot_entries: 10, recovery_wal_entries: 4 });
  expect(recovered).toMatchObject({ recovery_corrupted_entries: 0, wal_sequence: 14, wal_synced_sequence: 14 });
  expect(recovered.recovery_ms).toBeLessThan(SECOND_MS * 30);
  const lines = logLines(again).filter(({ msg }) => msg.startsWith("recovered "));
  expect(lines).toEqual([
    expect.objectContaining({
      msg: expect.stringMatching(/^recovered 10 entries from the snapshot and 4 from the log in \d+ ms$/),
      snapshot: expect.objectContaining({ name: expect.stringMatching(/^snapshot-\d{13}\.snap$/) }),
      snapshotEntries: 10,
      walEntries: 4,
      corruptedEntries: 0,
      durationMs: expect.any(Number),
    }),
  ]);
  await again.stop();
});

test("damage that is forgiven is counted and told", async () => {
  const server = await startHearth({ flags: talking });
  for (let i = 0; i < 10; i++) await (await server.connect()).ok("SET", `k${i}`, "v");
  await server.kill();
  const second = await startHearth({ dataDir: server.dataDir, flags: talking });
  await (await second.connect()).ok("SET", "k10", "v");
  await second.kill();

  const tornDir = copyDataDirectory(server.dataDir);
  truncateSync(join(tornDir, fileNames.WAL_CURRENT), realDisk(tornDir).size(fileNames.WAL_CURRENT) - 3);
  const torn = await startHearth({ dataDir: tornDir, flags: talking });
  expect(await persistence(torn)).toMatchObject({ recovery_wal_entries: 10, recovery_corrupted_entries: 0 });
  expect(torn.child.stdout).toContain("cut the torn tail");
  expect(readdirSync(tornDir).filter((name) => name.endsWith(".broken"))).toHaveLength(1);
  await torn.kill();

  // The last entry of the first segment: its own segment shows that it is bad, the next one that it is missing.
  const badDir = copyDataDirectory(server.dataDir);
  const disk = realDisk(badDir);
  const first = fileNames.segmentNames(disk.list())[0] as string;
  const fd = disk.open(first, "update");
  disk.pwrite(fd, new Uint8Array([0xff]), 0, 1, disk.size(first) - 6);
  disk.close(fd);
  const salvaged = await startHearth({ dataDir: badDir, flags: [...talking, "--recovery", "skip-corrupt"] });
  expect(await persistence(salvaged)).toMatchObject({ recovery_wal_entries: 10, recovery_corrupted_entries: 1 });
  await salvaged.kill();
});

test("a long recovery tells how far it is, a line a second", async () => {
  const server = await startHearth({ flags: [...talking, "--wal-max-bytes", "16mb"] });
  const client = await server.connect();
  const value = Buffer.alloc(BIG_VALUE_BYTES, "v");
  for (let bytes = 0; bytes < BIG_LOG_BYTES; bytes += BIG_VALUE_BYTES) await client.ok("SET", `k${bytes % 7}`, value);
  await server.kill();

  const again = await startHearth({ dataDir: server.dataDir, flags: talking, nodeFlags: fastClock });
  const percents = logLines(again).flatMap(({ msg }) => {
    const percent = /^loading: (\d+) %$/.exec(msg)?.[1];
    return percent === undefined ? [] : [Number(percent)];
  });
  await again.kill();
  expect(percents.length).toBeGreaterThanOrEqual(LINES_LEAST);
  expect(percents).toEqual(percents.toSorted((a, b) => a - b));
  expect(percents.at(0)).toBeLessThan(50);
  expect(percents.at(-1)).toBeGreaterThan(50);
  expect(percents.at(-1)).toBeLessThanOrEqual(100);

  const quick = await startHearth({ dataDir: server.dataDir, flags: talking });
  const { recovery_ms: tookMs = 0 } = await persistence(quick);
  if (tookMs < SECOND_MS) expect(quick.child.stdout).not.toContain("loading: ");
  await quick.stop();
});

async function persistence(server: ServerProcess): Promise<Record<string, number>> {
  const client = await server.connect();
  const text = String(await client.ok("INFO", "persistence"));
  client.close();
  return Object.fromEntries([...text.matchAll(/^(\w+):(\d+)\r$/gm)].map(([, name, value]) => [name, Number(value)]));
}

function logLines(server: ServerProcess): { readonly msg: string }[] {
  const lines = server.child.stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as { msg: string });
}

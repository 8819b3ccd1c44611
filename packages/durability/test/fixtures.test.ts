import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { bsonCodec } from "../src/codec.js";
import { crc32 } from "../src/crc.js";
import { type Directory, readFile, realDisk } from "../src/disk.js";
import { segmentNames, snapshotNames, WAL_CURRENT } from "../src/file-names.js";
import { decodeManifest, encodeManifest, loadOrCreateManifest } from "../src/manifest.js";
import { RecordLog, replayRecords } from "../src/record-log.js";
import { recoverState } from "../src/recover-state.js";
import { readMetadata, verifySnapshot } from "../src/snapshot-reader.js";
import { WAL_VERSION } from "../src/wal-format.js";
import { readSegment } from "../src/wal-reader.js";
import { WriteAheadLog } from "../src/write-ahead-log.js";
import { refusal, temporaryDirectory } from "./support.js";

/*
 * Directories that earlier versions wrote (fixtures/README.md): they load for ever. `vN` is of format version N. None is ever written
 * again; a new format version adds one, with HEARTHKV_WRITE_FIXTURES=1.
 */
const FIXTURES = fileURLToPath(new URL("fixtures/", import.meta.url));
const RECORDS = "audit.log";
const STARTED_MS = 1_700_000_000_000;

interface Sale {
  readonly item: string;
  readonly pieces: number;
}

const codec = bsonCodec<Sale>();

/** What the log's entries were, from the first. */
const SALES: readonly Sale[] = Array.from({ length: 30 }, (_, i) => {
  return { item: ["apple", "pear", "plum — ä"][i % 3]!, pieces: i + 1 };
});

function stock(sales: readonly Sale[]): Record<string, number> {
  const pieces: Record<string, number> = {};
  for (const sale of sales) pieces[sale.item] = (pieces[sale.item] ?? 0) + sale.pieces;
  return pieces;
}

function* parts(sales: readonly Sale[]): Generator<Uint8Array> {
  for (const [item, pieces] of Object.entries(stock(sales)).sort()) yield Buffer.from(JSON.stringify([item, pieces]));
}

/** Segments before and after two checkpoints; batch and group; a proof between entries; a torn tail; a manifest; a record log with a torn tail. */
async function writeFixture(path: string): Promise<void> {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  const dir = realDisk(path);
  loadOrCreateManifest(dir, STARTED_MS);
  let clock = STARTED_MS;
  const now = () => ++clock;
  const log = await WriteAheadLog.create<Sale>(dir, { codec, maxSegmentEntries: 5, now });
  for (const sale of SALES.slice(0, 6)) await log.append(sale);
  await log.publishCheckpoint(6, parts(SALES.slice(0, 6)));
  await log.appendBatch(SALES.slice(6, 10));
  await log.append(SALES[10]!);
  await log.publishCheckpoint(11, parts(SALES.slice(0, 11)));
  const group = log.begin();
  for (const sale of SALES.slice(11, 14)) group.add(sale);
  await group.commit();
  await sleep(400);
  for (const sale of SALES.slice(14)) await log.append(sale);
  await log.close();
  appendFileSync(join(path, WAL_CURRENT), readFileSync(join(path, WAL_CURRENT)).subarray(56, 90));
  const records = RecordLog.open<Sale>(dir, RECORDS, { codec, now });
  for (const sale of SALES.slice(0, 4)) records.append(sale);
  await records.sync();
  records.close();
  appendFileSync(join(path, RECORDS), "torn");
}

if (process.env.HEARTHKV_WRITE_FIXTURES === "1") {
  test("writes the fixture of the present version", async () => {
    await writeFixture(join(FIXTURES, `v${WAL_VERSION}`));
  });
}

function copyOf(version: string): { path: string; dir: Directory } {
  const path = join(temporaryDirectory(), "copy");
  cpSync(join(FIXTURES, version), path, { recursive: true });
  return { path, dir: realDisk(path) };
}

test.each([1, 2, 3])("version %i: every reader reads it", async (version) => {
  const { path, dir } = copyOf(`v${version}`);
  const names = dir.list();
  expect(snapshotNames(names)).toHaveLength(2);
  expect(segmentNames(names).length).toBeGreaterThan(3);
  expect(loadOrCreateManifest(dir)).toMatchObject({ version: 1, createdMs: STARTED_MS });

  for (const name of segmentNames(names)) {
    const { header, tail, entries } = readSegment(dir, name, null);
    expect(header).toMatchObject({ state: "ok", header: { version } });
    expect(tail).toBe(name === WAL_CURRENT ? "torn" : "clean");
    expect(entries).toBeGreaterThan(0);
  }
  // Since version 2 a log proves its end; nothing else stands behind the last entry.
  const end = readSegment(dir, WAL_CURRENT, null);
  expect(end.watermark === end.lastSequence).toBe(version >= 2);
  for (const [i, name] of snapshotNames(names).entries()) {
    const snapshot = verifySnapshot(dir, name);
    expect(snapshot.header).toMatchObject({ version, walPos: [6, 11][i], totalEntries: 3, sectionCount: 1 });
    expect(readMetadata(dir, snapshot)).toMatchObject({ format: "state", parts: 3 });
  }

  const records: Sale[] = [];
  const replay = replayRecords(dir, RECORDS, codec, "torn-tail", ({ record }) => records.push(record));
  expect(records).toEqual(SALES.slice(0, 4));
  expect(replay.tornAt).toBe(dir.size(RECORDS) - 4);

  for (const newest of [11, 6]) {
    const pieces: Record<string, number> = {};
    const applied: Sale[] = [];
    const { log, ...recovered } = await recoverState<Sale>({
      dir: path,
      codec,
      load: (part) => {
        const [item, count] = JSON.parse(Buffer.from(part).toString()) as [string, number];
        pieces[item] = count;
      },
      apply: (sale) => applied.push(sale),
    });
    expect(recovered).toMatchObject({ checkpointSequence: newest, applied: SALES.length - newest, failed: 0 });
    expect(pieces).toEqual(stock(SALES.slice(0, newest)));
    expect(applied).toEqual(SALES.slice(newest));
    // The entries of the group have one sequence: 12.
    expect(log.lastSequence).toBe(SALES.length - 2);
    const replayed: Sale[] = [];
    for await (const { entry } of log.replay(6)) replayed.push(entry);
    expect(replayed).toEqual(SALES.slice(6));
    await log.close();
    // And without the newer one.
    const newer = snapshotNames(dir.list())[1];
    if (newer !== undefined) dir.unlink(newer);
  }
});

test("a file of a newer version is refused by its name, whatever else it holds", async () => {
  const names = copyOf("v2").dir.list();
  for (const name of [segmentNames(names)[0]!, WAL_CURRENT, snapshotNames(names)[1]!]) {
    const { path, dir } = copyOf("v2");
    // The first segment is not looked at as long as the snapshots are whole.
    for (const snapshot of name === segmentNames(names)[0] ? snapshotNames(names) : []) dir.unlink(snapshot);
    const bytes = readFile(dir, name);
    bytes[8] = WAL_VERSION + 1;
    if (name.startsWith("wal")) new DataView(bytes.buffer).setUint32(52, crc32(0, bytes, 0, 52), true);
    writeFileSync(join(path, name), bytes);
    const error = await refusal(dir, { onEntry: () => {} });
    expect(error).toMatchObject({ code: "newer-format", file: name, found: `version ${WAL_VERSION + 1}` });
    expect(error.message).toMatch(/newer HearthKV/);
  }
  const { dir } = copyOf("v2");
  const manifest = decodeManifest(readFile(dir, "manifest.bson"));
  expect(() => decodeManifest(encodeManifest({ ...manifest, version: 2 }))).toThrow(
    /format version 2.*version 1 or lower/,
  );
});

import { expect, test } from "vitest";
import type { Directory } from "../src/disk.js";
import { StorageError } from "../src/errors.js";
import { MANIFEST, WAL_CURRENT } from "../src/file-names.js";
import { loadOrCreateManifest } from "../src/manifest.js";
import { memoryDisk } from "../src/memory-disk.js";
import { SNAPSHOT_HEADER_BYTES } from "../src/snapshot-format.js";
import { SnapshotWriter } from "../src/snapshot-writer.js";
import { ENTRY_OVERHEAD_BYTES, SEGMENT_HEADER_BYTES } from "../src/wal-format.js";
import {
  append,
  directoryWith,
  entry,
  filesOf,
  GENERATION,
  payloadOf,
  type Recovered,
  range,
  recovered,
  seededRandom,
  startLog,
} from "./support.js";

/*
 * Every bit of every file flipped, one at a time: recovery refuses, or gives a prefix of what was written, and what was
 * known to be synced always refuses. `recovered` fails on any entry whose content is not what was written.
 * HEARTHKV_BIT_FLIPS: how many bits of each 20 KB file (default 3,000, evenly from a random first one; those of headers always all);
 * as many as it has are all of them. HEARTHKV_SEED repeats a run.
 * Negative controls: the entry below, whose checksum was made to fit; and by hand, without the CRC comparison (wal-reader.ts) or the
 * digest comparison (snapshot-reader.ts) these go red.
 */
const FLIPS = Number(process.env.HEARTHKV_BIT_FLIPS ?? 3000);
const SEED = Number(process.env.HEARTHKV_SEED ?? Date.now()) >>> 0;
const FILE_BYTES = 20 * 1024;
const ENTRIES = 250;
const LAG = 3;
const random = seededRandom(SEED);

async function attempt(files: Record<string, Uint8Array>): Promise<Recovered | StorageError> {
  try {
    return await recovered(directoryWith(files));
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}

/** The bits to flip: those of the header, and of the rest as many as wanted. */
function bitsOf(bytes: number, headerBytes: number): number[] {
  const bits = Array.from({ length: headerBytes * 8 }, (_, bit) => bit);
  const rest = (bytes - headerBytes) * 8;
  const stride = Math.max(1, Math.floor(rest / FLIPS));
  for (let bit = headerBytes * 8 + Math.floor(random() * stride); bit < bytes * 8; bit += stride) bits.push(bit);
  return bits;
}

/** `judge` says what is wrong, or null: an `expect` for each would cost more than the recovery. */
async function everyFlip(
  files: Record<string, Uint8Array>,
  name: string,
  headerBytes: number,
  judge: (outcome: Recovered | StorageError, at: number) => string | null,
): Promise<void> {
  const original = files[name]!;
  const bits = bitsOf(original.length, headerBytes);
  console.log(`bit flips: HEARTHKV_SEED=${SEED}, ${bits.length} of ${original.length * 8} bits of ${name}`);
  expect(original.length).toBeGreaterThan(FILE_BYTES);
  for (const bit of bits) {
    const damaged = Uint8Array.from(original);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const wrong = judge(await attempt({ ...files, [name]: damaged }), bit >> 3);
    if (wrong !== null) expect.fail(`bit ${bit}: ${wrong}`);
  }
}

/** Three shards of some 7 KB. */
async function writeLargeSnapshot(dir: Directory, createdMs: number, stamps: readonly number[]): Promise<string> {
  const writer = SnapshotWriter.create(dir, createdMs);
  for (const [id, stamp] of stamps.entries()) writer.addSection(id, stamp, 1, [Buffer.from(sectionOf(id, stamp))]);
  writer.finish({});
  return (await writer.publish(() => {})).name;
}

function sectionOf(id: number, stamp: number): string {
  return `shard ${id} at ${stamp} `.padEnd(7000, `${id}${stamp}`);
}

const LONG = { timeout: 3_600_000 };

test("every bit of a log", LONG, async () => {
  const dir = memoryDisk();
  append(startLog(dir), 1, ENTRIES, LAG);
  const ends: number[] = [];
  for (const sequence of range(1, ENTRIES)) {
    ends.push((ends.at(-1) ?? SEGMENT_HEADER_BYTES) + payloadOf(sequence).length + ENTRY_OVERHEAD_BYTES);
  }
  const syncedEnd = ends[ENTRIES - LAG - 1]!;
  await everyFlip(filesOf(dir), WAL_CURRENT, SEGMENT_HEADER_BYTES, (outcome, at) => {
    if (at < syncedEnd) return outcome instanceof StorageError ? null : "what had been synced is gone";
    const whole = ends.findLastIndex((end) => end <= at) + 1;
    if (outcome instanceof StorageError) return outcome.message;
    return String(outcome.entries) === String(range(1, whole)) ? null : `${outcome.entries.length} of ${whole} entries`;
  });
});

test("every bit of a snapshot whose log is pruned refuses", LONG, async () => {
  const dir = memoryDisk();
  const name = await writeLargeSnapshot(dir, 1000, [40, 42, 41]);
  append(startLog(dir, 41, 2), 41, 45);
  const files = filesOf(dir);
  expect(((await attempt(files)) as Recovered).entries).toEqual(range(41, 45));
  await everyFlip(files, name, SNAPSHOT_HEADER_BYTES, (outcome) =>
    outcome instanceof StorageError ? null : "it was loaded",
  );
});

test("every bit of the newest snapshot: the one before it is used, or the start refused", LONG, async () => {
  const dir = memoryDisk();
  await writeLargeSnapshot(dir, 1000, [10, 12]);
  append(startLog(dir, 11, 2), 11, 45);
  const newest = await writeLargeSnapshot(dir, 2000, [40, 42, 41]);
  const before = String([sectionOf(0, 10), sectionOf(1, 12)]);
  await everyFlip(filesOf(dir), newest, SNAPSHOT_HEADER_BYTES, (outcome) => {
    if (outcome instanceof StorageError) return outcome.code === "newer-format" ? null : outcome.message;
    const right = String(outcome.sections) === before && String(outcome.entries) === String(range(11, 45));
    return right ? null : `${outcome.sections.length} sections, ${outcome.entries.length} entries`;
  });
});

test("every bit of the manifest refuses", () => {
  const dir = memoryDisk();
  loadOrCreateManifest(dir);
  const original = filesOf(dir)[MANIFEST]!;
  for (let bit = 0; bit < original.length * 8; bit++) {
    const damaged = Uint8Array.from(original);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => loadOrCreateManifest(directoryWith({ [MANIFEST]: damaged })), `bit ${bit}`).toThrow(StorageError);
  }
});

test("control: an entry that was changed together with its checksum is noticed", async () => {
  const dir = memoryDisk();
  const writer = startLog(dir);
  append(writer, 1, 5);
  const changed = entry(6, 1, GENERATION, payloadOf(6).replace("entry", "Entry"));
  writer.write(changed, 0, changed.length);
  await expect(attempt(filesOf(dir))).rejects.toThrow("wrong value 6");
});

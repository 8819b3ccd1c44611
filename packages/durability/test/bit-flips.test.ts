import { expect, test } from "vitest";
import { StorageError } from "../src/errors.js";
import { MANIFEST, WAL_CURRENT } from "../src/file-names.js";
import { loadOrCreateManifest } from "../src/manifest.js";
import { memoryDisk } from "../src/memory-disk.js";
import { SEGMENT_HEADER_BYTES } from "../src/wal-format.js";
import {
  append,
  directoryWith,
  filesOf,
  payloadOf,
  type Recovered,
  range,
  recovered,
  startLog,
  writeSnapshot,
} from "./support.js";

/*
 * Every bit of every file flipped, one at a time: recovery refuses, or gives a prefix of what was written, and what was
 * known to be synced always refuses. `recovered` fails on any entry whose content is not what was written.
 * Negative control: without the CRC comparison (wal-reader.ts) or the digest comparison (snapshot-reader.ts) these go red.
 */
const ENTRIES = 16;
const LAG = 3;

async function attempt(files: Record<string, Uint8Array>): Promise<Recovered | StorageError> {
  try {
    return await recovered(directoryWith(files));
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}

async function everyFlip(
  files: Record<string, Uint8Array>,
  name: string,
  judge: (outcome: Recovered | StorageError, at: number) => void,
): Promise<void> {
  const original = files[name]!;
  for (let bit = 0; bit < original.length * 8; bit++) {
    const damaged = Uint8Array.from(original);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    judge(await attempt({ ...files, [name]: damaged }), bit >> 3);
  }
}

test("every bit of a log", async () => {
  const dir = memoryDisk();
  append(startLog(dir), 1, ENTRIES, LAG);
  const files = filesOf(dir);
  const syncedEnd = range(1, ENTRIES - LAG).reduce((sum, s) => sum + payloadOf(s).length + 29, SEGMENT_HEADER_BYTES);
  const ends = range(1, ENTRIES).map((_, i) =>
    range(1, i + 1).reduce((sum, s) => sum + payloadOf(s).length + 29, SEGMENT_HEADER_BYTES),
  );
  await everyFlip(files, WAL_CURRENT, (outcome, at) => {
    if (at < syncedEnd) {
      expect(outcome, `byte ${at}`).toBeInstanceOf(StorageError);
    } else {
      const whole = ends.filter((end) => end <= at).length;
      expect((outcome as Recovered).entries, `byte ${at}`).toEqual(range(1, whole));
    }
  });
});

test("every bit of a snapshot whose log is pruned refuses", async () => {
  const dir = memoryDisk();
  await writeSnapshot(dir, 1000, [40, 42, 41]);
  append(startLog(dir, 41, 2), 41, 45);
  const files = filesOf(dir);
  const name = dir.list().find((file) => file.endsWith(".snap"))!;
  expect(((await attempt(files)) as Recovered).entries).toEqual(range(41, 45));
  await everyFlip(files, name, (outcome, at) => expect(outcome, `byte ${at}`).toBeInstanceOf(StorageError));
});

test("every bit of the newest snapshot: the one before it is used, or the start refused", async () => {
  const dir = memoryDisk();
  await writeSnapshot(dir, 1000, [10, 12]);
  append(startLog(dir, 11, 2), 11, 45);
  const newest = await writeSnapshot(dir, 2000, [40, 42]);
  await everyFlip(filesOf(dir), newest, (outcome) => {
    if (outcome instanceof StorageError) {
      expect(outcome.code).toBe("newer-format");
    } else {
      expect(outcome.sections).toEqual(["shard 0 at 10", "shard 1 at 12"]);
      expect(outcome.entries).toEqual(range(11, 45));
    }
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

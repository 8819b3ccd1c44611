import { copyFileSync, renameSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Codec } from "../src/codec.js";
import { type Directory, realDisk } from "../src/disk.js";
import { faultyDisk } from "../src/faulty-disk.js";
import { SYNCED, WAL_CURRENT } from "../src/file-names.js";
import { memoryDisk } from "../src/memory-disk.js";
import { ownedDisk } from "../src/owned-disk.js";
import { ClaimKeeper, readClaim } from "../src/synced-claim.js";
import { entryLength, SEGMENT_HEADER_BYTES } from "../src/wal-format.js";
import type { WalWriter } from "../src/wal-writer.js";
import { WriteAheadLog } from "../src/write-ahead-log.js";
import {
  append,
  failure,
  filesOf,
  GENERATION,
  intercepted,
  range,
  recovered,
  refusal,
  seededRandom,
  startLog,
  temporaryDirectory,
} from "./support.js";

/*
 * A log that is cut inside what was synced refuses, and nothing else does. Controls, each tried by hand: with a `readClaim` that finds nothing the
 * cuts are red; with a `claimedIn` that does not compare the identity, that of copies; the generation, that of an older run put back; with a claim of
 * what is written instead of what is synced, the power losses.
 */
const ENTRIES = 30;
const CLAIMED = 20;

/** Of which `CLAIMED` entries are said to be synced. Nothing in the log itself says so of any. */
function claimedLog(dir: Directory): WalWriter {
  const log = startLog(dir);
  append(log, 1, CLAIMED, CLAIMED);
  claim(dir, log, CLAIMED);
  append(log, CLAIMED + 1, ENTRIES, ENTRIES);
  return log;
}

function claim(dir: Directory, log: WalWriter, sequence: number): void {
  const keeper = new ClaimKeeper(dir, log.firstSequence - 1);
  keeper.synced(sequence, 0);
  keeper.write(log, 0);
}

function cut(dir: Directory, bytes: number): void {
  const fd = dir.open(WAL_CURRENT, "update");
  dir.truncate(fd, bytes);
  dir.close(fd);
}

/** Where the entry after `sequence` begins. */
function endOf(bytes: Uint8Array, sequence: number): number {
  let at = SEGMENT_HEADER_BYTES;
  for (let i = 0; i < sequence; i++) at += entryLength(bytes, at);
  return at;
}

function overwrite(dir: Directory, name: string, bytes: Uint8Array): void {
  const fd = dir.open(name, "update");
  dir.truncate(fd, 0);
  dir.pwrite(fd, bytes, 0, bytes.length, 0);
  dir.close(fd);
}

test("cut at any byte: inside what is claimed it refuses, behind it it is a torn tail; without the file it always is", async () => {
  const dir = memoryDisk();
  claimedLog(dir).close();
  const whole = filesOf(dir)[WAL_CURRENT]!;
  const claimedEnd = endOf(whole, CLAIMED);
  for (let bytes = SEGMENT_HEADER_BYTES; bytes < whole.length; bytes++) {
    const again = memoryDisk();
    claimedLog(again).close();
    cut(again, bytes);
    if (bytes < claimedEnd) {
      for (const mode of ["torn-tail", "strict"] as const) {
        expect(await refusal(again, { mode }), `cut at ${bytes}`).toMatchObject({
          code: "corrupt-entry",
          file: WAL_CURRENT,
        });
      }
      again.unlink(SYNCED);
    }
    const { entries, result } = await recovered(again);
    expect(entries).toEqual(range(1, result.lastSequence));
    expect((await recovered(again)).result).toMatchObject({ bytesCut: 0, lastSequence: result.lastSequence });
  }
});

test("the refusal says what, where, and which file says so; skip-corrupt counts what is missing", async () => {
  const dir = memoryDisk();
  claimedLog(dir).close();
  const end = endOf(filesOf(dir)[WAL_CURRENT]!, 12);
  cut(dir, end + 5);
  expect(await refusal(dir)).toMatchObject({
    offset: end,
    sequence: 13,
    expected: `entries up to sequence ${CLAIMED}, which the file synced says had been synced`,
    found: "5 bytes before the end",
  });
  cut(dir, end);
  expect(await refusal(dir)).toMatchObject({ offset: end, sequence: 13, found: "the end of the file" });
  const { entries, result } = await recovered(dir, { mode: "skip-corrupt" });
  expect(entries).toEqual(range(1, 12));
  expect(result).toMatchObject({ lastSequence: CLAIMED, corruptedEntries: 8, corruptedMayBeMore: true });
});

test("it holds for the segment that was the last one, also after the first rename of a rotation; the next one needs none", async () => {
  const dir = memoryDisk();
  const log = claimedLog(dir);
  log.rotate(ENTRIES + 1);
  append(log, ENTRIES + 1, ENTRIES + 3);
  const [finished] = dir.list().filter((name) => name.startsWith("wal-") && name !== WAL_CURRENT);
  expect((await recovered(dir)).entries).toEqual(range(1, ENTRIES + 3));
  dir.unlink(WAL_CURRENT);
  expect((await recovered(dir)).entries).toEqual(range(1, ENTRIES));
  dir.rename(finished!, WAL_CURRENT);
  cut(dir, SEGMENT_HEADER_BYTES);
  expect(await refusal(dir)).toMatchObject({ sequence: 1 });
});

test("a real directory: cut in its place it refuses; a copy, and a file put back in its place, do not", async () => {
  const path = temporaryDirectory();
  const dir = realDisk(path);
  claimedLog(dir).close();
  const [log, copy] = [join(path, WAL_CURRENT), join(path, "copy")];
  truncateSync(log, SEGMENT_HEADER_BYTES + 10);
  copyFileSync(log, copy);
  expect((await refusal(dir)).sequence).toBe(1);
  renameSync(copy, log);
  expect((await recovered(dir)).entries).toEqual([]);
});

test("what another run wrote into the same file is not what is claimed", async () => {
  const dir = memoryDisk();
  claimedLog(dir).close();
  for (const [generation, segmentNumber] of [
    [GENERATION + 1, 1],
    [GENERATION, 2],
  ] as const) {
    const other = memoryDisk();
    const log = startLog(other, 1, segmentNumber, generation);
    append(log, 1, 3);
    overwrite(dir, WAL_CURRENT, filesOf(other)[WAL_CURRENT]!);
    expect((await recovered(dir)).entries).toEqual([1, 2, 3]);
  }
});

test("torn, damaged, foreign or missing it claims nothing", async () => {
  const dir = memoryDisk();
  claimedLog(dir).close();
  const whole = filesOf(dir)[SYNCED]!;
  expect(readClaim(dir)).toMatchObject({ generation: GENERATION, segmentNumber: 1, sequence: CLAIMED });
  cut(dir, SEGMENT_HEADER_BYTES);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const damaged = Uint8Array.from(whole);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    overwrite(dir, SYNCED, damaged);
    expect(readClaim(dir)).toBeNull();
  }
  for (let length = 0; length < whole.length; length++) {
    overwrite(dir, SYNCED, whole.subarray(0, length));
    expect(readClaim(dir)).toBeNull();
  }
  expect((await recovered(dir)).entries).toEqual([]);
});

test("where the file system tells no identity nothing is claimed, then or later", async () => {
  const dir = memoryDisk();
  claimedLog(intercepted(dir, () => ({ identity: () => null }))).close();
  expect(dir.exists(SYNCED)).toBe(false);
  const other = memoryDisk();
  claimedLog(other).close();
  cut(other, SEGMENT_HEADER_BYTES);
  expect((await recovered(intercepted(other, () => ({ identity: () => null })))).entries).toEqual([]);
});

test("a file that cannot be read or written is nobody's concern, and is tried again", async () => {
  const errors: Partial<Directory>[] = [
    {
      open: () => {
        throw failure("EROFS");
      },
    },
    {
      pwrite: () => {
        throw failure("ENOSPC");
      },
    },
    {
      identity: () => {
        throw failure("EIO");
      },
    },
  ];
  for (const error of errors) {
    const dir = memoryDisk();
    const log = startLog(dir);
    append(log, 1, 3, 3);
    let fails = true;
    const keeper = new ClaimKeeper(
      intercepted(dir, (real) => ({
        open: (...how) => (fails ? (error.open ?? real.open.bind(real)) : real.open.bind(real))(...how),
        pwrite: (...how) => (fails ? (error.pwrite ?? real.pwrite.bind(real)) : real.pwrite.bind(real))(...how),
        identity: (...how) => (fails ? (error.identity ?? real.identity.bind(real)) : real.identity.bind(real))(...how),
      })),
      0,
    );
    keeper.synced(3, 100);
    keeper.write(log, 700);
    expect(readClaim(dir)).toBeNull();
    expect(keeper.msUntilDue(700)).toBe(1000);
    fails = false;
    keeper.write(log, 1700);
    expect(readClaim(dir)).toMatchObject({ sequence: 3 });
  }
  const dir = memoryDisk();
  claimedLog(dir).close();
  const unreadable = intercepted(dir, (real) => ({
    open: (name, mode) => {
      if (name === SYNCED) throw failure("EACCES");
      return real.open(name, mode);
    },
  }));
  expect((await recovered(unreadable)).entries).toEqual(range(1, ENTRIES));
});

test("a sync of it that stands still is not waited for, nor begun twice; one that fails is not told", async () => {
  const dir = memoryDisk();
  const log = startLog(dir);
  append(log, 1, 3, 3);
  const syncs: ((error?: Error) => void)[] = [];
  const open = new Set<number>();
  const keeper = new ClaimKeeper(
    intercepted(dir, (real) => ({
      open: (name, mode) => {
        const fd = real.open(name, mode);
        open.add(fd);
        return fd;
      },
      close: (fd) => {
        open.delete(fd);
        real.close(fd);
      },
      fdatasyncAsync: () =>
        new Promise((resolve, reject) => {
          syncs.push((error) => (error ? reject(error) : resolve()));
        }),
    })),
    0,
  );
  for (const sequence of [1, 2]) {
    keeper.synced(sequence, 0);
    keeper.write(log, 0);
    expect(readClaim(dir)).toMatchObject({ sequence });
    expect([syncs.length, open.size]).toEqual([1, 1]);
  }
  syncs[0]!(failure("EIO"));
  await vi.waitFor(() => expect(open.size).toBe(0));
  keeper.synced(3, 0);
  keeper.write(log, 0);
  expect(syncs).toHaveLength(2);
});

test("it is due 500 ms after the first sync that is not claimed, once", () => {
  const dir = memoryDisk();
  const log = startLog(dir, 11);
  append(log, 11, 13);
  const keeper = new ClaimKeeper(dir, 10);
  keeper.synced(10, 0);
  expect(keeper.msUntilDue(0)).toBe(Number.POSITIVE_INFINITY);
  keeper.synced(11, 1000);
  keeper.synced(12, 1400);
  expect(keeper.msUntilDue(1400)).toBe(100);
  keeper.write(log, 1500);
  expect(readClaim(dir)?.sequence).toBe(12);
  keeper.synced(12, 1600);
  expect(keeper.msUntilDue(1600)).toBe(Number.POSITIVE_INFINITY);
});

test("one who has lost the lock writes none", () => {
  const dir = memoryDisk();
  const log = startLog(dir);
  append(log, 1, 3, 3);
  const lost = ownedDisk(dir, () => {
    throw failure("lost");
  });
  claim(lost, log, 3);
  expect(dir.exists(SYNCED)).toBe(false);
});

/** Time stands still but where a test lets it pass. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

const text: Codec<string> = { encode: (entry) => Buffer.from(entry), decode: (bytes) => Buffer.from(bytes).toString() };

test("the library's log says what is synced, in a stream, too, and at its end at once", async () => {
  const dir = memoryDisk();
  const log = await WriteAheadLog.create(dir, { codec: text });
  for (let i = 0; i < 12; i++) {
    await log.append(`entry ${i} ${"x".repeat(2000)}`);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(readClaim(dir)!.sequence).toBeGreaterThanOrEqual(7);
  await log.append("the last");
  await log.close();
  expect(readClaim(dir)!.sequence).toBe(13);
  expect(vi.getTimerCount()).toBe(0);
  cut(dir, SEGMENT_HEADER_BYTES + 100);
  await expect(WriteAheadLog.resume(dir, { codec: text })).rejects.toMatchObject({ code: "corrupt-entry" });
});

test("a failed sync is claimed by nobody, before a checkpoint has mended it", async () => {
  const disk = faultyDisk(seededRandom(7));
  const log = await WriteAheadLog.create(disk, { codec: text });
  await log.append("entry a");
  await vi.advanceTimersByTimeAsync(1000);
  expect(readClaim(disk)!.sequence).toBe(1);
  const failing = log.append("entry b");
  disk.failAfter(2, "EIO");
  await expect(failing).rejects.toMatchObject({ code: "poisoned" });
  await vi.advanceTimersByTimeAsync(5000);
  expect(readClaim(disk)!.sequence).toBe(1);
  await log.publishCheckpoint(1, [Buffer.from("a")]);
  await log.append("entry c");
  await log.close();
  expect(readClaim(disk)!.sequence).toBe(log.lastSequence);
  const again = await WriteAheadLog.resume(disk, { codec: text });
  expect(again.lastSequence).toBe(log.lastSequence);
  await again.close();
});

import { appendFileSync, closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Directory } from "../src/disk.js";
import { realDisk } from "../src/disk.js";
import { faultyDisk } from "../src/faulty-disk.js";
import { WAL_CURRENT } from "../src/file-names.js";
import { memoryDisk } from "../src/memory-disk.js";
import { pruneSegments, pruneSnapshots } from "../src/prune.js";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from "../src/wal-format.js";
import {
  append,
  directoryWith,
  entry,
  filesOf,
  GENERATION,
  range,
  recovered,
  refusal,
  seededRandom,
  startLog,
  temporaryDirectory,
  writeLargeSnapshot,
  writeSnapshot,
} from "./support.js";

/** Three segments of ten entries: sequences 1 to 30. */
function threeSegments(dir: Directory): void {
  const writer = startLog(dir);
  append(writer, 1, 10);
  writer.rotate(11);
  append(writer, 11, 20);
  writer.rotate(21);
  append(writer, 21, 30);
  writer.close();
}

function segment(dir: Directory, index: number): string {
  const rotated = dir
    .list()
    .filter((name) => /^wal-\d/.test(name))
    .sort();
  return [...rotated, WAL_CURRENT][index]!;
}

function damage(dir: Directory, name: string, offset: number): Directory {
  const files = filesOf(dir);
  files[name]![offset]! ^= 0xff;
  return directoryWith(files);
}

describe("what is recovered", () => {
  test("an empty directory: nothing, and sequence 1 comes next", async () => {
    const { result } = await recovered(memoryDisk());
    expect(result).toMatchObject({ lastSequence: 0, nextSegmentNumber: 1, snapshot: null, walEntries: 0 });
  });

  test("a log over several segments", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    const { entries, result } = await recovered(dir);
    expect(entries).toEqual(range(1, 30));
    expect(result).toMatchObject({ lastSequence: 30, nextSegmentNumber: 4, segments: 3, walEntries: 30, bytesCut: 0 });
  });

  test("the newest snapshot and the entries above WalPos, from the segment that holds them", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    await writeSnapshot(dir, 1000, [3, 4]);
    await writeSnapshot(dir, 2000, [15, 14, 22]);
    const { sections, entries, metadata, result } = await recovered(dir);
    expect(sections).toEqual(["shard 0 at 15", "shard 1 at 14", "shard 2 at 22"]);
    expect(metadata).toEqual({ stamps: [15, 14, 22] });
    expect(entries).toEqual(range(15, 30));
    expect(result).toMatchObject({ snapshotEntries: 6, segments: 2, snapshot: { walPos: 14, createdMs: 2000 } });
  });

  test("the snapshot before a damaged one, which goes aside", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    const older = await writeSnapshot(dir, 1000, [3, 4]);
    const newest = await writeSnapshot(dir, 2000, [15, 14]);
    const damaged = damage(dir, newest, 99);
    const { entries, result, log } = await recovered(damaged);
    expect(result.snapshot?.name).toBe(older);
    expect(entries).toEqual(range(4, 30));
    expect(log.join("\n")).toMatch(/SHA-256/);
    expect(damaged.list().some((name) => name.startsWith(`${newest}.`) && name.endsWith(".broken"))).toBe(true);
    expect((await refusal(damage(dir, newest, 99), { mode: "strict" })).code).toBe("corrupt-snapshot");
  });

  test("a large snapshot, delivered while another thread checks it: void when it is damaged, whatever the receiver thinks", async () => {
    const path = temporaryDirectory();
    const dir = realDisk(path);
    threeSegments(dir);
    await writeSnapshot(dir, 1000, [15, 14, 22]);
    const name = await writeLargeSnapshot(dir, 2000, 25);
    let sections: string[] = [];
    let voided = 0;
    let disliked = 0;
    const options = {
      onSnapshotEntries: (_id: number, bytes: Uint8Array, off: number) => {
        const start = Buffer.from(bytes.subarray(off, off + 10)).toString();
        sections.push(start);
        if (start.startsWith("s")) return;
        disliked++;
        throw new TypeError("not to be read");
      },
      onVoid: () => {
        voided++;
        sections = [];
      },
    };
    const { result } = await recovered(path, options);
    expect(result.snapshot).toMatchObject({ name, createdMs: 2000 });
    expect(sections).toEqual(range(0, 9).map((id) => `section ${id} `));
    expect(voided).toBe(0);

    const file = openSync(join(path, name), "r+");
    writeSync(file, "S", readFileSync(file).indexOf("section 6 "));
    closeSync(file);
    expect((await refusal(path, { ...options, mode: "strict" })).code).toBe("corrupt-snapshot");
    expect(voided).toBe(1);
    const { result: older, entries, log } = await recovered(path, options);
    expect(older.snapshot).toMatchObject({ createdMs: 1000 });
    expect(sections).toEqual(["shard 0 at", "shard 1 at", "shard 2 at"]);
    expect(entries).toEqual(range(15, 30));
    expect([voided, disliked]).toEqual([2, 2]);
    expect(log.join()).toContain("trying the snapshot before it");
  });

  test("nothing of a large snapshot that is whole but not to the receiver's liking", async () => {
    const path = temporaryDirectory();
    await writeLargeSnapshot(realDisk(path), 2000, 0);
    let voided = 0;
    const onSnapshotEntries = () => {
      throw new TypeError("not to be read");
    };
    await expect(recovered(path, { onSnapshotEntries, onVoid: () => voided++ })).rejects.toThrow("not to be read");
    expect(voided).toBe(0);
    expect(readdirSync(path)).toEqual([expect.stringMatching(/snap$/)]);
  });

  test("after a run that wrote nothing its empty segment is replaced, and numbers go on", async () => {
    const dir = memoryDisk();
    append(startLog(dir), 1, 5);
    startLog(dir, 6, 2, 77);
    startLog(dir, 6, 3, 78);
    const { entries, result } = await recovered(dir);
    expect(entries).toEqual(range(1, 5));
    expect(result).toMatchObject({ lastSequence: 5, nextSegmentNumber: 4 });
    expect(dir.list().length).toBe(2);
  });

  // Control: written from the mark on instead of from the entry that was located, it is red.
  test("what nothing proves to have been synced is written again, and only that, also far into a segment", async () => {
    const dir = memoryDisk();
    const count = 120_000;
    const entries = range(1, count).map((sequence) => entry(sequence, Math.min(10, sequence), GENERATION));
    const bytes = Buffer.concat(entries);
    startLog(dir).write(bytes, 0, bytes.length);
    const rewritten: [number, number][] = [];
    const pwrite = dir.pwrite.bind(dir);
    dir.pwrite = (fd, buffer, off, len, position) => {
      rewritten.push([position, len]);
      return pwrite(fd, buffer, off, len, position);
    };
    const { result } = await recovered(dir);
    expect(result.walEntries).toBe(count);
    const unproven = entries.slice(-10).reduce((sum, each) => sum + each.length, 0);
    expect(bytes.length).toBeGreaterThan(2 * 4 * 1024 * 1024);
    expect(rewritten).toEqual([[SEGMENT_HEADER_BYTES + bytes.length - unproven, unproven]]);
  });

  test("leftover temporary files go", async () => {
    const dir = directoryWith({ "wal-next.tmp": new Uint8Array(3), "snapshot-1700000000000.tmp": new Uint8Array(9) });
    await recovered(dir);
    expect(dir.list()).toEqual([]);
  });

  test("on a real directory, with progress to 1", async () => {
    const path = temporaryDirectory();
    const dir = realDisk(path);
    threeSegments(dir);
    await writeSnapshot(dir, 2000, [15, 14]);
    appendFileSync(join(path, WAL_CURRENT), "torn");
    const fractions: number[] = [];
    const onProgress = (fraction: number) => fractions.push(fraction);
    const { entries, result } = await recovered(path, { onProgress });
    expect(entries).toEqual(range(15, 30));
    expect(result.bytesCut).toBe(4);
    expect(fractions.at(-1)).toBe(1);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(statSync(join(path, WAL_CURRENT)).mode & 0o777).toBe(0o600);
    dir.unlink(segment(dir, 1));
    const error = await refusal(path);
    expect(error).toMatchObject({ code: "sequence-gap", name: "StorageError", sequence: 15 });
  });
});

describe("what is refused, and how it is said", () => {
  test("damage in a segment that is not the last, even at its end", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    const name = segment(dir, 1);
    const error = await refusal(damage(dir, name, dir.size(name) - 3));
    expect(error).toMatchObject({ code: "corrupt-entry", file: name, sequence: 20 });
    expect(error.message).toMatch(/offset \d+.*expected CRC 0x[0-9a-f]{8}; found 0x[0-9a-f]{8}.*skip-corrupt/);
  });

  test("a damaged header, and one of a newer version", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    const name = segment(dir, 0);
    expect(await refusal(damage(dir, name, 30))).toMatchObject({ code: "corrupt-header", file: name, offset: 0 });
    const files = filesOf(dir);
    files[name]!.set([99, 0, 0, 0, 64, 0, 0, 0], 8);
    const error = await refusal(directoryWith(files), { mode: "skip-corrupt" });
    expect(error.message).toMatch(/newer version.*found version 99/);
  });

  test("a missing segment: in the middle, at the start, after a snapshot, all of them", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    const without = (...indexes: number[]) => {
      const files = filesOf(dir);
      for (const index of indexes) delete files[segment(dir, index)];
      return directoryWith(files);
    };
    expect(await refusal(without(1))).toMatchObject({ code: "sequence-gap", sequence: 11, file: WAL_CURRENT });
    expect(await refusal(without(0))).toMatchObject({ code: "missing-snapshot" });
    await writeSnapshot(dir, 1000, [5, 7]);
    expect(await refusal(without(0))).toMatchObject({ code: "missing-segment", sequence: 6 });
    expect(await refusal(without(0, 1, 2))).toMatchObject({ code: "missing-segment" });
  });

  test("a segment that stands there twice", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    const files = filesOf(dir);
    files["wal-1700000000009.log"] = files[segment(dir, 1)]!;
    expect(await refusal(directoryWith(files))).toMatchObject({ code: "sequence-gap", file: "wal-1700000000009.log" });
  });

  test("a log that ends before a stamp of the snapshot, cut or torn", async () => {
    const dir = memoryDisk();
    append(startLog(dir), 1, 30);
    await writeSnapshot(dir, 1000, [20, 29]);
    const files = filesOf(dir);
    const whole = files[WAL_CURRENT]!;
    const cutAt = (bytes: number) => directoryWith({ ...files, [WAL_CURRENT]: whole.subarray(0, bytes) });
    const last = 29 + 10 + ((30 * 37) % 90);
    const lastTwo = last + 29 + 10 + ((29 * 37) % 90);
    expect((await recovered(cutAt(whole.length - last))).result.lastSequence).toBe(29);
    expect(await refusal(cutAt(whole.length - lastTwo))).toMatchObject({ code: "missing-segment", sequence: 29 });
    expect(await refusal(cutAt(whole.length - last - 1))).toMatchObject({ code: "corrupt-entry", sequence: 29 });
  });

  test("never an empty start over a log that is all damaged", async () => {
    const files = { [WAL_CURRENT]: new Uint8Array(5000) };
    expect((await refusal(directoryWith(files))).code).toBe("corrupt-header");
    expect((await refusal(directoryWith({ [WAL_CURRENT]: new Uint8Array(0) }))).code).toBe("corrupt-header");
  });
});

describe("skip-corrupt", () => {
  test("gives what is valid, counts what is missing, and repairs nothing but the end", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    const first = segment(dir, 0);
    const damaged = damage(damage(dir, first, SEGMENT_HEADER_BYTES + 200), segment(dir, 1), 20);
    const { entries, result } = await recovered(damaged, { mode: "skip-corrupt" });
    expect(entries.length).toBe(19);
    expect(entries.slice(9)).toEqual(range(21, 30));
    expect(result).toMatchObject({ corruptedEntries: 11, lastSequence: 30, nextSegmentNumber: 4 });
  });

  test("without the log a snapshot still loads", async () => {
    const dir = memoryDisk();
    await writeSnapshot(dir, 1000, [5, 7]);
    const { sections, result } = await recovered(dir, { mode: "skip-corrupt" });
    expect(sections.length).toBe(2);
    expect(result.lastSequence).toBe(7);
  });
});

describe("after a failed fsync", () => {
  test("a hole in the poisoned segment is cut with all that follows, as long as nothing after it was durable", async () => {
    const dir = memoryDisk();
    append(startLog(dir), 1, 10);
    const old = filesOf(dir)[WAL_CURRENT]!;
    const next = encodeSegmentHeader({
      generation: GENERATION,
      segmentNumber: 2,
      firstSequence: 11,
      createdMs: 5,
      syncedSequence: 8,
    });
    const torn = { "wal-1700000000000.log": old.subarray(0, old.length - 4), [WAL_CURRENT]: next };
    const dirTorn = directoryWith(torn);
    expect((await recovered(dirTorn)).entries).toEqual(range(1, 9));
    expect(dirTorn.list().filter((name) => name.endsWith(".broken")).length).toBe(2);
    expect((await recovered(dirTorn)).result).toMatchObject({ lastSequence: 9, bytesCut: 0 });
    // With a snapshot that covers the hole the new segment stands.
    const healed = directoryWith(torn);
    await writeSnapshot(healed, 1000, [10, 10]);
    expect((await recovered(healed)).result).toMatchObject({ lastSequence: 10, segments: 1 });
  });
});

describe("pruning", () => {
  test("keeps each kept snapshot's segments, and recovery from the oldest still works", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    for (const [i, walPos] of [2, 9, 10, 25].entries()) await writeSnapshot(dir, 1000 + i, [walPos, walPos + 1]);
    const { removed, oldestKeptWalPos } = pruneSnapshots(dir, 2);
    expect(removed).toEqual(["snapshot-0000000001000.snap", "snapshot-0000000001001.snap"]);
    expect(oldestKeptWalPos).toBe(10);
    expect(pruneSegments(dir, 9)).toEqual([]);
    expect(pruneSegments(dir, oldestKeptWalPos).length).toBe(1);
    // A damaged WalPos of one must not cost the other its segments.
    expect(pruneSnapshots(damage(dir, "snapshot-0000000001002.snap", 35), 2).oldestKeptWalPos).toBe(25);
    const damaged = damage(dir, "snapshot-0000000001003.snap", 100);
    expect((await recovered(damaged)).entries).toEqual(range(11, 30));
    expect(pruneSegments(dir, 1000)).toHaveLength(1);
    expect(dir.list()).toContain(WAL_CURRENT);
  });

  test("is not held up by a segment whose header is damaged", () => {
    const dir = memoryDisk();
    threeSegments(dir);
    expect(pruneSegments(damage(dir, segment(dir, 1), 3), 20)).toHaveLength(2);
  });
});

describe("a segment that was given up", () => {
  test("and ends in bytes of an entry that the next one has whole: nothing is missing", async () => {
    const dir = memoryDisk();
    threeSegments(dir);
    const files = filesOf(dir);
    const name = segment(dir, 1);
    files[name] = Buffer.concat([files[name]!, entry(21, 3, GENERATION).subarray(0, 20)]);
    const { entries, result } = await recovered(directoryWith(files));
    expect(entries).toEqual(range(1, 30));
    expect(result.bytesCut).toBe(0);
    expect(await refusal(directoryWith(files), { mode: "strict" })).toMatchObject({
      code: "corrupt-entry",
      file: name,
    });
  });

  test("after a failed fdatasync, by a process that is killed: what the next one recovers is on the disk", async () => {
    const disk = faultyDisk(seededRandom(1));
    const writer = startLog(disk);
    append(writer, 1, 3);
    writer.sync();
    append(writer, 4, 6);
    disk.failAfter(1, "EIO");
    expect(() => writer.sync()).toThrow(/EIO/);
    expect((await recovered(disk)).result.lastSequence).toBe(6);
    append(startLog(disk, 7, 2, 0xbeef), 7, 7);
    for (let i = 0; i < 100; i++) {
      const { result } = await recovered(disk.crash());
      expect(result.lastSequence).toBeGreaterThanOrEqual(6);
    }
  });
});

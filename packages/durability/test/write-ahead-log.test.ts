import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { bsonCodec, type Codec } from "../src/codec.js";
import type { Directory } from "../src/disk.js";
import { type FaultyDirectory, faultyDisk } from "../src/faulty-disk.js";
import { segmentNames } from "../src/file-names.js";
import type { WriteAheadLogOptions } from "../src/log-options.js";
import { memoryDisk } from "../src/memory-disk.js";
import { type Appended, WriteAheadLog } from "../src/write-ahead-log.js";
import { intercepted, range, recorded, temporaryDirectory, wideRandom } from "./support.js";

const seed = Date.now();
console.log(`write-ahead log seed ${seed}`);

const text: Codec<string> = { encode: (entry) => Buffer.from(entry), decode: (bytes) => Buffer.from(bytes).toString() };
const EVENTUAL = { codec: text, durability: { level: "eventual" } } as const;

function newDisk(): FaultyDirectory {
  return faultyDisk(wideRandom(seed));
}

async function contents(log: WriteAheadLog<string>, after = 0): Promise<[number, string][]> {
  const entries: [number, string][] = [];
  for await (const { sequence, entry } of log.replay(after)) entries.push([sequence, entry]);
  return entries;
}

/** What the next process finds. */
async function reopened(dir: Directory): Promise<[number, string][]> {
  const log = await WriteAheadLog.resume(dir, { codec: text });
  const found = await contents(log);
  await log.close();
  return found;
}

test("create refuses what is there, resume goes on with it, in a new segment; the directory is locked", async () => {
  const path = temporaryDirectory();
  const codec = bsonCodec<{ name: string; at: Date }>();
  const first = await WriteAheadLog.create(path, { codec });
  const entry = { name: "a", at: new Date(1_700_000_000_000) };
  expect(await first.append(entry)).toBe(1);
  await expect(WriteAheadLog.resume(path, { codec })).rejects.toMatchObject({ code: "locked" });
  await first.close();
  await first.close();
  await expect(first.append(entry)).rejects.toThrow("closed");

  await expect(WriteAheadLog.create(path, { codec })).rejects.toMatchObject({ code: "log-exists" });
  const second = await WriteAheadLog.resume(path, { codec });
  expect(second.statistics()).toMatchObject({ lastSequence: 1, syncedSequence: 1, segmentNumber: 2 });
  expect(await second.append(entry)).toBe(2);
  const found = [];
  for await (const replayed of second.replay()) found.push(replayed);
  expect(found).toMatchObject([1, 2].map((sequence) => ({ sequence, operation: "append", entry })));
  expect(found[0]!.timestampMs).toBeLessThanOrEqual(found[1]!.timestampMs);
  await second.close();
});

test("entries, batches and groups come back in order, also after a sequence and over rotated segments", async () => {
  const dir = memoryDisk();
  const log = await WriteAheadLog.create(dir, { codec: text, maxSegmentEntries: 4 });
  await log.append("a");
  expect(await log.appendBatch(["b", "c", "d"])).toEqual({ firstSequence: 2, lastSequence: 4 } satisfies Appended);
  expect(await log.appendBatch([])).toBeNull();
  const group = log.begin();
  group.add("e");
  group.add("");
  group.add("g");
  expect(await group.commit()).toBe(5);
  const aborted = log.begin();
  aborted.add("never");
  aborted.abort();
  await expect(aborted.commit()).rejects.toThrow("ended");
  await expect(log.begin().commit()).rejects.toThrow("empty");
  await log.appendBatch(["h"]);
  const all: [number, string][] = [
    [1, "a"],
    [2, "b"],
    [3, "c"],
    [4, "d"],
    [5, "e"],
    [5, ""],
    [5, "g"],
    [6, "h"],
  ];
  expect(await contents(log)).toEqual(all);
  for (const after of range(0, 6)) expect(await contents(log, after)).toEqual(all.filter(([at]) => at > after));
  expect(segmentNames(dir.list())).toHaveLength(2);
  await log.close();
  expect(await reopened(dir)).toEqual(all);
});

test("rotation by bytes and by entries; entries larger than what is read at a time", async () => {
  const dir = memoryDisk();
  const log = await WriteAheadLog.create(dir, { ...EVENTUAL, maxSegmentBytes: 20_000_000 });
  const large = "x".repeat(9_000_000);
  for (let i = 0; i < 5; i++) await log.append(`${i}${large}`);
  expect(log.statistics()).toMatchObject({ rotations: 1, segmentNumber: 2, lastSequence: 5 });
  expect((await contents(log)).map(([sequence, entry]) => [sequence, entry[0], entry.length])).toEqual(
    range(1, 5).map((sequence) => [sequence, String(sequence - 1), large.length + 1]),
  );
  await log.close();
});

test("an entry, and a group, that is too large is refused, and leaves no trace", async () => {
  const log = await WriteAheadLog.create(memoryDisk(), { codec: text, maxEntryBytes: 20 });
  await log.append("x".repeat(20));
  await expect(log.append("x".repeat(21))).rejects.toMatchObject({ code: "too-large" });
  await expect(log.appendBatch(["a", "x".repeat(21)])).rejects.toMatchObject({ code: "too-large" });
  const group = log.begin();
  for (let i = 0; i < 4; i++) group.add("1234");
  await expect(group.commit()).rejects.toMatchObject({ code: "too-large" });
  expect(await log.append("b")).toBe(2);
  await log.close();
});

test("immediate: those who append together share one write and one sync, in the order of their calls", async () => {
  const operations: string[] = [];
  const log = await WriteAheadLog.create(recorded(memoryDisk(), operations), { codec: text, maxSegmentEntries: 10 });
  operations.length = 0;
  const sequences = await Promise.all(range(1, 10).map((i) => log.append(String(i))));
  expect(sequences).toEqual(range(1, 10));
  expect(operations).toEqual(["write wal-next.tmp", "fdatasync wal-next.tmp"]);
  // The segment is full now: all of these wait for the next one.
  expect(await Promise.all(range(11, 15).map((i) => log.append(String(i))))).toEqual(range(11, 15));
  expect(await contents(log)).toEqual(range(1, 15).map((i) => [i, String(i)]));
  await log.close();
});

test("eventual: in memory, then in the file, then on the disk", async () => {
  const disk = newDisk();
  const log = await WriteAheadLog.create(disk, EVENTUAL);
  await log.append("a");
  expect(log.statistics().stagedBytes).toBeGreaterThan(0);
  await log.flush();
  expect(log.statistics()).toMatchObject({ stagedBytes: 0, syncedSequence: 0 });
  await log.flushAndSync();
  expect(log.syncedSequence).toBe(1);
  await log.append("b");
  await log.close();
  expect(await reopened(disk.crash())).toEqual([
    [1, "a"],
    [2, "b"],
  ]);
});

test("batched: durable after so many entries, and after so many milliseconds", async () => {
  const log = await WriteAheadLog.create(newDisk(), {
    codec: text,
    durability: { level: "batched", writes: 3, milliseconds: 5 },
  });
  await log.append("a");
  await log.append("b");
  expect(log.syncedSequence).toBe(0);
  await log.append("c");
  expect(log.syncedSequence).toBe(3);
  await log.append("d");
  expect(log.syncedSequence).toBe(3);
  while (log.syncedSequence < 4) await sleep(1);
  await log.close();
});

/*
 * Control: without the drop of what was not written (EntryAppender.dropFrom) the refused entries come back; with the cut of whole
 * entries instead of their batch operations they come back after a power loss (library-power-loss.test.ts).
 */
test.each(["immediate", "eventual"] as const)(
  "%s: a batch that the disk refuses is in no replay, and the log goes on",
  async (level) => {
    const options: WriteAheadLogOptions<string> = { codec: text, durability: { level } };
    for (const room of range(0, 170)) {
      let left = Number.POSITIVE_INFINITY;
      const disk = intercepted(newDisk(), (real) => ({
        write: (fd, buffer, off, len) => {
          if (left === 0) throw Object.assign(new Error("ENOSPC: full"), { code: "ENOSPC" });
          const count = Math.min(len, left);
          left -= count;
          return real.write(fd, buffer, off, count);
        },
      }));
      const log = await WriteAheadLog.create(disk, options);
      await log.append("before");
      await log.flushAndSync();
      left = room;
      const batch = range(1, 4).map((i) => `refused ${i}`);
      const refused = await log.appendBatch(batch).then(
        () => false,
        (error) => error.code === "io" && error.errno === "ENOSPC",
      );
      expect(refused).toBe(room < 4 * 38);
      left = Number.POSITIVE_INFINITY;
      const kept = refused ? ["before"] : ["before", ...batch];
      expect((await contents(log)).map(([, entry]) => entry)).toEqual(kept);
      expect(log.wounded).toBe(false);
      await log.append("after");
      await log.close();
      expect((await reopened(disk)).map(([, entry]) => entry)).toEqual([...kept, "after"]);
    }
  },
);

test("what was accepted and could not be written stays, and is written later; close says when it is not durable", async () => {
  const disk = newDisk();
  const log = await WriteAheadLog.create(disk, EVENTUAL);
  await log.append("a");
  disk.failAfter(1, "ENOSPC", true);
  await expect(log.flush()).rejects.toMatchObject({ errno: "ENOSPC" });
  await expect(log.flushAndSync()).rejects.toMatchObject({ errno: "ENOSPC" });
  disk.heal();
  await log.flushAndSync();
  await log.append("b");
  disk.failAfter(1, "ENOSPC", true);
  await expect(log.close()).rejects.toMatchObject({ errno: "ENOSPC" });
  disk.heal();
  expect(await reopened(disk)).toEqual([[1, "a"]]);
});

test("batched: an error of the sync that comes by itself is told to the next append", async () => {
  const disk = newDisk();
  const log = await WriteAheadLog.create(disk, {
    codec: text,
    durability: { level: "batched", writes: 100, milliseconds: 1 },
  });
  await log.append("a");
  disk.failAfter(1, "ENOSPC", true);
  await sleep(20);
  await expect(log.append("b")).rejects.toMatchObject({ errno: "ENOSPC" });
  disk.heal();
  expect(await log.append("c")).toBe(2);
  expect(log.syncedSequence).toBe(2);
  // Without another append it comes right by itself, too.
  await log.append("d");
  disk.failAfter(1, "ENOSPC", true);
  await sleep(20);
  expect(log.syncedSequence).toBe(2);
  disk.heal();
  while (log.syncedSequence < 3) await sleep(1);
  await log.close();
});

/** Control: a log that is taken for mended when its new segment is there (LogSegments.beginSegment) turns it red. */
test("after a failed fsync nothing is acknowledged, nor that file synced again, until a checkpoint is there", async () => {
  const operations: string[] = [];
  const disk = newDisk();
  const log = await WriteAheadLog.create(recorded(disk, operations), { codec: text });
  await log.append("a");
  disk.failAfter(2, "EIO");
  operations.length = 0;
  const refused = await Promise.allSettled([log.append("b"), log.appendBatch(["c", "d"])]);
  expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(operations).toEqual(["write wal-next.tmp", "fdatasync wal-next.tmp"]);
  expect([log.wounded, log.syncedSequence]).toEqual([true, 1]);
  for (const action of [() => log.append("e"), () => log.flush(), () => log.flushAndSync()]) {
    await expect(action()).rejects.toMatchObject({ code: "poisoned" });
  }
  await expect(log.publishCheckpoint(0, [])).rejects.toThrow(RangeError);
  // A checkpoint that fails, at whatever operation, mends nothing: a new segment alone is not enough.
  let failures = 0;
  for (let n = 1; log.wounded; n++) {
    disk.failAfter(n, "EIO");
    const error = await log.publishCheckpoint(1, [Buffer.from("a")]).then(
      () => null,
      (caught) => caught.code,
    );
    disk.heal();
    expect(error === null || error === "io" || error === "poisoned", error).toBe(true);
    expect([log.wounded, log.syncedSequence]).toEqual(error === null ? [false, 4] : [true, 1]);
    if (error === null) break;
    failures++;
  }
  expect(failures).toBeGreaterThan(10);
  expect(await log.append("f")).toBe(5);
  await log.close();
  for (let i = 0; i < 20; i++) {
    const next = await WriteAheadLog.resume(disk.crash(), { codec: text });
    expect(await contents(next, 4)).toEqual([[5, "f"]]);
    await next.close();
  }
});

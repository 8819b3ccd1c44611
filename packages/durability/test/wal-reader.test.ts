import { expect, test } from "vitest";
import { crc32 } from "../src/crc.js";
import { StorageError } from "../src/errors.js";
import { WAL_CURRENT } from "../src/file-names.js";
import { memoryDisk } from "../src/memory-disk.js";
import { type EntryVisitor, readInSteps, readSegment } from "../src/wal-reader.js";
import { append, directoryWith, filesOf, startLog } from "./support.js";

test("a hole that is longer than a step is one hole, and what follows it is found", () => {
  const disk = memoryDisk();
  const writer = startLog(disk);
  append(writer, 1, 40_000);
  writer.close();
  const file = filesOf(disk)[WAL_CURRENT];
  if (file === undefined) throw new Error("no log");
  // Some 700 KB of the two megabytes.
  file.fill(0xa5, 500_001, 1_200_000);
  const dir = directoryWith({ [WAL_CURRENT]: file });

  const visited: number[] = [];
  const visit = (_op: number, sequence: number) => visited.push(sequence);
  const options = { visitAfterHole: true, locateAfter: 39_999 };
  const steps = readInSteps(dir, WAL_CURRENT, visit, options);
  let count = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) count++;
  const scan = step.value;
  expect(count).toBeGreaterThan(file.length / (1024 * 1024));
  expect(scan).toEqual(readSegment(dir, WAL_CURRENT, null, options));
  expect(scan).toMatchObject({ tail: "bad", lastSequence: 40_000, entries: visited.length });
  expect(scan.missing).toBe(40_000 - visited.length);
  expect(scan.hole?.sequence).toBe(scan.validLastSequence + 1);
  expect(scan.located).toBeGreaterThan(1_200_000);
  const behind = visited.findIndex((sequence, i) => sequence !== i + 1);
  expect(visited[behind]).toBe(behind + 1 + scan.missing);
});

// Controls, each seen red: the batch is not visited before the window moves; not at the end of a step.
test("entries are told of before they are visited, all of them, in bytes that stay until then", () => {
  const disk = memoryDisk();
  const writer = startLog(disk);
  // More than two windows of 4 MB.
  append(writer, 1, 130_000);
  writer.close();
  const digest = (bytes: Uint8Array, off: number, len: number) => crc32(0, bytes, off, off + len);
  const told: number[] = [];
  const visited: [sequence: number, digest: number][] = [];
  const visit: EntryVisitor = (_op, sequence, _timestampMs, bytes, off, len) => {
    visited.push([sequence, digest(bytes, off, len)]);
  };
  // So that some wait when the window moves.
  const options = { afterSequence: 30 };
  const plain = readSegment(disk, WAL_CURRENT, visit, options);
  const one = visited.splice(0);
  const scan = readSegment(disk, WAL_CURRENT, visit, {
    ...options,
    ahead: ({ count, bytes, offs, lengths }) => {
      expect(visited.length).toBe(told.length);
      for (let i = 0; i < count; i++) told.push(digest(bytes, offs[i] as number, lengths[i] as number));
    },
  });
  expect(scan).toEqual(plain);
  expect(scan.fileBytes).toBeGreaterThan(8 * 1024 * 1024);
  expect(visited).toEqual(one);
  expect(told).toEqual(one.map(([, sum]) => sum));
});

test("where a visitor throws, the error has the place of its entry, also of one that was told of", () => {
  const disk = memoryDisk();
  const writer = startLog(disk);
  append(writer, 1, 100);
  writer.close();
  const places = new Set<unknown>();
  for (const ahead of [undefined, () => {}]) {
    const visit: EntryVisitor = (_op, sequence) => {
      if (sequence === 30) throw new StorageError("corrupt-entry", "refused");
    };
    try {
      readSegment(disk, WAL_CURRENT, visit, { ahead });
    } catch (error) {
      places.add((error as StorageError).offset);
    }
  }
  expect([...places]).toEqual([expect.any(Number)]);
});

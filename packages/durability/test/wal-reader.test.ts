import { expect, test } from "vitest";
import { WAL_CURRENT } from "../src/file-names.js";
import { memoryDisk } from "../src/memory-disk.js";
import { readInSteps, readSegment } from "../src/wal-reader.js";
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

import { expect, test } from "vitest";
import * as names from "../src/file-names.js";

test("names sort in the order of their content, and foreign files are left alone", () => {
  const all = [
    "wal-current.log",
    "wal-1700000000002.log",
    "x",
    "wal-0000000000009.log",
    "wal-current.log.1.broken",
    "LOCK",
  ];
  expect(names.segmentNames(all)).toEqual(["wal-0000000000009.log", "wal-1700000000002.log", "wal-current.log"]);
  expect(
    names.snapshotNames(["snapshot-0000000000002.snap", "snapshot-0000000000001.snap", "snapshot-3.snap"]),
  ).toEqual(["snapshot-0000000000001.snap", "snapshot-0000000000002.snap"]);
});

test("a timestamp is unique and grows, whatever the clock does", () => {
  expect(names.nextRotatedTimestamp([], 5)).toBe(5);
  expect(names.nextRotatedTimestamp(["wal-1700000000000.log", "snapshot-1900000000000.snap"], 5)).toBe(
    1_700_000_000_001,
  );
  expect(names.nextSnapshotTimestamp(["snapshot-1700000000000.snap"], 1_700_000_000_000)).toBe(1_700_000_000_001);
});

test("only half-done files count as leftovers", () => {
  const all = [
    "wal-next.tmp",
    "snapshot-1700000000000.tmp",
    "manifest.bson.tmp",
    "LOCK.abc",
    "notes.tmp",
    "wal-current.log",
  ];
  expect(all.filter(names.isTemporary)).toEqual(["wal-next.tmp", "snapshot-1700000000000.tmp", "manifest.bson.tmp"]);
});

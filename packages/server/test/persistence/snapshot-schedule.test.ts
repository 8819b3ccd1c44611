import { expect, test } from "vitest";
import {
  heldAtLogBytes,
  type LogGrowth,
  type SnapshotState,
  snapshotDue,
} from "../../src/persistence/snapshot-schedule.js";

const MB = 1024 * 1024;

/** save 900 1 60 100 */
const POINTS = [
  { seconds: 900, changes: 1 },
  { seconds: 60, changes: 100 },
];

/** A minute after a snapshot of 10 MB that took a second; twice as many writes as ask for one. */
const busy: SnapshotState = {
  ...{
    points: [{ seconds: 300, changes: 1 }],
    ops: 1000,
    changes: 2000,
    changedBytes: 20 * MB,
    snapshotBytes: 10 * MB,
  },
  ...{ walBytes: 64 * MB, freeBytes: Number.POSITIVE_INFINITY, logFails: false },
  ...{ msSinceSnapshot: 60_000, lastDurationMs: 1000, msSinceFailure: Number.POSITIVE_INFINITY, failedDurationMs: 0 },
};

test.for<[string, Partial<SnapshotState>, boolean]>([
  ["so many writes", {}, true],
  ["fewer writes", { changes: 999 }, false],
  ["fewer writes, but the interval is over", { changes: 1, msSinceSnapshot: 300_000 }, true],
  ["no writes", { changes: 0, msSinceSnapshot: 300_000 }, false],
  ["not by count", { ops: 0 }, false],
  ["not by time", { points: [], changes: 1, msSinceSnapshot: 1e9 }, false],
  ["enough writes for the second point", { points: POINTS, changes: 100, msSinceSnapshot: 60_000 }, true],
  ["too few for it", { points: POINTS, changes: 99, msSinceSnapshot: 899_999 }, false],
  ["the first point's time is over", { points: POINTS, changes: 1, msSinceSnapshot: 900_000 }, true],
  ["less log than the last snapshot has bytes", { changedBytes: 9 * MB }, false],
  ["less log than a small snapshot has bytes", { changedBytes: 1, snapshotBytes: MB }, true],
  ["so soon that snapshots would take more than a twentieth of the time", { msSinceSnapshot: 19_000 }, false],
  ["a failure just now", { msSinceFailure: 400 }, false],
  ["a failure some time ago", { msSinceFailure: 500 }, true],
  ["a failure after long work", { msSinceFailure: 1900, failedDurationMs: 100 }, false],
  ["a failure after very long work, some time ago", { msSinceFailure: 5000, failedDurationMs: 100_000 }, true],
  [
    "log as large as asked for, and its snapshot small, however soon",
    { changedBytes: 64 * MB, msSinceSnapshot: 1 },
    true,
  ],
  ["not quite so much log", { changedBytes: 64 * MB - 1, msSinceSnapshot: 1 }, false],
  ["log twice the snapshot", { changedBytes: 200 * MB, snapshotBytes: 100 * MB, msSinceSnapshot: 1 }, true],
  [
    "log less than twice a large snapshot",
    { changedBytes: 199 * MB, snapshotBytes: 100 * MB, msSinceSnapshot: 1 },
    false,
  ],
  ["not by the log's size", { changedBytes: 1e12, walBytes: 0, msSinceSnapshot: 1 }, false],
  [
    "half of what there is for log and snapshot",
    { changedBytes: 20 * MB, freeBytes: 20 * MB, msSinceSnapshot: 1 },
    true,
  ],
  ["less than half of it", { changedBytes: 20 * MB - 1, freeBytes: 20 * MB, msSinceSnapshot: 1 }, false],
  ["nearly no room, and less log than the snapshot", { changedBytes: 9 * MB, freeBytes: 0, msSinceSnapshot: 1 }, false],
  ["a log that fails, with something to gain", { changedBytes: 11 * MB, logFails: true, msSinceSnapshot: 1 }, true],
  ["a log that fails, with nothing to gain", { changedBytes: 9 * MB, logFails: true }, false],
  ["so much log, and a failure just now", { changedBytes: 64 * MB, msSinceFailure: 400 }, false],
])("%s", ([, change, due]) => {
  expect(snapshotDue({ ...busy, ...change })).toBe(due);
});

const growth: LogGrowth = {
  ...{ walBytes: 64 * MB, snapshotBytes: 10 * MB, lastLogBytes: 7 * MB, fullAtLogBytes: Number.POSITIVE_INFINITY },
};

test.for<[string, Partial<LogGrowth>, number]>([
  ["twice the log that asks for a snapshot", {}, 135 * MB],
  ["twice that of a large snapshot", { snapshotBytes: 100 * MB }, 407 * MB],
  ["two thirds of the room", { fullAtLogBytes: 37 * MB }, 27 * MB],
  ["twice the snapshot, however little room there is", { fullAtLogBytes: 8 * MB }, 27 * MB],
  ["nowhere, where the size asks for none", { walBytes: 0 }, Number.POSITIVE_INFINITY],
])("writers wait at %s", ([, change, bytes]) => {
  expect(heldAtLogBytes({ ...growth, ...change })).toBe(bytes);
});

/** When the next automatic snapshot is due. */
import type { SavePoint } from "./persistence.js";

export interface SnapshotState {
  /** None = never by time. */
  readonly points: readonly SavePoint[];
  /** Entries, 0 = never by count. */
  readonly ops: number;
  /** Bytes of log, 0 = never by its size. */
  readonly walBytes: number;
  /** Log entries, and their bytes, since the last snapshot began. */
  readonly changes: number;
  readonly changedBytes: number;
  /** Size of the last snapshot. */
  readonly snapshotBytes: number;
  /** Of the disk; Infinity where the system does not tell. */
  readonly freeBytes: number;
  /** The log cannot be written at present. */
  readonly logFails: boolean;
  /** Since the last one began. */
  readonly msSinceSnapshot: number;
  /** How long it took. */
  readonly lastDurationMs: number;
  /** Since the last attempt failed; Infinity when it did not. */
  readonly msSinceFailure: number;
  /** How long that attempt took. */
  readonly failedDurationMs: number;
}

/** From a failed attempt to the next one: by the time that it took, within these limits. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 5000;
/** Below this a snapshot costs hardly more than its fsyncs, so it may be larger than the log that it replaces. */
const SMALL_SNAPSHOT_BYTES = 1024 * 1024;
/** Snapshots that are due by count, and attempts that fail, take at most this share of the time. */
const TIME_SHARE_MAX = 1 / 20;

/** The log may be so many times as large as the snapshot before it before its size asks for the next one. */
const LOG_PER_SNAPSHOT = 2;
/**
 * By the log's size, so that log and snapshots stay within a multiple of the data (DURABILITY.md says which), also under full load: what overwrites
 * a few large values fills a disk long before its time or count is reached. On a disk with little room it is due sooner, and whatever else
 * holds where the log cannot be written: on a full disk it is what lets old segments go. There it is tried again soon, however long the last attempt
 * took to fail: the log that gets room must not outrun it.
 *
 * By time or by count, but never so often that more is written into snapshots than into the log: with a large data set and few writes
 * snapshots come later, and the log is what recovery reads. Under full load a hundred thousand writes are a fraction of a second: then the time
 * that the last snapshot took says when the next one may begin, so that they do not become a fifth of the work.
 *
 * What failed at once is tried again soon: on a full disk that has got room again the log would otherwise fill it once more before a snapshot
 * makes some of it superfluous. What took long to fail may have filled the disk itself.
 */
export function snapshotDue(s: SnapshotState): boolean {
  if (s.changes === 0 || s.msSinceFailure < RETRY_MS_MIN) return false;
  if (s.snapshotBytes > SMALL_SNAPSHOT_BYTES && s.changedBytes < s.snapshotBytes) return false;
  if (s.logFails || (s.walBytes > 0 && s.changedBytes >= logBytesMax(s))) return true;
  if (s.msSinceFailure < Math.min(RETRY_MS_MAX, s.failedDurationMs / TIME_SHARE_MAX)) return false;
  if (s.ops > 0 && s.changes >= s.ops && s.lastDurationMs <= s.msSinceSnapshot * TIME_SHARE_MAX) return true;
  return s.points.some(({ seconds, changes }) => s.changes >= changes && s.msSinceSnapshot >= seconds * 1000);
}

/** How far the log may grow; in bytes of entries since the start of the server. */
export interface LogGrowth {
  readonly walBytes: number;
  readonly snapshotBytes: number;
  /** Where the last published snapshot began. */
  readonly lastLogBytes: number;
  /** Where the disk will be full, by what is known of it. */
  readonly fullAtLogBytes: number;
}

/**
 * Where writers wait for the snapshot that has been due since half of it, or of the room: who writes faster than snapshots can be made is slowed
 * down, instead of filling the disk with a log that no snapshot has room beside.
 */
export function heldAtLogBytes({ walBytes, snapshotBytes, lastLogBytes, fullAtLogBytes }: LogGrowth): number {
  if (walBytes === 0) return Number.POSITIVE_INFINITY;
  const wanted = lastLogBytes + 2 * Math.max(walBytes, snapshotBytes * LOG_PER_SNAPSHOT);
  // A third of the room is left there.
  const fits = (lastLogBytes + 2 * fullAtLogBytes) / 3;
  return Math.max(lastLogBytes + 2 * Math.max(SMALL_SNAPSHOT_BYTES, snapshotBytes), Math.min(wanted, fits));
}

/** Half of the room there is for both, at most: so the snapshot that makes the log superfluous fits beside it. */
function logBytesMax({ walBytes, snapshotBytes, freeBytes }: SnapshotState): number {
  const wanted = Math.max(walBytes, snapshotBytes * LOG_PER_SNAPSHOT);
  return Math.max(SMALL_SNAPSHOT_BYTES, Math.min(wanted, freeBytes));
}

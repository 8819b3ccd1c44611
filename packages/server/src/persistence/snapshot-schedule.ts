/** When the next automatic snapshot is due. */
import type { SavePoint } from "./persistence.js";

export interface SnapshotState {
  /** None = never by time. */
  readonly points: readonly SavePoint[];
  /** Entries, 0 = never by count. */
  readonly ops: number;
  /** Log entries, and their bytes, since the last snapshot began. */
  readonly changes: number;
  readonly changedBytes: number;
  /** Size of the last snapshot. */
  readonly snapshotBytes: number;
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

/**
 * By time or by count, but never so often that more is written into snapshots than into the log: with a large data set and few writes
 * snapshots come later, and the log is what recovery reads. Under full load a hundred thousand writes are a fraction of a second: then the time
 * that the last snapshot took says when the next one may begin, so that they do not become a fifth of the work.
 *
 * What failed at once is tried again soon: on a full disk that has got room again the log would otherwise fill it once more before a snapshot
 * makes some of it superfluous. What took long to fail may have filled the disk itself.
 */
export function snapshotDue(s: SnapshotState): boolean {
  const retryMs = Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, s.failedDurationMs / TIME_SHARE_MAX));
  if (s.changes === 0 || s.msSinceFailure < retryMs) return false;
  if (s.snapshotBytes > SMALL_SNAPSHOT_BYTES && s.changedBytes < s.snapshotBytes) return false;
  if (s.ops > 0 && s.changes >= s.ops && s.lastDurationMs <= s.msSinceSnapshot * TIME_SHARE_MAX) return true;
  return s.points.some(({ seconds, changes }) => s.changes >= changes && s.msSinceSnapshot >= seconds * 1000);
}

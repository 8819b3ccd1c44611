import { type Directory, listNames, removeIfThere } from "./disk.js";
import { segmentNames, snapshotNames } from "./file-names.js";
import { firstNeededSegment } from "./recovery-plan.js";
import { readSnapshotHeader } from "./snapshot-reader.js";
import { readSegmentHeader } from "./wal-reader.js";

/*
 * What may go, and only after a publish: all snapshots but the newest `keep`, then the segments that lie wholly below
 * WalPos of the oldest snapshot kept (so that each one kept can still be replayed to the end of the log). A segment's
 * last sequence is known from the first one of a later segment. Removals need no fsync: one that a crash undoes is done again.
 */

/** Names removed, and the log position from which segments are still needed. */
export interface Pruned {
  readonly removed: readonly string[];
  /** Lowest WalPos of the snapshots kept; 0 where there is none. */
  readonly oldestKeptWalPos: number;
}

/** Removes all but the newest `keep` (at least 1) snapshots. */
export function pruneSnapshots(dir: Directory, keep: number): Pruned {
  const names = snapshotNames(listNames(dir));
  const removed = names.slice(0, Math.max(0, names.length - Math.max(1, keep)));
  for (const name of removed) removeIfThere(dir, name);
  // The lowest of all kept, not just that of the oldest: a damaged header must not cost the others their segments.
  const walPositions = names.slice(removed.length).map((name) => readSnapshotHeader(dir, name).walPos);
  return { removed, oldestKeptWalPos: walPositions.length === 0 ? 0 : Math.min(...walPositions) };
}

/** Removes the segments whose entries all have sequences up to `oldestKeptWalPos`. The current one always stays. */
export function pruneSegments(dir: Directory, oldestKeptWalPos: number): string[] {
  const names = segmentNames(listNames(dir));
  const headers = names.map((name) => readSegmentHeader(dir, name));
  const removed = names.slice(0, firstNeededSegment(headers, oldestKeptWalPos));
  for (const name of removed) removeIfThere(dir, name);
  return removed;
}

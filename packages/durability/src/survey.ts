import type { Directory } from "./disk.js";
import { ioError, StorageError } from "./errors.js";
import type { RecoveryLog } from "./recover.js";
import { firstNeededSegment } from "./recovery-plan.js";
import type { RecoveryMode } from "./recovery-table.js";
import { readSnapshotHeader, type VerifiedSnapshot } from "./snapshot-reader.js";
import type { Verifier } from "./verifier.js";
import type { DecodedHeader } from "./wal-format.js";
import { readSegmentHeader, type SegmentScan } from "./wal-reader.js";

/** What a directory holds: the snapshot to use and the segments from the first one needed. */
export interface Found {
  readonly snapshot: VerifiedSnapshot | null;
  readonly scans: readonly SegmentScan[];
  /** Of all segments. */
  readonly headers: readonly DecodedHeader[];
  /** Snapshots that are damaged. */
  readonly unusable: readonly string[];
}

/** Told of the files that will be read, and of each one that was. */
export interface SurveyProgress {
  expect(name: string): void;
  done(name: string): void;
}

/**
 * Chooses the newest snapshot that is whole, and scans the segments after it; the two at the same time where the
 * verifier has threads. A damaged snapshot is passed over, except in mode strict; one of a newer version never is.
 */
export async function survey(
  dir: Directory,
  verifier: Verifier,
  segments: readonly string[],
  newestFirst: readonly string[],
  mode: RecoveryMode,
  log: RecoveryLog,
  progress: SurveyProgress,
): Promise<Found> {
  const headers = segments.map((name) => headerOf(dir, name));
  const pending = new Map<string, Promise<SegmentScan>>();
  const scanFrom = (walPos: number): Promise<SegmentScan>[] => {
    return segments.slice(firstNeededSegment(headers, walPos)).map((name) => {
      const scan = pending.get(name) ?? watched(verifier.segment(name), name, progress);
      pending.set(name, scan);
      return scan;
    });
  };

  const unusable: string[] = [];
  let snapshot: VerifiedSnapshot | null = null;
  for (const name of newestFirst) {
    try {
      const walPos = readSnapshotHeader(dir, name).walPos;
      void scanFrom(walPos);
      snapshot = await watched(verifier.snapshot(name), name, progress);
      break;
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== "corrupt-snapshot" || mode === "strict") throw error;
      log("warn", `${error.message}: trying the snapshot before it`);
      unusable.push(name);
    }
  }
  const scans = await Promise.all(scanFrom(snapshot?.header.walPos ?? 0));
  return { snapshot, scans, headers, unusable };
}

function watched<T>(work: Promise<T>, name: string, progress: SurveyProgress): Promise<T> {
  progress.expect(name);
  const result = work.then((value) => {
    progress.done(name);
    return value;
  });
  // A scan may fail before anyone waits for it; whoever does gets the error.
  result.catch(() => {});
  return result;
}

function headerOf(dir: Directory, name: string): DecodedHeader {
  try {
    return readSegmentHeader(dir, name);
  } catch (error) {
    throw ioError("read failed", name, error);
  }
}

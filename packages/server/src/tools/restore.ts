/**
 * Makes a new data directory that holds what another one held at an earlier point of its log:
 *
 *   the newest snapshot that has nothing beyond the point  +  the segments behind it, the last one cut after the entry of the point
 *
 * A snapshot's shards show different moments, so it serves only from its highest stamp on. How far back one can go is how far snapshots and
 * log are kept. The source is only read, and may be in use.
 */
import {
  type Directory,
  fileNames,
  firstNeededSegment,
  frozenDisk,
  readSegment,
  readSegmentHeader,
  StorageError,
  verifySnapshot,
} from "@hearthkv/durability";
import { type CheckReport, checkDirectory } from "./check.js";
import { copyFiles } from "./copy-files.js";
import { DataError, dataFolderNames, makeDataFolder } from "./data-folder.js";

/** The last entry to be there; or the last one before the first that is later than a time (milliseconds since 1970). */
export type RestorePoint = { readonly sequence: number } | { readonly timeMs: number };

export interface RestoreResult {
  /** Of the last entry that is there. */
  readonly sequence: number;
  readonly recovered: NonNullable<CheckReport["recovered"]>;
}

/**
 * Throws ToolError where there is no data or the target is in use, DataError where the point cannot be reached, StorageError io: nothing is
 * made then.
 */
export async function restoreDirectory(path: string, target: string, point: RestorePoint): Promise<RestoreResult> {
  dataFolderNames(path);
  return await makeDataFolder(target, async (made) => await restoreInto(made, path, point));
}

async function restoreInto(made: string, path: string, point: RestorePoint): Promise<RestoreResult> {
  const frozen = frozenDisk(path);
  try {
    if (!frozen.exists(fileNames.MANIFEST)) throw new DataError(`${path} has no ${fileNames.MANIFEST}`);
    const history = new History(frozen);
    const sequence = "sequence" in point ? point.sequence : history.lastBefore(point.timeMs);
    const snapshot = history.snapshotFor(sequence);
    const segments = history.segmentsFor(snapshot?.walPos ?? 0, sequence);
    const copies =
      snapshot === null ? [] : [{ name: snapshot.name, as: snapshot.name, bytes: frozen.size(snapshot.name) }];
    await copyFiles(frozen, [...copies, ...segments], made);
    const { problems, recovered } = await checkDirectory(made, { strict: true });
    if (recovered?.lastSequence !== sequence || problems.length > 0) {
      throw new DataError(`the restored directory is not whole: ${problems.map(({ message }) => message).join("; ")}`);
    }
    return { sequence, recovered };
  } finally {
    frozen.release();
  }
}

interface Segment {
  readonly name: string;
  readonly firstSequence: number;
}

/** Snapshots and log of a directory that holds still. */
class History {
  readonly #dir: Directory;
  readonly #segments: readonly Segment[];

  constructor(dir: Directory) {
    this.#dir = dir;
    this.#segments = fileNames.segmentNames(dir.list()).map((name) => {
      const decoded = readSegmentHeader(dir, name);
      if (decoded.state !== "ok") throw new DataError(`the header of ${name} cannot be read`);
      return { name, firstSequence: decoded.header.firstSequence };
    });
    if (this.#segments.length === 0) throw new DataError("there is no log");
  }

  /** Sequence of the last entry before the first one that is later than `timeMs`. */
  lastBefore(timeMs: number): number {
    let last = -1;
    let earliest = 0;
    for (const { name } of this.#segments) {
      let later = false;
      const scan = readSegment(this.#dir, name, (_opType, sequence, entryMs) => {
        if (last < 0 && earliest === 0) earliest = entryMs;
        if (later) return;
        later = entryMs > timeMs;
        // Not the one before it in the file: this segment may replace the end of the one before it.
        last = later ? Math.min(last, sequence - 1) : sequence;
      });
      if (later || scan.hole !== null) break;
    }
    if (last >= 0) return last;
    if (earliest === 0) throw new DataError("the log that is kept has no entries");
    throw new DataError(`the log that is kept begins at ${new Date(earliest).toISOString()}, later than that time`);
  }

  /** The newest snapshot without anything beyond `sequence`; null where the log goes back to its start. */
  snapshotFor(sequence: number): { readonly name: string; readonly walPos: number } | null {
    let earliest = Number.POSITIVE_INFINITY;
    for (const name of fileNames.snapshotNames(this.#dir.list()).reverse()) {
      try {
        const { header, highestStamp } = verifySnapshot(this.#dir, name);
        if (highestStamp <= sequence) return { name, walPos: header.walPos };
        earliest = highestStamp;
      } catch (error) {
        // A damaged one is passed over, as recovery does.
        if (!(error instanceof StorageError) || error.code !== "corrupt-snapshot") throw error;
      }
    }
    if (this.#segments[0]?.firstSequence === 1) return null;
    const hint = Number.isFinite(earliest) ? `the earliest one is ${earliest}` : "no snapshot can be read";
    throw new DataError(`sequence ${sequence} cannot be restored from what is kept: ${hint}`);
  }

  /** From the first segment that replay after `walPos` needs, to the one with the last entry wanted, which ends there. */
  segmentsFor(walPos: number, sequence: number): { name: string; as: string; bytes: number }[] {
    const headers = this.#segments.map(({ name }) => readSegmentHeader(this.#dir, name));
    const lastIndex = Math.max(
      0,
      this.#segments.findLastIndex(({ firstSequence }) => firstSequence <= sequence),
    );
    const firstIndex = Math.min(firstNeededSegment(headers, walPos), lastIndex);
    const last = this.#segments[lastIndex]!;
    const before = this.#segments.slice(firstIndex, lastIndex).map(({ name }) => {
      return { name, as: name, bytes: this.#dir.size(name) };
    });
    return [...before, { name: last.name, as: fileNames.WAL_CURRENT, bytes: this.#endOf(last, sequence) }];
  }

  /** Where in a segment the entry with this sequence ends. */
  #endOf({ name }: Segment, sequence: number): number {
    const scan = readSegment(this.#dir, name, null, { locateAfter: sequence });
    const { validEnd, validLastSequence: last, located } = scan;
    if (last >= sequence) return located < 0 ? validEnd : Math.min(located, validEnd);
    const found = scan.hole === null ? `the log ends at ${last}` : `the log is damaged or unfinished after ${last}`;
    throw new DataError(`sequence ${sequence} cannot be restored: ${found}`);
  }
}

import type { Directory } from "./disk.js";
import { ioError, StorageError } from "./errors.js";
import type { RecoveryLog } from "./recover.js";
import type { RecoveryMode } from "./recovery-table.js";
import { type VerifiedSnapshot, verifySnapshot } from "./snapshot-reader.js";
import type { DecodedHeader } from "./wal-format.js";
import { readSegmentHeader } from "./wal-reader.js";

/** What a directory holds: the snapshot to use, and what its segments say about themselves. */
export interface Found {
  readonly snapshot: VerifiedSnapshot | null;
  /** Of all segments. */
  readonly headers: readonly DecodedHeader[];
  /** Snapshots that are damaged. */
  readonly unusable: readonly string[];
}

/**
 * Chooses the newest snapshot that is whole and reads the headers of all segments. A damaged snapshot is passed over, except in mode
 * strict; one of a newer version never is. `checked` is called with each snapshot that was read.
 */
export function survey(
  dir: Directory,
  segments: readonly string[],
  newestFirst: readonly string[],
  mode: RecoveryMode,
  log: RecoveryLog,
  checked: (name: string) => void,
): Found {
  const headers = segments.map((name) => headerOf(dir, name));
  const unusable: string[] = [];
  for (const name of newestFirst) {
    try {
      const snapshot = verifySnapshot(dir, name);
      checked(name);
      return { snapshot, headers, unusable };
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== "corrupt-snapshot" || mode === "strict") throw error;
      log("warn", `${error.message}: trying the snapshot before it`);
      unusable.push(name);
    }
  }
  return { snapshot: null, headers, unusable };
}

function headerOf(dir: Directory, name: string): DecodedHeader {
  try {
    return readSegmentHeader(dir, name);
  } catch (error) {
    throw ioError("read failed", name, error);
  }
}

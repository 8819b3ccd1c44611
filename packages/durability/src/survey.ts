import type { Directory } from "./disk.js";
import { ioError, StorageError } from "./errors.js";
import type { RecoveryLog } from "./recover.js";
import type { RecoveryMode } from "./recovery-table.js";
import type { VerifiedSnapshot } from "./snapshot-reader.js";
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
 * Reads the headers of all segments and chooses the newest snapshot that is whole. A damaged one is passed over, except in mode
 * strict; one of a newer version never is.
 * @param verify called with one after the other, until it finds one whole
 */
export async function survey(
  dir: Directory,
  segments: readonly string[],
  newestFirst: readonly string[],
  mode: RecoveryMode,
  log: RecoveryLog,
  verify: (name: string) => Promise<VerifiedSnapshot>,
): Promise<Found> {
  const headers = segments.map((name) => headerOf(dir, name));
  const unusable: string[] = [];
  for (const name of newestFirst) {
    try {
      return { snapshot: await verify(name), headers, unusable };
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

import type { Document } from "bson";
import type { Directory } from "./disk.js";
import type { RecoveryMode } from "./recovery-table.js";

/** What `recover` tells about: at level "warn" something was lost, repaired or set aside. */
export type RecoveryLog = (level: "info" | "warn", message: string) => void;

/** Where the data goes. All calls are synchronous and in order; byte ranges are valid only during the call. */
export interface RecoveryOptions {
  readonly mode: RecoveryMode;
  /** Once, before the sections, when a snapshot is used. */
  readonly onMetadata: (metadata: Document) => void;
  /** Before each section of the snapshot. `sequence` is its stamp. */
  readonly beginSection: (sectionId: number, sequence: number, entryCount: number) => void;
  /** The entries of the section: whole ones, `entryCount` of them. */
  readonly onSnapshotEntries: (
    sectionId: number,
    bytes: Uint8Array,
    off: number,
    len: number,
    entryCount: number,
  ) => void;
  /** Each log entry above WalPos, in sequence order. The receiver drops what its section's stamp already contains. */
  readonly onEntry: (
    opType: number,
    sequence: number,
    timestampMs: number,
    bytes: Uint8Array,
    off: number,
    len: number,
  ) => void;
  /** Share of the work done, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  readonly log?: RecoveryLog;
  /** Directories of at least this size are checked by several threads. Default 64 MiB. */
  readonly parallelFromBytes?: number;
  /** Clock in milliseconds, for the names of `.broken` files. Default Date.now. */
  readonly now?: () => number;
}

export interface RecoveryResult {
  /** Highest sequence recovered: the next entry gets the one after it. */
  readonly lastSequence: number;
  readonly nextSegmentNumber: number;
  readonly snapshot: { readonly name: string; readonly createdMs: number; readonly walPos: number } | null;
  readonly snapshotEntries: number;
  /** Entries given to `onEntry`. */
  readonly walEntries: number;
  readonly segments: number;
  /** skip-corrupt: entries known to be missing (by sequence numbers). */
  readonly corruptedEntries: number;
  /** torn-tail: bytes cut, a copy of which is in a `.broken` file. */
  readonly bytesCut: number;
  /** Bytes of snapshot and segments read. */
  readonly bytes: number;
  readonly durationMs: number;
}

/** Brings a directory's content back. */
export async function recover(_dir: string | Directory, _options: RecoveryOptions): Promise<RecoveryResult> {
  throw new Error("in the making");
}

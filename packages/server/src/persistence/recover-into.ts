/** From the files of a data directory into a keyspace: the one road, for a start of the server and for the tools that rehearse one. */
import {
  type Directory,
  type RecoveryLog,
  type RecoveryMode,
  type RecoveryResult,
  recover,
  StorageError,
} from "@hearthkv/durability";
import { type Keyspace, snapshotEntriesEnd, UnknownCodeError } from "@hearthkv/engine";
import { Binary, type Document } from "bson";

/** The part of a keyspace that recovery works with. */
export type RecoveredKeyspace = Pick<
  Keyspace,
  | "effects"
  | "lastFence"
  | "loadEntries"
  | "lostSources"
  | "setDefaultStamp"
  | "setPartial"
  | "setStamp"
  | "setSwapped"
  | "replay"
  | "replayAhead"
  | "endReplay"
  | "flush"
  | "hashSeed"
>;

/** A section above this size, which is one with large collections, is loaded in parts of this size, so that the event loop has its turns. */
const PART_BYTES = 8 * 1024 * 1024;

export interface RecoverIntoOptions {
  readonly mode: RecoveryMode;
  /** As for `recover`. */
  readonly onProgress?: (fraction: number, totalBytes: number) => void;
  readonly log?: RecoveryLog;
  readonly signal?: AbortSignal;
}

/**
 * Recovers `where` into an empty keyspace, whose hash seed is the directory's. Effects are off from here on, and the keyspace's clock must stand at 0, so that nothing expires: what
 * expired is in the log as deletions. Throws durability's StorageError: what `recover` throws; corrupt-manifest where the snapshot was made
 * with another hash seed; newer-format where the engine does not know an operation or a type; corrupt-snapshot and corrupt-entry where it
 * cannot read what the checksums vouch for.
 */
export async function recoverInto(
  keyspace: RecoveredKeyspace,
  where: string | Directory,
  options: RecoverIntoOptions,
): Promise<RecoveryResult> {
  keyspace.effects.enabled = false;
  let lastFence = 0;
  const result = await recover(where, {
    ...options,
    onMetadata: (metadata) => {
      requireSeed(metadata, keyspace.hashSeed);
      if (typeof metadata.lastFence === "number") lastFence = metadata.lastFence;
      takePartial(keyspace, metadata);
      takeSwapped(keyspace, metadata);
    },
    onVoid: () => {
      keyspace.flush(-1);
      keyspace.setDefaultStamp(0);
      keyspace.setSwapped([]);
      lastFence = 0;
    },
    beginSection: (id, sequence) => keyspace.setStamp(id, sequence),
    onSnapshotEntries: (id, bytes, off, len, entryCount) =>
      loadSection(keyspace, id, bytes.subarray(off, off + len), entryCount),
    onAhead: ({ count, opTypes, bytes, offs, lengths }) => keyspace.replayAhead(count, opTypes, bytes, offs, lengths),
    onEntry: (opType, sequence, _timestampMs, bytes, off, len) => {
      try {
        keyspace.replay(opType, sequence, bytes, off, len);
      } catch (error) {
        throw unreadable(error, "corrupt-entry", `the entry of operation type ${opType}`, sequence);
      }
      if (keyspace.lostSources > 0 && options.mode !== "skip-corrupt") throw lostSource(opType, sequence);
    },
  });
  keyspace.endReplay();
  if (keyspace.lostSources > 0) {
    options.log?.(
      "warn",
      `${keyspace.lostSources} RENAME, MOVE or COPY had no source: it was in entries that are damaged`,
    );
  }
  keyspace.lastFence = Math.max(keyspace.lastFence, lastFence);
  return result;
}

/** In steps of PART_BYTES. */
function* loadSection(
  keyspace: RecoveredKeyspace,
  id: number,
  bytes: Uint8Array,
  entryCount: number,
): Generator<undefined> {
  let found = 0;
  try {
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.length - at <= PART_BYTES ? bytes.length : snapshotEntriesEnd(bytes, at, PART_BYTES);
      found += keyspace.loadEntries(id, bytes, at, end - at, entryCount - found);
      at = end;
      yield;
    }
  } catch (error) {
    throw unreadable(error, "corrupt-snapshot", `section ${id} of the snapshot`, undefined);
  }
  if (found === entryCount) return;
  throw new StorageError("corrupt-snapshot", `section ${id} of the snapshot holds another number of entries`, {
    expected: `${entryCount} entries`,
    found: String(found),
  });
}

/**
 * Compares the hash seed that a snapshot remembers with the directory's: with another one its stamps would be those of other keys, and entries of
 * the log would be dropped or applied twice. Throws StorageError corrupt-manifest.
 */
export function requireSeed({ hashSeed: found }: Document, expected: Uint8Array): void {
  if (found instanceof Binary && Buffer.compare(found.value(), expected) === 0) return;
  throw new StorageError("corrupt-manifest", "the snapshot was made with another hash seed than the manifest's", {
    hint: "Restore the manifest.bson that belongs to the snapshots",
  });
}

/** Sections whose shard was copied inside of an entry: [section, mutations of it that are contained], one pair behind the other. */
/** Snapshots before format version 3 have none. */
function takeSwapped(keyspace: RecoveredKeyspace, { swapped }: Document): void {
  try {
    keyspace.setSwapped(Array.isArray(swapped) ? swapped.map(Number) : []);
  } catch (error) {
    throw unreadable(error, "corrupt-snapshot", "the metadata of the snapshot", undefined);
  }
}

function takePartial(keyspace: RecoveredKeyspace, { partial }: Document): void {
  if (!Array.isArray(partial)) return;
  for (let i = 0; i + 1 < partial.length; i += 2) keyspace.setPartial(Number(partial[i]), Number(partial[i + 1]));
}

function lostSource(opType: number, sequence: number): StorageError {
  const what = `the entry of operation type ${opType} names a key that is not there`;
  return new StorageError("corrupt-entry", what, {
    sequence,
    hint: "Restore a backup, or take what is valid with recovery mode skip-corrupt",
  });
}

/**
 * The engine throws RangeError for bytes that it cannot read although their checksum holds: a bug, or a newer version. So does V8 where memory
 * cannot be had, and that says nothing of the bytes.
 */
function unreadable(
  error: unknown,
  code: "corrupt-snapshot" | "corrupt-entry",
  what: string,
  sequence: number | undefined,
): unknown {
  if (error instanceof UnknownCodeError) {
    return new StorageError("newer-format", `${what} has an ${error.message}`, {
      sequence,
      cause: error,
      hint: "It was written by a newer version: use that one",
    });
  }
  if (!(error instanceof RangeError) || error.message.includes("allocation failed")) return error;
  return new StorageError(code, `${what} cannot be read: ${error.message}`, { sequence, cause: error });
}

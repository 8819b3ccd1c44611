/** Brings the content of a directory into a keyspace of its own, as a start of the server would. */
import {
  type Directory,
  loadOrCreateManifest,
  type RecoveryLog,
  type RecoveryMode,
  type RecoveryResult,
  recover,
  StorageError,
} from "@hearthkv/durability";
import { Keyspace } from "@hearthkv/engine";

/** What a directory holds. */
export interface Loaded {
  /** Its clock stands at 0: keys are there whether or not their time has come. */
  readonly keyspace: Keyspace;
  readonly hashSeed: Uint8Array;
  readonly result: RecoveryResult;
}

export interface LoadOptions {
  readonly onProgress?: (fraction: number) => void;
  readonly log?: RecoveryLog;
  /** In place of the manifest's, where that is lost. */
  readonly hashSeed?: Uint8Array;
}

/**
 * Recovers `dir`; through a rehearsal disk nothing is changed. Beyond what recovery checks, every section must hold as many
 * entries as it says, and every mutation must be readable. Throws StorageError.
 */
export async function loadDirectory(dir: Directory, mode: RecoveryMode, options: LoadOptions = {}): Promise<Loaded> {
  const hashSeed = options.hashSeed ?? loadOrCreateManifest(dir).hashSeed;
  const keyspace = new Keyspace({ hashSeed, random: () => 0 });
  keyspace.effects.enabled = false;
  let lastFence = 0;
  const result = await recover(dir, {
    mode,
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    ...(options.log === undefined ? {} : { log: options.log }),
    onMetadata: (metadata) => {
      if (typeof metadata.lastFence === "number") lastFence = metadata.lastFence;
    },
    beginSection: (id, sequence) => keyspace.setStamp(id, sequence),
    onSnapshotEntries: (id, bytes, off, len, entryCount) => {
      const found = readable(`section ${id} of the snapshot`, undefined, () =>
        keyspace.loadEntries(id, bytes, off, len, entryCount),
      );
      if (found !== entryCount) {
        throw new StorageError("corrupt-snapshot", `section ${id} of the snapshot holds another number of entries`, {
          expected: `${entryCount} entries`,
          found: String(found),
        });
      }
    },
    onEntry: (opType, sequence, _timestampMs, bytes, off, len) => {
      readable(`the entry of operation type ${opType}`, sequence, () =>
        keyspace.replay(opType, sequence, bytes, off, len),
      );
    },
  });
  keyspace.lastFence = Math.max(keyspace.lastFence, lastFence);
  return { keyspace, hashSeed, result };
}

/** How many keys there are in all databases. */
export function countKeys(keyspace: Keyspace): number {
  return keyspace.databases().reduce((sum, db) => sum + db.size, 0);
}

/** The engine throws RangeError for bytes that it cannot read although their checksum holds: a bug, or a newer version. */
function readable<T>(what: string, sequence: number | undefined, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StorageError("corrupt-entry", `${what} cannot be read: ${error.message}`, { sequence, cause: error });
  }
}

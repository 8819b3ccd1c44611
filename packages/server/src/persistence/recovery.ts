/** Brings the content of a data directory into an empty keyspace. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { recover, StorageError } from "@hearthkv/durability";
import { Binary } from "bson";
import type { DataDirectory } from "./data-directory.js";
import type { PersistedKeyspace, PersistenceLogger, RecoveryMode } from "./persistence.js";

const PROGRESS_EVERY_MS = 1000;

/** What was found. */
export interface RecoveredState {
  readonly lastSequence: number;
  /** Below lastSequence when an fdatasync had failed before the stop: up to here everything is durable. */
  readonly syncedSequence: number;
  readonly nextSegmentNumber: number;
  /** Everything up to here was in the snapshot; 0 where there was none. */
  readonly snapshotSequence: number;
  readonly snapshotBytes: number;
  /** Of the segments that were read. */
  readonly logBytes: number;
  readonly snapshotEntries: number;
  readonly walEntries: number;
  readonly corruptedEntries: number;
  readonly bytesCut: number;
  readonly durationMs: number;
}

/**
 * Effects are off meanwhile, and the keyspace's clock stands at 0, so that nothing expires: what expired is in the log as deletions.
 * Throws durability's StorageError when the directory is damaged beyond what `mode` forgives.
 */
export async function recoverInto(
  keyspace: PersistedKeyspace,
  directory: Pick<DataDirectory, "path" | "hashSeed">,
  mode: RecoveryMode,
  logger: PersistenceLogger,
): Promise<RecoveredState> {
  const { path, hashSeed } = directory;
  keyspace.effects.enabled = false;
  let highestFence = 0;
  let told = performance.now();
  const result = await recover(path, {
    mode,
    onMetadata: (metadata) => {
      requireSeed(metadata.hashSeed, hashSeed);
      if (typeof metadata.lastFence === "number") highestFence = metadata.lastFence;
    },
    onVoid: () => {
      keyspace.flush(-1);
      keyspace.setDefaultStamp(0);
      highestFence = 0;
    },
    beginSection: (sectionId, sequence) => keyspace.setStamp(sectionId, sequence),
    onSnapshotEntries: (sectionId, bytes, off, len, entryCount) => {
      keyspace.loadEntries(sectionId, bytes, off, len, entryCount);
    },
    onEntry: (opType, sequence, _timestampMs, bytes, off, len) => keyspace.replay(opType, sequence, bytes, off, len),
    onProgress: (fraction) => {
      const nowMs = performance.now();
      if (nowMs - told < PROGRESS_EVERY_MS) return;
      told = nowMs;
      logger.info({ fraction }, `loading: ${Math.floor(fraction * 100)} %`);
    },
    log: (level, message) => logger[level]({}, message),
  });
  keyspace.lastFence = Math.max(keyspace.lastFence, highestFence);
  const snapshotBytes = result.snapshot === null ? 0 : statSync(join(path, result.snapshot.name)).size;
  logger.info({ ...result }, summary(result.snapshotEntries, result.walEntries, result.durationMs));
  return {
    lastSequence: result.lastSequence,
    syncedSequence: result.syncedSequence,
    nextSegmentNumber: result.nextSegmentNumber,
    snapshotSequence: result.snapshot?.walPos ?? 0,
    snapshotBytes,
    logBytes: result.bytes - snapshotBytes,
    snapshotEntries: result.snapshotEntries,
    walEntries: result.walEntries,
    corruptedEntries: result.corruptedEntries,
    bytesCut: result.bytesCut,
    durationMs: result.durationMs,
  };
}

/** With another seed the snapshot's stamps would be those of other keys, and entries of the log would be dropped or applied twice. */
function requireSeed(found: unknown, expected: Uint8Array): void {
  if (found instanceof Binary && Buffer.compare(found.value(), expected) === 0) return;
  throw new StorageError("corrupt-manifest", "the snapshot was made with another hash seed than the manifest's", {
    hint: "Restore the manifest.bson that belongs to the snapshots",
  });
}

function summary(snapshotEntries: number, walEntries: number, durationMs: number): string {
  return `recovered ${snapshotEntries} entries from the snapshot and ${walEntries} from the log in ${Math.round(durationMs)} ms`;
}

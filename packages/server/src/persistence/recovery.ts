/** Recovery at the start of a server: tells how far it is, and what the log needs to go on. */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { RecoveryOptions } from "@hearthkv/durability";
import type { DataDirectory } from "./data-directory.js";
import type { PersistenceLogger, RecoveryMode } from "./persistence.js";
import { type RecoveredKeyspace, recoverInto } from "./recover-into.js";

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

/** Brings the directory's content into the keyspace, as {@link recoverInto} does, and logs its progress. Throws as that does. */
export async function recoverDirectory(
  keyspace: RecoveredKeyspace,
  directory: Pick<DataDirectory, "path" | "disk" | "lock">,
  mode: RecoveryMode,
  logger: PersistenceLogger,
  { onProgress, ...options }: Pick<RecoveryOptions, "signal" | "onProgress">,
): Promise<RecoveredState> {
  const { path, disk, lock } = directory;
  let told = performance.now();
  const result = await recoverInto(keyspace, disk, {
    mode,
    ...options,
    onProgress: (fraction, totalBytes) => {
      onProgress?.(fraction, totalBytes);
      lock.keepAlive();
      const nowMs = performance.now();
      if (nowMs - told < PROGRESS_EVERY_MS) return;
      told = nowMs;
      logger.info({ fraction }, `loading: ${Math.floor(fraction * 100)} %`);
    },
    log: (level, message) => logger[level]({}, message),
  });
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

function summary(snapshotEntries: number, walEntries: number, durationMs: number): string {
  return `recovered ${snapshotEntries} entries from the snapshot and ${walEntries} from the log in ${Math.round(durationMs)} ms`;
}

import type { DataDirectory } from "./data-directory.js";
import { LogPersistence } from "./log-persistence.js";
import type { PersistedKeyspace, PersistenceLogger, PersistenceOptions } from "./persistence.js";
import { type RecoveredState, recoverDirectory } from "./recovery.js";
import * as slot from "./slots.js";
import { noteOwned } from "./worker-disk.js";
import { WorkerHandle } from "./worker-handle.js";

const RING_BYTES_DEFAULT = 16 * 1024 * 1024;
const RING_BYTES_MIN = 4096;
const RING_BYTES_MAX = 2 ** 30;
const WAL_MAX_BYTES_DEFAULT = 2 ** 30;
/** Segment lengths cross the thread in 32 bits, and a segment may exceed its size by an entry. */
const WAL_MAX_BYTES_MAX = 2 ** 31;
const WAL_MAX_BYTES_MIN = 4096;
const FSYNC_INTERVAL_MS_DEFAULT = 100;
const SNAPSHOT_KEEP_DEFAULT = 3;

/**
 * Recovers the directory into `keyspace` (made with its hash seed, and empty), starts the worker and turns effects on. When it rejects
 * (with durability's StorageError: recovery refused, or no segment could be begun) the directory is released.
 */
export async function openPersistence(
  directory: DataDirectory,
  options: PersistenceOptions,
  keyspace: PersistedKeyspace,
  logger: PersistenceLogger,
): Promise<LogPersistence> {
  try {
    return await open(directory, options, keyspace, logger);
  } catch (error) {
    directory.release();
    throw error;
  }
}

async function open(
  directory: DataDirectory,
  options: PersistenceOptions,
  keyspace: PersistedKeyspace,
  logger: PersistenceLogger,
): Promise<LogPersistence> {
  const ringBytes = checkedRingBytes(options.ringBytes ?? RING_BYTES_DEFAULT);
  const walMaxBytes = clamp(options.walMaxBytes ?? WAL_MAX_BYTES_DEFAULT, WAL_MAX_BYTES_MIN, WAL_MAX_BYTES_MAX);
  for (const warning of directory.warnings) logger.warn({}, warning);
  const recovered = await recoverDirectory(keyspace, directory, options.recovery ?? "torn-tail", logger);
  const ring = new SharedArrayBuffer(ringBytes);
  const control = new Int32Array(new SharedArrayBuffer(slot.CONTROL_SLOTS * 4));
  fillControl(control, options, recovered);
  directory.lock.onBeat = () => noteOwned(control);
  noteOwned(control);
  const worker = new WorkerHandle({
    control: control.buffer as SharedArrayBuffer,
    ring,
    directory: directory.path,
    lock: directory.lock.record,
    generation: directory.generation,
    lastSequence: recovered.lastSequence,
    syncedSequence: recovered.syncedSequence,
    segmentNumber: recovered.nextSegmentNumber,
    walMaxBytes,
    snapshotKeep: Math.max(1, options.snapshotKeep ?? SNAPSHOT_KEEP_DEFAULT),
  });
  try {
    await worker.ready();
    // It may have been lost while the data was loaded.
    if (!directory.lock.isHeld()) throw directory.lock.lost;
  } catch (error) {
    await worker.end();
    throw error;
  }
  return new LogPersistence({ directory, options, keyspace, logger, recovered, control, ring, walMaxBytes, worker });
}

/** Before the worker runs: it finds everything that was recovered published and written. */
function fillControl(control: Int32Array, options: PersistenceOptions, recovered: RecoveredState): void {
  const { lastSequence: sequence, syncedSequence } = recovered;
  const position = options.ringStartPosition ?? 0;
  control[slot.HEAD] = position;
  control[slot.TAIL] = position;
  control[slot.WRAP_AT] = position;
  control[slot.HEAD_SEQUENCE_BEFORE] = sequence;
  control[slot.HEAD_SEQUENCE_AFTER] = sequence;
  control[slot.WRITTEN_SEQUENCE] = sequence;
  control[slot.SYNCED_SEQUENCE] = syncedSequence;
  control[slot.FSYNC_INTERVAL_MS] = Math.max(1, options.fsyncIntervalMs ?? FSYNC_INTERVAL_MS_DEFAULT);
  control[slot.ACK_LEVEL] = slot.ACK_LEVELS.indexOf(options.ackLevel ?? "written");
}

function checkedRingBytes(bytes: number): number {
  const powerOfTwo = Number.isInteger(Math.log2(bytes));
  if (powerOfTwo && bytes >= RING_BYTES_MIN && bytes <= RING_BYTES_MAX) return bytes;
  throw new RangeError(`ringBytes must be a power of two from ${RING_BYTES_MIN} to ${RING_BYTES_MAX}, not ${bytes}`);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

import { LogPersistence } from "./log-persistence.js";
import type { PersistedKeyspace, PersistenceLogger, PersistenceOptions } from "./persistence.js";
import * as slot from "./slots.js";

const RING_BYTES_DEFAULT = 16 * 1024 * 1024;
const RING_BYTES_MIN = 4096;
const RING_BYTES_MAX = 2 ** 30;
const WAL_MAX_BYTES_DEFAULT = 2 ** 30;
/** Segment lengths cross the thread in 32 bits, and a segment may exceed its size by an entry. */
const WAL_MAX_BYTES_MAX = 2 ** 31;
const WAL_MAX_BYTES_MIN = 4096;
const FSYNC_INTERVAL_MS_DEFAULT = 100;

/** The log of the directory at `path` for `keyspace`, which is empty. load() opens the directory and brings the data. */
export function openPersistence(
  path: string,
  options: PersistenceOptions,
  keyspace: PersistedKeyspace,
  logger: PersistenceLogger,
): LogPersistence {
  const ring = new SharedArrayBuffer(checkedRingBytes(options.ringBytes ?? RING_BYTES_DEFAULT));
  const control = new Int32Array(new SharedArrayBuffer(slot.CONTROL_SLOTS * 4));
  control[slot.FSYNC_INTERVAL_MS] = Math.max(1, options.fsyncIntervalMs ?? FSYNC_INTERVAL_MS_DEFAULT);
  const walMaxBytes = clamp(options.walMaxBytes ?? WAL_MAX_BYTES_DEFAULT, WAL_MAX_BYTES_MIN, WAL_MAX_BYTES_MAX);
  return new LogPersistence({ path, options, keyspace, logger, control, ring, walMaxBytes });
}

function checkedRingBytes(bytes: number): number {
  const powerOfTwo = Number.isInteger(Math.log2(bytes));
  if (powerOfTwo && bytes >= RING_BYTES_MIN && bytes <= RING_BYTES_MAX) return bytes;
  throw new RangeError(`ringBytes must be a power of two from ${RING_BYTES_MIN} to ${RING_BYTES_MAX}, not ${bytes}`);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

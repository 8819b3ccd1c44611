/** The data directory as the worker changes it: only while this process holds its lock. */
import {
  type Directory,
  namesRecord,
  ownedDisk,
  realDisk,
  SILENCE_ALLOWED_MS,
  StorageError,
} from "@hearthkv/durability";
import * as slot from "./slots.js";

/**
 * Main gives the lock's signs of life, and stores when it last did. When that is long ago, because the process was stopped or main is busy, the
 * worker looks at LOCK itself before each change.
 */
export function workerDisk(start: slot.WorkerStart, post: (message: slot.FromWorker) => void): Directory {
  const control = new Int32Array(start.control);
  return ownedDisk(realDisk(start.directory), () => {
    if (Atomics.load(control, slot.LOST) === 0) {
      if (silenceMs(control) <= SILENCE_ALLOWED_MS || namesRecord(start.lock)) return;
      Atomics.store(control, slot.LOST, 1);
      post({ type: "lockLost" });
    }
    throw new StorageError("lock-lost", "another process took the lock of the data directory");
  });
}

/** Stores that the lock has just given a sign of life. For main. */
export function noteOwned(control: Int32Array): void {
  Atomics.store(control, slot.OWNED_AT_MS, monotonicMs() | 0);
  Atomics.store(control, slot.OWNED_AT_CLOCK_MS, Date.now() | 0);
}

function silenceMs(control: Int32Array): number {
  const byMonotonic = (monotonicMs() - Atomics.load(control, slot.OWNED_AT_MS)) | 0;
  const byClock = (Date.now() - Atomics.load(control, slot.OWNED_AT_CLOCK_MS)) | 0;
  return Math.max(byMonotonic, byClock);
}

/** The same in every thread. */
function monotonicMs(): number {
  return performance.timeOrigin + performance.now();
}

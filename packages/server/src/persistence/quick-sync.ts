/**
 * The serving thread's own fdatasync, and when it makes one.
 *
 * A thread that serves does not wait for a disk: that is what the worker is for. One case is left out of this rule, on purpose. With ack level "synced" no
 * reply leaves before the fdatasync that covers the last entry of its turn, a reader's neither; where that call is quick, handing it to
 * another thread and hearing of its end takes longer than the call. So, at the end of a turn, when all that was committed has been written, this
 * thread makes it itself, where
 *   - the ack level is "synced" (the channel asks only then);
 *   - what this turn wrote is small, and the usual fdatasync, whoever made it, is quick (fsync-time.ts): the first one is the worker's;
 *   - no slow one of its own was a short while ago. A slow one hands over to the worker for twenty times as long as it took, so that this thread
 *     stands still in slow calls for a twentieth of its time at most;
 *   - the file is not being synced by the worker, which also does so before it ends a segment;
 *   - no failed fdatasync has to be mended first.
 *
 * What keeps it right is DRAIN_LOCK, held from the write to the end of the call: so there are never two fdatasyncs of the file at once, the kernel tells of a
 * failure to the one that is under way, and the segment does not change. What was written before is covered, and SYNCED_SEQUENCE says so before
 * the lock is free. The worker learns of it by that slot: it looks now and then as long as it owes a proof, and what waits for it waits on.
 *
 * A failure is the worker's to deal with, as if the call had been its own (worker-log.ts): SYNC_ERRNO tells it, and from then on nobody touches the file.
 */
import { fdatasyncSync } from "node:fs";
import { constants } from "node:os";
import { fsyncsAreQuick, noteFsync } from "./fsync-time.js";
import * as slot from "./slots.js";

/** More than this at once takes longer than what was seen before. */
const WRITTEN_BYTES_MAX = 256 * 1024;
/** What takes longer is slow, whatever the reason. */
const SLOW_MS = 10;
/** A slow call hands over for so many times its own time. */
const HAND_OVER_TIMES = 20;

export class QuickSync {
  readonly #control: Int32Array;
  readonly #now: () => number;
  #handOverUntilMs = 0;

  /** `now`: milliseconds of a monotonic clock. */
  constructor(control: Int32Array, now: () => number = () => performance.now()) {
    this.#control = control;
    this.#now = now;
  }

  /**
   * Makes everything up to `sequence` durable if that is quick: all of it, the last `bytes` of it just now, is written to the segment. With the lock, held
   * since before that write.
   */
  run(sequence: number, bytes: number): void {
    const beganMs = this.#now();
    if (bytes > WRITTEN_BYTES_MAX || beganMs < this.#handOverUntilMs || !this.#mayRun()) return;
    const control = this.#control;
    try {
      fdatasyncSync(Atomics.load(control, slot.SEGMENT_FD));
    } catch (error) {
      Atomics.store(control, slot.SYNC_ERRNO, (error as NodeJS.ErrnoException).errno ?? -constants.errno.EIO);
      return;
    }
    const tookMs = this.#now() - beganMs;
    noteFsync(control, tookMs);
    Atomics.store(control, slot.SYNCED_SEQUENCE, sequence | 0);
    if (tookMs > SLOW_MS) this.#handOverUntilMs = beganMs + tookMs * (1 + HAND_OVER_TIMES);
  }

  #mayRun(): boolean {
    const control = this.#control;
    return (
      fsyncsAreQuick(control, false) &&
      // In this order: one of the worker's that fails says so before it ends.
      Atomics.load(control, slot.FSYNC_IN_FLIGHT) === 0 &&
      Atomics.load(control, slot.FAILED) === 0 &&
      Atomics.load(control, slot.MENDS) === 0
    );
  }
}

/**
 * Tells a worker that hangs from one that is inside a slow call, by what it leaves in the control array: nobody waits for the first, and a slow
 * disk is no reason to refuse writes, it only slows them down.
 */
import * as slot from "./slots.js";

/** Time between two looks; four of them are less than a second. */
export const LOOK_MS = 200;
/** The worker hangs when nothing of it moved over so many looks in a row. */
const LOOKS_MAX = 4;
/** The same while it is inside a call that may be slow: 30 s. */
const LOOKS_IN_LONG_CALL_MAX = 150;

export class HangWatch {
  readonly #control: Int32Array;
  #beat = 0;
  #inLongCall = false;
  #looksWithoutMove = 0;
  #syncs = 0;
  #looksInSync = 0;

  constructor(control: Int32Array) {
    this.#control = control;
  }

  /** To be called every LOOK_MS: what stands still, in words; null = nothing does. */
  standsStill(): string | null {
    if (this.#loopStands()) return "the persistence worker does not answer";
    return this.#syncStands() ? "an fdatasync of the log does not return" : null;
  }

  #loopStands(): boolean {
    const beat = Atomics.load(this.#control, slot.HEARTBEAT);
    const inLongCall = Atomics.load(this.#control, slot.IN_LONG_CALL) > 0;
    // The end of a long call is a move too: looks during the call say nothing of a worker that has not got round to its next beat.
    const moved = beat !== this.#beat || inLongCall !== this.#inLongCall;
    this.#looksWithoutMove = moved ? 0 : this.#looksWithoutMove + 1;
    this.#beat = beat;
    this.#inLongCall = inLongCall;
    return this.#looksWithoutMove >= (inLongCall ? LOOKS_IN_LONG_CALL_MAX : LOOKS_MAX);
  }

  /** An fdatasync in another thread lets the loop go on: only who waits for it (level "synced") sees that it has no end. */
  #syncStands(): boolean {
    const control = this.#control;
    const syncs = Atomics.load(control, slot.FSYNCS);
    const waits =
      Atomics.load(control, slot.FSYNC_IN_FLIGHT) === 1 && Atomics.load(control, slot.ACK_LEVEL) === slot.ACK_SYNCED;
    this.#looksInSync = waits && syncs === this.#syncs ? this.#looksInSync + 1 : 0;
    this.#syncs = syncs;
    return this.#looksInSync >= LOOKS_IN_LONG_CALL_MAX;
  }
}

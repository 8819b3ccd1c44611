/** Tells a worker that hangs from one that is inside a slow call, by what it leaves in the control array. */
import * as slot from "./slots.js";

/** Time between two looks; four of them are less than a second. */
export const LOOK_MS = 200;
/** The worker hangs when nothing of it moved over so many looks in a row. */
const LOOKS_MAX = 4;
/** The same while it is inside a call that may be slow: a slow disk is no reason to refuse writes, it only slows them down. */
const LOOKS_IN_LONG_CALL_MAX = 150;

export class HangWatch {
  readonly #control: Int32Array;
  #beat = 0;
  #inLongCall = false;
  #looksWithoutMove = 0;

  constructor(control: Int32Array) {
    this.#control = control;
  }

  /** To be called every LOOK_MS: whether the worker's loop stands still. */
  hangs(): boolean {
    const beat = Atomics.load(this.#control, slot.HEARTBEAT);
    const inLongCall = Atomics.load(this.#control, slot.IN_LONG_CALL) > 0;
    // The end of a long call is a move too: looks during the call say nothing of a worker that has not got round to its next beat.
    const moved = beat !== this.#beat || inLongCall !== this.#inLongCall;
    this.#looksWithoutMove = moved ? 0 : this.#looksWithoutMove + 1;
    this.#beat = beat;
    this.#inLongCall = inLongCall;
    return this.#looksWithoutMove >= (inLongCall ? LOOKS_IN_LONG_CALL_MAX : LOOKS_MAX);
  }
}

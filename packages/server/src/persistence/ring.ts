/** Which bytes of the ring come next for the file: the same arithmetic for both threads. */
import { OVERSIZE_AT, OVERSIZE_PENDING, WRAP_AT } from "./slots.js";

/** A contiguous range of whole entries, ready to be written. Reused by its owner. */
export class DrainRange {
  offset = 0;
  bytes = 0;
  /** Position of TAIL when the range was written. */
  next = 0;
}

/**
 * Computes the range behind `tail`, up to `head` (as published), the end of tail's lap, or the place of an oversize entry. It may be
 * empty (bytes = 0) with another `next`: then the tail only steps into the next lap. Returns false when there is nothing, or the
 * oversize entry is what comes next.
 */
export function nextRange(
  control: Int32Array,
  ringBytes: number,
  tail: number,
  head: number,
  range: DrainRange,
): boolean {
  let ready = (head - tail) >>> 0;
  if (Atomics.load(control, OVERSIZE_PENDING) === 1) {
    const before = (Atomics.load(control, OVERSIZE_AT) - tail) >>> 0;
    if (before < ready) ready = before;
  }
  if (ready === 0) return false;
  const offset = tail & (ringBytes - 1);
  const lapLeft = ringBytes - offset;
  range.offset = offset;
  if (ready >= lapLeft) {
    range.bytes = (Atomics.load(control, WRAP_AT) - tail) >>> 0;
    range.next = (tail + lapLeft) | 0;
  } else {
    range.bytes = ready;
    range.next = (tail + ready) | 0;
  }
  return true;
}

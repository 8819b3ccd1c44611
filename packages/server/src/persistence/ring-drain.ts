/**
 * Reads the ring for the worker, entry by entry whole.
 *
 * A short or failed write leaves TAIL at the edge of the last whole entry and TAIL_PARTIAL at what the file has beyond it; the rest
 * is tried again from that byte, so that no torn entry ever stands before a good one.
 */
import { StorageError } from "@hearthkv/durability";
import { DrainRange, nextRange } from "./ring.js";
import * as slot from "./slots.js";

/** Where the bytes go. */
export interface DrainTarget {
  /** How many of these bytes (whole entries) may be written now; 0 = none, look again later. May begin a new segment. */
  room(bytes: Uint8Array, offset: number, length: number): number;
  /** Writes all of them; throws StorageError with `bytesWritten` otherwise. */
  write(bytes: Uint8Array, offset: number, length: number): void;
}

export class RingDrain {
  /** Sequence of the last published entry, as of the last look. */
  published: number;
  readonly #control: Int32Array;
  readonly #ring: Buffer;
  readonly #range = new DrainRange();
  #head = 0;
  #written: number;
  #oversize: Uint8Array | null = null;
  #oversizeDone = 0;

  constructor(control: Int32Array, ring: SharedArrayBuffer, lastSequence: number) {
    this.#control = control;
    this.#ring = Buffer.from(ring);
    this.published = lastSequence;
    this.#written = lastSequence;
  }

  get ringBytes(): number {
    return this.#ring.length;
  }

  /** Highest sequence up to which everything is whole in the file. */
  get written(): number {
    this.#written += (Atomics.load(this.#control, slot.WRITTEN_SEQUENCE) - this.#written) >>> 0;
    return this.#written;
  }

  /** Everything that main published is in the file. */
  get drained(): boolean {
    this.#look();
    return Atomics.load(this.#control, slot.TAIL) === this.#head && this.written === this.published;
  }

  /** What comes next is an entry whose message has not arrived. */
  get waitsForOversize(): boolean {
    return this.#oversize === null && this.#oversizeIsNext(Atomics.load(this.#control, slot.TAIL));
  }

  /** The entry whose place is OVERSIZE_AT. */
  takeOversize(bytes: Uint8Array): void {
    this.#oversize = bytes;
    this.#oversizeDone = 0;
  }

  /**
   * Writes all that was published when it was called: what comes meanwhile would keep it from ending. With the lock. False: it has to wait
   * for an oversize entry, or the target has no room.
   */
  drainInto(target: DrainTarget): boolean {
    const control = this.#control;
    const range = this.#range;
    this.#look();
    for (;;) {
      const tail = Atomics.load(control, slot.TAIL);
      if (this.#oversizeIsNext(tail)) {
        if (this.#oversize === null || !this.#drainOversize(target, this.#oversize)) return false;
      } else if (nextRange(control, this.#ring.length, tail, this.#head, range)) {
        if (range.bytes > 0 && !this.#drainRange(target, tail)) return false;
        Atomics.store(control, slot.TAIL, range.next);
      } else {
        Atomics.store(control, slot.WRITTEN_SEQUENCE, this.published | 0);
        return true;
      }
    }
  }

  /** Bytes behind TAIL that the file has already: part of an entry, or some entries and part of one. */
  get tornBytes(): number {
    return Atomics.load(this.#control, slot.TAIL_PARTIAL) + this.#oversizeDone;
  }

  /** They were cut off again. With the lock. */
  forgetTorn(): void {
    Atomics.store(this.#control, slot.TAIL_PARTIAL, 0);
    this.#oversizeDone = 0;
  }

  /** Sequence of the first entry behind TAIL; null while that entry's message has not arrived. With the lock. */
  nextSequence(): number | null {
    const control = this.#control;
    const range = this.#range;
    for (;;) {
      this.#look();
      const tail = Atomics.load(control, slot.TAIL);
      if (this.#oversizeIsNext(tail)) {
        return this.#oversize === null ? null : this.sequenceAt(this.#oversize, 0);
      }
      if (!nextRange(control, this.#ring.length, tail, this.#head, range)) return this.published + 1;
      if (range.bytes > 0) return this.sequenceAt(this.#ring, range.offset);
      Atomics.store(control, slot.TAIL, range.next);
    }
  }

  /** The sequence of an entry that is not in the file yet. */
  sequenceAt(bytes: Uint8Array, at: number): number {
    const lowest = this.written + 1;
    return lowest + ((readU32(bytes, at + 4) - lowest) >>> 0);
  }

  /** Reads HEAD and the sequence that belongs to it. */
  #look(): void {
    const control = this.#control;
    for (;;) {
      const after = Atomics.load(control, slot.HEAD_SEQUENCE_AFTER);
      const head = Atomics.load(control, slot.HEAD);
      if (Atomics.load(control, slot.HEAD_SEQUENCE_BEFORE) !== after) continue;
      this.#head = head;
      this.published += (after - this.published) >>> 0;
      return;
    }
  }

  #oversizeIsNext(tail: number): boolean {
    const control = this.#control;
    return Atomics.load(control, slot.OVERSIZE_PENDING) === 1 && Atomics.load(control, slot.OVERSIZE_AT) === tail;
  }

  #drainRange(target: DrainTarget, tail: number): boolean {
    const control = this.#control;
    const range = this.#range;
    const partial = Atomics.load(control, slot.TAIL_PARTIAL);
    if (partial === 0) {
      const room = target.room(this.#ring, range.offset, range.bytes);
      if (room === 0) return false;
      if (room < range.bytes) {
        range.bytes = room;
        range.next = (tail + room) | 0;
      }
    }
    try {
      target.write(this.#ring, range.offset + partial, range.bytes - partial);
      Atomics.store(control, slot.TAIL_PARTIAL, 0);
      return true;
    } catch (error) {
      Atomics.store(control, slot.TAIL_PARTIAL, partial + bytesWritten(error));
      throw error;
    }
  }

  #drainOversize(target: DrainTarget, bytes: Uint8Array): boolean {
    const done = this.#oversizeDone;
    if (done === 0 && target.room(bytes, 0, bytes.length) === 0) return false;
    try {
      target.write(bytes, done, bytes.length - done);
    } catch (error) {
      this.#oversizeDone = done + bytesWritten(error);
      throw error;
    }
    this.#oversize = null;
    this.#oversizeDone = 0;
    Atomics.store(this.#control, slot.OVERSIZE_PENDING, 0);
    return true;
  }
}

/** Length of the entry at `at`. */
export function entryBytes(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at);
}

/** Length of the longest run of whole entries at the start of `bytes[offset, offset + length)` that is not above `room`. */
export function wholeEntries(bytes: Uint8Array, offset: number, length: number, room: number): number {
  if (length <= room) return length;
  let end = 0;
  for (;;) {
    const next = end + entryBytes(bytes, offset + end);
    if (next > room) return end;
    end = next;
  }
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function bytesWritten(error: unknown): number {
  return error instanceof StorageError ? (error.bytesWritten ?? 0) : 0;
}

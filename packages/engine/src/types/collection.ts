import type { Memory } from "../memory.js";
import type { ByteSink } from "./byte-sink.js";

/** What a collection costs besides its elements: the block of its state. Its objects, while it is open, are not counted; few are open. */
export const STATE_BYTES = 128;
/** What holds more does not rest: its state has 32 bits for each number of bytes. */
export const REST_BYTES_MAX = 1 << 30;

/** Is given an element: a byte range that is valid during the call. */
export type ByteVisitor = (buf: Uint8Array, off: number, len: number) => void;

/** A collection as it was at some moment. */
export interface FrozenCollection {
  /**
   * Appends elements from `cursor` (0 at the start) as they lie in memory, about `maxBytes` of them, at least one; returns the next cursor, or -1
   * after the last element. diskEntries() (snapshot.ts) makes slices of them.
   */
  encodeEntries(cursor: number, out: ByteSink, maxBytes: number): number;
}

/**
 * What the shard needs to know of a value that is not a string and does not lie in its record. Elements are bytes outside the JavaScript heap.
 */
export interface Collection {
  /** One of the TYPE_* codes. */
  readonly type: number;
  /** Number of elements. A key whose collection is empty is deleted by its owner. */
  readonly size: number;
  /** Estimate of the memory held, in bytes. Kept up to date by every change, never recounted. */
  readonly bytes: number;
  /** Reference of the record that owns this value. Written and read by the shard only. */
  ref: number;
  /** No capture of a shard up to this number needs the value any more, or it has frozen it. Written and read by the shard only. */
  snapshotEpoch: number;
  /**
   * Writes elements from `cursor` (0 at the start) until about `maxBytes` are written, at least one; returns the next
   * cursor, or -1 after the last element. A slice is `count:u32` and then `count` elements. The value must not change
   * between the slices of one encoding.
   */
  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number;
  /**
   * Adds the elements of one slice. All slices in their order, given to an empty value, rebuild the encoded one.
   * @throws RangeError when the slice ends before its count says so
   */
  decodeInto(bytes: Uint8Array, off: number, len: number): void;
  /** Takes the elements of another value of the same type, as they lie in its memory. This one is empty; where it throws it is to be freed. */
  copyFrom(source: Collection): void;
  /**
   * The elements as they are now, to be read while the collection goes on changing; `thaw` ends that. They share their memory: what a change
   * would destroy is kept first, a bounded part at a time. Only one at a time.
   */
  freeze(): FrozenCollection;
  /** What `freeze` gave is not used any more. */
  thaw(): void;
  /** Gives back what would wait for the garbage collector. The value is not used any more. */
  free(): void;
}

/**
 * A collection that need be no object while nobody uses it: then its state lies in the memory, too, and leads to its elements (open-values.ts). What it
 * is charged with, as `bytes`, is the same either way.
 */
export interface Resting {
  /** Where its elements lie. */
  readonly memory: Memory;
  /** Words that rest() writes; 0 while it cannot rest: a frozen copy reads it, or it is large. */
  readonly restWords: number;
  /** Writes its state to m[w] and behind. This object is then to be used only for another wake(). */
  rest(m: Int32Array, w: number): void;
  /** Becomes the collection that rested there: one of the same type and memory. */
  wake(m: Int32Array, w: number): void;
}

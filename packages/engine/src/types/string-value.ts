import { copyBytes } from "../copy-bytes.js";
import { CHUNK_BYTES, type Memory } from "../memory.js";
import { STRING_BYTES_MAX } from "../record.js";
import type { ByteSink } from "./byte-sink.js";
import type { Collection, FrozenCollection } from "./collection.js";
import { TYPE_STRING } from "./type-codes.js";

/** The objects of a string, about. */
const OBJECT_BYTES = 300;
/** A new one has room for so much more, as a shift: memory that nobody touches is not resident, and the first APPEND copies nothing. */
const SPARE_SHIFT = 2;

/**
 * A string of more than CHUNK_BYTES, in a block of its own: so it changes hands by its handle, and a snapshot takes it a piece at a time. Smaller
 * ones lie in their records. Slices are its bytes.
 */
export class StringValue implements Collection {
  readonly type = TYPE_STRING;
  ref = 0;
  snapshotEpoch = 0;
  /** Bytes of the string. */
  size = 0;
  /** It, and room behind it: a view of its block. */
  buf: Uint8Array<ArrayBuffer>;
  /** Address of the block, 0 = none. */
  #block = 0;
  readonly #memory: Memory;
  #frozen: FrozenString | null = null;

  /** An empty one with room for `bytes` and some more. */
  constructor(memory: Memory, bytes: number) {
    this.#memory = memory;
    const room = Math.max(CHUNK_BYTES + 1, bytes + (bytes >>> SPARE_SHIFT));
    this.#block = memory.take(Math.max(bytes, Math.min(STRING_BYTES_MAX, room)));
    this.buf = memory.view(this.#block);
  }

  /** What is behind its end is not counted: nobody has touched it. */
  get bytes(): number {
    return OBJECT_BYTES + this.size;
  }

  /** Makes it hold these bytes; false when its block is not of a size for them. */
  assign(buf: Uint8Array, off: number, len: number): boolean {
    if (!this.renew(len)) return false;
    copyBytes(buf, off, this.buf, 0, len);
    return true;
  }

  /** Gives it a length, and bytes that may be any: they are to be written at once. False when its block is not of a size for them. */
  renew(len: number): boolean {
    if (len <= CHUNK_BYTES || len > this.buf.length || len < this.buf.length >>> 1) return false;
    if (this.#frozen !== null) {
      const fresh = this.#memory.take(this.buf.length);
      this.#leave();
      this.#block = fresh;
      this.buf = this.#memory.view(fresh);
    }
    this.size = len;
    return true;
  }

  /** Writes at an offset, behind the end, too: the gap is filled with zero bytes. Where there is no memory, nothing has changed. */
  write(at: number, buf: Uint8Array, off: number, len: number): void {
    const { size } = this;
    const end = at + len;
    if (end > this.buf.length) this.#grow(end);
    else this.#frozen?.keep(at, end);
    if (at > size) this.buf.fill(0, size, at);
    copyBytes(buf, off, this.buf, at, len);
    if (end > size) this.size = end;
  }

  copyFrom(source: StringValue): void {
    this.write(0, source.buf, 0, source.size);
  }

  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    const len = Math.min(maxBytes, this.size - cursor);
    out.raw(this.buf, cursor, len);
    return cursor + len < this.size ? cursor + len : -1;
  }

  decodeInto(bytes: Uint8Array, off: number, len: number): void {
    this.write(this.size, bytes, off, len);
  }

  freeze(): FrozenCollection {
    this.#frozen = new FrozenString(this.buf, this.size, this.#memory, this.#block);
    return this.#frozen;
  }

  thaw(): void {
    this.#frozen?.close();
    this.#frozen = null;
  }

  free(): void {
    this.#leave();
    this.size = 0;
  }

  /** Doubled: a string that is loaded piece by piece is copied once altogether. */
  #grow(end: number): void {
    const room = Math.max(end + (end >>> SPARE_SHIFT), 2 * this.buf.length);
    const larger = this.#memory.take(Math.max(end, Math.min(STRING_BYTES_MAX, room)));
    const bytes = this.#memory.view(larger);
    copyBytes(this.buf, 0, bytes, 0, this.size);
    this.#leave();
    this.#block = larger;
    this.buf = bytes;
  }

  /** Gives the block up, to who still reads it. */
  #leave(): void {
    if (this.#frozen === null || !this.#frozen.take()) this.#memory.give(this.#block);
    this.#block = 0;
    this.buf = NO_BYTES;
  }
}

const NO_BYTES = new Uint8Array(0);

/** The bytes of a string as they were. They are in its block as long as it has that one; before a piece there changes, it is copied. */
class FrozenString implements FrozenCollection {
  readonly #buf: Uint8Array<ArrayBuffer>;
  readonly #size: number;
  readonly #memory: Memory;
  readonly #block: number;
  /** Blocks with copies of pieces that have changed since, by their numbers. */
  readonly #copies = new Map<number, number>();
  #handedOut = 0;
  #isOwn = false;

  constructor(buf: Uint8Array<ArrayBuffer>, size: number, memory: Memory, block: number) {
    this.#buf = buf;
    this.#size = size;
    this.#memory = memory;
    this.#block = block;
  }

  /** To be called before bytes from `from` to before `to` change. */
  keep(from: number, to: number): void {
    if (this.#isOwn) return;
    const end = Math.min(to, this.#size);
    for (let piece = Math.floor(Math.max(from, this.#handedOut) / CHUNK_BYTES); piece * CHUNK_BYTES < end; piece++) {
      if (this.#copies.has(piece)) continue;
      const copy = this.#memory.take(CHUNK_BYTES);
      const bytes = this.#buf.subarray(piece * CHUNK_BYTES, Math.min(this.#size, (piece + 1) * CHUNK_BYTES));
      this.#memory.view(copy).set(bytes);
      this.#copies.set(piece, copy);
    }
  }

  /** The string has another buffer now: whether this one is still read, and given back here. */
  take(): boolean {
    if (this.#isOwn) return false;
    this.#isOwn = true;
    return true;
  }

  /** Cursors are offsets. */
  encodeEntries(cursor: number, out: ByteSink): number {
    const piece = cursor / CHUNK_BYTES;
    const next = Math.min(this.#size, cursor + CHUNK_BYTES);
    const copy = this.#copies.get(piece);
    if (copy === undefined) out.raw(this.#buf, cursor, next - cursor);
    else out.raw(this.#memory.view(copy), 0, next - cursor);
    this.#handedOut = next;
    if (copy !== undefined) this.#memory.give(copy);
    this.#copies.delete(piece);
    return next < this.#size ? next : -1;
  }

  /** Gives back what is still held. */
  close(): void {
    for (const copy of this.#copies.values()) this.#memory.give(copy);
    this.#copies.clear();
    if (this.#isOwn) this.#memory.give(this.#block);
  }
}

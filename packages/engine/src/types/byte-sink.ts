import { copyBytes } from "../copy-bytes.js";

// Strings shorter than this are copied by a loop: a call into Buffer costs more than it saves below it.
const LOOP_COPY_MAX = 48;

/**
 * A growable writer of bytes, little endian. Reuse one with {@link reset}: writing allocates only when it grows.
 *
 *   u8   [1]          u32  [4 LE]          f64  [8 LE]          str  [length:u32 | one byte per char]
 */
export class ByteSink {
  /** The storage. Only the first {@link length} bytes are written; replaced by a larger one when it grows. */
  bytes: Buffer;
  /** Bytes written so far. */
  length = 0;

  constructor(initialBytes = 1024) {
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Forgets what was written and keeps the storage. */
  reset(): void {
    this.length = 0;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.bytes[this.length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.setU32(this.length, value);
    this.length += 4;
  }

  f64(value: number): void {
    this.#reserve(8);
    this.length = this.bytes.writeDoubleLE(value, this.length);
  }

  /** A latin1 string, its length before it. Chars above 255 lose their upper bits. */
  str(value: string): void {
    const count = value.length;
    this.u32(count);
    this.#reserve(count);
    if (count < LOOP_COPY_MAX) {
      const bytes = this.bytes;
      const at = this.length;
      for (let i = 0; i < count; i++) bytes[at + i] = value.charCodeAt(i);
    } else {
      this.bytes.write(value, this.length, count, "latin1");
    }
    this.length += count;
  }

  /** `len` bytes of `source` from `off`, without a length before them. */
  raw(source: Uint8Array, off: number, len: number): void {
    this.#reserve(len);
    copyBytes(source, off, this.bytes, this.length, len);
    this.length += len;
  }

  /** The same with its length before it. */
  blob(source: Uint8Array, off: number, len: number): void {
    this.u32(len);
    this.#reserve(len);
    copyBytes(source, off, this.bytes, this.length, len);
    this.length += len;
  }

  /** Overwrites four bytes that are already written: for a count that is known only after its elements. */
  setU32(at: number, value: number): void {
    const bytes = this.bytes;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  /** The storage, with room for `count` bytes behind the written ones. Whoever writes there counts them in `length`. */
  room(count: number): Buffer {
    this.#reserve(count);
    return this.bytes;
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}

/** Reads what {@link ByteSink} wrote. Every read throws RangeError instead of passing the end. */
export class ByteSource {
  /** What is read. */
  readonly bytes: Buffer;
  /** Where the bytes of the last blob begin. */
  blobAt = 0;
  #at: number;
  #end: number;

  constructor(bytes: Uint8Array, off = 0, len = bytes.length - off) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = off;
    this.#end = Math.min(off + len, bytes.length);
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.bytes[this.#take(1)];
  }

  u32(): number {
    const at = this.#take(4);
    const bytes = this.bytes;
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
  }

  f64(): number {
    return this.bytes.readDoubleLE(this.#take(8));
  }

  /** Bytes with their length before them: returns the length, and leaves the place in `blobAt`. */
  blob(): number {
    const count = this.u32();
    this.blobAt = this.#take(count);
    return count;
  }

  /** A latin1 string with its length before it; a copy, so the bytes may be reused afterwards. */
  str(): string {
    const count = this.blob();
    return this.bytes.toString("latin1", this.blobAt, this.blobAt + count);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) throw new RangeError(`${count} bytes expected, ${this.#end - at} left`);
    this.#at = at + count;
    return at;
  }
}

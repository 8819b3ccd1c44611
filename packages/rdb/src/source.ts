/**
 * Bytes of an RDB file or a payload, read from front to back: the small pieces of which all values are made.
 *
 *   length     00llllll | 01llllll llllllll | 10000000 l:4 | 10000001 l:8        big endian; 11...... = a string that is no plain bytes
 *   string     length, bytes | 11000000 i:1 | 11000001 i:2 | 11000010 i:4 (an integer, little endian, as text)
 *              | 11000011 length of what is compressed, length, bytes compressed with LZF
 *
 * Every read throws RdbError where the bytes end before it: nothing outside of them is looked at.
 */
import { RdbError } from "./errors.js";
import { lzfExpand, mayExpandTo } from "./lzf.js";

/** The longest string that is read. Redis's limit for what a client sends (proto-max-bulk-len), as far as it can be raised here. */
const STRING_BYTES_MAX = 512 * 1024 * 1024;
const TWO_32 = 4294967296;
const NO_BYTES = new Uint8Array(0);
/** "-9223372036854775808" has 20. */
const DIGITS_MAX = 24;

/** First bytes of a length: with the rest of 14 bits, and in front of 32 bits. */
export const LENGTH_14 = 0x40;
export const LENGTH_32 = 0x80;
const LENGTH_64 = 0x81;
const ENCODED = 0xc0;
const ENCODED_INT8 = 0xc0;
const ENCODED_INT16 = 0xc1;
const ENCODED_INT32 = 0xc2;
const ENCODED_LZF = 0xc3;

export class RdbSource {
  readonly bytes: Uint8Array;
  /** The next byte to be read, and the one behind the last. */
  at: number;
  readonly end: number;
  /** The string that was read last: `len` bytes of `buf` from `off` on. It stands until the next one is read. */
  buf: Uint8Array = NO_BYTES;
  off = 0;
  len = 0;
  readonly #digits = new Uint8Array(DIGITS_MAX);

  constructor(bytes: Uint8Array, off = 0, len = bytes.length - off) {
    this.bytes = bytes;
    this.at = off;
    this.end = off + len;
  }

  /** Passes over `count` bytes and returns where they begin. */
  take(count: number): number {
    const { at } = this;
    if (count > this.end - at) throw new RdbError(`${count} bytes expected, ${this.end - at} left`);
    this.at = at + count;
    return at;
  }

  u8(): number {
    return this.bytes[this.take(1)];
  }

  /** Little endian, as all integers but those said to be otherwise. */
  u16(): number {
    const at = this.take(2);
    return this.bytes[at] | (this.bytes[at + 1] << 8);
  }

  u32(): number {
    const at = this.take(4);
    return u32At(this.bytes, at);
  }

  /** Big endian. */
  u32be(): number {
    const at = this.take(4);
    const b = this.bytes;
    return ((b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]) >>> 0;
  }

  /** A signed 64-bit integer; beyond 2^53 it is the nearest double. */
  i64(): number {
    const at = this.take(8);
    return (u32At(this.bytes, at + 4) | 0) * TWO_32 + u32At(this.bytes, at);
  }

  /** A double, as it lies in memory. */
  f64(): number {
    const at = this.take(8);
    for (let i = 0; i < 8; i++) F64_BYTES[i] = this.bytes[at + i];
    return F64[0];
  }

  /** A length, or a number of elements: beyond 2^53 the nearest double. */
  length(): number {
    return this.#lengthFrom(this.u8());
  }

  /** Reads a string: it is in `buf`, `off` and `len` then. */
  string(): void {
    const first = this.u8();
    if (first < ENCODED) {
      this.plain(this.#lengthFrom(first));
    } else if (first === ENCODED_INT8) {
      this.integer(1);
    } else if (first === ENCODED_INT16) {
      this.integer(2);
    } else if (first === ENCODED_INT32) {
      this.integer(4);
    } else if (first === ENCODED_LZF) {
      this.#compressed();
    } else {
      throw new RdbError(`a string of encoding ${first & 63}`);
    }
  }

  /** A string that is the next `len` bytes. */
  plain(len: number): void {
    this.off = this.take(len);
    this.len = len;
    this.buf = this.bytes;
  }

  /** A string that is made of the signed integer of the next `bytes` bytes (1, 2, 3, 4, 8), little endian. */
  integer(bytes: number): void {
    const from = this.bytes;
    const at = this.take(bytes);
    if (bytes === 8) {
      const low = u32At(from, at);
      const high = u32At(from, at + 4) | 0;
      const value = high * TWO_32 + low;
      this.text(Number.isSafeInteger(value) ? String(value) : String((BigInt(high) << 32n) | BigInt(low)));
      return;
    }
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= from[at + i] << (8 * i);
    const unused = 32 - 8 * bytes;
    this.text(String((value << unused) >> unused));
  }

  /** A string that is this text, of ASCII. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#digits[i] = text.charCodeAt(i);
    this.buf = this.#digits;
    this.off = 0;
    this.len = text.length;
  }

  #lengthFrom(first: number): number {
    if (first < LENGTH_14) return first;
    if (first < LENGTH_32) return ((first & 63) << 8) | this.u8();
    if (first === LENGTH_32) return this.u32be();
    if (first === LENGTH_64) return this.u32be() * TWO_32 + this.u32be();
    throw new RdbError(`a length that begins with ${first}`);
  }

  #compressed(): void {
    const compressed = this.length();
    const len = this.length();
    const from = this.take(compressed);
    if (len > STRING_BYTES_MAX || !mayExpandTo(compressed, len)) throw new RdbError(`a string of ${len} bytes`);
    const buf = new Uint8Array(len);
    lzfExpand(this.bytes, from, compressed, buf, 0, len);
    this.buf = buf;
    this.off = 0;
    this.len = len;
  }
}

const F64 = new Float64Array(1);
const F64_BYTES = new Uint8Array(F64.buffer);

/** Little endian. The caller has seen to it that the four bytes are there. */
function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

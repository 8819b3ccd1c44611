/**
 * Reads the mutations of a log entry, one after the other. What each of them is, and does, is a row in operations.ts.
 *
 *   every body    [ db:1 | ... ]      db 255 = all
 *   text          [ bytes:4 | latin1 ]
 */
import { OP_BATCH } from "./ops.js";

/** In place of a database's number, in a flush: every database. */
export const ALL_DATABASES = 255;

/** Where the key's bytes begin in a body that begins with a key: behind the database and their number. */
export const KEY_AT = 5;

const NO_BYTES = Buffer.alloc(0);
const TWO_32 = 4294967296;

/** A mutation being read: a cursor in its body, which begins behind the database. Reading beyond its end throws RangeError. */
export class MutationReader {
  bytes: Buffer = NO_BYTES;
  /** Where it goes on. */
  at = 0;
  /** Its operation. */
  op = 0;
  /** Sequence of its entry, and its number there, from 0. */
  sequence = 0;
  nth = 0;
  db = 0;
  /** The key that key() read last. */
  koff = 0;
  klen = 0;
  /** Byte ranges that texts() and scored() read, as mutators take them. */
  off = new Int32Array(8);
  len = new Int32Array(8);
  readonly scores: number[] = [];
  /** What was given last, of which `bytes` are the same as a Buffer: a log is read through one window, entry after entry. */
  #given: Uint8Array = this.bytes;
  #end = 0;
  #isBatch = false;
  /** Where the entry's next mutation begins, and where the entry ends. */
  #next = 0;
  #entryEnd = 0;

  /** Stands before the mutations of an entry: one, or those of a batch. */
  open(op: number, sequence: number, bytes: Uint8Array, off: number, len: number): void {
    this.bufferOf(bytes);
    this.op = op;
    this.sequence = sequence;
    this.nth = -1;
    this.#isBatch = op === OP_BATCH;
    this.#next = off;
    this.#entryEnd = off + len;
  }

  /** The Buffer that `bytes` becomes for as long as they are the same: entries of them that are opened are read in it. */
  bufferOf(bytes: Uint8Array): Buffer {
    if (bytes !== this.#given) {
      this.#given = bytes;
      this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.bytes;
  }

  /** Lets go of the bytes. */
  close(): void {
    this.bufferOf(NO_BYTES);
  }

  /** Goes on to the next mutation of the entry; false at its end. Throws RangeError where the entry is malformed. */
  next(): boolean {
    let at = this.#next;
    let end = this.#entryEnd;
    this.nth++;
    if (this.#isBatch) {
      if (at >= end) return false;
      this.op = this.bytes[at];
      end = at + 5 + this.bytes.readUInt32LE(at + 1);
      at += 5;
      if (end > this.#entryEnd) throw new RangeError("a mutation is longer than its batch");
    } else if (this.nth > 0) return false;
    this.at = at;
    this.#end = end;
    this.#next = end;
    this.db = this.u8();
    return true;
  }

  /** Bytes left in the body. */
  get rest(): number {
    return this.#end - this.at;
  }

  /** Reads a key into koff and klen. */
  key(): void {
    this.klen = this.u32();
    this.koff = this.#take(this.klen);
  }

  u8(): number {
    return this.bytes[this.#take(1)];
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.#take(4));
  }

  i64(): number {
    const at = this.#take(8);
    return this.bytes.readUInt32LE(at) + this.bytes.readInt32LE(at + 4) * TWO_32;
  }

  /** Not exact from 2^53 on. */
  u64(): number {
    return this.u32() + this.u32() * TWO_32;
  }

  big64(): bigint {
    return this.bytes.readBigUInt64LE(this.#take(8));
  }

  /** Reads the next text into range `i` of off and len. */
  text(i: number): void {
    if (i >= this.off.length) this.#growRanges();
    const n = this.u32();
    this.len[i] = n;
    this.off[i] = this.#take(n);
  }

  /** Reads texts to the end of the body into ranges 0, 1, ...; returns how many. */
  texts(): number {
    let count = 0;
    while (this.at < this.#end) this.text(count++);
    return count;
  }

  /** Reads (score, text)* to the end of the body; returns how many. Ranges 1, 3, 5 ... are those of the texts, as arguments of ZADD are. */
  scored(): number {
    let count = 0;
    for (; this.at < this.#end; count++) {
      this.scores[count] = this.bytes.readDoubleLE(this.#take(8));
      this.text(2 * count + 1);
    }
    return count;
  }

  /** Reads the next text as bytes of its own. */
  copyText(): Buffer {
    this.text(0);
    return this.copyRange(0);
  }

  /** Range `i` as bytes of its own. */
  copyRange(i: number): Buffer {
    return Buffer.from(this.bytes.subarray(this.off[i], this.off[i] + this.len[i]));
  }

  /** The same with all texts, to the end of the body. */
  copyTexts(): Buffer[] {
    const all: Buffer[] = [];
    while (this.at < this.#end) all.push(this.copyText());
    return all;
  }

  /** The rest of the body as bytes of its own. */
  copyRest(): Buffer {
    return Buffer.from(this.bytes.subarray(this.at, this.#end));
  }

  #take(n: number): number {
    const { at } = this;
    if (n > this.#end - at) throw new RangeError(`a mutation ends ${n - (this.#end - at)} bytes early`);
    this.at = at + n;
    return at;
  }

  #growRanges(): void {
    const { off, len } = this;
    this.off = new Int32Array(off.length * 2);
    this.len = new Int32Array(off.length * 2);
    this.off.set(off);
    this.len.set(len);
  }
}

/**
 * Memory of one shard: chunks of bytes outside the JS heap, filled by bump allocation.
 *
 *   reference = chunk number * 32768 + offset in units of 8 bytes      0 = none (chunks count from 1)
 *
 * A chunk has 256 KB and comes from the pool; the first ones of a small shard are smaller. What is larger than a chunk has one of its own, with room to grow.
 * Freed space is only counted; the shard moves the last records out of a chunk that is mostly dead (evacuation), and then it is dropped.
 */

import { CHUNK_BYTES, type ChunkPool } from "./chunk-pool.js";

/** A reference is shifted so far to get the chunk's number. */
export const CHUNK_SHIFT = 15;
/** Mask of a reference's unit inside its chunk. */
export const UNIT_MASK = (1 << CHUNK_SHIFT) - 1;

const FIRST_CHUNK_BYTES = 1 << 10;
/** A chunk with less than this share of live bytes is worth emptying. */
const SPARSE_SHARE = 0.5;
/** Numbers of 17 bits: the rest of a 32-bit reference. */
const CHUNKS_MAX = 1 << 17;
const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Int32Array(0);

/** Chunk storage of one shard. Offsets inside a chunk are bytes in `bytes[c]` and 32-bit words in `words[c]`. */
export class Arena {
  /** Byte view of each chunk; empty where the number is free. */
  bytes: Uint8Array<ArrayBuffer>[] = [NO_BYTES];
  /** Word view of each chunk. */
  words: Int32Array[] = [NO_WORDS];
  /** Bytes given out from each chunk, dead ones included. */
  used: number[] = [0];
  /** Bytes of each chunk that are still in use. */
  live: number[] = [0];
  /** Bytes held by all chunks. */
  totalBytes = 0;
  /** Chunk that is being filled, -1 = none. */
  current = -1;
  /** Chunk that is being emptied, -1 = none; forgotten when the chunk is dropped. */
  evacuating = -1;
  /** Offset in it of the next record to look at. */
  evacuateAt = 0;
  readonly #pool: ChunkPool;
  readonly #sparse: number[] = [];
  #queued: boolean[] = [false];
  #freeNumbers: number[] = [];
  #ordinary = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Gives out `size` bytes (a multiple of 8) and returns their reference. A size above CHUNK_BYTES gets a chunk with `slack` bytes more. */
  alloc(size: number, slack = 0): number {
    if (size > CHUNK_BYTES) {
      const c = this.#addChunk(size + slack);
      this.used[c] = size;
      this.live[c] = size;
      return c << CHUNK_SHIFT;
    }
    let c = this.current;
    if (c < 0 || this.used[c] + size > this.bytes[c].length) c = this.#openChunk(size);
    const at = this.used[c];
    this.used[c] = at + size;
    this.live[c] += size;
    return (c << CHUNK_SHIFT) | (at >>> 3);
  }

  /** Counts `size` bytes of chunk `c` as dead. The chunk is dropped with its last live byte. */
  free(c: number, size: number): void {
    const left = this.live[c] - size;
    this.live[c] = left;
    if (c === this.current) return;
    if (left === 0) this.drop(c);
    else if (left < this.used[c] * SPARSE_SHARE && !this.#queued[c]) {
      this.#queued[c] = true;
      this.#sparse.push(c);
      this.#pool.hasSparse = true;
    }
  }

  /** Drops a chunk in which nothing is live. */
  drop(c: number): void {
    const length = this.bytes[c].length;
    this.totalBytes -= length;
    if (length <= CHUNK_BYTES) this.#ordinary--;
    this.#pool.give(this.bytes[c]);
    this.bytes[c] = NO_BYTES;
    this.words[c] = NO_WORDS;
    this.used[c] = 0;
    this.live[c] = 0;
    this.#queued[c] = false;
    if (this.current === c) this.current = -1;
    if (this.evacuating === c) this.evacuating = -1;
    this.#freeNumbers.push(c);
  }

  /** Gives the record that was given out last another size, in place; false when another one was, or there is no room. */
  resizeLast(ref: number, before: number, after: number): boolean {
    const c = this.current;
    const end = ((ref & UNIT_MASK) << 3) + before;
    if (ref >>> CHUNK_SHIFT !== c || end !== this.used[c] || end + after - before > this.bytes[c].length) return false;
    this.used[c] += after - before;
    this.live[c] += after - before;
    return true;
  }

  /** A record with a chunk of its own changed its size in place. */
  resizeOwn(c: number, size: number): void {
    this.used[c] = size;
    this.live[c] = size;
  }

  /** True when a chunk may be worth emptying. */
  get sparse(): boolean {
    return this.evacuating >= 0 || this.#sparse.length > 0;
  }

  /** Takes a chunk's bytes out before clear(): they are the caller's now, who gives them to the pool. */
  take(c: number): Uint8Array<ArrayBuffer> {
    const bytes = this.bytes[c];
    this.bytes[c] = NO_BYTES;
    return bytes;
  }

  /** Becomes a copy of another arena: what lies in it keeps its references. This one is empty. */
  copyFrom(source: Arena): void {
    for (let c = 1; c < source.bytes.length; c++) {
      const chunk = source.bytes[c];
      if (chunk.length === 0) {
        this.bytes.push(NO_BYTES);
        this.words.push(NO_WORDS);
      } else {
        const copy = this.#pool.take(chunk.length);
        copy.set(chunk.subarray(0, source.used[c]));
        this.bytes.push(copy);
        this.words.push(new Int32Array(copy.buffer, copy.byteOffset, copy.length >>> 2));
        this.totalBytes += copy.length;
      }
    }
    this.used = source.used.slice();
    this.live = source.live.slice();
    this.current = source.current;
    this.evacuating = source.evacuating;
    this.evacuateAt = source.evacuateAt;
    this.#sparse.push(...source.#sparse);
    this.#queued = source.#queued.slice();
    this.#freeNumbers = source.#freeNumbers.slice();
    this.#ordinary = source.#ordinary;
  }

  /** Drops every chunk. */
  clear(): void {
    for (const chunk of this.bytes) this.#pool.give(chunk);
    this.bytes = [NO_BYTES];
    this.words = [NO_WORDS];
    this.used = [0];
    this.live = [0];
    this.totalBytes = 0;
    this.current = -1;
    this.evacuating = -1;
    this.#sparse.length = 0;
    this.#queued = [false];
    this.#freeNumbers = [];
    this.#ordinary = 0;
  }

  /** Begins to empty the next chunk that is worth it; false when there is none. */
  nextSparse(): boolean {
    for (let c = this.#sparse.pop(); c !== undefined; c = this.#sparse.pop()) {
      // A queued number may have been dropped, and given out again, since.
      if (!this.#queued[c]) continue;
      this.evacuating = c;
      this.evacuateAt = 0;
      return true;
    }
    return false;
  }

  #openChunk(size: number): number {
    const previous = this.current;
    let length = FIRST_CHUNK_BYTES << (2 * Math.min(this.#ordinary, 4));
    while (length < size) length *= 4;
    const c = this.#addChunk(Math.min(length, CHUNK_BYTES));
    this.#ordinary++;
    this.current = c;
    if (previous >= 0) this.#retire(previous);
    return c;
  }

  /** A chunk that is no longer filled may have died meanwhile: free() spared it while it was current. */
  #retire(c: number): void {
    if (this.live[c] === 0) this.drop(c);
    else this.free(c, 0);
  }

  #addChunk(length: number): number {
    const c = this.#freeNumbers.at(-1) ?? this.bytes.length;
    if (c >= CHUNKS_MAX) throw new RangeError(`a shard cannot hold more than ${CHUNKS_MAX} chunks`);
    const bytes = this.#pool.take(length);
    this.#freeNumbers.pop();
    this.bytes[c] = bytes;
    this.words[c] = new Int32Array(bytes.buffer, bytes.byteOffset, length >>> 2);
    this.used[c] = 0;
    this.live[c] = 0;
    this.#queued[c] = false;
    this.totalBytes += length;
    return c;
  }
}

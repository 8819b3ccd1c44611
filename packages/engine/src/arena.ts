/**
 * Records of one owner, a shard or a table of elements: chunks of memory, filled by bump allocation.
 *
 *   chunk    [ used:4 | live:4 | next:4 | previous:4 | record record record ... | free ]
 *
 *   used       bytes given out, this header included; bit 0: the chunk stands in the list of sparse ones
 *   live       bytes of records that are still in use
 *   next, previous   the owner's chunks, as a list
 *
 * A chunk has 256 KB; the first ones of a small owner are smaller. A record that is larger than a chunk has one of its own, with room to grow.
 * A record's reference is its address in the memory (memory.ts), and from it the chunk is found.
 * Freed space is only counted; the owner moves the last records out of a chunk that is mostly dead (evacuation), and then it is dropped.
 *
 * What is known of the chunk that is being filled stands in this object until the chunk is full: then adding a record touches no header.
 */
import { CHUNK_BYTES, type Memory, SLAB_SHIFT, UNIT_MASK } from "./memory.js";

/** Bytes of a chunk before its records. */
export const CHUNK_HEADER_BYTES = 16;
/** The largest record that shares a chunk with others. */
export const SHARED_RECORD_BYTES_MAX = CHUNK_BYTES - CHUNK_HEADER_BYTES;

/** What the system gives by. */
const PAGE_BYTES = 4096;
const HEADER_UNITS = CHUNK_HEADER_BYTES >>> 3;
const FIRST_CHUNK_BYTES = 1 << 10;
/** A chunk has this part (as a shift) of what all ordinary ones have, or up to twice as much, but CHUNK_BYTES at most: so few bytes of a small owner are unused. */
const GROW_SHIFT = 4;
/** And room for so many records like the one that opens it: of large ones a small chunk would leave too much of its end unused. */
const RECORDS_MIN = 6;
/** A chunk with less than this share of live bytes is worth emptying. */
const SPARSE_SHARE = 0.5;
// Words of a header.
const USED = 0;
const LIVE = 1;
const NEXT = 2;
const PREVIOUS = 3;
/** Bit of the word `used`. */
const SPARSE = 1;

/** Three lines. */
const TOUCHED_UNITS = 24;

/** Words that an arena at rest takes. */
export const ARENA_STATE_WORDS = 10;

/** Chunk storage of one owner. Chunks are named by their addresses. */
export class Arena {
  readonly memory: Memory;
  /** Bytes given out by all chunks, dead ones and headers included. */
  usedBytes = 0;
  /** Bytes held by all chunks; of one that a record has for its own those that are used: what is behind it nobody has touched. */
  totalBytes = 0;
  /** Chunk that is being emptied, 0 = none; forgotten when the chunk is dropped. */
  evacuating = 0;
  /** Address of the next record in it to look at. */
  evacuateAt = 0;
  /** Chunk that is being filled, 0 = none. */
  #current = 0;
  /** Address of the next record in it, and of its end. Addresses wrap at 32 bits, so that only the distance of two says which comes first. */
  #at = 0;
  #end = 0;
  /** First of all chunks but the sparse ones; the one that is being filled is among them. */
  #first = 0;
  /** First of those that are worth emptying. */
  #firstSparse = 0;
  /** Bytes of the chunks that are no larger than CHUNK_BYTES. */
  #ordinaryBytes = 0;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** Gives out `size` bytes (a multiple of 8) and returns their address. A record with a chunk of its own has room for `slack` bytes more. */
  alloc(size: number, slack = 0): number {
    if (size > SHARED_RECORD_BYTES_MAX) return this.#allocOwn(size, slack);
    const units = size >>> 3;
    if (((this.#end - this.#at) | 0) < units) this.#openChunk(size);
    const ref = this.#at;
    this.#at = (ref + units) | 0;
    this.usedBytes += size;
    return ref;
  }

  /** Writes to the lines of the next records, so that they are in the processor's cache when these are written: with others that wait, not one by one. */
  touchNext(): void {
    if (((this.#end - this.#at) | 0) < TOUCHED_UNITS) return;
    const m = this.memory.words[this.#at >>> SLAB_SHIFT];
    const w = (this.#at & UNIT_MASK) << 1;
    m[w] = 0;
    m[w + 16] = 0;
    m[w + 32] = 0;
  }

  /** Counts a record of `size` bytes as dead. Its chunk is dropped with its last live byte. */
  free(ref: number, size: number): void {
    const chunk = this.memory.blockOf(ref);
    const m = this.memory.words[chunk >>> SLAB_SHIFT];
    const w = (chunk & UNIT_MASK) << 1;
    const left = m[w + LIVE] - size;
    m[w + LIVE] = left;
    // Of the one that is being filled only what is dead is noted: it is below zero.
    if (chunk === this.#current) return;
    if (left === 0) this.#drop(chunk);
    else if (left < m[w + USED] * SPARSE_SHARE && (m[w + USED] & SPARSE) === 0) this.#becomeSparse(chunk);
  }

  /** Gives the record that was given out last another size, in place; false when another one was, or there is no room. */
  resizeLast(ref: number, before: number, after: number): boolean {
    const end = (ref + (after >>> 3)) | 0;
    if (((ref + (before >>> 3)) | 0) !== this.#at || ((this.#end - end) | 0) < 0) return false;
    this.#at = end;
    this.usedBytes += after - before;
    return true;
  }

  /** Gives a record with a chunk of its own another size, in place; false when there is no room. */
  resizeOwn(ref: number, before: number, after: number): boolean {
    const chunk = this.memory.blockOf(ref);
    if (after + CHUNK_HEADER_BYTES > this.memory.sizeOf(chunk)) return false;
    this.#setHeader(chunk, after + CHUNK_HEADER_BYTES, after);
    this.usedBytes += after - before;
    this.totalBytes += after - before;
    return true;
  }

  /** True when a chunk may be worth emptying. */
  get sparse(): boolean {
    return this.#firstSparse !== 0;
  }

  /** Begins to empty the next chunk that is worth it; false when there is none. */
  nextSparse(): boolean {
    if (this.#firstSparse === 0) return false;
    this.evacuating = this.#firstSparse;
    this.evacuateAt = (this.#firstSparse + HEADER_UNITS) | 0;
    return true;
  }

  /** Bytes held, but for the pages of the newest chunk that are still free. */
  get filledBytes(): number {
    return this.totalBytes - ((((this.#end - this.#at) | 0) * 8) & -PAGE_BYTES);
  }

  /** All chunks. */
  chunks(): number[] {
    const chunks: number[] = [];
    for (let c = this.chunkAfter(0); c !== 0; c = this.chunkAfter(c)) chunks.push(c);
    return chunks;
  }

  /** The chunk behind another one, the first behind 0; 0 = there is none. The order stays while nothing is given out or freed. */
  chunkAfter(chunk: number): number {
    const next = chunk === 0 ? this.#first : this.#word(chunk, NEXT);
    if (next !== 0 || (chunk !== 0 && (this.#word(chunk, USED) & SPARSE) !== 0)) return next;
    return this.#firstSparse;
  }

  /** Bytes of a chunk that were given out, its header included. */
  usedOf(chunk: number): number {
    return chunk === this.#current ? ((this.#at - chunk) | 0) * 8 : this.#word(chunk, USED) & ~SPARSE;
  }

  /** Bytes of a chunk's live records. */
  liveOf(chunk: number): number {
    const live = this.#word(chunk, LIVE);
    return chunk === this.#current ? live + this.usedOf(chunk) - CHUNK_HEADER_BYTES : live;
  }

  /** Lets a chunk go without giving it back: it is the caller's now. To be followed by clear(). */
  disown(chunk: number): void {
    this.#unlink(chunk);
  }

  /**
   * Takes copies of another arena's chunks; this one is empty. The records' references in it are others: while `whileMoved` runs, `moved` tells
   * of each reference in the source which one it is here.
   */
  copyFrom(source: Arena, whileMoved: (moved: (ref: number) => number) => void): void {
    const { memory } = this;
    const from = source.memory;
    try {
      for (const chunk of source.chunks()) {
        const used = source.usedOf(chunk);
        const copy = this.#addChunk(from.sizeOf(chunk));
        memory.bytes[copy >>> SLAB_SHIFT].set(
          from.view(chunk).subarray(CHUNK_HEADER_BYTES, used),
          ((copy & UNIT_MASK) << 3) + CHUNK_HEADER_BYTES,
        );
        this.#setHeader(copy, used, source.#word(chunk, LIVE));
        this.usedBytes += used - CHUNK_HEADER_BYTES;
        if (from.sizeOf(chunk) > CHUNK_BYTES) this.totalBytes += used - CHUNK_HEADER_BYTES;
        if (chunk === source.#current) this.#fill(copy, used);
        else if ((source.#word(chunk, USED) & SPARSE) !== 0) this.#becomeSparse(copy);
        // Until the end the source's list runs one way only.
        source.#setWord(chunk, PREVIOUS, copy);
      }
      whileMoved((ref) => {
        const chunk = from.blockOf(ref);
        return (source.#word(chunk, PREVIOUS) + ref - chunk) | 0;
      });
    } finally {
      source.#restorePrevious();
    }
  }

  /** Writes what this object knows into ARENA_STATE_WORDS words, for wake(). The chunks stay; together they have less than 2 GB. */
  rest(m: Int32Array, w: number): void {
    m[w] = this.usedBytes;
    m[w + 1] = this.totalBytes;
    m[w + 2] = this.evacuating;
    m[w + 3] = this.evacuateAt;
    m[w + 4] = this.#current;
    m[w + 5] = this.#at;
    m[w + 6] = this.#end;
    m[w + 7] = this.#first;
    m[w + 8] = this.#firstSparse;
    m[w + 9] = this.#ordinaryBytes;
  }

  /** Becomes the arena that rested there, in the same memory. */
  wake(m: Int32Array, w: number): void {
    this.usedBytes = m[w];
    this.totalBytes = m[w + 1];
    this.evacuating = m[w + 2];
    this.evacuateAt = m[w + 3];
    this.#current = m[w + 4];
    this.#at = m[w + 5];
    this.#end = m[w + 6];
    this.#first = m[w + 7];
    this.#firstSparse = m[w + 8];
    this.#ordinaryBytes = m[w + 9];
  }

  /** Gives every chunk back. */
  clear(): void {
    for (const chunk of this.chunks()) this.memory.give(chunk);
    this.usedBytes = 0;
    this.totalBytes = 0;
    this.evacuating = 0;
    this.#current = 0;
    this.#at = 0;
    this.#end = 0;
    this.#first = 0;
    this.#firstSparse = 0;
    this.#ordinaryBytes = 0;
  }

  #allocOwn(size: number, slack: number): number {
    const chunk = this.#addChunk(size + slack + CHUNK_HEADER_BYTES);
    this.#setHeader(chunk, size + CHUNK_HEADER_BYTES, size);
    this.usedBytes += size;
    this.totalBytes += size;
    return (chunk + HEADER_UNITS) | 0;
  }

  #openChunk(size: number): void {
    let length = FIRST_CHUNK_BYTES;
    while (length < this.#ordinaryBytes >>> GROW_SHIFT || length < RECORDS_MIN * size + CHUNK_HEADER_BYTES) length *= 2;
    const chunk = this.#addChunk(Math.min(length, CHUNK_BYTES));
    this.#retire();
    this.#fill(chunk, CHUNK_HEADER_BYTES);
  }

  #fill(chunk: number, used: number): void {
    this.#current = chunk;
    this.#at = (chunk + (used >>> 3)) | 0;
    this.#end = (chunk + (this.memory.sizeOf(chunk) >>> 3)) | 0;
  }

  /** The chunk that was filled may be dead, or mostly: free() spared it. */
  #retire(): void {
    const chunk = this.#current;
    if (chunk === 0) return;
    const used = this.usedOf(chunk);
    const live = this.liveOf(chunk);
    this.#setHeader(chunk, used, live);
    this.#current = 0;
    if (live === 0) this.#drop(chunk);
    else if (live < used * SPARSE_SHARE) this.#becomeSparse(chunk);
  }

  #addChunk(length: number): number {
    const chunk = this.memory.take(length);
    this.#setHeader(chunk, CHUNK_HEADER_BYTES, 0);
    this.#link(chunk, false);
    this.usedBytes += CHUNK_HEADER_BYTES;
    if (length <= CHUNK_BYTES) {
      this.totalBytes += length;
      this.#ordinaryBytes += length;
    } else {
      this.totalBytes += CHUNK_HEADER_BYTES;
    }
    return chunk;
  }

  /** Drops a chunk in which nothing is live. */
  #drop(chunk: number): void {
    const held = this.memory.sizeOf(chunk);
    const used = this.usedOf(chunk);
    this.usedBytes -= used;
    this.totalBytes -= held <= CHUNK_BYTES ? held : used;
    if (held <= CHUNK_BYTES) this.#ordinaryBytes -= held;
    this.#unlink(chunk);
    if (this.evacuating === chunk) this.evacuating = 0;
    this.memory.give(chunk);
  }

  #becomeSparse(chunk: number): void {
    this.#unlink(chunk);
    this.#link(chunk, true);
    this.memory.hasSparse = true;
  }

  #link(chunk: number, sparse: boolean): void {
    const next = sparse ? this.#firstSparse : this.#first;
    this.#setWord(chunk, NEXT, next);
    this.#setWord(chunk, PREVIOUS, 0);
    this.#setWord(chunk, USED, (this.#word(chunk, USED) & ~SPARSE) | (sparse ? SPARSE : 0));
    if (next !== 0) this.#setWord(next, PREVIOUS, chunk);
    if (sparse) this.#firstSparse = chunk;
    else this.#first = chunk;
  }

  #unlink(chunk: number): void {
    const next = this.#word(chunk, NEXT);
    const previous = this.#word(chunk, PREVIOUS);
    if (next !== 0) this.#setWord(next, PREVIOUS, previous);
    if (previous !== 0) this.#setWord(previous, NEXT, next);
    else if (chunk === this.#firstSparse) this.#firstSparse = next;
    else this.#first = next;
  }

  #restorePrevious(): void {
    for (const first of [this.#first, this.#firstSparse]) {
      let previous = 0;
      for (let c = first; c !== 0; c = this.#word(c, NEXT)) {
        this.#setWord(c, PREVIOUS, previous);
        previous = c;
      }
    }
  }

  #word(chunk: number, word: number): number {
    return this.memory.words[chunk >>> SLAB_SHIFT][((chunk & UNIT_MASK) << 1) + word];
  }

  #setWord(chunk: number, word: number, value: number): void {
    this.memory.words[chunk >>> SLAB_SHIFT][((chunk & UNIT_MASK) << 1) + word] = value;
  }

  #setHeader(chunk: number, used: number, live: number): void {
    this.#setWord(chunk, USED, used);
    this.#setWord(chunk, LIVE, live);
  }
}

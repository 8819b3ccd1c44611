/**
 * Where lists get their memory: blocks of some twenty sizes, cut from the chunks that arenas use, too.
 *
 * A chunk holds blocks of one size. It returns to the chunk pool when all its blocks are back, except the first of each size (small, and
 * kept for good) and one empty chunk while all others are full: else a list that grows and shrinks around a block's end would fetch and
 * drop a chunk each time. A block larger than any size is a chunk of its own.
 */
import { CHUNK_BYTES, type ChunkPool } from "./chunk-pool.js";

// Powers of two while a list is short; then in steps of at most a quarter, so that a large element wastes no more.
const SIZES = [
  1024, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 10240, 12288, 14336, 16384, 20480, 24576, 28672, 32768,
  40960,
];
const LARGEST = SIZES[SIZES.length - 1];
const FIRST_CHUNK_BYTES = 1 << 16;
const NO_BYTES = new Uint8Array(0);

interface Chunk {
  readonly size: number;
  /** Null when the chunk is a block of its own size. */
  readonly sizeClass: SizeClass | null;
  /** Offsets of blocks that were given back. */
  readonly free: number[];
  /** Offset of the first block that was never given out. */
  fresh: number;
  taken: number;
  readonly keep: boolean;
}

interface SizeClass {
  /** Numbers of chunks with room. */
  readonly rooms: number[];
  /** An empty chunk that is kept because all others are full, -1 = none. */
  spare: number;
}

/** A list that is gone, and that still has blocks. */
export interface Discarded {
  /** Gives some of them back; returns whether there are more. */
  dropSome(): boolean;
}

export class BlockPool {
  /** Bytes of each chunk; empty where the number is free. */
  readonly bytes: Uint8Array<ArrayBuffer>[] = [];
  /** Bytes of all chunks, used or not. */
  totalBytes = 0;
  /** Bytes of the blocks that are given out. */
  usedBytes = 0;
  /** Lists that give their blocks back step by step: see giveDiscarded(). */
  readonly discarded: Discarded[] = [];
  /** Where the block that was taken last begins in its chunk. */
  base = 0;
  /** Its size in bytes. */
  size = 0;
  readonly #chunks: (Chunk | null)[] = [];
  readonly #classes: (SizeClass | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #pool: ChunkPool;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Takes a block of at least `size` bytes: returns the number of its chunk and sets `base` and `size`. What is in it is left from before. */
  take(size: number): number {
    if (size > LARGEST) {
      const own = this.#add(new Uint8Array(size), size, null, false);
      return this.#takeFrom(own, this.#chunk(own));
    }
    const sizeClass = this.#classOf(size);
    const { rooms } = sizeClass;
    // Before the memory grows, what is no longer needed goes: so it cannot pile up, either.
    if (rooms.length === 0 && this.discarded.length > 0) this.giveDiscarded();
    const c = rooms.length > 0 ? rooms[rooms.length - 1] : this.#open(sizeClass, roundUp(size));
    const chunk = this.#chunk(c);
    if (c === sizeClass.spare) sizeClass.spare = -1;
    this.#takeFrom(c, chunk);
    if (isFull(chunk)) rooms.pop();
    return c;
  }

  /** Takes a block back by its chunk and its first byte. */
  give(c: number, base: number): void {
    const chunk = this.#chunk(c);
    this.usedBytes -= chunk.size;
    const { sizeClass } = chunk;
    if (sizeClass === null) {
      this.#drop(c);
      return;
    }
    if (isFull(chunk)) sizeClass.rooms.push(c);
    chunk.free.push(base);
    chunk.taken--;
    if (chunk.taken === 0 && !chunk.keep) {
      if (sizeClass.spare >= 0) this.#dropFrom(sizeClass, sizeClass.spare);
      sizeClass.spare = c;
    }
    if (sizeClass.spare >= 0 && sizeClass.rooms.length > 1) {
      this.#dropFrom(sizeClass, sizeClass.spare);
      sizeClass.spare = -1;
    }
  }

  /** Takes a step in giving back the blocks of lists that are gone; returns whether there was anything to do. */
  giveDiscarded(): boolean {
    const last = this.discarded.at(-1);
    if (last === undefined) return false;
    if (!last.dropSome()) this.discarded.pop();
    return true;
  }

  #chunk(c: number): Chunk {
    // A block's chunk is there as long as the block is.
    return this.#chunks[c] as Chunk;
  }

  #takeFrom(c: number, chunk: Chunk): number {
    chunk.taken++;
    this.usedBytes += chunk.size;
    this.size = chunk.size;
    const freed = chunk.free.pop();
    this.base = freed ?? chunk.fresh;
    if (freed === undefined) chunk.fresh += chunk.size;
    return c;
  }

  #classOf(size: number): SizeClass {
    const rounded = roundUp(size);
    const i = SIZES.indexOf(rounded);
    const found = this.#classes[i];
    if (found !== undefined) return found;
    const made = { rooms: [], spare: -1 };
    this.#classes[i] = made;
    this.#openWith(made, new Uint8Array(FIRST_CHUNK_BYTES), rounded, true);
    return made;
  }

  #open(sizeClass: SizeClass, size: number): number {
    return this.#openWith(sizeClass, this.#pool.take(), size, false);
  }

  #openWith(sizeClass: SizeClass, bytes: Uint8Array<ArrayBuffer>, size: number, keep: boolean): number {
    const c = this.#add(bytes, size, sizeClass, keep);
    sizeClass.rooms.push(c);
    return c;
  }

  #add(bytes: Uint8Array<ArrayBuffer>, size: number, sizeClass: SizeClass | null, keep: boolean): number {
    const c = this.#freeNumbers.pop() ?? this.bytes.length;
    this.bytes[c] = bytes;
    this.#chunks[c] = { size, sizeClass, free: [], fresh: 0, taken: 0, keep };
    this.totalBytes += bytes.length;
    return c;
  }

  #dropFrom(sizeClass: SizeClass, c: number): void {
    sizeClass.rooms.splice(sizeClass.rooms.indexOf(c), 1);
    this.#drop(c);
  }

  #drop(c: number): void {
    const bytes = this.bytes[c];
    this.totalBytes -= bytes.length;
    this.bytes[c] = NO_BYTES;
    this.#chunks[c] = null;
    this.#freeNumbers.push(c);
    this.#pool.give(bytes);
  }
}

function roundUp(size: number): number {
  let i = 0;
  while (SIZES[i] < size) i++;
  return SIZES[i];
}

function isFull(chunk: Chunk): boolean {
  return chunk.free.length === 0 && chunk.fresh + chunk.size > (chunk.keep ? FIRST_CHUNK_BYTES : CHUNK_BYTES);
}

import { copyBytes } from "../copy-bytes.js";
import { type Memory, SLAB_SHIFT, UNIT_MASK } from "../memory.js";
import {
  BASE,
  BlockRing,
  COUNT,
  DESCRIPTION_BYTES,
  END,
  FROZEN_END,
  FROZEN_START,
  LIMIT,
  NOT_FROZEN,
  SLAB,
  START,
} from "./block-ring.js";
import { REST_BYTES_MAX } from "./collection.js";

/** Head or tail of a list. */
export const SIDE_HEAD = 0;
export const SIDE_TAIL = 1;

/** Size of an ordinary block. A block at an end of a short list is smaller and grows by doubling; a large element has one of its own size. */
export const BLOCK_BYTES = 8192;
const FIRST_BLOCK_BYTES = 1024;
/** A new block has at least this share of what all others have: so a list of medium length is not half empty. */
const NEW_BLOCK_SHARE = 8;
/** Neighbours are joined when both together fill no more than this: far from full, or an insertion would split them again. */
const JOIN_BYTES = BLOCK_BYTES / 2;
/** Blocks of a list without an owner that are given back in one step: a list of millions has so many that all at once would hold up everybody. */
const DROP_BLOCKS = 512;
/** A list whose state at rest were longer, from a megabyte on as a rule, does not rest. */
const STATE_WORDS_MAX = 1024;

/**
 * The blocks of a list, and what moves entries from one to another. A block is named by its number, or by `s`, the place of its description
 * in the ring's words, which is void after a block came or went.
 *
 *   block   [ free | entry entry entry ... | free ]       BASE, START, END, LIMIT
 *
 * While a copy is frozen, bytes from FROZEN_START to FROZEN_END of a block are left as they are, and blocks are not given back.
 */
export class ListBlocks {
  readonly memory: Memory;
  readonly ring = new BlockRing();
  /** Bytes of the blocks and their descriptions. */
  bytes = 0;
  // Blocks that a frozen copy still needs and this list does not.
  #orphans: number[] = [];
  #isFrozen = false;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** Makes `copy` a frozen copy of the ring, until thaw(). */
  freeze(copy: BlockRing): void {
    const { ring } = this;
    const { words } = ring;
    for (let b = 0; b < ring.count; b++) {
      const s = ring.at(b);
      words[s + FROZEN_START] = words[s + START];
      words[s + FROZEN_END] = words[s + END];
    }
    copy.copyFrom(ring);
    this.#isFrozen = true;
  }

  /** The frozen copy is not used any more. */
  thaw(): void {
    const ring = this.ring;
    const { words } = ring;
    for (let b = 0; b < ring.count; b++) {
      const s = ring.at(b);
      words[s + FROZEN_START] = NOT_FROZEN;
      words[s + FROZEN_END] = 0;
    }
    for (const block of this.#orphans) this.memory.give(block);
    this.#orphans = [];
    this.#isFrozen = false;
  }

  /** See Collection.restWords. */
  get restWords(): number {
    const words = 1 + this.ring.stateWords;
    return this.#isFrozen || this.bytes > REST_BYTES_MAX || words > STATE_WORDS_MAX ? 0 : words;
  }

  /** See Collection.rest. */
  rest(m: Int32Array, w: number): void {
    m[w] = this.bytes;
    this.ring.rest(m, w + 1);
  }

  /** See Collection.wake. */
  wake(m: Int32Array, w: number): void {
    this.bytes = m[w];
    this.ring.wake(m, w + 1);
  }

  /** Takes the entries of another list's blocks, block by block. This one has none. */
  copyFrom(source: ListBlocks): void {
    for (let b = 0; b < source.ring.count; b++) {
      const { words } = source.ring;
      const from = source.ring.at(b);
      const used = words[from + END] - words[from + START];
      // Room for as much as there is: at an end more is added.
      const s = this.add(b, words[from + LIMIT] - words[from + BASE], SIDE_TAIL);
      const w = this.ring.words;
      copyBytes(
        source.memory.bytes[words[from + SLAB]],
        words[from + START],
        this.memory.bytes[w[s + SLAB]],
        w[s + START],
        used,
      );
      w[s + END] = w[s + START] + used;
      w[s + COUNT] = words[from + COUNT];
    }
  }

  /** The block at an end has no room on that side: makes some in it, or a new block; returns its place in the ring. */
  makeRoom(side: number, need: number): number {
    const ring = this.ring;
    if (ring.count > 0) {
      const s = ring.at(side === SIDE_TAIL ? ring.count - 1 : 0);
      const w = ring.words;
      const capacity = Math.min(w[s + LIMIT] - w[s + BASE], BLOCK_BYTES);
      const wanted = w[s + END] - w[s + START] + need;
      if (wanted * 2 <= capacity) {
        this.relocate(s, capacity, side === SIDE_TAIL ? 0 : -1);
        return s;
      }
      if (wanted <= BLOCK_BYTES && capacity < BLOCK_BYTES) {
        this.relocate(s, Math.min(BLOCK_BYTES, Math.max(wanted, capacity * 2)), side === SIDE_TAIL ? 0 : -1);
        return s;
      }
    }
    const share = Math.min(BLOCK_BYTES, this.bytes / NEW_BLOCK_SHARE);
    return this.add(side === SIDE_TAIL ? ring.count : 0, Math.max(need, share, FIRST_BLOCK_BYTES), side);
  }

  /** An empty block before block `i`, to be filled from its head on or, for SIDE_HEAD, from its tail. */
  add(i: number, capacity: number, side: number): number {
    const block = this.memory.take(capacity);
    const base = (block & UNIT_MASK) << 3;
    const size = this.memory.sizeOf(block);
    const ring = this.ring;
    const s = ring.insert(i);
    this.bytes += DESCRIPTION_BYTES + size;
    const w = ring.words;
    w[s + SLAB] = block >>> SLAB_SHIFT;
    w[s + BASE] = base;
    w[s + LIMIT] = base + size;
    w[s + START] = side === SIDE_TAIL ? base : base + size;
    w[s + END] = w[s + START];
    w[s + COUNT] = 0;
    w[s + FROZEN_START] = NOT_FROZEN;
    w[s + FROZEN_END] = 0;
    return s;
  }

  /** Moves a block's entries to another block of at least `capacity` bytes, `gap` bytes from its begin (-1: to its end); returns how far. */
  relocate(s: number, capacity: number, gap: number): number {
    const w = this.ring.words;
    const from = w[s + START];
    const used = w[s + END] - from;
    const source = this.memory.bytes[w[s + SLAB]];
    const block = this.memory.take(capacity);
    const base = (block & UNIT_MASK) << 3;
    const size = this.memory.sizeOf(block);
    const start = base + (gap < 0 ? size - used : gap);
    copyBytes(source, from, this.memory.bytes[block >>> SLAB_SHIFT], start, used);
    this.bytes += size;
    this.#give(s);
    w[s + SLAB] = block >>> SLAB_SHIFT;
    w[s + BASE] = base;
    w[s + LIMIT] = base + size;
    w[s + START] = start;
    w[s + END] = start + used;
    w[s + FROZEN_START] = NOT_FROZEN;
    w[s + FROZEN_END] = 0;
    return start - from;
  }

  /** To be called before bytes of a block's entries change; returns how far the entries moved by it. */
  own(s: number): number {
    const w = this.ring.words;
    if (w[s + FROZEN_END] === 0) return 0;
    return this.relocate(s, w[s + LIMIT] - w[s + BASE], w[s + START] - w[s + BASE]);
  }

  #give(s: number): void {
    const w = this.ring.words;
    this.bytes -= w[s + LIMIT] - w[s + BASE];
    const block = (w[s + SLAB] << SLAB_SHIFT) | (w[s + BASE] >>> 3);
    if (w[s + FROZEN_END] === 0) this.memory.give(block);
    else this.#orphans.push(block);
  }

  /** Gives back `n` blocks from block `i` on. */
  drop(i: number, n: number): void {
    const ring = this.ring;
    for (let b = i; b < i + n; b++) this.#give(ring.at(b));
    this.bytes -= n * DESCRIPTION_BYTES;
    ring.remove(i, n);
  }

  /** Gives back all blocks: those of a large list by and by. */
  discard(): void {
    if (this.dropSome()) this.memory.discarded.push(this);
  }

  /** Gives back some blocks; returns whether there are more. */
  dropSome(): boolean {
    const { ring } = this;
    const n = Math.min(ring.count, DROP_BLOCKS);
    if (n > 0) this.drop(ring.count - n, n);
    return ring.count > 0;
  }

  /** Joins block `b` with the one behind it when both are small; not where there is no memory for that. */
  join(b: number): void {
    const ring = this.ring;
    if (b + 1 >= ring.count) return;
    const s = ring.at(b);
    const next = ring.at(b + 1);
    const w = ring.words;
    const used = w[next + END] - w[next + START];
    const both = used + w[s + END] - w[s + START];
    if (both > JOIN_BYTES) return;
    if (!hasRoomBehind(w, s, used) && !this.#relocated(s, Math.max(both, w[s + LIMIT] - w[s + BASE]))) return;
    copyBytes(this.memory.bytes[w[next + SLAB]], w[next + START], this.memory.bytes[w[s + SLAB]], w[s + END], used);
    w[s + END] += used;
    w[s + COUNT] += w[next + COUNT];
    this.drop(b + 1, 1);
  }

  /** As relocate, to the block's begin; false where there is no memory. */
  #relocated(s: number, capacity: number): boolean {
    try {
      this.relocate(s, capacity, 0);
      return true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return false;
    }
  }
}

/** Whether `need` bytes fit behind a block's entries, where no frozen copy has anything. */
export function hasRoomBehind(w: Int32Array, s: number, need: number): boolean {
  return w[s + LIMIT] - w[s + END] >= need && w[s + END] >= w[s + FROZEN_END];
}

/** The same before them. */
export function hasRoomBefore(w: Int32Array, s: number, need: number): boolean {
  return w[s + START] - w[s + BASE] >= need && w[s + START] <= w[s + FROZEN_START];
}

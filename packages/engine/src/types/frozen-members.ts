import { type Arena, CHUNK_HEADER_BYTES } from "../arena.js";
import { type Memory, SLAB_SHIFT, UNIT_MASK } from "../memory.js";
import type { ByteSink } from "./byte-sink.js";
import type { FrozenCollection } from "./collection.js";

/** A chunk of the table that has something to be handed out. */
interface FrozenChunk {
  /** Bytes of it that are still to be handed out, from its begin on; 0 = it is done. */
  left: number;
  /** A copy of it, or the chunk itself when the table has given it up: it is to be given back. 0 = the table has it unchanged. */
  copy: number;
}

/**
 * The elements of a table as they were when it was frozen. What has not been handed out lies in the table's own chunks, up to where each was
 * used then; before a record there changes, its chunk is copied. Chain links may change: nobody reads them here.
 */
export class FrozenMembers implements FrozenCollection {
  readonly #arena: Arena;
  readonly #memory: Memory;
  /**
   * By the addresses of chunks, in an order that cursors count in. Those without a live record are not among them, so the address of any other
   * one is not given out again before `keep` was called for a record in it.
   */
  readonly #chunks = new Map<number, FrozenChunk>();
  readonly #order: number[] = [];

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#memory = arena.memory;
    for (const chunk of arena.chunks()) {
      if (arena.liveOf(chunk) === 0) continue;
      this.#chunks.set(chunk, { left: arena.usedOf(chunk), copy: 0 });
      this.#order.push(chunk);
    }
  }

  /** To be called before a record's bytes change, it becomes a dead one, or it is dropped. */
  keep(ref: number): void {
    const memory = this.#memory;
    const chunk = memory.blockOf(ref);
    const frozen = this.#chunks.get(chunk);
    if (frozen === undefined || frozen.copy !== 0 || ((ref - chunk) | 0) * 8 >= frozen.left) return;
    const copy = memory.take(frozen.left);
    const from = (chunk & UNIT_MASK) << 3;
    const bytes = memory.bytes[chunk >>> SLAB_SHIFT].subarray(from, from + frozen.left);
    memory.bytes[copy >>> SLAB_SHIFT].set(bytes, (copy & UNIT_MASK) << 3);
    frozen.copy = copy;
  }

  /** To be called before all records are dropped at once: takes the chunks over instead of copying them. */
  keepAll(): void {
    for (const [chunk, frozen] of this.#chunks) {
      if (frozen.left === 0 || frozen.copy !== 0) continue;
      this.#arena.disown(chunk);
      frozen.copy = chunk;
    }
  }

  /** Cursors are numbers of chunks. Gives whole chunks, so at least one record that is alive each time. */
  encodeEntries(cursor: number, out: ByteSink): number {
    const chunk = this.#order[cursor];
    const frozen = chunk === undefined ? undefined : this.#chunks.get(chunk);
    if (chunk === undefined || frozen === undefined) return -1;
    const at = frozen.copy === 0 ? chunk : frozen.copy;
    const from = ((at & UNIT_MASK) << 3) + CHUNK_HEADER_BYTES;
    out.raw(this.#memory.bytes[at >>> SLAB_SHIFT], from, frozen.left - CHUNK_HEADER_BYTES);
    this.#release(frozen);
    return cursor + 1 < this.#order.length ? cursor + 1 : -1;
  }

  /** Gives back what is still held. */
  close(): void {
    for (const frozen of this.#chunks.values()) this.#release(frozen);
  }

  #release(frozen: FrozenChunk): void {
    if (frozen.copy !== 0) this.#memory.give(frozen.copy);
    frozen.copy = 0;
    frozen.left = 0;
  }
}

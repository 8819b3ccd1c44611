import { type Arena, CHUNK_SHIFT, UNIT_MASK } from "../arena.js";
import type { ChunkPool } from "../chunk-pool.js";
import type { ByteSink } from "./byte-sink.js";
import type { FrozenCollection } from "./collection.js";

/**
 * The elements of a table as they were when it was frozen. What has not been handed out lies in the table's own chunks, up to where each was
 * used then; before a record there changes, its chunk is copied. Chain links, and which slot a live record has, may change: nobody reads them here.
 */
export class FrozenMembers implements FrozenCollection {
  readonly #arena: Arena;
  readonly #pool: ChunkPool;
  /**
   * Bytes of each chunk that are still to be handed out. Chunks without a live record have none, so the number of any other one is not
   * given out again before `keep` was called for a record in it.
   */
  readonly #left: number[];
  readonly #copies: (Uint8Array<ArrayBuffer> | null)[];

  constructor(arena: Arena, pool: ChunkPool) {
    this.#arena = arena;
    this.#pool = pool;
    this.#left = arena.used.map((used, c) => (arena.live[c] === 0 ? 0 : used));
    this.#copies = this.#left.map(() => null);
  }

  /** To be called before a record's bytes change, its slot becomes -1, or it is dropped. */
  keep(ref: number): void {
    const c = ref >>> CHUNK_SHIFT;
    const left = this.#left;
    if (c >= left.length || (ref & UNIT_MASK) << 3 >= left[c] || this.#copies[c] !== null) return;
    const bytes = this.#arena.bytes[c];
    const copy = this.#pool.take(bytes.length);
    copy.set(bytes.subarray(0, left[c]));
    this.#copies[c] = copy;
  }

  /** To be called before all records are dropped at once: takes the chunks over instead of copying them. */
  keepAll(): void {
    for (let c = 0; c < this.#left.length; c++) {
      if (this.#left[c] > 0 && this.#copies[c] === null) this.#copies[c] = this.#arena.take(c);
    }
  }

  /** Cursors are numbers of chunks. Gives whole chunks, so at least one record that is alive each time. */
  encodeEntries(cursor: number, out: ByteSink): number {
    const c = this.#next(cursor);
    if (c < 0) return c;
    out.raw(this.#copies[c] ?? this.#arena.bytes[c], 0, this.#left[c]);
    this.#release(c);
    return this.#next(c + 1);
  }

  /** Gives back what is still held. */
  close(): void {
    for (let c = 0; c < this.#left.length; c++) this.#release(c);
  }

  /** The first chunk from number `c` on of which something is left, -1 when there is none. */
  #next(c: number): number {
    for (let i = c; i < this.#left.length; i++) if (this.#left[i] > 0) return i;
    return -1;
  }

  #release(c: number): void {
    const copy = this.#copies[c];
    if (copy !== null) this.#pool.give(copy);
    this.#copies[c] = null;
    this.#left[c] = 0;
  }
}

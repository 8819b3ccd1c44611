import { CHUNK_BYTES, type ChunkPool } from "../chunk-pool.js";

const FIRST_WORDS = 16;
const BLOCK_WORDS = CHUNK_BYTES / 4;
const BLOCK_SHIFT = Math.log2(BLOCK_WORDS);
const BLOCK_MASK = BLOCK_WORDS - 1;

/**
 * A list of signed 32-bit integers outside the JavaScript heap, in blocks of one chunk each. While it is shorter than a block it grows by
 * doubling, then by a block: no step copies more than half a chunk. The owner gives the blocks back with {@link clear}.
 */
export class WordList {
  length = 0;
  readonly #pool: ChunkPool;
  #blocks: Int32Array<ArrayBuffer>[] = [];
  #capacity = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Bytes held, used or not. */
  get bytes(): number {
    return this.#capacity * 4;
  }

  /** `i` must be in 0 .. length-1. */
  at(i: number): number {
    return this.#blocks[i >>> BLOCK_SHIFT][i & BLOCK_MASK];
  }

  /** `i` must be in 0 .. length-1. */
  put(i: number, word: number): void {
    this.#blocks[i >>> BLOCK_SHIFT][i & BLOCK_MASK] = word;
  }

  /** Makes sure that the next push needs no memory. */
  reserve(): void {
    if (this.length === this.#capacity) this.#grow();
  }

  push(word: number): void {
    this.reserve();
    const i = this.length;
    this.#blocks[i >>> BLOCK_SHIFT][i & BLOCK_MASK] = word;
    this.length = i + 1;
  }

  /** Takes the last word, which must be there. A block goes when the one before it is empty as well: a length going to and fro costs nothing. */
  pop(): number {
    const i = --this.length;
    const word = this.at(i);
    if (this.#capacity - i >= 2 * BLOCK_WORDS) {
      this.#capacity -= BLOCK_WORDS;
      this.#give(this.#blocks.pop()!);
    }
    return word;
  }

  /** Becomes a copy of another list. */
  copyFrom(source: WordList): void {
    this.clear();
    for (const block of source.#blocks) {
      const copy = block.length === BLOCK_WORDS ? this.#take() : new Int32Array(block.length);
      copy.set(block);
      this.#blocks.push(copy);
      this.#capacity += copy.length;
    }
    this.length = source.length;
  }

  /** Gives all memory back. */
  clear(): void {
    for (const block of this.#blocks) this.#give(block);
    this.#blocks = [];
    this.#capacity = 0;
    this.length = 0;
  }

  #grow(): void {
    if (this.#capacity >= BLOCK_WORDS) {
      this.#blocks.push(this.#take());
      this.#capacity += BLOCK_WORDS;
      return;
    }
    const capacity = Math.max(FIRST_WORDS, this.#capacity * 2);
    const larger = capacity === BLOCK_WORDS ? this.#take() : new Int32Array(capacity);
    if (this.#capacity > 0) larger.set(this.#blocks[0]);
    this.#blocks[0] = larger;
    this.#capacity = capacity;
  }

  #take(): Int32Array<ArrayBuffer> {
    const chunk = this.#pool.take();
    return new Int32Array(chunk.buffer, chunk.byteOffset, BLOCK_WORDS);
  }

  #give(block: Int32Array<ArrayBuffer>): void {
    this.#pool.give(new Uint8Array(block.buffer, block.byteOffset, block.byteLength));
  }
}

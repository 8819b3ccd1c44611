import { CHUNK_BYTES, type Memory, SLAB_SHIFT, UNIT_MASK } from "../memory.js";

const FIRST_WORDS = 16;
const DOUBLED_WORDS = 512;
const BLOCK_WORDS = CHUNK_BYTES / 4;
const BLOCK_SHIFT = Math.log2(BLOCK_WORDS);
const BLOCK_MASK = BLOCK_WORDS - 1;

/**
 * A list of signed 32-bit integers in blocks of the memory. While it is shorter than a chunk it is one block that grows by doubling, from 2 KB on by a
 * quarter, as blocks have such sizes; then it grows by a chunk: no step copies more than half a chunk. The owner gives the blocks back with {@link clear}.
 */
export class WordList {
  length = 0;
  readonly #memory: Memory;
  readonly #blocks: number[] = [];
  #capacity = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** Bytes held, used or not. */
  get bytes(): number {
    return this.#capacity * 4;
  }

  /** `i` must be in 0 .. length-1. */
  at(i: number): number {
    const block = this.#blocks[i >>> BLOCK_SHIFT];
    return this.#memory.words[block >>> SLAB_SHIFT][((block & UNIT_MASK) << 1) + (i & BLOCK_MASK)];
  }

  /** `i` must be in 0 .. length-1. */
  put(i: number, word: number): void {
    const block = this.#blocks[i >>> BLOCK_SHIFT];
    this.#memory.words[block >>> SLAB_SHIFT][((block & UNIT_MASK) << 1) + (i & BLOCK_MASK)] = word;
  }

  /** Makes sure that the next push needs no memory. */
  reserve(): void {
    if (this.length === this.#capacity) this.#grow();
  }

  push(word: number): void {
    this.reserve();
    this.put(this.length++, word);
  }

  /** Takes the last word, which must be there. A block goes when the one before it is empty as well: a length going to and fro costs nothing. */
  pop(): number {
    const i = --this.length;
    const word = this.at(i);
    if (this.#capacity - i >= 2 * BLOCK_WORDS) {
      this.#capacity -= BLOCK_WORDS;
      this.#memory.give(this.#blocks.pop() as number);
    }
    return word;
  }

  /** Becomes a copy of another list, whose words may be in another memory. */
  copyFrom(source: WordList): void {
    this.clear();
    while (this.#capacity < source.length) this.#grow();
    for (let i = 0; i < source.length; i += BLOCK_WORDS) {
      const from = source.#blocks[i >>> BLOCK_SHIFT];
      const to = this.#blocks[i >>> BLOCK_SHIFT];
      const w = (from & UNIT_MASK) << 1;
      const words = source.#memory.words[from >>> SLAB_SHIFT].subarray(w, w + Math.min(BLOCK_WORDS, source.length - i));
      this.#memory.words[to >>> SLAB_SHIFT].set(words, (to & UNIT_MASK) << 1);
    }
    this.length = source.length;
  }

  /** Words that rest() writes. */
  get stateWords(): number {
    return 2 + this.#blocks.length;
  }

  /** Writes what this object knows, for wake(); returns where it ends. The blocks stay. */
  rest(m: Int32Array, w: number): number {
    m[w] = this.length;
    m[w + 1] = this.#capacity;
    let end = w + 2;
    for (const block of this.#blocks) m[end++] = block;
    return end;
  }

  /** Becomes the list that rested there, in the same memory; returns where its state ends. */
  wake(m: Int32Array, w: number): number {
    this.length = m[w];
    this.#capacity = m[w + 1];
    const blocks = this.#blocks;
    const count = (this.#capacity + BLOCK_MASK) >>> BLOCK_SHIFT;
    blocks.length = count;
    for (let i = 0; i < count; i++) blocks[i] = m[w + 2 + i];
    return w + 2 + count;
  }

  /** Gives all memory back. */
  clear(): void {
    for (const block of this.#blocks) this.#memory.give(block);
    this.#blocks.length = 0;
    this.#capacity = 0;
    this.length = 0;
  }

  #grow(): void {
    const first = this.#blocks[0];
    const more = this.#capacity < DOUBLED_WORDS ? Math.max(FIRST_WORDS, this.#capacity) : this.#capacity >>> 2;
    const block = this.#memory.take(Math.min(BLOCK_WORDS, this.#capacity + more) * 4);
    const words = this.#memory.sizeOf(block) >>> 2;
    if (this.#capacity === 0 || this.#capacity >= BLOCK_WORDS) {
      this.#blocks.push(block);
      this.#capacity += words;
      return;
    }
    const { bytes } = this.#memory;
    bytes[block >>> SLAB_SHIFT].set(this.#memory.view(first), (block & UNIT_MASK) << 3);
    this.#memory.give(first);
    this.#blocks[0] = block;
    this.#capacity = words;
  }
}

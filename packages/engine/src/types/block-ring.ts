// Words of a block's description.
/** Number of the block's slab. */
export const SLAB = 0;
/** Offset of its first byte in the slab. */
export const BASE = 1;
/** Offset behind its last byte. */
export const LIMIT = 2;
/** Offset of the first entry. */
export const START = 3;
/** Offset behind the last entry. */
export const END = 4;
/** Number of entries. */
export const COUNT = 5;
/** First byte that a snapshot being made still needs; NOT_FROZEN when it needs none. */
export const FROZEN_START = 6;
/** Offset behind the last such byte; 0 when there is none. */
export const FROZEN_END = 7;

export const NOT_FROZEN = 0x7fff_ffff;
const WORDS = 8;
/** Bytes of a description. */
export const DESCRIPTION_BYTES = WORDS * 4;
/** Words of it at rest: nothing is frozen then. */
const REST_WORDS = FROZEN_START;

/**
 * Where the blocks of a list are, in their order: a circular array, so that blocks come and go at both ends without moving. A block's
 * description is a few words of `words` from at(i) on; both are void after a block came or went.
 */
export class BlockRing {
  words = new Int32Array(WORDS);
  count = 0;
  // Of a power of two, so that positions wrap with a mask.
  #capacity = 1;
  #first = 0;

  /** Where the description of block `i` (0 .. count-1) is. */
  at(i: number): number {
    return ((this.#first + i) & (this.#capacity - 1)) * WORDS;
  }

  /** Makes room for a description before block `i` (0 .. count), moving those on the shorter side; returns where it is. It is not cleared. */
  insert(i: number): number {
    if (this.count === this.#capacity) this.#resize(this.#capacity * 2);
    this.count++;
    if (i < this.count >> 1) {
      this.#first = (this.#first - 1) & (this.#capacity - 1);
      for (let k = 0; k < i; k++) this.#move(k + 1, k);
    } else {
      for (let k = this.count - 1; k > i; k--) this.#move(k - 1, k);
    }
    return this.at(i);
  }

  /** Takes `n` descriptions out from block `i` on, moving those on the shorter side. */
  remove(i: number, n: number): void {
    const behind = this.count - i - n;
    if (i < behind) {
      for (let k = i - 1; k >= 0; k--) this.#move(k, k + n);
      this.#first = (this.#first + n) & (this.#capacity - 1);
    } else {
      for (let k = 0; k < behind; k++) this.#move(i + n + k, i + k);
    }
    this.count -= n;
    let capacity = this.#capacity;
    while (capacity > 4 && this.count < capacity >> 2) capacity >>= 1;
    if (capacity < this.#capacity) this.#resize(capacity);
  }

  /** Becomes the same as another ring. */
  copyFrom(ring: BlockRing): void {
    this.words = ring.words.slice();
    this.count = ring.count;
    this.#capacity = ring.#capacity;
    this.#first = ring.#first;
  }

  /** Words that rest() writes. */
  get stateWords(): number {
    return 1 + this.count * REST_WORDS;
  }

  /** Writes the descriptions, for wake(). Nothing is frozen. */
  rest(m: Int32Array, w: number): void {
    m[w] = this.count;
    for (let i = 0, to = w + 1; i < this.count; i++, to += REST_WORDS) {
      const s = this.at(i);
      for (let k = 0; k < REST_WORDS; k++) m[to + k] = this.words[s + k];
    }
  }

  /** Becomes the ring that rested there. */
  wake(m: Int32Array, w: number): void {
    const count = m[w];
    this.count = 0;
    this.#first = 0;
    let capacity = this.#capacity;
    while (capacity < count) capacity *= 2;
    while (capacity > 4 && count < capacity >> 2) capacity >>= 1;
    if (capacity !== this.#capacity) this.#resize(capacity);
    this.count = count;
    const { words } = this;
    for (let i = 0, from = w + 1; i < count; i++, from += REST_WORDS) {
      const s = i * WORDS;
      for (let k = 0; k < REST_WORDS; k++) words[s + k] = m[from + k];
      words[s + FROZEN_START] = NOT_FROZEN;
      words[s + FROZEN_END] = 0;
    }
  }

  #move(from: number, to: number): void {
    const f = this.at(from);
    this.words.copyWithin(this.at(to), f, f + WORDS);
  }

  #resize(capacity: number): void {
    const words = new Int32Array(capacity * WORDS);
    const behind = Math.min(this.count, this.#capacity - this.#first);
    words.set(this.words.subarray(this.#first * WORDS, (this.#first + behind) * WORDS));
    words.set(this.words.subarray(0, (this.count - behind) * WORDS), behind * WORDS);
    this.words = words;
    this.#capacity = capacity;
    this.#first = 0;
  }
}

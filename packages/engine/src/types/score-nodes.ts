/**
 * The nodes of a score tree, outside the JavaScript heap: 1 KB each, in blocks of one chunk. A node is named by its number.
 *
 *   leaf    [ length:4 | kind:4 | scores 84 * 8 | refs 84 * 4 ]
 *   inner   [ length:4 | kind:4 | scores 50 * 8 | refs 50 * 4 | children 50 * 4 | counts 50 * 4 ]
 *
 *   scores, refs   of a leaf: its entries in order; of an inner node: the lowest entry below each child
 *   counts         entries below each child
 *
 * While there are fewer nodes than a block holds, the block grows by doubling, so no step copies more than half a chunk.
 */
import { CHUNK_BYTES, type ChunkPool } from "../chunk-pool.js";

/** Words of a node, as a shift. */
export const NODE_SHIFT = 8;
const NODE_WORDS = 1 << NODE_SHIFT;
/** Nodes of a block, as a shift, and as a mask. */
export const BLOCK_SHIFT = Math.log2(CHUNK_BYTES / 4) - NODE_SHIFT;
const BLOCK_NODES = 1 << BLOCK_SHIFT;
export const BLOCK_MASK = BLOCK_NODES - 1;

/** Most entries of a leaf. */
export const LEAF_MAX = 84;
/** Most children of an inner node. */
export const INNER_MAX = 50;

// Places in a node, in words; of the scores in doubles.
export const KIND = 1;
export const KIND_LEAF = 1;
export const SCORES = 1;
export const LEAF_REFS = 2 + 2 * LEAF_MAX;
export const INNER_REFS = 2 + 2 * INNER_MAX;
const CHILDREN = INNER_REFS + INNER_MAX;
const COUNTS = CHILDREN + INNER_MAX;

export class ScoreNodes {
  readonly #pool: ChunkPool;
  /** The blocks. Only the search in the tree reads them besides: it is the hottest loop of sorted sets. */
  words: Int32Array<ArrayBuffer>[] = [];
  doubles: Float64Array[] = [];
  #capacity = 0;
  /** Nodes below this number were taken at least once. */
  #fresh = 0;
  /** Last of the nodes given back, -1 = none; each holds the number of the one before it in place of its length. */
  #free = -1;
  #freeCount = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Bytes held, used or not. */
  get bytes(): number {
    return this.#capacity * NODE_WORDS * 4;
  }

  /** Makes sure that the next `count` nodes need no memory. */
  reserve(count: number): void {
    while (this.#capacity - this.#fresh + this.#freeCount < count) this.#grow();
  }

  /** A node without entries. */
  take(leaf: boolean): number {
    let node = this.#free;
    if (node >= 0) {
      this.#free = this.length(node);
      this.#freeCount--;
    } else {
      this.reserve(1);
      node = this.#fresh++;
    }
    const m = this.words[node >>> BLOCK_SHIFT];
    const w = (node & BLOCK_MASK) << NODE_SHIFT;
    m[w] = 0;
    m[w + KIND] = leaf ? KIND_LEAF : 0;
    return node;
  }

  /** Takes back a node that nobody uses any more. */
  give(node: number): void {
    this.#setLength(node, this.#free);
    this.#free = node;
    this.#freeCount++;
  }

  /** Forgets all nodes and gives all memory back. */
  clear(): void {
    for (const block of this.words) {
      this.#pool.give(new Uint8Array(block.buffer, block.byteOffset, block.byteLength));
    }
    this.words = [];
    this.doubles = [];
    this.#capacity = 0;
    this.#fresh = 0;
    this.#free = -1;
    this.#freeCount = 0;
  }

  /** Becomes a copy of other nodes, which keep their numbers. */
  copyFrom(source: ScoreNodes): void {
    this.clear();
    for (const block of source.words) {
      const copy = block.length === CHUNK_BYTES / 4 ? this.#takeBlock() : new Int32Array(block.length);
      copy.set(block);
      this.#addBlock(this.words.length, copy);
    }
    this.#capacity = source.#capacity;
    this.#fresh = source.#fresh;
    this.#free = source.#free;
    this.#freeCount = source.#freeCount;
  }

  /** Number of entries or children. */
  length(node: number): number {
    return this.words[node >>> BLOCK_SHIFT][(node & BLOCK_MASK) << NODE_SHIFT];
  }

  isLeaf(node: number): boolean {
    return this.words[node >>> BLOCK_SHIFT][((node & BLOCK_MASK) << NODE_SHIFT) + KIND] === KIND_LEAF;
  }

  score(node: number, i: number): number {
    return this.doubles[node >>> BLOCK_SHIFT][((node & BLOCK_MASK) << (NODE_SHIFT - 1)) + SCORES + i];
  }

  ref(node: number, i: number): number {
    return this.words[node >>> BLOCK_SHIFT][this.#refsAt(node) + i];
  }

  child(inner: number, i: number): number {
    return this.words[inner >>> BLOCK_SHIFT][((inner & BLOCK_MASK) << NODE_SHIFT) + CHILDREN + i];
  }

  count(inner: number, i: number): number {
    return this.words[inner >>> BLOCK_SHIFT][((inner & BLOCK_MASK) << NODE_SHIFT) + COUNTS + i];
  }

  /** Entries below the first `child` children. */
  countBefore(inner: number, child: number): number {
    const m = this.words[inner >>> BLOCK_SHIFT];
    const at = ((inner & BLOCK_MASK) << NODE_SHIFT) + COUNTS;
    let total = 0;
    for (let i = 0; i < child; i++) total += m[at + i];
    return total;
  }

  /** Entries of a leaf, or below an inner node. */
  total(node: number): number {
    const length = this.length(node);
    return this.isLeaf(node) ? length : this.countBefore(node, length);
  }

  setEntry(node: number, i: number, score: number, ref: number): void {
    this.doubles[node >>> BLOCK_SHIFT][((node & BLOCK_MASK) << (NODE_SHIFT - 1)) + SCORES + i] = score;
    this.words[node >>> BLOCK_SHIFT][this.#refsAt(node) + i] = ref;
  }

  /** Notes the count of child `i`, whose lowest entry is still the same. */
  setCount(inner: number, i: number, count: number): void {
    this.words[inner >>> BLOCK_SHIFT][((inner & BLOCK_MASK) << NODE_SHIFT) + COUNTS + i] = count;
  }

  /** Notes the count of child `i` and the lowest entry below it. */
  refreshChild(inner: number, i: number, count: number): void {
    const child = this.child(inner, i);
    this.setCount(inner, i, count);
    this.setEntry(inner, i, this.score(child, 0), this.ref(child, 0));
  }

  /** Puts an entry at a place of a leaf that is not full. */
  insertEntry(leaf: number, at: number, score: number, ref: number): void {
    this.open(leaf, at, 1);
    this.setEntry(leaf, at, score, ref);
  }

  /** Puts a child, which is not empty, at a place of an inner node that is not full. */
  insertChild(inner: number, at: number, child: number, count: number): void {
    this.open(inner, at, 1);
    this.words[inner >>> BLOCK_SHIFT][((inner & BLOCK_MASK) << NODE_SHIFT) + CHILDREN + at] = child;
    this.refreshChild(inner, at, count);
  }

  /** Cuts off what stands from `at` on and returns it as a node of its own. */
  cut(node: number, at: number): number {
    const upper = this.take(this.isLeaf(node));
    const count = this.length(node) - at;
    this.#setLength(upper, count);
    this.#copy(node, at, upper, 0, count);
    this.#setLength(node, at);
    return upper;
  }

  /** Moves `count` entries or children between neighbours of one kind: from the beginning of `right` to the end of `left`. */
  moveLeft(left: number, right: number, count: number): void {
    const length = this.length(left);
    this.#setLength(left, length + count);
    this.#copy(right, 0, left, length, count);
    this.close(right, 0, count);
  }

  /** From the end of `left` to the beginning of `right`. */
  moveRight(left: number, right: number, count: number): void {
    const length = this.length(left) - count;
    this.open(right, 0, count);
    this.#copy(left, length, right, 0, count);
    this.#setLength(left, length);
  }

  /** Makes room for `count` at a place; what stands there is left over. */
  open(node: number, at: number, count: number): void {
    const length = this.length(node);
    this.#setLength(node, length + count);
    const m = this.words[node >>> BLOCK_SHIFT];
    const d = this.doubles[node >>> BLOCK_SHIFT];
    const w = (node & BLOCK_MASK) << NODE_SHIFT;
    shiftUp(d, (w >>> 1) + SCORES + at, (w >>> 1) + SCORES + length, count);
    if (m[w + KIND] === KIND_LEAF) {
      shiftUpWords(m, w + LEAF_REFS + at, w + LEAF_REFS + length, count);
      return;
    }
    for (const array of INNER_WORDS) shiftUpWords(m, w + array + at, w + array + length, count);
  }

  /** Takes out `count` at a place. */
  close(node: number, at: number, count: number): void {
    const length = this.length(node);
    this.#setLength(node, length - count);
    const m = this.words[node >>> BLOCK_SHIFT];
    const d = this.doubles[node >>> BLOCK_SHIFT];
    const w = (node & BLOCK_MASK) << NODE_SHIFT;
    shiftDown(d, (w >>> 1) + SCORES + at, (w >>> 1) + SCORES + length, count);
    if (m[w + KIND] === KIND_LEAF) {
      shiftDownWords(m, w + LEAF_REFS + at, w + LEAF_REFS + length, count);
      return;
    }
    for (const array of INNER_WORDS) shiftDownWords(m, w + array + at, w + array + length, count);
  }

  /** First place from `low` on whose score is not below `score` (with `orEqual`: is above it). */
  scorePlace(node: number, low: number, score: number, orEqual: boolean): number {
    const d = this.doubles[node >>> BLOCK_SHIFT];
    const at = ((node & BLOCK_MASK) << (NODE_SHIFT - 1)) + SCORES;
    let from = low;
    let to = this.length(node);
    while (from < to) {
      const middle = (from + to) >>> 1;
      const other = d[at + middle];
      if (other < score || (orEqual && other === score)) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #refsAt(node: number): number {
    const w = (node & BLOCK_MASK) << NODE_SHIFT;
    return w + (this.words[node >>> BLOCK_SHIFT][w + KIND] === KIND_LEAF ? LEAF_REFS : INNER_REFS);
  }

  #setLength(node: number, length: number): void {
    this.words[node >>> BLOCK_SHIFT][(node & BLOCK_MASK) << NODE_SHIFT] = length;
  }

  /** Copies between two nodes of one kind. */
  #copy(from: number, fromAt: number, to: number, toAt: number, count: number): void {
    for (let i = 0; i < count; i++)
      this.setEntry(to, toAt + i, this.score(from, fromAt + i), this.ref(from, fromAt + i));
    if (this.isLeaf(from)) return;
    const m = this.words[from >>> BLOCK_SHIFT];
    const target = this.words[to >>> BLOCK_SHIFT];
    const w = ((from & BLOCK_MASK) << NODE_SHIFT) + fromAt;
    const at = ((to & BLOCK_MASK) << NODE_SHIFT) + toAt;
    for (let i = 0; i < count; i++) {
      target[at + CHILDREN + i] = m[w + CHILDREN + i];
      target[at + COUNTS + i] = m[w + COUNTS + i];
    }
  }

  #grow(): void {
    if (this.#capacity < BLOCK_NODES) {
      const nodes = Math.max(1, this.#capacity * 2);
      const larger = nodes === BLOCK_NODES ? this.#takeBlock() : new Int32Array(nodes * NODE_WORDS);
      if (this.#capacity > 0) larger.set(this.words[0]);
      this.#addBlock(0, larger);
      this.#capacity = nodes;
    } else {
      this.#addBlock(this.words.length, this.#takeBlock());
      this.#capacity += BLOCK_NODES;
    }
  }

  #addBlock(number: number, words: Int32Array<ArrayBuffer>): void {
    this.words[number] = words;
    this.doubles[number] = new Float64Array(words.buffer, words.byteOffset, words.length >>> 1);
  }

  #takeBlock(): Int32Array<ArrayBuffer> {
    const chunk = this.#pool.take();
    return new Int32Array(chunk.buffer, chunk.byteOffset, chunk.byteLength >>> 2);
  }
}

const INNER_WORDS = [INNER_REFS, CHILDREN, COUNTS] as const;

// Moving up to 84 places in a loop beats copyWithin. One function for each kind of array: V8 keeps their accesses apart.
function shiftUp(array: Float64Array, from: number, to: number, by: number): void {
  for (let i = to - 1; i >= from; i--) array[i + by] = array[i];
}

function shiftUpWords(array: Int32Array, from: number, to: number, by: number): void {
  for (let i = to - 1; i >= from; i--) array[i + by] = array[i];
}

function shiftDown(array: Float64Array, from: number, to: number, by: number): void {
  for (let i = from + by; i < to; i++) array[i - by] = array[i];
}

function shiftDownWords(array: Int32Array, from: number, to: number, by: number): void {
  for (let i = from + by; i < to; i++) array[i - by] = array[i];
}

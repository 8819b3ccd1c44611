/**
 * The nodes of a score tree: blocks of 1 KB of the memory, each named by its address.
 *
 *   leaf    [ length:4 | kind:4 | scores 84 * 8 | refs 84 * 4 ]
 *   inner   [ length:4 | kind:4 | scores 50 * 8 | refs 50 * 4 | children 50 * 4 | counts 50 * 4 ]
 *
 *   scores, refs   of a leaf: its entries in order; of an inner node: the lowest entry below each child
 *   counts         entries below each child
 */
import { type Discarded, type Memory, SLAB_SHIFT, UNIT_MASK } from "../memory.js";

const NODE_BYTES = 1024;
/** Nodes of a tree without an owner that are given back in one step. */
const DROP_NODES = 1024;

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
  readonly memory: Memory;
  /** Nodes taken. Others write it only where a tree wakes. */
  taken = 0;
  /** Taken in advance: see reserve(). */
  readonly #spare: number[] = [];

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.taken * NODE_BYTES;
  }

  /** Whether nodes are left from a reserve() that failed. */
  get hasSpare(): boolean {
    return this.#spare.length > 0;
  }

  /** Makes sure that the next `count` nodes need no memory. To be called before anything changes, and only for those that are taken then. */
  reserve(count: number): void {
    while (this.#spare.length < count) this.#spare.push(this.memory.take(NODE_BYTES));
  }

  /** A node without entries. */
  take(leaf: boolean): number {
    const node = this.#spare.pop() ?? this.memory.take(NODE_BYTES);
    this.taken++;
    const m = this.memory.words[node >>> SLAB_SHIFT];
    const w = (node & UNIT_MASK) << 1;
    m[w] = 0;
    m[w + KIND] = leaf ? KIND_LEAF : 0;
    return node;
  }

  /** Takes back a node that nobody uses any more. */
  give(node: number): void {
    this.taken--;
    this.memory.give(node);
  }

  /** Gives back the nodes of a tree, those of a large one by and by, and what a reserve() that failed has left. */
  clear(root: number): void {
    for (const node of this.#spare) this.memory.give(node);
    this.#spare.length = 0;
    this.taken = 0;
    if (root === 0) return;
    const going = new GoingNodes(this, root);
    if (going.dropSome()) this.memory.discarded.push(going);
  }

  /** Copies a tree of other nodes and returns its root. `moved` tells which reference stands here for one there. */
  copy(source: ScoreNodes, from: number, moved: (ref: number) => number): number {
    const isLeaf = source.isLeaf(from);
    const to = this.take(isLeaf);
    const words = this.memory.words[to >>> SLAB_SHIFT];
    const w = (to & UNIT_MASK) << 1;
    const m = source.memory.words[from >>> SLAB_SHIFT];
    const v = (from & UNIT_MASK) << 1;
    words.set(m.subarray(v, v + NODE_BYTES / 4), w);
    const length = source.length(from);
    const refs = isLeaf ? LEAF_REFS : INNER_REFS;
    for (let i = 0; i < length; i++) words[w + refs + i] = moved(m[v + refs + i]);
    if (isLeaf) return to;
    words[w] = 0;
    try {
      for (let i = 0; i < length; i++) {
        words[w + CHILDREN + i] = this.copy(source, source.child(from, i), moved);
        words[w] = i + 1;
      }
    } catch (error) {
      // No memory: what was copied by then goes.
      this.#clearBelow(to);
      throw error;
    }
    return to;
  }

  /** Number of entries or children. */
  length(node: number): number {
    return this.memory.words[node >>> SLAB_SHIFT][(node & UNIT_MASK) << 1];
  }

  isLeaf(node: number): boolean {
    return this.memory.words[node >>> SLAB_SHIFT][((node & UNIT_MASK) << 1) + KIND] === KIND_LEAF;
  }

  score(node: number, i: number): number {
    return this.memory.doubles[node >>> SLAB_SHIFT][(node & UNIT_MASK) + SCORES + i];
  }

  ref(node: number, i: number): number {
    return this.memory.words[node >>> SLAB_SHIFT][this.#refsAt(node) + i];
  }

  child(inner: number, i: number): number {
    return this.memory.words[inner >>> SLAB_SHIFT][((inner & UNIT_MASK) << 1) + CHILDREN + i];
  }

  count(inner: number, i: number): number {
    return this.memory.words[inner >>> SLAB_SHIFT][((inner & UNIT_MASK) << 1) + COUNTS + i];
  }

  /** Entries below the first `child` children. */
  countBefore(inner: number, child: number): number {
    const m = this.memory.words[inner >>> SLAB_SHIFT];
    const at = ((inner & UNIT_MASK) << 1) + COUNTS;
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
    this.memory.doubles[node >>> SLAB_SHIFT][(node & UNIT_MASK) + SCORES + i] = score;
    this.memory.words[node >>> SLAB_SHIFT][this.#refsAt(node) + i] = ref;
  }

  /** Notes the count of child `i`, whose lowest entry is still the same. */
  setCount(inner: number, i: number, count: number): void {
    this.memory.words[inner >>> SLAB_SHIFT][((inner & UNIT_MASK) << 1) + COUNTS + i] = count;
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
    this.memory.words[inner >>> SLAB_SHIFT][((inner & UNIT_MASK) << 1) + CHILDREN + at] = child;
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
    const m = this.memory.words[node >>> SLAB_SHIFT];
    const d = this.memory.doubles[node >>> SLAB_SHIFT];
    const w = (node & UNIT_MASK) << 1;
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
    const m = this.memory.words[node >>> SLAB_SHIFT];
    const d = this.memory.doubles[node >>> SLAB_SHIFT];
    const w = (node & UNIT_MASK) << 1;
    shiftDown(d, (w >>> 1) + SCORES + at, (w >>> 1) + SCORES + length, count);
    if (m[w + KIND] === KIND_LEAF) {
      shiftDownWords(m, w + LEAF_REFS + at, w + LEAF_REFS + length, count);
      return;
    }
    for (const array of INNER_WORDS) shiftDownWords(m, w + array + at, w + array + length, count);
  }

  /** First place from `low` on whose score is not below `score` (with `orEqual`: is above it). */
  scorePlace(node: number, low: number, score: number, orEqual: boolean): number {
    const d = this.memory.doubles[node >>> SLAB_SHIFT];
    const at = (node & UNIT_MASK) + SCORES;
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
    const w = (node & UNIT_MASK) << 1;
    return w + (this.memory.words[node >>> SLAB_SHIFT][w + KIND] === KIND_LEAF ? LEAF_REFS : INNER_REFS);
  }

  #setLength(node: number, length: number): void {
    this.memory.words[node >>> SLAB_SHIFT][(node & UNIT_MASK) << 1] = length;
  }

  /** Copies between two nodes of one kind. */
  #copy(from: number, fromAt: number, to: number, toAt: number, count: number): void {
    for (let i = 0; i < count; i++)
      this.setEntry(to, toAt + i, this.score(from, fromAt + i), this.ref(from, fromAt + i));
    if (this.isLeaf(from)) return;
    const m = this.memory.words[from >>> SLAB_SHIFT];
    const target = this.memory.words[to >>> SLAB_SHIFT];
    const w = ((from & UNIT_MASK) << 1) + fromAt;
    const at = ((to & UNIT_MASK) << 1) + toAt;
    for (let i = 0; i < count; i++) {
      target[at + CHILDREN + i] = m[w + CHILDREN + i];
      target[at + COUNTS + i] = m[w + COUNTS + i];
    }
  }

  #clearBelow(node: number): void {
    if (!this.isLeaf(node)) {
      const length = this.length(node);
      for (let i = 0; i < length; i++) this.#clearBelow(this.child(node, i));
    }
    this.give(node);
  }
}

/** Nodes of a tree that is gone, which are given back in steps: each has a cache line that nobody has looked at for long. */
class GoingNodes implements Discarded {
  readonly #nodes: ScoreNodes;
  readonly #left: number[];

  constructor(nodes: ScoreNodes, root: number) {
    this.#nodes = nodes;
    this.#left = [root];
  }

  dropSome(): boolean {
    const nodes = this.#nodes;
    for (let n = DROP_NODES; n > 0; n--) {
      const node = this.#left.pop();
      if (node === undefined) return false;
      if (!nodes.isLeaf(node)) for (let i = 0; i < nodes.length(node); i++) this.#left.push(nodes.child(node, i));
      nodes.memory.give(node);
    }
    return this.#left.length > 0;
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

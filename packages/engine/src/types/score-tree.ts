import { type Memory, SLAB_SHIFT, UNIT_MASK } from "../memory.js";
import type { MemberTable } from "./member-table.js";
import { INNER_MAX, INNER_REFS, KIND, KIND_LEAF, LEAF_MAX, LEAF_REFS, SCORES, ScoreNodes } from "./score-nodes.js";

const STATE_WORDS = 3;
const MISSING = "an entry is not in the score tree";

/** What an entry is visited with: its member's reference in the table, and its score. */
export type EntryVisitor = (ref: number, score: number) => void;

/**
 * The order of a sorted set: (score, reference of the member in its table) in a B+ tree whose inner nodes count what is below them, so that
 * ranks are found both ways in O(log n). Order: score, then the bytes of the member. -0 and 0 are equal; no NaN.
 *
 * Each inner node knows the lowest entry below each child, exactly: a reference that stood for a member once removed would lead nowhere.
 * Every node but those on the right edge is at least a quarter full. On the right edge one entry is enough: a full node there is not halved
 * when something is appended to it, so entries added in order fill every node, and fast.
 */
export class ScoreTree {
  readonly #table: MemberTable;
  readonly #nodes: ScoreNodes;
  /** 0 while there has been no entry. */
  #root = 0;
  #size = 0;
  // The entry being looked for, so that the steps down the tree need not hand it on. Where #ref is 0 its member is the byte range.
  #ref = 0;
  #score = 0;
  #buf: Uint8Array = new Uint8Array(0);
  #off = 0;
  #len = 0;
  /** Member found by {@link at}. */
  outRef = 0;
  /** Score found by {@link at}. */
  outScore = 0;

  /** `table` has the members; it is asked for their bytes. */
  constructor(table: MemberTable, memory: Memory) {
    this.#table = table;
    this.#nodes = new ScoreNodes(memory);
  }

  get size(): number {
    return this.#size;
  }

  /** Memory held. */
  get bytes(): number {
    return this.#nodes.bytes;
  }

  /** The nodes, for checks of the structure. The tree alone changes them. */
  get nodes(): ScoreNodes {
    return this.#nodes;
  }

  /** The top node. */
  get root(): number {
    return this.#root;
  }

  /** See Collection.restWords: 0 also where a change that failed for want of memory has left nodes over. */
  get restWords(): number {
    return this.#nodes.hasSpare ? 0 : STATE_WORDS;
  }

  /** See Collection.rest. */
  rest(m: Int32Array, w: number): void {
    m[w] = this.#root;
    m[w + 1] = this.#size;
    m[w + 2] = this.#nodes.taken;
  }

  /** See Collection.wake. */
  wake(m: Int32Array, w: number): void {
    this.#root = m[w];
    this.#size = m[w + 1];
    this.#nodes.taken = m[w + 2];
  }

  /** Adds an entry that is known to be absent. Where there is no memory, nothing has changed. */
  add(score: number, ref: number): void {
    this.#aim(score, ref);
    const nodes = this.#nodes;
    if (this.#root === 0) this.#root = nodes.take(true);
    const root = this.#root;
    const upper = this.#insert(root, ref, true, 1);
    this.#size++;
    if (upper === 0) return;
    const above = nodes.take(false);
    const upperCount = nodes.total(upper);
    nodes.insertChild(above, 0, root, this.#size - upperCount);
    nodes.insertChild(above, 1, upper, upperCount);
    this.#root = above;
  }

  /** Takes entries that are in order; there are none so far. Every node is full but for the last of each level. Where there is no memory, nothing has changed. */
  fill(scores: Float64Array, refs: Int32Array): void {
    const nodes = this.#nodes;
    const taken: number[] = [];
    try {
      for (let i = 0; i < refs.length; i++) {
        if (i % LEAF_MAX === 0) taken.push(nodes.take(true));
        nodes.insertEntry(taken[taken.length - 1], i % LEAF_MAX, scores[i], refs[i]);
      }
      // Level by level: those of one are the children of the next.
      for (let from = 0; taken.length - from > 1; ) {
        const end = taken.length;
        for (let i = from; i < end; i++) {
          const at = (i - from) % INNER_MAX;
          if (at === 0) taken.push(nodes.take(false));
          nodes.insertChild(taken[taken.length - 1], at, taken[i], nodes.total(taken[i]));
        }
        from = end;
      }
    } catch (error) {
      for (const node of taken) nodes.give(node);
      throw error;
    }
    this.#root = taken.at(-1) ?? 0;
    this.#size = refs.length;
  }

  /** Takes out an entry, which must be there. */
  delete(score: number, ref: number): void {
    if (this.#size === 0) throw new Error(MISSING);
    this.#aim(score, ref);
    this.#remove(this.#root, ref);
    this.#lowerRoot();
  }

  /** Takes out the entry at a rank, 0 .. size-1; outRef is its member. By counts alone: no member is compared. */
  deleteAt(rank: number): void {
    this.#removeAt(this.#root, rank);
    this.#lowerRoot();
  }

  /** A member of the table has another reference now; both can still be read. */
  moved(score: number, from: number, to: number): void {
    this.#aim(score, from);
    const nodes = this.#nodes;
    let node = this.#root;
    while (!nodes.isLeaf(node)) {
      const at = this.#childFor(node);
      if (nodes.ref(node, at) === from) nodes.setEntry(node, at, score, to);
      node = nodes.child(node, at);
    }
    nodes.setEntry(node, this.#place(node, 0, false), score, to);
  }

  /** Position of an entry from the lowest on; it must be there. */
  rank(score: number, ref: number): number {
    this.#aim(score, ref);
    const nodes = this.#nodes;
    let node = this.#root;
    let rank = 0;
    while (!nodes.isLeaf(node)) {
      const at = this.#childFor(node);
      rank += nodes.countBefore(node, at);
      node = nodes.child(node, at);
    }
    return rank + this.#place(node, 0, false);
  }

  /** Sets outRef and outScore to the entry at a rank; false outside 0 .. size-1. */
  at(rank: number): boolean {
    if (!(rank >= 0 && rank < this.#size)) return false;
    const nodes = this.#nodes;
    let node = this.#root;
    let left = rank;
    while (!nodes.isLeaf(node)) {
      let at = 0;
      for (let count = nodes.count(node, 0); left >= count; count = nodes.count(node, ++at)) left -= count;
      node = nodes.child(node, at);
    }
    this.outRef = nodes.ref(node, left);
    this.outScore = nodes.score(node, left);
    return true;
  }

  /** Entries with a score below `score`; with `orEqual` also those with that score. */
  countByScore(score: number, orEqual: boolean): number {
    if (this.#size === 0) return 0;
    const nodes = this.#nodes;
    let node = this.#root;
    let count = 0;
    while (!nodes.isLeaf(node)) {
      const at = nodes.scorePlace(node, 1, score, orEqual) - 1;
      count += nodes.countBefore(node, at);
      node = nodes.child(node, at);
    }
    return count + nodes.scorePlace(node, 0, score, orEqual);
  }

  /** Entries with a member below the one in `buf` (or equal); sensible only while all scores are the same. */
  countByMember(buf: Uint8Array, off: number, len: number, orEqual: boolean): number {
    if (this.#size === 0) return 0;
    const nodes = this.#nodes;
    let node = this.#root;
    this.#ref = 0;
    this.#score = nodes.score(node, 0);
    this.#buf = buf;
    this.#off = off;
    this.#len = len;
    let count = 0;
    while (!nodes.isLeaf(node)) {
      const at = this.#place(node, 1, orEqual) - 1;
      count += nodes.countBefore(node, at);
      node = nodes.child(node, at);
    }
    return count + this.#place(node, 0, orEqual);
  }

  /** Loads the members with ranks in [from, to): see MemberTable.touch. */
  touch(from: number, to: number): void {
    if (from < to) this.#touch(this.#root, from, to);
  }

  /** Visits the entries with ranks in [from, to), lowest first. */
  iterate(from: number, to: number, visit: EntryVisitor): void {
    if (from < to) this.#visitUp(this.#root, from, to, visit);
  }

  /** Visits the entries with ranks in [from, to), highest first. */
  iterateReverse(from: number, to: number, visit: EntryVisitor): void {
    if (from < to) this.#visitDown(this.#root, from, to, visit);
  }

  /** Forgets every entry and gives all memory back. */
  clear(): void {
    this.#nodes.clear(this.#root);
    this.#root = 0;
    this.#size = 0;
  }

  /** Becomes a copy of another tree, which has entries. `moved` tells which reference in this one's table stands for one in the other's. */
  copyFrom(source: ScoreTree, moved: (ref: number) => number): void {
    this.#root = this.#nodes.copy(source.#nodes, source.#root, moved);
    this.#size = source.#size;
  }

  #aim(score: number, ref: number): void {
    this.#ref = ref;
    this.#score = score;
  }

  /** First place from `low` on that is not below what is aimed at (with `orEqual`: that is above it). */
  #place(node: number, low: number, orEqual: boolean): number {
    const { words, doubles } = this.#nodes.memory;
    const m = words[node >>> SLAB_SHIFT];
    const d = doubles[node >>> SLAB_SHIFT];
    const w = (node & UNIT_MASK) << 1;
    const scores = (w >>> 1) + SCORES;
    const refs = w + (m[w + KIND] === KIND_LEAF ? LEAF_REFS : INNER_REFS);
    const score = this.#score;
    let from = low;
    let to = m[w];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const other = d[scores + middle];
      if (other < score || (other === score && this.#isBelow(m[refs + middle], orEqual))) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #isBelow(ref: number, orEqual: boolean): boolean {
    const aim = this.#ref;
    if (ref === aim) return orEqual;
    const table = this.#table;
    const order = aim === 0 ? table.compare(ref, this.#buf, this.#off, this.#len) : table.order(ref, aim);
    return order < 0 || (orEqual && order === 0);
  }

  /** The child in which the entry is or would be: the last one whose lowest entry is not above it. */
  #childFor(node: number): number {
    return this.#place(node, 1, true) - 1;
  }

  /**
   * Adds the entry aimed at; returns the new right neighbour when the node was full and has been divided, else 0.
   * @param fullAbove so many nodes above, one behind the other, are divided when this one is, or made: a new root
   */
  #insert(node: number, ref: number, rightEdge: boolean, fullAbove: number): number {
    const nodes = this.#nodes;
    const isFull = nodes.length(node) === (nodes.isLeaf(node) ? LEAF_MAX : INNER_MAX);
    if (nodes.isLeaf(node)) {
      if (isFull) nodes.reserve(1 + fullAbove);
      const at = this.#place(node, 0, false);
      const upper = isFull ? nodes.cut(node, middle(LEAF_MAX, at, rightEdge)) : 0;
      const length = nodes.length(node);
      if (upper === 0 || at < length) nodes.insertEntry(node, at, this.#score, ref);
      else nodes.insertEntry(upper, at - length, this.#score, ref);
      return upper;
    }
    const at = this.#childFor(node);
    const child = nodes.child(node, at);
    const isLast = at === nodes.length(node) - 1;
    const added = this.#insert(child, ref, rightEdge && isLast, isFull ? fullAbove + 1 : 0);
    const count = nodes.count(node, at) + 1;
    if (added === 0) {
      // What comes into a child other than the first is not below its lowest entry.
      if (at === 0) nodes.refreshChild(node, at, count);
      else nodes.setCount(node, at, count);
      return 0;
    }
    const addedCount = nodes.total(added);
    nodes.refreshChild(node, at, count - addedCount);
    return this.#insertChild(node, at + 1, added, addedCount, rightEdge);
  }

  #insertChild(node: number, at: number, child: number, count: number, rightEdge: boolean): number {
    const nodes = this.#nodes;
    const upper = nodes.length(node) < INNER_MAX ? 0 : nodes.cut(node, middle(INNER_MAX, at, rightEdge));
    const length = nodes.length(node);
    if (upper === 0 || at < length) nodes.insertChild(node, at, child, count);
    else nodes.insertChild(upper, at - length, child, count);
    return upper;
  }

  #remove(node: number, ref: number): void {
    const nodes = this.#nodes;
    if (nodes.isLeaf(node)) {
      const at = this.#place(node, 0, false);
      if (at === nodes.length(node) || nodes.ref(node, at) !== ref) throw new Error(MISSING);
      nodes.close(node, at, 1);
      return;
    }
    const at = this.#childFor(node);
    const lowestGoes = nodes.ref(node, at) === ref;
    this.#remove(nodes.child(node, at), ref);
    this.#shrunk(node, at, lowestGoes);
  }

  #removeAt(node: number, rank: number): void {
    const nodes = this.#nodes;
    if (nodes.isLeaf(node)) {
      this.outRef = nodes.ref(node, rank);
      nodes.close(node, rank, 1);
      return;
    }
    let left = rank;
    let at = 0;
    for (let count = nodes.count(node, 0); left >= count; count = nodes.count(node, ++at)) left -= count;
    this.#removeAt(nodes.child(node, at), left);
    this.#shrunk(node, at, left === 0);
  }

  /** One entry below child `at` is gone. */
  #shrunk(node: number, at: number, lowestGone: boolean): void {
    const nodes = this.#nodes;
    const child = nodes.child(node, at);
    const length = nodes.length(child);
    if (length === 0) {
      nodes.give(child);
      nodes.close(node, at, 1);
      return;
    }
    const count = nodes.count(node, at) - 1;
    if (lowestGone) nodes.refreshChild(node, at, count);
    else nodes.setCount(node, at, count);
    const max = nodes.isLeaf(child) ? LEAF_MAX : INNER_MAX;
    if (length < max >>> 2 && nodes.length(node) > 1) this.#rebalance(node, at > 0 ? at - 1 : 0, max);
  }

  /** After an entry is gone: a root with one child makes way for it. */
  #lowerRoot(): void {
    this.#size--;
    const nodes = this.#nodes;
    while (!nodes.isLeaf(this.#root) && nodes.length(this.#root) === 1) {
      const only = nodes.child(this.#root, 0);
      nodes.give(this.#root);
      this.#root = only;
    }
  }

  /**
   * Joins the children `at` and `at + 1`, or shares their content evenly when one node could not hold it. Joined they are not full: the next
   * insertion would divide them again.
   */
  #rebalance(node: number, at: number, max: number): void {
    const nodes = this.#nodes;
    const left = nodes.child(node, at);
    const right = nodes.child(node, at + 1);
    const leftLength = nodes.length(left);
    const total = leftLength + nodes.length(right);
    const both = nodes.count(node, at) + nodes.count(node, at + 1);
    if (total <= (max * 3) >>> 2) {
      nodes.moveLeft(left, right, total - leftLength);
      nodes.give(right);
      nodes.close(node, at + 1, 1);
      nodes.refreshChild(node, at, both);
      return;
    }
    const half = total >>> 1;
    if (leftLength < half) nodes.moveLeft(left, right, half - leftLength);
    else nodes.moveRight(left, right, leftLength - half);
    const leftCount = nodes.total(left);
    nodes.refreshChild(node, at, leftCount);
    nodes.refreshChild(node, at + 1, both - leftCount);
  }

  #touchMembers(leaf: number, from: number, to: number): void {
    const { words } = this.#nodes.memory;
    this.#table.touch(words[leaf >>> SLAB_SHIFT], ((leaf & UNIT_MASK) << 1) + LEAF_REFS + from, to - from);
  }

  #touch(node: number, from: number, to: number): void {
    const nodes = this.#nodes;
    const length = nodes.length(node);
    if (nodes.isLeaf(node)) {
      this.#touchMembers(node, Math.max(0, from), Math.min(to, length));
      return;
    }
    for (let i = 0, base = 0; i < length && base < to; i++) {
      const next = base + nodes.count(node, i);
      if (next > from) this.#touch(nodes.child(node, i), from - base, to - base);
      base = next;
    }
  }

  #visitUp(node: number, from: number, to: number, visit: EntryVisitor): void {
    const nodes = this.#nodes;
    const length = nodes.length(node);
    if (nodes.isLeaf(node)) {
      const end = Math.min(to, length);
      this.#touchMembers(node, Math.max(0, from), end);
      for (let i = Math.max(0, from); i < end; i++) visit(nodes.ref(node, i), nodes.score(node, i));
      return;
    }
    for (let i = 0, base = 0; i < length && base < to; i++) {
      const next = base + nodes.count(node, i);
      if (next > from) this.#visitUp(nodes.child(node, i), from - base, to - base, visit);
      base = next;
    }
  }

  #visitDown(node: number, from: number, to: number, visit: EntryVisitor): void {
    const nodes = this.#nodes;
    const length = nodes.length(node);
    if (nodes.isLeaf(node)) {
      const start = Math.max(0, from);
      this.#touchMembers(node, start, Math.min(to, length));
      for (let i = Math.min(to, length) - 1; i >= start; i--) visit(nodes.ref(node, i), nodes.score(node, i));
      return;
    }
    let base = nodes.total(node);
    for (let i = length - 1; i >= 0 && base > from; i--) {
      const end = base;
      base -= nodes.count(node, i);
      if (base < to && end > from) this.#visitDown(nodes.child(node, i), from - base, to - base, visit);
    }
  }
}

/** Where a full node is divided when something comes in at `at`. */
function middle(max: number, at: number, rightEdge: boolean): number {
  return rightEdge && at === max ? max : max >>> 1;
}

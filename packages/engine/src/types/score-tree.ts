import { NODE_JOIN_MAX, NODE_MAX, NODE_MIN, ScoreInner, ScoreLeaf, type ScoreNode } from "./score-tree-node.js";

/**
 * The order of a sorted set: (score, member) pairs in a B+ tree whose inner nodes count what is below them, so that
 * ranks are found both ways in O(log n). Order: score, then the bytes of the member. -0 and 0 are equal; no NaN.
 *
 * Every node but those on the right edge holds at least NODE_MIN. On the right edge one is enough: a full node there is
 * not halved when something is appended to it, so entries added in order fill every node, and fast.
 */
export class ScoreTree {
  #root: ScoreNode = new ScoreLeaf();
  #size = 0;
  /** Member found by {@link at}. */
  outMember = "";
  /** Score found by {@link at}. */
  outScore = 0;

  get size(): number {
    return this.#size;
  }

  /** The top node. For checks of the structure; the tree alone changes it. */
  get root(): ScoreNode {
    return this.#root;
  }

  /** Adds a pair that is known to be absent. */
  add(score: number, member: string): void {
    const root = this.#root;
    const upper = insertBelow(root, score, member, true);
    this.#size++;
    if (upper === null) return;
    const above = new ScoreInner();
    const upperCount = countOf(upper);
    above.insert(0, root, this.#size - upperCount, 0, "");
    above.insert(1, upper, upperCount, upper.scores[0], upper.members[0]);
    this.#root = above;
  }

  /** True when the pair was there. */
  delete(score: number, member: string): boolean {
    if (!removeBelow(this.#root, score, member)) return false;
    this.#size--;
    while (!this.#root.isLeaf && this.#root.length === 1) this.#root = this.#root.children[0];
    return true;
  }

  /** Position of a pair from the lowest on, -1 when absent. */
  rank(score: number, member: string): number {
    let node = this.#root;
    let rank = 0;
    while (!node.isLeaf) {
      const child = childFor(node, score, member);
      rank += node.countBefore(child);
      node = node.children[child];
    }
    const at = lowerBound(node, score, member);
    return node.members[at] === member && node.scores[at] === score ? rank + at : -1;
  }

  /** Sets outMember and outScore to the pair at a rank; false outside 0 .. size-1. */
  at(rank: number): boolean {
    if (!(rank >= 0 && rank < this.#size)) return false;
    let node = this.#root;
    let left = rank;
    while (!node.isLeaf) {
      let child = 0;
      while (left >= node.counts[child]) left -= node.counts[child++];
      node = node.children[child];
    }
    this.outMember = node.members[left];
    this.outScore = node.scores[left];
    return true;
  }

  /** Pairs with a score below `score`; with `orEqual` also those with that score. */
  countByScore(score: number, orEqual: boolean): number {
    let node = this.#root;
    let count = 0;
    while (!node.isLeaf) {
      const child = scoresBelow(node.scores, 1, score, orEqual) - 1;
      count += node.countBefore(child);
      node = node.children[child];
    }
    return count + scoresBelow(node.scores, 0, score, orEqual);
  }

  /** Pairs with a member below `member` (or equal); sensible only while all scores are the same. */
  countByMember(member: string, orEqual: boolean): number {
    let node = this.#root;
    let count = 0;
    while (!node.isLeaf) {
      const child = membersBelow(node.members, 1, member, orEqual) - 1;
      count += node.countBefore(child);
      node = node.children[child];
    }
    return count + membersBelow(node.members, 0, member, orEqual);
  }

  /** Visits the pairs with ranks in [from, to), lowest first. */
  iterate(from: number, to: number, visit: (member: string, score: number) => void): void {
    if (from < to) visitUp(this.#root, from, to, visit);
  }

  /** Visits the pairs with ranks in [from, to), highest first. */
  iterateReverse(from: number, to: number, visit: (member: string, score: number) => void): void {
    if (from < to) visitDown(this.#root, from, to, visit);
  }
}

/** Adds a pair; returns the new right neighbour when the node was full and has been divided. */
function insertBelow(node: ScoreNode, score: number, member: string, rightEdge: boolean): ScoreNode | null {
  if (node.isLeaf) return insertIntoLeaf(node, score, member, rightEdge);
  const at = childFor(node, score, member);
  const upper = insertBelow(node.children[at], score, member, rightEdge && at === node.length - 1);
  node.counts[at]++;
  if (upper === null) return null;
  const upperCount = countOf(upper);
  node.counts[at] -= upperCount;
  return insertChild(node, at + 1, upper, upperCount, rightEdge);
}

function insertIntoLeaf(leaf: ScoreLeaf, score: number, member: string, rightEdge: boolean): ScoreLeaf | null {
  const at = lowerBound(leaf, score, member);
  if (leaf.length < NODE_MAX) {
    leaf.insert(at, score, member);
    return null;
  }
  const middle = rightEdge && at === NODE_MAX ? NODE_MAX : NODE_MAX / 2;
  const upper = leaf.cut(middle);
  if (at < middle) leaf.insert(at, score, member);
  else upper.insert(at - middle, score, member);
  return upper;
}

// The separator of a child that has just been divided off stands at its place 0 (a leaf's first pair, or see cut).
function insertChild(
  node: ScoreInner,
  at: number,
  child: ScoreNode,
  count: number,
  rightEdge: boolean,
): ScoreInner | null {
  const score = child.scores[0];
  const member = child.members[0];
  if (node.length < NODE_MAX) {
    node.insert(at, child, count, score, member);
    return null;
  }
  const middle = rightEdge && at === NODE_MAX ? NODE_MAX : NODE_MAX / 2;
  const upper = node.cut(middle);
  if (at < middle) node.insert(at, child, count, score, member);
  else upper.insert(at - middle, child, count, score, member);
  return upper;
}

function removeBelow(node: ScoreNode, score: number, member: string): boolean {
  if (node.isLeaf) {
    const at = lowerBound(node, score, member);
    if (node.members[at] !== member || node.scores[at] !== score) return false;
    node.remove(at);
    return true;
  }
  const at = childFor(node, score, member);
  const child = node.children[at];
  if (!removeBelow(child, score, member)) return false;
  node.counts[at]--;
  // Only the right edge has nodes small enough to become empty before they are joined, and then it is an only child.
  if (child.length === 0) node.remove(at);
  else if (child.length < NODE_MIN && node.length > 1) rebalance(node, at > 0 ? at - 1 : 0);
  return true;
}

/** Joins the children `at` and `at + 1`, or shares their content evenly when one node could not hold it. */
function rebalance(node: ScoreInner, at: number): void {
  const left = node.children[at];
  const right = node.children[at + 1];
  const total = left.length + right.length;
  join(left, right);
  if (total <= NODE_JOIN_MAX) {
    node.counts[at] += node.counts[at + 1];
    node.remove(at + 1);
    return;
  }
  const both = node.counts[at] + node.counts[at + 1];
  const upper = left.cut(total >> 1);
  node.children[at + 1] = upper;
  node.counts[at + 1] = countOf(upper);
  node.counts[at] = both - node.counts[at + 1];
  node.scores[at + 1] = upper.scores[0];
  node.members[at + 1] = upper.members[0];
}

function join(left: ScoreNode, right: ScoreNode): void {
  if (left.isLeaf && right.isLeaf) left.absorb(right);
  else if (!left.isLeaf && !right.isLeaf) left.absorb(right);
}

function visitUp(node: ScoreNode, from: number, to: number, visit: (member: string, score: number) => void): void {
  if (node.isLeaf) {
    const end = Math.min(to, node.length);
    for (let i = Math.max(0, from); i < end; i++) visit(node.members[i], node.scores[i]);
    return;
  }
  for (let i = 0, base = 0; i < node.length && base < to; base += node.counts[i++]) {
    if (base + node.counts[i] > from) visitUp(node.children[i], from - base, to - base, visit);
  }
}

function visitDown(node: ScoreNode, from: number, to: number, visit: (member: string, score: number) => void): void {
  if (node.isLeaf) {
    const start = Math.max(0, from);
    for (let i = Math.min(to, node.length) - 1; i >= start; i--) visit(node.members[i], node.scores[i]);
    return;
  }
  let base = node.total();
  for (let i = node.length - 1; i >= 0 && base > from; i--) {
    const end = base;
    base -= node.counts[i];
    if (base < to && end > from) visitDown(node.children[i], from - base, to - base, visit);
  }
}

function countOf(node: ScoreNode): number {
  return node.isLeaf ? node.length : node.total();
}

/** The child in which a pair is or would be: the last one whose separator is not above it. */
function childFor(node: ScoreInner, score: number, member: string): number {
  const { scores, members } = node;
  let low = 1;
  let high = members.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = scores[middle];
    if (score < other || (score === other && member < members[middle])) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

/** Place of the first pair of a leaf that is not below (score, member). */
function lowerBound(leaf: ScoreLeaf, score: number, member: string): number {
  const { scores, members } = leaf;
  let low = 0;
  let high = members.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = scores[middle];
    if (other < score || (other === score && members[middle] < member)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First place from `low` on whose score is not below `score` (with `orEqual`: is above it). */
function scoresBelow(scores: readonly number[], low: number, score: number, orEqual: boolean): number {
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = scores[middle];
    if (other < score || (orEqual && other === score)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First place from `low` on whose member is not below `member` (with `orEqual`: is above it). */
function membersBelow(members: readonly string[], low: number, member: string, orEqual: boolean): number {
  let high = members.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = members[middle];
    if (other < member || (orEqual && other === member)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Most entries of a leaf and most children of an inner node. */
export const NODE_MAX = 64;
/** A node with fewer is filled up from a neighbour, or joined with it. */
export const NODE_MIN = NODE_MAX / 4;
/** Neighbours are joined when they hold no more than this together: below NODE_MAX, or the next insertion splits again. */
export const NODE_JOIN_MAX = (NODE_MAX * 3) / 4;

/** A node of a {@link ScoreTree}. */
export type ScoreNode = ScoreLeaf | ScoreInner;

/** Entries in order, as two arrays beside each other. */
export class ScoreLeaf {
  readonly isLeaf = true;
  scores: number[] = emptyDoubles();
  members: string[] = [];

  get length(): number {
    return this.members.length;
  }

  insert(at: number, score: number, member: string): void {
    insertNumber(this.scores, at, score);
    insertReference(this.members, at, member);
  }

  remove(at: number): void {
    removeNumber(this.scores, at);
    removeReference(this.members, at);
  }

  /** Cuts off the entries from `at` on and returns them as a leaf. */
  cut(at: number): ScoreLeaf {
    const upper = new ScoreLeaf();
    upper.scores = cutArray(this.scores, at);
    upper.members = cutArray(this.members, at);
    return upper;
  }

  /** Adds the entries of the leaf behind this one. */
  absorb(next: ScoreLeaf): void {
    pushAll(this.scores, next.scores);
    pushAll(this.members, next.members);
  }
}

/**
 * Children in order, with the number of entries below each. For every child but the first, (score, member) at its
 * place separates: it is above all entries of the child before and not above those of the child itself. Place 0 repeats
 * the separator that this node has in its parent (on the left edge it means nothing), so that joining two nodes keeps
 * every separator. It stays so because a first child is never removed while it has siblings.
 */
export class ScoreInner {
  readonly isLeaf = false;
  children: ScoreNode[] = [];
  counts: number[] = [];
  scores: number[] = emptyDoubles();
  members: string[] = [];

  get length(): number {
    return this.children.length;
  }

  insert(at: number, child: ScoreNode, count: number, score: number, member: string): void {
    insertReference(this.children, at, child);
    insertNumber(this.counts, at, count);
    insertNumber(this.scores, at, score);
    insertReference(this.members, at, member);
  }

  remove(at: number): void {
    removeReference(this.children, at);
    removeNumber(this.counts, at);
    removeNumber(this.scores, at);
    removeReference(this.members, at);
  }

  /** Cuts off the children from `at` on; its separator in the parent is the one at its place 0. */
  cut(at: number): ScoreInner {
    const upper = new ScoreInner();
    upper.children = cutArray(this.children, at);
    upper.counts = cutArray(this.counts, at);
    upper.scores = cutArray(this.scores, at);
    upper.members = cutArray(this.members, at);
    return upper;
  }

  /** Adds the children of the node behind this one. */
  absorb(next: ScoreInner): void {
    pushAll(this.children, next.children);
    pushAll(this.counts, next.counts);
    pushAll(this.scores, next.scores);
    pushAll(this.members, next.members);
  }

  /** Entries below this node. */
  total(): number {
    return this.countBefore(this.counts.length);
  }

  /** Entries below the first `child` children. */
  countBefore(child: number): number {
    let total = 0;
    for (let i = 0; i < child; i++) total += this.counts[i];
    return total;
  }
}

// An array that has held a fraction keeps its numbers unboxed for ever: all score arrays then look the same to V8.
function emptyDoubles(): number[] {
  const doubles = [0.5];
  doubles.pop();
  return doubles;
}

// Moving up to 64 places in a loop beats splice, which also makes an array of what it removed. One function each for
// numbers and for references: V8 keeps the two kinds of array apart, and a loop over both is several times slower.
function insertNumber(array: number[], at: number, value: number): void {
  array.push(value);
  for (let i = array.length - 1; i > at; i--) array[i] = array[i - 1];
  array[at] = value;
}

function insertReference<T extends string | object>(array: T[], at: number, value: T): void {
  array.push(value);
  for (let i = array.length - 1; i > at; i--) array[i] = array[i - 1];
  array[at] = value;
}

function removeNumber(array: number[], at: number): void {
  const last = array.length - 1;
  for (let i = at; i < last; i++) array[i] = array[i + 1];
  array.pop();
}

function removeReference<T extends string | object>(array: T[], at: number): void {
  const last = array.length - 1;
  for (let i = at; i < last; i++) array[i] = array[i + 1];
  array.pop();
}

function cutArray<T>(array: T[], at: number): T[] {
  const upper = array.slice(at);
  array.length = at;
  return upper;
}

function pushAll<T>(target: T[], source: readonly T[]): void {
  for (let i = 0; i < source.length; i++) target.push(source[i]);
}

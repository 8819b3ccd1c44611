import { expect, test } from "vitest";
import { MemberTable } from "../../src/types/member-table.js";
import { INNER_MAX, LEAF_MAX } from "../../src/types/score-nodes.js";
import { sortEntries } from "../../src/types/score-order.js";
import { ScoreTree } from "../../src/types/score-tree.js";
import { ranged, seeded, tableHome, textAt } from "./seeded.js";

type Pair = { score: number; member: string };

const INNER_MIN = INNER_MAX >>> 2;

/** A score tree with its table, by names. The same name may be there with several scores: the tree does not mind. */
class NamedTree {
  readonly table = new MemberTable(tableHome(), "number");
  readonly tree = new ScoreTree(this.table, tableHome().memory);

  get size(): number {
    return this.tree.size;
  }

  /** Reference of a member, which is added to the table when it is new. Nothing is removed from the table, so nothing moves. */
  ref(member: string): number {
    const [buf, off, len] = ranged(member);
    const hash = this.table.hashOf(buf, off, len);
    const found = this.table.find(hash, buf, off, len);
    return found === 0 ? this.table.add(hash, buf, off, len) : found;
  }

  name(ref: number): string {
    return textAt(this.table.bytesOf(ref), this.table.offsetOf(ref), this.table.lengthOf(ref));
  }

  add(score: number, member: string): void {
    this.tree.add(score, this.ref(member));
  }

  delete(score: number, member: string): void {
    this.tree.delete(score, this.ref(member));
  }

  /** Takes the entry at a rank out and returns it. */
  deleteAt(rank: number): Pair {
    const pair = this.at(rank);
    this.tree.deleteAt(rank);
    expect(this.name(this.tree.outRef)).toBe(pair.member);
    return pair;
  }

  at(rank: number): Pair {
    if (!this.tree.at(rank)) throw new Error(`nothing at ${rank}`);
    return { score: this.tree.outScore, member: this.name(this.tree.outRef) };
  }

  countByMember(member: string, orEqual: boolean): number {
    return this.tree.countByMember(...ranged(member), orEqual);
  }
}

function below(a: Pair, b: Pair): boolean {
  return a.score < b.score || (a.score === b.score && a.member < b.member);
}

/** Checks order, counts, lowest entries, fill and equal depth of all leaves; returns the depth (0: no node, 1: a single leaf). */
function validate(named: NamedTree): number {
  const { tree } = named;
  const { nodes } = tree;
  let depth = 0;
  let last: Pair | null = null;
  let total = 0;
  const fail = (what: string) => {
    throw new Error(`score tree of ${tree.size}: ${what}`);
  };
  const walk = (node: number, level: number, rightEdge: boolean): number => {
    const leaf = nodes.isLeaf(node);
    const max = leaf ? LEAF_MAX : INNER_MAX;
    const length = nodes.length(node);
    if (length > max) fail(`${length} in one node`);
    if (!rightEdge && length < max >>> 2) fail(`only ${length} in a node not on the right edge`);
    if (length === 0 && level > 1) fail("an empty node");
    if (leaf) {
      if (depth === 0) depth = level;
      if (depth !== level) fail(`leaves at depths ${depth} and ${level}`);
      for (let i = 0; i < length; i++) {
        const pair: Pair = { score: nodes.score(node, i), member: named.name(nodes.ref(node, i)) };
        if (last !== null && !below(last, pair)) fail(`order at ${pair.member}`);
        last = pair;
        total++;
      }
      return length;
    }
    if (level === 1 && length < 2) fail("a root too small");
    for (let i = 0; i < length; i++) {
      const child = nodes.child(node, i);
      const count = walk(child, level + 1, rightEdge && i === length - 1);
      if (count !== nodes.count(node, i)) fail(`${count} entries counted as ${nodes.count(node, i)}`);
      if (nodes.score(node, i) !== nodes.score(child, 0) || nodes.ref(node, i) !== nodes.ref(child, 0)) fail("lowest");
    }
    return nodes.total(node);
  };
  if (tree.root !== 0) walk(tree.root, 1, true);
  if (total !== tree.size) fail(`${total} entries`);
  return depth;
}

/** Most levels a tree of this size can have: every node at its minimum, and one level for the right edge. */
function depthMax(size: number): number {
  return Math.ceil(Math.log(Math.max(2, size)) / Math.log(INNER_MIN)) + 1;
}

test("an empty tree answers", () => {
  const named = new NamedTree();
  const { tree } = named;
  expect([tree.size, tree.at(0), tree.at(-1)]).toEqual([0, false, false]);
  expect([tree.countByScore(1, true), named.countByMember("a", true), validate(named)]).toEqual([0, 0, 0]);
  tree.iterate(0, 10, () => expect.unreachable());
  expect(() => named.delete(1, "a")).toThrow("not in the score tree");
});

test("entries added in order fill every node", () => {
  const tree = new NamedTree();
  const size = LEAF_MAX * INNER_MAX * 3;
  for (let i = 0; i < size; i++) tree.add(i, "m");
  expect(validate(tree)).toBe(3);
  const { nodes, root } = tree.tree;
  const leaves = (node: number): number => {
    if (nodes.isLeaf(node)) return 1;
    let total = 0;
    for (let i = 0; i < nodes.length(node); i++) total += leaves(nodes.child(node, i));
    return total;
  };
  expect(leaves(root)).toBe(size / LEAF_MAX);
});

// Control: where each child counts as one entry, all from LEAF_MAX + 1 on are red.
test.each([
  0,
  1,
  LEAF_MAX,
  LEAF_MAX + 1,
  LEAF_MAX * INNER_MAX,
  LEAF_MAX * INNER_MAX + 1,
  LEAF_MAX * INNER_MAX * 2 + 99,
])("filled at once with %i entries it is as one that grew, and goes on", (size) => {
  const { below: pick } = seeded(`score-tree fill ${size}`);
  const tree = new NamedTree();
  const pairs = Array.from({ length: size }, (_, i): Pair => ({ score: pick(9), member: `m${i}` }));
  const scores = Float64Array.from(pairs, ({ score }) => score);
  const refs = Int32Array.from(pairs, ({ member }) => tree.ref(member));
  sortEntries(scores, refs, tree.table);
  tree.tree.fill(scores, refs);
  expect(validate(tree)).toBe(size === 0 ? 0 : size <= LEAF_MAX ? 1 : size <= LEAF_MAX * INNER_MAX ? 2 : 3);
  pairs.sort((a, b) => (below(a, b) ? -1 : 1));
  for (let rank = 0; rank < size; rank += 1 + (size >> 6)) expect(tree.at(rank)).toEqual(pairs[rank]);
  for (let i = 0; i < 500; i++) tree.add(pick(9), `n${i}`);
  validate(tree);
  while (tree.size > 10) tree.deleteAt(pick(tree.size));
  validate(tree);
});

test("where no node is left a tree that is filled gives back what it took", () => {
  const tree = new NamedTree();
  const refs = Int32Array.from({ length: 1000 }, (_, i) => tree.ref(`m${i}`));
  const { memory } = tree.tree.nodes;
  const before = memory.takenBytes;
  const take = memory.take.bind(memory);
  let left = 5;
  memory.take = (bytes) => {
    if (left-- === 0) throw new RangeError("no memory");
    return take(bytes);
  };
  expect(() => tree.tree.fill(new Float64Array(1000), refs)).toThrow("no memory");
  memory.take = take;
  expect([tree.size, memory.takenBytes]).toEqual([0, before]);
});

test.each(["ascending", "descending", "random"])("depth stays logarithmic when filled %s and emptied", (order) => {
  const { below: pick } = seeded(`score-tree ${order}`);
  const tree = new NamedTree();
  const size = 60_000;
  const score = (i: number) => (order === "ascending" ? i : order === "descending" ? -i : (i * 48271) % 65_537);
  for (let i = 0; i < size; i++) {
    tree.add(score(i), "m");
    if (i % 10_000 === 0) expect(validate(tree)).toBeLessThanOrEqual(depthMax(i));
  }
  expect(validate(tree)).toBeLessThanOrEqual(depthMax(size));
  for (let left = size; left > 0; left--) {
    // From the low end, from the high end, and anywhere.
    tree.deleteAt(left > 40_000 ? 0 : left > 20_000 ? left - 1 : pick(left));
    if (left % 5000 === 0 || left < 70) expect(validate(tree)).toBeLessThanOrEqual(depthMax(left));
  }
  expect([tree.size, validate(tree)]).toEqual([0, 1]);
});

test("a lone entry on the right edge goes without leaving empty nodes", () => {
  const tree = new NamedTree();
  for (const size of [LEAF_MAX + 1, LEAF_MAX * INNER_MAX + 1, LEAF_MAX * INNER_MAX ** 2 + 1]) {
    for (let i = tree.size; i < size; i++) tree.add(i, "m");
    const depth = validate(tree);
    tree.delete(size - 1, "m");
    expect(validate(tree)).toBe(depth - 1);
    tree.add(size - 1, "m");
    tree.delete(0, "m");
    tree.add(0, "m");
    validate(tree);
  }
});

test("prop: keeps its invariants when whole ranges go and new ones come", () => {
  const { below: pick } = seeded("score-tree ranges");
  const tree = new NamedTree();
  for (let round = 0; round < 30; round++) {
    // A dense bunch of scores somewhere, then a bite out of the middle, as wide as many nodes.
    const base = pick(1000);
    for (let n = pick(6000); n > 0; n--) tree.add(base + pick(2 ** 30) / 2 ** 24, `${round} ${n}`);
    validate(tree);
    const from = pick(tree.size + 1);
    for (let n = Math.min(tree.size - from, pick(8000)); n > 0; n--) {
      tree.deleteAt(from);
    }
    expect(validate(tree)).toBeLessThanOrEqual(depthMax(tree.size));
  }
});

test("prop: behaves as a sorted array, and keeps its invariants", () => {
  const { below: pick, random } = seeded("score-tree");
  const tree = new NamedTree();
  const present = new Map<string, Pair>();
  for (let step = 0; step < 60_000; step++) {
    const growing = step % 30_000 < 18_000;
    // Few scores, so that many members share one.
    const pair: Pair = { score: pick(50) - 25, member: `m${pick(100)}` };
    const key = `${pair.score} ${pair.member}`;
    if (present.has(key)) {
      if (!growing || random() < 0.1) {
        tree.delete(pair.score, pair.member);
        present.delete(key);
      }
    } else if (growing || random() < 0.1) {
      tree.add(pair.score, pair.member);
      present.set(key, pair);
    }
    if (step % 5000 === 0) checkAgainst(tree, [...present.values()], pick);
  }
  checkAgainst(tree, [...present.values()], pick);
});

function checkAgainst(named: NamedTree, pairs: Pair[], pick: (n: number) => number): void {
  const depth = validate(named);
  const { tree } = named;
  expect(depth).toBeLessThanOrEqual(depthMax(pairs.length));
  pairs.sort((a, b) => (below(a, b) ? -1 : 1));
  pairs.forEach(({ score, member }, rank) => {
    if (tree.rank(score, named.ref(member)) !== rank) throw new Error(`rank of ${score} ${member}`);
    const found = named.at(rank);
    if (found.member !== member || found.score !== score) throw new Error(`at ${rank}`);
  });
  for (let score = -27; score <= 27; score += 0.5) {
    expect(tree.countByScore(score, false)).toBe(pairs.filter((p) => p.score < score).length);
    expect(tree.countByScore(score, true)).toBe(pairs.filter((p) => p.score <= score).length);
  }
  for (let n = 0; n < 20; n++) {
    const from = pick(pairs.length + 1);
    const to = from + pick(pairs.length - from + 1);
    const names = pairs.slice(from, to).map((p) => p.member);
    const up: string[] = [];
    tree.iterate(from, to, (ref) => up.push(named.name(ref)));
    expect(up).toEqual(names);
    const down: string[] = [];
    tree.iterateReverse(from, to, (ref) => down.push(named.name(ref)));
    expect(down).toEqual(names.reverse());
  }
}

test("prop: members of one score are counted by their bytes, also after deletions", () => {
  const { below: pick } = seeded("score-tree members");
  const tree = new NamedTree();
  const members = new Set<string>();
  const name = () => String.fromCharCode(pick(256), pick(256));
  for (let step = 0; step < 30_000; step++) {
    const member = name();
    if (step % 10_000 < 7000 && !members.has(member)) {
      tree.add(7, member);
      members.add(member);
    } else if (step % 10_000 >= 7000) {
      members.delete(tree.deleteAt(pick(tree.size)).member);
    }
    if (step % 1000 !== 0) continue;
    validate(tree);
    const bound = name();
    const all = [...members];
    expect(tree.countByMember(bound, false)).toBe(all.filter((m) => m < bound).length);
    expect(tree.countByMember(all[0] ?? "", true)).toBe(all.filter((m) => m <= (all[0] ?? "")).length);
  }
});

// Control: with all nodes given back at once in clear(), the second expectation is red.
test("a large tree that goes gives its nodes back in steps", () => {
  const { memory } = tableHome();
  const table = new MemberTable(tableHome(), "number");
  const tree = new ScoreTree(table, memory);
  const [buf, off, len] = ranged("member");
  const ref = table.add(table.hashOf(buf, off, len), buf, off, len);
  for (let i = 0; i < 200_000; i++) tree.add(i, ref);
  const full = memory.takenBytes;
  tree.clear();
  expect(memory.takenBytes).toBeGreaterThan(full / 3);
  while (memory.giveDiscarded());
  expect(memory.takenBytes).toBe(0);
});

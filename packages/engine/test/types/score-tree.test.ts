import { expect, test } from "vitest";
import { ScoreTree } from "../../src/types/score-tree.js";
import { NODE_MAX, NODE_MIN, type ScoreNode } from "../../src/types/score-tree-node.js";
import { seeded } from "./seeded.js";

type Pair = { score: number; member: string };

function below(a: Pair, b: Pair): boolean {
  return a.score < b.score || (a.score === b.score && a.member < b.member);
}

/** Checks order, counts, separators, fill and equal depth of all leaves; returns the depth (1: a single leaf). */
function validate(tree: ScoreTree): number {
  let depth = 0;
  let last: Pair | null = null;
  let total = 0;
  const fail = (what: string) => {
    throw new Error(`score tree of ${tree.size}: ${what}`);
  };
  const walk = (node: ScoreNode, level: number, rightEdge: boolean, separator: Pair | null): number => {
    if (node.length > NODE_MAX) fail(`${node.length} in one node`);
    if (!rightEdge && node.length < NODE_MIN) fail(`only ${node.length} in a node not on the right edge`);
    if (node.isLeaf) {
      if (level > 1 && node.length === 0) fail("an empty leaf");
      if (depth === 0) depth = level;
      if (depth !== level) fail(`leaves at depths ${depth} and ${level}`);
      if (node.scores.length !== node.members.length) fail("arrays differ in length");
      for (let i = 0; i < node.length; i++) {
        const pair: Pair = { score: node.scores[i], member: node.members[i] };
        if (last !== null && !below(last, pair)) fail(`order at ${pair.member}`);
        if (i === 0 && separator !== null && below(pair, separator)) fail(`separator above ${pair.member}`);
        last = pair;
        total++;
      }
      return node.length;
    }
    if (node.length === 0 || (level === 1 && node.length < 2)) fail("an inner node too small");
    if (node.counts.length !== node.length || node.scores.length !== node.length) fail("arrays differ in length");
    if (separator !== null && below({ score: node.scores[0], member: node.members[0] }, separator)) fail("place 0");
    if (separator !== null && below(separator, { score: node.scores[0], member: node.members[0] })) fail("place 0");
    for (let i = 0; i < node.length; i++) {
      const own = i === 0 ? separator : { score: node.scores[i], member: node.members[i] };
      if (i > 0 && last !== null && own !== null && !below(last, own)) fail("separator not above the child before");
      const count = walk(node.children[i], level + 1, rightEdge && i === node.length - 1, own);
      if (count !== node.counts[i]) fail(`${count} entries counted as ${node.counts[i]}`);
    }
    return node.total();
  };
  walk(tree.root, 1, true, null);
  if (total !== tree.size) fail(`${total} entries`);
  return depth;
}

/** Most levels a tree of this size can have: every node at its minimum, and one level for the right edge. */
function depthMax(size: number): number {
  return Math.ceil(Math.log(Math.max(2, size)) / Math.log(NODE_MIN)) + 1;
}

test("an empty tree answers", () => {
  const tree = new ScoreTree();
  expect([tree.size, tree.at(0), tree.rank(1, "a"), tree.delete(1, "a")]).toEqual([0, false, -1, false]);
  expect([tree.countByScore(1, true), tree.countByMember("a", true), validate(tree)]).toEqual([0, 0, 1]);
  tree.iterate(0, 10, () => expect.unreachable());
});

test("entries added in order fill every node", () => {
  const tree = new ScoreTree();
  const size = NODE_MAX * NODE_MAX * 3;
  for (let i = 0; i < size; i++) tree.add(i, "m");
  expect(validate(tree)).toBe(3);
  let leaves = 0;
  const count = (node: ScoreNode): void => {
    if (node.isLeaf) leaves++;
    else node.children.forEach(count);
  };
  count(tree.root);
  expect(leaves).toBe(size / NODE_MAX);
});

test.each(["ascending", "descending", "random"])("depth stays logarithmic when filled %s and emptied", (order) => {
  const { below: pick } = seeded(`score-tree ${order}`);
  const tree = new ScoreTree();
  const size = 60_000;
  const score = (i: number) => (order === "ascending" ? i : order === "descending" ? -i : (i * 48271) % 65_537);
  for (let i = 0; i < size; i++) {
    tree.add(score(i), "m");
    if (i % 10_000 === 0) expect(validate(tree)).toBeLessThanOrEqual(depthMax(i));
  }
  expect(validate(tree)).toBeLessThanOrEqual(depthMax(size));
  for (let left = size; left > 0; left--) {
    // From the low end, from the high end, and anywhere.
    tree.at(left > 40_000 ? 0 : left > 20_000 ? left - 1 : pick(left));
    expect(tree.delete(tree.outScore, tree.outMember)).toBe(true);
    if (left % 5000 === 0 || left < 70) expect(validate(tree)).toBeLessThanOrEqual(depthMax(left));
  }
  expect([tree.size, validate(tree)]).toEqual([0, 1]);
});

test("a lone entry on the right edge goes without leaving empty nodes", () => {
  const tree = new ScoreTree();
  for (const size of [NODE_MAX + 1, NODE_MAX ** 2 + 1, NODE_MAX ** 3 + 1]) {
    for (let i = tree.size; i < size; i++) tree.add(i, "m");
    const depth = validate(tree);
    expect(tree.delete(size - 1, "m")).toBe(true);
    expect(validate(tree)).toBe(depth - 1);
    tree.add(size - 1, "m");
    tree.delete(0, "m");
    tree.add(0, "m");
    validate(tree);
  }
});

test("prop: keeps its invariants when whole ranges go and new ones come", () => {
  const { below: pick } = seeded("score-tree ranges");
  const tree = new ScoreTree();
  for (let round = 0; round < 60; round++) {
    // A dense bunch of scores somewhere, then a bite out of the middle, as wide as many nodes.
    const base = pick(1000);
    for (let n = pick(6000); n > 0; n--) tree.add(base + pick(2 ** 30) / 2 ** 24, `${round} ${n}`);
    validate(tree);
    const from = pick(tree.size + 1);
    for (let n = Math.min(tree.size - from, pick(8000)); n > 0; n--) {
      tree.at(from);
      if (!tree.delete(tree.outScore, tree.outMember)) throw new Error(`delete in round ${round}`);
    }
    expect(validate(tree)).toBeLessThanOrEqual(depthMax(tree.size));
  }
});

test("prop: behaves as a sorted array, and keeps its invariants", () => {
  const { below: pick, random } = seeded("score-tree");
  const tree = new ScoreTree();
  const present = new Map<string, Pair>();
  for (let step = 0; step < 100_000; step++) {
    const growing = step % 40_000 < 25_000;
    // Few scores, so that many members share one.
    const pair: Pair = { score: pick(50) - 25, member: `m${pick(100)}` };
    const key = `${pair.score} ${pair.member}`;
    if (present.has(key)) {
      if (!growing || random() < 0.1) {
        if (!tree.delete(pair.score, pair.member)) throw new Error(`delete ${key} at ${step}`);
        present.delete(key);
      }
    } else if (growing || random() < 0.1) {
      tree.add(pair.score, pair.member);
      present.set(key, pair);
    } else if (tree.delete(pair.score, pair.member)) throw new Error(`deleted absent ${key} at ${step}`);
    if (step % 5000 === 0) checkAgainst(tree, [...present.values()], pick);
  }
  checkAgainst(tree, [...present.values()], pick);
});

function checkAgainst(tree: ScoreTree, pairs: Pair[], pick: (n: number) => number): void {
  const depth = validate(tree);
  expect(depth).toBeLessThanOrEqual(depthMax(pairs.length));
  pairs.sort((a, b) => (below(a, b) ? -1 : 1));
  pairs.forEach(({ score, member }, rank) => {
    if (tree.rank(score, member) !== rank) throw new Error(`rank of ${score} ${member}`);
    if (!tree.at(rank) || tree.outMember !== member || tree.outScore !== score) throw new Error(`at ${rank}`);
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
    tree.iterate(from, to, (member) => up.push(member));
    expect(up).toEqual(names);
    const down: string[] = [];
    tree.iterateReverse(from, to, (member) => down.push(member));
    expect(down).toEqual(names.reverse());
  }
}

test("prop: members of one score are counted by their bytes, also after deletions", () => {
  const { below: pick } = seeded("score-tree members");
  const tree = new ScoreTree();
  const members = new Set<string>();
  const name = () => String.fromCharCode(pick(256), pick(256));
  for (let step = 0; step < 30_000; step++) {
    const member = name();
    if (step % 10_000 < 7000 && !members.has(member)) {
      tree.add(7, member);
      members.add(member);
    } else if (step % 10_000 >= 7000) {
      tree.at(pick(tree.size));
      members.delete(tree.outMember);
      tree.delete(7, tree.outMember);
    }
    if (step % 1000 !== 0) continue;
    validate(tree);
    const bound = name();
    const all = [...members];
    expect(tree.countByMember(bound, false)).toBe(all.filter((m) => m < bound).length);
    expect(tree.countByMember(all[0] ?? "", true)).toBe(all.filter((m) => m <= (all[0] ?? "")).length);
  }
});

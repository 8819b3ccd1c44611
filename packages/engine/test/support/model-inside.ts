/** Operations of the model that change collections inside, or make one of several. */
import {
  higherScore,
  lowerScore,
  type MemberVisitor,
  SIDE_HEAD,
  SIDE_TAIL,
  sumOfScores,
  TYPE_LIST,
  TYPE_SET,
  TYPE_ZSET,
} from "../../src/index.js";
import { textAt } from "../types/seeded.js";
import { bytes, collection, keep, type Operation, ranges, same } from "./model-values.js";

const freshList = (): { type: typeof TYPE_LIST; data: string[] } => ({ type: TYPE_LIST, data: [] });

/** LSET, LINSERT, LREM, LTRIM and LMOVE. */
export const listInside: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const value = collection(d, k, freshList());
  if (value === null || value.data.length === 0) return;
  const { data } = value;
  const db = d.keyspace.db(0);
  const at = [key, 0, key.length] as const;
  const text = d.random.int(60) === 0 ? "e".repeat(d.random.int(9000)) : d.text();
  const element = [bytes(text), 0, text.length] as const;
  const position = d.random.int(data.length);
  switch (d.random.int(5)) {
    case 0:
      same(k, "lset", db.lists.set(...at, position, ...element), true);
      same(k, "lset", db.lists.set(...at, data.length, ...element), false);
      data[position] = text;
      break;
    case 1:
      same(k, "linsert", db.lists.insert(...at, position, ...element), true);
      data.splice(position, 0, text);
      break;
    case 2: {
      const from = Math.max(0, position - d.random.int(20));
      const to = data.length - d.random.int(8);
      same(k, "ltrim", db.lists.trim(...at, from, to), true);
      value.data = data.slice(from, Math.max(from, to));
      break;
    }
    case 3: {
      // An element that is there several times, as a rule.
      const same3 = [data[position] as string, ...(d.random.int(2) === 0 ? ["twice", "twice", "twice"] : [])];
      const wanted = same3.at(-1) as string;
      db.lists.push(...at, SIDE_TAIL, ...ranges(same3));
      data.push(...same3);
      const side = d.random.pick([SIDE_HEAD, SIDE_TAIL]);
      const limit = 1 + d.random.int(3);
      const places = data.flatMap((e, i) => (e === wanted ? [i] : []));
      const gone = new Set(side === SIDE_HEAD ? places.slice(0, limit) : places.slice(-limit));
      const needle = bytes(wanted);
      same(k, "lrem", db.lists.remove(...at, side, limit, needle, 0, needle.length), gone.size);
      value.data = data.filter((_, i) => !gone.has(i));
      break;
    }
    default:
      keep(d, k, value);
      moveElement(d, key);
      return;
  }
  keep(d, k, value);
};

const moveElement = (d: Parameters<Operation>[0], source: Buffer): void => {
  const target = d.random.int(3) === 0 ? source : d.key();
  const from = collection(d, source.toString(), freshList());
  const to = source.equals(target) ? from : collection(d, target.toString(), freshList());
  if (from === null || to === null) return;
  const [fromSide, toSide] = [d.random.int(2), d.random.int(2)];
  const moved = (fromSide === SIDE_HEAD ? from.data.shift() : from.data.pop()) as string;
  if (toSide === SIDE_HEAD) to.data.unshift(moved);
  else to.data.push(moved);
  const buf = Buffer.concat([source, target]);
  const places = [buf, 0, source.length, fromSide, source.length, target.length, toSide] as const;
  d.keyspace.db(0).lists.move(...places, (b, off, len) => same(source.toString(), "lmove", textAt(b, off, len), moved));
  keep(d, source.toString(), from);
  keep(d, target.toString(), to);
};

type Sorted = ReadonlyMap<string, number>;

/** What a set or a sorted set has, as a sorted set; an absent key is empty, another type null. */
function sortedAt(d: Parameters<Operation>[0], k: string): Sorted | null {
  const found = d.get(k);
  if (found === undefined) return new Map();
  if (found.type === TYPE_ZSET) return found.data;
  return found.type === TYPE_SET ? new Map([...found.data].map((m) => [m, 1])) : null;
}

const AGGREGATES = [
  [sumOfScores, (a: number, b: number) => (Number.isNaN(a + b) ? 0 : a + b)],
  [lowerScore, Math.min],
  [higherScore, Math.max],
] as const;

/** SUNIONSTORE, ZINTERSTORE and their kin. */
export const combine: Operation = (d) => {
  const keys = Array.from({ length: 1 + d.random.int(4) }, () => d.key());
  const names = keys.map(String);
  const sorted = d.random.int(2) === 0;
  const all = names.map((k) => sortedAt(d, k));
  const { algebra } = d.keyspace.db(0);
  const sources = algebra.sources(...ranges(names), sorted);
  const fits = all.every((one) => one !== null) && (sorted || names.every((k) => d.get(k)?.type !== TYPE_ZSET));
  same(names.join(), "sources", sources !== null, fits);
  if (sources === null) return;
  const scored = all as Sorted[];
  // Sums of three doubles depend on their order, which is that of the sizes.
  const bySize = scored.toSorted((a, b) => a.size - b.size);
  const [aggregate, modelled] = d.random.pick(AGGREGATES);
  const expected = new Map<string, number>();
  const kind = d.random.int(3);
  if (kind === 0) {
    for (const one of bySize)
      for (const [m, s] of one) expected.set(m, expected.has(m) ? modelled(expected.get(m) as number, s) : s);
  } else if (kind === 1) {
    const [first, ...others] = bySize as [Sorted, ...Sorted[]];
    for (const [m, s] of first) {
      if (others.every((other) => other.has(m)))
        expected.set(
          m,
          others.reduce((score, other) => modelled(score, other.get(m) as number), s),
        );
    }
  } else {
    const [first, ...others] = scored as [Sorted, ...Sorted[]];
    for (const [m, s] of first) if (!others.some((other) => other.has(m))) expected.set(m, s);
  }
  const find = (visit: MemberVisitor) =>
    kind === 1 ? algebra.intersect(sources, aggregate, visit) : algebra.subtract(sources, visit);
  const target = d.key();
  const at = [target, 0, target.length] as const;
  const db = d.keyspace.db(0);
  if (sorted) {
    const built = kind === 0 ? algebra.uniteScores(sources, aggregate, false) : algebra.collectScores(find, false);
    db.put(...at, built);
  } else if (kind === 0) db.put(...at, algebra.unite(sources));
  else {
    const slice = algebra.encode(find);
    if (expected.size === 0) db.keys.remove(...at);
    else db.restore(...at, TYPE_SET, 0, slice.bytes, 0, slice.length);
  }
  for (const [m, s] of expected) expected.set(m, s + 0);
  if (sorted) keep(d, target.toString(), { type: TYPE_ZSET, data: expected, expireAt: 0 });
  else keep(d, target.toString(), { type: TYPE_SET, data: new Set(expected.keys()), expireAt: 0 });
  d.check(target.toString());
};

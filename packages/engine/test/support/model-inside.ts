/** Operations of the model that change collections inside, or make one of several. */
import { SIDE_HEAD, SIDE_TAIL } from "../../src/index.js";
import { TYPE_LIST } from "../../src/types/index.js";
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

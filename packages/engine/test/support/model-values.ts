/** What the model of a keyspace holds, and what its operations share. */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STRING, TYPE_ZSET } from "../../src/types/index.js";
import type { Driver } from "./model.js";
import type { Random } from "./random.js";

export type ModelValue =
  | { type: typeof TYPE_STRING; data: string }
  | { type: typeof TYPE_LIST; data: string[] }
  | { type: typeof TYPE_SET; data: Set<string> }
  | { type: typeof TYPE_HASH; data: Map<string, string> }
  | { type: typeof TYPE_ZSET; data: Map<string, number> };

export type Modelled = ModelValue & { expireAt: number };

/** A random change or look, to the model and to the real one; throws where they differ. */
export type Operation = (d: Driver) => void;

export function same(key: string, what: string, real: unknown, expected: unknown): void {
  if (Object.is(real, expected) || isDeepStrictEqual(real, expected)) return;
  const short = (v: unknown): string =>
    typeof v === "string" && v.length > 60
      ? `${v.length} bytes, sha1 ${createHash("sha1").update(v).digest("hex")}`
      : String(v);
  throw new Error(`${key} ${what}: ${short(real)}, expected ${short(expected)}`);
}

export const bytes = (s: string): Buffer => Buffer.from(s, "latin1");

/** Elements as mutators take them. */
export function ranges(elements: readonly string[]): [Buffer, Int32Array, Int32Array, number, number] {
  const off = new Int32Array(elements.length);
  const len = Int32Array.from(elements, (element) => element.length);
  for (let i = 1; i < off.length; i++) off[i] = (off[i - 1] as number) + (len[i - 1] as number);
  return [bytes(elements.join("")), off, len, 0, elements.length];
}

/** The modelled value for a collection operation: null when the key holds another type. */
export function collection<T extends ModelValue>(d: Driver, k: string, fresh: T): (T & { expireAt: number }) | null {
  const found = d.get(k);
  // The engine's callers look a key up before they change it.
  const key = bytes(k);
  d.keyspace.db(0).keys.lookup(key, 0, key.length);
  if (found === undefined) return { ...fresh, expireAt: 0 };
  return found.type === fresh.type ? (found as T & { expireAt: number }) : null;
}

export function keep(d: Driver, k: string, value: Modelled): void {
  const size = typeof value.data === "string" ? 1 : "length" in value.data ? value.data.length : value.data.size;
  if (size === 0) d.model.delete(k);
  else d.model.set(k, value);
}

export const copyValue = (v: Modelled): Modelled => structuredClone(v);

export function anyScore(random: Random): number {
  const integer = random.int(2 ** random.int(40)) - 50;
  return random.pick([random.int(50), integer, random.next(), -0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
}

/** The pairs of a sorted set, lowest first. */
export function inOrder(zset: ReadonlyMap<string, number>): [string, number][] {
  return [...zset].sort(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x - y));
}

import { expect, test } from "vitest";
import { DenseKeys } from "../../src/types/dense-keys.js";
import { DenseMap } from "../../src/types/dense-map.js";
import { seeded } from "./seeded.js";

/** Every slot holds a key that is found in that slot, and the sizes agree. */
function checkSlots(map: DenseMap<number>, model: Map<string, number>): void {
  expect(map.size).toBe(model.size);
  for (let slot = 0; slot < map.size; slot++) {
    const key = map.keyAt(slot);
    if (map.slotOf(key) !== slot || map.valueAt(slot) !== model.get(key)) throw new Error(`slot ${slot} of ${key}`);
  }
}

test("sets, gets and deletes; the last entry takes the freed slot", () => {
  const map = new DenseMap<number>();
  expect([map.set("a", 1), map.set("b", 2), map.set("c", 3), map.set("a", 4)]).toEqual([true, true, true, false]);
  expect([map.get("a"), map.get("x"), map.has("b"), map.has("x")]).toEqual([4, undefined, true, false]);
  expect([map.delete("a"), map.delete("a")]).toEqual([true, false]);
  expect([map.keyAt(0), map.valueAt(0), map.slotOf("c"), map.size]).toEqual(["c", 3, 0, 2]);
  map.deleteAt(1);
  expect([map.has("b"), map.size]).toEqual([false, 1]);
});

test("keys that are names of object properties are ordinary keys", () => {
  const map = new DenseMap<number>();
  for (const key of ["__proto__", "constructor", "", "0"]) expect(map.has(key)).toBe(false);
  map.set("__proto__", 7);
  expect(map.get("__proto__")).toBe(7);
});

test("a random slot covers all slots and nothing else", () => {
  const keys = new DenseKeys();
  for (let i = 0; i < 4; i++) keys.append(String(i));
  expect([0, 0.25, 0.5, 0.999999999].map((x) => keys.randomSlot(() => x))).toEqual([0, 1, 2, 3]);
});

// 100_000 stands for "one inner Map"; 7 and 50 force many of them, as 2^23 does for very large keys.
test.each([100_000, 50, 7])("prop: behaves as a Map, with at most %i entries in each inner Map", (limit) => {
  const { below, random } = seeded(`dense-map ${limit}`);
  const map = new DenseMap<number>(limit);
  const model = new Map<string, number>();
  for (let step = 0; step < 100_000; step++) {
    // The number of possible keys changes, so that the map grows and shrinks through every size.
    const key = `k${below(step % 20_000 < 10_000 ? 300 : 12)}`;
    const action = below(4);
    if (action < 2) {
      if (map.set(key, step) === model.has(key)) throw new Error(`set ${key} at ${step}`);
      model.set(key, step);
    } else if (action === 2) {
      if (map.delete(key) !== model.delete(key)) throw new Error(`delete ${key} at ${step}`);
    } else if (map.size > 100 && below(2) === 0) {
      const slot = map.randomSlot(random);
      model.delete(map.keyAt(slot));
      map.deleteAt(slot);
    } else if (map.get(key) !== model.get(key)) throw new Error(`get ${key} at ${step}`);
    if (step % 5000 === 0) checkSlots(map, model);
  }
  checkSlots(map, model);
  for (const key of [...model.keys()]) map.delete(key);
  expect(map.size).toBe(0);
});

test("prop: a scan visits every entry that is present all the time, whatever else changes", () => {
  const { below } = seeded("dense-map scan");
  for (let round = 0; round < 300; round++) {
    const map = new DenseMap<number>(64);
    const size = 1 + below(400);
    for (let i = 0; i < size; i++) map.set(`k${i}`, i);
    const stays = new Set<string>();
    for (let i = 0; i < size; i++) if (below(3) > 0) stays.add(`k${i}`);
    const seen = new Set<string>();
    let cursor = 0;
    let calls = 0;
    do {
      cursor = map.scan(cursor, 1 + below(20), (key) => seen.add(key));
      for (let n = below(30); n > 0; n--) {
        const key = `k${below(size * 2)}`;
        if (stays.has(key)) continue;
        if (below(2) === 0) map.delete(key);
        else map.set(key, n);
      }
      if (++calls > 2000) throw new Error("the scan does not end");
    } while (cursor !== 0);
    for (const key of stays) if (!seen.has(key)) throw new Error(`${key} was missed in round ${round}`);
  }
});

test("a scan of nothing ends at once, and a cursor beyond the size begins at the top", () => {
  const map = new DenseMap<number>();
  expect(map.scan(0, 10, () => expect.unreachable())).toBe(0);
  map.set("a", 1);
  map.set("b", 2);
  const seen: string[] = [];
  expect(map.scan(99, 1, (key) => seen.push(key))).toBe(1);
  expect(map.scan(1, 1, (key) => seen.push(key))).toBe(0);
  expect(seen).toEqual(["b", "a"]);
});

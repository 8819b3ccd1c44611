import { expect, test } from "vitest";
import { SetValue } from "../../src/types/set.js";
import { TYPE_SET } from "../../src/types/type-codes.js";
import { ranged, seeded, tableHome, textAt } from "./seeded.js";

function placeOf(set: SetValue, member: string): number {
  return set.find(...ranged(member));
}

function add(set: SetValue, member: string): boolean {
  if (placeOf(set, member) !== 0) return false;
  set.add(...ranged(member));
  return true;
}

function remove(set: SetValue, member: string): boolean {
  const place = placeOf(set, member);
  if (place !== 0) set.delete(place);
  return place !== 0;
}

function at(set: SetValue, slot: number): string {
  let member = "";
  set.visit(set.at(slot), (...range) => {
    member = textAt(...range);
  });
  return member;
}

test("members are added, found and deleted", () => {
  const set = new SetValue(tableHome());
  expect(set.type).toBe(TYPE_SET);
  expect([add(set, "a"), add(set, "a"), add(set, "b"), add(set, "c")]).toEqual([true, false, true, true]);
  expect([placeOf(set, "b") === set.at(1), placeOf(set, "x"), at(set, 0), set.size]).toEqual([true, 0, "a", 3]);
  expect([remove(set, "a"), remove(set, "a"), at(set, 0)]).toEqual([true, false, "c"]);
  set.delete(set.at(0));
  expect([placeOf(set, "c"), set.size]).toEqual([0, 1]);
});

test("prop: behaves as a Set, and its memory comes back", () => {
  const { below } = seeded("set");
  const set = new SetValue(tableHome());
  const emptyBytes = set.bytes;
  const model = new Set<string>();
  for (let step = 0; step < 100_000; step++) {
    const member = `m${below(700)}`;
    if (below(3) > 0) {
      if (add(set, member) === model.has(member)) throw new Error(`add ${member} at ${step}`);
      model.add(member);
    } else if (remove(set, member) !== model.delete(member)) throw new Error(`delete ${member} at ${step}`);
    if (set.size !== model.size) throw new Error(`size at ${step}`);
    if (set.size > 0 && !model.has(at(set, below(set.size)))) throw new Error(`member at ${step}`);
  }
  const seen = new Set<string>();
  set.scan(0, 1000, (...range) => seen.add(textAt(...range)));
  expect(seen).toEqual(model);
  while (set.size > 0) set.delete(set.at(below(set.size)));
  // The three chunks of a small arena, 21 KB, and the lists.
  expect(set.bytes - emptyBytes).toBeLessThan(30_000);
});

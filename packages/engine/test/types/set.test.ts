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

function memberAt(set: SetValue, place: number): string {
  let member = "";
  set.visit(place, (...range) => {
    member = textAt(...range);
  });
  return member;
}

test("members are added, found and deleted", () => {
  const set = new SetValue(tableHome());
  expect(set.type).toBe(TYPE_SET);
  expect([add(set, "a"), add(set, "a"), add(set, "b"), add(set, "c")]).toEqual([true, false, true, true]);
  expect([memberAt(set, placeOf(set, "b")), placeOf(set, "x"), set.size]).toEqual(["b", 0, 3]);
  expect([remove(set, "a"), remove(set, "a"), set.size]).toEqual([true, false, 2]);
  set.delete(placeOf(set, "c"));
  expect([placeOf(set, "c"), set.size]).toEqual([0, 1]);
});

test("prop: behaves as a Set, and its memory comes back", () => {
  const { below, random } = seeded("set");
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
    if (set.size > 0 && !model.has(memberAt(set, set.randomPlace(random)))) throw new Error(`member at ${step}`);
  }
  const seen = new Set<string>();
  set.scan(0, 1000, (...range) => seen.add(textAt(...range)));
  expect(seen).toEqual(model);
  while (set.size > 0) set.delete(set.randomPlace(random));
  // The three chunks of a small arena, 21 KB, and the lists.
  expect(set.bytes - emptyBytes).toBeLessThan(30_000);
});

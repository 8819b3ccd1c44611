import { expect, test } from "vitest";
import { SetValue } from "../../src/types/set.js";
import { TYPE_SET } from "../../src/types/type-codes.js";
import { seeded } from "./seeded.js";

test("members are added, found and deleted", () => {
  const set = new SetValue();
  expect(set.type).toBe(TYPE_SET);
  expect([set.add("a"), set.add("a"), set.add("b"), set.add("c")]).toEqual([true, false, true, true]);
  expect([set.has("a"), set.has("x"), set.at(0), set.size]).toEqual([true, false, "a", 3]);
  expect([set.delete("a"), set.delete("a"), set.at(0)]).toEqual([true, false, "c"]);
  set.deleteAt(0);
  expect([set.has("c"), set.size]).toEqual([false, 1]);
});

test("prop: behaves as a Set; random members are members; bytes return to where they began", () => {
  const { below, random } = seeded("set");
  const set = new SetValue();
  const emptyBytes = set.bytes;
  const model = new Set<string>();
  for (let step = 0; step < 100_000; step++) {
    const member = `m${below(700)}`;
    if (below(3) > 0) {
      if (set.add(member) === model.has(member)) throw new Error(`add ${member} at ${step}`);
      model.add(member);
    } else if (set.delete(member) !== model.delete(member)) throw new Error(`delete ${member} at ${step}`);
    if (set.size !== model.size) throw new Error(`size at ${step}`);
    if (set.size > 0 && !model.has(set.at(set.randomSlot(random)))) throw new Error(`random member at ${step}`);
  }
  const seen = new Set<string>();
  set.scan(0, 1000, (member) => seen.add(member));
  expect(seen).toEqual(model);
  while (set.size > 0) set.deleteAt(set.randomSlot(random));
  expect(set.bytes).toBe(emptyBytes);
});

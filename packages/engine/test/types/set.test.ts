import { expect, test } from "vitest";
import { SetValue } from "../../src/types/set.js";
import { TYPE_SET } from "../../src/types/type-codes.js";
import { seeded } from "./seeded.js";

const bytes = (text: string) => [Buffer.from(text, "latin1"), 0, text.length] as const;

function add(set: SetValue, member: string): boolean {
  if (set.slotOf(...bytes(member)) >= 0) return false;
  set.append(...bytes(member));
  return true;
}

function remove(set: SetValue, member: string): boolean {
  const slot = set.slotOf(...bytes(member));
  if (slot >= 0) set.deleteAt(slot);
  return slot >= 0;
}

function at(set: SetValue, slot: number): string {
  let member = "";
  set.visit(slot, (buf, off, len) => {
    member = Buffer.from(buf.subarray(off, off + len)).toString("latin1");
  });
  return member;
}

test("members are added, found and deleted", () => {
  const set = new SetValue();
  expect(set.type).toBe(TYPE_SET);
  expect([add(set, "a"), add(set, "a"), add(set, "b"), add(set, "c")]).toEqual([true, false, true, true]);
  expect([set.slotOf(...bytes("b")), set.slotOf(...bytes("x")), at(set, 0), set.size]).toEqual([1, -1, "a", 3]);
  expect([remove(set, "a"), remove(set, "a"), at(set, 0)]).toEqual([true, false, "c"]);
  set.deleteAt(0);
  expect([set.slotOf(...bytes("c")), set.size]).toEqual([-1, 1]);
});

test("prop: behaves as a Set; bytes return to where they began", () => {
  const { below } = seeded("set");
  const set = new SetValue();
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
  set.scan(0, 1000, (buf, off, len) => seen.add(Buffer.from(buf.subarray(off, off + len)).toString("latin1")));
  expect(seen).toEqual(model);
  while (set.size > 0) set.deleteAt(below(set.size));
  expect(set.bytes).toBe(emptyBytes);
});

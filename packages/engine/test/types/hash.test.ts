import { expect, test } from "vitest";
import { HashValue } from "../../src/types/hash.js";
import { TYPE_HASH } from "../../src/types/type-codes.js";
import { seeded } from "./seeded.js";

test("fields are set, read and deleted", () => {
  const hash = new HashValue();
  expect(hash.type).toBe(TYPE_HASH);
  expect([hash.set("f", "1"), hash.set("f", "2"), hash.set("g", "")]).toEqual([true, false, true]);
  expect([hash.get("f"), hash.get("g"), hash.get("x"), hash.has("g"), hash.has("x")]).toEqual([
    "2",
    "",
    undefined,
    true,
    false,
  ]);
  expect([hash.fieldAt(0), hash.valueAt(0), hash.randomSlot(() => 0.9)]).toEqual(["f", "2", 1]);
  expect([hash.delete("f"), hash.delete("f"), hash.size]).toEqual([true, false, 1]);
});

test("prop: behaves as a Map; bytes return to where they began", () => {
  const { below } = seeded("hash");
  const hash = new HashValue();
  const emptyBytes = hash.bytes;
  const model = new Map<string, string>();
  for (let step = 0; step < 100_000; step++) {
    const field = `f${below(500)}`;
    if (below(3) > 0) {
      const value = "v".repeat(below(40));
      if (hash.set(field, value) === model.has(field)) throw new Error(`set ${field} at ${step}`);
      model.set(field, value);
    } else if (hash.delete(field) !== model.delete(field)) throw new Error(`delete ${field} at ${step}`);
    if (hash.get(field) !== model.get(field) || hash.size !== model.size) throw new Error(`${field} at ${step}`);
  }
  const seen = new Map<string, string>();
  expect(hash.scan(0, 1000, (field, value) => seen.set(field, value))).toBe(0);
  expect(seen).toEqual(model);
  expect(hash.bytes).toBeGreaterThan(emptyBytes);
  for (const field of model.keys()) hash.delete(field);
  expect([hash.size, hash.bytes]).toEqual([0, emptyBytes]);
});

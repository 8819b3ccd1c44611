import { expect, test } from "vitest";
import { HashValue } from "../../src/types/hash.js";
import { TYPE_HASH } from "../../src/types/type-codes.js";
import { ranged, seeded, tableHome, textAt } from "./seeded.js";

function set(hash: HashValue, field: string, value: string): boolean {
  return hash.set(...ranged(field), ...ranged(value));
}

function get(hash: HashValue, field: string): string | undefined {
  const place = hash.find(...ranged(field));
  if (place === 0) return undefined;
  let value = "";
  hash.visit(place, (buf, _foff, _flen, voff, vlen) => {
    value = textAt(buf, voff, vlen);
  });
  return value;
}

function remove(hash: HashValue, field: string): boolean {
  const place = hash.find(...ranged(field));
  if (place !== 0) hash.delete(place);
  return place !== 0;
}

test("fields are set, read and deleted", () => {
  const hash = new HashValue(tableHome());
  expect(hash.type).toBe(TYPE_HASH);
  expect([set(hash, "f", "1"), set(hash, "f", "22"), set(hash, "g", "")]).toEqual([true, false, true]);
  expect([get(hash, "f"), get(hash, "g"), get(hash, "x")]).toEqual(["22", "", undefined]);
  expect([remove(hash, "f"), remove(hash, "f"), hash.size]).toEqual([true, false, 1]);
});

test("prop: behaves as a Map, and its memory comes back", () => {
  const { below } = seeded("hash");
  const hash = new HashValue(tableHome());
  const emptyBytes = hash.bytes;
  const model = new Map<string, string>();
  for (let step = 0; step < 100_000; step++) {
    const field = `f${below(500)}`;
    if (below(3) > 0) {
      const value = "v".repeat(below(40));
      if (set(hash, field, value) === model.has(field)) throw new Error(`set ${field} at ${step}`);
      model.set(field, value);
    } else if (remove(hash, field) !== model.delete(field)) throw new Error(`delete ${field} at ${step}`);
    if (get(hash, field) !== model.get(field) || hash.size !== model.size) throw new Error(`${field} at ${step}`);
  }
  const seen = new Map<string, string>();
  const note = (buf: Uint8Array, foff: number, flen: number, voff: number, vlen: number) =>
    seen.set(textAt(buf, foff, flen), textAt(buf, voff, vlen));
  expect(hash.scan(0, 1000, note)).toBe(0);
  expect(seen).toEqual(model);
  seen.clear();
  hash.each(note);
  expect(seen).toEqual(model);
  for (const field of model.keys()) remove(hash, field);
  expect(hash.size).toBe(0);
  expect(hash.bytes - emptyBytes).toBeLessThan(50_000);
});

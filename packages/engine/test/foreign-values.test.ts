/** Values that came from elsewhere (RESTORE): an element that is there twice is found, whatever form the value would have, and nothing changes then. */

import { expect, test } from "vitest";
import { ByteSink, Keyspace, RepeatedElementError, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_ZSET } from "../src/index.js";

const KEY = Buffer.from("k");
/** More of them than are packed. */
const MANY = 2000;

/** A slice of so many different elements and then the first one again, if asked for. */
function slice(type: number, count: number, repeats: boolean): ByteSink {
  const sink = new ByteSink();
  const names = Array.from({ length: count }, (_, i) => `m${String(i).padStart(6, "0")}`);
  if (repeats) names.push(names[0]);
  sink.u32(names.length);
  for (const [score, name] of names.entries()) {
    if (type === TYPE_ZSET) sink.f64(score);
    sink.str(name);
    if (type === TYPE_HASH) sink.str("value");
  }
  return sink;
}

test.each([
  ["set", TYPE_SET],
  ["hash", TYPE_HASH],
  ["sorted set", TYPE_ZSET],
])("a %s", (_name, type) => {
  for (const count of [1, 3, MANY]) {
    const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
    const db = keyspace.db(0);
    db.strings.set(KEY, 0, 1, KEY, 0, 1, 0);
    const before = keyspace.digest();
    const bad = slice(type, count, true);
    expect(() => db.restore(KEY, 0, 1, type, 0, bad.bytes, 0, bad.length, true)).toThrow(RepeatedElementError);
    expect(keyspace.digest()).toBe(before);
    const good = slice(type, count, false);
    db.restore(KEY, 0, 1, type, 0, good.bytes, 0, good.length, true);
    expect(db.keys.lookup(KEY, 0, 1)).toBe(type);
    expect(db.found.size).toBe(count);
  }
});

test("a list may have an element twice", () => {
  const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
  const bytes = slice(TYPE_LIST, 3, true);
  keyspace.db(0).restore(KEY, 0, 1, TYPE_LIST, 0, bytes.bytes, 0, bytes.length, true);
  expect(keyspace.db(0).keys.lookup(KEY, 0, 1)).toBe(TYPE_LIST);
  expect(keyspace.db(0).found.size).toBe(4);
});

/** The step from the large form of a collection back to the packed one. From packed to large: prop-keyspace.test.ts, commands/test/forms.test.ts. */
import { beforeEach, expect, test } from "vitest";
import { Keyspace } from "../src/index.js";
import { SIDE_HEAD, SIDE_TAIL } from "../src/types/index.js";
import { SEED } from "./support/model.js";

const KEYS = 300;
/** More than Redis keeps in a small form. */
const ELEMENTS = 600;
const ELEMENT_BYTES = 40;
/** A quarter of the entries that are packed; for a list, as much as half of the bytes that Redis has in a small form. */
const FEW = 32;
const LIST_FEW = 100;

const args = Buffer.alloc(ELEMENTS * 2 * ELEMENT_BYTES);
const off = new Int32Array(ELEMENTS * 2);
const len = new Int32Array(ELEMENTS * 2);
for (let i = 0; i < off.length; i++) {
  off[i] = i * ELEMENT_BYTES;
  len[i] = ELEMENT_BYTES;
  args.write(String(i).padEnd(ELEMENT_BYTES, "x"), i * ELEMENT_BYTES);
}
const scores = Float64Array.from({ length: ELEMENTS }, (_, i) => i);
const keyOf = (i: number) => Buffer.from(`key:${i}`);

let keyspace: Keyspace;
beforeEach(() => {
  keyspace = new Keyspace({ hashSeed: SEED, random: Math.random });
});

/** Fills and shrinks: `take` takes elements number `from` to before `to`, of which there are two for each entry of a hash or sorted set. */
const TYPES = {
  hash: {
    add: (key: Buffer) => keyspace.db(0).hashes.set(key, 0, key.length, args, off, len, 0, ELEMENTS),
    take: (key: Buffer, count: number) => {
      for (let i = 0; i < count; i++) keyspace.db(0).hashes.delete(key, 0, key.length, args, off, len, 2 * i, 1);
    },
  },
  set: {
    add: (key: Buffer) => keyspace.db(0).sets.add(key, 0, key.length, args, off, len, 0, ELEMENTS),
    take: (key: Buffer, count: number) => keyspace.db(0).sets.remove(key, 0, key.length, args, off, len, 0, count),
  },
  zset: {
    add: (key: Buffer) => keyspace.db(0).zsets.add(key, 0, key.length, scores, args, off, len, 0, ELEMENTS, 0),
    take: (key: Buffer, count: number) => {
      const { keys, zsets } = keyspace.db(0);
      keys.lookup(key, 0, key.length);
      zsets.popRanks(key, 0, key.length, 0, count, false, () => {});
    },
  },
  list: {
    add: (key: Buffer) => keyspace.db(0).lists.push(key, 0, key.length, SIDE_TAIL, args, off, len, 0, ELEMENTS),
    take: (key: Buffer, count: number) => keyspace.db(0).lists.pop(key, 0, key.length, SIDE_HEAD, count, null),
  },
};

test.each(Object.keys(TYPES) as (keyof typeof TYPES)[])("a %s that has shrunk is packed again", (type) => {
  const { add, take } = TYPES[type];
  const { keys, found } = keyspace.db(0);
  const at = (i: number) => keys.lookup(keyOf(i), 0, keyOf(i).length);
  const valueBytes = () => keys.shards.reduce((sum, shard) => sum + shard.valueBytes, 0);
  for (let i = 0; i < KEYS; i++) add(keyOf(i));
  at(0);
  expect(found.isLarge).toBe(true);
  const many = 1 + (type === "list" ? LIST_FEW : FEW);
  for (let i = 0; i < KEYS; i++) {
    take(keyOf(i), ELEMENTS - many);
    at(i);
    expect([found.size, found.isLarge], "it is near to growing out of it again").toEqual([many, true]);
  }
  for (let i = 0; i < KEYS; i++) {
    keys.setExpire(keyOf(i), 0, keyOf(i).length, 1e12 + i);
    add(keyOf(i));
    take(keyOf(i), (type === "list" ? ELEMENTS + many : ELEMENTS) - 10);
    at(i);
    expect([found.size, found.isPacked, keys.expireAt]).toEqual([10, true, 1e12 + i]);
    // Redis's lists return to their small form, nothing else does.
    expect(found.isSmall).toBe(type === "list");
  }
  expect(valueBytes()).toBe(0);
  expect(keyspace.values.count).toBe(0);
});

test("what has one element of a megabyte is not copied to look whether it may be packed", () => {
  const { keys, found, hashes } = keyspace.db(0);
  const key = keyOf(0);
  const large = Buffer.alloc(4 * 2 ** 20, "x");
  hashes.set(key, 0, key.length, args, off, len, 0, 200);
  keys.lookup(key, 0, key.length);
  hashes.put(key, 0, key.length, args, 0, 1, large, 0, large.length);
  let encoded = 0;
  keys.lookup(key, 0, key.length);
  const { value } = keys;
  const encode = value.encodeSlice.bind(value);
  value.encodeSlice = (...given) => {
    encoded++;
    return encode(...given);
  };
  TYPES.hash.take(key, 200);
  expect([found.size, keys.valueBytes > large.length, encoded]).toEqual([1, true, 0]);
});

/** `count` times the element x, each with a number behind it where `pairs`. */
function repeated(count: number, pairs: boolean): [Buffer, Int32Array, Int32Array] {
  const each = pairs ? 2 : 1;
  return [
    Buffer.from("x1"),
    Int32Array.from({ length: count * each }, (_, i) => i % each),
    new Int32Array(count * each).fill(1),
  ];
}

// As Redis 7.2 and Valkey do it. Control, seen red: without the rule all are packed.
test.each([
  ["hash", 512, 513],
  ["set", 128, 129],
  ["zset", 128, 129],
] as const)("a %s is packed first where the command brings %i elements, not %i", (type, few, many) => {
  const { keys, found, hashes, sets, zsets } = keyspace.db(0);
  for (const count of [few, many]) {
    const key = keyOf(count);
    const args = repeated(count, type !== "set");
    if (type === "hash") hashes.set(key, 0, key.length, ...args, 0, count);
    else if (type === "set") sets.add(key, 0, key.length, ...args, 0, count);
    else zsets.add(key, 0, key.length, new Float64Array(count), ...args, 0, count, 0);
    keys.lookup(key, 0, key.length);
    expect([found.size, found.isPacked]).toEqual([1, count === few]);
  }
});

test("a set of integers to which too many others come is packed as long as it has few", () => {
  const { keys, found, sets } = keyspace.db(0);
  const key = keyOf(0);
  sets.add(key, 0, key.length, Buffer.from("1"), new Int32Array(1), Int32Array.of(1), 0, 1);
  sets.add(key, 0, key.length, ...repeated(200, false), 0, 200);
  keys.lookup(key, 0, key.length);
  expect([found.size, found.isPacked]).toEqual([2, true]);
});

import { expect, test } from "vitest";
import { hashKey, hashSeed } from "../src/hash.js";
import { AHEAD_KEYS_MAX, KeyHashes } from "../src/key-hashes.js";
import { newKeyspace } from "./support/model.js";
import { Random, seedOf } from "./support/random.js";

const SEED = hashSeed(Buffer.from("seed8byt"));

// Controls, each seen red: without the number of the batch in a slot, without the length.
test("a hash is remembered for the bytes that it was computed from, whatever was there in earlier batches", () => {
  const random = new Random(seedOf("key-hashes"));
  const hashes = new KeyHashes({ seed: SEED });
  const buf = Buffer.alloc(4096);
  for (let round = 0; round < 2000; round++) {
    for (let i = 0; i < buf.length; i += 4) buf.writeInt32LE(random.int(2 ** 31), i);
    if (round % 3 === 0) hashes.clear();
    else hashes.begin(buf);
    let off = random.int(20);
    const keys: [number, number][] = [];
    for (; off < buf.length - 100; off += 1 + random.int(80)) keys.push([off, 4 + random.int(40)]);
    let room = AHEAD_KEYS_MAX;
    if (round % 3 > 0) for (const [at, len] of keys) expect(hashes.add(at, len)).toBe(room-- > 0);
    for (const [at, len] of keys) {
      expect(hashes.of(buf, at, len)).toBe(hashKey(SEED, buf, at, len));
      expect(hashes.of(buf, at, len + 1)).toBe(hashKey(SEED, buf, at, len + 1));
      expect(hashes.of(Buffer.from(buf).fill(1), at, len)).not.toBe(hashes.of(buf, at, len + 8));
    }
  }
});

// Control, seen red: a key taken for the one before it by its length alone.
test("a key that is named again right behind itself takes no room", () => {
  const hashes = new KeyHashes({ seed: SEED });
  const buf = Buffer.from("same same somesame same");
  hashes.begin(buf);
  for (const at of [0, 5, 10, 14, 19]) expect(hashes.add(at, 4)).toBe(true);
  expect(hashes.count).toBe(3);
  for (const at of [0, 5, 10, 14, 19]) expect(hashes.of(buf, at, 4)).toBe(hashKey(SEED, buf, at, 4));
  hashes.begin(buf);
  expect(hashes.add(5, 4)).toBe(true);
  expect(hashes.count).toBe(1);
});

// Control, seen red: the element's hash remembered as the key's.
test("elements of large collections are touched, and hashed once, without changing anything; others are left", () => {
  const random = new Random(seedOf("key-hashes-elements"));
  const keyspace = newKeyspace(random, 3);
  const db = keyspace.db(0);
  const names = ["hash", "sets", "zset", "list", "text", "tiny", "none"];
  const words = [...names, ...Array.from({ length: 2000 }, (_, i) => `m${String(i).padStart(3, "0")}`)];
  const text = Buffer.from(words.map((word) => word.slice(0, 4)).join(""));
  const off = Int32Array.from(words, (_, i) => 4 * i);
  const len = new Int32Array(words.length).fill(4);
  const first = names.length;
  db.hashes.set(text, 0, 4, text, off, len, first, 900);
  db.sets.add(text, 4, 4, text, off, len, first, 900);
  db.zsets.add(text, 8, 4, new Float64Array(900), text, off, len, first, 900, 0);
  db.lists.push(text, 12, 4, 0, text, off, len, first, 900);
  db.strings.set(text, 16, 4, text, 0, 4, 0);
  db.sets.add(text, 20, 4, text, off, len, first, 3);
  const before = keyspace.digest();
  for (let round = 0; round < 30; round++) {
    keyspace.hashes.begin(text);
    const keys = Array.from({ length: 1 + random.int(8) }, () => random.int(names.length));
    for (const k of keys) keyspace.hashes.add(4 * k, 4);
    keyspace.hashes.touch(db.keys.shards);
    for (const k of keys) {
      const from = first + random.int(1900);
      keyspace.hashes.addElements(db.keys.shards, 4 * k, 4, off, len, from, from + random.int(80), 1 + random.int(2));
    }
    keyspace.hashes.touchElements();
    for (let i = 0; i < words.length; i++) {
      expect(keyspace.hashes.of(text, 4 * i, 4)).toBe(hashKey(keyspace.seed, text, 4 * i, 4));
    }
  }
  keyspace.hashes.clear();
  expect(keyspace.digest()).toBe(before);
});

test("touching changes nothing, whether the keys are there or not, in whatever memory", () => {
  const random = new Random(seedOf("key-hashes-touch"));
  const keyspace = newKeyspace(random, 3);
  const db = keyspace.db(0);
  const text = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `key:${String(i).padStart(6, "0")}`).join(""));
  const touch = (): void => {
    keyspace.hashes.begin(text);
    for (let i = 0; i < AHEAD_KEYS_MAX; i++) keyspace.hashes.add(random.int(20_000) * 10, 10);
    keyspace.hashes.touch(db.keys.shards);
  };
  touch();
  for (let i = 0; i < 10_000; i++) db.strings.set(text, i * 10, 10, text, i * 10, random.int(100), 0);
  const before = keyspace.digest();
  for (let round = 0; round < 200; round++) touch();
  expect(keyspace.digest()).toBe(before);
  for (let i = 0; i < 10_000; i++) expect(db.keys.remove(text, i * 10, 10)).toBe(true);
  touch();
  expect(keyspace.arenaBytes()).toBe(0);
});

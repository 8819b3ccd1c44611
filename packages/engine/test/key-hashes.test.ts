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
    for (; off < buf.length - 100; off += 1 + random.int(80)) keys.push([off, random.int(40)]);
    let room = AHEAD_KEYS_MAX;
    if (round % 3 > 0) for (const [at, len] of keys) expect(hashes.add(at, len)).toBe(room-- > 0);
    for (const [at, len] of keys) {
      expect(hashes.of(buf, at, len)).toBe(hashKey(SEED, buf, at, len));
      expect(hashes.of(buf, at, len + 1)).toBe(hashKey(SEED, buf, at, len + 1));
      expect(hashes.of(Buffer.from(buf).fill(1), at, len)).not.toBe(hashes.of(buf, at, len + 8));
    }
  }
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

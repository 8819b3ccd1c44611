import { expect, test } from "vitest";
import { type Database, Keyspace } from "../src/index.js";
import { SEED } from "./support/model.js";
import { Random, seedOf } from "./support/random.js";

const VALUE = Buffer.from("v");

function set(db: Database, name: string, expireAt = 0): void {
  const key = Buffer.from(name);
  db.strings.set(key, 0, key.length, VALUE, 0, 1, expireAt);
}

function remove(db: Database, name: string): void {
  const key = Buffer.from(name);
  db.keys.remove(key, 0, key.length);
}

function fullScan(db: Database, between: () => void): string[] {
  const seen: string[] = [];
  let cursor = 0;
  do {
    cursor = db.keys.scan(cursor, 10, (buf, off, len) =>
      seen.push(Buffer.from(buf.subarray(off, off + len)).toString()),
    );
    between();
  } while (cursor !== 0);
  return seen;
}

test("SCAN returns every key that stays, while the index grows and shrinks", () => {
  const random = new Random(seedOf("scan"));
  for (const [start, added, removed] of [
    [20_000, 20, 0],
    [20_000, 0, 20],
    [30_000, 12, 12],
    [1000, 50, 5],
  ] as const) {
    const db = new Keyspace({ hashSeed: SEED, random: random.next }).db(0);
    const stay = Array.from({ length: 500 }, (_, i) => `stay${i}`);
    for (const name of stay) set(db, name);
    for (let i = 0; i < start; i++) set(db, `temp${i}`);
    let next: number = start;
    let gone = 0;
    const seen = new Set(
      fullScan(db, () => {
        for (let i = 0; i < added; i++) set(db, `temp${next++}`);
        for (let i = 0; i < removed; i++) remove(db, `temp${gone++}`);
      }),
    );
    expect(stay.filter((name) => !seen.has(name))).toEqual([]);
  }
});

test("SCAN without changes returns every key exactly once", () => {
  const db = new Keyspace({ hashSeed: SEED, random: Math.random }).db(0);
  for (let i = 0; i < 5000; i++) set(db, `k${i}`);
  const seen = fullScan(db, () => {});
  expect(seen.length).toBe(5000);
  expect(new Set(seen).size).toBe(5000);
});

test("SCAN of a nearly empty database comes to its end", () => {
  const db = new Keyspace({ hashSeed: SEED, random: Math.random }).db(0);
  set(db, "only");
  expect(fullScan(db, () => {})).toEqual(["only"]);
});

test("any number is a cursor: nothing is thrown", () => {
  const db = new Keyspace({ hashSeed: SEED, random: Math.random }).db(0);
  for (let i = 0; i < 1000; i++) set(db, `k${i}`);
  for (const cursor of [1, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 53]) {
    expect(db.keys.scan(cursor, 10, () => {})).toBeGreaterThanOrEqual(0);
  }
});

test("expired keys are not returned, and the sweep deletes them all", () => {
  const keyspace = new Keyspace({ hashSeed: SEED, random: Math.random });
  keyspace.nowMs = 1000;
  const db = keyspace.db(0);
  for (let i = 0; i < 1000; i++) set(db, `t${i}`, 1500);
  for (let i = 0; i < 1000; i++) set(db, `k${i}`);
  keyspace.nowMs = 1500;
  expect(fullScan(db, () => {}).length).toBe(2000);
  keyspace.nowMs = 1501;
  expect(fullScan(db, () => {}).length).toBe(1000);
  expect(db.keys.volatileCount).toBe(1000);
  let expired = 0;
  for (let i = 0; i < 1000 && expired < 1000; i++) expired += keyspace.activeExpire(20);
  expect(expired).toBe(1000);
  expect(db.keys.size).toBe(1000);
});

test("the index shrinks with its records, and a sweep finds the last of many to expire as soon as the first", () => {
  const keyspace = new Keyspace({ hashSeed: SEED, random: Math.random });
  keyspace.nowMs = 1000;
  const db = keyspace.db(0);
  const keys = 2 ** 19;
  for (let i = 0; i < keys; i++) set(db, `t${i}`, 1500);
  keyspace.nowMs = 1501;
  for (let expired = 0; expired < keys; ) {
    const inStep = keyspace.activeExpire(256);
    expect(inStep).toBeGreaterThan(expired + 256 < keys ? 40 : 0);
    expired += inStep;
    const wide = db.keys.shards.find(({ count, bucketCount }) => bucketCount > Math.max(4, count * 4));
    expect(wide?.bucketCount).toBeUndefined();
  }
  expect(db.keys.size).toBe(0);
});

test("random keys cover the database", () => {
  const db = new Keyspace({ hashSeed: SEED, random: new Random(seedOf("randomkey")).next }).db(0);
  expect(db.keys.randomKey()).toBe(false);
  for (let i = 0; i < 20; i++) set(db, `k${i}`);
  const seen = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    expect(db.keys.randomKey()).toBe(true);
    seen.add(Buffer.from(db.keys.valueBuf.subarray(db.keys.valueOff, db.keys.valueOff + db.keys.valueLen)).toString());
  }
  expect(seen.size).toBe(20);
});

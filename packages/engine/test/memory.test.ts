import { expect, test } from "vitest";
import { Keyspace } from "../src/index.js";
import { SEED } from "./support/model.js";

const KEYS = 100_000;

function keyOf(i: number): Buffer {
  return Buffer.from(`key:${String(i).padStart(12, "0")}`);
}

function fill(keyspace: Keyspace, size: number): void {
  const value = Buffer.alloc(size, "x");
  for (let i = 0; i < KEYS; i++) keyspace.db(0).strings.set(keyOf(i), 0, 16, value, 0, value.length, 0);
}

function drop(keyspace: Keyspace, which: (i: number) => boolean): void {
  for (let i = 0; i < KEYS; i++) if (which(i)) keyspace.db(0).keys.remove(keyOf(i), 0, 16);
}

const fresh = (): Keyspace => new Keyspace({ hashSeed: SEED, random: Math.random });

test("a key of 16 bytes with a value of 64 costs about 100 bytes", () => {
  const keyspace = fresh();
  fill(keyspace, 64);
  expect(keyspace.usedBytes() / KEYS).toBeLessThan(110);
});

test("deleting everything gives every chunk and index back", () => {
  const keyspace = fresh();
  fill(keyspace, 64);
  drop(keyspace, () => true);
  expect(keyspace.arenaBytes()).toBe(0);
  expect(keyspace.usedBytes()).toBeLessThan(256 * 64);
});

test("deleting nine of ten keys gives most chunks back through bounded steps", () => {
  const keyspace = fresh();
  fill(keyspace, 1000);
  const full = keyspace.arenaBytes();
  drop(keyspace, (i) => i % 10 !== 0);
  let steps = 0;
  while (keyspace.evacuate(64) > 0) steps++;
  expect(steps).toBeGreaterThan(100);
  expect(keyspace.arenaBytes()).toBeLessThan(full * 0.5);
  for (let i = 0; i < KEYS; i += 10) expect(keyspace.db(0).keys.lookup(keyOf(i), 0, 16)).not.toBe(0);
});

test("overwriting with other sizes does not grow without bound", () => {
  const keyspace = fresh();
  for (let round = 0; round < 8; round++) fill(keyspace, 20 + (round % 3) * 40);
  expect(keyspace.usedBytes() / KEYS).toBeLessThan(300);
});

test("a value above a chunk's size has its own memory and gives it back", () => {
  const keyspace = fresh();
  const key = Buffer.from("big");
  const value = Buffer.alloc(5_000_000, "x");
  keyspace.db(0).strings.set(key, 0, 3, value, 0, value.length, 0);
  expect(keyspace.usedBytes()).toBeGreaterThan(5_000_000);
  keyspace.db(0).strings.set(key, 0, 3, value, 0, 10, 0);
  expect(keyspace.usedBytes()).toBeLessThan(100_000);
});

test("appending by small steps copies a large value rarely", () => {
  const db = fresh().db(0);
  const key = Buffer.from("log");
  const piece = Buffer.alloc(1000, "x");
  let moves = 0;
  let before: Uint8Array | null = null;
  for (let i = 0; i < 5000; i++) {
    db.strings.append(key, 0, 3, piece, 0, 1000);
    db.keys.lookup(key, 0, 3);
    if (i > 300 && db.keys.valueBuf !== before) moves++;
    before = db.keys.valueBuf;
  }
  expect(db.keys.valueLen).toBe(5_000_000);
  expect(moves).toBeLessThan(30);
});

/** A command that fails half way for want of memory leaves a log that can be replayed, and that says what memory holds. */
import { expect, it } from "vitest";
import { Keyspace, OP_BATCH } from "../src/index.js";

function logged(keyspace: Keyspace): Uint8Array {
  const { effects } = keyspace;
  return effects.bytes.slice(effects.start, effects.pos);
}

function fresh(): Keyspace {
  return new Keyspace({ hashSeed: new Uint8Array(8), random: () => 0 });
}

it("MSET", () => {
  const keyspace = fresh();
  const { effects } = keyspace;
  effects.enabled = true;
  effects.target(new Uint8Array(4096), 0, 4096);
  const db = keyspace.db(0);
  const text = Buffer.from("a1b2c3");
  const off = Int32Array.from(text, (_, i) => i);
  const broken = db.keys.shards.find((shard) => {
    db.keys.lookup(text, 4, 1);
    return shard === db.keys.shard;
  })!;
  broken.insertString = () => {
    throw new RangeError("Array buffer allocation failed");
  };
  expect(() => db.strings.mset(text, off, new Int32Array(6).fill(1), 0, 3)).toThrow(RangeError);
  const bytes = logged(keyspace);
  const replayed = fresh();
  replayed.replay(effects.op, 1, bytes, 0, bytes.length);
  expect(replayed.db(0).keys.size).toBe(2);
  expect(replayed.digest()).toBe(keyspace.digest());
});

it("the second of two mutations", () => {
  const keyspace = fresh();
  const { effects } = keyspace;
  effects.enabled = true;
  effects.target(new Uint8Array(40), 0, 40);
  const db = keyspace.db(0);
  const text = Buffer.from("ab");
  db.strings.set(text, 0, 1, text, 1, 1, 0);
  expect(() => effects.begin(1, 2 ** 52)).toThrow(RangeError);
  expect(effects.op).not.toBe(OP_BATCH);
  const bytes = logged(keyspace);
  const replayed = fresh();
  replayed.replay(effects.op, 1, bytes, 0, bytes.length);
  expect(replayed.digest()).toBe(keyspace.digest());
});

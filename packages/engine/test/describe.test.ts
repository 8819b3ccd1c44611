/** What mutators log and snapshots hold, read back as plain data. */
import { describe, expect, test } from "vitest";
import { describeEntries, describeMutations } from "../src/describe.js";
import {
  BIT_OR,
  type Database,
  type DescribedMutation,
  encodeInlineEntries,
  Keyspace,
  TYPE_HASH,
} from "../src/index.js";
import * as ops from "../src/ops.js";
import { ByteSink } from "../src/types/byte-sink.js";
import { ranges } from "./support/model.js";

const bytes = (text: string) => Buffer.from(text, "latin1");
const key = bytes("key");
const k = [key, 0, 3] as const;

function hashSet(db: Database, pairs: readonly string[]): void {
  const [buf, off, len] = ranges(pairs);
  db.hashes.set(...k, buf, off, len, 0, pairs.length / 2);
}

/** What `change` logs, as one entry. */
function logged(change: (db: Database, keyspace: Keyspace) => void): DescribedMutation[] {
  const keyspace = new Keyspace({ hashSeed: Buffer.alloc(8), random: () => 0 });
  const { effects } = keyspace;
  effects.enabled = true;
  effects.target(new Uint8Array(4096), 0, 4096);
  change(keyspace.db(2), keyspace);
  return describeMutations(effects.op, effects.bytes, effects.start, effects.pos - effects.start);
}

function zadd(db: Database, key: Buffer, scores: number[], members: string[]): void {
  const [buf, off, len] = ranges(members.flatMap((member) => [member, "score"]));
  db.zsets.add(key, 0, key.length, scores, buf, off, len, 0, members.length, 0);
}

/** The last mutation of what `change` logs. */
function last(change: (db: Database, keyspace: Keyspace) => void): DescribedMutation | undefined {
  return logged(change).at(-1);
}

describe("each mutation", () => {
  const value = bytes("v\xff");
  test.each<[string, (db: Database, keyspace: Keyspace) => void, Partial<DescribedMutation>]>([
    ["set", (db) => db.strings.set(...k, value, 0, 2, 0), { details: { value } }],
    ["set", (db) => db.strings.set(...k, value, 0, 2, 99), { details: { value, expireAt: 99 } }],
    ["setnx", (db) => db.strings.set(...k, value, 0, 2, 0, ops.OP_SETNX), { details: { value } }],
    [
      "delete",
      (db) => {
        db.strings.set(...k, value, 0, 2, 0);
        db.keys.remove(...k);
      },
      { details: {} },
    ],
    ["incr", (db) => db.strings.incrBy(...k, 5), { details: { by: 5n } }],
    ["decr", (db) => db.strings.incrBy(...k, -5), { details: { by: -5n } }],
    ["append", (db) => db.strings.append(...k, value, 0, 2), { details: { value } }],
    ["setrange", (db) => db.strings.setRange(...k, 4, value, 0, 2), { details: { offset: 4, value } }],
    [
      "splice",
      (db) => {
        db.strings.set(...k, bytes("abcde"), 0, 5, 0);
        db.strings.splice(...k, 1, 3, value, 0, 2);
      },
      { details: { offset: 1, removed: 3, value } },
    ],
    [
      "bitop",
      (db) => {
        const long = Buffer.alloc(300_000, 1);
        db.strings.load(bytes("x"), 0, 1, long, 0, long.length, 0);
        db.combineBits(BIT_OR, ...k, ...ranges(["x", "y"]));
      },
      { keys: [key, bytes("x"), bytes("y")], details: { operation: BIT_OR } },
    ],
    ["hash-set", (db) => hashSet(db, ["f", "v\xff"]), { details: { fields: [[bytes("f"), value]] } }],
    [
      "list-push",
      (db) => db.lists.push(...k, 1, ...ranges(["a", "b"])),
      { details: { side: "tail", elements: [bytes("a"), bytes("b")] } },
    ],
    [
      "list-set",
      (db) => {
        db.lists.push(...k, 1, ...ranges(["a", "b"]));
        db.lists.set(...k, 1, value, 0, 2);
      },
      { details: { position: 1, element: value } },
    ],
    [
      "list-insert",
      (db) => {
        db.lists.push(...k, 1, ...ranges(["a", "b"]));
        db.lists.insert(...k, 1, value, 0, 2);
      },
      { details: { position: 1, element: value } },
    ],
    [
      "list-remove",
      (db) => {
        db.lists.push(...k, 1, ...ranges(["a", "b", "a", "a"]));
        db.lists.remove(...k, 1, 2, bytes("a"), 0, 1);
      },
      { details: { side: "tail", count: 2, element: bytes("a") } },
    ],
    ["set-add", (db) => db.sets.add(...k, ...ranges(["a"])), { details: { members: [bytes("a")] } }],
    ["zset-add", (db) => zadd(db, key, [1.5], ["a"]), { details: { members: [[bytes("a"), 1.5]] } }],
    [
      "zset-remove-ranks",
      (db) => {
        zadd(db, key, [1, 2, 3], ["a", "b", "c"]);
        db.keys.lookup(...k);
        db.zsets.popRanks(...k, 1, 3, false, null);
      },
      { details: { from: 1, to: 3 } },
    ],
    [
      "mset",
      (db) => db.strings.mset(bytes("keyv"), Int32Array.of(0, 3), Int32Array.of(3, 1), 0, 1),
      { details: { pairs: [[key, bytes("v")]] } },
    ],
    [
      "rename",
      (db) => {
        hashSet(db, ["f", "v"]);
        db.rename(...k, bytes("new"), 0, 3);
      },
      { keys: [key, bytes("new")], details: {} },
    ],
    [
      "copy",
      (db, keyspace) => {
        hashSet(db, ["f", "v"]);
        db.copyTo(...k, keyspace.db(5), bytes("new"), 0, 3);
      },
      { keys: [key, bytes("new")], details: { toDb: 5 } },
    ],
    [
      "move",
      (db, keyspace) => {
        hashSet(db, ["f", "v"]);
        db.moveTo(keyspace.db(5), ...k);
      },
      { details: { toDb: 5 } },
    ],
    ["swap", (_db, keyspace) => keyspace.swap(2, 7), { keys: [], details: { with: 7 } }],
    ["flush", (_db, keyspace) => keyspace.flush(-1), { db: -1, keys: [], details: {} }],
    ["flush", (_db, keyspace) => keyspace.flush(2), { keys: [], details: {} }],
  ])("%s", (op, change, expected) => {
    expect(last(change)).toEqual({ op, db: 2, keys: [key], ...expected });
  });

  test("restore shows the value it brings", () => {
    const mutation = last((db) => {
      const slice = Buffer.from("0100000001000000660100000076", "hex");
      db.restore(...k, TYPE_HASH, 0, slice, 0, slice.length);
    });
    expect(mutation).toEqual({
      op: "restore",
      db: 2,
      keys: [key],
      details: { type: "hash", value: [[bytes("f"), bytes("v")]] },
    });
  });

  test("several of one command come in their order", () => {
    const all = logged((db) => {
      db.strings.set(...k, bytes("v"), 0, 1, 0);
      db.keys.setExpire(...k, 77);
      db.lists.push(bytes("list"), 0, 4, 0, ...ranges(["a", "b"]));
      db.lists.pop(bytes("list"), 0, 4, 0, 1, null);
      db.keys.removeMany(bytes("keylist"), Int32Array.of(0, 3), Int32Array.of(3, 4), 0, 2);
    });
    expect(all.map(({ op }) => op)).toEqual(["set", "expire", "list-push", "list-pop", "mdel"]);
    expect(all.at(1)?.details).toEqual({ expireAt: 77 });
    expect(all.at(3)?.details).toEqual({ side: "head", count: 1 });
    expect(all.at(4)).toEqual({ op: "mdel", db: 2, keys: [key, bytes("list")], details: {} });
  });

  test("every operation has a name", () => {
    const body = Buffer.concat([Buffer.from([0, 1, 0, 0, 0]), bytes("k"), Buffer.alloc(40)]);
    for (const op of Object.values(ops).filter((code) => code !== ops.OP_BATCH)) {
      try {
        for (const mutation of describeMutations(op, body, 0, body.length))
          expect(mutation.op).not.toMatch(/^operation/);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError); // this body is not one of its own
        expect(String(error)).not.toContain("unknown operation");
      }
    }
    expect(() => describeMutations(99, body, 0, body.length)).toThrow("unknown operation type 99");
  });
});

test("snapshot entries of strings and collections", () => {
  const keyspace = new Keyspace({ hashSeed: Buffer.alloc(8), random: () => 0 });
  const db = keyspace.db(0);
  db.strings.set(...k, bytes("v"), 0, 1, 123);
  zadd(db, bytes("zset"), [2, 1], ["b", "a"]);
  const seen: unknown[] = [];
  for (const section of keyspace.shardSections()) {
    const capture = keyspace.captureShard(0, section);
    encodeInlineEntries(capture.chunks, (block) =>
      describeEntries(block, 0, block.length, (entry) => seen.push(entry)),
    );
    while (!capture.done) {
      const sink = new ByteSink();
      capture.step(sink, 1000);
      describeEntries(sink.bytes, 0, sink.length, (entry) => seen.push(entry));
    }
  }
  const common = { continues: false };
  expect(seen).toHaveLength(2);
  expect(seen).toContainEqual({ ...common, key, type: "string", expireAt: 123, value: bytes("v") });
  const value = [
    [bytes("a"), 1],
    [bytes("b"), 2],
  ];
  expect(seen).toContainEqual({ ...common, key: bytes("zset"), type: "zset", expireAt: 0, value });
});

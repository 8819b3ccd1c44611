/** APPEND and SETRANGE make a record first and fill it then: it must not be moved in between. */
import { describe, expect, it } from "vitest";
import { Keyspace } from "../src/index.js";

const SHARD = 0;

/** Keys of one shard, so that the chunks of its arena fill in a known order. */
function keysOfOneShard(keyspace: Keyspace, count: number): Buffer[] {
  const db = keyspace.db(0);
  const keys: Buffer[] = [];
  for (let i = 0; keys.length < count; i++) {
    const key = Buffer.from(`key:${i}`);
    db.keys.lookup(key, 0, key.length);
    if (db.keys.shard === db.keys.shards[SHARD]) keys.push(key);
  }
  return keys;
}

/**
 * Leaves two chunks behind: X with one small live record, waiting to be emptied, and the current one with a large dead record and so little
 * room that moving X's record opens a new chunk. The current one is then mostly dead, too, and is emptied at once.
 */
function prepare(): { keyspace: Keyspace; key: Buffer } {
  const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: () => 0 });
  const db = keyspace.db(0);
  const [a, b, c, key] = keysOfOneShard(keyspace, 4) as [Buffer, Buffer, Buffer, Buffer];
  const set = (k: Buffer, bytes: number) => db.strings.set(k, 0, k.length, Buffer.alloc(bytes, 120), 0, bytes, 0);
  const remove = (k: Buffer) => db.keys.remove(k, 0, k.length);
  set(a, 600); // X: the first chunk, 1 KB
  set(b, 250);
  set(c, 3500); // the second, 4 KB
  remove(a);
  remove(c);
  return { keyspace, key };
}

function value(keyspace: Keyspace, key: Buffer): string {
  const db = keyspace.db(0);
  db.keys.lookup(key, 0, key.length);
  return Buffer.from(db.keys.valueBuf.subarray(db.keys.valueOff, db.keys.valueOff + db.keys.valueLen)).toString();
}

describe("a string that grows while the arena is being tidied", () => {
  it.each([100, 200, 300, 400])("APPEND makes it with %d bytes", (bytes) => {
    const { keyspace, key } = prepare();
    const text = "y".repeat(bytes);
    keyspace.db(0).strings.append(key, 0, key.length, Buffer.from(text), 0, bytes);
    expect(value(keyspace, key)).toBe(text);
  });

  it.each([100, 200, 300, 400])("SETRANGE makes it with %d bytes", (bytes) => {
    const { keyspace, key } = prepare();
    const text = "y".repeat(bytes);
    keyspace.db(0).strings.setRange(key, 0, key.length, 0, Buffer.from(text), 0, bytes);
    expect(value(keyspace, key)).toBe(text);
  });
});

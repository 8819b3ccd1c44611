/** A digest of all data that depends neither on order nor on how values are kept: the exclusive or of one SHA-1 for each key (after Redis's DEBUG DIGEST). */
import { createHash, type Hash } from "node:crypto";
import type { Database } from "./database.js";
import { ByteSink, ByteSource } from "./types/byte-sink.js";
import { type Entry, valueType } from "./types/value-types.js";

const SLICE_BYTES = 64 * 1024;

/** See Keyspace.digest. Expired keys that were not deleted yet do not count. */
export function digestOf(databases: readonly Database[]): string {
  const total = Buffer.alloc(20);
  for (const db of databases) {
    db.keys.forEachKey((buf, off, len, type, expireAt) => {
      const key = Buffer.from(buf.buffer, buf.byteOffset + off, len);
      const hash = createHash("sha1");
      hash.update(`${db.index} ${type} ${expireAt} ${len} `).update(key);
      addValue(hash, db, key);
      mix(total, hash.digest());
    });
  }
  return total.toString("hex");
}

function addValue(hash: Hash, db: Database, key: Buffer): void {
  const type = db.keys.lookup(key, 0, key.length);
  const { entries } = valueType(type);
  if (entries === null) {
    const { valueBuf, valueOff, valueLen } = db.keys;
    hash.update(valueBuf.subarray(valueOff, valueOff + valueLen));
    return;
  }
  const unordered = Buffer.alloc(20);
  const sink = new ByteSink();
  let cursor = 0;
  do {
    sink.reset();
    cursor = db.found.encodeSlice(cursor, sink, SLICE_BYTES);
    const slice = new ByteSource(sink.bytes, 0, sink.length);
    for (let left = slice.u32(); left > 0; left--) {
      const entry = entries.read(slice);
      if (entries.inOrder) addEntry(hash, entry);
      else mix(unordered, addEntry(createHash("sha1"), entry).digest());
    }
  } while (cursor >= 0);
  hash.update(unordered);
}

/** An element behind its length, and what stands beside it. */
function addEntry(hash: Hash, [element, ...beside]: Entry): Hash {
  hash.update(`${element.length} `).update(element);
  for (const each of beside) hash.update(typeof each === "number" ? String(each) : each);
  return hash;
}

function mix(total: Buffer, digest: Buffer): void {
  for (let i = 0; i < total.length; i++) total[i] ^= digest[i];
}

/** A digest of all data that depends neither on order nor on how values are kept: the exclusive or of one SHA-1 for each key (after Redis's DEBUG DIGEST). */
import { createHash, type Hash } from "node:crypto";
import type { Database } from "./database.js";
import type { Keyspace } from "./keyspace.js";
import { ByteSink, ByteSource } from "./types/byte-sink.js";
import { TYPE_HASH, TYPE_LIST, TYPE_STRING, TYPE_ZSET } from "./types/type-codes.js";

const SLICE_BYTES = 64 * 1024;

/** See Keyspace.digest. Expired keys that were not deleted yet do not count. */
export function digestKeyspace(keyspace: Keyspace): string {
  const total = Buffer.alloc(20);
  for (const db of keyspace.databases()) {
    db.forEachKey((buf, off, len, type, expireAt) => {
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
  const type = db.lookup(key, 0, key.length);
  if (type === TYPE_STRING) {
    hash.update(db.valueBuf.subarray(db.valueOff, db.valueOff + db.valueLen));
    return;
  }
  const members = Buffer.alloc(20);
  const sink = new ByteSink();
  let cursor = 0;
  do {
    sink.reset();
    cursor = db.encodeSlice(cursor, sink, SLICE_BYTES);
    addSlice(hash, members, type, new ByteSource(sink.bytes, 0, sink.length));
  } while (cursor >= 0);
  hash.update(members);
}

/** Elements of a list count in their order, those of the other types in none. */
function addSlice(hash: Hash, members: Buffer, type: number, slice: ByteSource): void {
  const element = (): Buffer => {
    const len = slice.blob();
    return slice.bytes.subarray(slice.blobAt, slice.blobAt + len);
  };
  for (let left = slice.u32(); left > 0; left--) {
    const score = type === TYPE_ZSET ? String(slice.f64()) : "";
    const first = element();
    if (type === TYPE_LIST) hash.update(`${first.length} `).update(first);
    else mix(members, pairDigest(first, type === TYPE_HASH ? element() : score));
  }
}

function pairDigest(a: Buffer, b: Buffer | string): Buffer {
  return createHash("sha1").update(`${a.length} `).update(a).update(b).digest();
}

function mix(total: Buffer, digest: Buffer): void {
  for (let i = 0; i < total.length; i++) total[i] ^= digest[i];
}

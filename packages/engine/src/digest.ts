/** A digest of all data that does not depend on order: the exclusive or of one SHA-1 for each key (after Redis's DEBUG DIGEST). */
import { createHash, type Hash } from "node:crypto";
import type { Database } from "./database.js";
import type { Keyspace } from "./keyspace.js";
import { HashValue, ListValue, SetValue, ZsetValue } from "./types/index.js";
import { TYPE_STRING } from "./types/type-codes.js";

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
  if (db.lookup(key, 0, key.length) === TYPE_STRING) {
    hash.update(db.valueBuf.subarray(db.valueOff, db.valueOff + db.valueLen));
    return;
  }
  const value = db.value;
  const members = Buffer.alloc(20);
  if (value instanceof ListValue) {
    value.iterate(0, value.size, (element) => hash.update(`${element.length} `).update(element, "latin1"));
  } else if (value instanceof HashValue) {
    for (let i = 0; i < value.size; i++) mix(members, pairDigest(value.fieldAt(i), value.valueAt(i)));
  } else if (value instanceof SetValue) {
    for (let i = 0; i < value.size; i++) mix(members, pairDigest(value.at(i), ""));
  } else if (value instanceof ZsetValue) {
    value.iterate(0, value.size, (member, score) => mix(members, pairDigest(member, String(score))));
  }
  hash.update(members);
}

function pairDigest(a: string, b: string): Buffer {
  return createHash("sha1").update(`${a.length} `).update(a, "latin1").update(b, "latin1").digest();
}

function mix(total: Buffer, digest: Buffer): void {
  for (let i = 0; i < total.length; i++) total[i] ^= digest[i];
}

/** Hashes of one database. */
import { CollectionStore } from "./collection-store.js";
import { OP_HASH_DELETE, OP_HASH_SET } from "./ops.js";
import { HashValue } from "./types/index.js";

export class HashStore extends CollectionStore {
  /** Sets fields from a flat list [field, value, field, value, ...]; returns how many fields are new. */
  hashSet(buf: Uint8Array, off: number, len: number, pairs: readonly string[]): number {
    const hash = this.open(buf, off, len, newHash);
    const before = hash.bytes;
    let added = 0;
    for (let i = 0; i < pairs.length; i += 2) if (hash.set(pairs[i], pairs[i + 1])) added++;
    this.close(buf, off, len, hash, before);
    this.logTexts(OP_HASH_SET, buf, off, len, pairs);
    return added;
  }

  /** Deletes fields; returns how many there were. */
  hashDelete(buf: Uint8Array, off: number, len: number, fields: readonly string[]): number {
    const hash = this.find<HashValue>(buf, off, len);
    if (hash === null) return 0;
    const before = hash.bytes;
    const gone = fields.filter((field) => hash.delete(field));
    if (gone.length === 0) return 0;
    this.logTexts(OP_HASH_DELETE, buf, off, len, gone);
    this.close(buf, off, len, hash, before);
    return gone.length;
  }
}

const newHash = (): HashValue => new HashValue();

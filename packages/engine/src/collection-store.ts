/**
 * What the stores of hashes, lists, sets and sorted sets share. A mutator makes the collection when the key does not exist, deletes the key
 * when the last element goes, and logs only what really changed. The caller has looked the key up and knows that it is free or of the
 * right type. One file for each type stands on this: hash-store.ts, list-store.ts, set-store.ts, zset-store.ts.
 */
import { StringStore } from "./string-store.js";
import type { AnyValue } from "./types/index.js";

export class CollectionStore extends StringStore {
  /** The collection of an existing key, about to be changed; null when there is none. */
  protected find<T extends AnyValue>(buf: Uint8Array, off: number, len: number): T | null {
    const ref = this.locate(buf, off, len);
    if (ref === 0) return null;
    const value = this.shard.value(ref);
    this.shard.beforeChange(value);
    // The caller knows the type from its lookup.
    return value as T;
  }

  protected open<T extends AnyValue>(buf: Uint8Array, off: number, len: number, make: () => T): T {
    const found = this.find<T>(buf, off, len);
    if (found !== null) return found;
    const made = make();
    this.shard.insertValue(this.hash, buf, off, len, made, 0);
    return made;
  }

  /** Accounts for a change, and deletes the key when nothing is left in it (replay does the same, so that is not logged). */
  protected close(buf: Uint8Array, off: number, len: number, value: AnyValue, bytesBefore: number): void {
    this.shard.valueBytes += value.bytes - bytesBefore;
    if (value.size === 0) this.shard.unlink(value.ref);
    this.modified(buf, off, len);
  }

  protected logTexts(op: number, buf: Uint8Array, off: number, len: number, texts: readonly string[]): void {
    const { effects } = this.keyspace;
    if (!effects.enabled) return;
    effects.beginKey(op, this.index, buf, off, len, textsBytes(texts));
    for (const text of texts) effects.text(text);
    effects.end();
  }
}

/** Bytes that texts take in a log entry, each with its length before it. */
export function textsBytes(texts: readonly string[]): number {
  let bytes = 0;
  for (const text of texts) bytes += 4 + text.length;
  return bytes;
}

/**
 * Hashes, lists, sets and sorted sets of one database. A mutator makes the collection when the key does not exist, deletes the key when the
 * last element goes, and logs only what really changed. The caller has looked the key up and knows that it is free or of the right type.
 */
import {
  OP_HASH_DELETE,
  OP_HASH_SET,
  OP_LIST_POP,
  OP_LIST_PUSH,
  OP_SET_ADD,
  OP_SET_REMOVE,
  OP_ZSET_ADD,
  OP_ZSET_REMOVE,
} from "./ops.js";
import { StringStore } from "./string-store.js";
import { type AnyValue, HashValue, ListValue, SetValue, ZsetValue } from "./types/index.js";

/** Head or tail of a list. */
export const SIDE_HEAD = 0;
export const SIDE_TAIL = 1;

export class CollectionStore extends StringStore {
  /** Sets fields from a flat list [field, value, field, value, ...]; returns how many fields are new. */
  hashSet(buf: Uint8Array, off: number, len: number, pairs: readonly string[]): number {
    const hash = this.#open(buf, off, len, newHash);
    const before = hash.bytes;
    let added = 0;
    for (let i = 0; i < pairs.length; i += 2) if (hash.set(pairs[i], pairs[i + 1])) added++;
    this.#close(buf, off, len, hash, before);
    this.#logTexts(OP_HASH_SET, buf, off, len, pairs);
    return added;
  }

  /** Deletes fields; returns how many there were. */
  hashDelete(buf: Uint8Array, off: number, len: number, fields: readonly string[]): number {
    const hash = this.#find<HashValue>(buf, off, len);
    if (hash === null) return 0;
    const before = hash.bytes;
    const gone = fields.filter((field) => hash.delete(field));
    if (gone.length === 0) return 0;
    this.#logTexts(OP_HASH_DELETE, buf, off, len, gone);
    this.#close(buf, off, len, hash, before);
    return gone.length;
  }

  /** Pushes elements one after the other at a side; returns the new length. */
  listPush(buf: Uint8Array, off: number, len: number, side: number, values: readonly string[]): number {
    const list = this.#open(buf, off, len, newList);
    const before = list.bytes;
    for (const value of values) {
      if (side === SIDE_HEAD) list.pushHead(value);
      else list.pushTail(value);
    }
    this.#close(buf, off, len, list, before);
    const { effects } = this.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_LIST_PUSH, this.index, buf, off, len, 1 + textsBytes(values));
      effects.u8(side);
      for (const value of values) effects.text(value);
      effects.end();
    }
    return list.size;
  }

  /** Takes up to `count` elements from a side, in the order they come off. */
  listPop(buf: Uint8Array, off: number, len: number, side: number, count: number): string[] {
    const list = this.#find<ListValue>(buf, off, len);
    const popped: string[] = [];
    if (list === null) return popped;
    const before = list.bytes;
    while (popped.length < count) {
      const value = side === SIDE_HEAD ? list.popHead() : list.popTail();
      if (value === undefined) break;
      popped.push(value);
    }
    if (popped.length === 0) return popped;
    const { effects } = this.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_LIST_POP, this.index, buf, off, len, 5);
      effects.u8(side);
      effects.u32(popped.length);
      effects.end();
    }
    this.#close(buf, off, len, list, before);
    return popped;
  }

  /** Adds members; returns how many are new. */
  setAdd(buf: Uint8Array, off: number, len: number, members: readonly string[]): number {
    const set = this.#open(buf, off, len, newSet);
    const before = set.bytes;
    const added = members.filter((member) => set.add(member));
    if (added.length === 0) return 0;
    this.#close(buf, off, len, set, before);
    this.#logTexts(OP_SET_ADD, buf, off, len, added);
    return added.length;
  }

  /** Removes members; returns how many there were. */
  setRemove(buf: Uint8Array, off: number, len: number, members: readonly string[]): number {
    const set = this.#find<SetValue>(buf, off, len);
    if (set === null) return 0;
    const before = set.bytes;
    const gone = members.filter((member) => set.delete(member));
    if (gone.length === 0) return 0;
    this.#logTexts(OP_SET_REMOVE, buf, off, len, gone);
    this.#close(buf, off, len, set, before);
    return gone.length;
  }

  /** Gives members their scores (scores[i] for members[i]); returns how many members are new. Scores are never NaN. */
  zsetAdd(buf: Uint8Array, off: number, len: number, scores: readonly number[], members: readonly string[]): number {
    const zset = this.#open(buf, off, len, newZset);
    const before = zset.bytes;
    const size = zset.size;
    for (let i = 0; i < members.length; i++) zset.add(members[i], scores[i]);
    this.#close(buf, off, len, zset, before);
    const { effects } = this.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_ZSET_ADD, this.index, buf, off, len, members.length * 8 + textsBytes(members));
      for (let i = 0; i < members.length; i++) {
        effects.f64(scores[i]);
        effects.text(members[i]);
      }
      effects.end();
    }
    return zset.size - size;
  }

  /** Removes members; returns how many there were. */
  zsetRemove(buf: Uint8Array, off: number, len: number, members: readonly string[]): number {
    const zset = this.#find<ZsetValue>(buf, off, len);
    if (zset === null) return 0;
    const before = zset.bytes;
    const gone = members.filter((member) => zset.delete(member));
    if (gone.length === 0) return 0;
    this.#logTexts(OP_ZSET_REMOVE, buf, off, len, gone);
    this.#close(buf, off, len, zset, before);
    return gone.length;
  }

  /** The collection of an existing key, about to be changed; null when there is none. */
  #find<T extends AnyValue>(buf: Uint8Array, off: number, len: number): T | null {
    const ref = this.locate(buf, off, len);
    if (ref === 0) return null;
    const value = this.shard.value(ref);
    this.shard.beforeChange(value);
    // The caller knows the type from its lookup.
    return value as T;
  }

  #open<T extends AnyValue>(buf: Uint8Array, off: number, len: number, make: () => T): T {
    const found = this.#find<T>(buf, off, len);
    if (found !== null) return found;
    const made = make();
    this.shard.insertValue(this.hash, buf, off, len, made, 0);
    return made;
  }

  /** Accounts for a change, and deletes the key when nothing is left in it (replay does the same, so that is not logged). */
  #close(buf: Uint8Array, off: number, len: number, value: AnyValue, bytesBefore: number): void {
    this.shard.valueBytes += value.bytes - bytesBefore;
    if (value.size === 0) this.shard.unlink(value.ref);
    this.modified(buf, off, len);
  }

  #logTexts(op: number, buf: Uint8Array, off: number, len: number, texts: readonly string[]): void {
    const { effects } = this.keyspace;
    if (!effects.enabled) return;
    effects.beginKey(op, this.index, buf, off, len, textsBytes(texts));
    for (const text of texts) effects.text(text);
    effects.end();
  }
}

function textsBytes(texts: readonly string[]): number {
  let bytes = 0;
  for (const text of texts) bytes += 4 + text.length;
  return bytes;
}

const newHash = (): HashValue => new HashValue();
const newList = (): ListValue => new ListValue();
const newSet = (): SetValue => new SetValue();
const newZset = (): ZsetValue => new ZsetValue();

/** Keys of one database, whatever their type: lookup, expiry, deletion and iteration. */

import { putU32 } from "./effects.js";
import { OP_DELETE, OP_EXPIRE, OP_MDEL } from "./ops.js";
import { META_EXPIRES, META_INLINE, metaType, recordBytes } from "./record.js";
import { nextReversed } from "./scan-cursor.js";
import { Shard } from "./shard.js";
import type { StoreHome } from "./store-home.js";
import type { AnyValue, StringValue } from "./types/index.js";
import { TYPE_NONE, TYPE_STRING } from "./types/type-codes.js";

/** Number of shards of a database. */
export const SHARDS = 256;
/** SCAN looks at no more than so many buckets for each key asked for: sparse shards must not make one call long. */
const SCAN_BUCKETS_PER_KEY = 10;
const RANDOM_TRIES = 100;
/** Of a bucket in an index, of which there is one for each key. */
const INDEX_BYTES = 4;

/** What a visitor of keys is given: a byte range that is valid during the call, the type code, and the expiry (ms, 0 = none). */
export type KeyVisitor = (buf: Uint8Array, off: number, len: number, type: number, expireAt: number) => void;

const NO_BYTES = new Uint8Array(0);

/**
 * Besides, it has the cursor of the database: what a lookup found is left in `shard`, `hash` and `ref`, a string's bytes in `valueBuf`, `valueOff`
 * and `valueLen`, so that no object is made for a key that was found. Its rules:
 *
 *   - lookup, lookupRead and locate set it, for all parts of the database. `ref` is 0 where the key is free.
 *   - It stands until the next lookup, whoever makes it, or the next change of anything in the database.
 *   - What is said to work on the key or the collection "found last" works on the cursor, and wants the lookup of that very key right before it.
 *     Everything else looks its key up itself, and moves the cursor there.
 *   - Readers of one element (HashStore.get, SetStore.read, ZsetStore.read) and randomKey leave it in `valueBuf`, `valueOff` and `valueLen`.
 */
export class KeyStore {
  /** Number of the database as the log and snapshots have it: it goes with the shards when two databases are swapped. */
  index: number;
  /** Number by which clients know it. */
  readonly database: number;
  readonly keyspace: StoreHome;
  shards: readonly Shard[];
  /** Shard of the last key looked up. */
  shard: Shard;
  /** Record of the last key looked up, 0 = none. */
  ref = 0;
  hash = 0;
  /** Range of the last string looked up, or of the last random key. */
  valueBuf: Uint8Array = NO_BYTES;
  valueOff = 0;
  valueLen = 0;

  constructor(keyspace: StoreHome, database: number, index: number) {
    this.keyspace = keyspace;
    this.database = database;
    this.index = index;
    const { memories } = keyspace;
    this.shards = Array.from({ length: SHARDS }, (_, s) => new Shard(keyspace, memories[s % memories.length]));
    this.shard = this.shards[0];
  }

  /** Number of keys; expired ones count until they are found. */
  get size(): number {
    let n = 0;
    for (const shard of this.shards) n += shard.count;
    return n;
  }

  /** Number of keys with an expiry. */
  get volatileCount(): number {
    let n = 0;
    for (const shard of this.shards) n += shard.expiring;
    return n;
  }

  /** Expiry of the key found last, in ms since 1970; 0 = none. */
  get expireAt(): number {
    return this.ref === 0 ? 0 : this.shard.expireAt(this.ref);
  }

  /** About how many bytes the value found last takes, as memory and as a log entry. */
  get valueBytes(): number {
    if (this.ref === 0) return 0;
    return this.shard.isInline(this.ref) ? this.shard.size(this.ref) : this.value.bytes;
  }

  /** Bytes of memory that the key found last takes with its value and its place in the index. */
  get foundBytes(): number {
    const { shard, ref } = this;
    const own = recordBytes(shard.meta(ref), shard.size(ref)) + INDEX_BYTES;
    return shard.isInline(ref) ? own : own + shard.value(ref).bytes;
  }

  /** Bytes of all indexes. */
  get indexBytes(): number {
    let bytes = 0;
    for (const shard of this.shards) bytes += shard.bucketCount * INDEX_BYTES;
    return bytes;
  }

  /** The collection found last. Only after a lookup that returned one of the collection types, when it is not packed. */
  get value(): AnyValue {
    return this.shard.value(this.ref);
  }

  /** Finds a key and returns its TYPE_* code, TYPE_NONE when there is none. An expired key is deleted, and that is logged. */
  lookup(buf: Uint8Array, off: number, len: number): number {
    const hash = this.keyspace.hashes.of(buf, off, len);
    const shard = this.shards[hash & 255];
    const ref = shard.find(hash, buf, off, len);
    this.shard = shard;
    this.hash = hash;
    this.ref = ref;
    if (ref === 0) return TYPE_NONE;
    const meta = shard.meta(ref);
    if ((meta & META_EXPIRES) !== 0 && shard.expireAt(ref) < this.keyspace.nowMs) {
      this.expireRecord(shard, ref);
      this.ref = 0;
      return TYPE_NONE;
    }
    const type = metaType(meta);
    if (type === TYPE_STRING) {
      if ((meta & META_INLINE) !== 0) {
        this.valueBuf = shard.bytesOf(ref);
        this.valueOff = shard.valueOffset(ref);
        this.valueLen = shard.size(ref);
      } else {
        const value = shard.value(ref) as StringValue;
        this.valueBuf = value.buf;
        this.valueOff = 0;
        this.valueLen = value.size;
      }
    }
    return type;
  }

  /** The same, counted as a hit or a miss. */
  lookupRead(buf: Uint8Array, off: number, len: number): number {
    const type = this.lookup(buf, off, len);
    if (type !== TYPE_NONE) {
      this.keyspace.stats.keyspaceHits++;
      return type;
    }
    const { stats, observer } = this.keyspace;
    stats.keyspaceMisses++;
    if (observer !== null) observer.missed(this.database, buf, off, len);
    return TYPE_NONE;
  }

  /** Deletes a key; false when there is none. */
  remove(buf: Uint8Array, off: number, len: number): boolean {
    if (this.lookup(buf, off, len) === TYPE_NONE) return false;
    this.dropRecord(this.shard, this.ref);
    return true;
  }

  /** Deletes `count` keys of an argument list from `first` on, as one mutation; returns how many there were. */
  removeMany(buf: Uint8Array, off: Int32Array, len: Int32Array, first: number, count: number): number {
    const { effects } = this.keyspace;
    const end = first + count;
    let bytes = 5;
    let found = 0;
    // Expired keys go in this pass, so that nothing else is logged while the one mutation is open.
    for (let i = first; i < end; i++) {
      if (this.lookup(buf, off[i], len[i]) === TYPE_NONE) continue;
      bytes += 4 + len[i];
      found++;
    }
    if (found === 0) return 0;
    if (effects.enabled) {
      effects.begin(OP_MDEL, bytes);
      effects.u8(this.index);
    }
    const countAt = effects.at;
    if (effects.enabled) effects.u32(0);
    let removed = 0;
    try {
      for (let i = first; i < end; i++) {
        const ref = this.locate(buf, off[i], len[i]);
        // A key named twice is gone the second time.
        if (ref === 0) continue;
        this.shard.unlink(ref);
        if (effects.enabled) effects.blob(buf, off[i], len[i]);
        this.modified(buf, off[i], len[i]);
        removed++;
      }
    } finally {
      // What a snapshot still needs of a key may find no memory: the log then has as many keys as went.
      if (effects.enabled) {
        putU32(effects.bytes, countAt, removed);
        effects.end();
      }
    }
    return removed;
  }

  /** Sets the expiry of an existing key, ms since 1970; 0 takes it away. */
  setExpire(buf: Uint8Array, off: number, len: number, atMs: number): void {
    const ref = this.locate(buf, off, len);
    if (ref === 0) return;
    const { effects } = this.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_EXPIRE, this.index, buf, off, len, 8);
      effects.i64(atMs);
    }
    this.shard.setExpiry(ref, atMs);
    if (effects.enabled) effects.end();
    this.modified(buf, off, len);
  }

  /**
   * Visits at least `count` keys where there are so many and returns the next cursor, 0 at the end. A key that exists from the first call to
   * the last is visited at least once, however the index grows or shrinks meanwhile. Cursor = bucket cursor (scan-cursor.ts) * 256 + shard.
   */
  scan(cursor: number, count: number, visit: KeyVisitor): number {
    let shardIndex = cursor % SHARDS;
    let v = Math.floor(cursor / SHARDS) >>> 0;
    let buckets = count * SCAN_BUCKETS_PER_KEY;
    let visited = 0;
    do {
      const shard = this.shards[shardIndex];
      const mask = shard.level - 1;
      const low = v & mask;
      visited += this.#visitBucket(shard, low, visit);
      if (low + shard.level < shard.bucketCount) visited += this.#visitBucket(shard, low + shard.level, visit);
      v = nextReversed(v, mask);
      if (v === 0 && ++shardIndex === SHARDS) return 0;
      // Empty shards cost next to nothing; only buckets with keys count in full.
      if (shard.count > 0) buckets--;
    } while (visited < count && buckets > 0);
    return v * SHARDS + shardIndex;
  }

  /** Visits every key that is not expired. The caller holds no value, and the visitor none when it returns. */
  forEachKey(visit: KeyVisitor): void {
    for (const shard of this.shards) {
      for (let b = 0; b < shard.bucketCount; b++) {
        this.keyspace.values.settle();
        this.#visitBucket(shard, b, visit);
      }
    }
  }

  /** Chooses a key that is not expired; its bytes are in valueBuf, valueOff, valueLen. False when there is none. */
  randomKey(): boolean {
    const size = this.size;
    for (let tries = 0; tries < RANDOM_TRIES && size > 0; tries++) {
      let n = Math.floor(this.keyspace.random() * size);
      const shard = this.shards.find((s) => {
        n -= s.count;
        return n < 0;
      });
      if (shard !== undefined && this.#randomIn(shard)) return true;
    }
    return false;
  }

  /** Deletes the first expired key of a bucket; false when it has none. */
  expireOne(shard: Shard, bucket: number): boolean {
    const now = this.keyspace.nowMs;
    for (let ref = shard.bucketHead(bucket); ref !== 0; ref = shard.next(ref)) {
      const at = shard.expireAt(ref);
      if (at === 0 || at >= now) continue;
      this.expireRecord(shard, ref);
      return true;
    }
    return false;
  }

  /** Exchanges all keys with another database, and the number under which they are logged. */
  swap(other: KeyStore): void {
    [this.shards, other.shards] = [other.shards, this.shards];
    [this.index, other.index] = [other.index, this.index];
    for (const keys of [this, other]) {
      keys.shard = keys.shards[0];
      keys.ref = 0;
    }
  }

  /** Forgets one shard. */
  clearShard(index: number): void {
    this.shards[index].clear();
    this.ref = 0;
  }

  /** Finds a record without judging its expiry (mutators: whoever called has looked the key up). Sets shard, hash and ref. */
  locate(buf: Uint8Array, off: number, len: number): number {
    const hash = this.keyspace.hashes.of(buf, off, len);
    this.hash = hash;
    this.shard = this.shards[hash & 255];
    this.ref = this.shard.find(hash, buf, off, len);
    return this.ref;
  }

  /** Tells who watches or waits for the key. */
  modified(buf: Uint8Array, off: number, len: number): void {
    const { observer } = this.keyspace;
    if (observer !== null) observer.modified(this.database, buf, off, len);
  }

  /** Removes a record and logs it as a deletion. */
  dropRecord(shard: Shard, ref: number): void {
    const bytes = shard.bytesOf(ref);
    const koff = shard.keyOffset(ref);
    const klen = shard.keyLength(ref);
    const { effects } = this.keyspace;
    if (effects.enabled) effects.beginKey(OP_DELETE, this.index, bytes, koff, klen, 0);
    // Before the change: the key's bytes may be gone with the record.
    this.modified(bytes, koff, klen);
    shard.unlink(ref);
    if (effects.enabled) effects.end();
  }

  expireRecord(shard: Shard, ref: number): void {
    const { observer, stats } = this.keyspace;
    // Its bytes may be gone with the record.
    const key =
      observer === null
        ? null
        : shard.bytesOf(ref).slice(shard.keyOffset(ref), shard.keyOffset(ref) + shard.keyLength(ref));
    this.dropRecord(shard, ref);
    stats.expiredKeys++;
    if (observer !== null && key !== null) observer.expired(this.database, key, 0, key.length);
  }

  #visitBucket(shard: Shard, bucket: number, visit: KeyVisitor): number {
    const now = this.keyspace.nowMs;
    let visited = 0;
    for (let ref = shard.bucketHead(bucket); ref !== 0; ref = shard.next(ref)) {
      const at = shard.expireAt(ref);
      if (at !== 0 && at < now) continue;
      visit(shard.bytesOf(ref), shard.keyOffset(ref), shard.keyLength(ref), metaType(shard.meta(ref)), at);
      visited++;
    }
    return visited;
  }

  #randomIn(shard: Shard): boolean {
    let ref = 0;
    while (ref === 0) ref = shard.bucketHead(Math.floor(this.keyspace.random() * shard.bucketCount));
    let length = 0;
    for (let r = ref; r !== 0; r = shard.next(r)) length++;
    for (let n = Math.floor(this.keyspace.random() * length); n > 0; n--) ref = shard.next(ref);
    const at = shard.expireAt(ref);
    if (at !== 0 && at < this.keyspace.nowMs) return false;
    this.valueBuf = shard.bytesOf(ref);
    this.valueOff = shard.keyOffset(ref);
    this.valueLen = shard.keyLength(ref);
    return true;
  }
}

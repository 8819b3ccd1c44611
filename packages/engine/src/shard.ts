/**
 * One of 256 parts of a database: records in an arena, found through a linear hash index (W. Litwin, 1980).
 *
 * The index has `bucketCount` chains. It grows by one bucket when there are more records than buckets, and shrinks by up to four when there are
 * fewer records than a quarter, so no step ever rehashes more than four chains. `level` is the power of two at or below bucketCount: a hash goes to
 * bucket hash mod 2*level, or mod level where that bucket does not exist yet.
 */
import { Arena, CHUNK_SHIFT, UNIT_MASK } from "./arena.js";
import { CHUNK_BYTES, type ChunkPool } from "./chunk-pool.js";
import { copyBytes } from "./copy-bytes.js";
import {
  META_DEAD,
  META_EXPIRES,
  META_INLINE,
  META_KEY_MASK,
  META_TYPE_SHIFT,
  RECORD_HEADER_BYTES,
  recordBytes,
} from "./record.js";
import type { ShardCapture } from "./snapshot.js";
import type { AnyValue } from "./types/index.js";
import { TYPE_STRING } from "./types/type-codes.js";

const FIRST_BUCKETS = 4;
/** From so many buckets for each record on the index shrinks, by so many for each record that goes. */
const BUCKETS_PER_RECORD = 4;
/** Records moved out of sparse chunks by each write that allocates. */
const EVACUATE_PER_WRITE = 4;
const TWO_32 = 4294967296;
const META_FORM = (7 << META_TYPE_SHIFT) | META_INLINE;
const INLINE_STRING = (TYPE_STRING << META_TYPE_SHIFT) | META_INLINE;

/** What shards share. */
export interface ShardHome {
  readonly chunks: ChunkPool;
  /** Set when a record with an expiry comes into any shard. */
  mayExpire: boolean;
}

export class Shard {
  readonly arena: Arena;
  /** Live records. */
  count = 0;
  /** Live records with an expiry. */
  expiring = 0;
  /** Collections of this shard that lie in no record; a record's size word is an index into it. */
  readonly values: (AnyValue | null)[] = [];
  /** Estimated heap bytes of the collections. */
  valueBytes = 0;
  /** The snapshot that is copying this shard now, if any. */
  capture: ShardCapture | null = null;

  bucketCount = FIRST_BUCKETS;
  #level = FIRST_BUCKETS;
  #buckets = new Int32Array(FIRST_BUCKETS);
  #freeValues: number[] = [];
  readonly #home: ShardHome;

  constructor(home: ShardHome) {
    this.#home = home;
    this.arena = new Arena(home.chunks);
  }

  /** Bucket of a hash. */
  bucketOf(hash: number): number {
    const h = hash >>> 8;
    const bucket = h & (this.#level * 2 - 1);
    return bucket < this.bucketCount ? bucket : h & (this.#level - 1);
  }

  /** First record of a bucket's chain, 0 = none. */
  bucketHead(bucket: number): number {
    return this.#buckets[bucket];
  }

  /** Largest power of two at or below bucketCount; SCAN's cursor counts in it. */
  get level(): number {
    return this.#level;
  }

  /** Reference of the record with this key, 0 = none. */
  find(hash: number, buf: Uint8Array, off: number, len: number): number {
    const words = this.arena.words;
    let ref = this.#buckets[this.bucketOf(hash)];
    while (ref !== 0) {
      const w = (ref & UNIT_MASK) << 1;
      const m = words[ref >>> CHUNK_SHIFT];
      if (m[w + 1] === hash && (m[w + 2] & META_KEY_MASK) === len) {
        const bytes = this.arena.bytes[ref >>> CHUNK_SHIFT];
        const p = (w << 2) + RECORD_HEADER_BYTES + ((m[w + 2] & META_EXPIRES) === 0 ? 0 : 8);
        let i = 0;
        while (i < len && bytes[p + i] === buf[off + i]) i++;
        if (i === len) return ref;
      }
      ref = m[w];
    }
    return 0;
  }

  meta(ref: number): number {
    return this.arena.words[ref >>> CHUNK_SHIFT][((ref & UNIT_MASK) << 1) + 2];
  }

  /** Bytes of a value that lies in the record, or number of a collection in `values`. */
  size(ref: number): number {
    return this.arena.words[ref >>> CHUNK_SHIFT][((ref & UNIT_MASK) << 1) + 3];
  }

  hash(ref: number): number {
    return this.arena.words[ref >>> CHUNK_SHIFT][((ref & UNIT_MASK) << 1) + 1];
  }

  /** Next record of the chain. */
  next(ref: number): number {
    return this.arena.words[ref >>> CHUNK_SHIFT][(ref & UNIT_MASK) << 1];
  }

  /** Bytes of the chunk in which the record lies; keyOffset and valueOffset count in it. */
  bytesOf(ref: number): Uint8Array {
    return this.arena.bytes[ref >>> CHUNK_SHIFT];
  }

  keyOffset(ref: number): number {
    return ((ref & UNIT_MASK) << 3) + RECORD_HEADER_BYTES + ((this.meta(ref) & META_EXPIRES) === 0 ? 0 : 8);
  }

  keyLength(ref: number): number {
    return this.meta(ref) & META_KEY_MASK;
  }

  valueOffset(ref: number): number {
    return this.keyOffset(ref) + this.keyLength(ref);
  }

  /** Milliseconds since 1970, 0 = none. */
  expireAt(ref: number): number {
    const m = this.arena.words[ref >>> CHUNK_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    return (m[w + 2] & META_EXPIRES) === 0 ? 0 : m[w + 5] * TWO_32 + (m[w + 4] >>> 0);
  }

  /** Whether the value lies in the record: a string, or a packed collection. */
  isInline(ref: number): boolean {
    return (this.meta(ref) & META_INLINE) !== 0;
  }

  /** The collection of a record that is not inline. */
  value(ref: number): AnyValue {
    // Such a record always names a filled slot: insertValue fills it and unlink empties it.
    return this.values[this.size(ref)] as AnyValue;
  }

  // What is added may take the place of the key's record so far, `old` (0 = there is none). That one goes when the new one is there: where
  // there is no memory, nothing has changed.

  /** Adds a string. The key must not exist, except as `old`. */
  insertString(
    hash: number,
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
    expireAt: number,
    old: number,
  ): void {
    const ref = this.#insert(hash, INLINE_STRING, kbuf, koff, klen, vlen, expireAt, 0);
    copyBytes(vbuf, voff, this.bytesOf(ref), this.valueOffset(ref), vlen);
    if (old !== 0) this.unlink(old);
    this.tidy();
  }

  /**
   * Adds an inline value of `vlen` bytes, which may be any: they are to be written at once, and then `tidy` called. Returns its reference. The
   * key must not exist, except as `old`.
   */
  insertInline(
    hash: number,
    type: number,
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    vlen: number,
    expireAt: number,
    old: number,
  ): number {
    const ref = this.#insert(hash, (type << META_TYPE_SHIFT) | META_INLINE, kbuf, koff, klen, vlen, expireAt, 0);
    if (old !== 0) this.unlink(old);
    return ref;
  }

  /** Adds a collection. The key must not exist, except as `old`. */
  insertValue(
    hash: number,
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    value: AnyValue,
    expireAt: number,
    old: number,
  ): void {
    this.#insertValue(hash, kbuf, koff, klen, value, expireAt);
    if (old !== 0) this.unlink(old);
    this.tidy();
  }

  /**
   * Adds a key with the value of record `source` of `from` (this shard or another), which then goes if `leaves`. A collection changes hands as it
   * is, and always leaves; an inline value is copied.
   */
  adopt(
    hash: number,
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    old: number,
    from: Shard,
    source: number,
    leaves: boolean,
  ): void {
    const expireAt = from.expireAt(source);
    // Freezing needs memory, and so comes first.
    if (old !== 0 && !this.isInline(old)) this.beforeChange(this.value(old));
    if (from.isInline(source)) {
      const size = from.size(source);
      const ref = this.#insert(hash, from.meta(source), kbuf, koff, klen, size, expireAt, 0);
      copyBytes(from.bytesOf(source), from.valueOffset(source), this.bytesOf(ref), this.valueOffset(ref), size);
    } else {
      const value = from.value(source);
      from.beforeChange(value);
      this.#insertValue(hash, kbuf, koff, klen, value, expireAt);
      from.#releaseValue(source);
    }
    // Nothing has moved a record so far.
    if (leaves) from.#drop(source);
    if (old !== 0) this.unlink(old);
    this.tidy();
  }

  /** Puts a collection in the place of an inline value; key (given once more) and expiry stay. */
  enlarge(ref: number, kbuf: Uint8Array, koff: number, klen: number, value: AnyValue): void {
    this.insertValue(this.hash(ref), kbuf, koff, klen, value, this.expireAt(ref), ref);
  }

  /** Overwrites a string's value in place when the record's bytes stay the same; false when it must be inserted anew. */
  overwrite(ref: number, vbuf: Uint8Array, voff: number, vlen: number): boolean {
    const m = this.arena.words[ref >>> CHUNK_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    const meta = m[w + 2];
    const old = m[w + 3];
    const before = (meta & META_KEY_MASK) + ((meta & META_EXPIRES) === 0 ? 0 : 8) + RECORD_HEADER_BYTES;
    if (((before + old + 7) & ~7) !== ((before + vlen + 7) & ~7)) return false;
    m[w + 3] = vlen;
    copyBytes(vbuf, voff, this.arena.bytes[ref >>> CHUNK_SHIFT], (w << 2) + before, vlen);
    return true;
  }

  /**
   * Gives an inline value another length. Bytes that it gains may be any: they are to be written at once, and then `tidy` called. Returns
   * its reference, which is another one when the record had no room.
   */
  resize(ref: number, vlen: number): number {
    return this.#hasRoom(ref, vlen) ? ref : this.#insertResized(ref, vlen);
  }

  /** The same for less bytes: where there is no memory to write it anew, the record keeps its size. */
  shrink(ref: number, vlen: number): number {
    try {
      return this.resize(ref, vlen);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return ref;
    }
  }

  /** To be called before a collection of this shard changes: a snapshot being made may still need it as it is. */
  beforeChange(value: AnyValue): void {
    if (this.capture !== null) this.capture.beforeChange(value);
  }

  /** Changes the expiry of a record (0 = none). */
  setExpiry(ref: number, expireAt: number): void {
    if (!this.isInline(ref)) this.beforeChange(this.value(ref));
    if (expireAt === 0 || !this.rewriteExpiry(ref, expireAt)) this.#reinsert(ref, expireAt);
  }

  /** Changes the expiry of a string's record that has one; false when it has none. `expireAt` is not 0. */
  rewriteExpiry(ref: number, expireAt: number): boolean {
    const m = this.arena.words[ref >>> CHUNK_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    if ((m[w + 2] & META_EXPIRES) === 0) return false;
    m[w + 4] = expireAt;
    m[w + 5] = Math.floor(expireAt / TWO_32);
    return true;
  }

  /** Removes a record and its value. */
  unlink(ref: number): void {
    if (!this.isInline(ref)) {
      const value = this.value(ref);
      this.beforeChange(value);
      this.#releaseValue(ref);
      value.free();
    }
    this.#drop(ref);
  }

  /** Empties the shard at once, giving its memory back; a snapshot that is copying it gets what it still needs first. */
  clear(): void {
    for (const value of this.values) {
      if (value === null) continue;
      this.beforeChange(value);
      value.free();
    }
    this.count = 0;
    this.expiring = 0;
    this.valueBytes = 0;
    this.#reset();
  }

  /**
   * After a record was written completely: the steps that may move records, this one included. References held before are void. Where there
   * is no memory for such a step, it waits for a later write.
   */
  tidy(): void {
    if (this.count <= this.bucketCount && !this.arena.sparse) return;
    try {
      if (this.count > this.bucketCount) this.#split();
      if (this.arena.sparse) this.evacuate(EVACUATE_PER_WRITE);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }

  /**
   * Makes the index as large as `records` records need, in one step that visits every record of the shard: while loading, that is far
   * cheaper than a step for each of them, because it walks memory in its order.
   */
  reserve(records: number): void {
    if (records <= this.bucketCount) return;
    this.#level = 2 ** Math.floor(Math.log2(records));
    this.bucketCount = records;
    this.#buckets = new Int32Array(this.#level === records ? records : this.#level * 2);
    const { words, used } = this.arena;
    for (let c = 1; c < words.length; c++) {
      const m = words[c];
      const end = used[c] >>> 2;
      for (let w = 0; w < end; w += recordBytes(m[w + 2], m[w + 3]) >>> 2) {
        if ((m[w + 2] & META_DEAD) !== 0) continue;
        const bucket = this.bucketOf(m[w + 1]);
        m[w] = this.#buckets[bucket];
        this.#buckets[bucket] = (c << CHUNK_SHIFT) | (w >>> 1);
      }
    }
  }

  /** Looks at up to `max` records of chunks that are mostly dead and moves out the live ones; returns how many it looked at. */
  evacuate(max: number): number {
    const arena = this.arena;
    let done = 0;
    while (done < max && (arena.evacuating >= 0 || arena.nextSparse())) {
      this.#evacuateOne(arena.evacuating);
      done++;
    }
    return done;
  }

  /** Bytes of arena in use by records (dead ones included), index and collections. */
  get usedBytes(): number {
    let used = this.#buckets.length * 4 + this.valueBytes;
    for (const n of this.arena.used) used += n;
    return used;
  }

  /** Removes a record whose value is no longer this shard's, and a few buckets with it. */
  #drop(ref: number): void {
    this.#detach(ref);
    if (this.count === 0) {
      this.#reset();
      return;
    }
    const most = Math.max(FIRST_BUCKETS, this.count * BUCKETS_PER_RECORD);
    for (let i = 0; i < BUCKETS_PER_RECORD && this.bucketCount > most; i++) this.#merge();
  }

  #insertValue(hash: number, kbuf: Uint8Array, koff: number, klen: number, value: AnyValue, expireAt: number): void {
    const slot = this.#freeValues.at(-1) ?? this.values.length;
    value.ref = this.#insert(hash, value.type << META_TYPE_SHIFT, kbuf, koff, klen, slot, expireAt, 0);
    if (slot < this.values.length) this.#freeValues.pop();
    this.values[slot] = value;
    this.valueBytes += value.bytes;
    // It came after the copy. One that was moved here may be frozen for the copy of the shard that it was in.
    if (this.capture !== null) value.snapshotEpoch = Math.max(value.snapshotEpoch, this.capture.epoch);
  }

  /** Takes the collection of a record out of the table of values. */
  #releaseValue(ref: number): void {
    const slot = this.size(ref);
    this.valueBytes -= this.value(ref).bytes;
    this.values[slot] = null;
    this.#freeValues.push(slot);
  }

  /** Gives an inline value its new length in place; false when the record has no room. */
  #hasRoom(ref: number, vlen: number): boolean {
    const c = ref >>> CHUNK_SHIFT;
    const meta = this.meta(ref);
    const before = recordBytes(meta, this.size(ref));
    const after = recordBytes(meta, vlen);
    const own = before > CHUNK_BYTES;
    const fits = own
      ? after <= this.arena.bytes[c].length
      : after === before || this.arena.resizeLast(ref, before, after);
    if (!fits) return false;
    this.arena.words[c][((ref & UNIT_MASK) << 1) + 3] = vlen;
    if (own) this.arena.resizeOwn(c, after);
    return true;
  }

  // Of a record that is written anew the old one goes last: its chunk may be given out again as soon as it is dropped.

  #insertResized(old: number, vlen: number): number {
    const bytes = this.bytesOf(old);
    const koff = this.keyOffset(old);
    const klen = this.keyLength(old);
    // Room for a quarter more, so that a large value that grows by small steps is not copied at each of them.
    const slack = (vlen >>> 2) & ~7;
    const ref = this.#insert(this.hash(old), this.meta(old), bytes, koff, klen, vlen, this.expireAt(old), slack);
    copyBytes(bytes, koff + klen, this.bytesOf(ref), this.valueOffset(ref), Math.min(this.size(old), vlen));
    this.#detach(old);
    return ref;
  }

  /** Gives a record another expiry (0 = none) by writing it anew; its value stays. */
  #reinsert(old: number, expireAt: number): void {
    const bytes = this.bytesOf(old);
    const koff = this.keyOffset(old);
    const klen = this.keyLength(old);
    const size = this.size(old);
    const ref = this.#insert(this.hash(old), this.meta(old), bytes, koff, klen, size, expireAt, 0);
    if (this.isInline(old)) copyBytes(bytes, koff + klen, this.bytesOf(ref), this.valueOffset(ref), size);
    else this.value(ref).ref = ref;
    this.#detach(old);
    this.tidy();
  }

  /** Moving the last live record drops the chunk, and that ends its evacuation. */
  #evacuateOne(c: number): void {
    const at = this.arena.evacuateAt;
    const m = this.arena.words[c];
    const w = at >>> 2;
    const meta = m[w + 2];
    const bytes = recordBytes(meta, m[w + 3]);
    const isDead = (meta & META_DEAD) !== 0;
    const to = isDead ? 0 : this.arena.alloc(bytes);
    this.arena.evacuateAt = at + bytes;
    if (isDead) return;
    const from = (c << CHUNK_SHIFT) | (at >>> 3);
    const target = this.arena.words[to >>> CHUNK_SHIFT];
    target.set(m.subarray(w, w + (bytes >>> 2)), (to & UNIT_MASK) << 1);
    this.#relink(from, to);
    if ((meta & META_INLINE) === 0) this.value(to).ref = to;
    m[w + 2] = meta | META_DEAD;
    this.arena.free(c, bytes);
  }

  /** Puts `to` where `from` stands in its chain. */
  #relink(from: number, to: number): void {
    const words = this.arena.words;
    const bucket = this.bucketOf(this.hash(from));
    let ref = this.#buckets[bucket];
    if (ref === from) {
      this.#buckets[bucket] = to;
      return;
    }
    for (;;) {
      const m = words[ref >>> CHUNK_SHIFT];
      const w = (ref & UNIT_MASK) << 1;
      if (m[w] === from) {
        m[w] = to;
        return;
      }
      ref = m[w];
    }
  }

  /** Takes a record out of its chain and counts its bytes as dead. */
  #detach(ref: number): void {
    const c = ref >>> CHUNK_SHIFT;
    const m = this.arena.words[c];
    const w = (ref & UNIT_MASK) << 1;
    this.#relink(ref, m[w]);
    const meta = m[w + 2];
    m[w + 2] = meta | META_DEAD;
    this.count--;
    if ((meta & META_EXPIRES) !== 0) this.expiring--;
    this.arena.free(c, recordBytes(meta, m[w + 3]));
  }

  /** `form` is a meta word from which type and inline bit are taken. */
  #insert(
    hash: number,
    form: number,
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    size: number,
    expireAt: number,
    slack: number,
  ): number {
    const meta = klen | (form & META_FORM) | (expireAt === 0 ? 0 : META_EXPIRES);
    const ref = this.arena.alloc(recordBytes(meta, size), slack);
    const c = ref >>> CHUNK_SHIFT;
    const m = this.arena.words[c];
    const w = (ref & UNIT_MASK) << 1;
    const bucket = this.bucketOf(hash);
    m[w] = this.#buckets[bucket];
    m[w + 1] = hash;
    m[w + 2] = meta;
    m[w + 3] = size;
    let p = (w << 2) + RECORD_HEADER_BYTES;
    if (expireAt !== 0) {
      m[w + 4] = expireAt;
      m[w + 5] = Math.floor(expireAt / TWO_32);
      p += 8;
      this.expiring++;
      this.#home.mayExpire = true;
    }
    copyBytes(kbuf, koff, this.arena.bytes[c], p, klen);
    this.#buckets[bucket] = ref;
    this.count++;
    return ref;
  }

  /** Adds the bucket behind the last one and moves into it what now belongs there. */
  #split(): void {
    const target = this.bucketCount;
    const source = target - this.#level;
    if (target >= this.#buckets.length) {
      const larger = new Int32Array(this.#buckets.length * 2);
      larger.set(this.#buckets);
      this.#buckets = larger;
    }
    const words = this.arena.words;
    let ref = this.#buckets[source];
    let stay = 0;
    let move = 0;
    while (ref !== 0) {
      const m = words[ref >>> CHUNK_SHIFT];
      const w = (ref & UNIT_MASK) << 1;
      const next = m[w];
      if (((m[w + 1] >>> 8) & this.#level) === 0) {
        m[w] = stay;
        stay = ref;
      } else {
        m[w] = move;
        move = ref;
      }
      ref = next;
    }
    this.#buckets[source] = stay;
    this.#buckets[target] = move;
    this.bucketCount = target + 1;
    if (this.bucketCount === this.#level * 2) this.#level = this.bucketCount;
  }

  /** Undoes the last split. */
  #merge(): void {
    const source = this.bucketCount - 1;
    if (source < this.#level) this.#level >>>= 1;
    const target = source - this.#level;
    this.bucketCount = source;
    const chain = this.#buckets[source];
    this.#buckets[source] = 0;
    if (chain !== 0) {
      const words = this.arena.words;
      let last = chain;
      for (let n = this.next(last); n !== 0; n = this.next(last)) last = n;
      words[last >>> CHUNK_SHIFT][(last & UNIT_MASK) << 1] = this.#buckets[target];
      this.#buckets[target] = chain;
    }
    if (this.#buckets.length >= 64 && source <= this.#buckets.length >>> 2) {
      this.#buckets = this.#buckets.slice(0, this.#buckets.length >>> 1);
    }
  }

  /** The last record is gone: give everything back. */
  #reset(): void {
    this.arena.clear();
    this.#buckets = new Int32Array(FIRST_BUCKETS);
    this.bucketCount = FIRST_BUCKETS;
    this.#level = FIRST_BUCKETS;
    this.values.length = 0;
    this.#freeValues = [];
  }
}

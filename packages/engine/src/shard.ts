/**
 * One of 256 parts of a database: records in an arena, found through a linear hash index (W. Litwin, 1980).
 *
 * The index has `bucketCount` chains. It grows by one bucket when there are more records than buckets, and shrinks by up to four when there are
 * fewer records than a quarter, so no step ever rehashes more than four chains. `level` is the power of two at or below bucketCount: a hash goes to
 * bucket hash mod 2*level, or mod level where that bucket does not exist yet.
 */
import { Arena, CHUNK_HEADER_BYTES, SHARED_RECORD_BYTES_MAX } from "./arena.js";
import { copyBytes } from "./copy-bytes.js";
import { type Memory, SLAB_SHIFT, UNIT_MASK } from "./memory.js";
import type { OpenValues } from "./open-values.js";
import {
  META_DEAD,
  META_EXPIRES,
  META_INLINE,
  META_KEY_MASK,
  META_TYPE_SHIFT,
  RECORD_HEADER_BYTES,
  RecordReader,
  recordBytes,
  TWO_32,
} from "./record.js";
import type { ShardCapture } from "./snapshot.js";
import type { AnyValue } from "./types/index.js";
import { TYPE_STRING } from "./types/type-codes.js";

const FIRST_BUCKETS = 4;
/** The index of a shard without records, which has no memory. */
const NO_BUCKETS = new Int32Array(2 * FIRST_BUCKETS);
/** Buckets that the index has room for at first: it doubles. */
const FIRST_ROOM = 16;
/** From so many buckets for each record on the index shrinks, by so many for each record that goes. */
const BUCKETS_PER_RECORD = 4;
/** Records moved out of sparse chunks by each write that allocates. */
const EVACUATE_PER_WRITE = 4;
const META_FORM = (7 << META_TYPE_SHIFT) | META_INLINE;
const INLINE_STRING = (TYPE_STRING << META_TYPE_SHIFT) | META_INLINE;

/** What shards share. */
export interface ShardHome {
  /** Set when a record with an expiry comes into any shard. */
  mayExpire: boolean;
  /** The values that lie in no record, as far as they are open. */
  readonly values: OpenValues;
}

export class Shard extends RecordReader {
  readonly arena: Arena;
  /** Live records. */
  count = 0;
  /** Live records with an expiry. */
  expiring = 0;
  readonly values: OpenValues;
  /** Live records whose value lies outside. */
  collections = 0;
  /** Bytes of these values. */
  valueBytes = 0;
  /** The snapshot that is copying this shard now, if any. */
  capture: ShardCapture | null = null;

  bucketCount = FIRST_BUCKETS;
  #level = FIRST_BUCKETS;
  /** The buckets: those words of a slab that follow `#base`, in a block of the memory; 0 where there is none. */
  #buckets = NO_BUCKETS;
  #base = 0;
  #block = 0;
  readonly #home: ShardHome;

  constructor(home: ShardHome, memory: Memory) {
    super(memory);
    this.#home = home;
    this.values = home.values;
    this.arena = new Arena(memory);
  }

  /** Bucket of a hash. */
  bucketOf(hash: number): number {
    const h = hash >>> 8;
    const bucket = h & (this.#level * 2 - 1);
    return bucket < this.bucketCount ? bucket : h & (this.#level - 1);
  }

  /** First record of a bucket's chain, 0 = none. */
  bucketHead(bucket: number): number {
    return this.#buckets[this.#base + bucket];
  }

  /** First record of a hash's chain, 0 = none. */
  head(hash: number): number {
    return this.#buckets[this.#base + this.bucketOf(hash)];
  }

  /** Largest power of two at or below bucketCount; SCAN's cursor counts in it. */
  get level(): number {
    return this.#level;
  }

  /** Reference of the record with this key, 0 = none. */
  find(hash: number, buf: Uint8Array, off: number, len: number): number {
    const { words } = this.memory;
    let ref = this.head(hash);
    while (ref !== 0) {
      const w = (ref & UNIT_MASK) << 1;
      const m = words[ref >>> SLAB_SHIFT];
      if (m[w + 1] === hash && (m[w + 2] & META_KEY_MASK) === len) {
        const bytes = this.memory.bytes[ref >>> SLAB_SHIFT];
        const p = (w << 2) + RECORD_HEADER_BYTES + ((m[w + 2] & META_EXPIRES) === 0 ? 0 : 8);
        let i = 0;
        while (i < len && bytes[p + i] === buf[off + i]) i++;
        if (i === len) return ref;
      }
      ref = m[w];
    }
    return 0;
  }

  /** The collection of a record that is not inline, opened where it is at rest. */
  value(ref: number): AnyValue {
    const size = this.size(ref);
    return this.values.isNumber(size) ? this.values.at(size) : this.values.open(this.memory, ref);
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
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    const meta = m[w + 2];
    const old = m[w + 3];
    const before = (meta & META_KEY_MASK) + ((meta & META_EXPIRES) === 0 ? 0 : 8) + RECORD_HEADER_BYTES;
    if (((before + old + 7) & ~7) !== ((before + vlen + 7) & ~7)) return false;
    m[w + 3] = vlen;
    copyBytes(vbuf, voff, this.memory.bytes[ref >>> SLAB_SHIFT], (w << 2) + before, vlen);
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
    if (this.capture !== null && !this.isInline(ref)) this.beforeChange(this.value(ref));
    if (expireAt === 0 || !this.rewriteExpiry(ref, expireAt)) this.#reinsert(ref, expireAt);
  }

  /** Changes the expiry of a string's record that has one; false when it has none. `expireAt` is not 0. */
  rewriteExpiry(ref: number, expireAt: number): boolean {
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    if ((m[w + 2] & META_EXPIRES) === 0) return false;
    m[w + 4] = expireAt;
    m[w + 5] = Math.floor(expireAt / TWO_32);
    return true;
  }

  /** Removes a record and its value. */
  unlink(ref: number): void {
    if (!this.isInline(ref)) this.#freeValue(ref);
    this.#drop(ref);
  }

  /** Empties the shard at once, giving its memory back; a snapshot that is copying it gets what it still needs first. */
  clear(): void {
    // Freezing needs memory, and so comes first.
    if (this.capture !== null) this.#eachCollection((ref) => this.beforeChange(this.value(ref)));
    this.#eachCollection((ref) => this.#freeValue(ref));
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
    const { memory, arena } = this;
    const level = 2 ** Math.floor(Math.log2(records));
    this.#moveIndex(level === records ? records : level * 2, 0);
    this.#level = level;
    this.bucketCount = records;
    const buckets = this.#buckets;
    const base = this.#base;
    buckets.fill(0, base, base + records);
    for (const chunk of arena.chunks()) {
      const m = memory.words[chunk >>> SLAB_SHIFT];
      const first = (chunk & UNIT_MASK) << 1;
      const end = first + (arena.usedOf(chunk) >>> 2);
      for (let w = first + (CHUNK_HEADER_BYTES >>> 2); w < end; w += recordBytes(m[w + 2], m[w + 3]) >>> 2) {
        if ((m[w + 2] & META_DEAD) !== 0) continue;
        const bucket = base + this.bucketOf(m[w + 1]);
        m[w] = buckets[bucket];
        buckets[bucket] = chunk + ((w - first) >>> 1);
      }
    }
  }

  /** Looks at up to `max` records of chunks that are mostly dead and moves out the live ones; returns how many it looked at. */
  evacuate(max: number): number {
    const arena = this.arena;
    let done = 0;
    while (done < max && (arena.evacuating !== 0 || arena.nextSparse())) {
      this.#evacuateOne();
      done++;
    }
    return done;
  }

  /** Bytes of arena in use by records (dead ones included), index and collections. */
  get usedBytes(): number {
    const index = this.#block === 0 ? 0 : this.memory.sizeOf(this.#block);
    return index + this.valueBytes + this.arena.usedBytes;
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
    const number = this.values.nextNumber;
    value.ref = this.#insert(hash, value.type << META_TYPE_SHIFT, kbuf, koff, klen, number, expireAt, 0);
    this.values.add(value, this.memory);
    this.collections++;
    this.valueBytes += value.bytes;
    // It came after the copy. One that was moved here may be frozen for the copy of the shard that it was in.
    if (this.capture !== null) value.snapshotEpoch = Math.max(value.snapshotEpoch, this.capture.epoch);
  }

  /** The open collection of a record is no longer this shard's. */
  #releaseValue(ref: number): void {
    this.valueBytes -= this.value(ref).bytes;
    this.collections--;
    this.values.remove(this.size(ref));
  }

  /** Frees the collection of a record, which goes next. */
  #freeValue(ref: number): void {
    const wasOpen = this.values.isNumber(this.size(ref));
    const value = this.value(ref);
    this.beforeChange(value);
    this.#releaseValue(ref);
    value.free();
    if (!wasOpen) this.values.reuse(value);
  }

  /** Visits the records whose value lies outside. */
  #eachCollection(visit: (ref: number) => void): void {
    for (let b = 0; this.collections > 0 && b < this.bucketCount; b++) {
      for (let ref = this.bucketHead(b); ref !== 0; ref = this.next(ref)) if (!this.isInline(ref)) visit(ref);
    }
  }

  /** Tells the collection of a record, where it is open, that this is its record now. */
  #tellPlace(ref: number): void {
    const size = this.size(ref);
    if (this.values.isNumber(size)) this.values.at(size).ref = ref;
  }

  /** Gives an inline value its new length in place; false when the record has no room. */
  #hasRoom(ref: number, vlen: number): boolean {
    const meta = this.meta(ref);
    const before = recordBytes(meta, this.size(ref));
    const after = recordBytes(meta, vlen);
    const fits =
      before > SHARED_RECORD_BYTES_MAX
        ? this.arena.resizeOwn(ref, before, after)
        : after === before || this.arena.resizeLast(ref, before, after);
    if (fits) this.memory.words[ref >>> SLAB_SHIFT][((ref & UNIT_MASK) << 1) + 3] = vlen;
    return fits;
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
    else this.#tellPlace(ref);
    this.#detach(old);
    this.tidy();
  }

  /** Moving the last live record drops the chunk, and that ends its evacuation. */
  #evacuateOne(): void {
    const { arena } = this;
    const { words } = this.memory;
    const from = arena.evacuateAt;
    const m = words[from >>> SLAB_SHIFT];
    const w = (from & UNIT_MASK) << 1;
    const meta = m[w + 2];
    const bytes = recordBytes(meta, m[w + 3]);
    const isDead = (meta & META_DEAD) !== 0;
    const to = isDead ? 0 : arena.alloc(bytes);
    arena.evacuateAt = (from + (bytes >>> 3)) | 0;
    if (isDead) return;
    words[to >>> SLAB_SHIFT].set(m.subarray(w, w + (bytes >>> 2)), (to & UNIT_MASK) << 1);
    this.#relink(from, to);
    if ((meta & META_INLINE) === 0) this.#tellPlace(to);
    m[w + 2] = meta | META_DEAD;
    arena.free(from, bytes);
  }

  /** Puts `to` where `from` stands in its chain. */
  #relink(from: number, to: number): void {
    const { words } = this.memory;
    const bucket = this.#base + this.bucketOf(this.hash(from));
    let ref = this.#buckets[bucket];
    if (ref === from) {
      this.#buckets[bucket] = to;
      return;
    }
    for (;;) {
      const m = words[ref >>> SLAB_SHIFT];
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
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    this.#relink(ref, m[w]);
    const meta = m[w + 2];
    m[w + 2] = meta | META_DEAD;
    this.count--;
    if ((meta & META_EXPIRES) !== 0) this.expiring--;
    this.arena.free(ref, recordBytes(meta, m[w + 3]));
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
    if (this.#block === 0) this.#moveIndex(FIRST_ROOM, 0);
    const meta = klen | (form & META_FORM) | (expireAt === 0 ? 0 : META_EXPIRES);
    const ref = this.arena.alloc(recordBytes(meta, size), slack);
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    const bucket = this.#base + this.bucketOf(hash);
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
    copyBytes(kbuf, koff, this.memory.bytes[ref >>> SLAB_SHIFT], p, klen);
    this.#buckets[bucket] = ref;
    this.count++;
    return ref;
  }

  /** Adds the bucket behind the last one and moves into it what now belongs there. */
  #split(): void {
    const count = this.bucketCount;
    const room = this.memory.sizeOf(this.#block) >>> 2;
    if (count >= room) this.#moveIndex(room * 2, count);
    const { words } = this.memory;
    const target = this.#base + count;
    const source = target - this.#level;
    let ref = this.#buckets[source];
    let stay = 0;
    let move = 0;
    while (ref !== 0) {
      const m = words[ref >>> SLAB_SHIFT];
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
    this.bucketCount = count + 1;
    if (this.bucketCount === this.#level * 2) this.#level = this.bucketCount;
  }

  /** Undoes the last split. */
  #merge(): void {
    const count = this.bucketCount - 1;
    if (count < this.#level) this.#level >>>= 1;
    const source = this.#base + count;
    const target = source - this.#level;
    this.bucketCount = count;
    const chain = this.#buckets[source];
    if (chain !== 0) {
      const { words } = this.memory;
      let last = chain;
      for (let n = this.next(last); n !== 0; n = this.next(last)) last = n;
      words[last >>> SLAB_SHIFT][(last & UNIT_MASK) << 1] = this.#buckets[target];
      this.#buckets[target] = chain;
    }
    const room = this.memory.sizeOf(this.#block) >>> 2;
    if (room < 4 * FIRST_ROOM || count > room >>> 2) return;
    try {
      this.#moveIndex(room >>> 1, count);
    } catch (error) {
      // Where there is no memory for a smaller one, the large one stays.
      if (!(error instanceof RangeError)) throw error;
    }
  }

  /** Gives the index another block, with room for so many buckets, and its first `count` buckets; others are cleared, those of the first block all. */
  #moveIndex(room: number, count: number): void {
    const { memory } = this;
    const block = memory.take(room * 4);
    const buckets = memory.words[block >>> SLAB_SHIFT];
    const base = (block & UNIT_MASK) << 1;
    buckets.fill(0, base, base + FIRST_ROOM);
    if (count > 0) buckets.set(this.#buckets.subarray(this.#base, this.#base + count), base);
    if (this.#block !== 0) memory.give(this.#block);
    this.#buckets = buckets;
    this.#base = base;
    this.#block = block;
  }

  /** The last record is gone: give everything back. */
  #reset(): void {
    this.arena.clear();
    if (this.#block !== 0) this.memory.give(this.#block);
    this.#buckets = NO_BUCKETS;
    this.#base = 0;
    this.#block = 0;
    this.bucketCount = FIRST_BUCKETS;
    this.#level = FIRST_BUCKETS;
  }
}

/**
 * The elements of one large collection: byte strings that are found by their bytes, in an arena and a linear hash index (as shard.ts does it
 * for keys), with nothing on the JavaScript heap per element. An element may have a number or a value (bytes) beside it; member-record.ts
 * has the form of a record.
 *
 * Every element stands in a slot, 0 .. size-1 without holes. Removing one moves the last one into its slot, so a random element costs O(1), and
 * a scan that goes downwards never misses one that stays. No step is long: the index grows by one chain at a time, and records are moved
 * out of sparse chunks a few at each change.
 */
import { ARENA_STATE_WORDS, Arena } from "../arena.js";
import { compareBytes, copyBytes } from "../copy-bytes.js";
import { type HashSeed, hashKey } from "../hash.js";
import { type Memory, SLAB_SHIFT, UNIT_MASK } from "../memory.js";
import { REST_BYTES_MAX, STATE_BYTES } from "./collection.js";
import { FrozenMembers } from "./frozen-members.js";
import { type Beside, HEADER_BYTES, memberRecordBytes } from "./member-record.js";
import { WordList } from "./word-list.js";

/** What a table needs of its keyspace. */
export interface TableHome {
  /** May change while there are no elements. */
  readonly seed: HashSeed;
  readonly memory: Memory;
}

/** Told that a record has moved and has another reference now. Both can be read during the call. It must not change the table. */
export type MoveObserver = (from: number, to: number) => void;

/** The longest element or value: the longest bulk that a request may hold (512 MB). */
export const MEMBER_BYTES_MAX = 512 * 1024 * 1024;

const FIRST_BUCKETS = 8;
/** Records looked at in sparse chunks by each change. */
const EVACUATE_PER_CHANGE = 4;
/** Removing moves records only when less than this share of the memory is live; adding always does. */
const SPARSE_TABLE_SHARE = 0.25;

/**
 * Elements are named by references, which any change of the table makes void, but for `setNumber`. Whoever keeps
 * references is told by `observer` where they move; they change in no other way. The owner gives all memory back with `clear`.
 */
export class MemberTable {
  readonly #arena: Arena;
  readonly #memory: Memory;
  readonly #home: TableHome;
  readonly #observer: MoveObserver | null;
  readonly #head: number;
  readonly #hasValues: boolean;
  readonly #slots: WordList;
  readonly #buckets: WordList;
  #level = FIRST_BUCKETS;
  #liveBytes = 0;
  #frozen: FrozenMembers | null = null;

  constructor(home: TableHome, beside: Beside, observer: MoveObserver | null = null) {
    const { memory } = home;
    this.#memory = memory;
    this.#arena = new Arena(memory);
    this.#home = home;
    this.#observer = observer;
    this.#head = HEADER_BYTES[beside];
    this.#hasValues = beside === "value";
    this.#slots = new WordList(memory);
    this.#buckets = new WordList(memory);
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Memory held, but for the part of the newest chunk that is still free. */
  get bytes(): number {
    return STATE_BYTES + this.#arena.filledBytes + this.#slots.bytes + this.#buckets.bytes;
  }

  /** Hash of an element, for `find` and `add`. */
  hashOf(buf: Uint8Array, off: number, len: number): number {
    return hashKey(this.#home.seed, buf, off, len);
  }

  /** Reference of an element, 0 when absent. */
  find(hash: number, buf: Uint8Array, off: number, len: number): number {
    if (this.size === 0) return 0;
    const { words, bytes } = this.#memory;
    let ref = this.#buckets.at(this.#bucketOf(hash));
    while (ref !== 0) {
      const m = words[ref >>> SLAB_SHIFT];
      const w = (ref & UNIT_MASK) << 1;
      if (m[w + 1] === hash && m[w + 3] === len) {
        const b = bytes[ref >>> SLAB_SHIFT];
        const p = (w << 2) + this.#head;
        let i = 0;
        while (i < len && b[p + i] === buf[off + i]) i++;
        if (i === len) return ref;
      }
      ref = m[w];
    }
    return 0;
  }

  /** Makes an empty table's chains as many as this number of elements wants, so that they need not be split as it grows. */
  reserve(elements: number): void {
    if (this.size > 0) return;
    while (this.#buckets.length < elements) this.#buckets.push(0);
    while (this.#level * 2 <= this.#buckets.length) this.#level *= 2;
  }

  /** Adds an element that is known to be absent, in slot `size`; returns its reference. Its number is 0, its value empty. `buf` is not the table's own. */
  add(hash: number, buf: Uint8Array, off: number, len: number): number {
    return this.#insert(hash, buf, off, len, buf, off, 0);
  }

  /** The same with a value. */
  addWithValue(
    hash: number,
    buf: Uint8Array,
    off: number,
    len: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
  ): number {
    return this.#insert(hash, buf, off, len, vbuf, voff, vlen);
  }

  /** Removes an element. The one that was last in the slots now stands in its slot, unless it was the last itself. */
  remove(ref: number): void {
    this.keep(ref);
    const m = this.#memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    this.#relink(ref, m[w]);
    const last = this.#slots.pop();
    if (last !== ref) this.#putInSlot(last, m[w + 2]);
    this.#free(ref);
    const count = this.#buckets.length;
    if (count > FIRST_BUCKETS && this.size < count >>> 2) this.#merge();
    if (this.#liveBytes < this.#arena.totalBytes * SPARSE_TABLE_SHARE) this.#evacuate();
  }

  /** The element in a slot, 0 .. size-1. */
  at(slot: number): number {
    return this.#slots.at(slot);
  }

  /** A random element. `random` gives [0, 1); there must be one. */
  randomRef(random: () => number): number {
    return this.#slots.at(Math.floor(random() * this.#slots.length));
  }

  /** The bytes in which the element and its value lie; the offsets count in them. Valid until the next change. */
  bytesOf(ref: number): Uint8Array {
    return this.#memory.bytes[ref >>> SLAB_SHIFT];
  }

  /** Where the element begins. */
  offsetOf(ref: number): number {
    return ((ref & UNIT_MASK) << 3) + this.#head;
  }

  /** Bytes of the element. */
  lengthOf(ref: number): number {
    return this.#memory.words[ref >>> SLAB_SHIFT][((ref & UNIT_MASK) << 1) + 3];
  }

  /** Order of an element and other bytes: below 0, 0 or above 0, as memcmp; what is longer comes behind its beginning. */
  compare(ref: number, buf: Uint8Array, off: number, len: number): number {
    return compareBytes(this.bytesOf(ref), this.offsetOf(ref), this.lengthOf(ref), buf, off, len);
  }

  /** Order of two elements, as compare. Elements begin at a word, so what they have in common goes four bytes a step. */
  order(ref: number, other: number): number {
    const m = this.#memory.words[ref >>> SLAB_SHIFT];
    const n = this.#memory.words[other >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    const v = (other & UNIT_MASK) << 1;
    const head = this.#head >>> 2;
    const len = m[w + 3];
    const otherLen = n[v + 3];
    const words = Math.min(len, otherLen) >>> 2;
    let i = 0;
    while (i < words && m[w + head + i] === n[v + head + i]) i++;
    const skip = i << 2;
    return compareBytes(
      this.bytesOf(ref),
      this.offsetOf(ref) + skip,
      len - skip,
      this.bytesOf(other),
      this.offsetOf(other) + skip,
      otherLen - skip,
    );
  }

  /** Where the value begins. Only in a table with values. */
  valueOffsetOf(ref: number): number {
    return this.offsetOf(ref) + this.lengthOf(ref);
  }

  /** Bytes of the value. Only in a table with values. */
  valueLengthOf(ref: number): number {
    return this.#memory.words[ref >>> SLAB_SHIFT][((ref & UNIT_MASK) << 1) + 4];
  }

  /** Only in a table with numbers. */
  numberOf(ref: number): number {
    const m = this.#memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    NUMBER_WORDS[0] = m[w + 4];
    NUMBER_WORDS[1] = m[w + 5];
    return NUMBER[0];
  }

  /** Only in a table with numbers. References stay valid. */
  setNumber(ref: number, value: number): void {
    this.keep(ref);
    const m = this.#memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    NUMBER[0] = value;
    m[w + 4] = NUMBER_WORDS[0];
    m[w + 5] = NUMBER_WORDS[1];
  }

  /** Replaces a value, in place when the record's size allows it. Only in a table with values; `vbuf` is not the table's own. */
  setValue(ref: number, vbuf: Uint8Array, voff: number, vlen: number): void {
    this.keep(ref);
    const m = this.#memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    const len = m[w + 3];
    if (this.#recordBytes(len, vlen) === this.#recordBytes(len, m[w + 4])) {
      m[w + 4] = vlen;
      copyBytes(vbuf, voff, this.bytesOf(ref), this.valueOffsetOf(ref), vlen);
      return;
    }
    const made = this.#write(m[w + 1], this.bytesOf(ref), this.offsetOf(ref), len, vbuf, voff, vlen);
    this.#replace(ref, made);
    if (this.#arena.sparse) this.#evacuate();
  }

  /**
   * Visits about `count` elements from the top slot downwards. Give 0 to begin and then what the call before returned; 0 back means the end. An
   * element that is present during the whole scan is visited at least once: elements only ever move to lower slots, and from an unvisited
   * slot only to another unvisited one. Elements added meanwhile stand above and may be missed. The visitor must not change the table.
   */
  scan(cursor: number, count: number, visit: (ref: number) => void): number {
    const size = this.size;
    const top = cursor <= 0 || cursor > size ? size : cursor;
    const bottom = Math.max(0, top - Math.max(1, count));
    for (let slot = top - 1; slot >= bottom; slot--) visit(this.#slots.at(slot));
    return bottom;
  }

  /** See Collection.restWords. */
  get restWords(): number {
    if (this.#frozen !== null || this.#arena.totalBytes > REST_BYTES_MAX) return 0;
    return ARENA_STATE_WORDS + 2 + this.#slots.stateWords + this.#buckets.stateWords;
  }

  /** See Collection.rest; returns where its state ends. */
  rest(m: Int32Array, w: number): number {
    this.#arena.rest(m, w);
    const at = w + ARENA_STATE_WORDS;
    m[at] = this.#level;
    m[at + 1] = this.#liveBytes;
    return this.#buckets.rest(m, this.#slots.rest(m, at + 2));
  }

  /** See Collection.wake; returns where its state ends. */
  wake(m: Int32Array, w: number): number {
    this.#arena.wake(m, w);
    const at = w + ARENA_STATE_WORDS;
    this.#level = m[at];
    this.#liveBytes = m[at + 1];
    return this.#buckets.wake(m, this.#slots.wake(m, at + 2));
  }

  /** Whether a frozen copy still reads the table's chunks. */
  get isFrozen(): boolean {
    return this.#frozen !== null;
  }

  /**
   * Takes the elements of another table of the same kind; this one is empty. Their references here are others: while `whileMoved` runs, `moved` tells
   * of each reference in the source which one it is here.
   */
  copyFrom(source: MemberTable, whileMoved: (moved: (ref: number) => number) => void = () => {}): void {
    this.#arena.copyFrom(source.#arena, (moved) => {
      this.#slots.copyFrom(source.#slots);
      this.#buckets.copyFrom(source.#buckets);
      const { words } = this.#memory;
      for (let slot = 0; slot < this.size; slot++) {
        const ref = moved(this.#slots.at(slot));
        this.#slots.put(slot, ref);
        const m = words[ref >>> SLAB_SHIFT];
        const w = (ref & UNIT_MASK) << 1;
        if (m[w] !== 0) m[w] = moved(m[w]);
      }
      for (let b = 0; b < this.#buckets.length; b++) {
        const ref = this.#buckets.at(b);
        if (ref !== 0) this.#buckets.put(b, moved(ref));
      }
      whileMoved(moved);
    });
    this.#level = source.#level;
    this.#liveBytes = source.#liveBytes;
  }

  /** See Collection.freeze. */
  freeze(): FrozenMembers {
    this.#frozen = new FrozenMembers(this.#arena);
    return this.#frozen;
  }

  /** See Collection.thaw. */
  thaw(): void {
    this.#frozen?.close();
    this.#frozen = null;
  }

  /**
   * Copies what a frozen copy still needs of the record's chunk. Every change does this for itself, before anything has changed: only who changes
   * more than the table calls it first, since it may fail for want of memory.
   */
  keep(ref: number): void {
    if (this.#frozen !== null) this.#frozen.keep(ref);
  }

  /** Forgets every element and gives all memory back at once, but for what a frozen copy needs. */
  clear(): void {
    this.#frozen?.keepAll();
    this.#arena.clear();
    this.#slots.clear();
    this.#buckets.clear();
    this.#level = FIRST_BUCKETS;
    this.#liveBytes = 0;
  }

  /** Chains count from the lower bits of a hash: modulo 2 * level, or level where that chain does not exist yet. */
  #bucketOf(hash: number): number {
    const bucket = hash & (this.#level * 2 - 1);
    return bucket < this.#buckets.length ? bucket : hash & (this.#level - 1);
  }

  #recordBytes(len: number, vlen: number): number {
    return memberRecordBytes(this.#head, len, vlen);
  }

  #sizeAt(m: Int32Array, w: number): number {
    return this.#recordBytes(m[w + 3], this.#hasValues ? m[w + 4] : 0);
  }

  #insert(
    hash: number,
    buf: Uint8Array,
    off: number,
    len: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
  ): number {
    // What may fail for want of memory comes before anything changes.
    this.#slots.reserve();
    // Before the record is written: afterwards its reference would be void.
    if (this.#arena.sparse) this.#evacuate();
    while (this.#buckets.length < FIRST_BUCKETS) this.#buckets.push(0);
    if (this.size >= this.#buckets.length) this.#split();
    const ref = this.#write(hash, buf, off, len, vbuf, voff, vlen);
    const m = this.#memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    const bucket = this.#bucketOf(hash);
    m[w] = this.#buckets.at(bucket);
    this.#buckets.put(bucket, ref);
    m[w + 2] = this.size;
    this.#slots.push(ref);
    return ref;
  }

  /** Writes a record that is in no chain and no slot yet. */
  #write(
    hash: number,
    buf: Uint8Array,
    off: number,
    len: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
  ): number {
    const size = this.#recordBytes(len, vlen);
    const ref = this.#arena.alloc(size);
    this.#liveBytes += size;
    const m = this.#memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    m[w + 1] = hash;
    m[w + 3] = len;
    // The number, or the length of the value.
    if (this.#hasValues) m[w + 4] = vlen;
    else if (this.#head > HEADER_BYTES.nothing) m.fill(0, w + 4, w + 6);
    const bytes = this.#memory.bytes[ref >>> SLAB_SHIFT];
    const at = (w << 2) + this.#head;
    copyBytes(buf, off, bytes, at, len);
    copyBytes(vbuf, voff, bytes, at + len, vlen);
    return ref;
  }

  /** Gives `to` the place of `from` in its chain and its slot, and frees `from`. */
  #replace(from: number, to: number): void {
    const m = this.#memory.words[from >>> SLAB_SHIFT];
    const w = (from & UNIT_MASK) << 1;
    this.#memory.words[to >>> SLAB_SHIFT][(to & UNIT_MASK) << 1] = m[w];
    this.#relink(from, to);
    this.#putInSlot(to, m[w + 2]);
    if (this.#observer !== null) this.#observer(from, to);
    this.#free(from);
  }

  #putInSlot(ref: number, slot: number): void {
    this.#slots.put(slot, ref);
    this.#memory.words[ref >>> SLAB_SHIFT][((ref & UNIT_MASK) << 1) + 2] = slot;
  }

  #free(ref: number): void {
    const m = this.#memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    const size = this.#sizeAt(m, w);
    m[w + 2] = -1;
    this.#liveBytes -= size;
    this.#arena.free(ref, size);
  }

  /** Puts `to` where `from` stands in its chain. */
  #relink(from: number, to: number): void {
    const { words } = this.#memory;
    const bucket = this.#bucketOf(words[from >>> SLAB_SHIFT][((from & UNIT_MASK) << 1) + 1]);
    let ref = this.#buckets.at(bucket);
    if (ref === from) {
      this.#buckets.put(bucket, to);
      return;
    }
    for (;;) {
      const m = words[ref >>> SLAB_SHIFT];
      const w = (ref & UNIT_MASK) << 1;
      ref = m[w];
      if (ref !== from) continue;
      m[w] = to;
      return;
    }
  }

  /** Adds the chain behind the last one and moves into it what now belongs there. */
  #split(): void {
    this.#buckets.push(0);
    const target = this.#buckets.length - 1;
    const source = target - this.#level;
    const { words } = this.#memory;
    let ref = this.#buckets.at(source);
    let stay = 0;
    let move = 0;
    while (ref !== 0) {
      const m = words[ref >>> SLAB_SHIFT];
      const w = (ref & UNIT_MASK) << 1;
      const next = m[w];
      if ((m[w + 1] & this.#level) === 0) {
        m[w] = stay;
        stay = ref;
      } else {
        m[w] = move;
        move = ref;
      }
      ref = next;
    }
    this.#buckets.put(source, stay);
    this.#buckets.put(target, move);
    if (target + 1 === this.#level * 2) this.#level *= 2;
  }

  /** Undoes the last split. */
  #merge(): void {
    const { words } = this.#memory;
    const chain = this.#buckets.pop();
    const source = this.#buckets.length;
    if (source < this.#level) this.#level >>>= 1;
    if (chain === 0) return;
    const target = source - this.#level;
    let last = chain;
    for (;;) {
      const m = words[last >>> SLAB_SHIFT];
      const w = (last & UNIT_MASK) << 1;
      if (m[w] !== 0) {
        last = m[w];
        continue;
      }
      m[w] = this.#buckets.at(target);
      this.#buckets.put(target, chain);
      return;
    }
  }

  /** Looks at a few records of chunks that are mostly dead and moves out the live ones. Where there is no memory for that, it waits. */
  #evacuate(): void {
    const arena = this.#arena;
    try {
      for (let n = 0; n < EVACUATE_PER_CHANGE && (arena.evacuating !== 0 || arena.nextSparse()); n++)
        this.#evacuateOne();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }

  /** Moving the last live record drops the chunk, and that ends its evacuation. */
  #evacuateOne(): void {
    const arena = this.#arena;
    const { words } = this.#memory;
    const from = arena.evacuateAt;
    const m = words[from >>> SLAB_SHIFT];
    const w = (from & UNIT_MASK) << 1;
    const size = this.#sizeAt(m, w);
    const next = (from + (size >>> 3)) | 0;
    if (m[w + 2] < 0) {
      arena.evacuateAt = next;
      return;
    }
    this.keep(from);
    const to = arena.alloc(size);
    arena.evacuateAt = next;
    this.#liveBytes += size;
    words[to >>> SLAB_SHIFT].set(m.subarray(w, w + (size >>> 2)), (to & UNIT_MASK) << 1);
    this.#replace(from, to);
  }
}

const NUMBER = new Float64Array(1);
const NUMBER_WORDS = new Int32Array(NUMBER.buffer);

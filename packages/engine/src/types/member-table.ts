/**
 * The elements of one large collection: byte strings that are found by their bytes, in an arena and a linear hash index (as shard.ts does it
 * for keys), with nothing on the JavaScript heap per element. An element may have a number or a value (bytes) beside it; member-record.ts
 * has the form of a record.
 *
 * An element costs its bytes, 6 to 14 before them, up to 7 behind, and 2.7 in the index. Its hash is not kept: it is computed again where a record moves or its
 * chain is divided, which happens about once to each element, and costs less than the memory (20 ns for 16 bytes). Nor is there a list of all elements:
 * whoever wants them all walks through the memory, a scan goes from chain to chain, and a random one is looked for in random chains.
 *
 * No step is long: the index grows by one chain at a time, and records are moved out of sparse chunks a few at each change.
 */
import { ARENA_STATE_WORDS, Arena, CHUNK_HEADER_BYTES } from "../arena.js";
import { choose } from "../choose.js";
import { copyBytes } from "../copy-bytes.js";
import { type Memory, SLAB_SHIFT, UNIT_MASK } from "../memory.js";
import { nextReversed } from "../scan-cursor.js";
import type { ByteSink } from "./byte-sink.js";
import { REST_BYTES_MAX, STATE_BYTES } from "./collection.js";
import { FrozenMembers } from "./frozen-members.js";
import {
  type Beside,
  FORM_DEAD,
  FORM_LONG,
  isLong,
  MemberRecords,
  memberRecordBytes,
  SHORT_MASK,
} from "./member-record.js";
import { WordList } from "./word-list.js";

/** What a table needs of its keyspace. */
export interface TableHome {
  /** Hash of an element. The same as long as there are elements. */
  readonly hashes: { of(buf: Uint8Array, off: number, len: number): number };
  readonly memory: Memory;
}

/** Told that a record has moved and has another reference now. Both can be read during the call. It must not change the table. */
export type MoveObserver = (from: number, to: number) => void;

/** The longest element or value: the longest bulk that a request may hold (512 MB). */
export const MEMBER_BYTES_MAX = 512 * 1024 * 1024;

const FIRST_BUCKETS = 8;
/** Elements for each two chains: where there are more the index grows, and where there are half as many it shrinks. */
const LOAD_TWICE = 3;
/** Records looked at in sparse chunks by each change. */
const EVACUATE_PER_CHANGE = 4;
/** Removing moves records only when less than this share of the memory is live; adding always does. */
const SPARSE_TABLE_SHARE = 0.25;
/** Places of a chain in one of which a random element is looked for, so many times. Longer chains are one in 40 where they are longest, before an index has doubled. */
const CHAIN_PLACES = 6;
const RANDOM_TRIES = 64;
/** Of several elements at once, those that are less than this part are looked for one by one, which seldom finds one twice. */
const ONE_BY_ONE_PART = 3;
/** Chains that a scan visits for each element it is asked for, at most. */
const SCAN_CHAINS_PER_ELEMENT = 10;
const HEADER_UNITS = CHUNK_HEADER_BYTES >>> 3;

/**
 * Elements are named by references, which any change of the table makes void, but for `setNumber` and `removeOnly`. Whoever keeps
 * references is told by `observer` where they move; they change in no other way. The owner gives all memory back with `clear`.
 */
export class MemberTable extends MemberRecords {
  /** Number of elements. */
  size = 0;
  readonly #arena: Arena;
  readonly #home: TableHome;
  readonly #observer: MoveObserver | null;
  readonly #buckets: WordList;
  #level = FIRST_BUCKETS;
  #liveBytes = 0;
  #frozen: FrozenMembers | null = null;

  constructor(home: TableHome, beside: Beside, observer: MoveObserver | null = null) {
    const { memory } = home;
    super(memory, beside);
    this.#arena = new Arena(memory);
    this.#home = home;
    this.#observer = observer;
    this.#buckets = new WordList(memory);
  }

  /** Memory held, but for the part of the newest chunk that is still free. */
  get bytes(): number {
    return STATE_BYTES + this.#arena.filledBytes + this.#buckets.bytes;
  }

  /** Hash of an element, for `find` and `add`. */
  hashOf(buf: Uint8Array, off: number, len: number): number {
    return this.#home.hashes.of(buf, off, len);
  }

  /** First record of a hash's chain, 0 = none. */
  first(hash: number): number {
    return this.size === 0 ? 0 : this.#buckets.at(this.#bucketOf(hash));
  }

  /** Words of the slab in which a record lies. */
  wordsAt(ref: number): Int32Array {
    return this.memory.words[ref >>> SLAB_SHIFT];
  }

  /** Reference of an element, 0 when absent. */
  find(hash: number, buf: Uint8Array, off: number, len: number): number {
    const { words, bytes } = this.memory;
    const formWord = this.formWord;
    let ref = this.first(hash);
    while (ref !== 0) {
      const m = words[ref >>> SLAB_SHIFT];
      const w = (ref & UNIT_MASK) << 1;
      const form = m[w + formWord];
      const isShort = (form & FORM_LONG) === 0;
      if (isShort ? (form & SHORT_MASK) === len : m[w + formWord + 1] === len && m[w + formWord + 2] === hash) {
        const b = bytes[ref >>> SLAB_SHIFT];
        const p = (w << 2) + (isShort ? this.head : this.form.longHead);
        // From the end: what elements of a collection have in common is more often their beginning.
        let i = len - 1;
        while (i >= 0 && b[p + i] === buf[off + i]) i--;
        if (i < 0) return ref;
      }
      ref = m[w];
    }
    return 0;
  }

  /** Makes an empty table's chains as many as this number of elements wants, so that they need not be split as it grows. */
  reserve(elements: number): void {
    if (this.size > 0) return;
    while (this.#buckets.length * LOAD_TWICE < elements * 2) this.#buckets.push(0);
    while (this.#level * 2 <= this.#buckets.length) this.#level *= 2;
  }

  /** Adds an element that is known to be absent; returns its reference. Its number is 0, its value empty. `buf` is not the table's own. */
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

  /** Removes an element. */
  remove(ref: number): void {
    this.removeOnly(ref);
    this.tidy();
  }

  /** Removes an element; the references of others stay valid. To be followed by `tidy`. */
  removeOnly(ref: number): void {
    this.keep(ref);
    this.#relink(ref, this.memory.words[ref >>> SLAB_SHIFT][(ref & UNIT_MASK) << 1]);
    this.size--;
    this.#free(ref);
    const count = this.#buckets.length;
    if (count > FIRST_BUCKETS && this.size * 4 < count * LOAD_TWICE) this.#merge();
  }

  /** After an element was removed: moves some others, where much of the memory is dead. */
  tidy(): void {
    if (this.#liveBytes < this.#arena.totalBytes * SPARSE_TABLE_SHARE) this.#evacuate();
  }

  /**
   * The element behind another one as they lie in the memory, the first behind 0; 0 = there is none. Their order stays while nothing is added or
   * removed.
   */
  after(ref: number): number {
    const arena = this.#arena;
    const { words } = this.memory;
    let chunk = ref === 0 ? arena.chunkAfter(0) : this.memory.blockOf(ref);
    let at = ref === 0 ? (chunk + HEADER_UNITS) | 0 : (ref + (this.sizeOf(ref) >>> 3)) | 0;
    while (chunk !== 0) {
      const end = (chunk + (arena.usedOf(chunk) >>> 3)) | 0;
      while (at !== end) {
        if ((words[at >>> SLAB_SHIFT][((at & UNIT_MASK) << 1) + this.formWord] & FORM_DEAD) === 0) return at;
        at = (at + (this.sizeOf(at) >>> 3)) | 0;
      }
      chunk = arena.chunkAfter(chunk);
      at = (chunk + HEADER_UNITS) | 0;
    }
    return 0;
  }

  /** A random element. `random` gives [0, 1); there must be one. All come up equally often, but for the last ones of the longest chains. */
  randomRef(random: () => number): number {
    const buckets = this.#buckets;
    let bucket = 0;
    for (let tries = 0; tries < RANDOM_TRIES; tries++) {
      const chosen = Math.floor(random() * buckets.length * CHAIN_PLACES);
      bucket = Math.floor(chosen / CHAIN_PLACES);
      const place = chosen % CHAIN_PLACES;
      const ref = this.#inChain(bucket, place);
      if (ref === 0) continue;
      // Those behind share the last place.
      const left = place === CHAIN_PLACES - 1 ? this.#chainLength(ref) : 1;
      return left === 1 ? ref : this.#inChain(bucket, place + Math.floor(random() * left));
    }
    // Where the source of randomness is a poor one: the next that is there.
    while (buckets.at(bucket) === 0) bucket = bucket + 1 === buckets.length ? 0 : bucket + 1;
    return buckets.at(bucket);
  }

  /** `count` different elements, in random order, or all in any. `random` gives [0, 1). */
  randomRefs(count: number, random: () => number): number[] {
    if (count * ONE_BY_ONE_PART < this.size) {
      const chosen = new Set<number>();
      for (let tries = RANDOM_TRIES * count; tries > 0 && chosen.size < count; tries--)
        chosen.add(this.randomRef(random));
      // Else the source of randomness is a poor one.
      if (chosen.size === count) return [...chosen];
    }
    const all: number[] = [];
    for (let ref = this.after(0); ref !== 0; ref = this.after(ref)) all.push(ref);
    return choose(all, count, random);
  }

  /** Only in a table with numbers. References stay valid. */
  setNumber(ref: number, value: number): void {
    this.keep(ref);
    this.putNumber(ref, value);
  }

  /** Replaces a value, in place when the record's size allows it. Only in a table with values; `vbuf` is not the table's own. */
  setValue(ref: number, vbuf: Uint8Array, voff: number, vlen: number): void {
    this.keep(ref);
    const len = this.lengthOf(ref);
    if (memberRecordBytes(this.form, len, vlen) === this.sizeOf(ref)) {
      // So it is as long or short as it was.
      const m = this.memory.words[ref >>> SLAB_SHIFT];
      const w = ((ref & UNIT_MASK) << 1) + this.formWord;
      if ((m[w] & FORM_LONG) === 0) m[w] = (m[w] & 0xffff) | (vlen << 16);
      else m[w + 3] = vlen;
      copyBytes(vbuf, voff, this.bytesOf(ref), this.valueOffsetOf(ref), vlen);
      return;
    }
    const made = this.#write(this.#hashAt(ref), this.bytesOf(ref), this.offsetOf(ref), len, vbuf, voff, vlen);
    this.#replace(ref, made);
    if (this.#arena.sparse) this.#evacuate();
  }

  /**
   * Visits about `count` elements, whole chains, and returns the next cursor (scan-cursor.ts); 0 begins and ends. An element that is present during
   * the whole scan is visited at least once, however the index grows or shrinks meanwhile. The visitor must not change the table.
   */
  scan(cursor: number, count: number, visit: (ref: number) => void): number {
    let v = cursor >>> 0;
    let visited = 0;
    let chains = Math.max(1, count) * SCAN_CHAINS_PER_ELEMENT;
    if (this.size === 0) return 0;
    do {
      const mask = this.#level - 1;
      const low = v & mask;
      visited += this.#visitChain(low, visit);
      if (low + this.#level < this.#buckets.length) visited += this.#visitChain(low + this.#level, visit);
      v = nextReversed(v, mask);
    } while (v !== 0 && visited < count && --chains > 0);
    return v;
  }

  /** See Collection.encodeSlice; `put` appends an element. Cursors are references, as numbers above 0. */
  encodeSlice(cursor: number, out: ByteSink, maxBytes: number, put: (ref: number) => void): number {
    const countAt = out.length;
    out.u32(0);
    let count = 0;
    let ref = cursor === 0 ? this.after(0) : cursor | 0;
    while (ref !== 0 && (count === 0 || out.length - countAt < maxBytes)) {
      put(ref);
      count++;
      ref = this.after(ref);
    }
    out.setU32(countAt, count);
    return ref === 0 ? -1 : ref >>> 0;
  }

  /** See Collection.restWords. */
  get restWords(): number {
    if (this.#frozen !== null || this.#arena.totalBytes > REST_BYTES_MAX) return 0;
    return ARENA_STATE_WORDS + 3 + this.#buckets.stateWords;
  }

  /** See Collection.rest; returns where its state ends. */
  rest(m: Int32Array, w: number): number {
    this.#arena.rest(m, w);
    const at = w + ARENA_STATE_WORDS;
    m[at] = this.size;
    m[at + 1] = this.#level;
    m[at + 2] = this.#liveBytes;
    return this.#buckets.rest(m, at + 3);
  }

  /** See Collection.wake; returns where its state ends. */
  wake(m: Int32Array, w: number): number {
    this.#arena.wake(m, w);
    const at = w + ARENA_STATE_WORDS;
    this.size = m[at];
    this.#level = m[at + 1];
    this.#liveBytes = m[at + 2];
    return this.#buckets.wake(m, at + 3);
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
      this.#buckets.copyFrom(source.#buckets);
      const { words } = this.memory;
      for (let b = 0; b < this.#buckets.length; b++) {
        let next = this.#buckets.at(b);
        if (next === 0) continue;
        let ref = moved(next);
        this.#buckets.put(b, ref);
        for (;;) {
          const m = words[ref >>> SLAB_SHIFT];
          const w = (ref & UNIT_MASK) << 1;
          next = m[w];
          if (next === 0) break;
          ref = moved(next);
          m[w] = ref;
        }
      }
      whileMoved(moved);
    });
    this.size = source.size;
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
    this.#buckets.clear();
    this.size = 0;
    this.#level = FIRST_BUCKETS;
    this.#liveBytes = 0;
  }

  /** Chains count from the lower bits of a hash: modulo 2 * level, or level where that chain does not exist yet. */
  #bucketOf(hash: number): number {
    const bucket = hash & (this.#level * 2 - 1);
    return bucket < this.#buckets.length ? bucket : hash & (this.#level - 1);
  }

  #hashAt(ref: number): number {
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    const form = m[w + this.formWord];
    if ((form & FORM_LONG) !== 0) return m[w + this.formWord + 2];
    return this.#home.hashes.of(this.bytesOf(ref), (w << 2) + this.head, form & SHORT_MASK);
  }

  #visitChain(bucket: number, visit: (ref: number) => void): number {
    const { words } = this.memory;
    let visited = 0;
    for (let ref = this.#buckets.at(bucket); ref !== 0; visited++) {
      visit(ref);
      ref = words[ref >>> SLAB_SHIFT][(ref & UNIT_MASK) << 1];
    }
    return visited;
  }

  /** Number of elements from one on to the end of its chain. */
  #chainLength(first: number): number {
    const { words } = this.memory;
    let length = 0;
    for (let ref = first; ref !== 0; length++) ref = words[ref >>> SLAB_SHIFT][(ref & UNIT_MASK) << 1];
    return length;
  }

  /** The element at a place in a chain, 0 where it is not so long. */
  #inChain(bucket: number, place: number): number {
    const { words } = this.memory;
    let ref = this.#buckets.at(bucket);
    for (let i = 0; i < place && ref !== 0; i++) ref = words[ref >>> SLAB_SHIFT][(ref & UNIT_MASK) << 1];
    return ref;
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
    // What may fail for want of memory comes before anything changes; and evacuation before the record is written: afterwards its reference would be void.
    if (this.#arena.sparse) this.#evacuate();
    const buckets = this.#buckets;
    while (buckets.length < FIRST_BUCKETS) buckets.push(0);
    if (this.size * 2 >= buckets.length * LOAD_TWICE) this.#split();
    const ref = this.#write(hash, buf, off, len, vbuf, voff, vlen);
    const bucket = this.#bucketOf(hash);
    this.memory.words[ref >>> SLAB_SHIFT][(ref & UNIT_MASK) << 1] = buckets.at(bucket);
    buckets.put(bucket, ref);
    this.size++;
    return ref;
  }

  /** Writes a record that is in no chain yet. */
  #write(
    hash: number,
    buf: Uint8Array,
    off: number,
    len: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
  ): number {
    const form = this.form;
    const size = memberRecordBytes(form, len, vlen);
    const ref = this.#arena.alloc(size);
    this.#liveBytes += size;
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    if (form.hasNumbers) {
      m[w + 1] = 0;
      m[w + 2] = 0;
    }
    const f = w + this.formWord;
    let at = (w << 2) + this.head;
    if (isLong(len, vlen)) {
      m[f] = FORM_LONG;
      m[f + 1] = len;
      m[f + 2] = hash;
      if (form.hasValues) m[f + 3] = vlen;
      at = (w << 2) + form.longHead;
    } else {
      // Where there is no value the element begins in the upper half of this word, and is written next.
      m[f] = len | (vlen << 16);
    }
    const bytes = this.memory.bytes[ref >>> SLAB_SHIFT];
    copyBytes(buf, off, bytes, at, len);
    copyBytes(vbuf, voff, bytes, at + len, vlen);
    return ref;
  }

  /** Gives `to`, a record of the same element, the place of `from` in its chain, and frees `from`. */
  #replace(from: number, to: number): void {
    const next = this.memory.words[from >>> SLAB_SHIFT][(from & UNIT_MASK) << 1];
    this.memory.words[to >>> SLAB_SHIFT][(to & UNIT_MASK) << 1] = next;
    this.#relink(from, to);
    if (this.#observer !== null) this.#observer(from, to);
    this.#free(from);
  }

  #free(ref: number): void {
    const size = this.sizeOf(ref);
    this.memory.words[ref >>> SLAB_SHIFT][((ref & UNIT_MASK) << 1) + this.formWord] |= FORM_DEAD;
    this.#liveBytes -= size;
    this.#arena.free(ref, size);
  }

  /** Puts `to` where `from` stands in its chain. */
  #relink(from: number, to: number): void {
    const { words } = this.memory;
    const bucket = this.#bucketOf(this.#hashAt(from));
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
    const { words } = this.memory;
    let ref = this.#buckets.at(source);
    let stay = 0;
    let move = 0;
    while (ref !== 0) {
      const m = words[ref >>> SLAB_SHIFT];
      const w = (ref & UNIT_MASK) << 1;
      const next = m[w];
      if ((this.#hashAt(ref) & this.#level) === 0) {
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
    const { words } = this.memory;
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
    const { words } = this.memory;
    const from = arena.evacuateAt;
    const m = words[from >>> SLAB_SHIFT];
    const w = (from & UNIT_MASK) << 1;
    const size = this.sizeOf(from);
    const next = (from + (size >>> 3)) | 0;
    if ((m[w + this.formWord] & FORM_DEAD) !== 0) {
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

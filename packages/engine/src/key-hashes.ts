/**
 * Hashes of the keys of requests that have arrived and will run soon, so that what they need can be loaded before they run.
 *
 * A lookup waits for memory twice or three times, one behind the other: the bucket, the record, the next record of the chain. In a
 * large data set each wait is a tenth of a microsecond, as long as the rest of a small command. The processor waits for some ten
 * loads at a time, if they do not depend on each other. So the keys of a batch are hashed first, then all their buckets are read, then all first
 * records, then the next ones where a hash says that the first is another key's: within each round the loads overlap. What was read stays in the processor's
 * cache, and nothing else: no reference is held, and whatever the batch changes, its commands look everything up as ever.
 *
 * The elements (fields, members) of large collections are found through buckets and chains, too. So behind the keys theirs go the same way.
 *
 * The hashes are kept for those lookups, by the place of key or element in the batch's buffer. They hold only as long as the bytes there do: whoever
 * begins to run requests of another buffer, or of other bytes in it, calls clear() first.
 */
import { type HashSeed, hashKey } from "./hash.js";
import { UNIT_MASK } from "./memory.js";
import type { Shard } from "./shard.js";
import type { MemberTable } from "./types/member-table.js";
import { TYPE_LIST, TYPE_STRING } from "./types/type-codes.js";

/** Keys of a batch, and elements: few enough that what is loaded for the last does not push what was loaded for the first out of the fast caches. */
export const AHEAD_KEYS_MAX = 128;
/** How often a chain is followed: few are longer. */
const CHAIN_ROUNDS = 2;
const SLOTS_SHIFT = 9;
/** A slot: offset, length, hash and number of the batch. */
const SLOT_WORDS = 4;
const NO_BYTES = new Uint8Array(0);
/** Words of a record that are read: the line of its header, and the one behind it. */
const HASH_WORD = 1;
const NEXT_LINE = 16;
/** A slab ends with the last word of some record: what would be behind it is read at the slab's begin. */
const WORD_MASK = (UNIT_MASK << 1) | 1;

export class KeyHashes {
  /** Keys of this batch; one that is named several times in a row counts once. */
  count = 0;
  /** Of no use, but for the compiler: what nobody uses it would not load. */
  seen = 0;
  readonly #home: { readonly seed: HashSeed };
  readonly #slots = new Int32Array(SLOT_WORDS << SLOTS_SHIFT);
  readonly #hashes = new Int32Array(AHEAD_KEYS_MAX);
  readonly #refs = new Int32Array(AHEAD_KEYS_MAX);
  /** For each element its hash, and where it is looked for. */
  readonly #elementHashes = new Int32Array(AHEAD_KEYS_MAX);
  readonly #tables: MemberTable[] = [];
  #elements = 0;
  #buf: Uint8Array = NO_BYTES;
  #batch = 0;
  /** The key that was added last; no bytes below 0: none was. */
  #lastOff = 0;
  #lastLen = -1;
  #lastHash = 0;

  /** @param home whose seed may change between batches */
  constructor(home: { readonly seed: HashSeed }) {
    this.#home = home;
  }

  /** Forgets every hash. */
  clear(): void {
    this.#buf = NO_BYTES;
  }

  /** Begins a batch of keys that lie in one buffer. */
  begin(buf: Uint8Array): void {
    this.#buf = buf;
    this.#batch = (this.#batch + 1) | 0;
    this.#lastLen = -1;
    this.count = 0;
    this.#elements = 0;
  }

  /** Hashes a key of the batch; false when it has no more room. */
  add(off: number, len: number): boolean {
    if (len === this.#lastLen && isSame(this.#buf, this.#lastOff, off, len)) {
      this.#remember(off, len, this.#lastHash);
      return true;
    }
    if (this.count === AHEAD_KEYS_MAX) return false;
    const hash = hashKey(this.#home.seed, this.#buf, off, len);
    this.#hashes[this.count++] = hash;
    this.#lastOff = off;
    this.#lastLen = len;
    this.#lastHash = hash;
    this.#remember(off, len, hash);
    return true;
  }

  /** Loads what lookups of the batch's keys in these shards will read. */
  touch(shards: readonly Shard[]): void {
    const { count } = this;
    const hashes = this.#hashes;
    const refs = this.#refs;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i];
      refs[i] = shards[hash & 255].head(hash);
    }
    let seen = 0;
    for (let round = 0; round < CHAIN_ROUNDS; round++) {
      for (let i = 0; i < count; i++) {
        const hash = hashes[i];
        const ref = refs[i];
        const m = shards[hash & 255].wordsAt(ref);
        const w = (ref & UNIT_MASK) << 1;
        const other = m[w + HASH_WORD] ^ hash;
        seen ^= m[(w + NEXT_LINE) & WORD_MASK];
        // The next record of the chain, or 0 where this is the key's. Not by a branch: the processor would guess wrong, and begin the loads behind it anew.
        refs[i] = m[w] & ((other | -other) >> 31);
      }
    }
    this.seen = seen;
  }

  /** Loads where these shards will add their next records. */
  touchNext(shards: readonly Shard[]): void {
    for (let i = 0; i < this.count; i++) shards[this.#hashes[i] & 255].arena.touchNext();
  }

  /**
   * Hashes elements of the large collection at a key of the batch, whose record was touched: argument `first` of a request and every `step`th behind it, up
   * to `end`. Where there is no such collection, or it is at rest, nothing is known of them; when the batch has no more room, of the rest.
   */
  addElements(
    shards: readonly Shard[],
    koff: number,
    klen: number,
    off: Int32Array,
    len: Int32Array,
    first: number,
    end: number,
    step: number,
  ): void {
    const hash = this.of(this.#buf, koff, klen);
    const table = tableAt(shards[hash & 255], hash);
    if (table === null) return;
    for (let i = first; i < end && this.#elements < AHEAD_KEYS_MAX; i += step) {
      const elementHash = hashKey(this.#home.seed, this.#buf, off[i], len[i]);
      this.#elementHashes[this.#elements] = elementHash;
      this.#tables[this.#elements++] = table;
      this.#remember(off[i], len[i], elementHash);
    }
  }

  /** Loads what lookups of the batch's elements will read, as touch() does for its keys. */
  touchElements(): void {
    const tables = this.#tables;
    const hashes = this.#elementHashes;
    const refs = this.#refs;
    const count = this.#elements;
    for (let i = 0; i < count; i++) refs[i] = tables[i].first(hashes[i]);
    let seen = 0;
    for (let round = 0; round < CHAIN_ROUNDS; round++) {
      for (let i = 0; i < count; i++) {
        const m = tables[i].wordsAt(refs[i]);
        const w = (refs[i] & UNIT_MASK) << 1;
        seen ^= m[(w + NEXT_LINE) & WORD_MASK];
        // Their records have no hash that would say which of a chain it is.
        refs[i] = m[w];
      }
    }
    this.seen = seen;
  }

  /** Hash of a key or an element: remembered from the batch, or computed. */
  of(buf: Uint8Array, off: number, len: number): number {
    if (buf === this.#buf) {
      const slots = this.#slots;
      const at = slotOf(off);
      if (slots[at] === off && slots[at + 1] === len && slots[at + 3] === this.#batch) return slots[at + 2];
    }
    return hashKey(this.#home.seed, buf, off, len);
  }

  #remember(off: number, len: number, hash: number): void {
    const slots = this.#slots;
    const at = slotOf(off);
    slots[at] = off;
    slots[at + 1] = len;
    slots[at + 2] = hash;
    slots[at + 3] = this.#batch;
  }
}

/** The table of the open collection at the first key with this hash, null = there is none such. */
function tableAt(shard: Shard, hash: number): MemberTable | null {
  let ref = shard.head(hash);
  while (ref !== 0 && shard.hash(ref) !== hash) ref = shard.next(ref);
  if (ref === 0 || shard.isInline(ref) || !shard.values.isNumber(shard.size(ref))) return null;
  const value = shard.values.at(shard.size(ref));
  return value.type === TYPE_STRING || value.type === TYPE_LIST ? null : value.table;
}

/** Whether two ranges of a buffer have the same bytes. From their ends on: keys have their beginnings in common. */
function isSame(buf: Uint8Array, off: number, other: number, len: number): boolean {
  let i = len - 1;
  while (i >= 0 && buf[off + i] === buf[other + i]) i--;
  return i < 0;
}

function slotOf(off: number): number {
  return (Math.imul(off, 0x9e3779b1) >>> (32 - SLOTS_SHIFT)) * SLOT_WORDS;
}

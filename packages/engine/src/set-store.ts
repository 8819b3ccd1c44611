/** Sets of one database. */
import { choose } from "./choose.js";
import { type FoundCollection, WRONG_TYPE } from "./found-collection.js";
import type { KeyStore } from "./key-store.js";
import { OP_SET_ADD, OP_SET_REMOVE } from "./ops.js";
import type { ByteVisitor } from "./types/collection.js";
import { SetValue } from "./types/index.js";
import {
  addEntries,
  elementAt,
  elementBytes,
  elementsBytes,
  INTEGER_BYTES_MAX,
  isInteger,
  nextElement,
  PACKED_HEADER_BYTES,
  PACKED_INTEGERS,
  packedEnd,
  packedForm,
  putElement,
  setPackedKind,
} from "./types/packed.js";
import { TYPE_NONE, TYPE_SET } from "./types/type-codes.js";

/** Bytes of a mutation of one member besides key and member. */
const MEMBER_BYTES = 9;

export class SetStore {
  readonly #keys: KeyStore;
  readonly #found: FoundCollection;

  constructor(keys: KeyStore, found: FoundCollection) {
    this.#keys = keys;
    this.#found = found;
  }

  /**
   * Adds members, `count` byte ranges of `buf` from number `first` on; returns how many are new, WRONG_TYPE when the key holds no set.
   */
  add(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
  ): number {
    const type = this.#keys.lookup(kbuf, koff, klen);
    if (type !== TYPE_NONE && type !== TYPE_SET) return WRONG_TYPE;
    const { effects } = this.#keys.keyspace;
    const end = first + count;
    let more = elementsBytes(len, first, end);
    let added = 0;
    try {
      for (let i = first; i < end; i++) {
        more -= elementBytes(len[i]);
        if (this.has(buf, off[i], len[i])) continue;
        if (added === 0) this.#found.beginElements(OP_SET_ADD, kbuf, koff, klen, len, i, end);
        this.#insert(kbuf, koff, klen, buf, off[i], len[i], more, count);
        if (effects.enabled) effects.blob(buf, off[i], len[i]);
        added++;
      }
    } finally {
      if (added > 0) this.#found.endElements(kbuf, koff, klen);
    }
    return added;
  }

  /** Removes members, given as to add(); returns how many there were, WRONG_TYPE when the key holds no set. */
  remove(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
  ): number {
    return this.#found.removeEntries(TYPE_SET, OP_SET_REMOVE, 1, kbuf, koff, klen, buf, off, len, first, count);
  }

  /** Moves a member from the set that is at one key to that at another, where there is a set or nothing; false when the first has no such member. */
  move(
    buf: Uint8Array,
    soff: number,
    slen: number,
    doff: number,
    dlen: number,
    off: Int32Array,
    len: Int32Array,
    member: number,
  ): boolean {
    this.#keys.lookup(buf, soff, slen);
    if (!this.has(buf, off[member], len[member])) return false;
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) effects.require(2 * (MEMBER_BYTES + len[member]) + slen + dlen);
    // It comes before it goes: adding may find no memory.
    this.add(buf, doff, dlen, buf, off, len, member, 1);
    this.remove(buf, soff, slen, buf, off, len, member, 1);
    return true;
  }

  // A member of the set found last can be named by its spot: its offset in a packed set, its place in a table. Every change makes spots void.

  /** Spot of a random member; there must be one. */
  randomSpot(): number {
    const { random } = this.#keys.keyspace;
    if (!this.#found.isPacked) return (this.#keys.value as SetValue).randomPlace(random);
    const at = this.#found.packedAt;
    return elementAt(this.#found.chunk, at, Math.floor(random() * this.#found.size)) - at;
  }

  /** Spots of `count` different members, in random order, or of all in any. */
  randomSpots(count: number): number[] {
    const { random } = this.#keys.keyspace;
    const found = this.#found;
    if (!found.isPacked) return (this.#keys.value as SetValue).randomPlaces(count, random);
    const spots: number[] = [];
    const bytes = found.chunk;
    const at = found.packedAt;
    const end = at + packedEnd(bytes, at);
    for (let p = at + PACKED_HEADER_BYTES; p < end; p = nextElement(bytes, p)) spots.push(p - at);
    return choose(spots, count, random);
  }

  /** Leaves the member at a spot in valueBuf, valueOff, valueLen; returns its place. */
  read(spot: number): number {
    if (this.#found.isPacked) {
      const place = this.#found.packedAt + spot;
      this.#found.keepElement(place);
      return place;
    }
    (this.#keys.value as SetValue).visit(spot, this.#found.keepRange);
    return spot;
  }

  /**
   * Takes the members at some spots (at least one, distinct) of the set found last, which the key names; `visit` is given each of them, in
   * this order, before any goes. All of them at once are logged as the deletion of the key.
   */
  pop(kbuf: Uint8Array, koff: number, klen: number, spots: readonly number[], visit: ByteVisitor): void {
    const { effects } = this.#keys.keyspace;
    if (spots.length === this.#found.size) {
      this.#visitSpots(spots, visit);
      this.#keys.dropRecord(this.#keys.shard, this.#keys.ref);
      return;
    }
    if (effects.enabled) {
      let bytes = 0;
      for (const spot of spots) {
        this.read(spot);
        bytes += 4 + this.#keys.valueLen;
      }
      effects.beginKey(OP_SET_REMOVE, this.#keys.index, kbuf, koff, klen, bytes);
    }
    this.#visitSpots(spots, visit);
    this.#found.beginChange();
    const large = this.#found.isPacked ? null : (this.#keys.value as SetValue);
    let logged = effects.at;
    try {
      // In a packed set the last one first: those behind a member move when it goes.
      for (const spot of large === null ? spots.toSorted((a, b) => b - a) : spots) {
        const place = this.read(spot);
        if (effects.enabled) effects.blob(this.#keys.valueBuf, this.#keys.valueOff, this.#keys.valueLen);
        if (large === null) this.#found.removeElements(place, 1);
        else large.deleteOnly(place);
        logged = effects.at;
      }
    } finally {
      // What a snapshot still needs may find no memory: the log then has as many members as went.
      effects.at = logged;
      for (let i = 0; large !== null && i < spots.length; i++) large.tidy();
      this.#found.endElements(kbuf, koff, klen);
    }
  }

  #visitSpots(spots: readonly number[], visit: ByteVisitor): void {
    for (const spot of spots) {
      this.read(spot);
      visit(this.#keys.valueBuf, this.#keys.valueOff, this.#keys.valueLen);
    }
  }

  /** Whether the set found last has a member. */
  has(buf: Uint8Array, off: number, len: number): boolean {
    return this.#found.placeOf(1, buf, off, len) !== 0;
  }

  /** Visits every member of the set found last. */
  each(visit: ByteVisitor): void {
    if (this.#found.isPacked) this.#found.packedEach(visit);
    else (this.#keys.value as SetValue).each(visit);
  }

  /**
   * Visits about `count` members of the set found last, all when it is packed, and returns the next cursor; 0 begins and ends. A member present
   * during the whole scan is visited at least once.
   */
  scan(cursor: number, count: number, visit: ByteVisitor): number {
    if (!this.#found.isPacked) return (this.#keys.value as SetValue).scan(cursor, count, visit);
    this.#found.packedEach(visit);
    return 0;
  }

  /**
   * Adds a member that is known to be absent. `more`: bytes of elements that the command may add besides; `coming`: members it brings.
   */
  #insert(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: number,
    len: number,
    more: number,
    coming: number,
  ): void {
    const kind = this.#kindWith(buf, off, len, more, coming);
    if (kind < 0) {
      this.#insertLarge(kbuf, koff, klen, buf, off, len, coming);
      return;
    }
    const found = this.#found;
    const added = elementBytes(len);
    if (this.#keys.ref === 0) found.createPacked(TYPE_SET, kbuf, koff, klen, added, more);
    const p = found.splice(found.packedBytes, 0, added, more);
    const bytes = found.chunk;
    putElement(bytes, p, buf, off, len);
    setPackedKind(bytes, found.packedAt, kind);
    addEntries(bytes, found.packedAt, 1);
  }

  /** How the set is packed with one more member, -1 when it will not fit; the key may be free. */
  #kindWith(buf: Uint8Array, off: number, len: number, more: number, coming: number): number {
    const { limits } = this.#keys.keyspace;
    const kind = this.#keys.ref === 0 ? PACKED_INTEGERS : this.#found.packedKind;
    if (kind < 0) return -1;
    const entries = this.#found.size + 1;
    const bytes = this.#found.packedBytes + elementBytes(len);
    let isSmall = this.#found.isSmall && len <= limits.setValueBytes;
    if (kind === PACKED_INTEGERS) {
      const integer = isInteger(buf, off, len);
      if (integer && packedForm(limits, true, entries, limits.setIntegers, bytes, 0, coming) === 0)
        return PACKED_INTEGERS;
      // Integers that are there become plain members when another one comes; too many of them never do.
      if (entries > 1 && (integer || limits.setValueBytes < INTEGER_BYTES_MAX)) isSmall = false;
    }
    // What the set is from now on: plain (PACKED_PLAIN, which is 0). For one of integers Redis has compared what comes with their own limit.
    const many = kind === PACKED_INTEGERS && entries > 1 ? 0 : coming;
    return packedForm(limits, isSmall, entries, limits.setEntries, bytes, entries === 1 ? more : 0, many);
  }

  #insertLarge(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: number,
    len: number,
    coming: number,
  ): void {
    if (this.#found.isLarge) {
      (this.#keys.value as SetValue).add(buf, off, len);
      return;
    }
    const set = this.#found.filled(new SetValue(this.#keys.keyspace), (made) => {
      made.reserve(this.#found.size + coming);
      if (this.#keys.ref !== 0) this.#found.packedEach((b, o, n) => made.add(b, o, n));
      made.add(buf, off, len);
    });
    this.#found.putLarge(kbuf, koff, klen, set);
  }
}

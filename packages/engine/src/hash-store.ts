/** Hashes of one database. */
import { choose } from "./choose.js";
import { type FoundCollection, WRONG_TYPE } from "./found-collection.js";
import type { KeyStore } from "./key-store.js";
import { OP_HASH_DELETE, OP_HASH_SET } from "./ops.js";
import { HashValue, type PairVisitor } from "./types/index.js";
import {
  addEntries,
  elementAt,
  elementBytes,
  elementLength,
  elementStart,
  elementsBytes,
  nextElement,
  PACKED_HEADER_BYTES,
  packedEnd,
  packedForm,
  putElement,
  setPackedKind,
} from "./types/packed.js";
import { TYPE_HASH, TYPE_NONE } from "./types/type-codes.js";

export class HashStore {
  readonly #keys: KeyStore;
  readonly #found: FoundCollection;

  constructor(keys: KeyStore, found: FoundCollection) {
    this.#keys = keys;
    this.#found = found;
  }

  /**
   * Sets `pairs` fields, byte ranges of `buf` (field, value, field, value, ... from number `first` on); returns how many are new, WRONG_TYPE
   * when the key holds no hash.
   */
  set(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    pairs: number,
  ): number {
    const type = this.#keys.lookup(kbuf, koff, klen);
    if (type !== TYPE_NONE && type !== TYPE_HASH) return WRONG_TYPE;
    const { effects } = this.#keys.keyspace;
    const end = first + 2 * pairs;
    this.#found.beginElements(OP_HASH_SET, kbuf, koff, klen, len, first, end);
    let more = elementsBytes(len, first, end);
    let added = 0;
    try {
      for (let i = first; i < end; i += 2) {
        more -= elementBytes(len[i]) + elementBytes(len[i + 1]);
        if (this.#put(kbuf, koff, klen, buf, off[i], len[i], buf, off[i + 1], len[i + 1], more, pairs)) added++;
        if (!effects.enabled) continue;
        effects.blob(buf, off[i], len[i]);
        effects.blob(buf, off[i + 1], len[i + 1]);
      }
    } finally {
      this.#found.endElements(kbuf, koff, klen);
    }
    return added;
  }

  /** Sets one field, whose value lies in another buffer, of the hash that was looked up last, or of a new one at that free key. */
  put(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    fbuf: Uint8Array,
    foff: number,
    flen: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
  ): void {
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) effects.beginKey(OP_HASH_SET, this.#keys.index, kbuf, koff, klen, 8 + flen + vlen);
    this.#found.beginChange();
    try {
      this.#put(kbuf, koff, klen, fbuf, foff, flen, vbuf, voff, vlen, 0, 1);
      if (effects.enabled) {
        effects.blob(fbuf, foff, flen);
        effects.blob(vbuf, voff, vlen);
      }
    } finally {
      this.#found.endElements(kbuf, koff, klen);
    }
  }

  /** Deletes fields, `count` byte ranges of `buf` from number `first` on; returns how many there were, WRONG_TYPE when the key holds no hash. */
  delete(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
  ): number {
    return this.#found.removeEntries(TYPE_HASH, OP_HASH_DELETE, 2, kbuf, koff, klen, buf, off, len, first, count);
  }

  /** Finds a field of the hash found last, and leaves its value in valueBuf, valueOff, valueLen; false when it is absent. */
  get(buf: Uint8Array, off: number, len: number): boolean {
    const place = this.#found.placeOf(2, buf, off, len);
    if (place === 0) return false;
    if (!this.#found.isPacked) {
      (this.#keys.value as HashValue).visitValue(place, this.#found.keepRange);
      return true;
    }
    this.#found.keepElement(nextElement(this.#found.chunk, place));
    return true;
  }

  // A field of the hash found last can be named by its spot: its offset in a packed hash, its place in a table. Every change makes spots void.

  /** Spot of a random field; there must be one. */
  randomSpot(): number {
    const { random } = this.#keys.keyspace;
    if (!this.#found.isPacked) return (this.#keys.value as HashValue).randomPlace(random);
    const at = this.#found.packedAt;
    return elementAt(this.#found.chunk, at, 2 * Math.floor(random() * this.#found.size)) - at;
  }

  /** Spots of `count` different fields, in random order, or of all in any. */
  randomSpots(count: number): number[] {
    const { random } = this.#keys.keyspace;
    if (!this.#found.isPacked) return (this.#keys.value as HashValue).randomPlaces(count, random);
    const bytes = this.#found.chunk;
    const at = this.#found.packedAt;
    const end = at + packedEnd(bytes, at);
    const spots: number[] = [];
    for (let p = at + PACKED_HEADER_BYTES; p < end; p = nextElement(bytes, nextElement(bytes, p))) spots.push(p - at);
    return choose(spots, count, random);
  }

  /** Visits the field at a spot with its value. */
  visit(spot: number, visit: PairVisitor): void {
    if (!this.#found.isPacked) {
      (this.#keys.value as HashValue).visit(spot, visit);
      return;
    }
    const bytes = this.#found.chunk;
    const p = this.#found.packedAt + spot;
    const v = nextElement(bytes, p);
    visit(bytes, elementStart(bytes, p), elementLength(bytes, p), elementStart(bytes, v), elementLength(bytes, v));
  }

  /** Visits every field of the hash found last with its value. */
  each(visit: PairVisitor): void {
    if (this.#found.isPacked) this.#packedPairs(visit);
    else (this.#keys.value as HashValue).each(visit);
  }

  /**
   * Visits about `count` fields of the hash found last, all when it is packed, and returns the next cursor; 0 begins and ends. A field present
   * during the whole scan is visited at least once.
   */
  scan(cursor: number, count: number, visit: PairVisitor): number {
    if (!this.#found.isPacked) return (this.#keys.value as HashValue).scan(cursor, count, visit);
    this.#packedPairs(visit);
    return 0;
  }

  #packedPairs(visit: PairVisitor): void {
    const bytes = this.#found.chunk;
    const at = this.#found.packedAt;
    const end = at + packedEnd(bytes, at);
    let p = at + PACKED_HEADER_BYTES;
    while (p < end) {
      const v = nextElement(bytes, p);
      visit(bytes, elementStart(bytes, p), elementLength(bytes, p), elementStart(bytes, v), elementLength(bytes, v));
      p = nextElement(bytes, v);
    }
  }

  /** Sets a field of the hash that was looked up last; true when it is new. `more`: bytes of elements that the command will add besides; `coming`: fields it brings. */
  #put(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    fbuf: Uint8Array,
    foff: number,
    flen: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
    more: number,
    coming: number,
  ): boolean {
    const found = this.#found;
    if (found.isLarge) return (this.#keys.value as HashValue).set(fbuf, foff, flen, vbuf, voff, vlen);
    const place = found.placeOf(2, fbuf, foff, flen);
    const form = this.#formWith(place, flen, vlen, more, coming);
    if (form < 0) {
      this.#makeLarge(kbuf, koff, klen, coming);
      return (this.#keys.value as HashValue).set(fbuf, foff, flen, vbuf, voff, vlen);
    }
    const valueBytes = elementBytes(vlen);
    if (place !== 0) {
      const bytes = found.chunk;
      const from = nextElement(bytes, place);
      const p = found.splice(from - found.packedAt, nextElement(bytes, from) - from, valueBytes, more);
      const to = found.chunk;
      putElement(to, p, vbuf, voff, vlen);
      setPackedKind(to, found.packedAt, form);
      return false;
    }
    const added = elementBytes(flen) + valueBytes;
    if (this.#keys.ref === 0) found.createPacked(TYPE_HASH, kbuf, koff, klen, added, more);
    const p = found.splice(found.packedBytes, 0, added, more);
    const bytes = found.chunk;
    putElement(bytes, putElement(bytes, p, fbuf, foff, flen), vbuf, voff, vlen);
    setPackedKind(bytes, found.packedAt, form);
    addEntries(bytes, found.packedAt, 1);
    return true;
  }

  /** How the hash (packed, or at a free key) is kept with this field, which it has at `place` (0 = not yet); see packedForm. */
  #formWith(place: number, flen: number, vlen: number, more: number, coming: number): number {
    const found = this.#found;
    const { limits } = this.#keys.keyspace;
    const { hashEntries, hashValueBytes } = limits;
    const isSmall = flen <= hashValueBytes && vlen <= hashValueBytes && found.isSmall;
    const bytes = found.packedBytes + elementBytes(flen) + elementBytes(vlen);
    const { size } = found;
    if (place === 0) return packedForm(limits, isSmall, size + 1, hashEntries, bytes, size === 0 ? more : 0, coming);
    const { chunk } = found;
    const before = nextElement(chunk, nextElement(chunk, place)) - place;
    return packedForm(limits, isSmall, size, hashEntries, bytes - before, 0, coming);
  }

  #makeLarge(kbuf: Uint8Array, koff: number, klen: number, coming: number): void {
    const hash = this.#found.filled(new HashValue(this.#keys.keyspace), (made) => {
      made.reserve(this.#found.size + coming);
      if (this.#keys.ref === 0) return;
      this.#packedPairs((buf, foff, flen, voff, vlen) => made.set(buf, foff, flen, buf, voff, vlen));
    });
    this.#found.putLarge(kbuf, koff, klen, hash);
  }
}

/** Lists of one database. */
import { type FoundCollection, WRONG_TYPE } from "./found-collection.js";
import type { KeyStore } from "./key-store.js";
import { OP_LIST_POP, OP_LIST_PUSH } from "./ops.js";
import type { ByteVisitor } from "./types/collection.js";
import { ListValue, SIDE_TAIL } from "./types/index.js";
import {
  addEntries,
  elementAt,
  elementBytes,
  elementLength,
  elementStart,
  elementsBytes,
  isSmallList,
  listBytesMax,
  nextElement,
  PACKED_HEADER_BYTES,
  PACKED_PLAIN,
  packedListForm,
  putElement,
  setPackedKind,
} from "./types/packed.js";
import { TYPE_LIST, TYPE_NONE } from "./types/type-codes.js";

/** Blocks at the ends of a list that has shrunk may be almost empty. */
const FEW_BLOCKS_BYTES = 32 * 1024;

export class ListStore {
  readonly #keys: KeyStore;
  readonly #found: FoundCollection;

  constructor(keys: KeyStore, found: FoundCollection) {
    this.#keys = keys;
    this.#found = found;
  }

  /**
   * Pushes elements, `count` byte ranges of `buf` from number `first` on, one after the other at a side; returns the new length, WRONG_TYPE
   * when the key holds no list.
   */
  push(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    side: number,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
  ): number {
    const type = this.#keys.lookup(kbuf, koff, klen);
    if (type !== TYPE_NONE && type !== TYPE_LIST) return WRONG_TYPE;
    const { effects } = this.#keys.keyspace;
    const end = first + count;
    let bytes = 0;
    for (let i = first; i < end; i++) bytes += len[i];
    if (effects.enabled) {
      effects.beginKey(OP_LIST_PUSH, this.#keys.index, kbuf, koff, klen, 1 + count * 4 + bytes);
      effects.u8(side);
    }
    let size = 0;
    this.#found.beginChange();
    try {
      const list = this.#preparePush(kbuf, koff, klen, len, first, end);
      for (let i = first, left = bytes; i < end; i++) {
        left -= len[i];
        if (list === null) this.#pushPacked(side, buf, off[i], len[i], left);
        else list.push(side, buf, off[i], len[i]);
        if (effects.enabled) effects.blob(buf, off[i], len[i]);
      }
      size = this.#found.size;
    } finally {
      // Storing fails where there is no memory: the log then has as many elements as were stored.
      this.#found.endElements(kbuf, koff, klen);
    }
    return size;
  }

  /**
   * Takes up to `count` elements from a side, in the order they come off; `visit` is given each of them before any goes: where it throws, the
   * list is as it was. Returns how many, WRONG_TYPE when the key holds no list.
   */
  pop(kbuf: Uint8Array, koff: number, klen: number, side: number, count: number, visit: ByteVisitor | null): number {
    const type = this.#keys.lookup(kbuf, koff, klen);
    if (type === TYPE_NONE) return 0;
    if (type !== TYPE_LIST) return WRONG_TYPE;
    const popped = Math.min(count, this.#found.size);
    if (popped === 0) return 0;
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_LIST_POP, this.#keys.index, kbuf, koff, klen, 5);
      effects.u8(side);
      effects.u32(popped);
    }
    this.#found.beginChange();
    if (this.#found.isPacked) this.#popPacked(side, popped, visit);
    else popLarge(this.#keys.value as ListValue, side, popped, visit);
    this.#becomeSmall(kbuf, koff, klen);
    this.#found.endElements(kbuf, koff, klen);
    return popped;
  }

  /** Visits the elements at positions [from, to) of the list found last, which there must be. */
  range(from: number, to: number, visit: ByteVisitor): void {
    if (!this.#found.isPacked) {
      (this.#keys.value as ListValue).iterate(from, to, visit);
      return;
    }
    const bytes = this.#found.chunk;
    let p = elementAt(bytes, this.#found.packedAt, from);
    for (let i = from; i < to; i++) {
      visit(bytes, elementStart(bytes, p), elementLength(bytes, p));
      p = nextElement(bytes, p);
    }
  }

  /** Visits the entries of positions [from, to) of the list found last, which must not be packed; see ListValue.eachRun. */
  runs(from: number, to: number, visit: (bytes: Uint8Array, start: number, end: number) => void): void {
    (this.#keys.value as ListValue).eachRun(from, to, visit);
  }

  /** Redis returns to the small form of a list that has lost elements, at half of the limit: so does the list that has just done so. */
  #becomeSmall(kbuf: Uint8Array, koff: number, klen: number): void {
    const { limits } = this.#keys.keyspace;
    const found = this.#found;
    if (found.isLarge) {
      const list = this.#keys.value as ListValue;
      const longest = listBytesMax(limits.listSize);
      // What its blocks hold is counted where they are few.
      if (list.bytes > longest + FEW_BLOCKS_BYTES || !isSmallList(limits, list.size, list.packedBytes, 1)) return;
      if (list.size > 0) found.packAgain(kbuf, koff, klen, 4 * list.size + longest);
    }
    if (found.isLarge || found.isSmall || !isSmallList(limits, found.size, found.packedBytes, 1)) return;
    setPackedKind(found.chunk, found.packedAt, PACKED_PLAIN);
  }

  /** Gives the list, which may be new, the form for elements number `first` to before `end` more; returns it where that is the large one, else null. */
  #preparePush(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    len: Int32Array,
    first: number,
    end: number,
  ): ListValue | null {
    const found = this.#found;
    if (found.isLarge) return this.#keys.value as ListValue;
    if (first === end) return null;
    const { limits, memory } = this.#keys.keyspace;
    const more = elementsBytes(len, first, end);
    const form = packedListForm(limits, found.isSmall, found.size + end - first, found.packedBytes + more);
    if (form >= 0) {
      if (this.#keys.ref === 0) found.createPacked(TYPE_LIST, kbuf, koff, klen, more, 0);
      setPackedKind(found.chunk, found.packedAt, PACKED_PLAIN | form);
      return null;
    }
    const list = found.filled(new ListValue(memory), (made) => {
      if (this.#keys.ref !== 0) found.packedEach((b, o, n) => made.push(SIDE_TAIL, b, o, n));
    });
    found.putLarge(kbuf, koff, klen, list);
    return list;
  }

  /** `more` bytes of elements follow with the same command. */
  #pushPacked(side: number, buf: Uint8Array, off: number, len: number, more: number): void {
    const found = this.#found;
    const at = side === SIDE_TAIL ? found.packedBytes : PACKED_HEADER_BYTES;
    const p = found.splice(at, 0, elementBytes(len), more);
    const to = found.chunk;
    putElement(to, p, buf, off, len);
    addEntries(to, found.packedAt, 1);
  }

  #popPacked(side: number, count: number, visit: ByteVisitor | null): void {
    const found = this.#found;
    const bytes = found.chunk;
    const at = found.packedAt;
    const begin = side === SIDE_TAIL ? elementAt(bytes, at, found.size - count) : at + PACKED_HEADER_BYTES;
    // Several come off the tail the other way round.
    const places: number[] | null = side === SIDE_TAIL && count > 1 ? [] : null;
    let behind = begin;
    for (let i = 0; i < count; i++) {
      if (places !== null) places.push(behind);
      else visit?.(bytes, elementStart(bytes, behind), elementLength(bytes, behind));
      behind = nextElement(bytes, behind);
    }
    for (let i = count - 1; places !== null && visit !== null && i >= 0; i--) {
      visit(bytes, elementStart(bytes, places[i]), elementLength(bytes, places[i]));
    }
    addEntries(bytes, at, -count);
    found.splice(begin - at, behind - begin, 0, 0);
  }
}

function popLarge(list: ListValue, side: number, count: number, visit: ByteVisitor | null): void {
  if (count === 1) {
    list.pop(side, visit);
    return;
  }
  if (visit !== null) {
    if (side === SIDE_TAIL) list.iterateReverse(list.size - count, list.size, visit);
    else list.iterate(0, count, visit);
  }
  for (let i = 0; i < count; i++) list.pop(side, null);
}

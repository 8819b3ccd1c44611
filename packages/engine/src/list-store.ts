/** Lists of one database. */
import { compareBytes } from "./copy-bytes.js";
import { putU32 } from "./effects.js";
import { type FoundCollection, WRONG_TYPE } from "./found-collection.js";
import type { KeyStore } from "./key-store.js";
import { OP_LIST_INSERT, OP_LIST_POP, OP_LIST_PUSH, OP_LIST_REMOVE, OP_LIST_SET } from "./ops.js";
import { ByteSink } from "./types/byte-sink.js";
import type { ByteVisitor } from "./types/collection.js";
import { ListValue, SIDE_HEAD, SIDE_TAIL } from "./types/index.js";
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
  packedEnd,
  packedListForm,
  putElement,
  setPackedEnd,
  setPackedKind,
} from "./types/packed.js";
import { TYPE_LIST, TYPE_NONE } from "./types/type-codes.js";

/** Blocks at the ends of a list that has shrunk may be almost empty. */
const FEW_BLOCKS_BYTES = 32 * 1024;
/** An element on its way from list to list is copied into room of so many bytes that stays, or into more for once. */
const MOVED_BYTES = 4096;
/** Bytes of the lists' mutations besides key and element. */
const PUSH_BYTES = 10;
const POP_BYTES = 10;

const NO_OFFSET = Int32Array.of(0);

export class ListStore {
  readonly #keys: KeyStore;
  readonly #found: FoundCollection;
  #moved = new ByteSink(MOVED_BYTES);

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
      const list = this.#prepare(kbuf, koff, klen, count, elementsBytes(len, first, end));
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

  /** Keeps the elements of [from, to); false when there is no list. Logged as pops at both ends, or as the deletion of the key. */
  trim(kbuf: Uint8Array, koff: number, klen: number, from: number, to: number): boolean {
    if (this.#keys.lookup(kbuf, koff, klen) !== TYPE_LIST) return false;
    if (from >= to) return this.#keys.remove(kbuf, koff, klen);
    const behind = this.#found.size - to;
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) effects.require(2 * (POP_BYTES + klen));
    // Redis calls a list changed that keeps all it has.
    if (behind === 0 && from === 0) this.#keys.modified(kbuf, koff, klen);
    if (behind > 0) this.pop(kbuf, koff, klen, SIDE_TAIL, behind, null);
    if (from > 0) this.pop(kbuf, koff, klen, SIDE_HEAD, from, null);
    return true;
  }

  /**
   * Moves the element at side `from` of the list at one key to side `to` of another or the same; `visit` is given it before anything changes. The first
   * key has a list, the second one a list or nothing; both names lie in `buf`.
   */
  move(
    buf: Uint8Array,
    soff: number,
    slen: number,
    from: number,
    doff: number,
    dlen: number,
    to: number,
    visit: ByteVisitor,
  ): void {
    const keys = this.#keys;
    keys.lookup(buf, soff, slen);
    const { size } = this.#found;
    const at = from === SIDE_TAIL ? size - 1 : 0;
    // A copy: the push may move the record in which the element lies.
    this.#moved.reset();
    this.range(at, at + 1, (bytes, off, len) => this.#moved.raw(bytes, off, len));
    const { bytes, length } = this.#moved;
    if (bytes.length > MOVED_BYTES) this.#moved = new ByteSink(MOVED_BYTES);
    visit(bytes, 0, length);
    const isSame = compareBytes(buf, soff, slen, buf, doff, dlen) === 0;
    if (isSame && (size === 1 || from === to)) {
      keys.modified(buf, soff, slen);
      return;
    }
    const { effects } = keys.keyspace;
    if (effects.enabled) effects.require(PUSH_BYTES + dlen + length + POP_BYTES + slen);
    if (isSame && this.#found.isPacked) {
      this.#rotatePacked(buf, soff, slen, from, bytes, length);
      return;
    }
    // The push comes first: it may find no memory.
    this.push(buf, doff, dlen, to, bytes, NO_OFFSET, Int32Array.of(length), 0, 1);
    this.pop(buf, soff, slen, from, 1, null);
  }

  /** Overwrites the element at a position; false when there is none. */
  set(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    position: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): boolean {
    if (this.#keys.lookup(kbuf, koff, klen) !== TYPE_LIST || position >= this.#found.size) return false;
    this.#changeAt(OP_LIST_SET, kbuf, koff, klen, position, buf, off, len, (list) => {
      if (list !== null) list.set(position, buf, off, len);
      else this.#putPacked(position, 1, buf, off, len);
    });
    return true;
  }

  /** Inserts an element before a position, 0 .. size, of a list; false when there is no such. */
  insert(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    position: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): boolean {
    if (this.#keys.lookup(kbuf, koff, klen) !== TYPE_LIST || position > this.#found.size) return false;
    this.#changeAt(OP_LIST_INSERT, kbuf, koff, klen, position, buf, off, len, (list) => {
      if (list !== null) list.insertAt(position, buf, off, len);
      else this.#putPacked(position, 0, buf, off, len);
    });
    return true;
  }

  /** Removes up to `limit` elements that equal a value, from a side on; returns how many, WRONG_TYPE when the key holds no list. */
  remove(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    side: number,
    limit: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): number {
    const type = this.#keys.lookup(kbuf, koff, klen);
    if (type !== TYPE_LIST) return type === TYPE_NONE ? 0 : WRONG_TYPE;
    const before = this.#found.size;
    let isThere = false;
    this.eachEqual(buf, off, len, 0, before, false, () => {
      isThere = true;
      return false;
    });
    if (!isThere) return 0;
    const { effects } = this.#keys.keyspace;
    let countAt = 0;
    if (effects.enabled) {
      effects.beginKey(OP_LIST_REMOVE, this.#keys.index, kbuf, koff, klen, 5 + len);
      effects.u8(side);
      countAt = effects.at;
      effects.u32(0);
      effects.raw(buf, off, len);
    }
    this.#found.beginChange();
    let removed = 0;
    try {
      if (this.#found.isPacked) this.#removePacked(side, limit, buf, off, len);
      else (this.#keys.value as ListValue).removeValue(buf, off, len, limit, side === SIDE_TAIL);
    } finally {
      // What a snapshot still needs may find no memory: the log then has as many elements as went.
      removed = before - this.#found.size;
      if (effects.enabled) putU32(effects.bytes, countAt, removed);
      this.#becomeSmall(kbuf, koff, klen);
      this.#found.endElements(kbuf, koff, klen);
    }
    return removed;
  }

  /** Visits the positions in [from, to) of the list found last whose elements equal a value, from the first on or from the last, until `visit` says false. */
  eachEqual(
    buf: Uint8Array,
    off: number,
    len: number,
    from: number,
    to: number,
    reverse: boolean,
    visit: (position: number) => boolean,
  ): void {
    if (!this.#found.isPacked) {
      (this.#keys.value as ListValue).eachEqual(buf, off, len, from, to, reverse, visit);
      return;
    }
    const positions: number[] = [];
    let position = from;
    this.range(from, to, (bytes, at, n) => {
      if (n === len && compareBytes(bytes, at, n, buf, off, len) === 0) positions.push(position);
      position++;
    });
    if (reverse) positions.reverse();
    positions.every(visit);
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

  /** Changes the list found last, by one element at a position. Where `change` throws, it has changed nothing. */
  #changeAt(
    op: number,
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    position: number,
    buf: Uint8Array,
    off: number,
    len: number,
    change: (list: ListValue | null) => void,
  ): void {
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(op, this.#keys.index, kbuf, koff, klen, 4 + len);
      effects.u32(position);
      effects.raw(buf, off, len);
    }
    this.#found.beginChange();
    try {
      // Redis judges an element that overwrites another one as if it came besides.
      change(this.#prepare(kbuf, koff, klen, 1, elementBytes(len)));
      if (effects.enabled) effects.end();
      this.#becomeSmall(kbuf, koff, klen);
    } finally {
      this.#found.endChange(kbuf, koff, klen);
    }
  }

  /** Gives the list, which may be new, the form for `count` elements of `more` bytes more; returns it where that is the large one, else null. */
  #prepare(kbuf: Uint8Array, koff: number, klen: number, count: number, more: number): ListValue | null {
    const found = this.#found;
    if (found.isLarge) return this.#keys.value as ListValue;
    if (count === 0) return null;
    const { limits, memory } = this.#keys.keyspace;
    const form = packedListForm(limits, found.isSmall, found.size + count, found.packedBytes + more);
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

  /** Writes an element in place of `instead` (0 or 1) elements from a position on. */
  #putPacked(position: number, instead: 0 | 1, buf: Uint8Array, off: number, len: number): void {
    const found = this.#found;
    const p = elementAt(found.chunk, found.packedAt, position);
    const behind = instead === 0 ? p : nextElement(found.chunk, p);
    const at = found.splice(p - found.packedAt, behind - p, elementBytes(len), 0);
    putElement(found.chunk, at, buf, off, len);
    addEntries(found.chunk, found.packedAt, 1 - instead);
  }

  /** Moves the element at side `from` of a packed list, which is also in `element`, to the other side. Needs no memory, so that the list keeps its form. */
  #rotatePacked(kbuf: Uint8Array, koff: number, klen: number, from: number, element: Uint8Array, len: number): void {
    const to = from === SIDE_HEAD ? SIDE_TAIL : SIDE_HEAD;
    const { effects } = this.#keys.keyspace;
    const { chunk: bytes, packedAt: at, packedBytes } = this.#found;
    const start = at + PACKED_HEADER_BYTES;
    const end = at + packedBytes;
    const size = elementBytes(len);
    if (effects.enabled) {
      effects.beginKey(OP_LIST_POP, this.#keys.index, kbuf, koff, klen, 5);
      effects.u8(from);
      effects.u32(1);
    }
    if (from === SIDE_HEAD) bytes.copyWithin(start, start + size, end);
    setPackedEnd(bytes, at, packedBytes - size);
    addEntries(bytes, at, -1);
    if (effects.enabled) {
      effects.end();
      effects.beginKey(OP_LIST_PUSH, this.#keys.index, kbuf, koff, klen, 5 + len);
      effects.u8(to);
      effects.blob(element, 0, len);
    }
    if (to === SIDE_HEAD) bytes.copyWithin(start + size, start, end - size);
    putElement(bytes, to === SIDE_HEAD ? start : end - size, element, 0, len);
    setPackedEnd(bytes, at, packedBytes);
    addEntries(bytes, at, 1);
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
  }

  #removePacked(side: number, limit: number, buf: Uint8Array, off: number, len: number): void {
    const found = this.#found;
    const bytes = found.chunk;
    const at = found.packedAt;
    const end = at + packedEnd(bytes, at);
    const isEqual = (p: number) =>
      elementLength(bytes, p) === len && compareBytes(bytes, elementStart(bytes, p), len, buf, off, len) === 0;
    // Those nearest to the head stay where removing begins at the tail.
    let spared = 0;
    if (side === SIDE_TAIL) {
      for (let p = at + PACKED_HEADER_BYTES; p < end; p = nextElement(bytes, p)) if (isEqual(p)) spared++;
      spared = Math.max(0, spared - limit);
    }
    let removed = 0;
    let kept = at + PACKED_HEADER_BYTES;
    for (let p = kept; p < end; ) {
      const next = nextElement(bytes, p);
      if (removed < limit && isEqual(p) && --spared < 0) removed++;
      else {
        bytes.copyWithin(kept, p, next);
        kept += next - p;
      }
      p = next;
    }
    addEntries(bytes, at, -removed);
    found.splice(kept - at, end - kept, 0, 0);
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
  if (side === SIDE_TAIL) list.removeRange(list.size - count, list.size);
  else list.removeRange(0, count);
}

import { copyBytes } from "../copy-bytes.js";
import type { Memory } from "../memory.js";
import { BASE, type BlockRing, COUNT, END, LIMIT, SLAB, START } from "./block-ring.js";
import { type ByteSink, ByteSource } from "./byte-sink.js";
import { type ByteVisitor, type Collection, type FrozenCollection, type Resting, STATE_BYTES } from "./collection.js";
import { BLOCK_BYTES, hasRoomBefore, hasRoomBehind, ListBlocks, SIDE_HEAD, SIDE_TAIL } from "./list-blocks.js";
import { entryBytes, lengthAt, lengthBefore, lengthBytes, putLengths } from "./list-entries.js";
import { PACKED_HEADER_BYTES } from "./packed.js";
import { TYPE_LIST } from "./type-codes.js";

/**
 * A list of byte strings: blocks of entries (list-entries.ts) outside the JS heap, in a ring. Pushing and popping touches one block at an
 * end; a position is found by counting blocks from the nearer end. Slices are `count:u32, (length:u32, bytes)*`.
 *
 * Positions are 0 .. size-1 and are not checked: the caller has resolved negative ones and cut off the rest.
 */
export class ListValue implements Collection, Resting, FrozenCollection {
  readonly type = TYPE_LIST;
  size = 0;
  ref = 0;
  snapshotEpoch = 0;
  readonly memory: Memory;
  readonly #blocks: ListBlocks;
  readonly #ring: BlockRing;
  // What #find found: a block, an element in it, and where that one's entry begins.
  #block = 0;
  #index = 0;
  #at = 0;

  constructor(memory: Memory) {
    this.memory = memory;
    this.#blocks = new ListBlocks(memory);
    this.#ring = this.#blocks.ring;
  }

  get bytes(): number {
    return STATE_BYTES + this.#blocks.bytes;
  }

  /** About how many bytes the list would take packed (packed.ts). Looks at each block. */
  get packedBytes(): number {
    const { count, words } = this.#ring;
    let bytes = PACKED_HEADER_BYTES - this.size;
    for (let b = 0; b < count; b++) {
      const s = this.#ring.at(b);
      bytes += words[s + END] - words[s + START];
    }
    return bytes;
  }

  /** Adds an element at a side. */
  push(side: number, buf: Uint8Array, off: number, len: number): void {
    if (side === SIDE_TAIL) this.#pushTail(buf, off, len);
    else this.#pushHead(buf, off, len);
  }

  /** Takes the element at a side; `visit` is given it before. The list must not be empty. */
  pop(side: number, visit: ByteVisitor | null): void {
    const last = side === SIDE_TAIL ? this.#ring.count - 1 : 0;
    const s = this.#ring.at(last);
    const w = this.#ring.words;
    const bytes = this.memory.bytes[w[s + SLAB]];
    if (side === SIDE_TAIL) {
      const end = w[s + END];
      const len = lengthBefore(bytes, end);
      const behind = lengthBytes(len);
      visit?.(bytes, end - behind - len, len);
      w[s + END] = end - len - 2 * behind;
    } else {
      const start = w[s + START];
      const len = lengthAt(bytes, start);
      const before = lengthBytes(len);
      visit?.(bytes, start + before, len);
      w[s + START] = start + len + 2 * before;
    }
    this.size--;
    if (--w[s + COUNT] === 0) this.#blocks.drop(last, 1);
  }

  /** Overwrites the element at a position. Where there is no memory, nothing has changed. */
  set(position: number, buf: Uint8Array, off: number, len: number): void {
    this.#find(position);
    const s = this.#ring.at(this.#block);
    this.#at += this.#blocks.own(s);
    const bytes = this.memory.bytes[this.#ring.words[s + SLAB]];
    if (lengthAt(bytes, this.#at) === len) {
      copyBytes(buf, off, bytes, this.#at + lengthBytes(len), len);
      return;
    }
    // The new one comes before the old one goes, whose block is the list's own by now, so that taking it out needs no memory.
    this.insertAt(position, buf, off, len);
    this.removeRange(position + 1, position + 2);
  }

  /** Inserts before `position`, 0 .. size. */
  insertAt(position: number, buf: Uint8Array, off: number, len: number): void {
    if (position === 0) {
      this.#pushHead(buf, off, len);
    } else if (position === this.size) {
      this.#pushTail(buf, off, len);
    } else {
      this.#find(position);
      this.#insertHere(buf, off, len);
    }
  }

  /** Removes the elements of [from, to). At an end of the list this needs no memory. */
  removeRange(from: number, to: number): void {
    if (from >= to) return;
    this.#find(from);
    const ring = this.#ring;
    const first = this.#block;
    let left = to - from;
    let whole = first;
    if (this.#index > 0) {
      left -= this.#cut(first, this.#index, this.#at, left);
      whole++;
    }
    let end = whole;
    while (left > 0 && ring.words[ring.at(end) + COUNT] <= left) left -= ring.words[ring.at(end++) + COUNT];
    if (left > 0) this.#cut(end, 0, ring.words[ring.at(end) + START], left);
    this.size -= to - from;
    if (end > whole) this.#blocks.drop(whole, end - whole);
    this.#blocks.join(first);
    if (first > 0) this.#blocks.join(first - 1);
  }

  /**
   * Removes up to `limit` elements equal to a value, from the tail on if asked; returns how many. Where memory ends on the way, those before are gone:
   * how many, `size` tells.
   */
  removeValue(buf: Uint8Array, off: number, len: number, limit: number, fromTail = false): number {
    const ring = this.#ring;
    let removed = 0;
    try {
      for (let n = ring.count - 1, b = 0; n >= 0 && removed < limit; n--, b++) {
        const i = fromTail ? n : b;
        removed += this.#removeEqual(i, buf, off, len, limit - removed, fromTail);
      }
    } finally {
      this.size -= removed;
      for (let b = ring.count - 1; b >= 0 && removed > 0; b--) {
        if (ring.words[ring.at(b) + COUNT] === 0) this.#blocks.drop(b, 1);
        else this.#blocks.join(b);
      }
    }
    return removed;
  }

  /** Visits the positions of a value in [from, to), from the first on or from the last, until `visit` says false. */
  eachEqual(
    buf: Uint8Array,
    off: number,
    len: number,
    from: number,
    to: number,
    reverse: boolean,
    visit: (position: number) => boolean,
  ): void {
    const step = reverse ? -1 : 1;
    let position = reverse ? to : from - 1;
    const look = (bytes: Uint8Array, at: number, n: number): boolean => {
      position += step;
      return n !== len || !equal(bytes, at, buf, off, len) || visit(position);
    };
    if (reverse) this.#walkBack(from, to, look);
    else this.#walk(from, to, look);
  }

  /** Visits the elements of [from, to) in order. */
  iterate(from: number, to: number, visit: ByteVisitor): void {
    this.eachRun(from, to, (bytes, start, end) => {
      for (let at = start; at < end; ) {
        const len = lengthAt(bytes, at);
        const width = lengthBytes(len);
        visit(bytes, at + width, len);
        at += len + 2 * width;
      }
    });
  }

  /** Visits the entries (list-entries.ts) of the elements of [from, to) in order, as many at once as lie side by side. */
  eachRun(from: number, to: number, visit: (bytes: Uint8Array, start: number, end: number) => void): void {
    if (from >= to) return;
    this.#find(from);
    const ring = this.#ring;
    let left = to - from + this.#index;
    for (let b = this.#block, at = this.#at; left > 0; b++, at = -1) {
      const s = ring.at(b);
      const { words } = ring;
      const bytes = this.memory.bytes[words[s + SLAB]];
      const here = Math.min(left, words[s + COUNT]);
      const end = here === words[s + COUNT] ? words[s + END] : entryAt(bytes, words, s, here);
      visit(bytes, at < 0 ? words[s + START] : at, end);
      left -= here;
    }
  }

  /** Visits the elements of [from, to) from the last one backwards. */
  iterateReverse(from: number, to: number, visit: ByteVisitor): void {
    this.#walkBack(from, to, (bytes, at, len) => {
      visit(bytes, at, len);
      return true;
    });
  }

  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    const countAt = out.length;
    out.u32(0);
    if (cursor >= this.size) return -1;
    const position = this.#walk(cursor, this.size, (bytes, at, len) => {
      if (out.length - countAt >= maxBytes && out.length - countAt > 4) return false;
      out.blob(bytes, at, len);
      return true;
    });
    out.setU32(countAt, position - cursor);
    return position < this.size ? position : -1;
  }

  /** As encodeSlice, but gives the entries as they lie side by side in a block, and at least one block; putSlice() makes a slice of them. */
  encodeEntries(cursor: number, out: ByteSink, maxBytes: number): number {
    if (cursor >= this.size) return -1;
    this.#find(cursor);
    const ring = this.#ring;
    const end = out.length + maxBytes;
    let position = cursor - this.#index;
    for (let b = this.#block, at = this.#at; b < ring.count; b++, at = -1) {
      const s = ring.at(b);
      const w = ring.words;
      const from = at < 0 ? w[s + START] : at;
      const bytes = w[s + END] - from;
      if (at < 0 && out.length + bytes > end) return position;
      out.raw(this.memory.bytes[w[s + SLAB]], from, bytes);
      position += w[s + COUNT];
    }
    return -1;
  }

  decodeInto(bytes: Uint8Array, off: number, len: number): void {
    const source = new ByteSource(bytes, off, len);
    for (let left = source.u32(); left > 0; left--) {
      const n = source.blob();
      this.#pushTail(source.bytes, source.blobAt, n);
    }
  }

  copyFrom(source: ListValue): void {
    this.#blocks.copyFrom(source.#blocks);
    this.size = source.size;
  }

  /**
   * The list as it is now, to be read while this one goes on changing; `thaw` ends that. The two share their blocks: pushes write beside the
   * bytes of then, what would change them moves to another block first, and a block that goes is kept.
   */
  freeze(): ListValue {
    const copy = new ListValue(this.memory);
    this.#blocks.freeze(copy.#ring);
    copy.size = this.size;
    return copy;
  }

  /** The frozen copy is not used any more. */
  thaw(): void {
    this.#blocks.thaw();
  }

  get restWords(): number {
    const { restWords } = this.#blocks;
    return restWords === 0 ? 0 : 1 + restWords;
  }

  rest(m: Int32Array, w: number): void {
    m[w] = this.size;
    this.#blocks.rest(m, w + 1);
  }

  wake(m: Int32Array, w: number): void {
    this.size = m[w];
    this.#blocks.wake(m, w + 1);
  }

  free(): void {
    this.#blocks.discard();
    this.size = 0;
  }

  #pushTail(buf: Uint8Array, off: number, len: number): void {
    const ring = this.#ring;
    const need = entryBytes(len);
    let s = ring.count === 0 ? -1 : ring.at(ring.count - 1);
    if (s < 0 || !hasRoomBehind(ring.words, s, need)) s = this.#blocks.makeRoom(SIDE_TAIL, need);
    const w = ring.words;
    const bytes = this.memory.bytes[w[s + SLAB]];
    const end = w[s + END];
    copyBytes(buf, off, bytes, putLengths(bytes, end, len), len);
    w[s + END] = end + need;
    w[s + COUNT]++;
    this.size++;
  }

  #pushHead(buf: Uint8Array, off: number, len: number): void {
    const ring = this.#ring;
    const need = entryBytes(len);
    let s = ring.count === 0 ? -1 : ring.at(0);
    if (s < 0 || !hasRoomBefore(ring.words, s, need)) s = this.#blocks.makeRoom(SIDE_HEAD, need);
    const w = ring.words;
    const bytes = this.memory.bytes[w[s + SLAB]];
    const start = w[s + START] - need;
    copyBytes(buf, off, bytes, putLengths(bytes, start, len), len);
    w[s + START] = start;
    w[s + COUNT]++;
    this.size++;
  }

  /** Sets #block, #index and #at to where `position` is. */
  #find(position: number): void {
    const ring = this.#ring;
    const w = ring.words;
    let b: number;
    let index: number;
    if (position < this.size >> 1) {
      index = position;
      for (b = 0; index >= w[ring.at(b) + COUNT]; b++) index -= w[ring.at(b) + COUNT];
    } else {
      b = ring.count - 1;
      let base = this.size - w[ring.at(b) + COUNT];
      while (position < base) base -= w[ring.at(--b) + COUNT];
      index = position - base;
    }
    const s = ring.at(b);
    this.#block = b;
    this.#index = index;
    this.#at = entryAt(this.memory.bytes[w[s + SLAB]], w, s, index);
  }

  /** Visits the elements of [from, to) in order until `visit` says false; returns the position of that one, else `to`. */
  #walk(from: number, to: number, visit: (bytes: Uint8Array, at: number, len: number) => boolean): number {
    if (from >= to) return to;
    this.#find(from);
    const ring = this.#ring;
    let position = from;
    let at = this.#at;
    for (let b = this.#block; ; b++, at = ring.words[ring.at(b) + START]) {
      const s = ring.at(b);
      const bytes = this.memory.bytes[ring.words[s + SLAB]];
      const end = ring.words[s + END];
      while (at < end) {
        const len = lengthAt(bytes, at);
        const width = lengthBytes(len);
        if (!visit(bytes, at + width, len)) return position;
        if (++position === to) return to;
        at += len + 2 * width;
      }
    }
  }

  /** Visits the elements of [from, to) backwards until `visit` says false; returns the position of that one, else from - 1. */
  #walkBack(from: number, to: number, visit: (bytes: Uint8Array, at: number, len: number) => boolean): number {
    if (from >= to) return from - 1;
    this.#find(to - 1);
    const ring = this.#ring;
    let position = to - 1;
    let s = ring.at(this.#block);
    let bytes = this.memory.bytes[ring.words[s + SLAB]];
    let end = this.#at + entryBytes(lengthAt(bytes, this.#at));
    for (let b = this.#block; ; ) {
      const start = ring.words[s + START];
      while (end > start) {
        const len = lengthBefore(bytes, end);
        const width = lengthBytes(len);
        if (!visit(bytes, end - width - len, len)) return position;
        if (--position < from) return position;
        end -= len + 2 * width;
      }
      s = ring.at(--b);
      bytes = this.memory.bytes[ring.words[s + SLAB]];
      end = ring.words[s + END];
    }
  }

  /** Inserts before the element that #find found. */
  #insertHere(buf: Uint8Array, off: number, len: number): void {
    const ring = this.#ring;
    const need = entryBytes(len);
    let s = ring.at(this.#block);
    let at = this.#at;
    const used = ring.words[s + END] - ring.words[s + START];
    if (used + need > BLOCK_BYTES) {
      s = this.#split(this.#block, need);
      at = ring.words[s + END];
    } else {
      at += this.#blocks.own(s);
      const capacity = ring.words[s + LIMIT] - ring.words[s + BASE];
      if (ring.words[s + LIMIT] - ring.words[s + END] < need)
        at += this.#blocks.relocate(s, Math.max(used + need, capacity), 0);
    }
    const w = ring.words;
    const bytes = this.memory.bytes[w[s + SLAB]];
    bytes.copyWithin(at + need, at, w[s + END]);
    copyBytes(buf, off, bytes, putLengths(bytes, at, len), len);
    w[s + END] += need;
    w[s + COUNT]++;
    this.size++;
  }

  /** Moves the entries from #at on into a block behind block `b`; returns the block before them that has `need` bytes of room at its end. */
  #split(b: number, need: number): number {
    const ring = this.#ring;
    const s = ring.at(b);
    const from = this.#at;
    const used = ring.words[s + END] - from;
    if (this.#index > 0) {
      const upper = this.#blocks.add(b + 1, used, SIDE_TAIL);
      const w = ring.words;
      const lower = ring.at(b);
      copyBytes(this.memory.bytes[w[lower + SLAB]], from, this.memory.bytes[w[upper + SLAB]], w[upper + START], used);
      w[upper + END] = w[upper + START] + used;
      w[upper + COUNT] = w[lower + COUNT] - this.#index;
      w[lower + END] = from;
      w[lower + COUNT] = this.#index;
      if (hasRoomBehind(w, lower, need)) return lower;
      return this.#blocks.add(b + 1, need, SIDE_TAIL);
    }
    // Before block b: #find never finds the first element of the first block here, that is pushed.
    if (hasRoomBehind(ring.words, ring.at(b - 1), need)) return ring.at(b - 1);
    return this.#blocks.add(b, need, SIDE_TAIL);
  }

  /** Removes up to `count` elements of block `b` from its element `index` on, which is at `at`; returns how many. The block does not become empty. */
  #cut(b: number, index: number, at: number, count: number): number {
    const ring = this.#ring;
    const s = ring.at(b);
    const here = Math.min(count, ring.words[s + COUNT] - index);
    let from = at;
    let to = at;
    const bytes = this.memory.bytes[ring.words[s + SLAB]];
    for (let n = here; n > 0; n--) to += entryBytes(lengthAt(bytes, to));
    if (index === 0) {
      ring.words[s + START] = to;
    } else if (to === ring.words[s + END]) {
      ring.words[s + END] = from;
    } else {
      const moved = this.#blocks.own(s);
      from += moved;
      to += moved;
      this.memory.bytes[ring.words[s + SLAB]].copyWithin(from, to, ring.words[s + END]);
      ring.words[s + END] -= to - from;
    }
    ring.words[s + COUNT] -= here;
    return here;
  }

  /** Removes elements equal to a value from one block, which may become empty; returns how many. */
  #removeEqual(b: number, buf: Uint8Array, off: number, len: number, limit: number, fromTail: boolean): number {
    const s = this.#ring.at(b);
    const w = this.#ring.words;
    const matches = countEqual(this.memory.bytes[w[s + SLAB]], w[s + START], w[s + END], buf, off, len);
    if (matches === 0) return 0;
    this.#blocks.own(s);
    const bytes = this.memory.bytes[w[s + SLAB]];
    const end = w[s + END];
    let spared = fromTail ? Math.max(0, matches - limit) : 0;
    let removed = 0;
    let kept = w[s + START];
    for (let at = kept; at < end; ) {
      const n = lengthAt(bytes, at);
      const size = entryBytes(n);
      const match = removed < limit && n === len && equal(bytes, at + lengthBytes(n), buf, off, len);
      if (match && spared === 0) {
        removed++;
      } else {
        if (match) spared--;
        if (kept < at) bytes.copyWithin(kept, at, at + size);
        kept += size;
      }
      at += size;
    }
    w[s + END] = kept;
    w[s + COUNT] -= removed;
    return removed;
  }
}

/** Where the entry of a block's element `index` begins. */
function entryAt(bytes: Uint8Array, w: Int32Array, s: number, index: number): number {
  if (index < w[s + COUNT] >> 1) {
    let at = w[s + START];
    for (let i = 0; i < index; i++) at += entryBytes(lengthAt(bytes, at));
    return at;
  }
  let at = w[s + END];
  for (let i = w[s + COUNT]; i > index; i--) at -= entryBytes(lengthBefore(bytes, at));
  return at;
}

function countEqual(bytes: Uint8Array, start: number, end: number, buf: Uint8Array, off: number, len: number): number {
  let count = 0;
  for (let at = start; at < end; ) {
    const n = lengthAt(bytes, at);
    if (n === len && equal(bytes, at + lengthBytes(n), buf, off, len)) count++;
    at += entryBytes(n);
  }
  return count;
}

function equal(bytes: Uint8Array, at: number, buf: Uint8Array, off: number, len: number): boolean {
  for (let i = 0; i < len; i++) if (bytes[at + i] !== buf[off + i]) return false;
  return true;
}

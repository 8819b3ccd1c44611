import { BlockRing } from "./block-ring.js";
import { type ByteSink, ByteSource } from "./byte-sink.js";
import { COLLECTION_BYTES, type Collection, stringBytes } from "./collection.js";
import { BLOCK_MAX, ListBlock } from "./list-block.js";
import { TYPE_LIST } from "./type-codes.js";

const ELEMENT_BYTES = 10; // its place in a block, and its share of the block

// Neighbouring blocks are joined when both together fill no more than this: far from full, or an insertion would split
// them again.
const JOIN_MAX = BLOCK_MAX / 2;

/**
 * A list of latin1 strings: blocks of up to 128 elements in a ring. The ends are O(1). A position is found at once as
 * long as all blocks between the first and the last are full, which pushes, pops and trims keep so; after a change in
 * the middle the blocks up to it are counted. Slices are `count:u32, element*`.
 *
 * Positions are 0 .. size-1 and are not checked: the caller has resolved negative ones and cut off the rest.
 */
export class ListValue implements Collection {
  readonly type = TYPE_LIST;
  bytes = COLLECTION_BYTES;
  ref = 0;
  snapshotEpoch = 0;
  #ring = new BlockRing();
  #size = 0;
  // True once a block between the first and the last may be other than full.
  #ragged = false;
  // What #find found: a block and a position inside it.
  #block = 0;
  #offset = 0;

  get size(): number {
    return this.#size;
  }

  pushHead(value: string): void {
    if (this.#ring.count === 0 || !this.#ring.get(0).pushHead(value)) {
      const block = new ListBlock();
      block.pushHead(value);
      this.#ring.pushFirst(block);
    }
    this.#added(value);
  }

  pushTail(value: string): void {
    const count = this.#ring.count;
    if (count === 0 || !this.#ring.get(count - 1).pushTail(value)) {
      const block = new ListBlock();
      block.pushTail(value);
      this.#ring.pushLast(block);
    }
    this.#added(value);
  }

  /** Undefined when the list is empty. */
  popHead(): string | undefined {
    if (this.#size === 0) return undefined;
    const block = this.#ring.get(0);
    const value = block.popHead();
    if (block.size === 0) this.#ring.dropFirst();
    this.#removed(value);
    return value;
  }

  /** Undefined when the list is empty. */
  popTail(): string | undefined {
    if (this.#size === 0) return undefined;
    const block = this.#ring.get(this.#ring.count - 1);
    const value = block.popTail();
    if (block.size === 0) this.#ring.dropLast();
    this.#removed(value);
    return value;
  }

  at(position: number): string {
    this.#find(position);
    return this.#ring.get(this.#block).get(this.#offset);
  }

  set(position: number, value: string): void {
    this.#find(position);
    const block = this.#ring.get(this.#block);
    this.bytes += stringBytes(value) - stringBytes(block.get(this.#offset));
    block.items[block.start + this.#offset] = value;
  }

  /** Inserts before `position`, 0 .. size. */
  insertAt(position: number, value: string): void {
    if (position === 0) {
      this.pushHead(value);
    } else if (position === this.#size) {
      this.pushTail(value);
    } else {
      this.#insertInside(position, value);
    }
  }

  removeAt(position: number): void {
    this.removeRange(position, position + 1);
  }

  /** Inserts before the first element equal to `pivot`, or behind it; false when there is none. */
  insertNear(pivot: string, after: boolean, value: string): boolean {
    const position = this.indexOf(pivot);
    if (position < 0) return false;
    this.insertAt(after ? position + 1 : position, value);
    return true;
  }

  /** Keeps the elements of [from, to) and removes all others. */
  trim(from: number, to: number): void {
    this.#cutTail(this.#size - to);
    this.#cutHead(Math.min(from, this.#size));
  }

  /** Removes the elements of [from, to). */
  removeRange(from: number, to: number): void {
    if (from >= to) return;
    if (from === 0) this.#cutHead(to);
    else if (to === this.#size) this.#cutTail(to - from);
    else this.#cutInside(from, to - from);
  }

  /** Removes up to `limit` elements equal to `value`, from the tail on if asked; returns how many. */
  removeValue(value: string, limit: number, fromTail = false): number {
    const blocks = this.#ring.count;
    let removed = 0;
    for (let n = 0; n < blocks && removed < limit; n++) {
      const block = this.#ring.get(fromTail ? blocks - 1 - n : n);
      removed += fromTail ? dropFromTail(block, value, limit - removed) : dropFromHead(block, value, limit - removed);
    }
    if (removed > 0) {
      this.#size -= removed;
      this.bytes -= removed * (stringBytes(value) + ELEMENT_BYTES);
      this.#joinBlocks();
    }
    return removed;
  }

  /** First position of `value` in [from, to), -1 when there is none. */
  indexOf(value: string, from = 0, to = this.#size): number {
    if (from >= to) return -1;
    this.#find(from);
    let base = from - this.#offset;
    for (let b = this.#block; base < to; b++) {
      const { items, start } = this.#ring.get(b);
      const found = items.indexOf(value, start + Math.max(0, from - base));
      if (found >= 0) return base + found - start < to ? base + found - start : -1;
      base += items.length - start;
    }
    return -1;
  }

  /** Last position of `value` in [from, to), -1 when there is none. */
  lastIndexOf(value: string, from = 0, to = this.#size): number {
    if (from >= to) return -1;
    this.#find(to - 1);
    let base = to - 1 - this.#offset;
    for (let b = this.#block; ; b--) {
      const block = this.#ring.get(b);
      for (let i = Math.min(block.size, to - base) - 1; i >= 0 && base + i >= from; i--) {
        if (block.get(i) === value) return base + i;
      }
      if (base <= from) return -1;
      base -= this.#ring.get(b - 1).size;
    }
  }

  /** Visits the elements of [from, to) in order. */
  iterate(from: number, to: number, visit: (value: string, position: number) => void): void {
    if (from >= to) return;
    this.#find(from);
    let offset = this.#offset;
    let position = from;
    for (let b = this.#block; position < to; b++, offset = 0) {
      const block = this.#ring.get(b);
      const end = Math.min(block.size, offset + to - position);
      for (; offset < end; offset++) visit(block.get(offset), position++);
    }
  }

  /** Visits the elements of [from, to) from the last one backwards. */
  iterateReverse(from: number, to: number, visit: (value: string, position: number) => void): void {
    if (from >= to) return;
    this.#find(to - 1);
    let offset = this.#offset;
    let position = to - 1;
    for (let b = this.#block; ; b--, offset = this.#ring.get(b).size - 1) {
      const block = this.#ring.get(b);
      for (; offset >= 0 && position >= from; offset--) visit(block.get(offset), position--);
      if (position < from) return;
    }
  }

  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    const countAt = out.length;
    out.u32(0);
    if (cursor >= this.#size) return -1;
    this.#find(cursor);
    let offset = this.#offset;
    let position = cursor;
    for (let b = this.#block; position < this.#size; b++, offset = 0) {
      const block = this.#ring.get(b);
      for (; offset < block.size; offset++, position++) {
        if (position > cursor && out.length - countAt >= maxBytes) break;
        out.str(block.get(offset));
      }
      if (offset < block.size) break;
    }
    out.setU32(countAt, position - cursor);
    return position < this.#size ? position : -1;
  }

  free(): void {}

  decodeInto(bytes: Uint8Array, off: number, len: number): void {
    const source = new ByteSource(bytes, off, len);
    for (let left = source.u32(); left > 0; left--) this.pushTail(source.str());
  }

  #added(value: string): void {
    this.#size++;
    this.bytes += stringBytes(value) + ELEMENT_BYTES;
  }

  #removed(value: string): void {
    this.#size--;
    this.bytes -= stringBytes(value) + ELEMENT_BYTES;
    if (this.#ring.count <= 1) this.#ragged = false;
  }

  /** Sets #block and #offset to where `position` is. */
  #find(position: number): void {
    const firstSize = this.#ring.get(0).size;
    if (position < firstSize) {
      this.#block = 0;
      this.#offset = position;
    } else if (!this.#ragged) {
      const behind = position - firstSize;
      this.#block = 1 + Math.floor(behind / BLOCK_MAX);
      this.#offset = behind % BLOCK_MAX;
    } else if (position < this.#size / 2) {
      this.#findForwards(position);
    } else {
      this.#findBackwards(position);
    }
  }

  #findForwards(position: number): void {
    let offset = position;
    let b = 0;
    for (let size = this.#ring.get(0).size; offset >= size; size = this.#ring.get(++b).size) offset -= size;
    this.#block = b;
    this.#offset = offset;
  }

  #findBackwards(position: number): void {
    let b = this.#ring.count - 1;
    let base = this.#size - this.#ring.get(b).size;
    while (position < base) base -= this.#ring.get(--b).size;
    this.#block = b;
    this.#offset = position - base;
  }

  #insertInside(position: number, value: string): void {
    this.#find(position);
    let block = this.#ring.get(this.#block);
    if (block.size === BLOCK_MAX) {
      const upper = block.split();
      this.#ring.insert(this.#block + 1, upper);
      if (this.#offset > block.size) {
        this.#offset -= block.size;
        block = upper;
      }
    }
    block.insert(this.#offset, value);
    this.#added(value);
    this.#ragged = this.#ring.count > 1;
  }

  #cutHead(count: number): void {
    for (let left = count; left > 0; ) {
      const block = this.#ring.get(0);
      if (block.size <= left) {
        left -= block.size;
        this.#dropWhole(block);
        this.#ring.dropFirst();
      } else {
        for (; left > 0; left--) this.#removed(block.popHead());
      }
    }
  }

  #cutTail(count: number): void {
    for (let left = count; left > 0; ) {
      const block = this.#ring.get(this.#ring.count - 1);
      if (block.size <= left) {
        left -= block.size;
        this.#dropWhole(block);
        this.#ring.dropLast();
      } else {
        for (; left > 0; left--) this.#removed(block.popTail());
      }
    }
  }

  #cutInside(from: number, count: number): void {
    this.#find(from);
    const first = this.#block;
    let offset = this.#offset;
    let left = count;
    for (let b = first; left > 0; b++, offset = 0) {
      const block = this.#ring.get(b);
      const here = Math.min(left, block.size - offset);
      for (let i = 0; i < here; i++) this.#removed(block.get(offset + i));
      block.remove(offset, here);
      left -= here;
    }
    // One block changed: look at its neighbours only. Several: the walk over all blocks costs no more than the cut.
    if (count === 1) this.#settle(first);
    else this.#joinBlocks();
  }

  #dropWhole(block: ListBlock): void {
    for (let i = 0; i < block.size; i++) this.#removed(block.get(i));
  }

  /** After block `b` has shrunk: drops it when empty, joins it with a neighbour when both are small. */
  #settle(b: number): void {
    const ring = this.#ring;
    const block = ring.get(b);
    if (block.size === 0) {
      ring.remove(b);
    } else if (b + 1 < ring.count && block.size + ring.get(b + 1).size <= JOIN_MAX) {
      block.absorb(ring.get(b + 1));
      ring.remove(b + 1);
    } else if (b > 0 && block.size + ring.get(b - 1).size <= JOIN_MAX) {
      ring.get(b - 1).absorb(block);
      ring.remove(b);
    }
    this.#ragged = ring.count > 1;
  }

  /** Drops empty blocks and joins small neighbours, over the whole list. */
  #joinBlocks(): void {
    const kept: ListBlock[] = [];
    for (let b = 0; b < this.#ring.count; b++) {
      const block = this.#ring.get(b);
      const last = kept.at(-1);
      if (block.size === 0) continue;
      if (last !== undefined && last.size + block.size <= JOIN_MAX) last.absorb(block);
      else kept.push(block);
    }
    this.#ring.assign(kept);
    this.#ragged = kept.length > 1;
  }
}

function dropFromHead(block: ListBlock, value: string, limit: number): number {
  const items = block.items;
  let kept = block.start;
  let dropped = 0;
  for (let i = block.start; i < items.length; i++) {
    if (dropped < limit && items[i] === value) dropped++;
    else items[kept++] = items[i];
  }
  items.length = kept;
  return dropped;
}

function dropFromTail(block: ListBlock, value: string, limit: number): number {
  const items = block.items;
  let dropped = 0;
  for (let i = items.length - 1; i >= block.start && dropped < limit; i--) {
    if (items[i] !== value) continue;
    items.splice(i, 1);
    dropped++;
  }
  return dropped;
}

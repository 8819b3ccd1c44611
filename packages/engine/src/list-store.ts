/** Lists of one database. */
import { textsBytes } from "./collection-store.js";
import { HashStore } from "./hash-store.js";
import { OP_LIST_POP, OP_LIST_PUSH } from "./ops.js";
import { ListValue } from "./types/index.js";

/** Head or tail of a list. */
export const SIDE_HEAD = 0;
export const SIDE_TAIL = 1;

export class ListStore extends HashStore {
  /** Pushes elements one after the other at a side; returns the new length. */
  listPush(buf: Uint8Array, off: number, len: number, side: number, values: readonly string[]): number {
    const list = this.open(buf, off, len, newList);
    const before = list.bytes;
    for (const value of values) {
      if (side === SIDE_HEAD) list.pushHead(value);
      else list.pushTail(value);
    }
    this.close(buf, off, len, list, before);
    const { effects } = this.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_LIST_PUSH, this.index, buf, off, len, 1 + textsBytes(values));
      effects.u8(side);
      for (const value of values) effects.text(value);
      effects.end();
    }
    return list.size;
  }

  /** Takes up to `count` elements from a side, in the order they come off. */
  listPop(buf: Uint8Array, off: number, len: number, side: number, count: number): string[] {
    const list = this.find<ListValue>(buf, off, len);
    const popped: string[] = [];
    if (list === null) return popped;
    const before = list.bytes;
    while (popped.length < count) {
      const value = side === SIDE_HEAD ? list.popHead() : list.popTail();
      if (value === undefined) break;
      popped.push(value);
    }
    if (popped.length === 0) return popped;
    const { effects } = this.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_LIST_POP, this.index, buf, off, len, 5);
      effects.u8(side);
      effects.u32(popped.length);
      effects.end();
    }
    this.close(buf, off, len, list, before);
    return popped;
  }
}

const newList = (): ListValue => new ListValue();

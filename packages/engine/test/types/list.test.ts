import { expect, test } from "vitest";
import { Memory } from "../../src/memory.js";
import type { ByteVisitor } from "../../src/types/collection.js";
import { ListValue } from "../../src/types/list.js";
import { SIDE_HEAD, SIDE_TAIL } from "../../src/types/list-blocks.js";
import { TYPE_LIST } from "../../src/types/type-codes.js";
import { type Seeded, seeded, textAt } from "./seeded.js";

const range = (value: string): [Buffer, number, number] => [Buffer.from(value, "latin1"), 0, value.length];

/** A list whose elements are strings. */
class TextList {
  readonly pool = new Memory((buffer) => structuredClone(buffer, { transfer: [buffer] }));
  readonly list = new ListValue(this.pool);
  get size(): number {
    return this.list.size;
  }
  get bytes(): number {
    return this.list.bytes;
  }
  pushHead(value: string): void {
    this.list.push(SIDE_HEAD, ...range(value));
  }
  pushTail(value: string): void {
    this.list.push(SIDE_TAIL, ...range(value));
  }
  popHead(): string | undefined {
    return this.#first((visit) => this.size > 0 && this.list.pop(SIDE_HEAD, visit));
  }
  popTail(): string | undefined {
    return this.#first((visit) => this.size > 0 && this.list.pop(SIDE_TAIL, visit));
  }
  at(position: number): string | undefined {
    return this.#first((visit) => this.list.iterate(position, position + 1, visit));
  }
  set(position: number, value: string): void {
    this.list.set(position, ...range(value));
  }
  insertAt(position: number, value: string): void {
    this.list.insertAt(position, ...range(value));
  }
  trim(from: number, to: number): void {
    this.list.removeRange(to, this.size);
    this.list.removeRange(0, Math.min(from, this.size));
  }
  removeRange(from: number, to: number): void {
    this.list.removeRange(from, to);
  }
  removeValue(value: string, limit: number, fromTail = false): number {
    return this.list.removeValue(...range(value), limit, fromTail);
  }
  indexOf(value: string, from?: number, to?: number): number {
    return this.#position(value, from, to, false);
  }
  lastIndexOf(value: string, from?: number, to?: number): number {
    return this.#position(value, from, to, true);
  }
  iterate(from: number, to: number): string[] {
    return this.#all((visit) => this.list.iterate(from, to, visit));
  }
  iterateReverse(from: number, to: number): string[] {
    return this.#all((visit) => this.list.iterateReverse(from, to, visit));
  }
  #position(value: string, from = 0, to = this.size, reverse: boolean): number {
    let found = -1;
    this.list.eachEqual(...range(value), from, to, reverse, (position) => {
      found = position;
      return false;
    });
    return found;
  }
  #all(run: (visit: ByteVisitor) => unknown): string[] {
    const out: string[] = [];
    run((...range) => out.push(textAt(...range)));
    return out;
  }
  #first(run: (visit: ByteVisitor) => unknown): string | undefined {
    return this.#all(run)[0];
  }
}

function listOf(...values: string[]): TextList {
  const list = new TextList();
  for (const value of values) list.pushTail(value);
  return list;
}

function toArray(list: TextList): string[] {
  return list.iterate(0, list.size);
}

/** All ways to read the list agree with the model. */
function check(list: TextList, model: readonly string[]): void {
  expect(list.size).toBe(model.length);
  expect(toArray(list)).toEqual(model);
  expect(list.iterateReverse(0, list.size).reverse()).toEqual(model);
  for (let i = 0; i < model.length; i++) if (list.at(i) !== model[i]) throw new Error(`position ${i}`);
}

/** Every block was given back; a few places in the ring may stay. */
function checkEmpty(list: TextList): void {
  expect([list.size, list.pool.takenBytes]).toEqual([0, 0]);
  expect(list.bytes - new TextList().bytes).toBeLessThan(128);
}

test("pushes and pops at both ends", () => {
  const list = new TextList();
  expect(list.list.type).toBe(TYPE_LIST);
  list.pushHead("b");
  list.pushHead("a");
  list.pushTail("c");
  expect(toArray(list)).toEqual(["a", "b", "c"]);
  expect([list.popTail(), list.popHead(), list.popHead(), list.popHead(), list.popTail()]).toEqual([
    "c",
    "a",
    "b",
    undefined,
    undefined,
  ]);
  expect(list.size).toBe(0);
});

test("sets, inserts and removes inside", () => {
  const list = listOf("a", "b", "c");
  list.set(1, "B");
  list.insertAt(0, "0");
  list.insertAt(4, "d");
  list.insertAt(2, "x");
  expect(toArray(list)).toEqual(["0", "a", "x", "B", "c", "d"]);
  list.removeRange(2, 3);
  list.insertAt(list.indexOf("B"), "before");
  list.insertAt(list.indexOf("B") + 1, "after");
  expect(toArray(list)).toEqual(["0", "a", "before", "B", "after", "c", "d"]);
  list.removeRange(1, 3);
  list.trim(1, 4);
  expect(toArray(list)).toEqual(["B", "after", "c"]);
});

test("trims to nothing", () => {
  const list = listOf("a", "b");
  list.trim(5, 5);
  checkEmpty(list);
});

test("finds positions from either end within limits", () => {
  const list = new TextList();
  for (let i = 0; i < 1000; i++) list.pushTail(String(i % 10));
  expect([list.indexOf("3"), list.indexOf("3", 4), list.indexOf("3", 4, 13), list.indexOf("3", 4, 14)]).toEqual([
    3, 13, -1, 13,
  ]);
  expect([list.lastIndexOf("3"), list.lastIndexOf("3", 0, 993), list.lastIndexOf("3", 984, 993)]).toEqual([
    993, 983, -1,
  ]);
  expect([list.indexOf("x"), list.lastIndexOf("x"), list.indexOf("3", 500, 500)]).toEqual([-1, -1, -1]);
});

test("removes by value from either end up to a limit", () => {
  const list = listOf("a", "b", "a", "c", "a");
  expect(list.removeValue("a", 2, true)).toBe(2);
  expect(toArray(list)).toEqual(["a", "b", "c"]);
  expect(list.removeValue("a", Number.POSITIVE_INFINITY)).toBe(1);
  expect(list.removeValue("a", 1)).toBe(0);
  const long = new TextList();
  for (let i = 0; i < 5000; i++) long.pushTail(i % 50 === 0 ? "keep" : "drop");
  expect(long.removeValue("drop", 4900)).toBe(4900);
  expect(toArray(long)).toEqual(new Array(100).fill("keep"));

  const thinned = new TextList();
  for (let i = 0; i < 5000; i++) thinned.pushTail(i % 3 === 0 ? "drop" : String(i));
  const kept = toArray(thinned).filter((value) => value !== "drop");
  thinned.removeValue("drop", 5000);
  check(thinned, kept);
  thinned.removeRange(1000, 1700);
  kept.splice(1000, 700);
  check(thinned, kept);
});

test("blocks emptied one element at a time disappear", () => {
  const list = new TextList();
  const model: string[] = [];
  for (let i = 0; i < 640; i++) {
    list.pushTail(String(i));
    model.push(String(i));
  }
  // The whole second block, between two full ones.
  for (let i = 0; i < 128; i++) list.removeRange(128, 129);
  model.splice(128, 128);
  check(list, model);
  while (model.length > 0) if (list.popHead() !== model.shift()) throw new Error(`${model.length} left`);
  expect(list.size).toBe(0);
});

test("a queue far longer than a block keeps its order while it wanders", () => {
  const list = new TextList();
  let next = 0;
  for (let i = 0; i < 100_000; i++) {
    list.pushHead(String(i));
    if (i >= 1000 && list.popTail() !== String(next++)) throw new Error(`element ${next - 1}`);
  }
  expect(list.size).toBe(1000);
  while (list.size > 0) if (list.popTail() !== String(next++)) throw new Error(`element ${next - 1}`);
  checkEmpty(list);
});

// Control: without the comparison with FROZEN_END in hasRoomBehind, or the own() of an insertion, the copy changes.
test("prop: a frozen copy stays as it was whatever becomes of the list, and gives back what only it held", () => {
  const seed = seeded("list freeze");
  for (let round = 0; round < 60; round++) {
    const list = new TextList();
    const model: string[] = [];
    for (let i = 0; i < 20; i++) changeEnds(list, model, seed, `v${i}`.padEnd(seed.below(300)), true);
    if (round % 2 === 0) for (let i = 0; i < 20; i++) changeInside(list, model, seed, `w${i}`);
    const copy = list.list.freeze();
    const before = [...model];
    for (let i = 0; i < 60; i++) {
      if (seed.below(2) === 0) changeInside(list, model, seed, `x${i}`.padEnd(seed.below(300)));
      else changeEnds(list, model, seed, `y${i}`, seed.below(3) === 0);
    }
    if (seed.below(4) === 0) {
      list.list.free();
      model.length = 0;
    }
    const copied: string[] = [];
    copy.iterate(0, copy.size, (...range) => copied.push(textAt(...range)));
    expect(copied).toEqual(before);
    list.list.thaw();
    check(list, model);
    list.list.free();
    expect(list.pool.takenBytes).toBe(0);
  }
});

function changeInside(list: TextList, model: string[], { below }: Seeded, value: string): void {
  const at = below(model.length + 1);
  switch (below(7)) {
    case 0:
    case 1:
      list.insertAt(at, value);
      model.splice(at, 0, value);
      break;
    case 2:
      if (at < model.length) list.removeRange(at, at + 1);
      model.splice(at, 1);
      break;
    case 3:
      if (at === model.length) break;
      list.set(at, value);
      model[at] = value;
      break;
    case 4: {
      const to = Math.min(model.length, at + below(300));
      list.removeRange(at, to);
      model.splice(at, to - at);
      break;
    }
    case 5:
      list.insertAt(at, "same");
      model.splice(at, 0, "same");
      break;
    default:
      removeSame(list, model, 1 + below(4), below(2) === 0);
  }
}

function removeSame(list: TextList, model: string[], limit: number, fromTail: boolean): void {
  let removed = 0;
  for (let at = 0; removed < limit; removed++) {
    at = fromTail ? model.lastIndexOf("same") : model.indexOf("same");
    if (at < 0) break;
    model.splice(at, 1);
  }
  expect(list.removeValue("same", limit, fromTail)).toBe(removed);
}

function changeEnds(list: TextList, model: string[], { below }: Seeded, value: string, growing: boolean): void {
  const head = below(2) === 0;
  for (let n = below(40); n > 0; n--) {
    if (below(3) > 0 === growing) {
      if (head) list.pushHead(value);
      else list.pushTail(value);
      if (head) model.unshift(value);
      else model.push(value);
    } else if ((head ? list.popHead() : list.popTail()) !== (head ? model.shift() : model.pop()))
      throw new Error("pop");
  }
}

// Changes in the middle only come with some rounds: without them positions are computed, with them they are counted.
test.each([0, 1, 50])("prop: behaves as an array, %i in 100 steps inside", (insidePercent) => {
  const seed = seeded(`list ${insidePercent}`);
  const { below } = seed;
  const list = new TextList();
  const model: string[] = [];
  for (let step = 0; step < 8000; step++) {
    const value = `v${step}`.padEnd(seed.below(50) === 0 ? seed.below(100) ** 2 : seed.below(40), "x");
    if (below(100) < insidePercent) changeInside(list, model, seed, value);
    else changeEnds(list, model, seed, value, step % 4000 < 2000);
    if (model.length > 0) {
      const at = below(model.length);
      if (list.at(at) !== model[at]) throw new Error(`position ${at} at step ${step}`);
    }
    if (below(200) === 0) {
      const from = below(model.length + 1);
      const to = from + below(model.length - from + 1);
      expect(list.indexOf("same", from, to)).toBe(model.indexOf("same", from) < to ? model.indexOf("same", from) : -1);
      const last = to === 0 ? -1 : model.lastIndexOf("same", to - 1);
      expect(list.lastIndexOf("same", from, to)).toBe(from < to && last >= from ? last : -1);
      list.trim(from >> 3, model.length - (from >> 4));
      model.splice(model.length - (from >> 4));
      model.splice(0, from >> 3);
    }
    if (step % 200 === 0) check(list, model);
  }
  check(list, model);
  list.trim(0, 0);
  checkEmpty(list);
});

// Control: with all blocks given back at once in free(), the second expectation is red; without the step in take(), the last one is.
test("a large list that goes gives its blocks back in steps, and before the memory grows", () => {
  const pool = new Memory(() => {});
  const element = Buffer.alloc(1000, "e");
  const filled = () => {
    const list = new ListValue(pool);
    for (let i = 0; i < 20_000; i++) list.push(SIDE_TAIL, element, 0, element.length);
    return list;
  };
  const first = filled();
  const full = pool.takenBytes;
  first.freeze();
  first.free();
  expect(pool.takenBytes).toBeGreaterThan(full / 2);
  expect(pool.giveDiscarded()).toBe(true);
  // Blocks that were dropped are the copy's until now, and the others go as any.
  first.thaw();
  while (pool.giveDiscarded());
  expect([pool.takenBytes, pool.discarded.length]).toEqual([0, 0]);
  for (let i = 0; i < 20; i++) filled().free();
  expect(pool.heldBytes).toBeLessThan(3 * full);
});

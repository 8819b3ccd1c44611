import { expect, test } from "vitest";
import { ListValue } from "../../src/types/list.js";
import { TYPE_LIST } from "../../src/types/type-codes.js";
import { type Seeded, seeded } from "./seeded.js";

function listOf(...values: string[]): ListValue {
  const list = new ListValue();
  for (const value of values) list.pushTail(value);
  return list;
}

function toArray(list: ListValue): string[] {
  const out: string[] = [];
  list.iterate(0, list.size, (value) => out.push(value));
  return out;
}

/** All ways to read the list agree with the model. */
function check(list: ListValue, model: readonly string[]): void {
  expect(list.size).toBe(model.length);
  expect(toArray(list)).toEqual(model);
  const backwards: string[] = [];
  list.iterateReverse(0, list.size, (value) => backwards.push(value));
  expect(backwards.reverse()).toEqual(model);
  for (let i = 0; i < model.length; i++) if (list.at(i) !== model[i]) throw new Error(`position ${i}`);
}

test("pushes and pops at both ends", () => {
  const list = new ListValue();
  expect(list.type).toBe(TYPE_LIST);
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
  list.removeAt(2);
  expect([list.insertNear("B", false, "before"), list.insertNear("B", true, "after")]).toEqual([true, true]);
  expect(list.insertNear("nobody", true, "y")).toBe(false);
  expect(toArray(list)).toEqual(["0", "a", "before", "B", "after", "c", "d"]);
  list.removeRange(1, 3);
  list.trim(1, 4);
  expect(toArray(list)).toEqual(["B", "after", "c"]);
});

test("trims to nothing", () => {
  const list = listOf("a", "b");
  const emptyBytes = new ListValue().bytes;
  list.trim(5, 5);
  expect([list.size, list.bytes]).toEqual([0, emptyBytes]);
});

test("finds positions from either end within limits", () => {
  const list = new ListValue();
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
  const long = new ListValue();
  for (let i = 0; i < 5000; i++) long.pushTail(i % 50 === 0 ? "keep" : "drop");
  expect(long.removeValue("drop", 4900)).toBe(4900);
  expect(toArray(long)).toEqual(new Array(100).fill("keep"));

  const thinned = new ListValue();
  for (let i = 0; i < 5000; i++) thinned.pushTail(i % 3 === 0 ? "drop" : String(i));
  const kept = toArray(thinned).filter((value) => value !== "drop");
  thinned.removeValue("drop", 5000);
  check(thinned, kept);
  thinned.removeRange(1000, 1700);
  kept.splice(1000, 700);
  check(thinned, kept);
});

test("blocks emptied one element at a time disappear", () => {
  const list = new ListValue();
  const model: string[] = [];
  for (let i = 0; i < 640; i++) {
    list.pushTail(String(i));
    model.push(String(i));
  }
  // The whole second block, between two full ones.
  for (let i = 0; i < 128; i++) list.removeAt(128);
  model.splice(128, 128);
  check(list, model);
  while (model.length > 0) if (list.popHead() !== model.shift()) throw new Error(`${model.length} left`);
  expect(list.size).toBe(0);
});

test("a queue far longer than a block keeps its order while it wanders", () => {
  const list = new ListValue();
  const emptyBytes = list.bytes;
  let next = 0;
  for (let i = 0; i < 100_000; i++) {
    list.pushHead(String(i));
    if (i >= 1000 && list.popTail() !== String(next++)) throw new Error(`element ${next - 1}`);
  }
  expect(list.size).toBe(1000);
  while (list.size > 0) if (list.popTail() !== String(next++)) throw new Error(`element ${next - 1}`);
  expect(list.bytes).toBe(emptyBytes);
});

function changeInside(list: ListValue, model: string[], { below }: Seeded, value: string): void {
  const at = below(model.length + 1);
  switch (below(7)) {
    case 0:
    case 1:
      list.insertAt(at, value);
      model.splice(at, 0, value);
      break;
    case 2:
      if (at < model.length) list.removeAt(at);
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

function removeSame(list: ListValue, model: string[], limit: number, fromTail: boolean): void {
  let removed = 0;
  for (let at = 0; removed < limit; removed++) {
    at = fromTail ? model.lastIndexOf("same") : model.indexOf("same");
    if (at < 0) break;
    model.splice(at, 1);
  }
  expect(list.removeValue("same", limit, fromTail)).toBe(removed);
}

function changeEnds(list: ListValue, model: string[], { below }: Seeded, value: string, growing: boolean): void {
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
  const list = new ListValue();
  const emptyBytes = list.bytes;
  const model: string[] = [];
  for (let step = 0; step < 8000; step++) {
    const value = `v${step}`;
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
  expect([list.size, list.bytes]).toEqual([0, emptyBytes]);
});

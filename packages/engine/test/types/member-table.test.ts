import { expect, test } from "vitest";
import { hashSeed } from "../../src/hash.js";
import { Memory } from "../../src/memory.js";
import type { Beside } from "../../src/types/member-record.js";
import { MemberTable, type MoveObserver } from "../../src/types/member-table.js";
import { seeded } from "./seeded.js";

const SEED = hashSeed(Buffer.from("seed8byt"));

function newTable(beside: Beside, observer: MoveObserver | null = null): MemberTable {
  return new MemberTable({ seed: SEED, memory: new Memory(() => {}) }, beside, observer);
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

function find(table: MemberTable, text: string): number {
  const b = bytes(text);
  return table.find(table.hashOf(b, 0, b.length), b, 0, b.length);
}

/** Adds an element that is absent, from the middle of a larger buffer, as commands do. */
function add(table: MemberTable, text: string, value = ""): number {
  const b = bytes(`<<${text}${value}>>`);
  const hash = table.hashOf(b, 2, text.length);
  if (value === "") return table.add(hash, b, 2, text.length);
  return table.addWithValue(hash, b, 2, text.length, b, 2 + text.length, value.length);
}

function remove(table: MemberTable, text: string): boolean {
  const ref = find(table, text);
  if (ref !== 0) table.remove(ref);
  return ref !== 0;
}

function elementOf(table: MemberTable, ref: number): string {
  const at = table.offsetOf(ref);
  return Buffer.from(table.bytesOf(ref).subarray(at, at + table.lengthOf(ref))).toString("latin1");
}

function valueText(table: MemberTable, ref: number): string {
  const at = table.valueOffsetOf(ref);
  return Buffer.from(table.bytesOf(ref).subarray(at, at + table.valueLengthOf(ref))).toString("latin1");
}

/** Every slot holds another element, which is found there with what is beside it, and nothing else is there. */
function check(table: MemberTable, model: Map<string, string | number | null>): void {
  expect(table.size).toBe(model.size);
  for (let slot = 0; slot < table.size; slot++) {
    const ref = table.at(slot);
    const element = elementOf(table, ref);
    const beside = model.get(element);
    if (find(table, element) !== ref || beside === undefined) throw new Error(`slot ${slot}`);
    if (typeof beside === "number" && table.numberOf(ref) !== beside) throw new Error(`number in slot ${slot}`);
    if (typeof beside === "string" && valueText(table, ref) !== beside) throw new Error(`value in slot ${slot}`);
  }
}

test("adds, finds and removes; the last element takes the freed slot", () => {
  const table = newTable("nothing");
  for (const text of ["a", "b", "", "\0\xff"]) add(table, text);
  expect([find(table, "b"), find(table, "\0\xff"), find(table, "")]).toEqual([1, 3, 2].map((slot) => table.at(slot)));
  expect([find(table, "x"), find(table, "\0"), find(table, "aa")]).toEqual([0, 0, 0]);
  expect([remove(table, "a"), remove(table, "a"), table.size]).toEqual([true, false, 3]);
  expect([0, 1, 2].map((slot) => elementOf(table, table.at(slot)))).toEqual(["\0\xff", "b", ""]);
});

test("a random element covers all slots and nothing else", () => {
  const table = newTable("nothing");
  for (let i = 0; i < 4; i++) add(table, String(i));
  const seen = [0, 0.25, 0.5, 0.999999999].map((x) =>
    elementOf(
      table,
      table.randomRef(() => x),
    ),
  );
  expect(seen).toEqual(["0", "1", "2", "3"]);
});

test("numbers of every kind come back as they were", () => {
  const table = newTable("number");
  const ref = add(table, "a");
  expect(table.numberOf(ref)).toBe(0);
  for (const x of [-0, 1 / 3, -1e308, 5e-324, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    table.setNumber(ref, x);
    expect(Object.is(table.numberOf(ref), x)).toBe(true);
  }
});

test("elements and values larger than a chunk", () => {
  const table = newTable("value");
  const long = "k".repeat(300_000);
  const longer = "v".repeat(700_000);
  add(table, long, longer);
  add(table, "short", "s");
  expect(valueText(table, find(table, long)) === longer).toBe(true);
  table.setValue(find(table, long), bytes("now short"), 0, 9);
  table.setValue(find(table, "short"), bytes(longer), 0, longer.length);
  check(table, new Map([[long, "now short"], ["short", longer]])); // biome-ignore format: one line
  expect(remove(table, "short")).toBe(true);
  expect(table.bytes).toBeLessThan(400_000);
});

// Negative controls, each seen red: the last element not put into the freed slot, the chain not relinked when a record moves, the chain that
// a merge joins forgotten, the observer not told.
test.each([
  ["nothing", 300],
  ["number", 300],
  ["value", 300],
  ["value", 20_000],
] as const)("prop: behaves as a Map with %s beside each of %i possible elements", (beside, possible) => {
  const { below, random } = seeded(`member-table ${beside} ${possible}`);
  // What a sorted set's tree does: it keeps references and is told where they go.
  const refs = new Map<number, string>();
  const table = newTable(beside, (from, to) => {
    const element = refs.get(from);
    if (element === undefined || elementOf(table, from) !== element || elementOf(table, to) !== element)
      throw new Error(`a move of ${from} to ${to}`);
    refs.delete(from);
    refs.set(to, element);
  });
  const model = new Map<string, string | number | null>();
  const text = (size: number) => String.fromCharCode(97 + below(26)).repeat(below(size));
  const steps = 60_000;
  for (let step = 0; step < steps; step++) {
    // The number of possible elements changes, so that the table grows and shrinks through every size.
    const element = `k${below(step % (steps / 4) < steps / 8 ? possible : possible / 20)}`;
    const present = model.get(element);
    const ref = find(table, element);
    if ((ref !== 0) !== (present !== undefined)) throw new Error(`find ${element} at ${step}`);
    if (ref !== 0 && refs.get(ref) !== element) throw new Error(`a stale reference of ${element} at ${step}`);
    if (below(5) < 3) {
      const after = beside === "number" ? step / 7 : beside === "value" ? text(step % 100 === 0 ? 5000 : 60) : null;
      model.set(element, after);
      const made = ref === 0 ? add(table, element, typeof after === "string" ? after : "") : ref;
      if (ref === 0) refs.set(made, element);
      if (typeof after === "number") table.setNumber(made, after);
      else if (ref !== 0 && after !== null) table.setValue(ref, bytes(after), 0, after.length);
    } else if (table.size > possible / 2 && below(2) === 0) {
      const chosen = table.randomRef(random);
      model.delete(elementOf(table, chosen));
      refs.delete(chosen);
      table.remove(chosen);
    } else if (ref !== 0) {
      model.delete(element);
      refs.delete(ref);
      table.remove(ref);
    }
    if (step % 5000 === 0) check(table, model);
  }
  expect(refs.size).toBe(table.size);
  for (const element of model.keys()) if (!remove(table, element)) throw new Error(`remove ${element}`);
  expect(table.size).toBe(0);
});

// Negative control: a scan from the lowest slot upwards misses elements.
test("prop: a scan visits every element that is present all the time, whatever else changes", () => {
  const { below } = seeded("member-table scan");
  for (let round = 0; round < 300; round++) {
    const table = newTable("nothing");
    const size = 1 + below(400);
    for (let i = 0; i < size; i++) add(table, `k${i}`);
    const stays = new Set<string>();
    for (let i = 0; i < size; i++) if (below(3) > 0) stays.add(`k${i}`);
    const seen = new Set<string>();
    let cursor = 0;
    let calls = 0;
    do {
      cursor = table.scan(cursor, 1 + below(20), (ref) => seen.add(elementOf(table, ref)));
      for (let n = below(30); n > 0; n--) {
        const element = `k${below(size * 2)}`;
        if (stays.has(element)) continue;
        if (!remove(table, element)) add(table, element);
      }
      if (++calls > 2000) throw new Error("the scan does not end");
    } while (cursor !== 0);
    for (const element of stays) if (!seen.has(element)) throw new Error(`${element} was missed in round ${round}`);
  }
});

test("a scan of nothing ends at once, and a cursor beyond the size begins at the top", () => {
  const table = newTable("nothing");
  expect(table.scan(0, 10, () => expect.unreachable())).toBe(0);
  add(table, "a");
  add(table, "b");
  const seen: string[] = [];
  expect(table.scan(99, 1, (ref) => seen.push(elementOf(table, ref)))).toBe(1);
  expect(table.scan(1, 1, (ref) => seen.push(elementOf(table, ref)))).toBe(0);
  expect(seen).toEqual(["b", "a"]);
});

test("100,000 elements of 20 bytes cost less than 56 bytes each; removing them gives the memory back", () => {
  const table = newTable("nothing");
  const name = (i: number) => `element:${String(i).padStart(12, "0")}`;
  const empty = table.bytes;
  for (let i = 0; i < 100_000; i++) add(table, name(i));
  const full = table.bytes;
  expect(full / 100_000).toBeLessThan(56);
  for (let i = 0; i < 100_000; i++) if (i % 20 !== 0) remove(table, name(i));
  expect(table.bytes).toBeLessThan(full / 2);
  // Adding and removing in turn: what died is used again.
  const { below } = seeded("member-table churn");
  for (let i = 0; i < 200_000; i++) {
    const element = name(below(10_000));
    if (!remove(table, element)) add(table, element);
  }
  expect(table.bytes).toBeLessThan(full / 2);
  for (let i = 0; i < 100_000; i++) remove(table, name(i));
  expect(table.size).toBe(0);
  table.clear();
  expect(table.bytes).toBe(empty);
});

test("a cleared table gives its memory back and can be used again", () => {
  const released: number[] = [];
  const memory = new Memory((buffer) => released.push(buffer.byteLength));
  const table = new MemberTable({ seed: SEED, memory }, "number");
  for (let i = 0; i < 50_000; i++) add(table, `element ${i}`);
  table.clear();
  expect([released.length, memory.releaseSlab(), memory.releaseSlab(), released.length]).toEqual([0, true, false, 1]);
  add(table, "a");
  check(table, new Map([["a", 0]]));
});

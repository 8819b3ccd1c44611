import { expect, test } from "vitest";
import { hashSeed } from "../../src/hash.js";
import { KeyHashes } from "../../src/key-hashes.js";
import { Memory } from "../../src/memory.js";
import type { Beside } from "../../src/types/member-record.js";
import { MemberTable, type MoveObserver } from "../../src/types/member-table.js";
import { seeded } from "./seeded.js";

const SEED = hashSeed(Buffer.from("seed8byt"));

function newTable(beside: Beside, observer: MoveObserver | null = null): MemberTable {
  return new MemberTable({ hashes: new KeyHashes({ seed: SEED }), memory: new Memory(() => {}) }, beside, observer);
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

/** All elements, as they lie in the memory. */
function elementsOf(table: MemberTable): string[] {
  const elements: string[] = [];
  for (let ref = table.after(0); ref !== 0; ref = table.after(ref)) elements.push(elementOf(table, ref));
  return elements;
}

/** Every element of the model is there once, is found there with what is beside it, and nothing else is there. */
function check(table: MemberTable, model: Map<string, string | number | null>): void {
  expect(table.size).toBe(model.size);
  let left = model.size;
  for (let ref = table.after(0); ref !== 0; ref = table.after(ref)) {
    const element = elementOf(table, ref);
    const beside = model.get(element);
    if (find(table, element) !== ref || beside === undefined) throw new Error(`${element} of ${table.size}`);
    if (typeof beside === "number" && table.numberOf(ref) !== beside) throw new Error(`number of ${element}`);
    if (typeof beside === "string" && valueText(table, ref) !== beside) throw new Error(`value of ${element}`);
    left--;
  }
  expect(left).toBe(0);
}

test("adds, finds and removes", () => {
  const table = newTable("nothing");
  for (const text of ["a", "b", "", "\0\xff"]) add(table, text);
  expect(["b", "\0\xff", ""].map((text) => elementOf(table, find(table, text)))).toEqual(["b", "\0\xff", ""]);
  expect([find(table, "x"), find(table, "\0"), find(table, "aa")]).toEqual([0, 0, 0]);
  expect([remove(table, "a"), remove(table, "a"), table.size]).toEqual([true, false, 3]);
  expect(elementsOf(table)).toEqual(["b", "", "\0\xff"]);
});

// The number of times that one comes up has, among so many, a standard deviation of 31 and is normally distributed.
test.each([1, 7, 300, 3000])("random ones of %i elements come up equally often", (size) => {
  const { random } = seeded("member-table random");
  const table = newTable("nothing");
  const counts = new Map<string, number>();
  for (let i = 0; i < size * 2; i++) add(table, String(i));
  // The index has become larger than it needs to be.
  for (let i = size; i < size * 2; i++) remove(table, String(i));
  for (let i = 0; i < size * 1000; i++) {
    const element = elementOf(table, table.randomRef(random));
    counts.set(element, (counts.get(element) ?? 0) + 1);
  }
  expect(counts.size).toBe(size);
  for (const count of counts.values()) {
    // Those behind the sixth of a chain come up a little less often.
    expect(count).toBeGreaterThan(500);
    expect(count).toBeLessThan(1300);
  }
});

test("a poor source of randomness gives elements all the same", () => {
  const table = newTable("nothing");
  add(table, "a");
  for (const x of [0, 0.5, 0.999999999])
    expect(
      elementOf(
        table,
        table.randomRef(() => x),
      ),
    ).toBe("a");
  for (let i = 0; i < 20; i++) add(table, String(i));
  for (const x of [0, 0.5, 0.999999999]) expect(new Set(table.randomRefs(4, () => x)).size).toBe(4);
});

test.each([0, 1, 5, 40, 99, 100])("%i random elements of a hundred are different ones", (count) => {
  const { random } = seeded("member-table several");
  const table = newTable("nothing");
  for (let i = 0; i < 100; i++) add(table, String(i));
  const seen = new Set<string>();
  for (let round = 0; round < 300; round++) {
    const chosen = table.randomRefs(count, random).map((ref) => elementOf(table, ref));
    expect(new Set(chosen).size).toBe(count);
    if (count > 0) seen.add(chosen[0] ?? "");
  }
  // In random order, but for all at once.
  if (count > 0 && count < 100) expect(seen.size).toBeGreaterThan(80);
});

// Control, seen red: elements that are removed one after the other, each with the step that moves others.
test("removing others leaves references valid until the step that moves elements", () => {
  const table = newTable("value");
  for (let i = 0; i < 5000; i++) add(table, `element ${i}`, "v".repeat(50));
  const refs = new Map<string, number>();
  for (let ref = table.after(0); ref !== 0; ref = table.after(ref)) refs.set(elementOf(table, ref), ref);
  for (let i = 0; i < 5000; i++) {
    if (i % 500 === 0) continue;
    const ref = refs.get(`element ${i}`) ?? 0;
    expect(elementOf(table, ref)).toBe(`element ${i}`);
    table.removeOnly(ref);
  }
  const held = table.bytes;
  for (let i = 0; i < 4990; i++) table.tidy();
  expect(table.bytes).toBeLessThan(held);
  expect(elementsOf(table).length).toBe(10);
});

// The lengths at which the form of a record changes.
test.each(["nothing", "number", "value"] as const)("long and short elements with %s beside them", (beside) => {
  const table = newTable(beside);
  const model = new Map<string, string | number | null>();
  for (const len of [0, 1, 2, 505, 511, 512, 513, 70_000]) {
    for (const vlen of beside === "value" ? [0, 1, 65_535, 65_536, 65_537] : [0]) {
      const element = `${vlen}`.padEnd(Math.max(len, 1), String(len)).slice(-len);
      if (model.has(element)) continue;
      const value = "v".repeat(vlen);
      const ref = add(table, element, value);
      if (beside === "number") table.setNumber(ref, len);
      model.set(element, beside === "value" ? value : beside === "number" ? len : null);
    }
  }
  check(table, model);
  if (beside === "value") {
    for (const vlen of [65_535, 65_536, 0, 70_000, 3]) {
      for (const element of model.keys()) {
        table.setValue(find(table, element), bytes("w".repeat(vlen)), 0, vlen);
        model.set(element, "w".repeat(vlen));
      }
      check(table, model);
    }
  }
  for (let i = 0; i < 3000; i++) {
    add(table, `other ${i}`);
    if (i % 3 > 0) remove(table, `other ${i - (i % 3)}`);
  }
  for (const element of model.keys()) expect(remove(table, element)).toBe(true);
});

test("the order of two elements is that of their bytes, wherever they begin", () => {
  const { below } = seeded("member-table order");
  const table = newTable("number");
  const text = () =>
    `${"p".repeat(below(3) === 0 ? 510 + below(4) : below(9))}${"ab"[below(2)]}${"\xff".repeat(below(6))}`;
  const elements = [...new Set(Array.from({ length: 300 }, text))];
  for (const element of elements) add(table, element);
  for (const a of elements) {
    for (const b of elements) {
      const order = Math.sign(Buffer.compare(bytes(a), bytes(b)));
      if (Math.sign(table.order(find(table, a), find(table, b))) !== order) throw new Error(`${a} and ${b}`);
    }
  }
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

// Negative controls, each seen red: the chain not relinked when a record moves, the chain that a merge joins forgotten, the observer not told.
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

// Negative control, seen red: a cursor that counts chains upwards misses elements.
test("prop: a scan visits every element that is present all the time, whatever else changes", () => {
  const { below } = seeded("member-table scan");
  for (let round = 0; round < 300; round++) {
    const table = newTable("nothing");
    const size = 1 + below(400);
    for (let i = 0; i < size; i++) add(table, `k${i}`);
    // In every other round the index shrinks while it is scanned.
    let leaving = round % 2 === 0 ? 0 : size * 8;
    for (let i = 0; i < leaving; i++) add(table, `leaves ${i}`);
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
      for (let n = Math.min(leaving, size); n > 0; n--) remove(table, `leaves ${--leaving}`);
      if (++calls > 2000) throw new Error("the scan does not end");
    } while (cursor !== 0);
    for (const element of stays) if (!seen.has(element)) throw new Error(`${element} was missed in round ${round}`);
  }
});

test("a scan of nothing ends at once, and any cursor leads to the end", () => {
  const table = newTable("nothing");
  expect(table.scan(0, 10, () => expect.unreachable())).toBe(0);
  for (let i = 0; i < 100; i++) add(table, String(i));
  for (let cursor = 99_999_999_999, calls = 0; cursor !== 0; calls++) {
    cursor = table.scan(cursor, 1, () => {});
    expect(calls).toBeLessThan(200);
  }
});

test("100,000 elements of 20 bytes cost less than 40 bytes each; removing them gives the memory back", () => {
  const table = newTable("nothing");
  const name = (i: number) => `element:${String(i).padStart(12, "0")}`;
  const empty = table.bytes;
  for (let i = 0; i < 100_000; i++) add(table, name(i));
  const full = table.bytes;
  expect(full / 100_000).toBeLessThan(40);
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
  const table = new MemberTable({ hashes: new KeyHashes({ seed: SEED }), memory }, "number");
  for (let i = 0; i < 50_000; i++) add(table, `element ${i}`);
  table.clear();
  expect([released.length, memory.releaseSlab(), memory.releaseSlab(), released.length]).toEqual([0, true, false, 1]);
  add(table, "a");
  check(table, new Map([["a", 0]]));
});

import { describe, expect, test } from "vitest";
import { Memory } from "../../src/memory.js";
import { type AnyValue, ByteSink, HashValue, ListValue, SetValue, ZsetValue } from "../../src/types/index.js";
import { ranged, tableHome, textAt } from "./seeded.js";

const HOME = tableHome();
const POOL = new Memory(() => {});
const COUNT = 700;
const text = (i: number) => `\x00\xff${i}`.padEnd(i % 60, "\xe9");

function addScored(zset: ZsetValue, i: number, score: number): void {
  const [buf, off, len] = ranged(text(i));
  zset.add(zset.hashOf(buf, off, len), buf, off, len, score);
}

function filled<T extends AnyValue>(value: T, add: (value: T, i: number) => void): T {
  for (let i = 0; i < COUNT; i++) add(value, i);
  return value;
}

function entries(value: AnyValue): string[] {
  const out: string[] = [];
  if (value instanceof HashValue)
    value.each((b, foff, flen, voff, vlen) => out.push(`${textAt(b, foff, flen)}=${textAt(b, voff, vlen)}`));
  else if (value instanceof SetValue) value.scan(0, COUNT, (...range) => out.push(textAt(...range)));
  else if (value instanceof ListValue) value.iterate(0, value.size, (...range) => out.push(textAt(...range)));
  else if (value instanceof ZsetValue)
    value.iterate(0, value.size, false, (b, off, len, score) =>
      out.push(`${textAt(b, off, len)}@${Object.is(score, -0) ? "-0" : score}`),
    );
  return value instanceof HashValue || value instanceof SetValue ? out.sort() : out;
}

const kinds: { name: string; make: () => AnyValue; fill: () => AnyValue }[] = [
  {
    name: "hash",
    make: () => new HashValue(HOME),
    fill: () => filled(new HashValue(HOME), (hash, i) => hash.set(...ranged(text(i)), ...ranged(text(i * 7)))),
  },
  {
    name: "set",
    make: () => new SetValue(HOME),
    fill: () => filled(new SetValue(HOME), (set, i) => set.add(...ranged(text(i)))),
  },
  {
    name: "list",
    make: () => new ListValue(POOL),
    // Inserted in the middle, so that its blocks are not all full.
    fill: () =>
      filled(new ListValue(POOL), (list, i) => {
        const value = Buffer.from(text(i % 9), "latin1");
        list.insertAt(list.size >> 1, value, 0, value.length);
      }),
  },
  {
    name: "zset",
    make: () => new ZsetValue(HOME),
    fill: () =>
      filled(new ZsetValue(HOME), (zset, i) => addScored(zset, i, i === 0 ? -0 : i % 10 === 1 ? -Infinity : i / 3)),
  },
];

describe.each(kinds)("$name", ({ make, fill }) => {
  test.each([0, 1, 100, 1000, 1_000_000])("is rebuilt from slices of about %i bytes", (maxBytes) => {
    const value = fill();
    const rebuilt = make();
    const sink = new ByteSink(1);
    let cursor = 0;
    let slices = 0;
    do {
      sink.reset();
      sink.str("something before it");
      const at = sink.length;
      cursor = value.encodeSlice(cursor, sink, maxBytes);
      // A slice passes its limit by one element at most; the longest pair here has some 140 bytes.
      expect(sink.length - at).toBeLessThanOrEqual(maxBytes + 150);
      rebuilt.decodeInto(sink.bytes, at, sink.length - at);
      slices++;
    } while (cursor >= 0);
    expect(slices).toBe(maxBytes <= 1 ? COUNT : maxBytes > 100_000 ? 1 : slices);
    expect(entries(rebuilt)).toEqual(entries(value));
    expect(rebuilt.size).toBe(value.size);
    // In another order it may lie denser, or a few bytes less so; a list's blocks are as full as its history made them.
    if (!(value instanceof ListValue)) expect(rebuilt.bytes).toBeLessThan(value.bytes * 1.01);
  });

  test("an empty value is one slice", () => {
    const sink = new ByteSink();
    expect(make().encodeSlice(0, sink, 100)).toBe(-1);
    const rebuilt = make();
    rebuilt.decodeInto(sink.bytes, 0, sink.length);
    expect([sink.length, rebuilt.size]).toEqual([4, 0]);
  });

  test("a slice cut short is refused", () => {
    const sink = new ByteSink();
    fill().encodeSlice(0, sink, 1000);
    expect(() => make().decodeInto(sink.bytes, 0, sink.length - 1)).toThrow(RangeError);
  });
});

/** The bytes of the small form. What stores do with them is tried by prop-keyspace.test.ts. */
import { describe, expect, test } from "vitest";
import { ByteSink } from "../../src/types/byte-sink.js";
import {
  elementBytes,
  elementLength,
  elementStart,
  findElement,
  isInteger,
  nextElement,
  PACKED_HEADER_BYTES,
  PACKED_INTEGERS,
  PACKED_LARGE,
  PACKED_PLAIN,
  PackedLimits,
  packedEnd,
  packedEntries,
  packedRoom,
  packedSlice,
  putElement,
} from "../../src/types/packed.js";
import { TYPE_SET, TYPE_ZSET } from "../../src/types/type-codes.js";
import { valueType } from "../../src/types/value-types.js";

const bytes = (text: string) => Buffer.from(text, "latin1");

test.each([0, 1, 253, 254, 255, 65_535, 65_536, 100_000])("an element of %i bytes", (length) => {
  const element = Buffer.alloc(length, "x");
  const packed = new Uint8Array(length + 10);
  const end = putElement(packed, 3, element, 0, length);
  expect(end - 3).toBe(elementBytes(length));
  expect(elementLength(packed, 3)).toBe(length);
  expect(nextElement(packed, 3)).toBe(end);
  expect(Buffer.from(packed.subarray(elementStart(packed, 3), end)).equals(element)).toBe(true);
});

test.each([
  ["0", true],
  ["-1", true],
  ["9223372036854775807", true],
  ["-9223372036854775808", true],
  ["9223372036854775808", false],
  ["-9223372036854775809", false],
  ["10000000000000000000", false],
  ["-0", false],
  ["01", false],
  ["+1", false],
  ["", false],
  ["-", false],
  ["1a", false],
])("%j is an integer as Redis prints one: %s", (text, expected) => {
  expect(isInteger(bytes(`..${text}.`), 2, text.length)).toBe(expected);
});

function slice(elements: readonly string[]): ByteSink {
  const sink = new ByteSink();
  sink.u32(elements.length);
  for (const element of elements) sink.str(element);
  return sink;
}

function packedSliceOf(type: number, from: ByteSink, limits: PackedLimits): ByteSink | null {
  const out = new ByteSink(1);
  const to = out.room(packedRoom(from.length));
  out.length = valueType(type).pack(limits, from.bytes, 0, from.length, to, 0);
  return out.length < 0 ? null : out;
}

function packed(elements: readonly string[], limits = new PackedLimits()): ByteSink | null {
  return packedSliceOf(TYPE_SET, slice(elements), limits);
}

describe("a set's slice", () => {
  test.each([
    [["1", "-22", "333"], PACKED_INTEGERS],
    [["1", "a", "", "x".repeat(64)], PACKED_PLAIN],
  ])("%j is packed, and read back", (elements, kind) => {
    const out = packed(elements) as ByteSink;
    expect(out.bytes[0]).toBe(kind);
    expect(packedEntries(out.bytes, 0)).toBe(elements.length);
    expect(packedEnd(out.bytes, 0)).toBe(out.length);
    const again = new ByteSink();
    packedSlice(out.bytes, 0, again);
    const expected = slice(elements);
    expect(again.bytes.subarray(0, again.length).equals(expected.bytes.subarray(0, expected.length))).toBe(true);
    for (const element of elements) {
      const p = findElement(out.bytes, 0, 1, bytes(element), 0, element.length);
      expect(elementLength(out.bytes, p)).toBe(element.length);
    }
    expect(findElement(out.bytes, 0, 1, bytes("absent"), 0, 6)).toBe(0);
    expect(findElement(out.bytes, 0, 2, bytes(elements[1] as string), 0, (elements[1] as string).length)).toBe(0);
  });

  test("beyond CONFIG's limits it is large, and beyond ours it is not packed", () => {
    const many = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
    const kind = (elements: readonly string[], limits?: PackedLimits) => packed(elements, limits)?.bytes[0];
    expect(kind(many(512, ""))).toBe(PACKED_INTEGERS);
    expect(kind(many(513, ""))).toBeUndefined();
    expect(kind(many(128, "m"))).toBe(PACKED_PLAIN);
    expect(kind(many(129, "m"))).toBeUndefined();
    expect(kind(["x".repeat(65)])).toBe(PACKED_PLAIN | PACKED_LARGE);
    const { bytes: most } = new PackedLimits();
    const rest = PACKED_HEADER_BYTES + 3;
    expect(kind(["x".repeat(most - rest)])).toBe(PACKED_PLAIN | PACKED_LARGE);
    expect(kind(["x".repeat(most - rest + 1)])).toBeUndefined();
    // Short elements take three bytes more in the slice than packed.
    const even = Math.floor((most - PACKED_HEADER_BYTES) / 128) - 1;
    expect(kind(many(128, "m").map((m) => m.padEnd(even)))).toBe(PACKED_PLAIN | PACKED_LARGE);
    const little = Object.assign(new PackedLimits(), { entries: 3, bytes: 30, setEntries: 2, setIntegers: 2 });
    expect(kind(many(3, ""), little)).toBe(PACKED_PLAIN | PACKED_LARGE);
    expect(kind(many(4, ""), little)).toBeUndefined();
    const unlimited = Object.assign(new PackedLimits(), { setEntries: 1e9, setValueBytes: 1e9 });
    expect(packed(many(1000, "m"), unlimited)).not.toBeNull();
    expect(packed(["x".repeat(200_000)], unlimited)).toBeNull();
    expect(packed(many(70_000, ""), Object.assign(new PackedLimits(), { setIntegers: 1e9 }))).toBeNull();
  });

  test("cut short it is refused", () => {
    const from = slice(["1", "2"]);
    from.length--;
    expect(() => packedSliceOf(TYPE_SET, from, new PackedLimits())).toThrow(RangeError);
  });
});

// The control, seen red: a byte less room.
test("a sorted set's slice has room where it is packed, also where that is longer: with a member of more than 64 KB", () => {
  const limits = Object.assign(new PackedLimits(), { zsetValueBytes: 1e6 });
  for (const bytes of [0, 1, 253, 254, 0xffff, 0x10000, 100_000]) {
    for (const score of [1, 0.5]) {
      const from = new ByteSink();
      from.u32(1);
      from.f64(score);
      from.str("m".repeat(bytes));
      const out = packedSliceOf(TYPE_ZSET, from, limits) as ByteSink;
      expect(out.length).toBeLessThanOrEqual(packedRoom(from.length));
      const again = new ByteSink();
      packedSlice(out.bytes, 0, again);
      expect(again.bytes.subarray(0, again.length).equals(from.bytes.subarray(0, from.length))).toBe(true);
    }
  }
});

import { expect, test } from "vitest";
import { ByteSink, ByteSource } from "../../src/types/byte-sink.js";

const allBytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));

test("reads back what was written, while growing from one byte", () => {
  const sink = new ByteSink(1);
  const doubles = [0, -0, 1.5, -1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324];
  const strings = ["", "a", "\x00\xff\r\n", allBytes, "x".repeat(47), "y".repeat(48), "\xe9".repeat(100_000)];
  sink.u8(255);
  sink.u32(0xffffffff);
  for (const x of doubles) sink.f64(x);
  for (const s of strings) sink.str(s);
  sink.raw(Uint8Array.of(9, 1, 2, 9), 1, 2);

  const source = new ByteSource(sink.bytes, 0, sink.length);
  expect(source.u8()).toBe(255);
  expect(source.u32()).toBe(0xffffffff);
  for (const x of doubles) expect(Object.is(source.f64(), x)).toBe(true);
  for (const s of strings) expect(source.str() === s).toBe(true);
  expect([source.u8(), source.u8(), source.remaining]).toEqual([1, 2, 0]);
});

test("writes little endian, and a count can be set afterwards", () => {
  const sink = new ByteSink();
  sink.u32(0);
  sink.str("ab");
  sink.setU32(0, 0x01020304);
  expect([...sink.bytes.subarray(0, sink.length)]).toEqual([4, 3, 2, 1, 2, 0, 0, 0, 97, 98]);
  sink.reset();
  expect(sink.length).toBe(0);
});

test("reads from a plain Uint8Array inside a larger buffer", () => {
  const whole = new Uint8Array(20);
  whole.set([1, 0, 0, 0, 65], 7);
  const source = new ByteSource(whole.subarray(5), 2, 5);
  expect(source.str()).toBe("A");
});

test("never reads past its end", () => {
  const bytes = Uint8Array.of(3, 0, 0, 0, 65, 66, 67);
  expect(() => new ByteSource(bytes, 0, 6).str()).toThrow(RangeError);
  expect(() => new ByteSource(bytes, 0, 3).u32()).toThrow(RangeError);
  expect(() => new ByteSource(bytes, 0, 7).f64()).toThrow(RangeError);
  expect(() => new ByteSource(bytes, 7, 1).u8()).toThrow(RangeError);
  expect(() => new ByteSource(Uint8Array.of(255, 255, 255, 255, 1)).str()).toThrow(RangeError);
});

/** Bits of byte strings, at every alignment and around the lengths at which other loops begin; beside them the same, bit by bit. */
import { expect, test } from "vitest";
import {
  BIT_AND,
  BIT_ANDOR,
  BIT_DIFF,
  BIT_DIFF1,
  BIT_NOT,
  BIT_ONE,
  BIT_OR,
  BIT_XOR,
  type ByteRange,
  combineBits,
  countBits,
  findBit,
} from "../src/bits.js";
import { Random, seedOf } from "./support/random.js";

const LENGTHS = [
  0, 1, 3, 4, 5, 7, 63, 64, 65, 66, 67, 127, 128, 300, 32_768, 70_003, 131_071, 131_072, 131_077, 140_001,
];

function bitAt(bytes: Uint8Array, at: number): number {
  return (bytes[at >>> 3] >>> (7 - (at & 7))) & 1;
}

/** A part of a larger buffer, of bytes among which runs of 0 and of 255 are many. */
function randomRange(random: Random, len: number): ByteRange {
  const off = random.int(9);
  const buf = new Uint8Array(new ArrayBuffer(off + len + 20), random.int(3), off + len + 10);
  const fill = random.pick([0, 255, -1]);
  for (let i = 0; i < buf.length; i++) buf[i] = fill < 0 ? random.int(256) : fill;
  for (let i = random.int(3); i > 0; i--) buf[random.int(buf.length)] = random.int(256);
  return { buf, off, len };
}

test("prop: bits are counted and found", () => {
  const random = new Random(seedOf("prop-bits"));
  for (let round = 0; round < 400; round++) {
    const { buf, off, len } = randomRange(random, random.pick(LENGTHS));
    const bytes = buf.subarray(off, off + len);
    let count = 0;
    const first = [-1, -1];
    for (let at = 0; at < len * 8; at++) {
      const bit = bitAt(bytes, at);
      count += bit;
      if (first[bit] === -1) first[bit] = at;
    }
    expect([len, countBits(buf, off, len), findBit(buf, off, len, 0), findBit(buf, off, len, 1)]).toEqual([
      len,
      count,
      ...first,
    ]);
  }
});

/** What each operation makes of one bit of each string. */
const OPERATIONS: readonly (readonly [op: number, of: (x: number, ys: readonly number[]) => boolean])[] = [
  [BIT_AND, (x, ys) => x === 1 && !ys.includes(0)],
  [BIT_OR, (x, ys) => x === 1 || ys.includes(1)],
  [BIT_XOR, (x, ys) => [x, ...ys].filter((bit) => bit === 1).length % 2 === 1],
  [BIT_NOT, (x) => x === 0],
  [BIT_DIFF, (x, ys) => x === 1 && !ys.includes(1)],
  [BIT_DIFF1, (x, ys) => x === 0 && ys.includes(1)],
  [BIT_ANDOR, (x, ys) => x === 1 && ys.includes(1)],
  [BIT_ONE, (x, ys) => [x, ...ys].filter((bit) => bit === 1).length === 1],
];

test.each(OPERATIONS)("prop: operation %i combines strings of different lengths", (op, of) => {
  const random = new Random(seedOf(`prop-bit-operation-${op}`));
  for (let round = 0; round < 15; round++) {
    const count = op === BIT_NOT ? 1 : 2 + random.int(3);
    const strings = Array.from({ length: count }, () => randomRange(random, random.pick(LENGTHS)));
    const bytes = strings.map(({ buf, off, len }) => buf.subarray(off, off + len));
    const out = new Uint8Array(Math.max(...bytes.map(({ length }) => length)));
    combineBits(op, strings, out);
    let wrong = 0;
    for (let at = 0; at < out.length * 8; at++) {
      const [x, ...ys] = bytes.map((each) => (at < each.length * 8 ? bitAt(each, at) : 0));
      if (bitAt(out, at) !== (of(x, ys) ? 1 : 0)) wrong++;
    }
    expect(wrong).toBe(0);
  }
});

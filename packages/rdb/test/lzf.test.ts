import { expect, test } from "vitest";
import { RdbError, RdbSource } from "../src/index.js";

/** The string that this compressed one, said to be so long, stands for. */
function expand(compressed: readonly number[], length: number): string {
  const source = new RdbSource(
    Buffer.from([0xc3, compressed.length, 0x80, 0, 0, length >> 8, length & 255, ...compressed]),
  );
  source.string();
  return Buffer.from(source.buf.subarray(source.off, source.off + source.len)).toString("latin1");
}

test("bytes as they are, and those that were there before", () => {
  expect(expand([2, 97, 98, 99], 3)).toBe("abc");
  // From 3 bytes back 4 of them: the last one is one that was just written.
  expect(expand([2, 97, 98, 99, 0x40, 2], 7)).toBe("abcabca");
  // The longest: 264 bytes.
  expect(expand([0, 120, 0xe0, 255, 0], 265)).toBe("x".repeat(265));
});

test.each([
  ["ends within bytes", [5, 97], 6],
  ["ends before the distance", [0, 97, 0x20], 4],
  ["ends before the length", [0, 97, 0xe0], 4],
  ["goes back before the beginning", [0, 97, 0x20, 1], 4],
  ["stands for more than it says", [2, 97, 98, 99], 2],
  ["stands for less than it says", [2, 97, 98, 99], 4],
  ["says what so few bytes cannot stand for", [0, 97], 20000],
  ["is empty, and says that it is not", [], 1],
])("refused: it %s", (_what, compressed, length) => {
  expect(() => expand(compressed as number[], length)).toThrow(RdbError);
});

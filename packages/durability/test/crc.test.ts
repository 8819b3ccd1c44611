import { crc32 as zlibCrc32 } from "node:zlib";
import { expect, test } from "vitest";
import { crc32 } from "../src/crc.js";
import { seededRandom } from "./support.js";

test("equals zlib for every length, start and seed tried, and chains", () => {
  const seed = Date.now() >>> 0;
  console.log(`crc seed ${seed}`);
  const random = seededRandom(seed);
  const bytes = Uint8Array.from({ length: 10_000 }, () => random() * 256);
  for (let i = 0; i < 3000; i++) {
    const start = Math.floor(random() * 20);
    const end = start + Math.floor(random() * (i % 10 === 0 ? 9_000 : 200));
    const from = Math.floor(random() * 2 ** 32);
    expect(crc32(from, bytes, start, end)).toBe(zlibCrc32(bytes.subarray(start, end), from));
    const middle = start + Math.floor(random() * (end - start));
    expect(crc32(crc32(from, bytes, start, middle), bytes, middle, end)).toBe(crc32(from, bytes, start, end));
  }
  expect(crc32(0, Buffer.from("123456789"), 0, 9)).toBe(0xcbf43926);
});

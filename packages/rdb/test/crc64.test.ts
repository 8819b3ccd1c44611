import { expect, test } from "vitest";
import { Crc64 } from "../src/index.js";

function hex(crc: Crc64): string {
  const bytes = Buffer.alloc(8);
  crc.put(bytes, 0);
  return bytes.readBigUInt64LE().toString(16);
}

test("the check value that Redis's own test has", () => {
  const crc = new Crc64();
  crc.add(Buffer.from("123456789"), 0, 9);
  expect(hex(crc)).toBe("e9c6d914c4b8d9ca");
});

test("is the same in whatever pieces it grows, and bit by bit", () => {
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 37) & 255));
  const slow = (length: number) => {
    let crc = 0n;
    for (const byte of bytes.subarray(0, length)) {
      crc ^= BigInt(byte);
      for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
    }
    return crc.toString(16);
  };
  for (const length of [0, 1, 7, 8, 9, 16, 63, 300]) {
    const whole = new Crc64();
    whole.add(bytes, 0, length);
    expect(hex(whole)).toBe(slow(length));
    const pieces = new Crc64();
    for (let at = 0; at < length; at += 5) pieces.add(bytes, at, Math.min(5, length - at));
    expect(hex(pieces)).toBe(slow(length));
  }
});

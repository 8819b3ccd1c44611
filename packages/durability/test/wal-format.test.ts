import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import {
  decodeSegmentHeader,
  ENTRY_HEADER_BYTES,
  ENTRY_OVERHEAD_BYTES,
  encodeSegmentHeader,
  entryWatermark,
  SEGMENT_HEADER_BYTES,
  sealEntry,
} from "../src/wal-format.js";

test("an entry, byte by byte", () => {
  const bytes = new Uint8Array(100);
  bytes.set([0xaa, 0xbb], 3 + ENTRY_HEADER_BYTES);
  const end = sealEntry(bytes, 3, 2, 2 ** 40 + 5, 1_700_000_000_000, 9, 7, 0xffff_fff1);
  expect(end).toBe(3 + 2 + ENTRY_OVERHEAD_BYTES);
  const view = new DataView(bytes.buffer, 3, end - 3);
  expect(view.getUint32(0, true)).toBe(31);
  expect(view.getBigUint64(4, true)).toBe(2n ** 40n + 5n);
  expect(view.getBigUint64(12, true)).toBe(1_700_000_000_000n);
  expect(view.getUint8(20)).toBe(9);
  expect(view.getUint32(21, true)).toBe(7);
  expect([view.getUint8(25), view.getUint8(26)]).toEqual([0xaa, 0xbb]);
  expect(view.getUint32(27, true)).toBe(crc32(bytes.subarray(3, 30), 0xffff_fff1));
  expect(entryWatermark(bytes, 3)).toBe(2 ** 40 - 2);
});

test("a lag beyond 32 bits is saturated: the watermark is then too low, never too high", () => {
  const bytes = new Uint8Array(ENTRY_OVERHEAD_BYTES);
  sealEntry(bytes, 0, 0, 2 ** 34, 0, 1, 2 ** 33, 1);
  expect(entryWatermark(bytes, 0)).toBe(2 ** 34 - (2 ** 32 - 1));
});

test("a segment header survives the round trip, and is refused when short, foreign or changed", () => {
  const header = {
    generation: 0xdeadbeef,
    segmentNumber: 12,
    firstSequence: 2 ** 33,
    createdMs: 1_700_000_000_000,
    syncedSequence: 2 ** 33 - 1,
  };
  const bytes = encodeSegmentHeader(header);
  expect(bytes.length).toBe(SEGMENT_HEADER_BYTES);
  expect(decodeSegmentHeader(bytes)).toEqual({ state: "ok", header: { version: 3, ...header } });
  expect(decodeSegmentHeader(bytes.subarray(0, 40)).state).toBe("bad");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes);
    changed[at]! ^= 0x10;
    expect(decodeSegmentHeader(changed).state).not.toBe("ok");
  }
});

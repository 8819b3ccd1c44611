/**
 * A record of a table of elements (member-table.ts), as it lies in a chunk:
 *
 *   record   [ next:4 | hash:4 | slot:4 | bytes:4 | number:8 or valueBytes:4 | element | value ]      padded to 8
 *
 *   next     reference of the next record in its chain, 0 = end
 *   slot     position in the list of all records, -1 = dead
 */
import type { ByteSink } from "./byte-sink.js";

/** What stands beside each element: nothing, a double, or bytes. */
export type Beside = "nothing" | "number" | "value";

/** Bytes of a record before the element. */
export const HEADER_BYTES: Record<Beside, number> = { nothing: 16, number: 24, value: 20 };

/** Bytes of a record with a header of `head` bytes. */
export function memberRecordBytes(head: number, len: number, vlen: number): number {
  return (head + len + vlen + 7) & ~7;
}

/** Appends the live ones of the records `bytes[off, off + len)`, which have this beside their elements, as a slice of the type that has. Throws RangeError where they are not whole. */
export function putMembers(beside: Beside, bytes: Uint8Array, off: number, len: number, out: ByteSink): void {
  const countAt = out.length;
  out.u32(0);
  const head = HEADER_BYTES[beside];
  const end = off + len;
  let count = 0;
  for (let at = off; at < end; ) {
    const n = word(bytes, at + 12);
    const vlen = beside === "value" ? word(bytes, at + 16) : 0;
    const size = memberRecordBytes(head, n, vlen);
    if (n < 0 || vlen < 0 || at + size > end) throw new RangeError("a record of a table is cut short");
    if (word(bytes, at + 8) >= 0) {
      if (beside === "number") out.raw(bytes, at + 16, 8);
      out.blob(bytes, at + head, n);
      if (beside === "value") out.blob(bytes, at + head + n, vlen);
      count++;
    }
    at += size;
  }
  out.setU32(countAt, count);
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

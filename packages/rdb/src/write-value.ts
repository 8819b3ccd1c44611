/** The pieces of which values are written, into memory that the caller has. source.ts has their picture. */
import { LENGTH_14, LENGTH_32 } from "./source.js";

const LENGTH_6_MAX = 1 << 6;
const LENGTH_14_MAX = 1 << 14;

/** The most bytes that putLength writes. */
export const LENGTH_BYTES_MAX = 5;

/** Writes a length or a number of elements, which is below 2^32; returns the place behind it. */
export function putLength(to: Uint8Array, at: number, length: number): number {
  if (length < LENGTH_6_MAX) {
    to[at] = length;
    return at + 1;
  }
  if (length < LENGTH_14_MAX) {
    to[at] = LENGTH_14 | (length >>> 8);
    to[at + 1] = length;
    return at + 2;
  }
  to[at] = LENGTH_32;
  to[at + 1] = length >>> 24;
  to[at + 2] = length >>> 16;
  to[at + 3] = length >>> 8;
  to[at + 4] = length;
  return at + LENGTH_BYTES_MAX;
}

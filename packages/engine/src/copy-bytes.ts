/** Copying fewer bytes than this by a loop is faster than by TypedArray.set with its subarray. */
const LOOP_COPY_MAX = 100;

/** Copies `len` bytes; short ones without making a view. The two ranges must not overlap. */
export function copyBytes(from: Uint8Array, off: number, to: Uint8Array, at: number, len: number): void {
  if (len < LOOP_COPY_MAX) for (let i = 0; i < len; i++) to[at + i] = from[off + i];
  else to.set(from.subarray(off, off + len), at);
}

/** Order of two byte strings as memcmp: below 0, 0 or above 0. What is longer comes behind its beginning. */
export function compareBytes(
  a: Uint8Array,
  aOff: number,
  aLen: number,
  b: Uint8Array,
  bOff: number,
  bLen: number,
): number {
  const common = Math.min(aLen, bLen);
  for (let i = 0; i < common; i++) {
    const order = a[aOff + i] - b[bOff + i];
    if (order !== 0) return order;
  }
  return aLen - bLen;
}

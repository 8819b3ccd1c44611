/** Copying fewer bytes than this by a loop is faster than by TypedArray.set with its subarray. */
const LOOP_COPY_MAX = 100;

/** Copies `len` bytes; short ones without making a view. The two ranges must not overlap. */
export function copyBytes(from: Uint8Array, off: number, to: Uint8Array, at: number, len: number): void {
  if (len < LOOP_COPY_MAX) for (let i = 0; i < len; i++) to[at + i] = from[off + i];
  else to.set(from.subarray(off, off + len), at);
}

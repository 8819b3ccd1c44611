/**
 * LZF, the compression of strings in RDB files (Marc Lehmann's LibLZF, by its format).
 *
 *   000lllll                          l + 1 bytes follow as they are
 *   lllooooo oooooooo                 l + 2 bytes are those that begin o + 1 bytes before here          l = 1 to 6
 *   111ooooo llllllll oooooooo        the same, l + 9 of them
 */
import { RdbError } from "./errors.js";

/** So many bytes at most come of one that is compressed: three bytes stand for 264. */
const EXPANSION_MAX = 88;

/** Whether `compressed` bytes can be so many: to be asked before memory is taken for them. */
export function mayExpandTo(compressed: number, bytes: number): boolean {
  return bytes <= compressed * EXPANSION_MAX;
}

/**
 * Writes what `len` compressed bytes from `off` on stand for to `out[at, at + outLen)`.
 * @throws RdbError unless they are exactly so many; nothing outside of the two ranges is touched
 */
export function lzfExpand(
  bytes: Uint8Array,
  off: number,
  len: number,
  out: Uint8Array,
  at: number,
  outLen: number,
): void {
  const end = off + len;
  const outEnd = at + outLen;
  let from = off;
  let to = at;
  while (from < end) {
    const control = bytes[from++];
    if (control < 32) {
      const count = control + 1;
      if (count > end - from || count > outEnd - to) throw malformed();
      for (let i = 0; i < count; i++) out[to++] = bytes[from++];
      continue;
    }
    let count = control >>> 5;
    if (count === 7) {
      if (from >= end) throw malformed();
      count += bytes[from++];
    }
    count += 2;
    if (from >= end) throw malformed();
    let source = to - (((control & 31) << 8) | bytes[from++]) - 1;
    if (source < at || count > outEnd - to) throw malformed();
    // Byte by byte: the two may overlap, and then what was just written is repeated.
    for (let i = 0; i < count; i++) out[to++] = out[source++];
  }
  if (to !== outEnd) throw malformed();
}

function malformed(): RdbError {
  return new RdbError("malformed compression");
}

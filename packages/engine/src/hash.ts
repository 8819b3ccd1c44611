/**
 * HalfSipHash-1-3: the keyed 32-bit hash of a key. Keyed with the data directory's random seed, so nobody can choose keys that fall into
 * one bucket. Source: J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF" (2012), the half-width variant of its
 * reference code. The low 8 bits name the shard, the upper 24 the bucket.
 */

/** The seed as two 32-bit words. */
export interface HashSeed {
  readonly k0: number;
  readonly k1: number;
}

/** Reads a seed of 8 bytes. */
export function hashSeed(bytes: Uint8Array): HashSeed {
  if (bytes.length !== 8) throw new RangeError(`a hash seed has 8 bytes, got ${bytes.length}`);
  return { k0: word(bytes, 0), k1: word(bytes, 4) };
}

/** Hash of `buf[off, off+len)`, a signed 32-bit integer. Rounds are written out: a call a round costs more than the round. */
export function hashKey(seed: HashSeed, buf: Uint8Array, off: number, len: number): number {
  let v0 = seed.k0;
  let v1 = seed.k1;
  let v2 = 0x6c796765 ^ v0;
  let v3 = 0x74656462 ^ v1;
  const end = off + len;
  const body = end - (len & 3);
  let m = 0;
  let p = off;
  let rounds = 0;
  for (;;) {
    if (p < body) {
      m = buf[p] | (buf[p + 1] << 8) | (buf[p + 2] << 16) | (buf[p + 3] << 24);
      p += 4;
    } else if (rounds === 0) {
      m = len << 24;
      if (p < end) m |= buf[p];
      if (p + 1 < end) m |= buf[p + 1] << 8;
      if (p + 2 < end) m |= buf[p + 2] << 16;
      rounds = 1;
    } else if (rounds < 4) {
      if (rounds === 1) v2 ^= 0xff;
      m = 0;
      rounds++;
    } else {
      return v1 ^ v3;
    }
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

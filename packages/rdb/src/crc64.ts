/**
 * CRC-64 as Redis has it ("Jones": polynomial 0xad93d23594c935a9, reflected, no inversion), which ends every RDB file and every payload of DUMP.
 * JavaScript has no fast 64-bit integers, so a checksum is a pair of words. Eight bytes go a step, by eight tables of 256 pairs.
 */

/** 0xad93d23594c935a9 with its bits in reverse order. */
const POLYNOMIAL_LOW = 0xac4bc9b5;
const POLYNOMIAL_HIGH = 0x95ac9329;
const TABLES = 8;

/** Table t, byte b: what b does to the checksum when t zero bytes follow it. Lower words, and upper ones. */
const LOW = new Int32Array(TABLES * 256);
const HIGH = new Int32Array(TABLES * 256);

for (let b = 0; b < 256; b++) {
  let low = b;
  let high = 0;
  for (let bit = 0; bit < 8; bit++) {
    const odd = (low & 1) !== 0;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (!odd) continue;
    low ^= POLYNOMIAL_LOW;
    high ^= POLYNOMIAL_HIGH;
  }
  LOW[b] = low;
  HIGH[b] = high;
}
for (let i = 256; i < TABLES * 256; i++) {
  const low = LOW[i - 256];
  const high = HIGH[i - 256];
  LOW[i] = ((low >>> 8) | (high << 24)) ^ LOW[low & 255];
  HIGH[i] = (high >>> 8) ^ HIGH[low & 255];
}

/** A checksum that grows with what is given to it; a new one is that of no bytes. */
export class Crc64 {
  /** Lower and upper 32 bits, as signed numbers. */
  low = 0;
  high = 0;

  /** Adds `len` bytes from `off` on. */
  add(bytes: Uint8Array, off: number, len: number): void {
    let { low, high } = this;
    const end = off + len;
    let at = off;
    for (; at + 8 <= end; at += 8) {
      const a = low ^ (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
      const b = high ^ (bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24));
      const i0 = 1792 | (a & 255);
      const i1 = 1536 | ((a >>> 8) & 255);
      const i2 = 1280 | ((a >>> 16) & 255);
      const i3 = 1024 | (a >>> 24);
      const i4 = 768 | (b & 255);
      const i5 = 512 | ((b >>> 8) & 255);
      const i6 = 256 | ((b >>> 16) & 255);
      const i7 = b >>> 24;
      low = LOW[i0] ^ LOW[i1] ^ LOW[i2] ^ LOW[i3] ^ LOW[i4] ^ LOW[i5] ^ LOW[i6] ^ LOW[i7];
      high = HIGH[i0] ^ HIGH[i1] ^ HIGH[i2] ^ HIGH[i3] ^ HIGH[i4] ^ HIGH[i5] ^ HIGH[i6] ^ HIGH[i7];
    }
    for (; at < end; at++) {
      const i = (low ^ bytes[at]) & 255;
      low = ((low >>> 8) | (high << 24)) ^ LOW[i];
      high = (high >>> 8) ^ HIGH[i];
    }
    this.low = low;
    this.high = high;
  }

  /** Writes the 8 bytes of the checksum, little endian, as they stand in files and payloads. */
  put(bytes: Uint8Array, at: number): void {
    for (let i = 0; i < 4; i++) {
      bytes[at + i] = this.low >>> (8 * i);
      bytes[at + 4 + i] = this.high >>> (8 * i);
    }
  }

  /** Whether these 8 bytes are the checksum. */
  isAt(bytes: Uint8Array, at: number): boolean {
    for (let i = 0; i < 4; i++) {
      if (bytes[at + i] !== ((this.low >>> (8 * i)) & 255)) return false;
      if (bytes[at + 4 + i] !== ((this.high >>> (8 * i)) & 255)) return false;
    }
    return true;
  }
}

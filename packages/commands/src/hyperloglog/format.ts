/**
 * A HyperLogLog as bytes, which are Redis's own: a value moved from one server to the other counts the same, and clients may GET and SET it.
 *
 *   header   [ "HYLL" | encoding:1 | 0:3 | cached cardinality:8 ]      little endian; the cache's highest bit set = out of date
 *   dense    16384 registers of 6 bits, the first in the lowest bits of the first byte: 12288 bytes
 *   sparse   runs of registers with the same value, which cover all 16384:
 *
 *            00xxxxxx             x + 1 registers are 0                ZERO
 *            01xxxxxx yyyyyyyy    x * 256 + y + 1 registers are 0      XZERO
 *            1vvvvvxx             x + 1 registers are v + 1            VAL
 *
 * Values come from clients, so none of this can be relied on: whoever reads a run looks whether it is there and where it ends.
 */

/** Bits of an element's hash that choose its register. */
export const REGISTER_BITS = 14;
export const REGISTERS = 1 << REGISTER_BITS;
export const HEADER_BYTES = 16;
/** Bits of a register in the dense encoding. */
const VALUE_BITS = 6;
const VALUE_MASK = (1 << VALUE_BITS) - 1;
/** All of a dense value. */
export const DENSE_BYTES = HEADER_BYTES + (REGISTERS * VALUE_BITS) / 8;
/** A sparse one cannot be longer: its longest runs have two bytes, and cover at least a register each. */
export const SPARSE_BYTES_MAX = HEADER_BYTES + 2 * REGISTERS;
/** The highest value of a register in the sparse encoding. */
export const SPARSE_VALUE_MAX = 32;

const ENCODING_AT = 4;
export const DENSE = 0;
export const SPARSE = 1;
export const CACHE_AT = 8;
export const CACHE_BYTES = 8;
/** The byte with the bit that says that the cache is out of date. */
export const CACHE_STATE_AT = 15;
export const CACHE_IS_OLD = 0x80;

const MAGIC = [0x48, 0x59, 0x4c, 0x4c] as const;

/** Whether a string is a HyperLogLog, as far as its header and length tell. */
export function isHyperLogLog(buf: Uint8Array, off: number, len: number): boolean {
  if (len < HEADER_BYTES) return false;
  for (let i = 0; i < MAGIC.length; i++) if (buf[off + i] !== MAGIC[i]) return false;
  const encoding = buf[off + ENCODING_AT];
  return encoding === SPARSE || (encoding === DENSE && len === DENSE_BYTES);
}

/** DENSE or SPARSE. */
export function encodingOf(buf: Uint8Array, off: number): number {
  return buf[off + ENCODING_AT];
}

/** Writes a header; the cached cardinality is 0. */
export function putHeader(bytes: Uint8Array, encoding: number): void {
  bytes.fill(0, 0, HEADER_BYTES);
  bytes.set(MAGIC);
  bytes[ENCODING_AT] = encoding;
}

/** A register of a dense value that begins at `off`. */
export function denseRegister(buf: Uint8Array, off: number, index: number): number {
  const bit = index * VALUE_BITS;
  const at = off + HEADER_BYTES + (bit >>> 3);
  // Of the last register all bits are in the last byte: what lies behind it is shifted out.
  return ((buf[at] >>> (bit & 7)) | (buf[at + 1] << (8 - (bit & 7)))) & VALUE_MASK;
}

/** Gives a register of a dense value that begins at 0 a value. */
export function setDenseRegister(bytes: Uint8Array, index: number, value: number): void {
  const bit = index * VALUE_BITS;
  const at = HEADER_BYTES + (bit >>> 3);
  const shift = bit & 7;
  bytes[at] = (bytes[at] & ~(VALUE_MASK << shift)) | (value << shift);
  if (shift <= 8 - VALUE_BITS) return;
  bytes[at + 1] = (bytes[at + 1] & ~(VALUE_MASK >>> (8 - shift))) | (value >>> (8 - shift));
}

/** First byte of a dense value in which a register has bits; it has some in `denseByteCount` bytes. */
export function denseByteOf(index: number): number {
  return HEADER_BYTES + ((index * VALUE_BITS) >>> 3);
}

export function denseByteCount(index: number): number {
  return ((index * VALUE_BITS) & 7) <= 8 - VALUE_BITS ? 1 : 2;
}

/** Adds the registers of a dense value that begins at `off` to a histogram: how many have each value. */
function countDense(buf: Uint8Array, off: number, histogram: Int32Array): void {
  const end = off + DENSE_BYTES;
  // Four registers are three bytes.
  for (let p = off + HEADER_BYTES; p < end; p += 3) {
    const four = buf[p] | (buf[p + 1] << 8) | (buf[p + 2] << 16);
    histogram[four & VALUE_MASK]++;
    histogram[(four >>> VALUE_BITS) & VALUE_MASK]++;
    histogram[(four >>> (2 * VALUE_BITS)) & VALUE_MASK]++;
    histogram[four >>> (3 * VALUE_BITS)]++;
  }
}

/** Adds the registers of a value to a histogram; false where the runs of a sparse one do not cover exactly all registers. */
export function countRegisters(buf: Uint8Array, off: number, len: number, histogram: Int32Array): boolean {
  if (encodingOf(buf, off) === DENSE) {
    countDense(buf, off, histogram);
    return true;
  }
  return eachRun(buf, off, len, (_first, count, value) => {
    histogram[value] += count;
  });
}

/** Raises registers to those of a dense value that begins at `off`, where these are higher. */
export function joinDense(buf: Uint8Array, off: number, registers: Uint8Array): void {
  let p = off + HEADER_BYTES;
  for (let i = 0; i < REGISTERS; i += 4, p += 3) {
    const four = buf[p] | (buf[p + 1] << 8) | (buf[p + 2] << 16);
    const a = four & VALUE_MASK;
    const b = (four >>> VALUE_BITS) & VALUE_MASK;
    const c = (four >>> (2 * VALUE_BITS)) & VALUE_MASK;
    const d = four >>> (3 * VALUE_BITS);
    if (a > registers[i]) registers[i] = a;
    if (b > registers[i + 1]) registers[i + 1] = b;
    if (c > registers[i + 2]) registers[i + 2] = c;
    if (d > registers[i + 3]) registers[i + 3] = d;
  }
}

/** Told of each run of a sparse value: its first register, how many, and their value. */
export type RunVisitor = (first: number, count: number, value: number) => void;

/** Visits the runs of a sparse value; false, somewhere in the middle, where they do not cover exactly all registers. */
export function eachRun(buf: Uint8Array, off: number, len: number, visit: RunVisitor): boolean {
  const end = off + len;
  let first = 0;
  for (let p = off + HEADER_BYTES; p < end; ) {
    const count = runLength(buf, p, end);
    if (count === 0 || first + count > REGISTERS) return false;
    visit(first, count, runValue(buf[p]));
    first += count;
    p += isLongRun(buf[p]) ? 2 : 1;
  }
  return first === REGISTERS;
}

/** Whether a run has two bytes. */
export function isLongRun(byte: number): boolean {
  return (byte & 0xc0) === 0x40;
}

/** How many registers the run at `p` covers; 0 where its second byte is missing. */
export function runLength(buf: Uint8Array, p: number, end: number): number {
  const byte = buf[p];
  if ((byte & 0x80) !== 0) return (byte & 3) + 1;
  if ((byte & 0x40) === 0) return byte + 1;
  return p + 1 < end ? ((byte & 0x3f) << 8) + buf[p + 1] + 1 : 0;
}

/** Value of the registers of a run, of which this is the first byte. */
export function runValue(byte: number): number {
  return (byte & 0x80) === 0 ? 0 : ((byte >>> 2) & 31) + 1;
}

/** A short run of up to 64 zero registers, or of up to four with a value. */
function zeroRun(count: number): number {
  return count - 1;
}

export function valueRun(value: number, count: number): number {
  return 0x80 | ((value - 1) << 2) | (count - 1);
}

/** Longest runs of one byte. */
const ZERO_RUN_MAX = 64;
export const VALUE_RUN_MAX = 4;

/** Writes a run of zero registers; returns the place behind it. */
export function putZeros(bytes: Uint8Array, at: number, count: number): number {
  if (count <= ZERO_RUN_MAX) {
    bytes[at] = zeroRun(count);
    return at + 1;
  }
  bytes[at] = 0x40 | ((count - 1) >>> 8);
  bytes[at + 1] = count - 1;
  return at + 2;
}

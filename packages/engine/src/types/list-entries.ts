import type { ByteSink } from "./byte-sink.js";

/**
 * Elements of a list as bytes that can be walked from both ends:
 *
 *   entry   [ length | bytes | length, mirrored ]
 *
 *   length  up to 253: [ n:1 ]     up to 65535: [ 254:1 | n:2 ]     above: [ 255:1 | n:4 ]     little endian
 *
 * The length behind the bytes has its marker last, so that it is read from the end backwards.
 */
const SHORT_MAX = 253;
const MIDDLE_MAX = 65535;
const MIDDLE = 254;
const LONG = 255;

/** Bytes of the length before or behind an element of `len` bytes. */
export function lengthBytes(len: number): number {
  return len <= SHORT_MAX ? 1 : len <= MIDDLE_MAX ? 3 : 5;
}

/** Bytes of the entry of an element of `len` bytes. */
export function entryBytes(len: number): number {
  return len + 2 * lengthBytes(len);
}

/** Length of the element whose entry begins at `at`. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  return first <= SHORT_MAX ? first : number(bytes, at + 1, first);
}

/** Length of the element whose entry ends before `end`. */
export function lengthBefore(bytes: Uint8Array, end: number): number {
  const last = bytes[end - 1];
  return last <= SHORT_MAX ? last : number(bytes, end - lengthBytes(last === MIDDLE ? MIDDLE : MIDDLE_MAX + 1), last);
}

/** Writes the lengths of an entry that begins at `at`; returns where the element's bytes belong. */
export function putLengths(bytes: Uint8Array, at: number, len: number): number {
  if (len <= SHORT_MAX) {
    bytes[at] = len;
    bytes[at + 1 + len] = len;
    return at + 1;
  }
  const width = lengthBytes(len);
  const marker = width === 3 ? MIDDLE : LONG;
  bytes[at] = marker;
  putNumber(bytes, at + 1, len, width - 1);
  putNumber(bytes, at + width + len, len, width - 1);
  bytes[at + width + len + width - 1] = marker;
  return at + width;
}

/** Appends the entries `bytes[off, off + len)` as a slice: `count:u32, (length:u32, bytes)*`. */
export function putSlice(bytes: Uint8Array, off: number, len: number, out: ByteSink): void {
  const countAt = out.length;
  out.u32(0);
  let count = 0;
  for (let at = off; at < off + len; count++) {
    const n = lengthAt(bytes, at);
    const width = lengthBytes(n);
    out.blob(bytes, at + width, n);
    at += n + 2 * width;
  }
  out.setU32(countAt, count);
}

function number(bytes: Uint8Array, at: number, marker: number): number {
  const low = bytes[at] | (bytes[at + 1] << 8);
  return marker === MIDDLE ? low : (low | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

function putNumber(bytes: Uint8Array, at: number, value: number, width: number): void {
  for (let i = 0; i < width; i++) bytes[at + i] = value >>> (8 * i);
}

/*
 * Little-endian numbers in a Uint8Array, stored byte by byte: no DataView, no allocation. 64-bit numbers are
 * sequences and times; as JavaScript numbers they are exact up to 2^53, which the format allows and checks.
 */
const TWO_32 = 4294967296;

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function putU64(bytes: Uint8Array, at: number, value: number): void {
  putU32(bytes, at, value >>> 0);
  putU32(bytes, at + 4, Math.floor(value / TWO_32));
}

export function getU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** May lie above 2^53 when the bytes are damaged; it then equals no number that was ever written. */
export function getU64(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at + 4) * TWO_32 + getU32(bytes, at);
}

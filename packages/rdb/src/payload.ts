/**
 * What DUMP gives and RESTORE takes: one value, as it would stand in an RDB file.
 *
 *   [ type:1 | value | RDB version:2 | CRC-64 of all before it:8 ]      little endian
 */
import { Crc64 } from "./crc64.js";
import { RdbSource } from "./source.js";

/** The version that is written: the newest that every Redis since 5.0 and every Valkey reads. */
export const RDB_VERSION = 9;
/** Bytes behind the value. */
export const FOOTER_BYTES = 10;
/** The newest version of Redis that is read (8.0), and that of Valkey 9, which has numbers of its own. */
const REDIS_VERSION_MAX = 12;
const VALKEY_VERSION = 80;

/** Writes the footer of a payload that is `bytes[off, at)`. */
export function putFooter(bytes: Uint8Array, off: number, at: number): void {
  bytes[at] = RDB_VERSION;
  bytes[at + 1] = 0;
  const crc = new Crc64();
  crc.add(bytes, off, at + 2 - off);
  crc.put(bytes, at + 2);
}

/** The type byte and value of a payload; null where its footer is not right, or of a version that is not known. */
export function openPayload(bytes: Uint8Array, off: number, len: number): RdbSource | null {
  if (len < FOOTER_BYTES) return null;
  const end = off + len - FOOTER_BYTES;
  const version = bytes[end] | (bytes[end + 1] << 8);
  if (version > REDIS_VERSION_MAX && version !== VALKEY_VERSION) return null;
  const crc = new Crc64();
  crc.add(bytes, off, len - 8);
  return crc.isAt(bytes, end + 2) ? new RdbSource(bytes, off, end - off) : null;
}

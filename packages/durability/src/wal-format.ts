import { getU32, getU64, putU32, putU64 } from "./bytes.js";
import { crc32, crc32Bits } from "./crc.js";

/*
 * Segment:  header | entry | entry | ...                                                     (all little endian)
 *
 * Header (56 bytes):
 *   0        8         12             16           20               28               36          44                52
 *   [Magic:8 | Version:4 | HeaderBytes:4 | Generation:4 | SegmentNumber:8 | FirstSequence:8 | Created:8 | SyncedSequence:8 | CRC32:4]
 *
 * Entry (29 + payload bytes):
 *   0         4            12            20         21            25          25 + N
 *   [Length:4 | Sequence:8 | Timestamp:8 | OpType:1 | SyncedLag:4 | Payload:N | CRC32:4]
 *
 * Length is that of the whole entry. SyncedLag = Sequence - (highest sequence known to be synced when it was written),
 * saturated at 2^32-1: it lets recovery tell damage from a torn tail. The entry's CRC covers everything before it and
 * is seeded with the generation in the segment's header, a random number of the run that wrote it: entries of an
 * older run that reappear in recycled blocks never validate.
 *
 * An entry is valid when 29 <= Length <= MAX_ENTRY_BYTES, it lies wholly in the file, its CRC holds, and its sequence
 * is one more than that of the entry before (the first one: the header's FirstSequence). A proof (proof.ts) stands between
 * entries and is none: it has the sequence of the entry before it. There are proofs since version 2.
 */
export const WAL_MAGIC = "HEARTHWL";
/** Its history: FORMAT.md, at its end. */
export const WAL_VERSION = 3;
export const SEGMENT_HEADER_BYTES = 56;
const HEADER_CRC_AT = 52;

/** Bytes of an entry before its payload, SyncedLag included. */
export const ENTRY_HEADER_BYTES = 25;
/** Bytes of an entry after its payload. */
export const ENTRY_TRAILER_BYTES = 4;
export const ENTRY_OVERHEAD_BYTES = ENTRY_HEADER_BYTES + ENTRY_TRAILER_BYTES;
/** Largest whole entry: 1 GiB - 1, so that a value of 512 MB and its key always fit, and a damaged length is soon seen. */
export const MAX_ENTRY_BYTES = 2 ** 30 - 1;
export const MAX_PAYLOAD_BYTES = MAX_ENTRY_BYTES - ENTRY_OVERHEAD_BYTES;
/** The one OpType that is not the caller's. */
export const OP_PROOF = 255;

const LAG_MAX = 0xffff_ffff;

/** What a segment says about itself. */
export interface SegmentHeader {
  readonly version: number;
  /** Seed of the CRC of its entries; not 0. */
  readonly generation: number;
  /** Counts up by one from segment to segment (an empty one may be replaced under the same or a higher number). */
  readonly segmentNumber: number;
  /** Sequence of its first entry. */
  readonly firstSequence: number;
  readonly createdMs: number;
  /** Highest sequence that was known to be synced when it was created; firstSequence - 1 unless an fsync had failed. */
  readonly syncedSequence: number;
}

/**
 * Writes header and CRC of an entry around a payload that already lies at `start + ENTRY_HEADER_BYTES`. Returns the
 * entry's end. Hot path of the serving thread: byte stores only, nothing allocated. `payloadLength` must not exceed
 * MAX_PAYLOAD_BYTES (the caller knows its limits). `syncedLag` is cut to 32 bits.
 */
export function sealEntry(
  bytes: Uint8Array,
  start: number,
  payloadLength: number,
  sequence: number,
  timestampMs: number,
  opType: number,
  syncedLag: number,
  generation: number,
): number {
  const crcAt = start + ENTRY_HEADER_BYTES + payloadLength;
  putU32(bytes, start, payloadLength + ENTRY_OVERHEAD_BYTES);
  putU64(bytes, start + 4, sequence);
  putU64(bytes, start + 12, timestampMs);
  bytes[start + 20] = opType;
  putU32(bytes, start + 21, Math.min(syncedLag, LAG_MAX));
  putU32(bytes, crcAt, crc32Bits(generation, bytes, start, crcAt));
  return crcAt + ENTRY_TRAILER_BYTES;
}

export function entryLength(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at);
}

export function entrySequence(bytes: Uint8Array, at: number): number {
  return getU64(bytes, at + 4);
}

export function entryTimestamp(bytes: Uint8Array, at: number): number {
  return getU64(bytes, at + 12);
}

export function entryOpType(bytes: Uint8Array, at: number): number {
  return bytes[at + 20]!;
}

/** Sequence of the entry that may stand here: its own, or after a proof the next one. */
export function entryPosition(bytes: Uint8Array, at: number): number {
  return entrySequence(bytes, at) + (entryOpType(bytes, at) === OP_PROOF ? 1 : 0);
}

/** Highest sequence known to be synced when this entry was written; below the truth where the lag was saturated. */
export function entryWatermark(bytes: Uint8Array, at: number): number {
  return Math.max(0, entrySequence(bytes, at) - getU32(bytes, at + 21));
}

export function encodeSegmentHeader(header: Omit<SegmentHeader, "version">): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  for (let i = 0; i < 8; i++) bytes[i] = WAL_MAGIC.charCodeAt(i);
  putU32(bytes, 8, WAL_VERSION);
  putU32(bytes, 12, SEGMENT_HEADER_BYTES);
  putU32(bytes, 16, header.generation);
  putU64(bytes, 20, header.segmentNumber);
  putU64(bytes, 28, header.firstSequence);
  putU64(bytes, 36, header.createdMs);
  putU64(bytes, 44, header.syncedSequence);
  putU32(bytes, HEADER_CRC_AT, crc32(0, bytes, 0, HEADER_CRC_AT));
  return bytes;
}

/** A header, or why there is none: "bad" is damage, "newer" a version that this code does not know. */
export type DecodedHeader =
  | { readonly state: "ok"; readonly header: SegmentHeader }
  | { readonly state: "bad"; readonly expected: string; readonly found: string }
  | { readonly state: "newer"; readonly version: number };

/** Reads a header from the first bytes of a segment (fewer than SEGMENT_HEADER_BYTES are "bad"). */
export function decodeSegmentHeader(bytes: Uint8Array): DecodedHeader {
  if (bytes.length < SEGMENT_HEADER_BYTES) {
    return { state: "bad", expected: `a header of ${SEGMENT_HEADER_BYTES} bytes`, found: `${bytes.length} bytes` };
  }
  const magic = String.fromCharCode(...bytes.subarray(0, 8));
  if (magic !== WAL_MAGIC) return { state: "bad", expected: `magic ${WAL_MAGIC}`, found: JSON.stringify(magic) };
  const crc = crc32(0, bytes, 0, HEADER_CRC_AT);
  const stored = getU32(bytes, HEADER_CRC_AT);
  const version = getU32(bytes, 8);
  if (crc !== stored) {
    // A newer version may have a longer header, whose CRC lies elsewhere: it says so in HeaderBytes.
    if (version > WAL_VERSION && getU32(bytes, 12) !== SEGMENT_HEADER_BYTES) return { state: "newer", version };
    return { state: "bad", expected: `header CRC ${hex(crc)}`, found: hex(stored) };
  }
  if (version > WAL_VERSION) return { state: "newer", version };
  const header: SegmentHeader = {
    version,
    generation: getU32(bytes, 16),
    segmentNumber: getU64(bytes, 20),
    firstSequence: getU64(bytes, 28),
    createdMs: getU64(bytes, 36),
    syncedSequence: getU64(bytes, 44),
  };
  return { state: "ok", header };
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}

import { getU32, getU64, putU32, putU64 } from "./bytes.js";

/*
 * Snapshot:  header | section | section | ... | metadata section                                  (little endian)
 *
 * Header (72 bytes):
 *   0         8           12          20            24               32         40
 *   [Magic:8 | Version:4 | Created:8 | NumShards:4 | TotalEntries:8 | WalPos:8 | SHA256:32]
 *
 * Section (24 bytes + entries):
 *   0           4              8            16        24
 *   [ShardID:4 | EntryCount:4 | Sequence:8 | Bytes:8 | entries]
 *
 * NumShards counts sections, TotalEntries their entries, the metadata section not included. A shard may have several
 * sections (no entry is split between two). Sequence is the section's stamp: it holds the effects of all entries of
 * the log up to it, and of none after it. WalPos is not higher than any stamp. The metadata section comes last: ShardID
 * 0xFFFFFFFF, EntryCount 1, Sequence WalPos, and one BSON document.
 *
 * SHA256 covers all sections in the order of the file, then the 40 header bytes before it. The file ends with the
 * metadata section.
 */
export const SNAPSHOT_MAGIC = "HEARTHSN";
/** Its history: FORMAT.md, at its end. */
export const SNAPSHOT_VERSION = 3;
export const SNAPSHOT_HEADER_BYTES = 72;
export const SNAPSHOT_HASHED_HEADER_BYTES = 40;
export const SHA256_BYTES = 32;
export const SECTION_HEADER_BYTES = 24;
export const METADATA_SECTION_ID = 0xffff_ffff;
/** Largest section: it is read into one buffer. A larger shard is written as several sections. */
export const MAX_SECTION_BYTES = 2 ** 31 - 1;

/** The first 40 bytes of a snapshot. */
export interface SnapshotHeader {
  readonly version: number;
  readonly createdMs: number;
  /** Number of sections, that of the metadata not counted. */
  readonly sectionCount: number;
  readonly totalEntries: number;
  /** Every entry of the log up to it is contained; replay starts after it. */
  readonly walPos: number;
}

/** The 24 bytes before a section's entries. */
export interface SectionHeader {
  readonly id: number;
  readonly entryCount: number;
  /** The stamp. */
  readonly sequence: number;
  readonly bytes: number;
}

export function encodeSnapshotHeader(header: Omit<SnapshotHeader, "version">): Uint8Array {
  const bytes = new Uint8Array(SNAPSHOT_HASHED_HEADER_BYTES);
  for (let i = 0; i < 8; i++) bytes[i] = SNAPSHOT_MAGIC.charCodeAt(i);
  putU32(bytes, 8, SNAPSHOT_VERSION);
  putU64(bytes, 12, header.createdMs);
  putU32(bytes, 20, header.sectionCount);
  putU64(bytes, 24, header.totalEntries);
  putU64(bytes, 32, header.walPos);
  return bytes;
}

/** Null where the magic is not that of a snapshot. The version is not judged. */
export function decodeSnapshotHeader(bytes: Uint8Array): SnapshotHeader | null {
  for (let i = 0; i < 8; i++) if (bytes[i] !== SNAPSHOT_MAGIC.charCodeAt(i)) return null;
  return {
    version: getU32(bytes, 8),
    createdMs: getU64(bytes, 12),
    sectionCount: getU32(bytes, 20),
    totalEntries: getU64(bytes, 24),
    walPos: getU64(bytes, 32),
  };
}

export function encodeSectionHeader(section: SectionHeader): Uint8Array {
  const bytes = new Uint8Array(SECTION_HEADER_BYTES);
  putU32(bytes, 0, section.id);
  putU32(bytes, 4, section.entryCount);
  putU64(bytes, 8, section.sequence);
  putU64(bytes, 16, section.bytes);
  return bytes;
}

export function decodeSectionHeader(bytes: Uint8Array, at: number): SectionHeader {
  return {
    id: getU32(bytes, at),
    entryCount: getU32(bytes, at + 4),
    sequence: getU64(bytes, at + 8),
    bytes: getU64(bytes, at + 16),
  };
}

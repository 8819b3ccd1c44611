import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Document, deserialize } from "bson";
import { type Directory, openToRead, readFully, sizeOf } from "./disk.js";
import { StorageError } from "./errors.js";
import {
  decodeSectionHeader,
  decodeSnapshotHeader,
  MAX_SECTION_BYTES,
  METADATA_SECTION_ID,
  SECTION_HEADER_BYTES,
  type SectionHeader,
  SHA256_BYTES,
  SNAPSHOT_HASHED_HEADER_BYTES,
  SNAPSHOT_HEADER_BYTES,
  SNAPSHOT_VERSION,
  type SnapshotHeader,
} from "./snapshot-format.js";

/** Bytes hashed in one step of verification: 3-4 ms. */
const STEP_BYTES = 4 * 1024 * 1024;

/** A section and where its entries lie in the file. */
export interface SnapshotSection extends SectionHeader {
  readonly offset: number;
}

/** A snapshot whose structure holds: what its sections contain may still be damaged. Plain data: it may cross threads. */
export interface SnapshotLayout {
  readonly name: string;
  readonly header: SnapshotHeader;
  /** Those of shards, in the order of the file. */
  readonly sections: readonly SnapshotSection[];
  readonly metadata: SnapshotSection;
  /** Highest sequence whose effects it may hold: the log must reach at least this far. */
  readonly highestStamp: number;
  readonly fileBytes: number;
}

/** A snapshot whose SHA-256 holds, too. */
export interface VerifiedSnapshot extends SnapshotLayout {
  readonly verified: true;
}

/** Checks structure and SHA-256 of a whole snapshot. Throws StorageError corrupt-snapshot, newer-format, io. */
export function verifySnapshot(dir: Directory, name: string): VerifiedSnapshot {
  const steps = verification(dir, name);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in steps of some milliseconds, so that a thread with other duties can do them in between. */
export async function verifySnapshotAsync(dir: Directory, name: string): Promise<VerifiedSnapshot> {
  const steps = verification(dir, name);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await nextTurn();
  }
}

/** Checks the structure alone. Throws as verifySnapshot does. */
export function readSnapshotLayout(dir: Directory, name: string): SnapshotLayout {
  const fd = openToRead(dir, name);
  try {
    return layout(dir, fd, name).layout;
  } finally {
    dir.close(fd);
  }
}

/** Only the header, unchecked but for its magic and version: to decide what to keep. */
export function readSnapshotHeader(dir: Directory, name: string): SnapshotHeader {
  const fd = openToRead(dir, name);
  try {
    return header(dir, fd, name).header;
  } finally {
    dir.close(fd);
  }
}

/** Reads the metadata document. */
export function readMetadata(dir: Directory, snapshot: SnapshotLayout): Document {
  const fd = openToRead(dir, snapshot.name);
  try {
    const bytes = new Uint8Array(snapshot.metadata.bytes);
    readSection(dir, fd, snapshot, snapshot.metadata, bytes);
    return deserialize(bytes);
  } finally {
    dir.close(fd);
  }
}

/** Every section with its bytes, in the order of the file. The bytes (the first `section.bytes` of them) are valid until the next one. */
export function* readSections(
  dir: Directory,
  snapshot: SnapshotLayout,
): Generator<readonly [section: SnapshotSection, bytes: Uint8Array]> {
  const fd = openToRead(dir, snapshot.name);
  try {
    let buffer = new Uint8Array(0);
    for (const section of snapshot.sections) {
      if (buffer.length < section.bytes) buffer = new Uint8Array(Math.max(section.bytes, 2 * buffer.length));
      readSection(dir, fd, snapshot, section, buffer);
      yield [section, buffer];
    }
  } finally {
    dir.close(fd);
  }
}

function readSection(
  dir: Directory,
  fd: number,
  snapshot: SnapshotLayout,
  section: SnapshotSection,
  into: Uint8Array,
): void {
  const count = readFully(dir, fd, snapshot.name, into, 0, section.bytes, section.offset);
  if (count < section.bytes) {
    throw damaged(snapshot.name, section.offset + count, "the bytes of a section", "the end of the file");
  }
}

function* verification(dir: Directory, name: string): Generator<number, VerifiedSnapshot> {
  const fd = openToRead(dir, name);
  try {
    const { layout: found, header: bytes } = layout(dir, fd, name);
    const { fileBytes } = found;
    const hash = createHash("sha256");
    const window = new Uint8Array(Math.min(STEP_BYTES, fileBytes));
    for (let at = SNAPSHOT_HEADER_BYTES; at < fileBytes; at += STEP_BYTES) {
      const count = readFully(dir, fd, name, window, 0, Math.min(STEP_BYTES, fileBytes - at), at);
      hash.update(window.subarray(0, count));
      yield at / fileBytes;
    }
    const digest = hash.update(bytes.subarray(0, SNAPSHOT_HASHED_HEADER_BYTES)).digest("hex");
    const stored = Buffer.from(bytes.subarray(SNAPSHOT_HASHED_HEADER_BYTES, SNAPSHOT_HEADER_BYTES)).toString("hex");
    if (digest !== stored) {
      throw damaged(name, SNAPSHOT_HASHED_HEADER_BYTES, `SHA-256 ${digest}`, stored);
    }
    return { ...found, verified: true };
  } finally {
    dir.close(fd);
  }
}

/** The layout, and the header's bytes. */
function layout(dir: Directory, fd: number, name: string): { layout: SnapshotLayout; header: Uint8Array } {
  const fileBytes = sizeOf(dir, name);
  const { header: found, bytes } = header(dir, fd, name);
  const all = sections(dir, fd, name, fileBytes);
  const metadata = all.pop();
  if (metadata?.id !== METADATA_SECTION_ID) throw damaged(name, 0, "a metadata section at the end", "none");
  checkTotals(name, found, all);
  const highestStamp = all.reduce((highest, section) => Math.max(highest, section.sequence), found.walPos);
  return { layout: { name, header: found, sections: all, metadata, highestStamp, fileBytes }, header: bytes };
}

function header(dir: Directory, fd: number, name: string): { header: SnapshotHeader; bytes: Uint8Array } {
  const bytes = new Uint8Array(SNAPSHOT_HASHED_HEADER_BYTES + SHA256_BYTES);
  const count = readFully(dir, fd, name, bytes, 0, bytes.length, 0);
  if (count < bytes.length) throw damaged(name, count, `a header of ${bytes.length} bytes`, `${count} bytes`);
  const found = decodeSnapshotHeader(bytes);
  if (found === null) throw damaged(name, 0, "the magic of a snapshot", "other bytes");
  if (found.version > SNAPSHOT_VERSION) {
    throw new StorageError("newer-format", "the snapshot was written by a newer version", {
      file: name,
      expected: `version ${SNAPSHOT_VERSION} or lower`,
      found: `version ${found.version}`,
      hint: "Start a newer HearthKV, or move the file away to use the snapshot before it",
    });
  }
  return { header: found, bytes };
}

function sections(dir: Directory, fd: number, name: string, fileBytes: number): SnapshotSection[] {
  const all: SnapshotSection[] = [];
  const bytes = new Uint8Array(SECTION_HEADER_BYTES);
  let at = SNAPSHOT_HEADER_BYTES;
  while (at < fileBytes) {
    const count = readFully(dir, fd, name, bytes, 0, SECTION_HEADER_BYTES, at);
    if (count < SECTION_HEADER_BYTES) throw damaged(name, at, "a section header", `${count} bytes`);
    const section = { ...decodeSectionHeader(bytes, 0), offset: at + SECTION_HEADER_BYTES };
    if (section.bytes > MAX_SECTION_BYTES || section.offset + section.bytes > fileBytes) {
      throw damaged(name, at, "a section inside the file", `a section of ${section.bytes} bytes`);
    }
    all.push(section);
    at = section.offset + section.bytes;
  }
  return all;
}

function checkTotals(name: string, found: SnapshotHeader, shards: readonly SnapshotSection[]): void {
  const entries = shards.reduce((sum, section) => sum + section.entryCount, 0);
  if (shards.length !== found.sectionCount || entries !== found.totalEntries || found.version === 0) {
    const expected = `version 1 or more, ${found.sectionCount} sections, ${found.totalEntries} entries`;
    throw damaged(name, 0, expected, `version ${found.version}, ${shards.length} sections, ${entries} entries`);
  }
  for (const section of shards) {
    if (section.sequence < found.walPos) throw damaged(name, section.offset, "stamps from WalPos on", "a lower stamp");
  }
}

function damaged(file: string, offset: number, expected: string, found: string): StorageError {
  return new StorageError("corrupt-snapshot", "the snapshot is damaged", { file, offset, expected, found });
}

import { putU32 } from "./bytes.js";
import { crc32 } from "./crc.js";
import type { Directory } from "./disk.js";
import { ioError, StorageError } from "./errors.js";
import { pruneSegments, pruneSnapshots } from "./prune.js";
import { MAX_SECTION_BYTES } from "./snapshot-format.js";
import { type PublishedSnapshot, SnapshotWriter } from "./snapshot-writer.js";

/*
 * A checkpoint is a snapshot of a whole state: all its sections have the same stamp. The order that makes publishing one safe:
 *
 *   1. snapshot-{timestamp}.tmp: the state, then a new segment for the log (which it must have anyway after a failed sync)
 *   2. durable checkpoint: fdatasync of the file; the log synced up to the stamp; the file read again and its SHA-256 compared
 *   3. durable marker: rename to .snap, fsync of the directory
 *   4. only then truncation: older checkpoints but those that are kept, then the segments that no kept one needs
 *
 * The name is the marker. It is there or not, as one operation of the file system, and recovery asks for nothing else: a power loss before 3
 * leaves the checkpoint before and the log since then; one after it leaves two that are both whole, with the log since the older. An
 * entry of the log as the marker would be a second truth, which may be there without the file (its rename is not durable yet) or be lost
 * with a torn tail while the file is there; each reader would have to decide between them, and no crash is survived that is not now.
 *
 * The content depends on the parts and the stamp alone: Created in the header, and with it the SHA-256, is all that time changes.
 *
 * A section holds parts: [Length:4 | bytes] each. The metadata is {format, parts, crc32}: of all bytes of all sections, in their order.
 * The SHA-256 is checked before anything is delivered; the CRC, against what is delivered.
 */
export const CHECKPOINT_FORMAT = "state";
export const PART_HEADER_BYTES = 4;
const SECTION_BYTES = 1024 * 1024;

/** What was published, and what became of the files that it made superfluous. */
export interface PublishedCheckpoint extends PublishedSnapshot {
  readonly removed: readonly string[];
  /** Why others could not be removed; the next checkpoint tries again. Null where all are gone. */
  readonly truncationError: StorageError | null;
}

/** What publishing asks of the log. Each may throw; `published` is called as soon as the checkpoint is durable. */
export interface CheckpointedLog {
  readonly beginSegment: () => Promise<void>;
  readonly syncUpTo: (sequence: number) => Promise<void>;
  readonly published: (stamp: number) => void;
}

/** The order above. Throws StorageError io, poisoned, too-large. */
export async function publishCheckpoint(
  dir: Directory,
  nowMs: number,
  stamp: number,
  parts: Iterable<Uint8Array>,
  keep: number,
  log: CheckpointedLog,
): Promise<PublishedCheckpoint> {
  const writer = SnapshotWriter.create(dir, nowMs);
  try {
    writeState(writer, stamp, parts);
    await log.beginSegment();
  } catch (error) {
    writer.abort();
    throw error;
  }
  const published = await writer.publish(log.syncUpTo);
  log.published(stamp);
  return { ...published, ...truncate(dir, keep) };
}

/** The checkpoint stands, whatever happens here. */
function truncate(dir: Directory, keep: number): Pick<PublishedCheckpoint, "removed" | "truncationError"> {
  const removed: string[] = [];
  try {
    const { removed: snapshots, oldestKeptWalPos } = pruneSnapshots(dir, keep);
    removed.push(...snapshots);
    removed.push(...pruneSegments(dir, oldestKeptWalPos));
    return { removed, truncationError: null };
  } catch (error) {
    return { removed, truncationError: ioError("cannot remove what is superfluous", "the data directory", error) };
  }
}

function writeState(writer: SnapshotWriter, stamp: number, parts: Iterable<Uint8Array>): void {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let sections = 0;
  let count = 0;
  let crc = 0;
  const endSection = () => {
    if (chunks.length > 0) writer.addSection(sections++, stamp, chunks.length / 2, chunks);
    chunks = [];
    bytes = 0;
  };
  for (const part of parts) {
    const header = partHeader(part);
    if (bytes + header.length + part.length > SECTION_BYTES) endSection();
    chunks.push(header, part);
    bytes += header.length + part.length;
    count++;
    crc = crc32(crc32(crc, header, 0, header.length), part, 0, part.length);
  }
  endSection();
  writer.finish({ format: CHECKPOINT_FORMAT, parts: count, crc32: crc }, stamp);
}

function partHeader(part: Uint8Array): Uint8Array {
  const most = MAX_SECTION_BYTES - PART_HEADER_BYTES;
  if (part.length > most) {
    throw new StorageError("too-large", `a part of ${part.length} bytes`, { expected: `at most ${most} bytes` });
  }
  const header = new Uint8Array(PART_HEADER_BYTES);
  putU32(header, 0, part.length);
  return header;
}

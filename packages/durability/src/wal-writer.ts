import type { Directory } from "./disk.js";
import { ioError } from "./errors.js";
import { nextRotatedTimestamp, rotatedName, WAL_CURRENT, WAL_NEXT } from "./file-names.js";
import { createSegment, SegmentFile } from "./segment-file.js";
import { SEGMENT_HEADER_BYTES } from "./wal-format.js";

/*
 * The segment being written. The order that makes a new one safe (nothing in it may be acknowledged before its end):
 *
 *   1. the old segment is fdatasynced (rotation only; after a failed fsync it never is again, and the new header says so)
 *   2. wal-next.tmp: header written, fdatasync
 *   3. wal-current.log -> wal-{timestamp}.log, fsync directory   (a current one without entries is replaced instead)
 *   4. wal-next.tmp -> wal-current.log, fsync directory
 *
 * The directory is synced between 3 and 4 because a file system may make renames durable in another order than they
 * were made: the second alone would replace the old segment. It is so in any case: the rename of 3 may stem from an
 * attempt that failed at its sync.
 */
export const WAL_MAX_BYTES_DEFAULT = 2 ** 30;

export interface WalWriterOptions {
  /** Of this run, from `newGeneration()`. */
  readonly generation: number;
  /** Sequence of the next entry. */
  readonly firstSequence: number;
  readonly segmentNumber: number;
  /** Size from which `full` is true. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Clock in milliseconds. Default Date.now. */
  readonly now?: () => number;
  /** Highest sequence known to be durable. Default firstSequence - 1; lower only when an fsync had failed. */
  readonly syncedSequence?: number;
}

/**
 * The log's current segment. Not thread-safe by itself; another thread may append to `fd`, and sync it, as long as it tells this one by
 * `noteExternalBytes` and `poison`, and rotation is agreed between them. Once it is `poisoned` only `truncate`, `rotate` and `close` may follow.
 */
export class WalWriter extends SegmentFile {
  segmentNumber: number;
  /** Sequence of the first entry of this segment. */
  firstSequence: number;
  readonly generation: number;
  readonly maxBytes: number;
  readonly #now: () => number;
  /** No segment gets a lower name: a power loss may bring back those that were removed, and names give the order. */
  #nextTimestamp = 0;

  /** Starts a new segment in the safe order. Errors: StorageError io; the directory is then as before or one step on, and create may be tried again. */
  static create(dir: Directory, options: WalWriterOptions): WalWriter {
    const writer = new WalWriter(dir, options);
    writer.fd = writer.#openSegment(options.segmentNumber, options.firstSequence, options.syncedSequence);
    return writer;
  }

  /** For a disk that has no room for a segment yet: as one that is poisoned, nothing can be written to it before `rotate` has made the segment. */
  static createLater(dir: Directory, options: WalWriterOptions): WalWriter {
    const writer = new WalWriter(dir, { ...options, segmentNumber: options.segmentNumber - 1 });
    writer.poisoned = true;
    return writer;
  }

  private constructor(dir: Directory, options: WalWriterOptions) {
    super(dir, WAL_CURRENT, -1, SEGMENT_HEADER_BYTES);
    this.#now = options.now ?? Date.now;
    this.generation = options.generation;
    this.maxBytes = options.maxBytes ?? WAL_MAX_BYTES_DEFAULT;
    this.firstSequence = options.firstSequence;
    this.segmentNumber = options.segmentNumber;
  }

  /** Time to rotate. */
  get full(): boolean {
    return this.bytes >= this.maxBytes;
  }

  /**
   * Syncs this segment and starts the next one, whose first entry will be `nextSequence`. When the sync fails: throws,
   * and the segment is poisoned. A poisoned segment is left unsynced: then `syncedSequence`, the highest sequence that is
   * durable, must be given; and again at every rotation until the snapshot is published that makes the poisoned segment
   * superfluous. When the new segment cannot be made StorageError io is thrown and rotate may be tried again; this one
   * stays in use, unless `poisoned` is true: the new one may already stand on the disk.
   */
  rotate(nextSequence: number, syncedSequence?: number): void {
    if (this.syncing) throw new Error("rotate while a sync is under way");
    if (!this.poisoned) {
      this.cutProof();
      this.sync();
    } else if (syncedSequence === undefined) {
      throw new Error("rotate of a poisoned segment needs syncedSequence");
    }
    const old = this.fd;
    this.fd = this.#openSegment(this.segmentNumber + 1, nextSequence, syncedSequence);
    this.bytes = SEGMENT_HEADER_BYTES;
    this.cutTo = -1;
    this.segmentNumber++;
    this.firstSequence = nextSequence;
    this.poisoned = false;
    if (old >= 0) this.dir.close(old);
  }

  #openSegment(segmentNumber: number, firstSequence: number, syncedSequence = firstSequence - 1): number {
    const { dir, generation } = this;
    const createdMs = this.#now();
    let fd = -1;
    let replaced = false;
    try {
      const header = { generation, segmentNumber, firstSequence, createdMs, syncedSequence };
      fd = createSegment(dir, WAL_NEXT, header);
      this.#nextTimestamp = nextRotatedTimestamp(dir.list(), Math.max(createdMs, this.#nextTimestamp));
      if (hasEntries(dir)) dir.rename(WAL_CURRENT, rotatedName(this.#nextTimestamp++));
      dir.syncDirectory();
      dir.rename(WAL_NEXT, WAL_CURRENT);
      replaced = true;
      dir.syncDirectory();
      return fd;
    } catch (error) {
      if (fd >= 0) dir.close(fd);
      if (replaced) this.poisoned = true;
      throw ioError("cannot start a new segment", WAL_NEXT, error);
    }
  }
}

/** A current segment that ends inside its header is damage, for a human to look at: it is kept, too. */
function hasEntries(dir: Directory): boolean {
  return dir.exists(WAL_CURRENT) && dir.size(WAL_CURRENT) !== SEGMENT_HEADER_BYTES;
}

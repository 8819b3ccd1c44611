import { type Directory, removeIfThere, writeFully } from "./disk.js";
import { ioError, StorageError } from "./errors.js";
import { encodeProof } from "./proof.js";
import { encodeSegmentHeader, type SegmentHeader } from "./wal-format.js";

/**
 * A file of sealed entries that is being appended to. Not thread-safe by itself; another thread may append to `fd`, and sync it, as long as it tells
 * this one by `noteExternalBytes` and `poison`.
 */
export class SegmentFile {
  /** Opened for appending. */
  fd: number;
  /** Length of the file. */
  bytes: number;
  /** An fdatasync failed: what the disk holds is unknown from then on. Nothing is written to it or synced again. */
  poisoned = false;
  protected readonly dir: Directory;
  readonly #name: string;
  /** Where a part of a proof begins that the disk did not take whole; -1 = there is none. */
  protected cutTo = -1;
  #syncing = false;

  /** `fd`: of a file that `createSegment` has made, or -1 where the descriptor follows. */
  constructor(dir: Directory, name: string, fd: number, bytes: number) {
    this.dir = dir;
    this.#name = name;
    this.fd = fd;
    this.bytes = bytes;
  }

  /** An asynchronous sync is under way: `close` must wait for it. */
  get syncing(): boolean {
    return this.#syncing;
  }

  /** A part of a proof stands at the end: nobody else may write to the file before `write` or `cutProof` has cut it. */
  get endsInProof(): boolean {
    return this.cutTo >= 0;
  }

  /**
   * Appends all of `buffer[off, off + len)`, going on after short writes. On an error throws StorageError io with
   * `bytesWritten`: the caller retries the rest, or cuts back with `truncate`. Throws StorageError poisoned.
   */
  write(buffer: Uint8Array, off: number, len: number): void {
    this.#refusePoisoned();
    this.cutProof();
    try {
      writeFully(this.dir, this.fd, this.#name, buffer, off, len);
      this.bytes += len;
    } catch (error) {
      if (error instanceof StorageError) this.bytes += error.bytesWritten ?? 0;
      throw error;
    }
  }

  /**
   * Appends a proof that everything up to `synced` is durable; `sequence` is that of the last entry in the file, which must end with it. A sync of the
   * caller's follows. False where it cannot be written: the file is then as before, unless `endsInProof`.
   */
  prove(sequence: number, synced: number, timestampMs: number, generation: number): boolean {
    const before = this.bytes;
    const bytes = encodeProof(before, sequence, synced, timestampMs, generation);
    try {
      this.write(bytes, 0, bytes.length);
      return true;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (this.bytes > before) this.cutTo = before;
    }
    try {
      this.cutProof();
    } catch {
      // The next write tries it again, and tells its caller.
    }
    return false;
  }

  /** Cuts what stands there of a proof. Throws StorageError io. */
  cutProof(): void {
    if (this.cutTo < 0) return;
    this.truncate(this.cutTo);
    this.cutTo = -1;
  }

  /** Another thread appended `count` bytes through the same descriptor. */
  noteExternalBytes(count: number): void {
    this.bytes += count;
  }

  /** Cuts the file back to `length` bytes, the end of its last whole entry, after a write that failed for good. */
  truncate(length: number): void {
    try {
      this.dir.truncate(this.fd, length);
      this.bytes = length;
    } catch (error) {
      throw ioError("truncate failed", this.#name, error);
    }
  }

  /** fdatasync. When it fails the segment is poisoned and StorageError io is thrown; afterwards StorageError poisoned. */
  sync(): void {
    this.#refusePoisoned();
    try {
      this.dir.fdatasync(this.fd);
    } catch (error) {
      throw this.poison(error);
    }
  }

  /** As `sync`, in another thread: bytes written before the call are durable when it resolves. One at a time. */
  async syncAsync(): Promise<void> {
    this.#refusePoisoned();
    if (this.#syncing) throw new Error("a sync is under way");
    this.#syncing = true;
    try {
      await this.dir.fdatasyncAsync(this.fd);
    } catch (error) {
      throw this.poison(error);
    } finally {
      this.#syncing = false;
    }
  }

  /** An fdatasync of `fd` failed with this error, also one in another thread: what else is told of it. */
  poison(error: unknown): StorageError {
    this.poisoned = true;
    return ioError("fdatasync failed", this.#name, error);
  }

  /** Closes the descriptor; does not sync. */
  close(): void {
    if (this.#syncing) throw new Error("close while a sync is under way");
    if (this.fd >= 0) this.dir.close(this.fd);
  }

  #refusePoisoned(): void {
    if (!this.poisoned) return;
    throw new StorageError("poisoned", "an earlier fdatasync of this segment failed", {
      file: this.#name,
      hint: "A new segment and a fresh snapshot are needed",
    });
  }
}

/** Makes a file that holds a header and nothing else, durable but for its name. Returns its descriptor. Errors are those of the directory. */
export function createSegment(dir: Directory, name: string, header: Omit<SegmentHeader, "version">): number {
  const bytes = encodeSegmentHeader(header);
  removeIfThere(dir, name);
  const fd = dir.open(name, "append");
  try {
    writeFully(dir, fd, name, bytes, 0, bytes.length);
    dir.fdatasync(fd);
    return fd;
  } catch (error) {
    dir.close(fd);
    throw error;
  }
}

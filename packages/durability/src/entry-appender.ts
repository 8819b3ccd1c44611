import { StorageError } from "./errors.js";
import type { SegmentFile } from "./segment-file.js";
import { ENTRY_HEADER_BYTES, ENTRY_OVERHEAD_BYTES, entryLength, entrySequence, sealEntry } from "./wal-format.js";

/*
 * Entries on their way into a segment: sealed in memory, then written in one go.
 *
 * When a write fails, what is in the file as whole entries stays there and counts as written. The rest can be tried again, going on in
 * the middle of an entry; or it can be dropped, and then the torn part of an entry is cut from the file before anything else is written.
 * A whole entry is never cut: a power loss may bring it back behind the next one that is written in its place, and it would be valid.
 */
const FIRST_STAGE_BYTES = 64 * 1024;

export class EntryAppender {
  /** Sequence of the last entry, staged ones included. */
  lastSequence: number;
  /** Of the last one that is wholly in the file. */
  writtenSequence: number;
  #stage = new Uint8Array(FIRST_STAGE_BYTES);
  #staged = 0;
  /** Bytes of the first staged entry that are in the file. */
  #torn = 0;
  /** Bytes at the end of the file that belong to no entry any more. */
  #toCut = 0;

  constructor(lastSequence: number) {
    this.lastSequence = lastSequence;
    this.writtenSequence = lastSequence;
  }

  /** Bytes that are not in the file. */
  get stagedBytes(): number {
    return this.#staged - this.#torn;
  }

  /** The file ends with the last entry that is wholly in it. */
  get endsWhole(): boolean {
    return this.#torn === 0 && this.#toCut === 0;
  }

  /** Seals an entry behind the others and returns its sequence. Its watermark says that everything up to `synced` is durable. */
  stage(payload: Uint8Array, opType: number, timestampMs: number, synced: number, generation: number): number {
    const end = this.#staged + payload.length + ENTRY_OVERHEAD_BYTES;
    if (end > this.#stage.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#stage.length));
      larger.set(this.#stage.subarray(0, this.#staged));
      this.#stage = larger;
    }
    const sequence = ++this.lastSequence;
    this.#stage.set(payload, this.#staged + ENTRY_HEADER_BYTES);
    const lag = sequence - synced;
    sealEntry(this.#stage, this.#staged, payload.length, sequence, timestampMs, opType, lag, generation);
    this.#staged = end;
    return sequence;
  }

  /** Writes what is staged. On an error throws StorageError io, poisoned: what is not written stays staged. */
  write(file: SegmentFile): void {
    this.cutTorn(file);
    if (this.stagedBytes === 0) return;
    try {
      file.write(this.#stage, this.#torn, this.stagedBytes);
      this.#taken(this.#staged);
    } catch (error) {
      if (error instanceof StorageError) this.#taken(this.#torn + (error.bytesWritten ?? 0));
      throw error;
    }
  }

  /** Drops the staged entries from `sequence` on; those that are in the file, whole, stay. */
  dropFrom(sequence: number): void {
    if (sequence > this.lastSequence) return;
    let at = 0;
    while (at < this.#staged && entrySequence(this.#stage, at) < sequence) at += entryLength(this.#stage, at);
    if (at === 0) {
      this.#toCut += this.#torn;
      this.#torn = 0;
    }
    this.#staged = at;
    this.lastSequence = Math.max(sequence - 1, this.writtenSequence);
  }

  /** Cuts the part of a dropped entry from the file. Throws StorageError io: then it has to be tried again before the next write. */
  cutTorn(file: SegmentFile): void {
    if (this.#toCut === 0) return;
    file.truncate(file.bytes - this.#toCut);
    this.#toCut = 0;
  }

  /** The file is given up: the staged entries go whole into the next one. Throws StorageError io. */
  leave(file: SegmentFile): void {
    this.#toCut += this.#torn;
    this.#torn = 0;
    this.cutTorn(file);
  }

  /** `bytes` of the stage are in the file. */
  #taken(bytes: number): void {
    let whole = 0;
    while (whole < bytes && whole + entryLength(this.#stage, whole) <= bytes) {
      this.writtenSequence = entrySequence(this.#stage, whole);
      whole += entryLength(this.#stage, whole);
    }
    this.#stage.copyWithin(0, whole, this.#staged);
    this.#staged -= whole;
    this.#torn = bytes - whole;
    if (this.#staged === 0 && this.#stage.length > FIRST_STAGE_BYTES * 16)
      this.#stage = new Uint8Array(FIRST_STAGE_BYTES);
  }
}

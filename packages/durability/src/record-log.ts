import type { Codec } from "./codec.js";
import { atomicRenameDurable, type Directory, listNames, removeIfThere } from "./disk.js";
import { EntryAppender } from "./entry-appender.js";
import { ioError, StorageError } from "./errors.js";
import { temporaryName } from "./file-names.js";
import { EntryAssembler, OP_APPEND } from "./log-format.js";
import { newGeneration } from "./manifest.js";
import { ProofSchedule } from "./proof.js";
import { planRecovery } from "./recovery-plan.js";
import type { RecoveryMode } from "./recovery-table.js";
import { cutTail } from "./repair.js";
import { createSegment, SegmentFile } from "./segment-file.js";
import { MAX_PAYLOAD_BYTES, SEGMENT_HEADER_BYTES } from "./wal-format.js";
import { readSegment } from "./wal-reader.js";

/*
 * Records in one file that only grows: a segment of a log (wal-format.ts), by itself. Opening it again:
 *
 *   1. replay in mode torn-tail, or refusal; a torn tail is cut, with a copy in a .broken file
 *   2. X.tmp: a header with a new generation, the records -> fdatasync -> a proof of it (proof.ts) -> fdatasync
 *   3. X.tmp -> X, fsync of the directory
 *
 * It is copied because nothing may be appended to a file of an earlier run: what lay behind a cut may come back after a power loss, with
 * the old generation and the right checksum; and what an fsync failed for may be in memory only. So it is meant for files that are read
 * at each start anyway. What grows without end belongs into a WriteAheadLog.
 */
export interface RecordLogOptions<T> {
  readonly codec: Codec<T>;
  /** Clock in milliseconds since 1970. Default Date.now. */
  readonly now?: () => number;
}

/** A record and where it stands. */
export interface LoggedRecord<T> {
  /** 1 for the first, without gaps. */
  readonly sequence: number;
  /** Milliseconds since 1970 at which it was appended. */
  readonly timestampMs: number;
  readonly record: T;
}

/** What a replay found. */
export interface RecordReplay {
  readonly records: number;
  /** Known to be missing, or not to be decoded (skip-corrupt only). */
  readonly lost: number;
  /** Where the torn tail begins, in bytes; null where the file ends with a whole record. */
  readonly tornAt: number | null;
}

/** A file of records, open for appending. Only one at a time, of one process: `lockDirectory` sees to that. */
export class RecordLog<T> {
  readonly #file: SegmentFile;
  readonly #appender: EntryAppender;
  readonly #codec: Codec<T>;
  readonly #now: () => number;
  readonly #generation: number;
  readonly #proofs: ProofSchedule;
  #synced: number;
  #proofTimer: NodeJS.Timeout | null = null;
  #closed = false;

  /** Opens the file, or makes it. Throws StorageError: what `replayRecords` refuses with in mode torn-tail; io. */
  static open<T>(dir: Directory, name: string, options: RecordLogOptions<T>): RecordLog<T> {
    return new RecordLog(dir, name, options);
  }

  private constructor(dir: Directory, name: string, { codec, now = Date.now }: RecordLogOptions<T>) {
    this.#codec = codec;
    this.#now = now;
    this.#generation = newGeneration();
    this.#appender = new EntryAppender(0);
    this.#file = this.#copy(dir, name);
    this.#synced = this.#appender.writtenSequence;
    this.#proofs = new ProofSchedule(this.#synced);
  }

  /** Of the last record; 0 before the first. */
  get lastSequence(): number {
    return this.#appender.lastSequence;
  }

  /** Everything up to it is durable. */
  get syncedSequence(): number {
    return this.#synced;
  }

  /**
   * Appends a record; returns its sequence. It is in the file: the death of the process does not take it. Throws StorageError io: then it
   * is not in the file; poisoned after a failed sync: close it, and open it again; too-large; what the codec throws.
   */
  append(record: T): number {
    const bytes = this.#codec.encode(record);
    if (bytes.length > MAX_PAYLOAD_BYTES) {
      throw new StorageError("too-large", `a record of ${bytes.length} bytes`, {
        expected: `at most ${MAX_PAYLOAD_BYTES} bytes`,
      });
    }
    const sequence = this.#appender.stage(bytes, OP_APPEND, this.#now(), this.#synced, this.#generation);
    try {
      this.#appender.write(this.#file);
      return sequence;
    } catch (error) {
      this.#appender.dropFrom(sequence);
      throw error;
    }
  }

  /** Makes all records appended before durable. One at a time. Throws StorageError io; from then on poisoned. */
  async sync(): Promise<void> {
    const { writtenSequence } = this.#appender;
    await this.#file.syncAsync();
    this.#synced = writtenSequence;
    this.#proofs.synced(writtenSequence, this.#file.bytes, performance.now());
    this.#proveLater();
  }

  /** Closes the file; does not sync. */
  close(): void {
    if (this.#proofTimer !== null) clearTimeout(this.#proofTimer);
    if (this.#proofs.owed) this.#prove();
    this.#closed = true;
    this.#file.close();
  }

  #proveLater(): void {
    const ms = this.#proofs.msUntilDue(performance.now(), this.lastSequence === this.#synced);
    if (this.#closed || this.#file.poisoned || this.#proofTimer !== null || ms === Number.POSITIVE_INFINITY) return;
    this.#proofTimer = setTimeout(
      () => {
        this.#proofTimer = null;
        if (this.#proofs.msUntilDue(performance.now(), this.lastSequence === this.#synced) <= 0) this.#prove();
        this.#proveLater();
      },
      Math.max(1, ms),
    ).unref();
  }

  /** The next `sync` makes it durable. */
  #prove(): void {
    const file = this.#file;
    const { writtenSequence, endsWhole } = this.#appender;
    if (!file.poisoned && endsWhole && file.prove(writtenSequence, this.#synced, this.#now(), this.#generation)) {
      this.#proofs.proven(this.#synced);
    } else {
      this.#proofs.failed(performance.now());
    }
  }

  #copy(dir: Directory, name: string): SegmentFile {
    const temporary = temporaryName(name);
    const nowMs = this.#now();
    const there = listNames(dir).includes(name);
    const plan = there ? planReplay(dir, name, "torn-tail") : null;
    if (plan?.cut) cutTail(dir, name, plan.cut.offset, nowMs);
    let fd = -1;
    try {
      const generation = this.#generation;
      const header = { generation, segmentNumber: 1, firstSequence: 1, createdMs: nowMs, syncedSequence: 0 };
      fd = createSegment(dir, temporary, header);
      const file = new SegmentFile(dir, name, fd, SEGMENT_HEADER_BYTES);
      if (there) {
        readSegment(dir, name, (opType, _sequence, timestampMs, bytes, off, len) => {
          this.#appender.stage(bytes.subarray(off, off + len), opType, timestampMs, 0, generation);
          this.#appender.write(file);
        });
        file.sync();
        const { writtenSequence } = this.#appender;
        if (writtenSequence > 0 && file.prove(writtenSequence, writtenSequence, nowMs, generation)) file.sync();
      }
      atomicRenameDurable(dir, temporary, name);
      return file;
    } catch (error) {
      if (fd >= 0) dir.close(fd);
      removeIfThere(dir, temporary);
      throw ioError("cannot open the record log", name, error);
    }
  }
}

/**
 * Gives the records of a file, in order, to `visit`. Modes: "strict" refuses everything that is not whole; "torn-tail" forgives an end that
 * was never known to be synced; "skip-corrupt", the best that can be done, passes over what is damaged and what cannot be decoded, and counts
 * it. Changes nothing. Throws StorageError corrupt-header, corrupt-entry, newer-format, io; what the codec (but in skip-corrupt) and `visit` throw.
 */
export function replayRecords<T>(
  dir: Directory,
  name: string,
  codec: Codec<T>,
  mode: RecoveryMode,
  visit: (record: LoggedRecord<T>) => void,
): RecordReplay {
  const plan = planReplay(dir, name, mode);
  const assembler = new EntryAssembler();
  let records = 0;
  let undecodable = 0;
  for (const { endOffset, skipBad } of plan.steps) {
    readSegment(
      dir,
      name,
      (opType, sequence, timestampMs, bytes, off, len) => {
        for (const logged of assembler.take(opType, sequence, timestampMs, bytes, off, len)) {
          let record: T;
          try {
            record = codec.decode(logged.bytes);
          } catch (error) {
            if (mode !== "skip-corrupt") throw error;
            undecodable++;
            continue;
          }
          records++;
          visit({ sequence, timestampMs, record });
        }
      },
      { endOffset, visitAfterHole: skipBad },
    );
  }
  return { records, lost: plan.corruptedEntries + undecodable, tornAt: plan.cut?.offset ?? null };
}

/** A segment by itself, judged as the only one of a log. */
function planReplay(dir: Directory, name: string, mode: RecoveryMode) {
  return planRecovery(mode, null, [readSegment(dir, name, null)]);
}

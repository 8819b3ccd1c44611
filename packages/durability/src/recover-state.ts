import type { Document } from "bson";
import { getU32 } from "./bytes.js";
import { CHECKPOINT_FORMAT, PART_HEADER_BYTES } from "./checkpoint.js";
import { crc32 } from "./crc.js";
import { type Directory, listNames, realDisk } from "./disk.js";
import { StorageError } from "./errors.js";
import { segmentNames } from "./file-names.js";
import { EntryAssembler, type LoggedEntry, type LogOperation } from "./log-format.js";
import type { Replayed, ResumeOptions } from "./log-options.js";
import type { RecoveryResult } from "./recover.js";
import { readSegmentHeader } from "./wal-reader.js";
import { type LogReceiver, WriteAheadLog } from "./write-ahead-log.js";

/** So many failures are told one by one; all are counted. */
const FAILURES_TOLD = 1000;

export interface StateRecoveryOptions<T> extends ResumeOptions<T> {
  readonly dir: string | Directory;
  /** Gets the parts of the checkpoint, in the order in which they were given to `publishCheckpoint`. The bytes are the receiver's. */
  readonly load: (part: Uint8Array) => void;
  /** Gets each entry after the checkpoint, in order; those of a group one by one. When it throws, the entry counts as failed. */
  readonly apply: (entry: T, where: Omit<Replayed<T>, "entry">) => void;
}

/** An entry that could not be decoded or applied. */
export interface ApplyFailure {
  readonly sequence: number;
  readonly operation: LogOperation;
  /** What was thrown. */
  readonly reason: string;
}

export interface RecoveredState<T> {
  /** Ready for what comes next. */
  readonly log: WriteAheadLog<T>;
  /** Entries that `apply` has taken. */
  readonly applied: number;
  /** Entries in the log that the state did not need: contained in the checkpoint, or of a batch that was never completed. */
  readonly skipped: number;
  readonly failed: number;
  /** The first 1000 of them. */
  readonly failures: readonly ApplyFailure[];
  /** Of the checkpoint that was loaded; 0 where there is none. */
  readonly checkpointSequence: number;
  readonly recovery: RecoveryResult;
}

/**
 * Gives the state back that a WriteAheadLog and its checkpoints hold, and resumes the log. `load` and `apply` are called before it
 * resolves; they are synchronous. An entry that fails does not stop the others: a program that cannot live with one looks at `failed`
 * before it goes on. Where it throws, what was loaded and applied until then is void. Throws StorageError: what `recover` refuses with, newer-format, locked, io; and what `load` throws.
 */
export async function recoverState<T>(options: StateRecoveryOptions<T>): Promise<RecoveredState<T>> {
  const receiver = new StateReceiver(options);
  const { log, recovery } = await WriteAheadLog.resumeInto(options.dir, options, receiver);
  return { log, recovery, ...receiver.result(recovery.snapshot?.walPos ?? 0) };
}

/** Turns what recovery delivers into parts and entries, and counts. */
class StateReceiver<T> implements LogReceiver {
  readonly #options: StateRecoveryOptions<T>;
  readonly #assembler = new EntryAssembler();
  readonly #failures: ApplyFailure[] = [];
  /** Sequence of the first entry that is still in the log. */
  #oldest = 1;
  #applied = 0;
  #failed = 0;
  /** Parts still to come, and the CRC of all parts. */
  #parts = 0;
  #expectedCrc = 0;
  #crc = 0;

  constructor(options: StateRecoveryOptions<T>) {
    this.#options = options;
  }

  readonly onMetadata = ({ format, parts, crc32: crc }: Document): void => {
    if (format !== CHECKPOINT_FORMAT || typeof parts !== "number" || typeof crc !== "number") {
      throw damaged(`metadata of format "${CHECKPOINT_FORMAT}"`, `format ${JSON.stringify(format)}`);
    }
    this.#oldest = oldestSequence(this.#options.dir);
    this.#parts = parts;
    this.#expectedCrc = crc;
  };

  beginSection(): void {}

  readonly onSnapshotEntries = (_id: number, bytes: Uint8Array, off: number, len: number): void => {
    this.#crc = crc32(this.#crc, bytes, off, off + len);
    for (let at = off; at < off + len; this.#parts--) {
      const end = at + PART_HEADER_BYTES + getU32(bytes, at);
      if (end > off + len) throw damaged("a part inside its section", `one of ${end - at} bytes`);
      this.#options.load(bytes.slice(at + PART_HEADER_BYTES, end));
      at = end;
    }
    if (this.#parts === 0 && this.#crc !== this.#expectedCrc) throw damaged(`CRC ${this.#expectedCrc}`, `${this.#crc}`);
  };

  readonly onEntry: LogReceiver["onEntry"] = (...entry) => {
    for (const logged of this.#assembler.take(...entry)) this.#apply(logged);
  };

  result(checkpointSequence: number): Omit<RecoveredState<T>, "log" | "recovery"> {
    this.#assembler.finish();
    return {
      applied: this.#applied,
      skipped: Math.max(0, checkpointSequence + 1 - this.#oldest) + this.#assembler.incomplete,
      failed: this.#failed,
      failures: this.#failures,
      checkpointSequence,
    };
  }

  #apply({ bytes, ...where }: LoggedEntry): void {
    try {
      this.#options.apply(this.#options.codec.decode(bytes), where);
      this.#applied++;
    } catch (error) {
      this.#failed++;
      if (this.#failures.length === FAILURES_TOLD) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.#failures.push({ sequence: where.sequence, operation: where.operation, reason });
    }
  }
}

function oldestSequence(where: string | Directory): number {
  const dir = typeof where === "string" ? realDisk(where) : where;
  const firstSequences = segmentNames(listNames(dir)).flatMap((name) => {
    const header = readSegmentHeader(dir, name);
    return header.state === "ok" ? [header.header.firstSequence] : [];
  });
  return Math.min(...firstSequences);
}

function damaged(expected: string, found: string): StorageError {
  return new StorageError("corrupt-snapshot", "the snapshot is not a checkpoint that can be loaded", {
    expected,
    found,
  });
}

import type { Directory } from "./disk.js";
import { EntryAppender } from "./entry-appender.js";
import { StorageError } from "./errors.js";
import { WAL_CURRENT } from "./file-names.js";
import { newGeneration } from "./manifest.js";
import { ProofSchedule } from "./proof.js";
import { ClaimKeeper } from "./synced-claim.js";
import { WalWriter } from "./wal-writer.js";

const POISONED_HINT = "Publish a checkpoint of the state, or close the log and resume it";

/** Where a log goes on, and when it begins a segment. */
export interface LogSegmentsOptions {
  /** Of what recovery has found. */
  readonly lastSequence: number;
  readonly segmentNumber: number;
  readonly maxBytes: number;
  readonly maxEntries: number;
  readonly now: () => number;
}

/** What one sync did for all who waited for it. */
export interface SyncOutcome {
  /** Everything up to it is durable. */
  readonly through: number;
  /** Everything up to it is in the file; what is not durable has met `syncError`. */
  readonly written: number;
  readonly syncError: unknown;
  /** What is above has met this. */
  readonly writeError: unknown;
}

/**
 * The segments of a WriteAheadLog, and how far they are durable. Syncs and rotations come one after the other; entries may be staged and
 * written during a sync, which does not cover them.
 *
 * What is durable and followed by nothing is proven by an entry that counts nowhere (proof.ts).
 *
 * When a sync has failed the log is wounded: its segment is never synced again. The next one says in its header that no more than
 * `synced` is durable, until a snapshot of everything up to `woundedUpTo` is published.
 */
export class LogSegments {
  readonly appender: EntryAppender;
  /** Everything up to it is durable, whatever happens. */
  synced: number;
  /** A failed sync is mended by a snapshot of everything up to here; -1: none is needed. */
  woundedUpTo = -1;
  syncs = 0;
  rotations = 0;
  /** Called when more is durable. */
  onSynced: () => void = () => {};
  readonly #writer: WalWriter;
  readonly #now: () => number;
  readonly #proofs: ProofSchedule;
  readonly #claim: ClaimKeeper;
  readonly #maxEntries: number;
  /** The current segment is synced up to here. */
  #fileSynced: number;
  #end: Promise<unknown> = Promise.resolve();

  /** Begins a segment. Throws StorageError io. */
  constructor(dir: Directory, { lastSequence, segmentNumber, maxBytes, maxEntries, now }: LogSegmentsOptions) {
    this.appender = new EntryAppender(lastSequence);
    this.synced = lastSequence;
    this.#fileSynced = lastSequence;
    this.#now = now;
    this.#proofs = new ProofSchedule(lastSequence);
    this.#claim = new ClaimKeeper(dir, lastSequence);
    this.#maxEntries = maxEntries;
    const firstSequence = lastSequence + 1;
    this.#writer = WalWriter.create(dir, { generation: newGeneration(), firstSequence, segmentNumber, maxBytes, now });
  }

  get segmentNumber(): number {
    return this.#writer.segmentNumber;
  }

  /** Of the current segment. */
  get segmentBytes(): number {
    return this.#writer.bytes;
  }

  /** What is appended next should come into a new segment. */
  get full(): boolean {
    const { appender } = this;
    return (
      this.#writer.bytes + appender.stagedBytes >= this.#writer.maxBytes ||
      appender.lastSequence - this.#writer.firstSequence + 1 >= this.#maxEntries
    );
  }

  stage(payload: Uint8Array, opType: number, timestampMs: number): number {
    return this.appender.stage(payload, opType, timestampMs, this.synced, this.#writer.generation);
  }

  /** Writes what is staged. Throws StorageError io, poisoned: what is not written stays staged. */
  write(): void {
    this.appender.write(this.#writer);
  }

  /** Does something that must not be done during a sync or a rotation. */
  exclusive<R>(action: () => Promise<R> | R): Promise<R> {
    const result = this.#end.then(action);
    this.#end = result.catch(() => {});
    return result;
  }

  /** Exclusive: makes what is written durable. Throws StorageError poisoned; then the log is wounded. */
  async sync(): Promise<void> {
    const { writtenSequence } = this.appender;
    if (writtenSequence <= this.#fileSynced) return;
    try {
      await this.#writer.syncAsync();
    } catch (error) {
      throw this.#wound(error);
    }
    this.syncs++;
    this.#noteSynced(writtenSequence);
  }

  /**
   * Exclusive: writes what is staged and syncs what could be written. `refusal`: why neither may be done, or null. `drop`: what could not be
   * written is dropped, for whoever waits for it is told of the error; else it has been accepted, and stays.
   */
  async writeAndSync(refusal: StorageError | null, drop: boolean): Promise<SyncOutcome> {
    const { appender } = this;
    let writeError: unknown = refusal;
    let syncError: unknown = refusal;
    try {
      if (refusal === null) this.write();
    } catch (error) {
      writeError = error;
    }
    // In the same turn: what is staged from now on belongs to the next sync.
    if (writeError !== null && drop) appender.dropFrom(appender.writtenSequence + 1);
    const written = appender.writtenSequence;
    try {
      if (refusal === null) await this.sync();
    } catch (error) {
      syncError = error;
    }
    return { through: this.synced, written, syncError, writeError };
  }

  /** Exclusive: syncs the segment, unless it is poisoned, and begins the next one. Throws StorageError io, poisoned; it may be tried again. */
  async beginSegment(): Promise<void> {
    const { appender } = this;
    const writer = this.#writer;
    if (!writer.poisoned) {
      this.write();
      await this.sync();
    }
    appender.leave(writer);
    try {
      writer.rotate(appender.writtenSequence + 1, this.woundedUpTo >= 0 ? this.synced : undefined);
    } catch (error) {
      throw writer.poisoned ? this.#wound(error) : error;
    }
    this.rotations++;
    if (this.woundedUpTo < 0) this.#proofs.proven(appender.writtenSequence);
    this.#noteSynced(appender.writtenSequence);
  }

  /** Exclusive: the log must be durable up to the stamp of a snapshot before that is published. Throws StorageError io, poisoned. */
  async syncUpTo(stamp: number): Promise<void> {
    if (this.#fileSynced < stamp) {
      this.write();
      await this.sync();
    }
    if (!this.#writer.poisoned && stamp >= this.woundedUpTo) return;
    throw this.poisoned();
  }

  /** Milliseconds until `prove` should be called, for a proof or for the file `synced`, 0 or less when it is due; Infinity where nothing is to be proven. */
  get msUntilProof(): number {
    if (this.#writer.poisoned || this.woundedUpTo >= 0) return Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    return Math.min(this.#proofs.msUntilDue(nowMs, this.#quiet), this.#claim.msUntilDue(nowMs));
  }

  get #quiet(): boolean {
    return this.appender.lastSequence <= this.#fileSynced;
  }

  /**
   * Exclusive: proves what is durable where that is due, or `atOnce`: behind the last entry, and syncs the proof; and in the file `synced`. Where the disk does not take it nothing is told: whoever writes next will see. A sync that
   * fails wounds the log.
   */
  async prove(atOnce = false): Promise<void> {
    const { appender, synced } = this;
    const writer = this.#writer;
    if (writer.poisoned || this.woundedUpTo >= 0) return;
    const nowMs = performance.now();
    if (atOnce || this.#claim.msUntilDue(nowMs) <= 0) this.#claim.write(writer, nowMs);
    if (!this.#proofs.owed || !(atOnce || this.#proofs.msUntilDue(nowMs, this.#quiet) <= 0)) return;
    const { writtenSequence } = appender;
    if (!appender.endsWhole || !writer.prove(writtenSequence, synced, this.#now(), writer.generation)) {
      this.#proofs.failed(performance.now());
      return;
    }
    this.#proofs.proven(synced);
    try {
      await writer.syncAsync();
      this.#noteSynced(writtenSequence);
    } catch (error) {
      this.#wound(error);
    }
  }

  /** What is refused while the log is wounded is refused with this. */
  poisoned(): StorageError {
    return new StorageError("poisoned", "an earlier sync of the log has failed", {
      file: WAL_CURRENT,
      hint: POISONED_HINT,
    });
  }

  /** A snapshot with this stamp is published. */
  mend(stamp: number): void {
    if (this.#writer.poisoned || stamp < this.woundedUpTo) return;
    this.woundedUpTo = -1;
    this.#noteSynced(this.#fileSynced);
  }

  /** Exclusive: closes the file as it is. */
  close(): void {
    this.#writer.close();
  }

  #wound(cause: unknown): StorageError {
    this.woundedUpTo = Math.max(this.woundedUpTo, this.appender.writtenSequence);
    const errno = cause instanceof StorageError ? cause.errno : undefined;
    return new StorageError("poisoned", "a sync of the log has failed", {
      file: WAL_CURRENT,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: POISONED_HINT,
      errno,
      cause,
    });
  }

  #noteSynced(sequence: number): void {
    this.#fileSynced = Math.max(this.#fileSynced, sequence);
    if (this.woundedUpTo >= 0) return;
    this.synced = Math.max(this.synced, this.#fileSynced);
    this.#proofs.synced(this.synced, this.#writer.bytes, performance.now());
    this.#claim.synced(this.synced, performance.now());
    this.onSynced();
  }
}

/** What an entry has met on its way; null where it is durable. */
export function unlessDurable({ through, written, syncError, writeError }: SyncOutcome, sequence: number): unknown {
  if (sequence <= through) return null;
  return sequence <= written ? syncError : writeError;
}

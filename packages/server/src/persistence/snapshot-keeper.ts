/** Decides when snapshots are made, makes them one at a time, and keeps their figures. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { PersistenceInfo, PersistenceLogger, PersistenceOptions, SavePoint } from "./persistence.js";
import type { RecoveredState } from "./recovery.js";
import { heldAtLogBytes, snapshotDue } from "./snapshot-schedule.js";
import { type SnapshotMessage, Snapshotter, type SnapshotterOptions } from "./snapshotter.js";

/** How often is looked whether one is due: this many times in an interval, within these limits. */
const LOOKS_PER_INTERVAL = 4;
const LOOK_MS_MIN = 20;
const LOOK_MS_MAX = 100;
/** Between the attempts at the snapshot that mends a failed fdatasync. */
const MEND_RETRY_MS = 500;
/** What follows from a snapshot that failed. */
const WHAT_NOW =
  "The one before stays, the log has everything, and it is tried again: see that the disk of the data directory has room and works";
/** The file's name differs from attempt to attempt. */
const DIGITS = /\d+/g;
const INTERVAL_S_DEFAULT = 300;
const OPS_DEFAULT = 100_000;
const WAL_BYTES_DEFAULT = 64 * 1024 * 1024;

export interface SnapshotKeeperContext {
  readonly options: PersistenceOptions;
  readonly logger: PersistenceLogger;
  /** Bytes of log entries since the start. */
  readonly committedBytes: () => number;
  /** Whether the log cannot be written at present. */
  readonly logFails: () => boolean;
  /** Called when `heldAtLogBytes` may have grown. */
  readonly onRoom: () => void;
}

export class SnapshotKeeper {
  /** When one is due by time: none = never. */
  points: readonly SavePoint[];
  /** Entries, and bytes of log, between automatic snapshots; 0 = never. */
  ops: number;
  walBytes: number;
  /** Bytes of log, as `committedBytes` counts them, at which writers wait for the snapshot that is due. */
  heldAtLogBytes = Number.POSITIVE_INFINITY;
  lastSaveSeconds = Math.floor(Date.now() / 1000);
  lastOk = true;
  readonly #snapshotter: Snapshotter;
  readonly #currentSequence: () => number;
  readonly #context: SnapshotKeeperContext;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  #queued: Promise<void> | null = null;
  /** Sequence, bytes of log and time at the beginning of the last published one. */
  #lastSequence = 0;
  #lastLogBytes = 0;
  #lastStartMs = performance.now();
  #lastBytes = 0;
  /** At so many bytes of log the disk will be full, as of late; Infinity where the system does not tell. */
  #fullAtLogBytes = Number.POSITIVE_INFINITY;
  #failedMs = Number.NEGATIVE_INFINITY;
  #failedDurationMs = 0;
  #count = 0;
  #failures = 0;
  #failedInRow = 0;
  #toldFailure = "";
  #lastDurationMs = 0;
  /** A snapshot is needed whatever the schedule says: it mends a failed fdatasync, or the damage that recovery met. */
  #mending = false;
  /** Only one that contains everything up to here mends. */
  #mendsFrom = 0;

  constructor(options: SnapshotterOptions, context: SnapshotKeeperContext) {
    this.#snapshotter = new Snapshotter(options);
    this.#currentSequence = options.currentSequence;
    this.#context = context;
    const seconds = context.options.snapshotIntervalS ?? INTERVAL_S_DEFAULT;
    this.points = seconds === 0 ? [] : [{ seconds, changes: 1 }];
    this.ops = context.options.snapshotOps ?? OPS_DEFAULT;
    this.walBytes = context.options.snapshotWalBytes ?? WAL_BYTES_DEFAULT;
  }

  /** The data is there: from now on snapshots become due. */
  begin(recovered: RecoveredState): void {
    this.#lastSequence = recovered.snapshotSequence;
    this.#lastBytes = recovered.snapshotBytes;
    this.#lastLogBytes = -recovered.logBytes;
    this.#lastStartMs = performance.now();
    this.#mending = recovered.corruptedEntries > 0 || recovered.bytesCut > 0;
    this.#timer = this.#lookLater();
  }

  get running(): boolean {
    return this.#running !== null;
  }

  /** See {@link Snapshotter.crowded}. */
  get crowded(): boolean {
    return this.#snapshotter.crowded;
  }

  /** How much of the running one was copied, 0 to 1. */
  get fraction(): number {
    return this.#snapshotter.fraction;
  }

  changesSince(sequence: number): number {
    return sequence - this.#lastSequence;
  }

  /** Makes one now, or when the running one ends; whoever asks meanwhile shares it. Rejects when it fails. */
  now(): Promise<void> {
    if (this.#running === null) return this.#start();
    this.#queued ??= this.#afterRunning(this.#running);
    return this.#queued;
  }

  /** One is needed that contains everything up to `sequence`: a part of the log is not to be relied on. Tried until it works. */
  mend(sequence: number): void {
    this.#mending = true;
    this.#mendsFrom = sequence;
    this.#failedMs = Number.NEGATIVE_INFINITY;
    this.#look();
  }

  /** So much of the disk is free. */
  set freeBytes(bytes: number) {
    this.#fullAtLogBytes = this.#context.committedBytes() + bytes;
  }

  /** The log can be written again: a snapshot that is due begins before the log has taken the room that there is. */
  logHealed(): void {
    this.#failedInRow = 0;
    this.#failedMs = Number.NEGATIVE_INFINITY;
    this.#look();
  }

  receive(message: SnapshotMessage): void {
    this.#snapshotter.receive(message);
  }

  abort(reason: string): void {
    this.#snapshotter.abort(reason);
  }

  /** No automatic ones any more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The final one, unless nothing changed since the last; does not throw. */
  async last(): Promise<void> {
    await this.#running?.catch(() => {});
    if (this.changesSince(this.#currentSequence()) === 0 && !this.#mending) return;
    this.#context.logger.info({}, "writing the last snapshot");
    await this.now().catch(() => {});
  }

  info(): PersistenceInfo {
    return {
      snapshot_in_progress: this.running ? 1 : 0,
      snapshot_count: this.#count,
      snapshot_failures: this.#failures,
      snapshot_last_ms: Math.round(this.#lastDurationMs),
      snapshot_last_bytes: this.#lastBytes,
    };
  }

  async #afterRunning(running: Promise<void>): Promise<void> {
    await running.catch(() => {});
    this.#queued = null;
    await this.now();
  }

  #lookLater(): NodeJS.Timeout {
    const intervalMs = Math.min(LOOK_MS_MAX * LOOKS_PER_INTERVAL, ...this.points.map((point) => point.seconds * 1000));
    const lookMs = Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, intervalMs / LOOKS_PER_INTERVAL));
    return setTimeout(() => {
      this.#timer = this.#lookLater();
      this.#look();
    }, lookMs).unref();
  }

  /** Nobody waits for a snapshot that failed twice: of a full disk the log itself tells. */
  #setHeld(): void {
    const isComing = this.running || this.#failedInRow < 2;
    const { walBytes } = this;
    const growth = { walBytes, snapshotBytes: this.#lastBytes, lastLogBytes: this.#lastLogBytes };
    this.heldAtLogBytes = isComing
      ? heldAtLogBytes({ ...growth, fullAtLogBytes: this.#fullAtLogBytes })
      : Number.POSITIVE_INFINITY;
    this.#context.onRoom();
  }

  #look(): void {
    this.#setHeld();
    if (this.#running !== null) return;
    const nowMs = performance.now();
    const msSinceFailure = nowMs - this.#failedMs;
    const due = this.#mending
      ? msSinceFailure >= MEND_RETRY_MS
      : snapshotDue({
          points: this.points,
          ops: this.ops,
          walBytes: this.walBytes,
          freeBytes: this.#fullAtLogBytes - this.#context.committedBytes(),
          logFails: this.#context.logFails(),
          changes: this.changesSince(this.#currentSequence()),
          changedBytes: this.#context.committedBytes() - this.#lastLogBytes,
          snapshotBytes: this.#lastBytes,
          msSinceSnapshot: nowMs - this.#lastStartMs,
          lastDurationMs: this.#lastDurationMs,
          msSinceFailure,
          failedDurationMs: this.#failedDurationMs,
        });
    if (due) this.#start().catch(() => {});
  }

  #start(): Promise<void> {
    const running = this.#make().finally(() => {
      this.#running = null;
      this.#setHeld();
    });
    this.#running = running;
    return running;
  }

  async #make(): Promise<void> {
    const { committedBytes, logger } = this.#context;
    // Never inside a command or a transaction: its entry is not complete yet.
    await nextTurn();
    const startMs = performance.now();
    const sequence = this.#currentSequence();
    const logBytes = committedBytes();
    try {
      const result = await this.#snapshotter.make();
      this.#lastSequence = sequence;
      this.#lastLogBytes = logBytes;
      this.#lastStartMs = startMs;
      this.#lastBytes = result.bytes;
      this.#lastDurationMs = result.durationMs;
      this.lastSaveSeconds = Math.floor(Date.now() / 1000);
      this.lastOk = true;
      this.#failedInRow = 0;
      this.#toldFailure = "";
      this.#count++;
      if (sequence >= this.#mendsFrom) this.#mending = false;
      logger.info({ ...result, sequence }, `snapshot ${result.name} published`);
    } catch (error) {
      this.#failedMs = performance.now();
      this.#failedDurationMs = this.#failedMs - startMs;
      this.#failures++;
      this.#failedInRow++;
      this.lastOk = false;
      const message = error instanceof Error ? error.message : String(error);
      // On a full disk attempts follow one another: each reason is told once. Only of a bug a stack tells more than the message.
      const told = this.#toldFailure.replaceAll(DIGITS, "") === message.replaceAll(DIGITS, "");
      if (!told) logger.error(isBug(error) ? { err: error } : {}, `snapshot failed: ${message}. ${WHAT_NOW}`);
      this.#toldFailure = message;
      throw error;
    }
  }
}

/** Whether nobody has foreseen an error. What the disk refuses, and what we say ourselves, comes from the worker as a plain Error. */
function isBug(error: unknown): boolean {
  return !(error instanceof Error) || error.constructor !== Error;
}

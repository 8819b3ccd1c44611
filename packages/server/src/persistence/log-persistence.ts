/** Persistence as the server core sees it: the log channel, the worker, the snapshots, and what happens when one of them fails. */
import { setTimeout as delay } from "node:timers/promises";
import { newGeneration } from "@hearthkv/durability";
import { type ChannelOptions, LogChannel } from "./channel.js";
import { type DataDirectory, openDataDirectory } from "./data-directory.js";
import { LOOK_MS } from "./hang-watch.js";
import type {
  AckLevel,
  LoadingProgress,
  PersistedKeyspace,
  Persistence,
  PersistenceInfo,
  PersistenceLogger,
  PersistenceOptions,
  SavePoint,
} from "./persistence.js";
import { type RecoveredState, recoverDirectory } from "./recovery.js";
import * as slot from "./slots.js";
import { SnapshotKeeper } from "./snapshot-keeper.js";
import { SyncWaiters } from "./sync-waiters.js";
import { noteOwned } from "./worker-disk.js";
import { WorkerHandle } from "./worker-handle.js";

const ERROR_PREFIX = "MISCONF Errors writing to the AOF file: ";
/** Unsynced for so much longer than the interval: the disk is slow, which is told. */
const LAG_MS = 1000;
/** Below every sequence. */
const NOTHING_ACKED = -1;
const CLOSE_LOOK_MS = 5;
/** After a failure, closing gives the disk so long to recover before it does without a snapshot. */
const CLOSE_PATIENCE_MS = 2000;
const SNAPSHOT_KEEP_DEFAULT = 3;
/** How far the last snapshot is, is told so often. */
const TELL_MS = 1000;

/** What there is before the data was loaded. */
export interface LogPersistenceParts {
  /** Of the data directory. */
  readonly path: string;
  readonly options: PersistenceOptions;
  readonly keyspace: PersistedKeyspace;
  readonly logger: PersistenceLogger;
  readonly control: Int32Array;
  readonly ring: SharedArrayBuffer;
  readonly walMaxBytes: number;
}

/** What there is once the data was loaded. */
interface RunningLog {
  readonly recovered: RecoveredState;
  readonly worker: WorkerHandle;
}

export class LogPersistence implements Persistence {
  onAcked: () => void = () => {};
  onDrained: () => void = () => {};
  onWriteError: (text: string | null) => void = () => {};
  readonly #parts: LogPersistenceParts;
  readonly #control: Int32Array;
  /** Seed of the entry checksums of this run. */
  readonly #generation = newGeneration();
  readonly #channel: LogChannel;
  readonly #snapshots: SnapshotKeeper;
  readonly #waiters = new SyncWaiters();
  /** Ends the loading. */
  readonly #giveUp = new AbortController();
  #loading: LoadingProgress | null = {
    ...{ startedAtMs: Date.now(), startedMs: performance.now() },
    ...{ totalBytes: 0, loadedBytes: 0 },
  };
  #loaded: Promise<void> | null = null;
  /** Null until it is locked. */
  #directory: DataDirectory | null = null;
  #log: RunningLog | null = null;
  #watch: NodeJS.Timeout | undefined;
  #writeError: string | null = null;
  #diskFailure: string | null = null;
  /** What stands still, in words; null = nothing does. */
  #hanging: string | null = null;
  #lags = false;
  /** Why nothing is written any more, in words; null = it is. */
  #broken: string | null = null;
  #lost = false;
  /** The server was told that it is congested, and not yet that this ended. */
  #toldCongested = false;
  #reportedAcked = 0;
  #segments = 1;
  #finishedSegmentBytes = 0;
  #closing: Promise<void> | null = null;
  #closed: (error: string | null) => void = () => {};

  constructor(parts: LogPersistenceParts) {
    const { control, keyspace, options, ring, walMaxBytes } = parts;
    this.#parts = parts;
    this.#control = control;
    const post: ChannelOptions["post"] = (message, transfer) => this.#log?.worker.post(message, transfer);
    this.#channel = new LogChannel({
      ...{ control, ring, walMaxBytes, post },
      effects: keyspace.effects,
      generation: this.#generation,
      mayWrite: (nowMs) => this.#ownsDirectory(nowMs),
    });
    this.#channel.ackLevel = slot.ACK_LEVELS.indexOf(options.ackLevel ?? "written");
    this.#snapshots = new SnapshotKeeper(
      {
        keyspace,
        currentSequence: () => this.#currentSequence(),
        lastSequence: () => this.lastSequence,
        send: (message, transfer) => {
          // What a stamp refers to must be on its way to the disk, or the snapshot would wait for it in vain.
          this.#channel.turn();
          post(message, transfer);
          this.#channel.wake(true);
        },
      },
      {
        options,
        logger: parts.logger,
        committedBytes: () => this.#channel.committedBytes,
        logFails: () => this.#diskFailure !== null,
        onRoom: () => this.#checkDrained(),
      },
    );
    keyspace.effects.enabled = false;
  }

  get loading(): LoadingProgress | null {
    return this.#loading;
  }

  load(): Promise<void> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async #load(): Promise<void> {
    const { path, keyspace, options, logger } = this.#parts;
    const { signal } = this.#giveUp;
    const directory = await openDataDirectory(path, (message) => logger.warn({}, message), signal);
    directory.lock.onLost = (error) => this.#giveUp.abort(error);
    this.#directory = directory;
    for (const warning of directory.warnings) logger.warn({}, warning);
    let worker: WorkerHandle | null = null;
    try {
      keyspace.reseed(directory.hashSeed);
      worker = new WorkerHandle(this.#control);
      const recovered = await recoverDirectory(keyspace, directory, options.recovery ?? "torn-tail", logger, {
        signal,
        onProgress: (fraction, totalBytes) => {
          if (this.#loading !== null) Object.assign(this.#loading, { totalBytes, loadedBytes: fraction * totalBytes });
        },
      });
      await this.#begin(directory, recovered, worker);
    } catch (error) {
      await worker?.end();
      directory.release();
      throw error;
    }
  }

  /** Everything was recovered: a segment is begun, and effects are logged from now on. */
  async #begin(directory: DataDirectory, recovered: RecoveredState, worker: WorkerHandle): Promise<void> {
    const { control, ring, walMaxBytes, options, keyspace } = this.#parts;
    fillControl(control, options, recovered);
    this.#channel.begin(recovered.lastSequence);
    this.#reportedAcked = recovered.lastSequence;
    directory.lock.onBeat = () => noteOwned(control);
    noteOwned(control);
    await worker.begin({
      ...{ ring, walMaxBytes },
      control: control.buffer as SharedArrayBuffer,
      directory: directory.path,
      lock: directory.lock.record,
      generation: this.#generation,
      owedManifest: directory.owesManifest ? directory.hashSeed : null,
      lastSequence: recovered.lastSequence,
      syncedSequence: recovered.syncedSequence,
      segmentNumber: recovered.nextSegmentNumber,
      snapshotKeep: Math.max(1, options.snapshotKeep ?? SNAPSHOT_KEEP_DEFAULT),
    });
    this.#giveUp.signal.throwIfAborted();
    // It may have been lost while the data was loaded.
    if (!directory.lock.isHeld()) throw directory.lock.lost;
    this.#log = { recovered, worker };
    worker.onMessage = (message) => this.#receive(message);
    worker.onDeath = (error) => this.#fail(error);
    directory.lock.onLost = (error) => this.#lose(error);
    this.#snapshots.begin(recovered);
    this.#watch = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#loading = null;
    keyspace.effects.enabled = true;
  }

  commit(nowMs: number): void {
    this.#channel.commit(nowMs);
  }

  endTick(): void {
    this.#channel.endTurn();
    // After the write and the sync: whoever stood still before their end, and was succeeded, must not acknowledge them.
    this.#ownsDirectory();
    this.#checkDrained();
  }

  get lastSequence(): number {
    return this.#channel.lastSequence;
  }

  ackedSequence(): number {
    return this.#lost ? NOTHING_ACKED : this.#channel.ackedSequence();
  }

  get congested(): boolean {
    const congested = this.#isCongested();
    if (congested) this.#toldCongested = true;
    return congested;
  }

  /** Null also where the lock is lost: a refusal lets go of held reads, and then not even they may leave. */
  get writeError(): string | null {
    return this.#lost ? null : this.#writeError;
  }

  get ackLevel(): AckLevel {
    return slot.ACK_LEVELS[this.#channel.ackLevel]!;
  }

  set ackLevel(level: AckLevel) {
    this.#channel.ackLevel = slot.ACK_LEVELS.indexOf(level);
    // A higher level has acknowledged less: what is held from now on must be told of, too.
    this.#reportedAcked = Math.min(this.#reportedAcked, this.ackedSequence());
    setImmediate(() => this.#progress());
  }

  get savePoints(): readonly SavePoint[] {
    return this.#snapshots.points;
  }

  set savePoints(points: readonly SavePoint[]) {
    this.#snapshots.points = points;
  }

  get snapshotOps(): number {
    return this.#snapshots.ops;
  }

  set snapshotOps(entries: number) {
    this.#snapshots.ops = entries;
  }

  get snapshotWalBytes(): number {
    return this.#snapshots.walBytes;
  }

  set snapshotWalBytes(bytes: number) {
    this.#snapshots.walBytes = bytes;
  }

  get snapshotRunning(): boolean {
    return this.#snapshots.running;
  }

  get lastSaveSeconds(): number {
    return this.#snapshots.lastSaveSeconds;
  }

  get lastSaveOk(): boolean {
    return this.#snapshots.lastOk;
  }

  get changesSinceSave(): number {
    return this.#snapshots.changesSince(this.lastSequence);
  }

  snapshotNow(): Promise<void> {
    return this.#snapshots.now();
  }

  syncedSequence(): number {
    return this.#channel.syncedSequence();
  }

  waitSynced(sequence: number, signal?: AbortSignal): Promise<void> {
    if (this.syncedSequence() >= sequence) return Promise.resolve();
    if (this.#writeError !== null) return Promise.reject(new Error(this.#writeError));
    const waited = this.#waiters.wait(sequence, signal);
    this.#channel.requestSync();
    // It may have been synced before word of it was asked for.
    this.#waiters.settle(this.syncedSequence());
    return waited;
  }

  info(): PersistenceInfo {
    const { control, ring } = this.#parts;
    return {
      wal_sequence: this.lastSequence,
      wal_written_sequence: this.#channel.writtenSequence(),
      wal_synced_sequence: this.syncedSequence(),
      wal_fsyncs: Atomics.load(control, slot.FSYNCS),
      wal_last_fsync_us: Atomics.load(control, slot.LAST_FSYNC_US),
      wal_oldest_unsynced_ms: this.#unsyncedMs(),
      wal_segments: this.#segments,
      wal_bytes: this.#finishedSegmentBytes + (Atomics.load(control, slot.SEGMENT_BYTES) >>> 0),
      wal_rotations: Atomics.load(control, slot.ROTATIONS),
      wal_errors: Atomics.load(control, slot.ERRORS),
      ring_bytes: this.#channel.waitingBytes,
      ring_capacity_bytes: ring.byteLength,
      ...this.#snapshots.info(),
      ...(this.#log === null ? {} : recoveryInfo(this.#log.recovered)),
    };
  }

  /**
   * For tests only: while paused nobody writes or syncs the log.
   * @internal
   */
  pauseForTest(paused: boolean): void {
    Atomics.store(this.#control, slot.PAUSED, paused ? 1 : 0);
    this.#channel.turn();
    this.#channel.wake(true);
  }

  close(options: { snapshot: boolean }): Promise<void> {
    this.#closing ??= this.#close(options.snapshot);
    return this.#closing;
  }

  /** Commits what is open, so that memory and log agree, and says where they stand. */
  #currentSequence(): number {
    this.#channel.commit(Date.now());
    return this.#channel.lastSequence;
  }

  #receive(message: slot.FromWorker): void {
    switch (message.type) {
      case "progress":
        this.#progress();
        break;
      case "failure":
        this.#diskFailure = message.text;
        this.#updateWriteError();
        if (message.text === null) this.#snapshots.logHealed();
        this.#progress();
        break;
      case "lockLost":
        this.#directory?.lock.isHeld();
        break;
      case "snapshotNeeded":
        this.#snapshots.mend(message.sequence);
        break;
      case "segments":
        this.#segments = message.count;
        this.#finishedSegmentBytes = message.finishedBytes;
        break;
      case "room":
        this.#snapshots.freeBytes = message.freeBytes;
        break;
      case "warning":
        this.#parts.logger.warn({}, message.message);
        break;
      case "closed":
        this.#log?.worker.expectEnd();
        this.#closed(message.error);
        break;
      case "ready":
      case "openFailed":
        break;
      default:
        this.#snapshots.receive(message);
        this.#checkDrained();
    }
  }

  /** Whether the lock is still ours; true also before it is taken, when there is nothing that could be written. */
  #ownsDirectory(nowMs?: number): boolean {
    return this.#directory?.lock.confirm(nowMs) !== false;
  }

  /** The worker got somewhere, or the level changed: go on with what waits, tell whom it concerns. */
  #progress(): void {
    this.#channel.endTurn();
    if (!this.#ownsDirectory()) return;
    this.#waiters.settle(this.syncedSequence());
    if (this.#waiters.waiting) this.#channel.requestSync();
    const acked = this.ackedSequence();
    if (acked > this.#reportedAcked) {
      this.#reportedAcked = acked;
      this.onAcked();
    }
    this.#checkDrained();
  }

  #isCongested(): boolean {
    if (this.#channel.congested) return true;
    const waitsForSnapshot = this.#snapshots.crowded || this.#channel.committedBytes >= this.#snapshots.heldAtLogBytes;
    return waitsForSnapshot && this.#writeError === null;
  }

  #checkDrained(): void {
    if (!this.#toldCongested || this.#isCongested()) return;
    this.#toldCongested = false;
    setImmediate(() => this.onDrained());
  }

  /** Age of the oldest write that is not synced. */
  #unsyncedMs(): number {
    const since = Atomics.load(this.#control, slot.UNSYNCED_SINCE_MS);
    return since === 0 ? 0 : slot.msSince(since, performance.timeOrigin + performance.now());
  }

  /** A slow disk is no failure, but what a power loss may take grows with it. */
  #tellLag(): void {
    const unsyncedMs = this.#unsyncedMs();
    const limitMs = Atomics.load(this.#control, slot.FSYNC_INTERVAL_MS) + LAG_MS;
    const lags = this.#writeError === null && unsyncedMs > (this.#lags ? limitMs / 2 : limitMs);
    if (lags === this.#lags) return;
    this.#lags = lags;
    const { logger } = this.#parts;
    if (lags) logger.warn({ unsyncedMs }, `the disk is slow: writes of the last ${unsyncedMs} ms are not synced yet`);
    else if (this.#writeError === null) logger.info({}, "the disk keeps up again");
  }

  #look(): void {
    this.#tellLag();
    const hanging = this.#log?.worker.standsStill() ?? null;
    if (hanging === this.#hanging) return;
    this.#hanging = hanging;
    this.#updateWriteError();
  }

  #updateWriteError(): void {
    // Whoever stood still may have been succeeded, and then finds first that the worker, which stood still, too, has not answered for long.
    if (!this.#ownsDirectory()) return;
    const reason = this.#broken ?? this.#hanging ?? this.#diskFailure;
    const text = reason === null ? null : ERROR_PREFIX + reason;
    if (text === this.#writeError) return;
    this.#writeError = text;
    this.#channel.failed = text !== null;
    const { logger } = this.#parts;
    if (reason === null) logger.info({}, "the log can be written again: accepting writes");
    else logger.error({ reason }, `the log cannot be written: refusing writes (${reason})`);
    this.onWriteError(text);
    if (text !== null) this.#waiters.reject(new Error(text));
    this.#checkDrained();
  }

  /** The directory is another's: no reply leaves any more, not even of a read, for memory is not what the other one has. */
  #lose(error: Error): void {
    this.#lost = true;
    Atomics.store(this.#control, slot.LOST, 1);
    this.#fail(error);
  }

  /** Nothing can be made durable any more. */
  #fail(error: Error): void {
    if (this.#broken !== null) return;
    this.#broken = error.message;
    clearInterval(this.#watch);
    this.#updateWriteError();
    this.#snapshots.stop();
    this.#snapshots.abort(error.message);
    this.#waiters.reject(error);
    this.#closed(error.message);
    this.#parts.logger.error({ err: error }, `persistence is broken: ${error.message}`);
    this.#parts.options.onFatal(error);
  }

  async #close(snapshot: boolean): Promise<void> {
    const { keyspace, logger } = this.#parts;
    if (this.#log === null) {
      await this.#stopLoading();
      return;
    }
    this.#snapshots.stop();
    this.#currentSequence();
    if (snapshot && this.#broken === null) await this.#lastSnapshot();
    else this.#snapshots.abort("the server is closing");
    keyspace.effects.enabled = false;
    this.#channel.turn();
    const error = await this.#closeWorker();
    clearInterval(this.#watch);
    await this.#log.worker.end();
    this.#waiters.settle(this.syncedSequence());
    this.#directory?.release();
    if (error !== null) {
      this.#waiters.reject(new Error(error));
      logger.error({ reason: error }, `closed, but not everything could be made durable: ${error}`);
      throw new Error(`not everything could be made durable: ${error}`);
    }
  }

  async #stopLoading(): Promise<void> {
    this.#giveUp.abort(new Error("the server was closed while it loaded the data"));
    await this.#loaded?.catch(() => {});
  }

  /** A snapshot waits for the log, and so would have no end where the disk fails for good. */
  async #lastSnapshot(): Promise<void> {
    let worksMs = performance.now();
    let toldMs = worksMs;
    const watch = setInterval(() => {
      const nowMs = performance.now();
      if (nowMs - toldMs >= TELL_MS) {
        toldMs = nowMs;
        this.#parts.logger.info({}, `writing the last snapshot: ${Math.floor(this.#snapshots.fraction * 100)} %`);
      }
      if (this.#writeError === null) worksMs = nowMs;
      else if (nowMs - worksMs > CLOSE_PATIENCE_MS) this.#snapshots.abort("the log cannot be written");
    }, CLOSE_LOOK_MS);
    await this.#snapshots.last();
    clearInterval(watch);
  }

  async #closeWorker(): Promise<string | null> {
    // What waits outside the ring goes in as the worker makes room; a disk that fails keeps it out.
    while (this.#broken === null && this.#channel.hasAside && this.#writeError === null) {
      await delay(CLOSE_LOOK_MS);
      this.#channel.turn();
    }
    const reason = this.#broken ?? this.#hanging;
    if (reason !== null) return reason;
    this.#channel.turn();
    const closed = new Promise<string | null>((resolve) => {
      this.#closed = resolve;
    });
    this.#log?.worker.post({ type: "close" }, []);
    this.#channel.wake(true);
    const error = await closed;
    if (error === null && this.#channel.hasAside) return this.#diskFailure ?? "entries were left in memory";
    return error;
  }
}

/** Before the worker runs: it finds everything that was recovered published and written. */
function fillControl(control: Int32Array, options: PersistenceOptions, recovered: RecoveredState): void {
  const { lastSequence: sequence, syncedSequence } = recovered;
  const position = options.ringStartPosition ?? 0;
  control[slot.HEAD] = position;
  control[slot.TAIL] = position;
  control[slot.WRAP_AT] = position;
  control[slot.HEAD_SEQUENCE_BEFORE] = sequence;
  control[slot.HEAD_SEQUENCE_AFTER] = sequence;
  control[slot.WRITTEN_SEQUENCE] = sequence;
  control[slot.SYNCED_SEQUENCE] = syncedSequence;
}

function recoveryInfo(recovered: RecoveredState): PersistenceInfo {
  return {
    recovery_ms: Math.round(recovered.durationMs),
    recovery_snapshot_entries: recovered.snapshotEntries,
    recovery_wal_entries: recovered.walEntries,
    recovery_corrupted_entries: recovered.corruptedEntries,
  };
}

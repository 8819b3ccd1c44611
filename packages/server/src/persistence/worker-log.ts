/**
 * The worker's end of the log: drains the ring into the segment, syncs it, rotates it, and gets over failures.
 *
 * A short or failed write leaves TAIL at the edge of the last whole entry and TAIL_PARTIAL at what the file has beyond it; the rest
 * is tried again from that byte, so that no torn entry ever stands before a good one.
 *
 * After a failed fdatasync nobody knows what the file holds, and a later success would prove nothing (the kernel marks the pages clean
 * all the same). The way back:
 *   1. FAILED is set: main refuses writes and does not touch the file. SYNCED_SEQUENCE stays where it was.
 *   2. A new segment is begun, whose header says how far the log was durable. What waits in the ring goes there.
 *   3. Main makes a snapshot from memory: it contains all that only the bad segment holds.
 *   4. When the new segment is synced up to its highest stamp and it is published, SYNCED_SEQUENCE goes on and FAILED ends.
 */
import { type Directory, fileNames, SEGMENT_HEADER_BYTES, StorageError, WalWriter } from "@hearthkv/durability";
import { errnoText } from "./errno-text.js";
import { DrainRange, nextRange } from "./ring.js";
import * as slot from "./slots.js";

const RETRY_MS = 100;
const LOCK_WAIT_MS = 0.05;
/** How far past its size a segment may grow while it is being synced for its rotation, as a share of that size. */
const OVERSHOOT_SHARE = 1 / 4;

interface SyncWaiter {
  readonly sequence: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class WorkerLog {
  /** Called when an fdatasync ended, well or not. */
  onSynced: () => void = () => {};
  readonly #start: slot.WorkerStart;
  readonly #control: Int32Array;
  readonly #ring: Buffer;
  readonly #dir: Directory;
  readonly #post: (message: slot.FromWorker) => void;
  readonly #writer: WalWriter;
  readonly #range = new DrainRange();
  readonly #waiters: SyncWaiter[] = [];
  #oversize: Uint8Array | null = null;
  #oversizeDone = 0;
  /** What main published, as of the last look. */
  #head = 0;
  #published: number;
  /** Highest sequence that is whole in the file. */
  #written: number;
  /** Highest sequence up to which the present segment (and each before it, unless a sync failed) is synced. */
  #fileSynced: number;
  /** What main was told of it: behind #fileSynced only from a failed fdatasync until the snapshot that mends it. */
  #durable: number;
  /** Time since which something is unsynced; -1 = nothing is. */
  #dirtySinceMs = -1;
  #syncing = false;
  /** The segment is full, and the long fdatasync before its rotation was begun. */
  #endsSegment = false;
  #writeFailure: string | null = null;
  #syncFailure: string | null = null;
  /** A snapshot that contains everything up to here ends the sync failure; -1 = none is needed. */
  #snapshotNeeded = -1;
  #told: string | null = null;
  #retryAtMs = 0;

  /** Begins a segment. Throws StorageError. */
  constructor(start: slot.WorkerStart, dir: Directory, post: (message: slot.FromWorker) => void) {
    this.#start = start;
    this.#control = new Int32Array(start.control);
    this.#ring = Buffer.from(start.ring);
    this.#dir = dir;
    this.#post = post;
    this.#published = this.#written = this.#fileSynced = this.#durable = start.lastSequence;
    this.#writer = WalWriter.create(dir, {
      generation: start.generation,
      firstSequence: start.lastSequence + 1,
      segmentNumber: start.segmentNumber,
      maxBytes: start.walMaxBytes,
    });
    this.#tellSegment();
  }

  /** An fdatasync is under way, whose end must not be slept through. */
  get syncing(): boolean {
    return this.#syncing;
  }

  /** Everything that main published is in the file. */
  get drained(): boolean {
    this.#readPublished();
    return Atomics.load(this.#control, slot.TAIL) === this.#head && this.#writtenNow() === this.#published;
  }

  get failure(): string | null {
    return this.#writeFailure ?? this.#syncFailure;
  }

  /** The entry whose place is OVERSIZE_AT. */
  takeOversize(bytes: Uint8Array): void {
    this.#oversize = bytes;
    this.#oversizeDone = 0;
  }

  /** Does what can be done now. */
  step(nowMs: number): void {
    const control = this.#control;
    if (Atomics.load(control, slot.PAUSED) === 1) return;
    if (nowMs >= this.#retryAtMs) {
      if (this.#writer.poisoned) this.#replacePoisoned(nowMs);
      if (!this.#writer.poisoned && !this.drained) this.#drain(nowMs);
    }
    this.#noteDirty(nowMs);
    if (this.#dirtySinceMs < 0) Atomics.store(control, slot.SYNC_WANTED, 0);
    else if (!this.#syncing && this.#msUntilSync(nowMs) <= 0) this.#locked(() => this.#beginSync(nowMs));
    this.#tellFailure();
  }

  /** Milliseconds until step() should run although nothing new came; Infinity when there is nothing to do. */
  msUntilStep(nowMs: number): number {
    if (Atomics.load(this.#control, slot.PAUSED) === 1) return Number.POSITIVE_INFINITY;
    const stuck = this.#writeFailure !== null || this.#writer.poisoned;
    if (stuck) return Math.max(0, this.#retryAtMs - nowMs);
    if (!this.drained && !this.#waiting()) return 0;
    return this.#syncing ? Number.POSITIVE_INFINITY : this.#msUntilSync(nowMs);
  }

  /** Resolves when the present segment is synced up to `sequence`. Rejects when an fdatasync fails first. */
  synced(sequence: number): Promise<void> {
    if (this.#fileSynced >= sequence && !this.#writer.poisoned) return Promise.resolve();
    Atomics.store(this.#control, slot.SYNC_WANTED, 1);
    return new Promise((resolve, reject) => this.#waiters.push({ sequence, resolve, reject }));
  }

  /** Whether a snapshot of everything up to `walPos` may be published: not one that needs entries of a bad segment. */
  mayPublish(walPos: number): boolean {
    return !this.#writer.poisoned && walPos >= this.#snapshotNeeded;
  }

  /** A snapshot was published that contains everything up to `walPos`. */
  snapshotPublished(walPos: number): void {
    if (this.#snapshotNeeded < 0 || !this.mayPublish(walPos)) return;
    this.#snapshotNeeded = -1;
    this.#syncFailure = null;
    this.#tellSynced();
    this.#tellFailure();
  }

  /** Tells main how many segments there are. */
  tellSegments(): void {
    let finishedBytes = 0;
    const names = fileNames.segmentNames(this.#dir.list());
    for (const name of names) if (name !== fileNames.WAL_CURRENT) finishedBytes += this.#dir.size(name);
    this.#post({ type: "segments", count: names.length, finishedBytes });
  }

  /** Everything published is durable. */
  get settled(): boolean {
    return this.drained && this.#durable >= this.#published;
  }

  close(): void {
    this.#writer.close();
  }

  // --- draining

  #readPublished(): void {
    const control = this.#control;
    for (;;) {
      const after = Atomics.load(control, slot.HEAD_SEQUENCE_AFTER);
      const head = Atomics.load(control, slot.HEAD);
      if (Atomics.load(control, slot.HEAD_SEQUENCE_BEFORE) !== after) continue;
      this.#head = head;
      this.#published += (after - this.#published) >>> 0;
      return;
    }
  }

  #writtenNow(): number {
    this.#written += (Atomics.load(this.#control, slot.WRITTEN_SEQUENCE) - this.#written) >>> 0;
    return this.#written;
  }

  /** Draining has to wait for something whose coming wakes this thread: a message, or the end of an fdatasync. */
  #waiting(): boolean {
    if (this.#syncing && this.#endsSegment) return true;
    return this.#oversize === null && this.#oversizeIsNext(Atomics.load(this.#control, slot.TAIL));
  }

  /** Runs `work` as the one who may touch TAIL and the segment. */
  #locked<T>(work: () => T): T {
    const control = this.#control;
    while (Atomics.compareExchange(control, slot.DRAIN_LOCK, 0, 1) !== 0) {
      Atomics.wait(control, slot.DRAIN_LOCK, 1, LOCK_WAIT_MS);
    }
    Atomics.store(control, slot.IN_SYSTEM_CALL, 1);
    try {
      this.#writer.noteExternalBytes((Atomics.load(control, slot.SEGMENT_BYTES) >>> 0) - this.#writer.bytes);
      return work();
    } finally {
      this.#tellSegment();
      Atomics.store(control, slot.IN_SYSTEM_CALL, 0);
      Atomics.store(control, slot.DRAIN_LOCK, 0);
    }
  }

  #drain(nowMs: number): void {
    this.#locked(() => {
      try {
        if (this.#writeOut(nowMs)) this.#writeFailure = null;
      } catch (error) {
        this.#writeFailed(error, nowMs);
      }
    });
    this.#tellProgress(slot.PROGRESS_WRITTEN);
  }

  /** Writes all that is published. False: it has to wait for a sync, an oversize entry, or a new segment. */
  #writeOut(nowMs: number): boolean {
    const control = this.#control;
    const range = this.#range;
    for (;;) {
      this.#readPublished();
      const tail = Atomics.load(control, slot.TAIL);
      if (this.#oversizeIsNext(tail)) {
        if (this.#oversize === null || !this.#writeOversize(this.#oversize, nowMs)) return false;
      } else if (nextRange(control, this.#ring.length, tail, this.#head, range)) {
        if (range.bytes > 0 && !this.#writeRange(tail, nowMs)) return false;
        Atomics.store(control, slot.TAIL, range.next);
      } else {
        Atomics.store(control, slot.WRITTEN_SEQUENCE, this.#published | 0);
        return true;
      }
    }
  }

  #oversizeIsNext(tail: number): boolean {
    const control = this.#control;
    return Atomics.load(control, slot.OVERSIZE_PENDING) === 1 && Atomics.load(control, slot.OVERSIZE_AT) === tail;
  }

  #writeRange(tail: number, nowMs: number): boolean {
    const control = this.#control;
    const range = this.#range;
    const partial = Atomics.load(control, slot.TAIL_PARTIAL);
    if (partial === 0) {
      const bytes = this.#bytesForSegment(this.#ring, range.offset, range.bytes, nowMs);
      if (bytes === 0) return false;
      if (bytes < range.bytes) {
        range.bytes = bytes;
        range.next = (tail + bytes) | 0;
      }
    }
    try {
      this.#writer.write(this.#ring, range.offset + partial, range.bytes - partial);
      Atomics.store(control, slot.TAIL_PARTIAL, 0);
      return true;
    } catch (error) {
      Atomics.store(control, slot.TAIL_PARTIAL, partial + bytesWritten(error));
      throw error;
    }
  }

  #writeOversize(bytes: Uint8Array, nowMs: number): boolean {
    const done = this.#oversizeDone;
    if (done === 0 && this.#bytesForSegment(bytes, 0, bytes.length, nowMs) === 0) return false;
    try {
      this.#writer.write(bytes, done, bytes.length - done);
    } catch (error) {
      this.#oversizeDone = done + bytesWritten(error);
      throw error;
    }
    this.#oversize = null;
    this.#oversizeDone = 0;
    Atomics.store(this.#control, slot.OVERSIZE_PENDING, 0);
    return true;
  }

  // --- segments

  /** How many of these bytes (whole entries) go into the present segment now; rotates when it is full. 0: wait for a sync. */
  #bytesForSegment(bytes: Uint8Array, offset: number, length: number, nowMs: number): number {
    const { walMaxBytes } = this.#start;
    const fit = wholeEntries(bytes, offset, length, walMaxBytes - this.#writer.bytes);
    if (fit > 0) return fit;
    const first = readU32(bytes, offset);
    if (this.#writer.bytes <= SEGMENT_HEADER_BYTES) return first;
    if (!this.#rotated(this.#sequenceAt(bytes, offset), nowMs)) {
      const overshoot = Math.min(this.#ring.length, walMaxBytes * OVERSHOOT_SHARE);
      return wholeEntries(bytes, offset, length, walMaxBytes + overshoot - this.#writer.bytes);
    }
    return Math.max(first, wholeEntries(bytes, offset, length, walMaxBytes - this.#writer.bytes));
  }

  /**
   * Ends the segment; the next one begins with `nextSequence`. False while its long fdatasync is done in the background: the old
   * segment takes a little more meanwhile, so that the one of the rotation itself, which nothing can be written during, is short.
   */
  #rotated(nextSequence: number, nowMs: number): boolean {
    if (!this.#syncing && !this.#endsSegment) {
      this.#endsSegment = true;
      this.#beginSync(nowMs);
    }
    if (this.#syncing) return false;
    this.#writer.rotate(nextSequence);
    this.#endsSegment = false;
    this.#fileSynced = nextSequence - 1;
    Atomics.add(this.#control, slot.ROTATIONS, 1);
    this.#tellSynced();
    this.tellSegments();
    return true;
  }

  /** The sequence of an entry that is not in the file yet. */
  #sequenceAt(bytes: Uint8Array, at: number): number {
    const above = this.#writtenNow() + 1;
    return above + ((readU32(bytes, at + 4) - above) >>> 0);
  }

  #tellSegment(): void {
    Atomics.store(this.#control, slot.SEGMENT_FD, this.#writer.fd);
    Atomics.store(this.#control, slot.SEGMENT_BYTES, this.#writer.bytes);
  }

  // --- syncing

  #noteDirty(nowMs: number): void {
    const dirty = this.#writtenNow() > this.#fileSynced;
    if (!dirty) this.#dirtySinceMs = -1;
    else if (this.#dirtySinceMs < 0) this.#dirtySinceMs = nowMs;
    const since = dirty ? (performance.timeOrigin + this.#dirtySinceMs) | 0 || 1 : 0;
    Atomics.store(this.#control, slot.UNSYNCED_SINCE_MS, since);
  }

  #msUntilSync(nowMs: number): number {
    const control = this.#control;
    if (this.#dirtySinceMs < 0 || this.#writer.poisoned) return Number.POSITIVE_INFINITY;
    if (Atomics.load(control, slot.ACK_LEVEL) === slot.ACK_SYNCED) return 0;
    if (Atomics.load(control, slot.SYNC_WANTED) === 1) return 0;
    return Math.max(0, this.#dirtySinceMs + Atomics.load(control, slot.FSYNC_INTERVAL_MS) - nowMs);
  }

  /** Starts an fdatasync in another thread. With the lock: no write of main's may be under way. */
  #beginSync(nowMs: number): void {
    const control = this.#control;
    Atomics.store(control, slot.SYNC_WANTED, 0);
    Atomics.store(control, slot.FSYNC_IN_FLIGHT, 1);
    this.#syncing = true;
    const covered = this.#writtenNow();
    this.#writer.syncAsync().then(
      () => this.#syncEnded(covered, nowMs),
      (error: unknown) => this.#syncFailed(error),
    );
  }

  #syncEnded(covered: number, beganMs: number): void {
    const control = this.#control;
    this.#fileSynced = Math.max(this.#fileSynced, covered);
    this.#dirtySinceMs = this.#writtenNow() > this.#fileSynced ? beganMs : -1;
    Atomics.add(control, slot.FSYNCS, 1);
    Atomics.store(control, slot.LAST_FSYNC_US, Math.round((performance.now() - beganMs) * 1000));
    this.#syncing = false;
    Atomics.store(control, slot.FSYNC_IN_FLIGHT, 0);
    this.#tellSynced();
    this.onSynced();
  }

  #syncFailed(error: unknown): void {
    const control = this.#control;
    Atomics.store(control, slot.FAILED, 1);
    Atomics.add(control, slot.ERRORS, 1);
    this.#syncing = false;
    this.#endsSegment = false;
    Atomics.store(control, slot.FSYNC_IN_FLIGHT, 0);
    this.#syncFailure = describe(error);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Error(this.#syncFailure));
    this.onSynced();
  }

  /** Tells main, and who waits in this thread, how far everything is durable. */
  #tellSynced(): void {
    if (this.#snapshotNeeded < 0) {
      this.#durable = this.#fileSynced;
      Atomics.store(this.#control, slot.SYNCED_SEQUENCE, this.#durable | 0);
      this.#tellProgress(slot.PROGRESS_SYNCED);
    }
    for (let i = this.#waiters.length - 1; i >= 0; i--) {
      if (this.#waiters[i]!.sequence <= this.#fileSynced) this.#waiters.splice(i, 1)[0]!.resolve();
    }
    if (this.#waiters.length > 0) Atomics.store(this.#control, slot.SYNC_WANTED, 1);
  }

  // --- failures

  #writeFailed(error: unknown, nowMs: number): void {
    // An fdatasync inside a rotation fails like any other.
    if (this.#writer.poisoned) {
      this.#syncFailed(error);
      return;
    }
    Atomics.store(this.#control, slot.FAILED, 1);
    Atomics.add(this.#control, slot.ERRORS, 1);
    this.#writeFailure = describe(error);
    this.#retryAtMs = nowMs + RETRY_MS;
  }

  /** Begins a segment in place of one whose fdatasync failed, and asks for the snapshot that makes it superfluous. */
  #replacePoisoned(nowMs: number): void {
    try {
      const nextSequence = this.#locked(() => this.#beginAfterPoisoned());
      this.#writeFailure = null;
      this.#fileSynced = nextSequence - 1;
      this.#snapshotNeeded = nextSequence - 1;
      this.#post({ type: "snapshotNeeded", sequence: nextSequence - 1 });
      this.tellSegments();
    } catch (error) {
      this.#beginFailed(error, nowMs);
    }
  }

  #beginFailed(error: unknown, nowMs: number): void {
    Atomics.add(this.#control, slot.ERRORS, 1);
    this.#writeFailure = describe(error);
    this.#retryAtMs = nowMs + RETRY_MS;
  }

  /** Returns the sequence of the new segment's first entry. */
  #beginAfterPoisoned(): number {
    const torn = Atomics.load(this.#control, slot.TAIL_PARTIAL) + this.#oversizeDone;
    if (torn > 0) {
      // The new segment gets that entry whole.
      this.#writer.truncate(this.#writer.bytes - torn);
      Atomics.store(this.#control, slot.TAIL_PARTIAL, 0);
      this.#oversizeDone = 0;
    }
    const nextSequence = this.#nextSequence();
    this.#writer.rotate(nextSequence, this.#durable);
    return nextSequence;
  }

  /** Sequence of the first entry that is not whole in the file. */
  #nextSequence(): number {
    const control = this.#control;
    const range = this.#range;
    for (;;) {
      this.#readPublished();
      const tail = Atomics.load(control, slot.TAIL);
      if (this.#oversizeIsNext(tail)) {
        if (this.#oversize === null) throw new Error("an entry is on its way");
        return this.#sequenceAt(this.#oversize, 0);
      }
      if (!nextRange(control, this.#ring.length, tail, this.#head, range)) return this.#published + 1;
      if (range.bytes > 0) return this.#sequenceAt(this.#ring, range.offset);
      Atomics.store(control, slot.TAIL, range.next);
    }
  }

  #tellFailure(): void {
    const { failure } = this;
    Atomics.store(this.#control, slot.FAILED, failure === null ? 0 : 1);
    if (failure === this.#told) return;
    this.#told = failure;
    this.#post({ type: "failure", text: failure });
  }

  #tellProgress(happened: number): void {
    const control = this.#control;
    const used = (Atomics.load(control, slot.HEAD) - Atomics.load(control, slot.TAIL)) >>> 0;
    const room = used <= this.#ring.length * slot.LOW_WATER && Atomics.load(control, slot.OVERSIZE_PENDING) === 0;
    const bits = Atomics.load(control, slot.PROGRESS_WANTED) & (happened | (room ? slot.PROGRESS_ROOM : 0));
    if (bits === 0) return;
    Atomics.and(control, slot.PROGRESS_WANTED, ~bits);
    this.#post({ type: "progress" });
  }
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Length of the longest run of whole entries at the start of `bytes[offset, offset + length)` that is not above `room`. */
function wholeEntries(bytes: Uint8Array, offset: number, length: number, room: number): number {
  if (length <= room) return length;
  let end = 0;
  for (;;) {
    const next = end + readU32(bytes, offset + end);
    if (next > room) return end;
    end = next;
  }
}

function bytesWritten(error: unknown): number {
  return error instanceof StorageError ? (error.bytesWritten ?? 0) : 0;
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return errnoText(error instanceof StorageError ? error.errno : undefined, message);
}

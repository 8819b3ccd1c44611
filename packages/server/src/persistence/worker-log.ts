/**
 * The worker's end of the log: drains the ring into the segment, syncs it, rotates it, and gets over failures.
 *
 * After a failed fdatasync nobody knows what the file holds, and a later success would prove nothing (the kernel marks the pages clean
 * all the same). The way back:
 *   1. FAILED is set: main refuses writes and does not touch the file. SYNCED_SEQUENCE stays where it was.
 *   2. A new segment is begun, whose header says how far the log was durable. What waits in the ring goes there.
 *   3. Main makes a snapshot from memory: it contains all that only the bad segment holds.
 *   4. When the new segment is synced up to its highest stamp and it is published, SYNCED_SEQUENCE goes on and FAILED ends.
 * Main makes quick fdatasyncs itself (quick-sync.ts). One of those that fails is found in SYNC_ERRNO by whoever next takes the lock here, before anything
 * else is done to the file, and goes the same way.
 *
 * When the log goes quiet it writes a proof of what is synced (durability's proof.ts) behind the last entry, where main and the drain have
 * left the file at the edge of one; and twice a second, as long as more becomes durable, the file `synced` says how much (synced-claim.ts). The proof is synced like an entry, but nobody is told of it, and no sequence is used: INFO shows only the bytes and the fdatasync.
 */
import { getSystemErrorName } from "node:util";
import {
  ClaimKeeper,
  type Directory,
  isNoRoom,
  ProofSchedule,
  SEGMENT_HEADER_BYTES,
  StorageError,
  WalWriter,
} from "@hearthkv/durability";
import { RoomTeller } from "./disk-room.js";
import { errnoText } from "./errno-text.js";
import { fsyncsAreQuick, noteFsync } from "./fsync-time.js";
import { OwedManifest } from "./owed-manifest.js";
import { type DrainTarget, entryBytes, RingDrain, wholeEntries } from "./ring-drain.js";
import * as slot from "./slots.js";
import { SyncWaiters } from "./sync-waiters.js";
import { SyncedMark } from "./synced-mark.js";

const RETRY_MS = 100;
const LOCK_WAIT_MS = 0.05;
/** So often is looked for fdatasyncs that main made, as long as they owe a proof: it is late by no more than this. */
const SYNC_LOOK_MS = 50;
/** How far past its size a segment may grow while it is being synced for its rotation, as a share of that size. */
const OVERSHOOT_SHARE = 1 / 4;
/** A segment with less is not ended for a snapshot's sake: its own fsyncs would cost more than its bytes. */
const ENDED_BYTES_MIN = 1024 * 1024;

export class WorkerLog implements DrainTarget {
  /** Called when an fdatasync ended, well or not. */
  onSynced: () => void = () => {};
  /** Called when there is no room for the log: gives up something older, and returns whether it did. */
  onNoRoom: () => boolean = () => false;
  readonly #start: slot.WorkerStart;
  readonly #control: Int32Array;
  readonly #drain: RingDrain;
  readonly #dir: Directory;
  readonly #post: (message: slot.FromWorker) => void;
  readonly #writer: WalWriter;
  readonly #now: () => number;
  readonly #proofs: ProofSchedule;
  readonly #claim: ClaimKeeper;
  /** No fdatasync that began since has covered the last proof. */
  #proofUnsynced = false;
  #closing = false;
  readonly #waiters = new SyncWaiters();
  readonly #mark: SyncedMark;
  /** What is durable as far as its proofs and whoever waits for it were told. */
  #durableTold: number;
  /** Time since which something is unsynced; -1 = nothing is. */
  #dirtySinceMs = -1;
  #syncing = false;
  /** The segment is full, and the long fdatasync before its rotation was begun. */
  #endsSegment = false;
  /** The segment takes nothing more before the fdatasync that is under way has ended. */
  #isFull = false;
  /** Resolves what endSegment() promised; null = nobody waits for it. */
  #segmentEnded: (() => void) | null = null;
  readonly #owedManifest: OwedManifest;
  readonly #room: RoomTeller;
  #writeFailure: string | null = null;
  #syncFailure: string | null = null;
  #told: string | null = null;
  #retryAtMs = 0;

  /** Begins a segment, or, where the disk is full, will do so once there is room. `now`: milliseconds of a monotonic clock. Throws StorageError. */
  constructor(
    start: slot.WorkerStart,
    dir: Directory,
    post: (message: slot.FromWorker) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#proofs = new ProofSchedule(start.syncedSequence);
    this.#claim = new ClaimKeeper(dir, start.syncedSequence);
    this.#start = start;
    this.#control = new Int32Array(start.control);
    this.#drain = new RingDrain(this.#control, start.ring, start.lastSequence);
    this.#dir = dir;
    this.#post = post;
    this.#owedManifest = new OwedManifest(dir, start.owedManifest);
    this.#room = new RoomTeller(start.directory, dir, this.#control, post);
    this.#mark = new SyncedMark(this.#control, start.lastSequence, start.syncedSequence);
    this.#durableTold = start.syncedSequence;
    this.#writer = this.#firstSegment();
    this.#tellSegment();
  }

  /** Tells main how things stand; once, when main listens. */
  begin(): void {
    if (this.#mark.mends) this.#post({ type: "snapshotNeeded", sequence: this.#mark.mendedFrom });
    this.tellSegments();
  }

  /** An fdatasync is under way, whose end must not be slept through. */
  get syncing(): boolean {
    return this.#syncing;
  }

  get failure(): string | null {
    return this.#writeFailure ?? this.#syncFailure;
  }

  /** The entry whose place is OVERSIZE_AT. */
  takeOversize(bytes: Uint8Array): void {
    this.#drain.takeOversize(bytes);
  }

  /** Does what can be done now. */
  step(): void {
    if (Atomics.load(this.#control, slot.PAUSED) === 1) return;
    const beganMs = this.#now();
    if (beganMs >= this.#retryAtMs) {
      if (this.#writer.poisoned) this.#replacePoisoned();
      if (!this.#writer.poisoned && (!this.#drain.drained || this.#writer.endsInProof)) this.#writeOut();
    }
    if (this.#mark.durable > this.#durableTold) this.#tellSynced();
    if (this.#segmentEnded !== null && this.#endSegment()) {
      this.#segmentEnded();
      this.#segmentEnded = null;
    }
    if (this.#msUntilProof() <= 0) this.#prove();
    if (this.#msUntilClaim() <= 0) this.#writeClaim();
    // Unsynced since before the write, which may have taken long.
    this.#noteDirty(beganMs);
    if (!this.#syncing && this.#msUntilSync() <= 0) this.#sync();
    this.#tellFailure();
  }

  /** The log is about to be closed: what is durable shall be proven at once. */
  beginClosing(): void {
    this.#closing = true;
  }

  /** Milliseconds until step() should run to prove what is synced, though nothing else may be to do; Infinity where nothing is owed. */
  msUntilProof(): number {
    return Math.min(this.#msUntilProof(), this.#msUntilClaim());
  }

  /** In the file `synced`. */
  #msUntilClaim(): number {
    return this.#mayProve() ? this.#claim.msUntilDue(this.#now()) : Number.POSITIVE_INFINITY;
  }

  /** Behind the last entry. */
  #msUntilProof(): number {
    if (!this.#proofs.owed || !this.#mayProve()) return Number.POSITIVE_INFINITY;
    const quiet = !this.#syncing && this.#dirtySinceMs < 0;
    return this.#closing && quiet ? 0 : this.#proofs.msUntilDue(this.#now(), quiet);
  }

  #mayProve(): boolean {
    if (this.failure !== null || this.#writer.poisoned) return false;
    return Atomics.load(this.#control, slot.PAUSED) === 0;
  }

  /** Milliseconds until step() should run to write or to sync although nothing new came; Infinity when there is nothing to do. */
  msUntilStep(): number {
    if (Atomics.load(this.#control, slot.PAUSED) === 1) return Number.POSITIVE_INFINITY;
    const stuck = this.#writeFailure !== null || this.#writer.poisoned;
    if (stuck) return Math.max(0, this.#retryAtMs - this.#now());
    const waits = (this.#syncing && this.#isFull) || this.#drain.waitsForOversize;
    if (!waits && (!this.#drain.drained || (this.#segmentEnded !== null && !this.#syncing))) return 0;
    // Main wrote after step() had looked: what is unsynced must be noted before a sleep.
    const unnoted = this.#dirtySinceMs < 0 && this.#drain.written > this.#mark.synced;
    if (!this.#syncing && unnoted && !this.#isMainsTurn()) return 0;
    return this.#syncing ? Number.POSITIVE_INFINITY : Math.min(this.#msUntilSync(), this.#msUntilLook());
  }

  /** Resolves when the present segment is synced up to `sequence`. Rejects when it cannot be written or synced, now or before that. */
  synced(sequence: number): Promise<void> {
    // On a full disk the snapshot that waits for the log holds the room that the log needs.
    if (this.#writer.poisoned || this.#writeFailure !== null)
      return Promise.reject(new Error(this.failure ?? "an fdatasync failed"));
    if (this.#mark.synced >= sequence) return Promise.resolve();
    Atomics.store(this.#control, slot.SYNC_WANTED, 1);
    return this.#waiters.wait(sequence);
  }

  /**
   * Ends the segment, so that a snapshot of all that came so far will make the whole of it superfluous. Resolves when that is done, is not worth
   * it, or cannot be done now. One at a time.
   */
  endSegment(): Promise<void> {
    if (Atomics.load(this.#control, slot.SEGMENT_BYTES) >>> 0 < ENDED_BYTES_MIN) return Promise.resolve();
    return new Promise((resolve) => {
      this.#segmentEnded = resolve;
    });
  }

  /** Whether a snapshot of everything up to `walPos` may be published: not one that needs entries of a bad segment. */
  mayPublish(walPos: number): boolean {
    return !this.#writer.poisoned && walPos >= this.#mark.mendedFrom;
  }

  /** A snapshot was published that contains everything up to `walPos`. */
  snapshotPublished(walPos: number): void {
    if (!this.#mark.mends || !this.mayPublish(walPos)) return;
    this.#syncFailure = null;
    this.#mark.mended();
    this.#tellSynced();
    this.#tellFailure();
  }

  /** Tells main how many segments there are. */
  tellSegments(): void {
    this.#room.tellSegments(this.#now());
  }

  /** Whoever waits in synced() waits no longer: the log is not going to be written. */
  giveUp(): void {
    this.#waiters.reject(new Error(this.failure ?? "the log is being closed"));
  }

  /** Everything published is durable. */
  get settled(): boolean {
    return this.#drain.drained && this.#mark.durable >= this.#drain.published;
  }

  /** Nobody writes any more, main neither. */
  close(): void {
    if (this.#mayProve()) this.#writeClaim();
    this.#locked(() => this.#writer.close());
    Atomics.store(this.#control, slot.FAILED, 1);
    Atomics.store(this.#control, slot.SEGMENT_FD, -1);
  }

  // --- writing

  /** Runs `work` as the one who may touch TAIL and the segment. */
  #locked<T>(work: () => T): T {
    const control = this.#control;
    while (Atomics.compareExchange(control, slot.DRAIN_LOCK, 0, 1) !== 0) {
      Atomics.wait(control, slot.DRAIN_LOCK, 1, LOCK_WAIT_MS);
    }
    Atomics.add(control, slot.IN_LONG_CALL, 1);
    try {
      this.#writer.noteExternalBytes((Atomics.load(control, slot.SEGMENT_BYTES) >>> 0) - this.#writer.bytes);
      this.#noteFailureOfMain();
      return work();
    } finally {
      this.#tellSegment();
      Atomics.sub(control, slot.IN_LONG_CALL, 1);
      Atomics.store(control, slot.DRAIN_LOCK, 0);
    }
  }

  #writeOut(): void {
    this.#locked(() => {
      while (!this.#writer.poisoned) {
        try {
          this.#writer.cutProof();
          if (this.#drain.drainInto(this)) this.#writeFailure = null;
          return;
        } catch (error) {
          if (isNoRoom(error) && this.onNoRoom()) continue;
          this.#writeFailed(error);
          return;
        }
      }
    });
    this.#tellProgress(slot.PROGRESS_WRITTEN);
  }

  /** For the drain: how much of it the present segment takes; rotates when it is full. */
  room(bytes: Uint8Array, offset: number, length: number): number {
    const room = this.#roomIn(bytes, offset, length);
    this.#isFull = room === 0;
    return room;
  }

  #roomIn(bytes: Uint8Array, offset: number, length: number): number {
    const { walMaxBytes } = this.#start;
    const fit = wholeEntries(bytes, offset, length, walMaxBytes - this.#writer.bytes);
    if (fit > 0) return fit;
    const first = entryBytes(bytes, offset);
    if (this.#writer.bytes <= SEGMENT_HEADER_BYTES) return first;
    if (!this.#rotated(this.#drain.sequenceAt(bytes, offset))) {
      const overshoot = Math.min(this.#drain.ringBytes, walMaxBytes * OVERSHOOT_SHARE);
      return wholeEntries(bytes, offset, length, walMaxBytes + overshoot - this.#writer.bytes);
    }
    return Math.max(first, wholeEntries(bytes, offset, length, walMaxBytes - this.#writer.bytes));
  }

  /** For the drain. */
  write(bytes: Uint8Array, offset: number, length: number): void {
    this.#writer.write(bytes, offset, length);
  }

  // --- segments

  /**
   * Ends the segment; the next one begins with `nextSequence`. False while its long fdatasync is done in the background: the old
   * segment takes a little more meanwhile, so that the one of the rotation itself, which nothing can be written during, is short.
   */
  #rotated(nextSequence: number): boolean {
    if (!this.#syncing && !this.#endsSegment) {
      this.#endsSegment = true;
      this.#syncInBackground(this.#beginSync());
    }
    if (this.#syncing) return false;
    // Until a snapshot mends a failed fdatasync, no header may claim that what it left behind was synced.
    this.#writer.rotate(nextSequence, this.#mark.mends ? this.#mark.durable : undefined);
    this.#endsSegment = false;
    this.#mark.raise(nextSequence - 1);
    this.#proofUnsynced = false;
    if (!this.#mark.mends) this.#proofs.proven(nextSequence - 1);
    Atomics.add(this.#control, slot.ROTATIONS, 1);
    this.#tellSynced();
    this.tellSegments();
    return true;
  }

  /** What was recovered can be read without a log, on a full disk too: only writes wait for the segment. */
  #firstSegment(): WalWriter {
    const { generation, lastSequence, segmentNumber, walMaxBytes: maxBytes, syncedSequence } = this.#start;
    const options = { generation, firstSequence: lastSequence + 1, segmentNumber, maxBytes, syncedSequence };
    try {
      this.#owedManifest.write();
      return WalWriter.create(this.#dir, options);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      Atomics.store(this.#control, slot.FAILED, 1);
      Atomics.add(this.#control, slot.ERRORS, 1);
      this.#writeFailure = describe(error);
      return WalWriter.createLater(this.#dir, options);
    }
  }

  /** For endSegment(). False: later. What goes wrong is no harm: the present segment takes more. */
  #endSegment(): boolean {
    if (this.failure !== null || this.#writer.poisoned) return true;
    return this.#locked(() => {
      if (this.#writer.poisoned || this.#writer.bytes < ENDED_BYTES_MIN) return true;
      const nextSequence = this.#drain.nextSequence();
      if (nextSequence === null || this.#drain.tornBytes > 0) return false;
      try {
        return this.#rotated(nextSequence);
      } catch (error) {
        if (this.#writer.poisoned) this.#writeFailed(error);
        else this.#endsSegment = false;
        return true;
      }
    });
  }

  #tellSegment(): void {
    Atomics.store(this.#control, slot.SEGMENT_FD, this.#writer.fd);
    Atomics.store(this.#control, slot.SEGMENT_BYTES, this.#writer.bytes);
  }

  // --- syncing

  #noteDirty(sinceMs: number): void {
    const unsynced = this.#drain.written > this.#mark.synced;
    if (!unsynced && !this.#proofUnsynced) this.#dirtySinceMs = -1;
    else if (this.#dirtySinceMs < 0) this.#dirtySinceMs = sinceMs;
    const since = unsynced ? (performance.timeOrigin + this.#dirtySinceMs) | 0 || 1 : 0;
    Atomics.store(this.#control, slot.UNSYNCED_SINCE_MS, since);
  }

  #msUntilSync(): number {
    const control = this.#control;
    if (this.#dirtySinceMs < 0 || this.#writer.poisoned || this.#isMainsTurn()) return Number.POSITIVE_INFINITY;
    if (this.#waitsForSync() || Atomics.load(control, slot.SYNC_WANTED) === 1) return 0;
    return Math.max(0, this.#dirtySinceMs + Atomics.load(control, slot.FSYNC_INTERVAL_MS) - this.#now());
  }

  /** Main writes, and perhaps syncs, just now: with ack level "synced" it wakes this thread where it leaves anything unsynced. */
  #isMainsTurn(): boolean {
    return this.#waitsForSync() && Atomics.load(this.#control, slot.DRAIN_LOCK) === 1;
  }

  /** Whether replies wait for fdatasyncs. */
  #waitsForSync(): boolean {
    return Atomics.load(this.#control, slot.ACK_LEVEL) === slot.ACK_SYNCED;
  }

  /** As long as main makes fdatasyncs. */
  #msUntilLook(): number {
    return this.#waitsForSync() && this.#proofs.owed && this.#mayProve() ? SYNC_LOOK_MS : Number.POSITIVE_INFINITY;
  }

  #sync(): void {
    const covered = this.#locked(() => (this.#isUnsynced() ? this.#beginSync() : null));
    if (covered === null) return;
    // While clients wait for it, a quick one is made in this thread. A longer one gets a thread of its own, so that this one can write meanwhile.
    if (this.#waitsForSync() && fsyncsAreQuick(this.#control, true)) this.#syncHere(covered);
    else this.#syncInBackground(covered);
  }

  /** Main may have synced it meanwhile, or tried to. With the lock. */
  #isUnsynced(): boolean {
    return !this.#writer.poisoned && (this.#proofUnsynced || this.#drain.written > this.#mark.synced);
  }

  /** Returns the sequence that the fdatasync will cover. With the lock: no write of main's may be under way. */
  #beginSync(): number {
    const control = this.#control;
    Atomics.store(control, slot.SYNC_WANTED, 0);
    Atomics.store(control, slot.FSYNC_IN_FLIGHT, 1);
    this.#syncing = true;
    this.#proofUnsynced = false;
    return this.#drain.written;
  }

  /** In another thread: this one can write meanwhile. */
  #syncInBackground(covered: number): void {
    const beganMs = this.#now();
    this.#writer.syncAsync().then(
      () => this.#syncEnded(covered, beganMs),
      (error: unknown) => this.#syncFailed(error),
    );
  }

  #syncHere(covered: number): void {
    const beganMs = this.#now();
    Atomics.add(this.#control, slot.IN_LONG_CALL, 1);
    try {
      this.#writer.sync();
    } catch (error) {
      this.#syncFailed(error);
      return;
    } finally {
      Atomics.sub(this.#control, slot.IN_LONG_CALL, 1);
    }
    this.#syncEnded(covered, beganMs);
  }

  #syncEnded(covered: number, beganMs: number): void {
    const control = this.#control;
    this.#mark.raise(covered);
    const unsynced = this.#drain.written > this.#mark.synced;
    this.#dirtySinceMs = unsynced || this.#proofUnsynced ? beganMs : -1;
    if (!unsynced) Atomics.store(control, slot.UNSYNCED_SINCE_MS, 0);
    noteFsync(control, this.#now() - beganMs);
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
    this.#waiters.reject(new Error(this.#syncFailure));
    this.onSynced();
  }

  /** Tells main, who waits in this thread, and what proves it, how far everything is durable. */
  #tellSynced(): void {
    const { durable } = this.#mark;
    if (durable > this.#durableTold) {
      this.#durableTold = durable;
      this.#proofs.synced(durable, Atomics.load(this.#control, slot.SEGMENT_BYTES) >>> 0, this.#now());
      this.#claim.synced(durable, this.#now());
    }
    this.#tellProgress(slot.PROGRESS_SYNCED);
    this.#waiters.settle(this.#mark.synced);
    if (this.#waiters.waiting) Atomics.store(this.#control, slot.SYNC_WANTED, 1);
    this.#room.grown(this.#now());
  }

  /** An fdatasync of main's failed: the file is as bad as after one of this thread's. SYNC_ERRNO goes last, when FAILED is 1. With the lock. */
  #noteFailureOfMain(): void {
    const errno = Atomics.load(this.#control, slot.SYNC_ERRNO);
    if (errno === 0) return;
    const code = getSystemErrorName(errno);
    this.#syncFailed(this.#writer.poison(Object.assign(new Error(code), { code })));
    Atomics.store(this.#control, slot.SYNC_ERRNO, 0);
  }

  /** Nothing of it is told: when the disk does not take it, whoever writes next will see. */
  #prove(): void {
    this.#locked(() => {
      // A proof stands behind a whole entry, and says which.
      const proven =
        this.#drain.drained &&
        this.#drain.tornBytes === 0 &&
        this.#writer.prove(this.#drain.written, this.#mark.durable, Date.now(), this.#start.generation);
      if (proven) {
        this.#proofUnsynced = true;
        this.#proofs.proven(this.#mark.durable);
        return;
      }
      this.#proofs.failed(this.#now());
      // Main must not write behind a part of it, either.
      if (this.#writer.endsInProof) this.#writeFailed(new StorageError("io", "a part of a proof cannot be cut off"));
    });
  }

  #writeClaim(): void {
    Atomics.add(this.#control, slot.IN_LONG_CALL, 1);
    this.#claim.write(this.#writer, this.#now());
    Atomics.sub(this.#control, slot.IN_LONG_CALL, 1);
  }

  // --- failures

  #writeFailed(error: unknown): void {
    // An fdatasync inside a rotation fails like any other.
    if (this.#writer.poisoned) {
      this.#syncFailed(error);
      return;
    }
    Atomics.store(this.#control, slot.FAILED, 1);
    Atomics.add(this.#control, slot.ERRORS, 1);
    this.#writeFailure = describe(error);
    this.#retryAtMs = this.#now() + RETRY_MS;
    this.#waiters.reject(new Error(this.#writeFailure));
  }

  /**
   * Begins a segment in place of one whose fdatasync failed, and asks for the snapshot that makes it superfluous; or the first one, which the
   * disk had no room for.
   */
  #replacePoisoned(): void {
    try {
      const nextSequence = this.#locked(() => this.#beginAfterPoisoned());
      if (nextSequence === null) {
        this.#retryAtMs = this.#now() + RETRY_MS;
        return;
      }
      this.#writeFailure = null;
      if (this.#syncFailure !== null) {
        this.#mark.needSnapshot(nextSequence - 1);
        this.#post({ type: "snapshotNeeded", sequence: nextSequence - 1 });
      }
      this.#mark.raise(nextSequence - 1);
      this.#proofUnsynced = false;
      this.#proofs.proven(this.#mark.durable);
      this.tellSegments();
    } catch (error) {
      if (isNoRoom(error)) this.onNoRoom();
      Atomics.add(this.#control, slot.ERRORS, 1);
      this.#writeFailure = describe(error);
      this.#retryAtMs = this.#now() + RETRY_MS;
    }
  }

  /** Returns the sequence of the new segment's first entry; null while that one's message has not arrived. */
  #beginAfterPoisoned(): number | null {
    const nextSequence = this.#drain.nextSequence();
    if (nextSequence === null) return null;
    const { tornBytes } = this.#drain;
    if (tornBytes > 0) {
      // The new segment gets those entries whole.
      this.#writer.truncate(this.#writer.bytes - tornBytes);
      this.#drain.forgetTorn();
    }
    this.#owedManifest.write();
    this.#writer.rotate(nextSequence, this.#mark.durable);
    return nextSequence;
  }

  #tellFailure(): void {
    const { failure } = this;
    Atomics.store(this.#control, slot.FAILED, failure === null ? 0 : 1);
    if (failure === this.#told) return;
    this.#told = failure;
    // Before: what main does at once, it does knowing how much room there is.
    if (failure === null) this.#room.tellRoom(this.#now());
    this.#post({ type: "failure", text: failure });
  }

  #tellProgress(happened: number): void {
    const control = this.#control;
    const used = (Atomics.load(control, slot.HEAD) - Atomics.load(control, slot.TAIL)) >>> 0;
    const room = used <= this.#drain.ringBytes * slot.LOW_WATER && Atomics.load(control, slot.OVERSIZE_PENDING) === 0;
    const bits = Atomics.load(control, slot.PROGRESS_WANTED) & (happened | (room ? slot.PROGRESS_ROOM : 0));
    if (bits === 0) return;
    Atomics.and(control, slot.PROGRESS_WANTED, ~bits);
    this.#post({ type: "progress" });
  }
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return errnoText(error instanceof StorageError ? error.errno : undefined, message);
}

import { type PublishedCheckpoint, publishCheckpoint } from "./checkpoint.js";
import { type Directory, listNames } from "./disk.js";
import { StorageError } from "./errors.js";
import { segmentNames, snapshotNames } from "./file-names.js";
import { HeldDirectory } from "./held-directory.js";
import { OP_APPEND, OP_BATCH_FIRST, OP_BATCH_LAST, OP_BATCH_MIDDLE, OP_GROUP } from "./log-format.js";
import { LogGroup } from "./log-group.js";
import type { Durability, LogStatistics, Replayed, ResumeOptions, WriteAheadLogOptions } from "./log-options.js";
import { replayEntries } from "./log-replay.js";
import { LogSegments, type SyncOutcome, unlessDurable } from "./log-segments.js";
import { type RecoveryOptions, type RecoveryResult, recover } from "./recover.js";
import { MAX_PAYLOAD_BYTES } from "./wal-format.js";

/*
 * A log of entries of any type. The parts that it puts in order are those that every log here runs on: WalWriter, recover, SnapshotWriter.
 *
 *   append       encode -> (segment full: sync it, begin the next) -> stage with the next sequence -> write -> sync, as the level asks for
 *   write fails  what is not wholly in the file is dropped, and its caller told. A batch counts only with its last entry (log-format.ts)
 *   quiet        what is synced and followed by nothing is proven by an entry of no sequence and no effect (proof.ts)
 *   sync fails   the segment is never synced again, and the log refuses until a checkpoint is published: new segment, whose header claims
 *                no more than what was durable -> snapshot of the state -> what was under way is then in neither
 */
const MAX_SEGMENT_BYTES_DEFAULT = 64 * 1024 * 1024;
const MAX_ENTRY_BYTES_DEFAULT = 16 * 1024 * 1024;
/** So much waits in memory (levels batched and eventual) before it is written. */
const STAGE_BYTES = 64 * 1024;

/** Sequences of what was appended together. */
export interface Appended {
  readonly firstSequence: number;
  readonly lastSequence: number;
}

/** What recovery delivers to, undecoded. */
export type LogReceiver = Pick<RecoveryOptions, "onMetadata" | "beginSection" | "onSnapshotEntries" | "onEntry">;

/** A log in a directory of its own, which is locked until `close` where it has a path. Not for several threads. */
export class WriteAheadLog<T> {
  readonly #held: HeldDirectory;
  readonly #options: WriteAheadLogOptions<T>;
  readonly #durability: Durability;
  readonly #now: () => number;
  readonly #segments: LogSegments;
  /** Highest sequence that a caller was told of. */
  #acknowledged: number;
  #nextSync: Promise<SyncOutcome> | null = null;
  #rotation: Promise<void> = Promise.resolve();
  #rotating = false;
  #waitingForRotation = 0;
  #timer: NodeJS.Timeout | null = null;
  #proofTimer: NodeJS.Timeout | null = null;
  /** The last sync failed: it is tried again, also by the next append, which is then told. */
  #overdue = false;
  #publishing = false;
  #closed = false;
  #appendedEntries = 0;
  #appendedBytes = 0;
  #checkpoints = 0;
  /** The newest: what it was made of, and its stamp. Higher, where it has mended a failed sync; what lies between is nowhere. */
  #checkpoint = { sequence: 0, stamp: 0 };

  /**
   * Begins a log where there is none, at a path (made where it is missing) or in a Directory. Throws StorageError log-exists where
   * there are segments or snapshots, locked, io.
   */
  static async create<T>(where: string | Directory, options: WriteAheadLogOptions<T>): Promise<WriteAheadLog<T>> {
    const held = await HeldDirectory.open(where, options.signal);
    try {
      const names = listNames(held.dir);
      const existing = [...segmentNames(names), ...snapshotNames(names)][0];
      if (existing === undefined) return new WriteAheadLog(held, options, 0, 1);
      throw new StorageError("log-exists", "there is a log already", { file: existing, hint: "Resume it" });
    } catch (error) {
      held.release();
      throw error;
    }
  }

  /**
   * Goes on with the log that is there, or begins one. A torn tail is repaired (a copy is kept), what was read is made durable, and a new
   * segment begun. To get a state back as well, use `recoverState`. Throws StorageError: what `recover` refuses with, locked, io.
   */
  static async resume<T>(where: string | Directory, options: ResumeOptions<T>): Promise<WriteAheadLog<T>> {
    const nobody = { onMetadata() {}, beginSection() {}, onSnapshotEntries() {}, onEntry() {} };
    return (await WriteAheadLog.resumeInto(where, options, nobody)).log;
  }

  /** The same, with what recovery delivers; `receiver` as for `recover`. */
  static async resumeInto<T>(
    where: string | Directory,
    options: ResumeOptions<T>,
    receiver: LogReceiver,
  ): Promise<{ log: WriteAheadLog<T>; recovery: RecoveryResult }> {
    const { mode = "torn-tail", log, now, signal } = options;
    const held = await HeldDirectory.open(where, signal);
    try {
      const recovery = await recover(held.dir, {
        mode,
        ...(log && { log }),
        ...(now && { now }),
        ...(signal && { signal }),
        onProgress: () => held.keepAlive(),
        onMetadata: (metadata) => receiver.onMetadata(metadata),
        beginSection: (...section) => receiver.beginSection(...section),
        onSnapshotEntries: (...entries) => receiver.onSnapshotEntries(...entries),
        onEntry: (...entry) => receiver.onEntry(...entry),
      });
      const { lastSequence, nextSegmentNumber, snapshot } = recovery;
      const resumed = new WriteAheadLog(held, options, lastSequence, nextSegmentNumber);
      if (snapshot !== null) resumed.#checkpoint = { sequence: snapshot.walPos, stamp: snapshot.walPos };
      return { log: resumed, recovery };
    } catch (error) {
      held.release();
      throw error;
    }
  }

  private constructor(
    held: HeldDirectory,
    options: WriteAheadLogOptions<T>,
    lastSequence: number,
    segmentNumber: number,
  ) {
    this.#held = held;
    this.#options = options;
    this.#durability = options.durability ?? { level: "immediate" };
    this.#now = options.now ?? Date.now;
    this.#acknowledged = lastSequence;
    this.#segments = new LogSegments(held.dir, {
      lastSequence,
      segmentNumber,
      maxBytes: options.maxSegmentBytes ?? MAX_SEGMENT_BYTES_DEFAULT,
      maxEntries: options.maxSegmentEntries ?? Number.POSITIVE_INFINITY,
      now: this.#now,
    });
    this.#segments.onSynced = () => this.#proveLater();
  }

  /** Sequence of the last entry, those on their way included; 0 before the first. */
  get lastSequence(): number {
    return this.#segments.appender.lastSequence;
  }

  /** Everything up to it survives a power loss. */
  get syncedSequence(): number {
    return this.#segments.synced;
  }

  /**
   * A sync has failed: everything is refused until a checkpoint is published. What was under way has been refused, too, but the disk may
   * have it. With the checkpoint, which does not contain it, it is gone; without, the next `resume` may find it.
   */
  get wounded(): boolean {
    return this.#segments.woundedUpTo >= 0;
  }

  statistics(): LogStatistics {
    return {
      lastSequence: this.lastSequence,
      syncedSequence: this.syncedSequence,
      segmentNumber: this.#segments.segmentNumber,
      segmentBytes: this.#segments.segmentBytes,
      stagedBytes: this.#segments.appender.stagedBytes,
      appendedEntries: this.#appendedEntries,
      appendedBytes: this.#appendedBytes,
      syncs: this.#segments.syncs,
      rotations: this.#segments.rotations,
      checkpoints: this.#checkpoints,
    };
  }

  /**
   * Appends an entry; resolves with its sequence. Throws StorageError too-large, lock-lost; io: it is not in the log, and never will
   * be; poisoned: a sync has failed, and nobody can tell whether it is (see `wounded`).
   */
  async append(entry: T): Promise<number> {
    return (await this.#commit([this.#encode(entry)], () => OP_APPEND)).lastSequence;
  }

  /**
   * Appends entries with one write and one sync: all of them, or none. They get their sequences, without gaps, when all have been
   * encoded; null where there are none. Throws as `append`, and what the codec throws.
   */
  async appendBatch(entries: readonly T[]): Promise<Appended | null> {
    const payloads = entries.map((entry) => this.#encode(entry));
    if (payloads.length === 0) return null;
    const last = payloads.length - 1;
    const opType = (i: number) => (i === 0 ? OP_BATCH_FIRST : i === last ? OP_BATCH_LAST : OP_BATCH_MIDDLE);
    return await this.#commit(payloads, last === 0 ? () => OP_APPEND : opType);
  }

  /** Begins a group of entries, which comes into the log, as one of its entries, with its `commit`. */
  begin(): LogGroup<T> {
    return new LogGroup(this.#options.codec, async (payload) => {
      this.#checkSize(payload);
      return (await this.#commit([payload], () => OP_GROUP)).lastSequence;
    });
  }

  /** Gives what waits in memory to the operating system: the death of the process does not take it any more. Throws as `append`. */
  async flush(): Promise<void> {
    this.#refuse();
    this.#segments.write();
    this.#requireOwner();
  }

  /** Makes everything appended so far durable. What a failed write has left in memory is tried again the next time. Throws as `append`. */
  async flushAndSync(): Promise<void> {
    this.#refuse();
    await this.#durable(this.lastSequence);
  }

  /**
   * The log's entries above `after` (default 0: all), in order: with level immediate those that are durable, else those accepted when it
   * begins. Entries may be appended meanwhile. Throws StorageError missing-segment where entries have been truncated away, or are while
   * it reads; corrupt-entry, also below a checkpoint that has mended a failed sync; what the codec throws.
   */
  async *replay(after = 0): AsyncGenerator<Replayed<T>, void> {
    const immediate = this.#durability.level === "immediate";
    if (!immediate && !this.wounded) this.#segments.write();
    const through = immediate ? this.syncedSequence : this.#segments.appender.writtenSequence;
    for await (const { bytes, ...where } of replayEntries(this.#held.dir, { after, through })) {
      yield { ...where, entry: this.#options.codec.decode(bytes) };
    }
  }

  /**
   * Publishes a checkpoint of the state that the entries up to `sequence` have made, and truncates the log (checkpoint.ts says in which
   * order). `parts`, the state as byte strings in an order that depends on nothing but the state, are taken before anything is waited
   * for. `keep` checkpoints stay, and the log since the oldest of them (default 2). After a failed sync this mends the log; `sequence`
   * must then contain all that was acknowledged. It is never lower than that of the checkpoint before. Throws StorageError io, poisoned, too-large: the checkpoints before are as they were.
   */
  async publishCheckpoint(
    sequence: number,
    parts: Iterable<Uint8Array>,
    { keep = 2 }: { readonly keep?: number } = {},
  ): Promise<PublishedCheckpoint> {
    if (this.#closed) throw closed();
    this.#requireOwner();
    if (this.#publishing) throw new Error("a checkpoint is being published");
    const lowest = Math.max(this.#checkpoint.sequence, this.wounded ? this.#acknowledged : 0);
    if (!(sequence >= lowest && sequence <= this.lastSequence)) {
      throw new RangeError(`a checkpoint can be made of ${lowest} to ${this.lastSequence}, not of ${sequence}`);
    }
    this.#publishing = true;
    try {
      const segments = this.#segments;
      // Of what a failed sync has refused nothing is in the state, and with this stamp nothing in the log either.
      const stamp = Math.max(sequence, segments.woundedUpTo, this.#checkpoint.stamp);
      const published = await publishCheckpoint(this.#held.dir, this.#now(), stamp, parts, keep, {
        beginSegment: () => segments.exclusive(() => segments.beginSegment()),
        syncUpTo: (upTo) => segments.exclusive(() => segments.syncUpTo(upTo)),
        published: (upTo) => segments.mend(upTo),
      });
      this.#checkpoint = { sequence, stamp };
      this.#checkpoints++;
      return published;
    } finally {
      this.#publishing = false;
    }
  }

  /**
   * Makes everything durable, closes the file and gives the lock back, also where it throws: StorageError io, poisoned, lock-lost, where
   * something that was accepted is not durable. Not while a checkpoint is being published.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#publishing) throw new Error("a checkpoint is being published");
    this.#closed = true;
    const error = unlessDurable(await this.#syncStaged(), this.#acknowledged);
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#proofTimer !== null) clearTimeout(this.#proofTimer);
    if (this.#held.lost === null) await this.#segments.exclusive(() => this.#segments.prove(true));
    await this.#segments.exclusive(() => this.#segments.close()).finally(() => this.#held.release());
    if (error !== null) throw error;
  }

  #encode(entry: T): Uint8Array {
    const bytes = this.#options.codec.encode(entry);
    this.#checkSize(bytes);
    return bytes;
  }

  #checkSize({ length }: Uint8Array): void {
    const most = Math.min(this.#options.maxEntryBytes ?? MAX_ENTRY_BYTES_DEFAULT, MAX_PAYLOAD_BYTES);
    if (length <= most) return;
    throw new StorageError("too-large", `an entry of ${length} bytes`, { expected: `at most ${most} bytes` });
  }

  #refuse(): void {
    if (this.#closed) throw closed();
    const refusal = this.#refusal();
    if (refusal !== null) throw refusal;
  }

  /** Nothing is acknowledged by one who stood still while it wrote, and was succeeded. */
  #requireOwner(): void {
    const { lost } = this.#held;
    if (lost !== null) throw lost;
  }

  #refusal(): StorageError | null {
    return this.#held.lost ?? (this.wounded ? this.#segments.poisoned() : null);
  }

  async #commit(payloads: readonly Uint8Array[], opType: (index: number) => number): Promise<Appended> {
    this.#refuse();
    if (this.#waitingForRotation > 0 || this.#segments.full) await this.#rotated();
    this.#refuse();
    const firstSequence = this.lastSequence + 1;
    const now = this.#now();
    for (const [i, payload] of payloads.entries()) {
      this.#segments.stage(payload, opType(i), now);
    }
    const { lastSequence } = this;
    if (this.#durability.level === "immediate") await this.#durable(lastSequence);
    else await this.#accepted(firstSequence, lastSequence);
    this.#acknowledged = Math.max(this.#acknowledged, lastSequence);
    this.#appendedEntries += payloads.length;
    for (const payload of payloads) this.#appendedBytes += payload.length;
    return { firstSequence, lastSequence };
  }

  /** Whoever comes after one who waits waits, too: so that entries get their sequences in the order of the calls. */
  async #rotated(): Promise<void> {
    this.#waitingForRotation++;
    try {
      if (this.#segments.full && !this.#rotating) {
        this.#rotating = true;
        this.#rotation = this.#segments
          .exclusive(() => this.#segments.beginSegment())
          .finally(() => {
            this.#rotating = false;
          });
      }
      await this.#rotation;
    } finally {
      this.#waitingForRotation--;
    }
  }

  /** Levels batched and eventual. */
  async #accepted(firstSequence: number, lastSequence: number): Promise<void> {
    const due = this.#syncDue;
    const { appender } = this.#segments;
    if (due || lastSequence > firstSequence || appender.stagedBytes >= STAGE_BYTES) {
      try {
        this.#segments.write();
      } catch (error) {
        appender.dropFrom(firstSequence);
        throw error;
      }
    }
    if (due) await this.#durable(lastSequence);
    else this.#syncLater();
    this.#requireOwner();
  }

  get #syncDue(): boolean {
    if (this.#durability.level !== "batched") return false;
    return (
      this.#overdue || this.lastSequence - this.syncedSequence >= (this.#durability.writes ?? Number.POSITIVE_INFINITY)
    );
  }

  #syncLater(): void {
    if (this.#durability.level !== "batched" || this.#durability.milliseconds === undefined) return;
    this.#timer ??= setTimeout(async () => {
      this.#timer = null;
      await this.#syncStaged();
      if (this.#overdue && !this.#closed && !this.wounded) this.#syncLater();
    }, this.#durability.milliseconds);
  }

  /** One timer, which keeps no process alive; it looks again as long as a proof is owed. */
  #proveLater(): void {
    const { msUntilProof } = this.#segments;
    if (this.#closed || this.#held.lost !== null || this.#proofTimer !== null) return;
    if (msUntilProof === Number.POSITIVE_INFINITY) return;
    this.#proofTimer = setTimeout(
      async () => {
        if (this.#segments.msUntilProof <= 0 && this.#held.lost === null) {
          await this.#segments.exclusive(() => (this.#closed ? undefined : this.#segments.prove()));
        }
        this.#proofTimer = null;
        this.#proveLater();
      },
      Math.max(1, msUntilProof),
    ).unref();
  }

  async #durable(sequence: number): Promise<void> {
    const error = unlessDurable(await this.#syncStaged(), sequence);
    if (error !== null) throw error;
    this.#requireOwner();
  }

  /** Joins the next sync. Never rejects. */
  #syncStaged(): Promise<SyncOutcome> {
    this.#nextSync ??= this.#segments.exclusive(async () => {
      this.#nextSync = null;
      const outcome = await this.#segments.writeAndSync(this.#refusal(), this.#durability.level === "immediate");
      this.#overdue = outcome.writeError !== null || outcome.syncError !== null;
      return outcome;
    });
    return this.#nextSync;
  }
}

function closed(): Error {
  return new Error("the log is closed");
}

import type { Directory } from "../src/disk.js";
import { StorageError } from "../src/errors.js";
import { pruneSegments, pruneSnapshots } from "../src/prune.js";
import { SnapshotWriter } from "../src/snapshot-writer.js";
import { ClaimKeeper } from "../src/synced-claim.js";
import { ENTRY_HEADER_BYTES, ENTRY_OVERHEAD_BYTES, sealEntry } from "../src/wal-format.js";
import { WalWriter } from "../src/wal-writer.js";
import { type CommitOrder, encodeShard, type Recovery, recoverAndJudge, SHARDS } from "./commit-order.js";

const SEGMENT_BYTES = 4096;
const MAX_BATCH = 6;

interface Sealed {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/**
 * A program with a log and snapshots from its start to its end, as small as one can be that does all that README.md
 * asks of the caller, and gets over every failure that the disk may have. Its steps are chosen by the caller.
 */
export class ProcessRun {
  readonly #dir: Directory;
  readonly #order: CommitOrder;
  readonly #random: () => number;
  readonly #run: number;
  #writer: WalWriter | null = null;
  #claim: ClaimKeeper | null = null;
  /** Committed, but not (wholly) in the file. */
  #queue: Sealed[] = [];
  /** Bytes of the first of them that are. */
  #torn = 0;
  #written = 0;
  /** The present segment is synced up to here. */
  #fileSynced = 0;
  /** A failed fdatasync is mended by a snapshot of everything up to here; -1: none is needed. */
  #snapshotNeeded = -1;
  #snapshot: SnapshotWriter | null = null;
  #sections = 0;
  #lowestStamp = 0;

  constructor(dir: Directory, order: CommitOrder, random: () => number, run: number) {
    this.#dir = dir;
    this.#order = order;
    this.#random = random;
    this.#run = run;
  }

  /** A sync has failed, and no snapshot has mended it yet. */
  get wounded(): boolean {
    return this.#snapshotNeeded >= 0 || this.#writer?.poisoned === true;
  }

  /** Recovers and begins a segment. Throws what recovery throws. */
  async start(): Promise<void> {
    const { lastSequence, nextSegmentNumber } = await this.#recover();
    this.#order.goBackTo(lastSequence);
    this.#written = this.#fileSynced = lastSequence;
    this.#claim = new ClaimKeeper(this.#dir, lastSequence);
    this.#writer = WalWriter.create(this.#dir, {
      generation: 1 + Math.floor(this.#random() * 0xffff_fffe),
      firstSequence: lastSequence + 1,
      segmentNumber: nextSegmentNumber,
      maxBytes: SEGMENT_BYTES,
      now: () => this.#nowMs(),
    });
  }

  #recover(): Promise<Recovery> {
    return recoverAndJudge(this.#dir, this.#order, this.#order.synced, this.#nowMs());
  }

  /** Some milliseconds of every run; now and then the clock jumps back, which is no reason to lose anything. */
  #nowMs(): number {
    const jump = this.#random() < 0.05 ? 3_600_000 : 0;
    return 1_700_000_000_000 + this.#run * 10 + Math.floor(this.#random() ** 2 * 5) - jump;
  }

  /** One random step. False where the disk refused it. */
  async step(): Promise<boolean> {
    const choice = this.#random();
    if (choice < 0.4) return await this.attempt(() => this.append());
    if (choice < 0.55) return await this.attempt(() => this.sync());
    if (choice < 0.65) return await this.attempt(() => this.syncWhileWriting());
    if (choice < 0.73) return await this.attempt(() => this.rotate());
    if (choice < 0.78) return await this.attempt(() => this.prove());
    if (choice < 0.86) return await this.attempt(() => this.claim());
    return await this.attempt(() => this.snapshotStep());
  }

  /** Does something that may fail with a StorageError, and nothing else. */
  async attempt(action: () => Promise<void> | void): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (error instanceof StorageError && (error.code === "io" || error.code === "poisoned")) return false;
      throw error;
    }
  }

  append(count = 1 + Math.floor(this.#random() * MAX_BATCH)): void {
    const writer = this.#log;
    for (let i = 0; i < count; i++) {
      const payload = this.#order.commit(this.#run, this.#random);
      const sequence = this.#order.last;
      const bytes = new Uint8Array(payload.length + ENTRY_OVERHEAD_BYTES);
      bytes.set(payload, ENTRY_HEADER_BYTES);
      const lag = sequence - this.#order.synced;
      sealEntry(bytes, 0, payload.length, sequence, sequence, 1, lag, writer.generation);
      this.#queue.push({ sequence, bytes });
    }
    this.#drain();
    if (writer.full) this.rotate();
  }

  sync(): void {
    this.#drain();
    this.#log.sync();
    this.#noteSynced(this.#written);
  }

  async syncWhileWriting(): Promise<void> {
    this.#drain();
    const covered = this.#written;
    const synced = this.#log.syncAsync();
    // Only looked at below: an append that throws must not leave it without anyone to catch it.
    synced.catch(() => {});
    const appended = await this.attempt(() => {
      if (!this.#log.full) this.append(1);
    });
    await synced;
    this.#noteSynced(covered);
    if (!appended) this.#drain();
  }

  /** Says behind the last entry what is durable; some syncs come before what is said is. */
  prove(): void {
    this.#drain();
    this.#log.prove(this.#written, this.#order.synced, this.#nowMs(), this.#log.generation);
    if (this.#random() < 0.7) this.sync();
  }

  /** Says in a file of its own what is durable. */
  claim(): void {
    const writer = this.#log;
    this.#claim?.synced(this.#order.synced, 0);
    if (!this.wounded) this.#claim?.write(writer, 0);
  }

  rotate(): void {
    this.#drain();
    if (this.#log.syncing) return;
    this.#log.rotate(this.#written + 1, this.wounded ? this.#order.synced : undefined);
    this.#noteSynced(this.#written);
  }

  /** Begins a snapshot, adds a section to it, or publishes it and removes what it makes superfluous. */
  async snapshotStep(): Promise<void> {
    try {
      await this.#nextSnapshotStep();
    } catch (error) {
      const snapshot = this.#snapshot;
      this.#snapshot = null;
      snapshot?.abort();
      throw error;
    }
  }

  /** A whole snapshot, with entries appended meanwhile. */
  async snapshotAndPrune(): Promise<void> {
    do {
      await this.snapshotStep();
      await this.attempt(() => this.append(1));
    } while (this.#snapshot !== null);
  }

  /** An orderly end. */
  async stop(): Promise<void> {
    await this.attempt(() => this.#snapshot?.abort());
    await this.attempt(() => this.sync());
    await this.attempt(() => this.#writer?.close());
  }

  async #nextSnapshotStep(): Promise<void> {
    if (this.#snapshot === null) {
      this.#snapshot = SnapshotWriter.create(this.#dir, this.#nowMs());
      this.#sections = 0;
      this.#lowestStamp = Number.POSITIVE_INFINITY;
      return;
    }
    if (this.#sections < SHARDS) {
      const shard = this.#sections++;
      const { last } = this.#order;
      this.#lowestStamp = Math.min(this.#lowestStamp, last);
      this.#snapshot.addSection(shard, last, 1, [encodeShard(this.#order.digest(shard, last), last)]);
      if (this.#random() < 0.2) await this.#snapshot.flush();
      return;
    }
    await this.#publish(this.#snapshot);
    this.#snapshot = null;
    const { oldestKeptWalPos } = pruneSnapshots(this.#dir, this.#random() < 0.5 ? 1 : 2);
    pruneSegments(this.#dir, oldestKeptWalPos);
  }

  async #publish(snapshot: SnapshotWriter): Promise<void> {
    const walPos = this.#lowestStamp;
    snapshot.finish({ walPos });
    await snapshot.publish(async (sequence) => {
      if (this.#fileSynced < sequence) this.sync();
      if (this.#random() < 0.3) await this.attempt(() => this.append(1));
      if (this.#log.poisoned || walPos < this.#snapshotNeeded) throw new Error("a sync of the log has failed");
    });
    if (this.#log.poisoned || walPos < this.#snapshotNeeded) return;
    this.#snapshotNeeded = -1;
    this.#noteSynced(this.#fileSynced);
  }

  /** The writer, after what has to be done about a failed sync. */
  get #log(): WalWriter {
    const writer = this.#writer;
    if (writer === null) throw new Error("not started");
    if (!writer.poisoned) return writer;
    if (this.#torn > 0) {
      writer.truncate(writer.bytes - this.#torn);
      this.#torn = 0;
    }
    this.#snapshotNeeded = this.#written;
    writer.rotate(this.#written + 1, this.#order.synced);
    this.#fileSynced = this.#written;
    return writer;
  }

  /** Writes what is committed, going on in the middle of an entry where the disk stopped there. */
  #drain(): void {
    const writer = this.#log;
    if (this.#queue.length === 0) return;
    const bytes = Buffer.concat(this.#queue.map((entry) => entry.bytes));
    let done = this.#torn;
    try {
      writer.write(bytes, done, bytes.length - done);
      done = bytes.length;
    } catch (error) {
      done += error instanceof StorageError ? (error.bytesWritten ?? 0) : 0;
      throw error;
    } finally {
      while (this.#queue.length > 0 && done >= this.#queue[0]!.bytes.length) {
        done -= this.#queue[0]!.bytes.length;
        this.#written = this.#queue.shift()!.sequence;
      }
      this.#torn = done;
    }
  }

  #noteSynced(sequence: number): void {
    this.#fileSynced = Math.max(this.#fileSynced, sequence);
    if (this.#snapshotNeeded < 0) this.#order.synced = Math.max(this.#order.synced, this.#fileSynced);
  }
}

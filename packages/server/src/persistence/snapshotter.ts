/**
 * The serving thread's end of snapshots: copies one shard after the other, in steps of about a millisecond between turns of the event
 * loop, and sends the copies to the worker, a few megabytes ahead of it at most.
 *
 * Each shard is stamped with the sequence of the last committed entry at the moment of its copy, so it holds the effects of all entries
 * up to there and of none after; WalPos is the sequence at which the list of shards was taken: a shard that came to be later has no
 * section, and all its entries lie above.
 *
 * A large value that moves between shards asks for a copy out of turn, in the middle of a command (engine/src/snapshot-front.ts has the rule).
 * So several shards can be under way, and what waits for the worker can be more than a few megabytes: beyond CROSSED_BYTES_CROWDED writers
 * wait, and what one transaction alone brings beyond CROSSED_BYTES_MAX ends the snapshot. The next one is not long in coming.
 */
import { ByteSink, SHARDS, type ShardCapture, type SnapshotFront } from "@hearthkv/engine";
import type { PersistedKeyspace } from "./persistence.js";
import { type FromWorker, pieceBytes, type SnapshotMetadata, type SnapshotPiece, type ToWorker } from "./slots.js";

export const METADATA_VERSION = 1;
const STEP_MS = 1;
/** Encoded at once between two looks at the clock. */
const SLICE_BYTES = 64 * 1024;
/** Collections' entries are sent in pieces of this size. */
const PIECE_BYTES = 256 * 1024;
/** Sent and not yet confirmed by the worker. */
const UNCONFIRMED_BYTES_MAX = 4 * 1024 * 1024;
const UNCONFIRMED_PIECES_MAX = 64;
/** With so much sent or to be sent because values moved, writers wait; with so much no further shard is copied for it. */
const CROSSED_BYTES_CROWDED = 64 * 1024 * 1024;
const CROSSED_BYTES_MAX = 256 * 1024 * 1024;

/** The worker's messages about snapshots. */
export type SnapshotMessage = Extract<FromWorker, { readonly id: number }>;

/** What became of a snapshot that was published. */
export interface SnapshotResult {
  readonly name: string;
  readonly bytes: number;
  readonly entries: number;
  readonly durationMs: number;
}

export interface SnapshotterOptions {
  readonly keyspace: PersistedKeyspace;
  /** Commits what may be open in the effects, and returns the sequence of the last committed entry. */
  readonly currentSequence: () => number;
  /** Sequence of the last committed entry. */
  readonly lastSequence: () => number;
  readonly send: (message: ToWorker, transfer: ArrayBuffer[]) => void;
}

/** Makes one snapshot at a time. */
export class Snapshotter {
  readonly #options: SnapshotterOptions;
  readonly #sink = new ByteSink(PIECE_BYTES * 2);
  #id = 0;
  #run: SnapshotRun | null = null;

  constructor(options: SnapshotterOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#run !== null;
  }

  /** So much waits for the worker because values moved that writers should. */
  get crowded(): boolean {
    return this.#run?.crowded === true;
  }

  /** How much of the running one was copied, 0 to 1. */
  get fraction(): number {
    return this.#run?.fraction ?? 0;
  }

  /** Makes and publishes a snapshot. Rejects when it failed. Not while one is running. */
  async make(): Promise<SnapshotResult> {
    const run = new SnapshotRun(this.#options, ++this.#id, this.#sink);
    this.#run = run;
    try {
      return await run.result;
    } finally {
      this.#run = null;
    }
  }

  /** Takes the worker's messages about snapshots. */
  receive(message: SnapshotMessage): void {
    if (this.#run?.id === message.id) this.#run.receive(message);
  }

  /** Gives the running snapshot up (the worker is gone, or the server goes). */
  abort(reason: string): void {
    this.#run?.fail(new Error(reason));
  }
}

/** A shard whose collections are being handed out. */
interface Copying {
  readonly sectionId: number;
  readonly stamp: number;
  readonly capture: ShardCapture;
}

class SnapshotRun implements SnapshotFront {
  readonly id: number;
  readonly result: Promise<SnapshotResult>;
  readonly #options: SnapshotterOptions;
  readonly #sink: ByteSink;
  /** These four are known once the worker is ready: the log's old segments shall end before WalPos. */
  #sections: number[] = [];
  #walPos = 0;
  #swapped: readonly number[] = [];
  /** Sections that are not copied yet. */
  #ahead = new Set<number>();
  #next = 0;
  readonly #startedMs = performance.now();
  /** Copied shards of which collections are still to be handed out, the oldest first. */
  readonly #copying: Copying[] = [];
  readonly #partial: number[] = [];
  /** A shard was copied out of turn since the worker last kept up. */
  #crossed = false;
  /** Of this turn, to be sent at its end; and their memory. */
  #pieces: SnapshotPiece[] = [];
  #transfer: ArrayBuffer[] = [];
  #unconfirmedBytes = 0;
  #unconfirmedPieces = 0;
  /** A turn is scheduled. */
  #scheduled = false;
  #ended = false;
  #resolve: (result: SnapshotResult) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(options: SnapshotterOptions, id: number, sink: ByteSink) {
    this.#options = options;
    this.id = id;
    this.#sink = sink;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    options.send({ type: "snapshotBegin", id, createdMs: Date.now() }, []);
  }

  get crowded(): boolean {
    return this.#crossed && this.#unconfirmedBytes >= CROSSED_BYTES_CROWDED;
  }

  isBehind(section: number): boolean {
    return !this.#ahead.has(section);
  }

  capture(section: number): void {
    if (this.#crossed && this.#unconfirmedBytes >= CROSSED_BYTES_MAX) {
      this.fail(new Error("too many large values moved between shards while it was made"));
      return;
    }
    const { keyspace, lastSequence } = this.#options;
    const mutations = keyspace.effects.count;
    try {
      this.#copyShard(section, mutations > 0 ? lastSequence() + 1 : lastSequence());
    } catch (error) {
      // The command can go on without a snapshot.
      this.fail(error);
      return;
    }
    // What the open entry has changed already is in the copy.
    if (mutations > 0) this.#partial.push(section, mutations);
    this.#crossed = true;
    // Sent at the end of this turn, when the entry is committed.
    this.#scheduleTurn();
  }

  get fraction(): number {
    return this.#next / Math.max(1, this.#sections.length);
  }

  receive(message: SnapshotMessage): void {
    if (this.#ended) return;
    if (message.type === "snapshotReady") {
      const { keyspace, currentSequence } = this.#options;
      this.#walPos = currentSequence();
      this.#sections = keyspace.shardSections();
      this.#swapped = keyspace.swappedDatabases();
      this.#ahead = new Set(this.#sections);
      keyspace.front = this;
      this.#schedule();
    } else if (message.type === "snapshotAccepted") {
      this.#unconfirmedBytes -= message.bytes;
      this.#unconfirmedPieces -= message.pieces;
      if (!this.#full()) this.#crossed = false;
      this.#schedule();
    } else if (message.type === "snapshotPublished") {
      this.#ended = true;
      const { name, bytes, entries } = message;
      this.#resolve({ name, bytes, entries, durationMs: performance.now() - this.#startedMs });
    } else {
      this.fail(message.error);
    }
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leaveFront();
    for (const { capture } of this.#copying.splice(0)) capture.close();
    this.#options.send({ type: "snapshotAbort", id: this.id }, []);
    this.#reject(error);
  }

  #schedule(): void {
    if (!this.#full()) this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#ended) return;
      try {
        this.#turn();
      } catch (error) {
        this.fail(error);
      }
    });
  }

  #full(): boolean {
    return this.#unconfirmedBytes >= UNCONFIRMED_BYTES_MAX || this.#unconfirmedPieces >= UNCONFIRMED_PIECES_MAX;
  }

  /** About a millisecond of copying. */
  #turn(): void {
    const untilMs = performance.now() + STEP_MS;
    do {
      const copying = this.#copying[0];
      if (this.#full()) break;
      if (copying !== undefined) this.#encodeCollections(copying);
      else if (this.#ahead.size > 0) this.#copyShard(this.#nextAhead(), this.#options.currentSequence());
      else {
        this.#sendPieces();
        this.#finish();
        return;
      }
    } while (performance.now() < untilMs);
    this.#sendPieces();
    this.#schedule();
  }

  #nextAhead(): number {
    for (;;) {
      const section = this.#sections[this.#next++]!;
      if (this.#ahead.has(section)) return section;
    }
  }

  #copyShard(sectionId: number, stamp: number): void {
    const capture = this.#options.keyspace.captureShard(Math.floor(sectionId / SHARDS), sectionId % SHARDS);
    this.#ahead.delete(sectionId);
    if (!capture.done) this.#copying.push({ sectionId, stamp, capture });
    this.#addPiece(sectionId, stamp, capture.chunks, null, 0);
  }

  #encodeCollections({ sectionId, stamp, capture }: Copying): void {
    const sink = this.#sink;
    sink.reset();
    const untilMs = performance.now() + STEP_MS;
    let entries = 0;
    do entries += capture.step(sink, SLICE_BYTES);
    while (!capture.done && sink.length < PIECE_BYTES && performance.now() < untilMs);
    if (capture.done) this.#copying.shift();
    if (entries === 0) return;
    this.#addPiece(sectionId, stamp, [], new Uint8Array(sink.bytes.subarray(0, sink.length)), entries);
  }

  #addPiece(
    sectionId: number,
    stamp: number,
    chunks: Uint8Array<ArrayBuffer>[],
    entries: Uint8Array | null,
    entryCount: number,
  ): void {
    const piece: SnapshotPiece = { sectionId, sequence: stamp, chunks, entries, entryCount };
    for (const chunk of chunks) this.#transfer.push(chunk.buffer);
    if (entries !== null) this.#transfer.push(entries.buffer as ArrayBuffer);
    this.#unconfirmedBytes += pieceBytes(piece);
    this.#unconfirmedPieces++;
    this.#pieces.push(piece);
  }

  #sendPieces(): void {
    if (this.#pieces.length === 0) return;
    this.#options.send({ type: "snapshotPieces", id: this.id, pieces: this.#pieces }, this.#transfer);
    this.#pieces = [];
    this.#transfer = [];
  }

  /** The rest is the worker's: the file, its sync, that of the log up to the last stamp, the new name. */
  #finish(): void {
    const { keyspace } = this.#options;
    this.#leaveFront();
    // Not lower than any token given before the highest stamp; those given later are in the log.
    const { lastFence, hashSeed } = keyspace;
    const [partial, swapped] = [this.#partial, this.#swapped];
    const metadata: SnapshotMetadata = { version: METADATA_VERSION, hashSeed, lastFence, partial, swapped };
    this.#options.send({ type: "snapshotFinish", id: this.id, walPos: this.#walPos, metadata }, []);
    this.#scheduled = true;
  }

  /** All shards are copied, or none is needed any more: values may move as they like. */
  #leaveFront(): void {
    const { keyspace } = this.#options;
    if (keyspace.front === this) keyspace.front = null;
  }
}

/** The worker's end of snapshots: makes entries of the copies that main sends, writes the file, publishes it, removes what it makes superfluous. */
import {
  type Directory,
  fileNames,
  isNoRoom,
  pruneSegments,
  pruneSnapshots,
  SnapshotWriter,
} from "@hearthkv/durability";
import { BLOCK_BYTES, ByteSink, diskEntries, encodeInlineEntries } from "@hearthkv/engine";
import { releaseBuffer } from "../release-buffer.js";
import { freeBytesAt } from "./disk-room.js";
import {
  type FromWorker,
  IN_LONG_CALL,
  pieceBytes,
  type SnapshotPiece,
  type ToWorker,
  type WorkerStart,
} from "./slots.js";
import type { WorkerLog } from "./worker-log.js";

/**
 * So often the file is synced while it grows: then the sync at its end is short, and the log's writes never wait behind more than this. After
 * 32 MB they waited up to 280 ms for ext4's journal, and all clients with them; after 2 MB the snapshot takes as long, and they wait 35.
 */
const FLUSH_BYTES = 2 * 1024 * 1024;
/** Kept between two snapshots: 1 MB. */
const SPARE_BLOCKS_MAX = 4;
/** A shard with more is written as several sections. */
const SECTION_BYTES_MAX = 256 * 1024 * 1024;

/** The data may have grown since the last snapshot, and the log goes on meanwhile. */
const ROOM_PER_SNAPSHOT = 2;

/** A buffer for entries that one large element made larger than this is given back. */
const SINK_KEEP_BYTES = 4 * 1024 * 1024;

type SnapshotMessage = Extract<ToWorker, { readonly id: number }>;
type FinishMessage = Extract<ToWorker, { readonly type: "snapshotFinish" }>;

export class WorkerSnapshots {
  /** Called after every step. */
  onStep: () => void = () => {};
  readonly #dir: Directory;
  readonly #path: string;
  readonly #keep: number;
  readonly #control: Int32Array;
  readonly #log: WorkerLog;
  readonly #post: (message: FromWorker) => void;
  /** Blocks to encode into, used again from shard to shard and from snapshot to snapshot. */
  readonly #spareBlocks: Uint8Array<ArrayBuffer>[] = [];
  readonly #queue: SnapshotMessage[] = [];
  #running = false;
  #writer: SnapshotWriter | null = null;
  /** The snapshot being written; messages of any other are of one that failed. */
  #id = -1;
  #flushedBytes = 0;
  #sink = new ByteSink();

  constructor(dir: Directory, start: WorkerStart, log: WorkerLog, post: (message: FromWorker) => void) {
    this.#dir = dir;
    this.#path = start.directory;
    this.#keep = start.snapshotKeep;
    this.#control = new Int32Array(start.control);
    this.#log = log;
    this.#post = post;
  }

  /** Something is under way whose end must not be slept through. */
  get busy(): boolean {
    return this.#running;
  }

  /** Messages are handled one after the other, each to its end. */
  receive(message: SnapshotMessage): void {
    this.#queue.push(message);
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift()) {
      Atomics.add(this.#control, IN_LONG_CALL, 1);
      try {
        await this.#handle(message);
      } catch (error) {
        this.#giveUp();
        if (isNoRoom(error)) this.giveUpOlder();
        this.#post({ type: "snapshotFailed", id: message.id, error });
      }
      Atomics.sub(this.#control, IN_LONG_CALL, 1);
      this.onStep();
    }
    this.#running = false;
  }

  async #handle(message: SnapshotMessage): Promise<void> {
    if (message.type === "snapshotBegin") {
      this.#giveUp();
      this.#flushedBytes = 0;
      this.#makeRoom();
      await this.#log.endSegment();
      this.#writer = SnapshotWriter.create(this.#dir, message.createdMs);
      this.#id = message.id;
      this.#post({ type: "snapshotReady", id: message.id });
      return;
    }
    const writer = this.#writer;
    if (writer === null || message.id !== this.#id) return;
    if (message.type === "snapshotAbort") this.#giveUp();
    else if (message.type === "snapshotPieces") await this.#addPieces(writer, message.id, message.pieces);
    else await this.#publish(writer, message);
  }

  async #addPieces(writer: SnapshotWriter, id: number, pieces: readonly SnapshotPiece[]): Promise<void> {
    let bytes = 0;
    for (const piece of pieces) {
      const { sectionId, sequence, entries } = piece;
      bytes += pieceBytes(piece);
      if (entries !== null) this.#addEntries(writer, sectionId, sequence, piece.entryCount, entries);
      else this.#addInline(writer, piece);
      if (writer.bytes - this.#flushedBytes >= FLUSH_BYTES) {
        this.#flushedBytes = writer.bytes;
        await writer.flush();
      }
    }
    this.#post({ type: "snapshotAccepted", id, bytes, pieces: pieces.length });
  }

  /**
   * An empty shard gets a section too: its stamp is what replay goes by. Memory is given back piece by piece: it would be many times the
   * few megabytes that are under way if it waited for the garbage collector.
   */
  #addInline(writer: SnapshotWriter, piece: SnapshotPiece): void {
    let blocks: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    let count = 0;
    let sections = 0;
    const section = (): void => {
      writer.addSection(piece.sectionId, piece.sequence, count, blocks);
      for (const { buffer } of blocks) {
        if (buffer.byteLength === BLOCK_BYTES) this.#spareBlocks.push(new Uint8Array(buffer));
        else releaseBuffer(buffer);
      }
      for (const block of this.#spareBlocks.splice(SPARE_BLOCKS_MAX)) releaseBuffer(block.buffer);
      blocks = [];
      bytes = 0;
      count = 0;
      sections++;
    };
    const emit = (block: Uint8Array<ArrayBuffer>): void => {
      blocks.push(block);
      bytes += block.length;
    };
    for (const chunk of piece.chunks) {
      count += encodeInlineEntries([chunk], emit, this.#newBlock);
      releaseBuffer(chunk.buffer);
      if (bytes >= SECTION_BYTES_MAX) section();
    }
    if (count > 0 || sections === 0) section();
  }

  readonly #newBlock = (bytes: number): Uint8Array<ArrayBuffer> => {
    const spare = bytes <= BLOCK_BYTES ? this.#spareBlocks.pop() : undefined;
    return spare ?? Buffer.allocUnsafeSlow(bytes);
  };

  #addEntries(writer: SnapshotWriter, sectionId: number, sequence: number, count: number, entries: Uint8Array): void {
    const sink = this.#sink;
    sink.reset();
    diskEntries(entries, sink);
    writer.addSection(sectionId, sequence, count, [sink.bytes.subarray(0, sink.length)]);
    if (sink.bytes.length > SINK_KEEP_BYTES) this.#sink = new ByteSink();
  }

  async #publish(writer: SnapshotWriter, message: FinishMessage): Promise<void> {
    const { id, walPos } = message;
    writer.finish(message.metadata, walPos);
    const published = await writer.publish(async (sequence) => {
      await this.#log.synced(sequence);
      if (!this.#log.mayPublish(walPos)) throw new Error("an fdatasync of the log failed while the snapshot was made");
    });
    this.#writer = null;
    this.#log.snapshotPublished(walPos);
    this.#prune();
    const { name, bytes, totalEntries } = published;
    this.#post({ type: "snapshotPublished", id, name, bytes, entries: totalEntries });
  }

  /**
   * The disk is full: gives up the oldest snapshot, and the log that no other one needs; never the newest, which was read again and found
   * whole when it was published, or recovered from. Returns whether something went.
   */
  giveUpOlder(): boolean {
    try {
      const dir = this.#dir;
      const kept = Math.max(1, fileNames.snapshotNames(dir.list()).length - 1);
      const snapshots = pruneSnapshots(dir, kept);
      const removed = [...snapshots.removed, ...pruneSegments(dir, snapshots.oldestKeptWalPos)];
      if (removed.length === 0) return false;
      this.#post({ type: "warning", message: `too little space is left: gave up ${removed.join(", ")}` });
      this.#log.tellSegments();
      return true;
    } catch (error) {
      this.#post({ type: "warning", message: `cannot remove old files: ${textOf(error)}` });
      return false;
    }
  }

  /** Room for a snapshot as large as the last, before it begins: one that finds none ends when it has taken what the log had, too. */
  #makeRoom(): void {
    const newest = fileNames.snapshotNames(this.#dir.list()).at(-1);
    if (newest === undefined) return;
    const bytes = this.#dir.size(newest) * ROOM_PER_SNAPSHOT;
    while (freeBytesAt(this.#path) < bytes && this.giveUpOlder());
  }

  /** What cannot be removed now is removed after the next snapshot. */
  #prune(): void {
    try {
      const { oldestKeptWalPos } = pruneSnapshots(this.#dir, this.#keep);
      pruneSegments(this.#dir, oldestKeptWalPos);
      this.#log.tellSegments();
    } catch (error) {
      this.#post({ type: "warning", message: `cannot remove old files: ${textOf(error)}` });
    }
  }

  #giveUp(): void {
    const writer = this.#writer;
    this.#writer = null;
    this.#id = -1;
    try {
      writer?.abort();
    } catch (error) {
      this.#post({ type: "warning", message: `cannot remove an unfinished snapshot: ${textOf(error)}` });
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

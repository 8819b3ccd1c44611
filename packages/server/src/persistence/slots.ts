/**
 * Everything that crosses the thread between the server and its persistence worker: the slots of the control array, the ring, and
 * the messages. Both sides import this file and nothing else of each other.
 *
 * Positions in the ring are 32-bit counters of bytes that wrap; offset = position & (ringBytes - 1). Sequences cross as their low
 * 32 bits (`widenSequence` makes them whole). Slots are read and written with Atomics.
 *
 *   ring      ... free | written, TAIL .. HEAD: entries, whole, in file format | main encodes here | free ...
 *
 * An entry that does not fit before the ring's end starts at offset 0 of the next lap; WRAP_AT is where the lap's bytes end.
 * Who writes a slot stands behind it. "Lock" = whoever holds DRAIN_LOCK. Each group has cache lines of its own.
 */

import type { HeldRecord, StorageErrorCode, StorageErrorDetails } from "@hearthkv/durability";

// --- main publishes
/** Position behind the last published entry. (main) */
export const HEAD = 0;
/** Sequence of the last published entry, stored before HEAD ... (main) */
export const HEAD_SEQUENCE_BEFORE = 1;
/** ... and after it: where both are equal, HEAD belongs to them. (main) */
export const HEAD_SEQUENCE_AFTER = 2;
/** Where the bytes of the lap before HEAD's end; valid while TAIL is in that lap. (main) */
export const WRAP_AT = 3;
/** Position at which the entry that travels as a message belongs; valid while OVERSIZE_PENDING is 1. (main) */
export const OVERSIZE_AT = 4;
/** 1 = drainers stop at OVERSIZE_AT until the worker wrote that entry. (main sets, worker clears) */
export const OVERSIZE_PENDING = 5;
/** Index into ACK_LEVELS. (main) */
export const ACK_LEVEL = 6;
/** Milliseconds. (main) */
export const FSYNC_INTERVAL_MS = 7;
/** 1 = nobody drains and nothing is synced. For tests only. (main) */
export const PAUSED = 8;
/** Low 32 bits of the time in ms (monotonic) at which the directory's lock last gave a sign of life ... (main) */
export const OWNED_AT_MS = 9;
/** ... and of the clock's time, which goes on while the machine sleeps. (main) */
export const OWNED_AT_CLOCK_MS = 10;
/** 1 = the lock is lost: nothing may be written any more. (main, and the worker where it finds out first) */
export const LOST = 11;

// --- whoever drains
/** 1 = somebody reads the ring and writes the file. Main only ever tries it; the worker waits for it. */
export const DRAIN_LOCK = 16;
/** Position up to which the file has the entries; always the edge of an entry. (lock) */
export const TAIL = 17;
/** Bytes behind TAIL that the file has already, after a short write. (lock) */
export const TAIL_PARTIAL = 18;
/** Last sequence that was handed to write(2) whole. (lock) */
export const WRITTEN_SEQUENCE = 19;
/** Length of the current segment, unsigned. (lock) */
export const SEGMENT_BYTES = 20;
/** Descriptor of the current segment, opened for appending; -1 = none. (worker with lock) */
export const SEGMENT_FD = 21;
/** 1 = the file may not be written by main: a write failed, or an fsync did. (worker with lock) */
export const FAILED = 22;
/** 1 = an fdatasync of the worker's is under way: main leaves the file alone when it takes long, with ack level synced always. (worker with lock) */
export const FSYNC_IN_FLIGHT = 23;
/** Errno (below 0) of an fdatasync of main's that failed: neither writes the file before the worker has taken that over; 0 = none did. (lock) */
export const SYNC_ERRNO = 24;

// --- the worker tells
/**
 * Last sequence covered by an fdatasync of a file that never failed one. Only grows, for each stores it where the other cannot: the worker while
 * FSYNC_IN_FLIGHT or MENDS is 1, or with the lock; main with the lock while both are 0 (quick-sync.ts).
 */
export const SYNCED_SEQUENCE = 32;
/** Counts turns of the worker's loop; main takes one that stands still for a dead one. (worker) */
export const HEARTBEAT = 33;
/** Above 0 = the worker is inside something that may take its time: a system call, a large piece of a snapshot. (worker) */
export const IN_LONG_CALL = 34;
/** fdatasyncs of the log so far. (who made one) */
export const FSYNCS = 35;
/** Duration of the last one. (who made it) */
export const LAST_FSYNC_US = 36;
/** Low 32 bits of the time in ms since which something is unsynced; 0 = nothing is. (worker) */
export const UNSYNCED_SINCE_MS = 37;
/** Segments finished by reaching their size since the start. (worker) */
export const ROTATIONS = 38;
/** Failed writes, fdatasyncs and segment openings since the start. (worker) */
export const ERRORS = 39;
/** 1 = SYNCED_SEQUENCE stays where it is until a snapshot mends a failed fdatasync, also one of the run before. (worker) */
export const MENDS = 40;
/** Duration of the usual fdatasync (fsync-time.ts); 0 = there was none yet. (who made one) */
export const USUAL_FSYNC_US = 41;

// --- waking
/** Counts wake-ups: what a sleeping worker waits on. (main) */
export const WAKE = 48;
/** How the worker sleeps: one of SLEEP_*. (both, compare and exchange) */
export const SLEEPING = 49;
/** Bits PROGRESS_*: what main wants to be told of by a "progress" message. (main sets, worker clears) */
export const PROGRESS_WANTED = 50;
/** 1 = fdatasync as soon as possible. (main sets, worker clears) */
export const SYNC_WANTED = 51;
/** Messages sent to the worker so far: it does not sleep before it has seen them all. (main) */
export const MESSAGES_SENT = 52;

export const CONTROL_SLOTS = 64;

/** Awake, or looks again by itself within 2 ms. */
export const SLEEP_NONE = 0;
/** In Atomics.wait with nothing to do: any publication wakes it. */
export const SLEEP_IDLE = 1;
/** In Atomics.wait until the next fdatasync is due: woken only when it has to write or sync at once. */
export const SLEEP_TIMED = 2;
/** In its event loop because something asynchronous is under way: woken, when urgent, by a message. */
export const SLEEP_LOOP = 3;
/** In its event loop with nothing to write or to sync: any publication wakes it, by a message. */
export const SLEEP_LOOP_IDLE = 4;

/** Something was written. */
export const PROGRESS_WRITTEN = 1;
/** Something was synced. */
export const PROGRESS_SYNCED = 2;
/** The ring is below its low-water mark and no oversize entry is in flight. */
export const PROGRESS_ROOM = 4;

/** ACK_LEVEL's values. */
export const ACK_LEVELS = ["memory", "written", "synced"] as const;
export const ACK_MEMORY = 0;
export const ACK_WRITTEN = 1;
export const ACK_SYNCED = 2;

/** Share of the ring above which main stops reading sockets, and below which it goes on. */
export const HIGH_WATER = 1 / 2;
export const LOW_WATER = 1 / 4;
/** Share of the ring above which an entry travels as a message. */
export const OVERSIZE_SHARE = 1 / 4;

/** The sequence whose low 32 bits are `low`, given one that is not below it and less than 2^32 above it. */
export function widenSequence(low: number, notBelow: number): number {
  return notBelow - ((notBelow - low) >>> 0);
}

/** Milliseconds from the time whose low 32 bits are `low` to `nowMs`, less than 24 days; 0 where the two threads' clocks cross. */
export function msSince(low: number, nowMs: number): number {
  return Math.max(0, ((nowMs | 0) - low) | 0);
}

/** The first message to the worker: with it, it begins. */
export interface WorkerStart {
  readonly control: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  readonly directory: string;
  /** The lock of the directory, to look at it. */
  readonly lock: HeldRecord;
  readonly generation: number;
  /** The hash seed, where the manifest is not written yet: nothing else may be before it is. Null = it is. */
  readonly owedManifest: Uint8Array | null;
  /** Last sequence recovered. */
  readonly lastSequence: number;
  /** Up to here everything is durable; below lastSequence when an fdatasync had failed in the run before, and nothing mended it. */
  readonly syncedSequence: number;
  readonly segmentNumber: number;
  readonly walMaxBytes: number;
  readonly snapshotKeep: number;
}

export type ToWorker =
  /** Only to end a sleep in the event loop. */
  | { readonly type: "wake" }
  /** The entry of OVERSIZE_AT. */
  | { readonly type: "oversize"; readonly bytes: Uint8Array }
  | { readonly type: "snapshotBegin"; readonly id: number; readonly createdMs: number }
  /** Pieces of several shards: a message costs both threads more than the copy of a small shard. */
  | { readonly type: "snapshotPieces"; readonly id: number; readonly pieces: readonly SnapshotPiece[] }
  /** `walPos`: everything up to this sequence is in the sections. */
  | {
      readonly type: "snapshotFinish";
      readonly id: number;
      readonly walPos: number;
      readonly metadata: SnapshotMetadata;
    }
  | { readonly type: "snapshotAbort"; readonly id: number }
  /** Write and sync everything published, answer "closed". */
  | { readonly type: "close" };

/** Part of one shard. */
export interface SnapshotPiece {
  readonly sectionId: number;
  /** The stamp: log sequence at the moment of the copy. */
  readonly sequence: number;
  /** Raw copies of the shard's memory, from which the worker makes entries ... */
  readonly chunks: Uint8Array<ArrayBuffer>[];
  /** ... or whole entries already, this many. */
  readonly entries: Uint8Array | null;
  readonly entryCount: number;
}

/** What a piece weighs on its way: both sides count by it. */
export function pieceBytes(piece: SnapshotPiece): number {
  let bytes = piece.entries === null ? 0 : piece.entries.length;
  for (const chunk of piece.chunks) bytes += chunk.length;
  return bytes;
}

/** The snapshot's metadata document. */
export interface SnapshotMetadata {
  readonly version: number;
  /** 8 bytes; the snapshot's split into shards depends on it. */
  readonly hashSeed: Uint8Array;
  /** Highest fencing token given out. */
  readonly lastFence: number;
  /** Of shards copied inside of an entry: section, mutations of the entry that are contained, section, ... */
  readonly partial: readonly number[];
  /** Databases that were swapped, as of WalPos (Keyspace.swappedDatabases). */
  readonly swapped: readonly number[];
}

/** A StorageError in parts. */
export interface Refusal {
  readonly code: StorageErrorCode;
  readonly what: string;
  readonly details: StorageErrorDetails;
}

export type FromWorker =
  | { readonly type: "ready" }
  /** `refusal`: what the storage said, whose class and fields do not cross; null = the error is a bug, with its stack. */
  | { readonly type: "openFailed"; readonly error: Error; readonly refusal: Refusal | null }
  /** Some of PROGRESS_WANTED happened; the slots say how far. */
  | { readonly type: "progress" }
  /** What stands in the way of writing, as the operating system words it; null = nothing any more. */
  | { readonly type: "failure"; readonly text: string | null }
  /** The worker found that the lock is lost. */
  | { readonly type: "lockLost" }
  /** An fdatasync failed: a snapshot is needed that contains everything up to here. */
  | { readonly type: "snapshotNeeded"; readonly sequence: number }
  | { readonly type: "segments"; readonly count: number; readonly finishedBytes: number }
  /** So much of the disk is free; Infinity where the system does not tell. */
  | { readonly type: "room"; readonly freeBytes: number }
  /** The log goes on in a new segment, where that was worth it: what comes now is the snapshot's, and all that came before will be superfluous. */
  | { readonly type: "snapshotReady"; readonly id: number }
  /** The worker is done with the pieces of one message; `bytes` is their size as they were sent. */
  | { readonly type: "snapshotAccepted"; readonly id: number; readonly bytes: number; readonly pieces: number }
  | {
      readonly type: "snapshotPublished";
      readonly id: number;
      readonly name: string;
      readonly bytes: number;
      readonly entries: number;
    }
  | { readonly type: "snapshotFailed"; readonly id: number; readonly error: unknown }
  | { readonly type: "warning"; readonly message: string }
  /** The answer to "close"; `error` when something committed may not be durable. */
  | { readonly type: "closed"; readonly error: string | null };

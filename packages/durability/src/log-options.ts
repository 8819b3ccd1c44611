import type { Codec } from "./codec.js";
import type { LogOperation } from "./log-format.js";
import type { RecoveryLog } from "./recover.js";
import type { RecoveryMode } from "./recovery-table.js";

/**
 * When `append`, `appendBatch` and `commit` of a WriteAheadLog resolve.
 * immediate: when the entry is durable. Those who append at the same time share one sync.
 * batched: when it is accepted; it is durable when `writes` entries have come, or after `milliseconds`, whichever is given.
 * eventual: when it is accepted; it is durable after `flushAndSync`, the segment's rotation, or `close`.
 */
export type Durability =
  | { readonly level: "immediate" }
  | { readonly level: "batched"; readonly writes?: number; readonly milliseconds?: number }
  | { readonly level: "eventual" };

export interface WriteAheadLogOptions<T> {
  readonly codec: Codec<T>;
  /** Default immediate. */
  readonly durability?: Durability;
  /** A segment that has grown to this size is followed by the next one. Default 64 MiB. */
  readonly maxSegmentBytes?: number;
  /** The same by entries. Default: no limit. */
  readonly maxSegmentEntries?: number;
  /** Largest encoded entry, or group. Default 16 MiB, at most MAX_PAYLOAD_BYTES. */
  readonly maxEntryBytes?: number;
  /** Clock in milliseconds since 1970. Default Date.now. */
  readonly now?: () => number;
  /**
   * Gives up the opening while that leaves the directory as it was: as long as another owner's lock is watched, and the log is read. Then the
   * signal's reason is thrown. An open log it does not touch.
   */
  readonly signal?: AbortSignal;
}

export interface ResumeOptions<T> extends WriteAheadLogOptions<T> {
  /** What is forgiven. Default torn-tail. */
  readonly mode?: RecoveryMode;
  /** Told of what recovery repairs. */
  readonly log?: RecoveryLog;
}

/** An entry that comes out of a WriteAheadLog. */
export interface Replayed<T> {
  /** Those of a group have the same one. */
  readonly sequence: number;
  /** Milliseconds since 1970 at which it was appended. */
  readonly timestampMs: number;
  readonly operation: LogOperation;
  readonly entry: T;
}

/** Where a log stands, and counts since it was opened. */
export interface LogStatistics {
  readonly lastSequence: number;
  /** Everything up to it is durable. */
  readonly syncedSequence: number;
  readonly segmentNumber: number;
  /** Of the current segment. */
  readonly segmentBytes: number;
  /** Accepted, or on their way, and still in memory. */
  readonly stagedBytes: number;
  /** Appends of them have resolved: what was refused does not count. */
  readonly appendedEntries: number;
  /** Of their payloads. */
  readonly appendedBytes: number;
  readonly syncs: number;
  readonly rotations: number;
  readonly checkpoints: number;
}

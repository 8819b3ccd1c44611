/** What the server core sees of persistence, and what persistence needs from the keyspace and the log. */

import type { Keyspace } from "@hearthkv/engine";
import type { RecoveredKeyspace } from "./recover-into.js";

/** Which level a write must have reached before its reply leaves. */
export type AckLevel = "memory" | "written" | "synced";

/** How forgiving recovery is; see `recover` of @hearthkv/durability. */
export type RecoveryMode = "torn-tail" | "strict" | "skip-corrupt";

/** Counters and gauges for INFO; times in milliseconds or microseconds as the name says, sizes in bytes. */
export type PersistenceInfo = Record<string, string | number>;

/** A pino logger, or anything with its calls. */
export interface PersistenceLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Tuning; what is absent has the default named. */
export interface PersistenceOptions {
  /** Default "written". */
  readonly ackLevel?: AckLevel;
  /** Longest time between an unsynced write and the start of the fdatasync that covers it. Default 100. */
  readonly fsyncIntervalMs?: number;
  /** A segment is rotated when the next write would take it past this size. Default 1 GiB. */
  readonly walMaxBytes?: number;
  /** A snapshot so often when something changed (fractions allowed); 0 = never by time. Default 300. */
  readonly snapshotIntervalS?: number;
  /** A snapshot after so many log entries; 0 = never by count. Default 100,000. */
  readonly snapshotOps?: number;
  /** A snapshot at so many bytes of log behind the newest one (snapshot-schedule.ts); 0 = never by size. Default 64 MiB. */
  readonly snapshotWalBytes?: number;
  /** Published snapshots kept, at least 1; older ones are given up where the disk is full. Default 3. */
  readonly snapshotKeep?: number;
  /** Default "torn-tail". */
  readonly recovery?: RecoveryMode;
  /** Size of the shared ring, a power of two from 4 KiB to 1 GiB. Default 16 MiB. */
  readonly ringBytes?: number;
  /** Called once when nothing can be persisted any more (the worker died): the process must end, non-zero. */
  readonly onFatal: (error: Error) => void;
  /** For tests: where the ring's 32-bit position counters start (a multiple of ringBytes). Default 0. */
  readonly ringStartPosition?: number;
}

/** A snapshot is due when so many seconds have passed (fractions allowed) since the last, and so many log entries were written. */
export interface SavePoint {
  readonly seconds: number;
  readonly changes: number;
}

/** How far the start is. */
export interface LoadingProgress {
  /** Milliseconds since 1970, and by the clock that only goes forward. */
  readonly startedAtMs: number;
  readonly startedMs: number;
  /** To be read, 0 = not known yet; and read so far. */
  totalBytes: number;
  loadedBytes: number;
}

/** Keeps the keyspace's mutations on disk. Everything here belongs to the serving thread; nothing here waits for the disk. */
export interface Persistence {
  /**
   * Locks the directory, which may take seconds, and brings its data into the keyspace; everything else of this interface may be called
   * meanwhile, except commit(), snapshotNow() and waitSynced(). Rejects with durability's StorageError (the directory is another's, recovery
   * refused, or no segment could be begun), and when close() was called; the directory is released then.
   */
  load(): Promise<void>;
  /** null once the data is there. Until then the keyspace must not be read or changed by clients, and its clock must stand still. */
  readonly loading: LoadingProgress | null;
  /**
   * Call after each command (or EXEC) when `keyspace.effects.count > 0`: frames and seals the mutations as one log entry.
   * Never fails and never waits; what has no room in the ring is kept aside and `congested` becomes true.
   */
  commit(nowMs: number): void;
  /** Call once per turn of the event loop, before replies leave: writes (or hands over) what was committed. */
  endTick(): void;
  /** Sequence of the last committed entry; 0 = none ever. */
  readonly lastSequence: number;
  /** Highest sequence whose ack level is reached. A reply may leave when the sequence it may have seen is not above this. */
  ackedSequence(): number;
  /** Called when ackedSequence() grew outside endTick(). */
  onAcked: () => void;
  /**
   * Too much waits for the disk: run no more commands that write. False while `writeError` is set (writes are refused then, so nothing
   * grows).
   */
  readonly congested: boolean;
  /** Called when `congested` became false outside endTick(). */
  onDrained: () => void;
  /**
   * Text without "-" with which write commands are refused, "MISCONF Errors writing to the AOF file: ..."; null = all is well.
   * While it is set ackedSequence() may stand still: no reply should then wait for it.
   */
  readonly writeError: string | null;
  /** Called when `writeError` changed. */
  onWriteError: (text: string | null) => void;
  /** Writes and publishes a snapshot; joins one that waits to start. Rejects when it failed; the previous one then stays. */
  snapshotNow(): Promise<void>;
  readonly snapshotRunning: boolean;
  /** Unix time of the last published snapshot, or of the start. */
  readonly lastSaveSeconds: number;
  /** Whether the last snapshot attempt succeeded. */
  readonly lastSaveOk: boolean;
  /** Log entries since the last published snapshot began. */
  readonly changesSinceSave: number;
  /** Highest sequence covered by an fdatasync. */
  syncedSequence(): number;
  /**
   * Resolves when `sequence` is synced; asks for an fdatasync at once. Rejects while, and as soon as, `writeError` is set, and with the reason of
   * `signal` when that aborts: nothing of the call is kept then.
   */
  waitSynced(sequence: number, signal?: AbortSignal): Promise<void>;
  info(): PersistenceInfo;
  /** May be changed at any time; replies already waiting follow the new level. */
  ackLevel: AckLevel;
  /** Any of them makes one due, none = never by time; may be changed at any time. */
  savePoints: readonly SavePoint[];
  /** Entries, 0 = never by count; may be changed at any time. */
  snapshotOps: number;
  /** Bytes, 0 = never by the log's size; may be changed at any time. */
  snapshotWalBytes: number;
  /**
   * Writes and syncs everything committed, takes a final snapshot if asked (a failed one is logged, not thrown: the log has
   * everything), ends the worker and releases the directory. Commit nothing any more once it is called. While the data is loaded it ends
   * that and leaves the directory as it was.
   */
  close(options: { snapshot: boolean }): Promise<void>;
}

/** The part of the keyspace that persistence works with. */
export type PersistedKeyspace = RecoveredKeyspace &
  Pick<Keyspace, "captureShard" | "front" | "reseed" | "shardSections" | "swappedDatabases">;

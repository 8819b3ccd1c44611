/** What the parts of a database need of their keyspace, which has them all. */
import type { EffectLog } from "./effects.js";
import type { HashSeed } from "./hash.js";
import type { KeyHashes } from "./key-hashes.js";
import type { Memory } from "./memory.js";
import type { ShardHome } from "./shard.js";
import type { TableHome } from "./types/member-table.js";
import type { PackedLimits } from "./types/packed.js";

/** Told of every change, also of deletions and expiries. It must not change data itself. */
export interface KeyspaceObserver {
  modified(db: number, buf: Uint8Array, off: number, len: number): void;
  /** Every key of the database is gone. */
  flushed(db: number): void;
  /** The two databases, by the numbers that clients know, have exchanged all keys. */
  swapped(db: number, other: number): void;
  /** The key's time was up: it is gone. The bytes are valid during the call. */
  expired(db: number, buf: Uint8Array, off: number, len: number): void;
  /** A read found no such key. */
  missed(db: number, buf: Uint8Array, off: number, len: number): void;
}

/** Counters since the start or the last reset. */
export interface KeyspaceStats {
  expiredKeys: number;
  keyspaceHits: number;
  keyspaceMisses: number;
}

export interface StoreHome extends ShardHome, TableHome {
  /** Of all hashes. It may change while there are no keys. */
  readonly seed: HashSeed;
  readonly effects: EffectLog;
  /** Hash of every key and element that is looked up. */
  readonly hashes: KeyHashes;
  /** Of shard s is memory s modulo their number. */
  readonly memories: readonly Memory[];
  /** Up to where collections are packed. */
  readonly limits: PackedLimits;
  readonly stats: KeyspaceStats;
  /** Milliseconds since 1970: the clock by which keys expire. */
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly observer: KeyspaceObserver | null;
  /** The next fencing token. */
  nextFence(): number;
}

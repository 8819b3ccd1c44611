/** All databases of a process, with their clock, their log and their upkeep. */
import { Database, type DatabaseHome } from "./database.js";
import { digestOf } from "./digest.js";
import { EffectLog } from "./effects.js";
import { type HashSeed, hashSeed } from "./hash.js";
import { KeyHashes } from "./key-hashes.js";
import { SHARDS } from "./key-store.js";
import { Memory, type ReleaseBuffer } from "./memory.js";
import { ALL_DATABASES, KEY_AT, MutationReader } from "./mutations.js";
import { OPEN_VALUES, OpenValues } from "./open-values.js";
import { applyMutation, isKeyed, type ReplayTarget } from "./operations.js";
import { OP_FLUSH, OP_SWAP } from "./ops.js";
import { KEY_BYTES_MAX } from "./record.js";
import { ENTRY_CONTINUES, ENTRY_HEADER_BYTES, readSnapshotEntries, ShardCapture } from "./snapshot.js";
import type { SnapshotFront } from "./snapshot-front.js";
import type { KeyspaceObserver, KeyspaceStats } from "./store-home.js";
import { PackedLimits } from "./types/packed.js";
import { TYPE_STRING } from "./types/type-codes.js";

/** Default number of databases. */
export const DATABASES = 16;

/** While a log is replayed, indexes are looked at after so many entries, and doubled when they are nearly full. */
const RESERVE_EVERY = 4096;
const NEARLY_FULL = 15 / 16;

/** A sweep adds no more to a log entry that has so many bytes. */
const EXPIRE_ENTRY_BYTES = 1 << 20;

export interface KeyspaceOptions {
  /** 8 random bytes, the same for the life of a data directory. */
  hashSeed: Uint8Array;
  /** Uniform in [0, 1): chooses random keys. */
  random: () => number;
  /** Number of databases, at most 255. */
  databases?: number;
  /** Number of memories, of 32 GB each: 1 to 256. */
  memories?: number;
  /** Collections outside of records that may be open (open-values.ts). */
  openValues?: number;
  /** How freed memory is given back at once; by default it waits for the garbage collector. */
  release?: ReleaseBuffer;
}

export class Keyspace implements DatabaseHome, ReplayTarget {
  seed: HashSeed;
  /** The same as it was given. */
  hashSeed: Uint8Array;
  readonly random: () => number;
  /** Hashes of keys that are looked up soon. */
  readonly hashes: KeyHashes;
  readonly effects = new EffectLog();
  /** Where everything lies: each shard in one of them, whose number follows from the shard's; each large collection in any. */
  readonly memories: readonly Memory[];
  readonly values: OpenValues;
  /** Up to where collections are packed; may be changed at any time. */
  readonly limits = new PackedLimits();
  readonly stats: KeyspaceStats = { expiredKeys: 0, keyspaceHits: 0, keyspaceMisses: 0 };
  /** Milliseconds since 1970: the clock by which keys expire. The owner sets it before it runs commands; 0 while replaying: nothing expires. */
  nowMs = 0;
  observer: KeyspaceObserver | null = null;
  /** The snapshot that is being made, until all shards are copied. */
  front: SnapshotFront | null = null;
  /** A key may have an expiry. */
  mayExpire = false;
  /** Last fencing token given. */
  lastFence = 0;
  /** The highest stamp of any section. */
  highestStamp = 0;
  /** Entries of the replayed log whose source was not there: without one that is missing from the log there are none. */
  lostSources = 0;
  readonly databaseCount: number;

  readonly #databases: (Database | undefined)[] = [];
  /** For each number that clients know, the one under which that database's data is logged: others since they were swapped. */
  readonly #logged: number[];
  readonly #stamps: Float64Array;
  /** Of sections that contain only some mutations of the entry that is their stamp: how many, the first ones. */
  readonly #partial = new Map<number, number>();
  readonly #mutations = new MutationReader();
  #replayed = 0;
  #captureEpoch = 0;
  #expireDb = 0;
  #expireShard = 0;
  /** Where the sweep goes on in its shard; beyond the end at first. */
  #expireBucket = Number.POSITIVE_INFINITY;
  #evacuateDb = 0;
  #evacuateShard = 0;

  constructor(options: KeyspaceOptions) {
    this.seed = hashSeed(options.hashSeed);
    this.hashSeed = options.hashSeed;
    this.hashes = new KeyHashes(this);
    this.random = options.random;
    this.memories = Array.from({ length: options.memories ?? 1 }, () => new Memory(options.release));
    this.values = new OpenValues(
      this.memories.map((memory) => ({ memory, hashes: this.hashes })),
      options.openValues ?? OPEN_VALUES,
    );
    this.databaseCount = options.databases ?? DATABASES;
    this.#logged = Array.from({ length: this.databaseCount }, (_, index) => index);
    this.#stamps = new Float64Array(this.databaseCount * SHARDS);
  }

  /** The database with this number, made at its first use. */
  db(index: number): Database {
    const found = this.#databases[index];
    if (found !== undefined) return found;
    if (!(index >= 0 && index < this.databaseCount)) throw new RangeError(`no database ${index}`);
    const made = new Database(this, index, this.#logged[index]);
    this.#databases[index] = made;
    return made;
  }

  /** The database whose data is logged, and stands in snapshots, under this number. */
  loggedDb(index: number): Database {
    // Mostly they are the same.
    return this.db(this.#logged[index] === index ? index : this.#logged.indexOf(index));
  }

  /**
   * Lets two databases exchange what they hold, in a step, however much that is. Data stays where it is and is logged under the number that it has:
   * only which of them clients mean by a number changes. So no entry of the log, and no shard of a snapshot, depends on it.
   */
  swap(one: number, other: number): void {
    const a = this.db(one);
    const b = this.db(other);
    const { effects } = this;
    if (effects.enabled) {
      effects.begin(OP_SWAP, 2);
      effects.u8(one);
      effects.u8(other);
    }
    a.keys.swap(b.keys);
    this.#logged[one] = a.keys.index;
    this.#logged[other] = b.keys.index;
    if (effects.enabled) effects.end();
    if (this.observer !== null) this.observer.swapped(one, other);
  }

  /** Pairs of a number that clients know and the one under which that database's data is logged, where the two are not the same. */
  swappedDatabases(): number[] {
    return this.#logged.flatMap((logged, index) => (logged === index ? [] : [index, logged]));
  }

  /** What swappedDatabases() told, or nothing. Only while there are no keys. Throws RangeError where it cannot have. */
  setSwapped(pairs: readonly number[]): void {
    const logged = Array.from({ length: this.databaseCount }, (_, index) => index);
    for (let i = 0; i + 1 < pairs.length; i += 2) logged[pairs[i]] = pairs[i + 1];
    const isOrder = logged.length === this.databaseCount && new Set(logged).size === this.databaseCount;
    if (!isOrder || logged.some((number) => !(number >= 0 && number < this.databaseCount)))
      throw new RangeError("databases cannot have been swapped like that");
    for (const [index, number] of logged.entries()) {
      this.#logged[index] = number;
      const db = this.#databases[index];
      if (db !== undefined) db.keys.index = number;
    }
  }

  /** Another seed, for a data directory that became known later. Only while there are no keys. */
  reseed(bytes: Uint8Array): void {
    if (this.databases().some((db) => db.keys.size > 0))
      throw new Error("the hash seed of keys that are there cannot change");
    this.seed = hashSeed(bytes);
    this.hashSeed = bytes;
  }

  /** The databases that were used. */
  databases(): Database[] {
    return this.#databases.filter((db) => db !== undefined);
  }

  /** The next fencing token: larger than any before it, also after a restart that lost the last ones (it follows the clock). */
  nextFence(): number {
    this.lastFence = Math.max(this.lastFence + 1, this.nowMs);
    return this.lastFence;
  }

  /** Bytes held by keys, values and indexes. The objects of open collections are not among them. */
  usedBytes(): number {
    let bytes = 0;
    for (const db of this.databases()) for (const shard of db.keys.shards) bytes += shard.usedBytes;
    return bytes;
  }

  /** Bytes of all blocks of memory that are taken, filled or not. */
  arenaBytes(): number {
    let bytes = 0;
    for (const memory of this.memories) bytes += memory.takenBytes;
    return bytes;
  }

  /** The memory for a new collection: the one of which least is taken. */
  get memory(): Memory {
    let best = this.memories[0];
    for (const memory of this.memories) if (memory.takenBytes < best.takenBytes) best = memory;
    return best;
  }

  /** Empties one database, or all (-1). */
  flush(index: number): void {
    const { effects } = this;
    if (effects.enabled) {
      effects.begin(OP_FLUSH, 1);
      effects.u8(index < 0 ? ALL_DATABASES : this.#logged[index]);
    }
    for (const db of this.databases()) {
      if (index >= 0 && db.index !== index) continue;
      for (let s = 0; s < SHARDS; s++) db.keys.clearShard(s);
      if (this.observer !== null) this.observer.flushed(db.index);
    }
    if (effects.enabled) effects.end();
  }

  /**
   * Goes on with the endless sweep for expired keys: looks `maxBuckets` times into a bucket, deletes and logs; returns how many keys expired. It
   * goes through a shard from its last bucket to its first: the index shrinks from its end, so what that moves, moves to where the sweep
   * has not been yet. It ends early when the log entry gets large, which the caller closes then: keys may be long.
   */
  activeExpire(maxBuckets: number): number {
    // An idle server does this ten times a second.
    if (!this.mayExpire) return 0;
    let expired = 0;
    let budget = maxBuckets;
    let seen = false;
    // Once round at most.
    let shardsLeft = this.#databases.length * SHARDS;
    while (budget > 0 && shardsLeft > 0 && this.effects.payloadBytes < EXPIRE_ENTRY_BYTES) {
      const db = this.#databases[this.#expireDb];
      const shard = db?.keys.shards[this.#expireShard];
      if (db === undefined || shard === undefined || shard.expiring === 0) {
        shardsLeft--;
        this.#nextExpireShard();
        continue;
      }
      seen = true;
      budget--;
      const bucket = Math.min(this.#expireBucket, shard.bucketCount - 1);
      if (db.keys.expireOne(shard, bucket)) {
        expired++;
        this.#expireBucket = bucket;
        continue;
      }
      this.#expireBucket = bucket - 1;
      if (bucket > 0) continue;
      shardsLeft--;
      this.#nextExpireShard();
    }
    this.mayExpire = seen || shardsLeft > 0;
    return expired;
  }

  /** Goes on with emptying chunks that are mostly dead: looks at up to `maxRecords` records; returns how many it looked at. */
  evacuate(maxRecords: number): number {
    if (!this.memories.some((memory) => memory.hasSparse)) return 0;
    let done = 0;
    const end = this.#databases.length * SHARDS;
    for (let visited = 0; visited < end && done < maxRecords; visited++) {
      const shard = this.#databases[this.#evacuateDb]?.keys.shards[this.#evacuateShard];
      if (shard?.arena.sparse) done += shard.evacuate(maxRecords - done);
      if (++this.#evacuateShard < SHARDS) continue;
      this.#evacuateShard = 0;
      this.#evacuateDb = (this.#evacuateDb + 1) % this.#databases.length;
    }
    if (done === 0) for (const memory of this.memories) memory.hasSparse = false;
    return done;
  }

  /** Section numbers (database * 256 + shard) of everything that a snapshot must hold. */
  shardSections(): number[] {
    const sections: number[] = [];
    for (const db of this.databases()) for (let s = 0; s < SHARDS; s++) sections.push(db.keys.index * SHARDS + s);
    return sections;
  }

  /** Copies a shard for a snapshot, by its section's number. It must be stepped to its end, or closed, before the next one is made. */
  captureShard(dbIndex: number, shardIndex: number): ShardCapture {
    return new ShardCapture(this.loggedDb(dbIndex).keys.shards[shardIndex], ++this.#captureEpoch);
  }

  /**
   * Loads whole snapshot entries of one section; returns how many. None of its keys may exist yet: strings and small collections are added
   * without a look. Throws RangeError where they are malformed.
   * @param expected about how many there will be: room is made for them at once
   */
  loadEntries(sectionId: number, bytes: Uint8Array, off: number, len: number, expected = 0): number {
    const db = this.loggedDb(Math.floor(sectionId / SHARDS));
    const shard = db.keys.shards[sectionId % SHARDS];
    shard.reserve(shard.count + Math.min(expected, Math.floor(len / ENTRY_HEADER_BYTES)));
    // Whoever reads values reads a Buffer: one is made here, and not for each of them.
    const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return readSnapshotEntries(from, off, len, (type, flags, koff, klen, expireAt, voff, vlen) => {
      if (klen > KEY_BYTES_MAX) throw new RangeError(`a key of ${klen} bytes`);
      this.values.settle();
      if ((flags & ENTRY_CONTINUES) !== 0) db.extendValue(from, koff, klen, type, from, voff, vlen);
      else if (type === TYPE_STRING) db.strings.load(from, koff, klen, from, voff, vlen, expireAt);
      else if (!db.found.loadSmall(from, koff, klen, type, expireAt, from, voff, vlen))
        db.restore(from, koff, klen, type, expireAt, from, voff, vlen);
    });
  }

  /** Sections that the snapshot does not have stand at this sequence. */
  setDefaultStamp(sequence: number): void {
    this.#stamps.fill(sequence);
    this.#partial.clear();
    this.highestStamp = sequence;
  }

  /** The loaded state of a section includes everything up to this sequence. */
  setStamp(sectionId: number, sequence: number): void {
    this.#stamps[sectionId] = sequence;
    this.highestStamp = Math.max(this.highestStamp, sequence);
  }

  /** Of the entry that is a section's stamp, only so many mutations are included: its shard was copied inside of it (snapshot-front.ts). */
  setPartial(sectionId: number, mutations: number): void {
    this.#partial.set(sectionId, mutations);
  }

  /** Whether the loaded state of a key's shard includes this mutation (counted from 0) of the entry with this sequence. */
  contains(sequence: number, mutation: number, db: number, buf: Uint8Array, off: number, len: number): boolean {
    return this.#contains(sequence, mutation, db * SHARDS + (this.hashes.of(buf, off, len) & 255));
  }

  /**
   * Loads what replay() will need of the keys of entries that it gets next, `count` of them, in bytes that stay the same until then: as `touchAhead` in
   * the server's dispatch does for a pipeline. It changes nothing, so it may leave out what it likes: entries that do not begin with a key.
   */
  replayAhead(count: number, ops: Uint8Array, bytes: Uint8Array, offs: Int32Array, lengths: Int32Array): void {
    const { hashes } = this;
    const from = this.#mutations.bufferOf(bytes);
    hashes.begin(from);
    let index = 0;
    for (let i = 0; i < count; i++) {
      const off = offs[i];
      if (!isKeyed(ops[i]) || lengths[i] < KEY_AT) continue;
      const klen = from.readUInt32LE(off + KEY_AT - 4);
      if (klen > lengths[i] - KEY_AT) continue;
      index = from[off];
      hashes.add(off + KEY_AT, klen);
    }
    if (hashes.count === 0 || index >= this.databaseCount) return;
    const { shards } = this.loggedDb(index).keys;
    hashes.touch(shards);
    hashes.touchNext(shards);
  }

  /** Behind the last replay(): lets go of the bytes that were read. */
  endReplay(): void {
    this.hashes.clear();
    this.#mutations.close();
  }

  /** Applies a log entry to the shards that do not have it yet. Nothing is logged. Throws RangeError where the entry is malformed. */
  replay(op: number, sequence: number, bytes: Uint8Array, off: number, len: number): void {
    const m = this.#mutations;
    m.open(op, sequence, bytes, off, len);
    while (m.next()) {
      this.values.settle();
      applyMutation(m, this);
    }
    if (++this.#replayed % RESERVE_EVERY === 0) this.#reserve();
  }

  /** A logged flush of one database, or of all (255): of the shards that do not have it yet. */
  replayFlush(db: number, sequence: number, mutation: number): void {
    for (const each of this.databases()) {
      const { index } = each.keys;
      if (db !== ALL_DATABASES && index !== db) continue;
      for (let s = 0; s < SHARDS; s++) {
        if (!this.#contains(sequence, mutation, index * SHARDS + s)) each.keys.clearShard(s);
      }
    }
  }

  /** Digest of all data, 40 hex digits: equal data gives equal digests, whatever the order, the hash seed or the history. */
  digest(): string {
    return digestOf(this.databases());
  }

  #contains(sequence: number, mutation: number, section: number): boolean {
    const stamp = this.#stamps[section];
    if (sequence !== stamp) return sequence < stamp;
    return mutation < (this.#partial.get(section) ?? Number.POSITIVE_INFINITY);
  }

  #reserve(): void {
    for (const db of this.databases()) {
      for (const shard of db.keys.shards) {
        if (shard.count > shard.bucketCount * NEARLY_FULL) shard.reserve(shard.bucketCount * 2);
      }
    }
  }

  #nextExpireShard(): void {
    this.#expireBucket = Number.POSITIVE_INFINITY;
    if (++this.#expireShard < SHARDS) return;
    this.#expireShard = 0;
    this.#expireDb = (this.#expireDb + 1) % this.#databases.length;
  }
}

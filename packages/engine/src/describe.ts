/**
 * Logged mutations, snapshot entries and values as plain data, for people and for other formats. The bytes are read by what reads them for
 * the keyspace (mutations.ts, snapshot.ts, types/): here is only a target that notes what it is called with.
 */
import { ALL_DATABASES } from "./keyspace.js";
import { type ReplayDatabase, Replayer, type ReplayTarget } from "./mutations.js";
import * as ops from "./ops.js";
import { ENTRY_CONTINUES, readSnapshotEntries } from "./snapshot.js";
import { type Described, describeValue, typeName } from "./types/value-types.js";

/** One mutation. Buffers are copies. */
export interface DescribedMutation {
  /** As "set", "hash-set"; see ops.ts. */
  readonly op: string;
  /** Number of the database; -1 = all (a flush). */
  readonly db: number;
  /** The keys that it names; none for a flush. */
  readonly keys: readonly Buffer[];
  /** What else it holds, by name. Times are milliseconds since 1970. */
  readonly details: Readonly<Record<string, Described>>;
}

/** One entry of a snapshot. Buffers are copies. */
export interface DescribedEntry {
  readonly key: Buffer;
  readonly type: string;
  /** Milliseconds since 1970; 0 = never. */
  readonly expireAt: number;
  /** A further part of the collection that an earlier entry began. */
  readonly continues: boolean;
  readonly value: Described;
}

const OP_NAMES: ReadonlyMap<number, string> = new Map([
  [ops.OP_SET, "set"],
  [ops.OP_DELETE, "delete"],
  [ops.OP_INCR, "incr"],
  [ops.OP_DECR, "decr"],
  [ops.OP_MSET, "mset"],
  [ops.OP_MDEL, "mdel"],
  [ops.OP_SETNX, "setnx"],
  [ops.OP_LOCK, "lock"],
  [ops.OP_UNLOCK, "unlock"],
  [ops.OP_EXTEND_LOCK, "extend-lock"],
  [ops.OP_EXPIRE, "expire"],
  [ops.OP_APPEND, "append"],
  [ops.OP_SETRANGE, "setrange"],
  [ops.OP_RESTORE, "restore"],
  [ops.OP_FLUSH, "flush"],
  [ops.OP_RENAME, "rename"],
  [ops.OP_COPY, "copy"],
  [ops.OP_HASH_SET, "hash-set"],
  [ops.OP_HASH_DELETE, "hash-delete"],
  [ops.OP_LIST_PUSH, "list-push"],
  [ops.OP_LIST_POP, "list-pop"],
  [ops.OP_SET_ADD, "set-add"],
  [ops.OP_SET_REMOVE, "set-remove"],
  [ops.OP_ZSET_ADD, "zset-add"],
  [ops.OP_ZSET_REMOVE, "zset-remove"],
]);

/** The mutations of one log entry, in their order. Throws RangeError where it is malformed. */
export function describeMutations(op: number, bytes: Uint8Array, off: number, len: number): DescribedMutation[] {
  const notes = new Notes();
  new Replayer(notes).apply(op, 1, bytes, off, len);
  return notes.mutations;
}

/** Visits the entries of one section of a snapshot; returns how many. Throws RangeError where they are malformed. */
export function describeEntries(
  bytes: Uint8Array,
  off: number,
  len: number,
  visit: (entry: DescribedEntry) => void,
): number {
  return readSnapshotEntries(bytes, off, len, (type, flags, koff, klen, expireAt, voff, vlen) => {
    const key = copy(bytes, koff, klen);
    const continues = (flags & ENTRY_CONTINUES) !== 0;
    visit({ key, type: typeName(type), expireAt, continues, value: describeValue(type, bytes, voff, vlen) });
  });
}

function copy(bytes: Uint8Array, off: number, len: number): Buffer {
  return Buffer.from(bytes.subarray(off, off + len));
}

function copies(buf: Uint8Array, off: Int32Array, len: Int32Array, first: number, count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => copy(buf, off[first + i], len[first + i]));
}

/** Notes every mutation instead of applying it. What the mutators would return is of no interest to the reader. */
class Notes implements ReplayTarget {
  lastFence = 0;
  lostSources = 0;
  readonly highestStamp = 0;
  readonly mutations: DescribedMutation[] = [];
  #op = "";
  #db = 0;
  #keys: Buffer[] = [];
  #pairs: Buffer[][] = [];

  beginMutation(op: number, db: number): void {
    this.#op = OP_NAMES.get(op) ?? `operation ${op}`;
    this.#db = db;
    this.#keys = [];
    this.#pairs = [];
  }

  contains(): boolean {
    return false;
  }

  replayFlush(db: number): void {
    this.#db = db === ALL_DATABASES ? -1 : db;
    this.#note([], {});
  }

  db(): ReplayDatabase {
    return this.#database;
  }

  readonly #database: ReplayDatabase = {
    strings: {
      set: (b, koff, klen, v, voff, vlen, expireAt) => {
        const value = copy(v, voff, vlen);
        this.#note([copy(b, koff, klen)], expireAt === 0 ? { value } : { value, expireAt });
      },
      mset: (b, off, len) => {
        const key = copy(b, off[0], len[0]);
        this.#pairs.push([key, copy(b, off[1], len[1])]);
        this.#addKey(key);
      },
      // "Too large for the fast way": incrByBig follows.
      incrBy: () => Number.NaN,
      incrByBig: (b, koff, klen, amount) => {
        this.#note([copy(b, koff, klen)], { by: amount });
        return amount;
      },
      putLock: (b, koff, klen, v, voff, vlen, expireAt, token) => {
        this.#note([copy(b, koff, klen)], { owner: copy(v, voff, vlen), expireAt, token });
      },
      append: (b, koff, klen, v, voff, vlen) => {
        this.#note([copy(b, koff, klen)], { value: copy(v, voff, vlen) });
        return 0;
      },
      setRange: (b, koff, klen, offset, v, voff, vlen) => {
        this.#note([copy(b, koff, klen)], { offset, value: copy(v, voff, vlen) });
        return 0;
      },
    },
    keys: {
      remove: (b, koff, klen) => {
        if (this.#op === OP_NAMES.get(ops.OP_MDEL)) this.#addKey(copy(b, koff, klen));
        else this.#note([copy(b, koff, klen)], {});
        return true;
      },
      setExpire: (b, koff, klen, expireAt) => this.#note([copy(b, koff, klen)], { expireAt }),
    },
    hashes: {
      set: (b, koff, klen, buf, off, len, first, count) => {
        const all = copies(buf, off, len, first, 2 * count);
        this.#note([copy(b, koff, klen)], {
          fields: Array.from({ length: count }, (_, i) => all.slice(2 * i, 2 * i + 2)),
        });
        return 0;
      },
      delete: (b, koff, klen, ...elements) => {
        this.#note([copy(b, koff, klen)], { fields: copies(...elements) });
        return 0;
      },
    },
    lists: {
      push: (b, koff, klen, side, ...elements) => {
        this.#note([copy(b, koff, klen)], { side: side === 0 ? "head" : "tail", elements: copies(...elements) });
        return 0;
      },
      pop: (b, koff, klen, side, count) => {
        this.#note([copy(b, koff, klen)], { side: side === 0 ? "head" : "tail", count });
        return 0;
      },
    },
    sets: {
      add: (b, koff, klen, ...elements) => {
        this.#note([copy(b, koff, klen)], { members: copies(...elements) });
        return 0;
      },
      remove: (b, koff, klen, ...elements) => {
        this.#note([copy(b, koff, klen)], { members: copies(...elements) });
        return 0;
      },
    },
    zsets: {
      add: (b, koff, klen, scores, buf, off, len, first, count) => {
        const members = Array.from({ length: count }, (_, i) => {
          const m = first + 2 * i;
          return [copy(buf, off[m], len[m]), scores[i]];
        });
        this.#note([copy(b, koff, klen)], { members });
        return 0;
      },
      remove: (b, koff, klen, ...elements) => {
        this.#note([copy(b, koff, klen)], { members: copies(...elements) });
        return 0;
      },
    },
    rename: (s, soff, slen, d, doff, dlen) => {
      this.#note([copy(s, soff, slen), copy(d, doff, dlen)], {});
      return true;
    },
    copyTo: (s, soff, slen, toDb, d, doff, dlen) => {
      this.#note([copy(s, soff, slen), copy(d, doff, dlen)], { toDb });
      return true;
    },
    restore: (b, koff, klen, type, expireAt, v, voff, vlen) => {
      const value = describeValue(type, v, voff, vlen);
      this.#note([copy(b, koff, klen)], { type: typeName(type), ...(expireAt === 0 ? {} : { expireAt }), value });
    },
  };

  /** MSet and MDel come key by key: the first one makes the note that the others extend. */
  #addKey(key: Buffer): void {
    this.#keys.push(key);
    if (this.#keys.length === 1) this.#note(this.#keys, this.#pairs.length === 0 ? {} : { pairs: this.#pairs });
  }

  #note(keys: readonly Buffer[], details: DescribedMutation["details"]): void {
    this.mutations.push({ op: this.#op, db: this.#db, keys, details });
  }
}

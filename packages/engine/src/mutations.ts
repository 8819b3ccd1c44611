/**
 * Reads logged mutations and applies them through the same mutators that live commands use. Bodies, after [ db:1 | keyBytes:4 | key ]:
 *
 *   Set, SetNx      [ expires:1 | expireAt:8 ? | value ]         Lock        [ expireAt:8 | token:8 | owner ]
 *   Delete, Unlock  [ ]                                          ExtendLock  [ expireAt:8 ]
 *   Incr, Decr      [ amount:8 unsigned ]                        Expire      [ expireAt:8, 0 = none ]
 *   Append          [ bytes ]                                    SetRange    [ offset:4 | bytes ]
 *   Restore         [ type:1 | expireAt:8 | encoded value ]      ListPop     [ side:1 | count:4 ]
 *   HashSet         [ (field, value)* ]                          ListPush    [ side:1 | text* ]
 *   HashDelete, SetAdd, SetRemove, ZsetRemove  [ text* ]         ZsetAdd     [ (score:8, text)* ]
 *
 * and without that beginning:
 *
 *   MSet  [ db:1 | count:4 | (key, value)* ]     MDel  [ db:1 | count:4 | key* ]     Flush  [ db:1, 255 = all ]
 *   Rename  [ db:1 | key | new key ]              Copy  [ db:1 | key | db:1 | new key ]
 *
 * text, key, value = [ bytes:4 | latin1 ]. A mutation is applied to a shard only when its sequence is above the shard's stamp: snapshots are
 * taken shard by shard, and snapshot-front.ts says why that is right for two keys, too. A mutation that reads outside its body throws RangeError: the log's checksum held, so that is a bug or a newer version.
 */

import type { Database } from "./database.js";
import type { HashStore } from "./hash-store.js";
import type { KeyStore } from "./key-store.js";
import type { ListStore } from "./list-store.js";
import * as ops from "./ops.js";
import type { SetStore } from "./set-store.js";
import type { StringStore } from "./string-store.js";
import { UnknownCodeError } from "./types/type-codes.js";
import type { ZsetStore } from "./zset-store.js";

const TWO_32 = 4294967296;

/** What a mutation of one key calls. Byte ranges are valid only during the call. */
export interface ReplayDatabase extends Pick<Database, "copyTo" | "rename" | "restore"> {
  readonly keys: Pick<KeyStore, "remove" | "setExpire">;
  readonly strings: Pick<StringStore, "append" | "incrBy" | "incrByBig" | "mset" | "putLock" | "set" | "setRange">;
  readonly hashes: Pick<HashStore, "delete" | "set">;
  readonly lists: Pick<ListStore, "pop" | "push">;
  readonly sets: Pick<SetStore, "add" | "remove">;
  readonly zsets: Pick<ZsetStore, "add" | "remove">;
}

/** What mutations are read into: the keyspace, or something that only describes them. */
export interface ReplayTarget {
  lastFence: number;
  /** No shard has more than up to this sequence. */
  readonly highestStamp: number;
  /** Told of each mutation before it is read. */
  beginMutation?(op: number, db: number): void;
  db(index: number): ReplayDatabase;
  /** Mutations that name a key whose value they need, and that is not there. */
  lostSources: number;
  /** Whether a key's shard has this mutation (counted from 0) of the entry already. */
  contains(sequence: number, mutation: number, db: number, buf: Uint8Array, off: number, len: number): boolean;
  /** Empties a database (or all, 255) as far as its shards stand before this mutation of the entry. */
  replayFlush(db: number, sequence: number, mutation: number): void;
}

export class Replayer {
  readonly #keyspace: ReplayTarget;
  /** What was given last, and the same bytes as a Buffer: a log is read through one window, entry after entry. */
  #given: Uint8Array = new Uint8Array(0);
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  /** Number of the mutation in its entry. */
  #nth = 0;
  /** Byte ranges of keys and elements, as mutators take them. */
  #off = new Int32Array(8);
  #len = new Int32Array(8);
  readonly #scores: number[] = [];

  constructor(keyspace: ReplayTarget) {
    this.#keyspace = keyspace;
  }

  /** Applies one entry: one mutation, or a batch. */
  apply(op: number, sequence: number, bytes: Uint8Array, off: number, len: number): void {
    if (bytes !== this.#given) {
      this.#given = bytes;
      this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.#nth = 0;
    if (op !== ops.OP_BATCH) {
      this.#mutation(op, sequence, off, off + len);
      return;
    }
    const end = off + len;
    let at = off;
    while (at < end) {
      const bodyBytes = this.#bytes.readUInt32LE(at + 1);
      const body = at + 5;
      if (body + bodyBytes > end) throw new RangeError("a mutation is longer than its batch");
      this.#mutation(this.#bytes[at], sequence, body, body + bodyBytes);
      this.#nth++;
      at = body + bodyBytes;
    }
  }

  #mutation(op: number, sequence: number, at: number, end: number): void {
    this.#at = at;
    this.#end = end;
    const db = this.#u8();
    this.#keyspace.beginMutation?.(op, db);
    if (op === ops.OP_FLUSH) this.#keyspace.replayFlush(db, sequence, this.#nth);
    else if (op === ops.OP_MSET) this.#mset(db, sequence);
    else if (op === ops.OP_MDEL) this.#mdel(db, sequence);
    else if (op === ops.OP_RENAME) this.#rename(db, sequence);
    else if (op === ops.OP_COPY) this.#copy(db, sequence);
    else this.#keyed(op, db, sequence);
  }

  #keyed(op: number, dbIndex: number, sequence: number): void {
    const klen = this.#u32();
    const koff = this.#take(klen);
    const b = this.#bytes;
    if (this.#isContained(sequence, dbIndex, koff, klen)) {
      if (op === ops.OP_LOCK) this.#raiseFence();
      return;
    }
    const db = this.#keyspace.db(dbIndex);
    switch (op) {
      case ops.OP_SET:
      case ops.OP_SETNX: {
        const expireAt = this.#u8() === 0 ? 0 : this.#i64();
        db.strings.set(b, koff, klen, b, this.#at, this.#rest(), expireAt);
        return;
      }
      case ops.OP_DELETE:
      case ops.OP_UNLOCK:
        db.keys.remove(b, koff, klen);
        return;
      case ops.OP_INCR:
      case ops.OP_DECR:
        this.#incr(db, koff, klen, op === ops.OP_INCR ? 1 : -1);
        return;
      case ops.OP_LOCK: {
        const expireAt = this.#i64();
        const token = this.#i64();
        this.#keyspace.lastFence = Math.max(this.#keyspace.lastFence, token);
        db.strings.putLock(b, koff, klen, b, this.#at, this.#rest(), expireAt, token);
        return;
      }
      case ops.OP_EXTEND_LOCK:
      case ops.OP_EXPIRE:
        db.keys.setExpire(b, koff, klen, this.#i64());
        return;
      case ops.OP_APPEND:
        db.strings.append(b, koff, klen, b, this.#at, this.#rest());
        return;
      case ops.OP_SETRANGE: {
        const offset = this.#u32();
        db.strings.setRange(b, koff, klen, offset, b, this.#at, this.#rest());
        return;
      }
      case ops.OP_RESTORE: {
        const type = this.#u8();
        const expireAt = this.#i64();
        db.restore(b, koff, klen, type, expireAt, b, this.#at, this.#rest());
        return;
      }
      case ops.OP_HASH_SET: {
        const count = this.#blobs();
        db.hashes.set(b, koff, klen, b, this.#off, this.#len, 0, count / 2);
        return;
      }
      case ops.OP_HASH_DELETE: {
        const count = this.#blobs();
        db.hashes.delete(b, koff, klen, b, this.#off, this.#len, 0, count);
        return;
      }
      case ops.OP_LIST_PUSH: {
        const side = this.#u8();
        const count = this.#blobs();
        db.lists.push(b, koff, klen, side, b, this.#off, this.#len, 0, count);
        return;
      }
      case ops.OP_LIST_POP: {
        const side = this.#u8();
        db.lists.pop(b, koff, klen, side, this.#u32(), null);
        return;
      }
      case ops.OP_SET_ADD: {
        const count = this.#blobs();
        db.sets.add(b, koff, klen, b, this.#off, this.#len, 0, count);
        return;
      }
      case ops.OP_SET_REMOVE: {
        const count = this.#blobs();
        db.sets.remove(b, koff, klen, b, this.#off, this.#len, 0, count);
        return;
      }
      case ops.OP_ZSET_ADD: {
        const count = this.#scored();
        db.zsets.add(b, koff, klen, this.#scores, b, this.#off, this.#len, 1, count, 0);
        return;
      }
      case ops.OP_ZSET_REMOVE: {
        const count = this.#blobs();
        db.zsets.remove(b, koff, klen, b, this.#off, this.#len, 0, count);
        return;
      }
      default:
        throw new UnknownCodeError("operation type", op);
    }
  }

  #incr(db: ReplayDatabase, koff: number, klen: number, sign: 1 | -1): void {
    const from = this.#at;
    const amount = this.#u32() + this.#u32() * TWO_32;
    if (amount <= Number.MAX_SAFE_INTEGER && !Number.isNaN(db.strings.incrBy(this.#bytes, koff, klen, sign * amount)))
      return;
    this.#at = from;
    db.strings.incrByBig(this.#bytes, koff, klen, BigInt(sign) * this.#big64());
  }

  #mset(dbIndex: number, sequence: number): void {
    const db = this.#keyspace.db(dbIndex);
    const off = this.#off;
    const len = this.#len;
    for (let pairs = this.#u32(); pairs > 0; pairs--) {
      for (let i = 0; i < 2; i++) {
        len[i] = this.#u32();
        off[i] = this.#take(len[i]);
      }
      if (!this.#isContained(sequence, dbIndex, off[0], len[0])) db.strings.mset(this.#bytes, off, len, 0, 1);
    }
  }

  #mdel(dbIndex: number, sequence: number): void {
    const db = this.#keyspace.db(dbIndex);
    for (let count = this.#u32(); count > 0; count--) {
      const klen = this.#u32();
      const koff = this.#take(klen);
      if (!this.#isContained(sequence, dbIndex, koff, klen)) db.keys.remove(this.#bytes, koff, klen);
    }
  }

  /** Both shards have it, or neither has: a move does not cross the front of a snapshot. */
  #rename(dbIndex: number, sequence: number): void {
    const db = this.#keyspace.db(dbIndex);
    const b = this.#bytes;
    const slen = this.#u32();
    const soff = this.#take(slen);
    const dlen = this.#u32();
    const doff = this.#take(dlen);
    const contained = this.#isContained(sequence, dbIndex, soff, slen);
    if (contained !== this.#isContained(sequence, dbIndex, doff, dlen)) throw new RangeError("half of a rename");
    if (!contained && !db.rename(b, soff, slen, b, doff, dlen)) this.#loseSource(db, doff, dlen);
  }

  #copy(dbIndex: number, sequence: number): void {
    const b = this.#bytes;
    const slen = this.#u32();
    const soff = this.#take(slen);
    const target = this.#u8();
    const dlen = this.#u32();
    const doff = this.#take(dlen);
    if (this.#isContained(sequence, target, doff, dlen)) return;
    if (this.#isContained(sequence, dbIndex, soff, slen)) throw new RangeError("a copy of what has changed since");
    const db = this.#keyspace.db(dbIndex);
    if (!db.copyTo(b, soff, slen, target, b, doff, dlen)) this.#loseSource(this.#keyspace.db(target), doff, dlen);
  }

  /** The entry that made the source is missing. What the new key held is not what it would hold now. */
  #loseSource(db: ReplayDatabase, koff: number, klen: number): void {
    this.#keyspace.lostSources++;
    db.keys.remove(this.#bytes, koff, klen);
  }

  /** Whether the loaded state of the key's shard has this mutation already. Above the highest stamp the key need not be hashed for that. */
  #isContained(sequence: number, dbIndex: number, koff: number, klen: number): boolean {
    const keyspace = this.#keyspace;
    if (sequence > keyspace.highestStamp) return false;
    return keyspace.contains(sequence, this.#nth, dbIndex, this.#bytes, koff, klen);
  }

  /** A lock whose shard is already complete still counts for the next token. */
  #raiseFence(): void {
    this.#i64();
    this.#keyspace.lastFence = Math.max(this.#keyspace.lastFence, this.#i64());
  }

  #take(n: number): number {
    const at = this.#at;
    if (n > this.#end - at) throw new RangeError(`a mutation ends ${n - (this.#end - at)} bytes early`);
    this.#at = at + n;
    return at;
  }

  /** Bytes left in the body. */
  #rest(): number {
    return this.#end - this.#at;
  }

  #u8(): number {
    return this.#bytes[this.#take(1)];
  }

  #u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  #i64(): number {
    const at = this.#take(8);
    return this.#bytes.readUInt32LE(at) + this.#bytes.readInt32LE(at + 4) * TWO_32;
  }

  #big64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#take(8));
  }

  /** The rest of the body as byte ranges in #off and #len; returns how many. */
  #blobs(): number {
    let count = 0;
    for (; this.#at < this.#end; count++) {
      if (count === this.#off.length) this.#growRanges();
      const n = this.#u32();
      this.#len[count] = n;
      this.#off[count] = this.#take(n);
    }
    return count;
  }

  /** Reads (score, text)* to the end of the body; returns how many. Ranges 1, 3, 5 ... are those of the texts, as arguments of ZADD are. */
  #scored(): number {
    let count = 0;
    for (; this.#at < this.#end; count++) {
      if (2 * count === this.#off.length) this.#growRanges();
      this.#scores[count] = this.#bytes.readDoubleLE(this.#take(8));
      const n = this.#u32();
      this.#len[2 * count + 1] = n;
      this.#off[2 * count + 1] = this.#take(n);
    }
    return count;
  }

  #growRanges(): void {
    const [off, len] = [this.#off, this.#len];
    this.#off = new Int32Array(off.length * 2);
    this.#len = new Int32Array(off.length * 2);
    this.#off.set(off);
    this.#len.set(len);
  }
}

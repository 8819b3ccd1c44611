/** One database: everything of its stores, and what moves whole values from key to key. */
import { CHUNK_BYTES } from "./chunk-pool.js";
import { copyBytes } from "./copy-bytes.js";
import { hashKey } from "./hash.js";
import { SHARDS } from "./key-store.js";
import type { Keyspace } from "./keyspace.js";
import { OP_COPY, OP_RENAME, OP_RESTORE } from "./ops.js";
import { metaType } from "./record.js";
import { mayNameKeys } from "./snapshot-front.js";
import { ByteSink } from "./types/byte-sink.js";
import {
  type AnyValue,
  type Collection,
  HashValue,
  ListValue,
  SetValue,
  StringValue,
  ZsetValue,
} from "./types/index.js";
import { packSlice } from "./types/packed.js";
import {
  TYPE_HASH,
  TYPE_LIST,
  TYPE_NONE,
  TYPE_SET,
  TYPE_STRING,
  TYPE_ZSET,
  UnknownCodeError,
} from "./types/type-codes.js";
import { ZsetStore } from "./zset-store.js";

/** Bytes of a mutation besides its key, and of a Restore besides key and value (mutations.ts). */
const KEYED_BYTES = 5;
const RESTORE_BYTES = 9;

export class Database extends ZsetStore {
  readonly #packing = new ByteSink();

  /**
   * Moves the value and expiry of a key to another name, replacing what that holds; false when there is no such key. The names differ. A large
   * collection changes hands as it is; what lies in its record is copied. Logged by the two names, where snapshot-front.ts allows it.
   */
  rename(sbuf: Uint8Array, soff: number, slen: number, dbuf: Uint8Array, doff: number, dlen: number): boolean {
    if (this.lookup(sbuf, soff, slen) === TYPE_NONE) return false;
    const { shard: from, ref: source } = this;
    if (!this.#logKeys(OP_RENAME, sbuf, soff, slen, this.index, dbuf, doff, dlen)) {
      this.#copyLogged(this, dbuf, doff, dlen, KEYED_BYTES + slen);
      return this.remove(sbuf, soff, slen);
    }
    const old = this.locate(dbuf, doff, dlen);
    this.shard.adopt(this.hash, dbuf, doff, dlen, old, from, source, true);
    const { effects } = this.keyspace;
    if (effects.enabled) effects.end();
    this.modified(dbuf, doff, dlen);
    this.modified(sbuf, soff, slen);
    return true;
  }

  /** Copies the value and expiry of a key to another one, replacing what that holds; false when there is no such key. Logged as rename() does. */
  copyTo(
    sbuf: Uint8Array,
    soff: number,
    slen: number,
    targetIndex: number,
    dbuf: Uint8Array,
    doff: number,
    dlen: number,
  ): boolean {
    if (this.lookup(sbuf, soff, slen) === TYPE_NONE) return false;
    const target = this.keyspace.db(targetIndex);
    if (!this.#logKeys(OP_COPY, sbuf, soff, slen, targetIndex, dbuf, doff, dlen)) {
      this.#copyLogged(target, dbuf, doff, dlen, 0);
      return true;
    }
    this.#copyValue(target, dbuf, doff, dlen);
    const { effects } = this.keyspace;
    if (effects.enabled) effects.end();
    return true;
  }

  /**
   * Opens the mutation that names two keys, the first of which was looked up last and is there. False when it has to be logged with its value instead.
   */
  #logKeys(
    op: number,
    sbuf: Uint8Array,
    soff: number,
    slen: number,
    targetIndex: number,
    dbuf: Uint8Array,
    doff: number,
    dlen: number,
  ): boolean {
    const { effects, front, seed } = this.keyspace;
    if (!effects.enabled) return true;
    const to = targetIndex * SHARDS + (hashKey(seed, dbuf, doff, dlen) & (SHARDS - 1));
    const from = this.index * SHARDS + (this.hash & (SHARDS - 1));
    if (!mayNameKeys(front, from, to, op === OP_RENAME, this.valueBytes)) return false;
    effects.beginKey(op, this.index, sbuf, soff, slen, 5 + dlen);
    if (op === OP_COPY) effects.u8(targetIndex);
    effects.blob(dbuf, doff, dlen);
    return true;
  }

  /**
   * Copies the value and expiry of the key that was looked up last, which is small, to another key, and logs it with its bytes. `more` bytes of
   * another mutation follow with the same command.
   */
  #copyLogged(target: Database, dbuf: Uint8Array, doff: number, dlen: number, more: number): void {
    const type = metaType(this.shard.meta(this.ref));
    const sink = new ByteSink();
    // A copy: storing it may make room by moving records, and the log's own buffer must not see them move.
    if (type === TYPE_STRING) sink.raw(this.valueBuf, this.valueOff, this.valueLen);
    else this.encodeSlice(0, sink, Number.POSITIVE_INFINITY);
    const { effects } = this.keyspace;
    if (effects.enabled) effects.require(KEYED_BYTES + dlen + RESTORE_BYTES + sink.length + more);
    target.restore(dbuf, doff, dlen, type, this.expireAt, sink.bytes, 0, sink.length);
  }

  /** The same for a value of any size, and nothing is logged. */
  #copyValue(target: Database, dbuf: Uint8Array, doff: number, dlen: number): void {
    const { shard: from, ref: source } = this;
    if (from.isInline(source)) {
      const old = target.locate(dbuf, doff, dlen);
      target.shard.adopt(target.hash, dbuf, doff, dlen, old, from, source, false);
    } else {
      const value = this.#copyOf(from.value(source));
      const old = target.locate(dbuf, doff, dlen);
      target.shard.insertValue(target.hash, dbuf, doff, dlen, value, from.expireAt(source), old);
    }
    target.modified(dbuf, doff, dlen);
  }

  /**
   * Makes the key hold a value in its encoded form: a string's bytes, or a slice as the type encodes it.
   * @throws RangeError when a collection's encoding is malformed; nothing was changed then
   */
  restore(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    type: number,
    expireAt: number,
    bytes: Uint8Array,
    off: number,
    len: number,
  ): void {
    const { effects } = this.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_RESTORE, this.index, kbuf, koff, klen, RESTORE_BYTES + len);
      effects.u8(type);
      effects.i64(expireAt);
      effects.raw(bytes, off, len);
    }
    if (type === TYPE_STRING) {
      const old = this.locate(kbuf, koff, klen);
      if (len > CHUNK_BYTES) this.insertLarge(this.shard, this.hash, kbuf, koff, klen, bytes, off, len, expireAt, old);
      else this.shard.insertString(this.hash, kbuf, koff, klen, bytes, off, len, expireAt, old);
    } else {
      this.#packing.reset();
      const packed = packSlice(type, this.keyspace.limits, bytes, off, len, this.#packing);
      const value = packed ? null : this.#decoded(type, bytes, off, len);
      const old = this.locate(kbuf, koff, klen);
      if (value === null) this.#insertPacked(kbuf, koff, klen, type, expireAt, old);
      else this.shard.insertValue(this.hash, kbuf, koff, klen, value, expireAt, old);
    }
    if (effects.enabled) effects.end();
    this.modified(kbuf, koff, klen);
  }

  /** Adds a string whose key does not exist: the same as `restore`, without looking for it. Nothing is logged. */
  addString(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    expireAt: number,
    bytes: Uint8Array,
    off: number,
    len: number,
  ): void {
    const hash = hashKey(this.keyspace.seed, kbuf, koff, klen);
    const shard = this.shards[hash & (SHARDS - 1)];
    if (len > CHUNK_BYTES) this.insertLarge(shard, hash, kbuf, koff, klen, bytes, off, len, expireAt, 0);
    else shard.insertString(hash, kbuf, koff, klen, bytes, off, len, expireAt, 0);
    this.modified(kbuf, koff, klen);
  }

  /** Adds a further slice to the value that the key holds (loading a snapshot). A collection that comes in several slices is not packed. */
  extendValue(kbuf: Uint8Array, koff: number, klen: number, bytes: Uint8Array, off: number, len: number): void {
    const ref = this.locate(kbuf, koff, klen);
    if (ref === 0) throw new RangeError("a further slice of a value that is not there");
    if (metaType(this.shard.meta(ref)) === TYPE_STRING) {
      this.append(kbuf, koff, klen, bytes, off, len);
      return;
    }
    if (this.isPacked) {
      const sink = new ByteSink();
      this.encodeSlice(0, sink, Number.POSITIVE_INFINITY);
      this.shard.enlarge(
        ref,
        kbuf,
        koff,
        klen,
        this.#decoded(metaType(this.shard.meta(ref)), sink.bytes, 0, sink.length),
      );
      this.locate(kbuf, koff, klen);
    }
    const { value } = this;
    const before = value.bytes;
    value.decodeInto(bytes, off, len);
    this.shard.valueBytes += value.bytes - before;
  }

  /** A value with the same elements. */
  #copyOf(source: AnyValue): AnyValue {
    return this.filled(newValue(source.type, this.keyspace), (copy: Collection) => copy.copyFrom(source));
  }

  /** A collection from its encoded form. */
  #decoded(type: number, bytes: Uint8Array, off: number, len: number): AnyValue {
    return this.filled(newValue(type, this.keyspace), (value) => value.decodeInto(bytes, off, len));
  }

  /** Stores what lies in #packing at the key that was located last, in the place of its record `old`, if it has one. */
  #insertPacked(kbuf: Uint8Array, koff: number, klen: number, type: number, expireAt: number, old: number): void {
    const { bytes, length } = this.#packing;
    const ref = this.shard.insertInline(this.hash, type, kbuf, koff, klen, length, expireAt, old);
    copyBytes(bytes, 0, this.shard.bytesOf(ref), this.shard.valueOffset(ref), length);
    this.shard.tidy();
  }
}

/** An empty value of a type that lies in no record, with its memory from the keyspace. Throws UnknownCodeError for another type. */
function newValue(type: number, keyspace: Keyspace): AnyValue {
  if (type === TYPE_STRING) return new StringValue(keyspace.chunks, 0);
  if (type === TYPE_HASH) return new HashValue(keyspace);
  if (type === TYPE_LIST) return new ListValue(keyspace.blocks);
  if (type === TYPE_SET) return new SetValue(keyspace);
  if (type === TYPE_ZSET) return new ZsetValue(keyspace);
  throw new UnknownCodeError("type", type);
}

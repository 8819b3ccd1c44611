/**
 * One database: the parts that hold it, each with a door of its own, and what moves whole values from key to key.
 *
 *   keys      whatever a key holds: looking it up, its expiry, deletion, iteration. Here is the cursor of the last lookup (key-store.ts)
 *   strings, hashes, lists, sets, zsets      the values of one type each: `db.hashes.set(...)`
 *   algebra   what several sets or sorted sets have together: union, intersection, difference
 *   found     the collection found last, as far as its type does not matter: its size, whether it is packed
 */
import { type ByteRange, combineBits, readsFirstOnce, takesAnyOrder } from "./bits.js";
import type { BuiltSet, BuiltZset } from "./built-members.js";
import { FoundCollection } from "./found-collection.js";
import { hashKey } from "./hash.js";
import { HashStore } from "./hash-store.js";
import { KeyStore, SHARDS } from "./key-store.js";
import { ListStore } from "./list-store.js";
import { CHUNK_BYTES } from "./memory.js";
import { OP_BITOP, OP_COPY, OP_MOVE, OP_RENAME, OP_RESTORE } from "./ops.js";
import { metaType } from "./record.js";
import { SetAlgebra } from "./set-algebra.js";
import { SetStore } from "./set-store.js";
import { mayNameKeys, type SnapshotFront } from "./snapshot-front.js";
import type { StoreHome } from "./store-home.js";
import { StringStore } from "./string-store.js";
import { ByteSink, ByteSource } from "./types/byte-sink.js";
import type { AnyValue, Collection } from "./types/index.js";
import { PACKED_BYTES_MAX } from "./types/packed.js";
import { StringValue } from "./types/string-value.js";
import { TYPE_NONE, TYPE_STRING } from "./types/type-codes.js";
import { valueType } from "./types/value-types.js";
import { ZsetStore } from "./zset-store.js";

/** Bytes of a mutation besides its key, and of a Restore besides key and value (operations.ts). */
const KEYED_BYTES = 5;
const RESTORE_BYTES = 9;

/** An encoded set, hash or sorted set that came from elsewhere has an element twice. */
export class RepeatedElementError extends RangeError {
  constructor() {
    super("an element is there twice");
    this.name = "RepeatedElementError";
  }
}

const NO_BYTES = new Uint8Array(0);
/** Where a string is made that goes into a record. */
const scratch = new Uint8Array(CHUNK_BYTES);

/** What a database needs of its keyspace. */
export interface DatabaseHome extends StoreHome {
  /** The snapshot that is being made, until all shards are copied. */
  readonly front: SnapshotFront | null;
}

export class Database {
  /** Number by which clients know it. */
  readonly index: number;
  readonly keyspace: DatabaseHome;
  readonly keys: KeyStore;
  readonly strings: StringStore;
  readonly found: FoundCollection;
  readonly hashes: HashStore;
  readonly lists: ListStore;
  readonly sets: SetStore;
  readonly zsets: ZsetStore;
  readonly algebra: SetAlgebra;

  /** @param logIndex number under which its data is logged; see KeyStore.index */
  constructor(keyspace: DatabaseHome, index: number, logIndex: number) {
    this.index = index;
    this.keyspace = keyspace;
    this.keys = new KeyStore(keyspace, index, logIndex);
    this.strings = new StringStore(this.keys);
    this.found = new FoundCollection(this.keys);
    this.hashes = new HashStore(this.keys, this.found);
    this.lists = new ListStore(this.keys, this.found);
    this.sets = new SetStore(this.keys, this.found);
    this.zsets = new ZsetStore(this.keys, this.found);
    this.algebra = new SetAlgebra(this.keys);
  }

  /** How Redis would keep the value found last, which is of this type (OBJECT ENCODING). */
  encoding(type: number): string {
    const { valueBuf, valueOff, valueLen } = this.keys;
    return valueType(type).encoding(this.found.packedKind, valueBuf, valueOff, valueLen);
  }

  /**
   * Moves the value and expiry of a key to another name, replacing what that holds; false when there is no such key. The names differ. A large
   * collection changes hands as it is; what lies in its record is copied. Logged by the two names, where snapshot-front.ts allows it.
   */
  rename(sbuf: Uint8Array, soff: number, slen: number, dbuf: Uint8Array, doff: number, dlen: number): boolean {
    return this.#moveKey(OP_RENAME, sbuf, soff, slen, this, dbuf, doff, dlen);
  }

  /** Moves a key to another database, replacing what it holds there, as rename() does. */
  moveTo(target: Database, buf: Uint8Array, off: number, len: number): boolean {
    return this.#moveKey(OP_MOVE, buf, off, len, target, buf, off, len);
  }

  #moveKey(
    op: number,
    sbuf: Uint8Array,
    soff: number,
    slen: number,
    target: Database,
    dbuf: Uint8Array,
    doff: number,
    dlen: number,
  ): boolean {
    if (this.keys.lookup(sbuf, soff, slen) === TYPE_NONE) return false;
    const { shard: from, ref: source } = this.keys;
    if (!this.#logKeys(op, sbuf, soff, slen, target, dbuf, doff, dlen)) {
      this.#copyLogged(target, dbuf, doff, dlen, KEYED_BYTES + slen);
      return this.keys.remove(sbuf, soff, slen);
    }
    const old = target.keys.locate(dbuf, doff, dlen);
    target.keys.shard.adopt(target.keys.hash, dbuf, doff, dlen, old, from, source, true);
    this.keys.ref = 0;
    const { effects } = this.keyspace;
    if (effects.enabled) effects.end();
    target.keys.modified(dbuf, doff, dlen);
    this.keys.modified(sbuf, soff, slen);
    return true;
  }

  /** Copies the value and expiry of a key to another one, replacing what that holds; false when there is no such key. Logged as rename() does. */
  copyTo(
    sbuf: Uint8Array,
    soff: number,
    slen: number,
    target: Database,
    dbuf: Uint8Array,
    doff: number,
    dlen: number,
  ): boolean {
    if (this.keys.lookup(sbuf, soff, slen) === TYPE_NONE) return false;
    if (!this.#logKeys(OP_COPY, sbuf, soff, slen, target, dbuf, doff, dlen)) {
      this.#copyLogged(target, dbuf, doff, dlen, 0);
      return true;
    }
    this.#copyValue(target, dbuf, doff, dlen);
    const { effects } = this.keyspace;
    if (effects.enabled) effects.end();
    return true;
  }

  /**
   * Makes a key hold several strings combined bit by bit (bits.ts), without an expiry and whatever it held; where all are empty it is deleted. Keys that do not exist
   * count as empty strings, and the others hold strings. It is logged by the names of the keys, or by its bytes where these are less.
   * @param first number of the first of `count` sources, byte ranges of `buf`
   * @returns the length of the result
   */
  combineBits(
    op: number,
    dbuf: Uint8Array,
    doff: number,
    dlen: number,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
  ): number {
    const { effects } = this.keyspace;
    const strings: ByteRange[] = [];
    for (let i = first; i < first + count; i++) strings.push(this.#stringAt(buf, off[i], len[i]));
    const length = strings.reduce((longest, { len }) => Math.max(longest, len), 0);
    if (length === 0) {
      this.keys.remove(dbuf, doff, dlen);
      return 0;
    }
    const combined = () => {
      const bytes = length <= CHUNK_BYTES ? scratch.subarray(0, length) : new Uint8Array(length);
      combineBits(op, strings, bytes);
      return bytes;
    };
    if (effects.enabled && !this.#logBitop(op, dbuf, doff, dlen, buf, off, len, first, count, length)) {
      this.strings.set(dbuf, doff, dlen, combined(), 0, length, 0);
      return length;
    }
    if (length <= CHUNK_BYTES) this.strings.put(dbuf, doff, dlen, combined(), 0, length, 0);
    else if (!this.#combineInPlace(op, dbuf, doff, dlen, strings, length)) {
      this.#combineAnew(op, dbuf, doff, dlen, strings, length);
    }
    if (effects.enabled) effects.end();
    this.keys.modified(dbuf, doff, dlen);
    return length;
  }

  #combineAnew(
    op: number,
    dbuf: Uint8Array,
    doff: number,
    dlen: number,
    strings: readonly ByteRange[],
    length: number,
  ): void {
    const value = new StringValue(this.keyspace.memory, length);
    combineBits(op, strings, value.buf.subarray(0, length));
    value.size = length;
    const old = this.keys.locate(dbuf, doff, dlen);
    try {
      this.keys.shard.insertValue(this.keys.hash, dbuf, doff, dlen, value, 0, old);
    } catch (error) {
      value.free();
      throw error;
    }
  }

  /** Combines into the block of the long string that the key holds already: half of the time goes for touching fresh memory. False where it has none that will do. */
  #combineInPlace(
    op: number,
    dbuf: Uint8Array,
    doff: number,
    dlen: number,
    strings: readonly ByteRange[],
    length: number,
  ): boolean {
    const ref = this.keys.locate(dbuf, doff, dlen);
    const { shard } = this.keys;
    if (ref === 0 || shard.isInline(ref) || shard.expireAt(ref) !== 0) return false;
    const { value } = this.keys;
    if (!(value instanceof StringValue)) return false;
    // Each piece of the first string is read before it is written; the others must not change meanwhile.
    const { buf } = value;
    const own = strings.findIndex((string) => string.buf === buf);
    const others = strings.filter((_, i) => i !== own);
    if (others.some((string) => string.buf === buf)) return false;
    if (own > 0 ? !takesAnyOrder(op) : own === 0 && !readsFirstOnce(op)) return false;
    const ordered = own > 0 ? [strings[own], ...others] : strings;
    shard.beforeChange(value);
    const before = value.bytes;
    if (!value.renew(length)) return false;
    combineBits(op, ordered, value.buf.subarray(0, length));
    shard.valueBytes += value.bytes - before;
    return true;
  }

  /** The string that a key holds; empty where it holds none. It stands until anything changes. */
  #stringAt(buf: Uint8Array, off: number, len: number): ByteRange {
    const ref = this.keys.locate(buf, off, len);
    const { shard } = this.keys;
    if (ref === 0 || metaType(shard.meta(ref)) !== TYPE_STRING) return { buf: NO_BYTES, off: 0, len: 0 };
    if (shard.isInline(ref)) return { buf: shard.bytesOf(ref), off: shard.valueOffset(ref), len: shard.size(ref) };
    const value = shard.value(ref) as StringValue;
    return { buf: value.buf, off: 0, len: value.size };
  }

  /** Opens the mutation that names the key of combined strings, and theirs. False where their combination of `length` bytes has to be logged, or is shorter. */
  #logBitop(
    op: number,
    dbuf: Uint8Array,
    doff: number,
    dlen: number,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
    length: number,
  ): boolean {
    const { effects, front } = this.keyspace;
    let bytes = 1;
    for (let i = first; i < first + count; i++) bytes += 4 + len[i];
    if (length <= bytes) return false;
    for (let i = first; front !== null && i < first + count; i++) {
      const to = this.#sectionOf(dbuf, doff, dlen);
      if (!mayNameKeys(front, this.#sectionOf(buf, off[i], len[i]), to, false, length)) return false;
    }
    effects.beginKey(OP_BITOP, this.keys.index, dbuf, doff, dlen, bytes);
    effects.u8(op);
    for (let i = first; i < first + count; i++) effects.blob(buf, off[i], len[i]);
    return true;
  }

  #sectionOf(buf: Uint8Array, off: number, len: number): number {
    return this.keys.index * SHARDS + (hashKey(this.keyspace.seed, buf, off, len) & (SHARDS - 1));
  }

  /**
   * Opens the mutation that names two keys, the first of which was looked up last and is there. False when it has to be logged with its value instead.
   */
  #logKeys(
    op: number,
    sbuf: Uint8Array,
    soff: number,
    slen: number,
    target: Database,
    dbuf: Uint8Array,
    doff: number,
    dlen: number,
  ): boolean {
    const { effects, front, seed } = this.keyspace;
    if (!effects.enabled) return true;
    const to = target.keys.index * SHARDS + (hashKey(seed, dbuf, doff, dlen) & (SHARDS - 1));
    const from = this.keys.index * SHARDS + (this.keys.hash & (SHARDS - 1));
    if (!mayNameKeys(front, from, to, op !== OP_COPY, this.keys.valueBytes)) return false;
    effects.beginKey(op, this.keys.index, sbuf, soff, slen, 5 + dlen);
    if (op !== OP_RENAME) effects.u8(target.keys.index);
    if (op !== OP_MOVE) effects.blob(dbuf, doff, dlen);
    return true;
  }

  /**
   * Copies the value and expiry of the key that was looked up last, which is small, to another key, and logs it with its bytes. `more` bytes of
   * another mutation follow with the same command.
   */
  #copyLogged(target: Database, dbuf: Uint8Array, doff: number, dlen: number, more: number): void {
    const type = metaType(this.keys.shard.meta(this.keys.ref));
    const sink = new ByteSink();
    // A copy: storing it may make room by moving records, and the log's own buffer must not see them move.
    if (type === TYPE_STRING) sink.raw(this.keys.valueBuf, this.keys.valueOff, this.keys.valueLen);
    else this.found.encodeSlice(0, sink, Number.POSITIVE_INFINITY);
    const { effects } = this.keyspace;
    if (effects.enabled) effects.require(KEYED_BYTES + dlen + RESTORE_BYTES + sink.length + more);
    target.restore(dbuf, doff, dlen, type, this.keys.expireAt, sink.bytes, 0, sink.length);
  }

  /** The same for a value of any size, and nothing is logged. */
  #copyValue(target: Database, dbuf: Uint8Array, doff: number, dlen: number): void {
    const { shard: from, ref: source } = this.keys;
    if (from.isInline(source)) {
      const old = target.keys.locate(dbuf, doff, dlen);
      target.keys.shard.adopt(target.keys.hash, dbuf, doff, dlen, old, from, source, false);
    } else {
      const value = this.#copyOf(from.value(source));
      const old = target.keys.locate(dbuf, doff, dlen);
      target.keys.shard.insertValue(target.keys.hash, dbuf, doff, dlen, value, from.expireAt(source), old);
    }
    target.keys.modified(dbuf, doff, dlen);
  }

  /**
   * Makes the key hold a value in its encoded form: a string's bytes, or a slice as the type encodes it.
   * @param foreign the elements are not known to be different ones
   * @throws RangeError when a collection's encoding is malformed, RepeatedElementError when it is foreign and has an element twice; nothing was
   *   changed then
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
    foreign = false,
  ): void {
    const { effects } = this.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_RESTORE, this.keys.index, kbuf, koff, klen, RESTORE_BYTES + len);
      effects.u8(type);
      effects.i64(expireAt);
      effects.raw(bytes, off, len);
    }
    const value = this.found.pack(type, bytes, off, len) ? null : this.#decoded(type, bytes, off, len, foreign);
    if (value === null && foreign) requireDifferent(type, bytes, off, len);
    this.#place(kbuf, koff, klen, type, value, expireAt);
    if (effects.enabled) effects.end();
    this.keys.modified(kbuf, koff, klen);
  }

  /**
   * Makes the key hold a collection that was built, in place of what it holds, without an expiry; an empty one deletes the key. Logged as a Restore. What was
   * built is the database's then, or freed where this throws.
   */
  put(kbuf: Uint8Array, koff: number, klen: number, built: BuiltSet | BuiltZset): void {
    const { value } = built;
    let isKept = false;
    try {
      if (value.size === 0) {
        this.keys.remove(kbuf, koff, klen);
        return;
      }
      const { effects } = this.keyspace;
      if (effects.enabled) {
        effects.beginKey(OP_RESTORE, this.keys.index, kbuf, koff, klen, RESTORE_BYTES + built.bytes);
        effects.u8(value.type);
        effects.i64(0);
        built.write(effects);
      }
      const slice = new ByteSink();
      const isWhole = value.encodeSlice(0, slice, PACKED_BYTES_MAX) < 0;
      const isPacked = isWhole && this.found.pack(value.type, slice.bytes, 0, slice.length);
      this.#place(kbuf, koff, klen, value.type, isPacked ? null : value, 0);
      isKept = !isPacked;
      if (effects.enabled) effects.end();
      this.keys.modified(kbuf, koff, klen);
    } finally {
      if (!isKept) value.free();
    }
  }

  /** Puts a value, or what was packed last (null), at a key in place of what that holds. Where it throws, nothing has changed. */
  #place(kbuf: Uint8Array, koff: number, klen: number, type: number, value: AnyValue | null, expireAt: number): void {
    const old = this.keys.locate(kbuf, koff, klen);
    const { shard, hash } = this.keys;
    // Freezing needs memory, and so comes first.
    if (old !== 0 && !shard.isInline(old)) shard.beforeChange(shard.value(old));
    if (value !== null) {
      shard.insertValue(hash, kbuf, koff, klen, value, expireAt, old);
      return;
    }
    this.found.insertPacked(kbuf, koff, klen, type, expireAt);
    if (old !== 0) shard.unlink(old);
    shard.tidy();
  }

  /**
   * Adds a further slice to the value that the key holds (loading a snapshot). A collection that comes in several slices is not packed.
   * @throws RangeError when the key holds no value of this type, or the slice is malformed
   */
  extendValue(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    type: number,
    bytes: Uint8Array,
    off: number,
    len: number,
  ): void {
    const { keys } = this;
    const { name } = valueType(type);
    const ref = keys.locate(kbuf, koff, klen);
    if (ref === 0 || metaType(keys.shard.meta(ref)) !== type)
      throw new RangeError(`more of a ${name} that is not there`);
    if (type === TYPE_STRING) {
      this.strings.append(kbuf, koff, klen, bytes, off, len);
      return;
    }
    if (this.found.isPacked) {
      const sink = new ByteSink();
      this.found.encodeSlice(0, sink, Number.POSITIVE_INFINITY);
      keys.shard.enlarge(ref, kbuf, koff, klen, this.#decoded(type, sink.bytes, 0, sink.length));
      keys.locate(kbuf, koff, klen);
    }
    const { value } = keys;
    const before = value.bytes;
    value.decodeInto(bytes, off, len);
    keys.shard.valueBytes += value.bytes - before;
  }

  /** A value with the same elements. */
  #copyOf(source: AnyValue): AnyValue {
    return this.found.filled(valueType(source.type).make(this.keyspace), (copy: Collection) => copy.copyFrom(source));
  }

  /** A value that lies in no record, from its encoded form. */
  #decoded(type: number, bytes: Uint8Array, off: number, len: number, foreign = false): AnyValue {
    return this.found.filled(valueType(type).make(this.keyspace), (value) => {
      value.decodeInto(bytes, off, len);
      // What was there already was not added again.
      if (foreign && type !== TYPE_STRING && value.size !== new ByteSource(bytes, off, len).u32())
        throw new RepeatedElementError();
    });
  }
}

/** Throws RepeatedElementError where an element of a small encoded set, hash or sorted set is there twice. */
function requireDifferent(type: number, bytes: Uint8Array, off: number, len: number): void {
  const { entries } = valueType(type);
  if (entries === null || entries.inOrder) return;
  const slice = new ByteSource(bytes, off, len);
  const seen = new Set<string>();
  const count = slice.u32();
  for (let left = count; left > 0; left--) seen.add(entries.read(slice)[0].toString("latin1"));
  if (seen.size !== count) throw new RepeatedElementError();
}

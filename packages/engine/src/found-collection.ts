/**
 * The collection that the last lookup found, whatever its type: what the stores of hashes, lists, sets and sorted sets call (hash-store.ts,
 * list-store.ts, set-store.ts, zset-store.ts). Their mutators make the collection when the key does not exist, delete the key when the last
 * element goes, and log only what really changed.
 */
import { copyBytes } from "./copy-bytes.js";
import { type KeyStore, SHARDS } from "./key-store.js";
import { ByteSink } from "./types/byte-sink.js";
import type { ByteVisitor } from "./types/collection.js";
import type { AnyValue, HashValue, SetValue, ZsetValue } from "./types/index.js";
import {
  addEntries,
  elementLength,
  elementStart,
  findElement,
  isSmallKind,
  isSurelyPacked,
  nextElement,
  PACKED_BYTES_MAX,
  PACKED_HEADER_BYTES,
  PACKED_LARGE,
  PACKED_PLAIN,
  packedEnd,
  packedEntries,
  packedRoom,
  packedSlice,
  putPackedHeader,
  setPackedEnd,
  setPackedKind,
} from "./types/packed.js";
import { TYPE_NONE } from "./types/type-codes.js";
import { valueType } from "./types/value-types.js";

/** A mutator that found a value of another type changed nothing and returns this. */
export const WRONG_TYPE = -1;

/** Of a packed collection that grows, this part (as a shift) is room for more; one that shrank is moved when half of its room is spare. */
const SPARE_SHIFT = 3;
const SHRINK_BYTES_MIN = 64;
/** Room made beforehand for what a command will add; with more than this the collection is often not packed for long. */
const MORE_BYTES_MAX = 24 * 1024;
/** A large collection is packed again when it has this part (as a shift) of what may be packed: far enough from growing out of it the next moment. */
const PACK_AGAIN_SHIFT = 2;
/** And when it holds no more memory than this: one that has shrunk has little more than a chunk left, whereas an element may have 512 MB. */
const PACK_AGAIN_HELD_MAX = 1024 * 1024;
/** No encoded value that has more bytes is packed: of an element without bytes a quarter is left. */
const ENCODED_BYTES_MAX = 4 * PACKED_BYTES_MAX;

/** What has its elements in a table. */
type TableValue = HashValue | SetValue | ZsetValue;

export class FoundCollection {
  readonly #keys: KeyStore;
  /** The large collection being changed: looked for once, since finding it again costs as much as a small change. Null = none. */
  #changing: AnyValue | null = null;
  /** Its bytes, as far as the shard has counted them, and its elements before. */
  #countedBytes = 0;
  #sizeBefore = 0;
  /** A collection as it is to lie in a record; see pack(). */
  readonly #packing = new ByteSink();

  constructor(keys: KeyStore) {
    this.#keys = keys;
  }

  /** Number of elements of the collection found last (fields of a hash), 0 where the key is free. */
  get size(): number {
    const { shard, ref } = this.#keys;
    if (ref === 0) return 0;
    return shard.isInline(ref) ? packedEntries(shard.bytesOf(ref), shard.valueOffset(ref)) : shard.value(ref).size;
  }

  /** Whether the collection found last is packed in its record; `value` is for those that are not. */
  get isPacked(): boolean {
    return this.#keys.shard.isInline(this.#keys.ref);
  }

  /** Whether there is a collection that is not packed. */
  get isLarge(): boolean {
    const { shard, ref } = this.#keys;
    return ref !== 0 && !shard.isInline(ref);
  }

  /** How the collection found last is packed: one of the PACKED_* codes, with PACKED_LARGE or without; -1 when it is not. */
  get packedKind(): number {
    return this.isPacked ? this.chunk[this.packedAt] : -1;
  }

  /** Whether Redis has the collection found last in a small form (see isSmallKind), or would make it in one: at a free key. */
  get isSmall(): boolean {
    return this.#keys.ref === 0 || isSmallKind(this.packedKind);
  }

  /** The collection found last in slices, whatever its form; see Collection.encodeSlice. A packed one is one slice. */
  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    if (!this.isPacked) return this.#keys.value.encodeSlice(cursor, out, maxBytes);
    packedSlice(this.chunk, this.packedAt, out);
    return -1;
  }

  /** Leaves the element at position `p` of the packed collection found last in valueBuf, valueOff, valueLen. */
  keepElement(p: number): void {
    const keys = this.#keys;
    const bytes = this.chunk;
    keys.valueBuf = bytes;
    keys.valueOff = elementStart(bytes, p);
    keys.valueLen = elementLength(bytes, p);
  }

  /** A visitor that leaves what it is given in valueBuf, valueOff, valueLen. */
  readonly keepRange: ByteVisitor = (buf, off, len) => {
    const keys = this.#keys;
    keys.valueBuf = buf;
    keys.valueOff = off;
    keys.valueLen = len;
  };

  /** The chunk of memory in which the packed collection found last lies. Void with every change, as `packedAt` is. */
  get chunk(): Uint8Array {
    return this.#keys.shard.bytesOf(this.#keys.ref);
  }

  /** Where the packed collection found last begins in its chunk. */
  get packedAt(): number {
    return this.#keys.shard.valueOffset(this.#keys.ref);
  }

  /** Bytes of the packed collection found last, up to behind its last element; of an empty one where the key is free. */
  get packedBytes(): number {
    return this.#keys.ref === 0 ? PACKED_HEADER_BYTES : packedEnd(this.chunk, this.packedAt);
  }

  /** Visits the elements of the packed collection found last. */
  packedEach(visit: ByteVisitor): void {
    const bytes = this.chunk;
    const at = this.packedAt;
    const end = at + packedEnd(bytes, at);
    for (let p = at + PACKED_HEADER_BYTES; p < end; p = nextElement(bytes, p)) {
      visit(bytes, elementStart(bytes, p), elementLength(bytes, p));
    }
  }

  /** To be called before the collection found last changes (or is made, at a free key); endChange() follows. */
  beginChange(): void {
    this.#sizeBefore = 0;
    this.#changing = null;
    if (!this.isLarge) return;
    const { shard, value } = this.#keys;
    shard.beforeChange(value);
    this.#changing = value;
    this.#countedBytes = value.bytes;
    this.#sizeBefore = value.size;
  }

  /**
   * Ends a change of the collection found last and accounts for it. Its key goes with its last element (replay does the same, so that is not
   * logged); a large one that has become very small is packed.
   */
  endChange(buf: Uint8Array, off: number, len: number): void {
    const keys = this.#keys;
    const value = this.#changing;
    const size = value === null ? this.size : value.size;
    if (value !== null) {
      this.#countBytes(value);
      const { entries, bytes } = keys.keyspace.limits;
      // Looking how many bytes it has costs as many steps as it has elements: once for each time that these have halved.
      const hasHalved = Math.clz32(size) > Math.clz32(this.#sizeBefore);
      if (hasHalved && size > 0 && size <= entries >>> PACK_AGAIN_SHIFT) {
        this.packAgain(buf, off, len, bytes >>> PACK_AGAIN_SHIFT);
      }
    }
    if (size === 0) keys.shard.unlink(keys.ref);
    else keys.shard.tidy();
    keys.modified(buf, off, len);
  }

  /**
   * Packs the large collection found last, which is being changed (beginChange), with PACKED_LARGE; not when it has more than `bytesMax` bytes in
   * slices, or there is no memory.
   */
  packAgain(buf: Uint8Array, off: number, len: number, bytesMax: number): void {
    const keys = this.#keys;
    const { ref, shard, value } = keys;
    this.#countBytes(value);
    if (value.bytes > PACK_AGAIN_HELD_MAX) return;
    const slice = new ByteSink();
    if (value.encodeSlice(0, slice, bytesMax) >= 0 || slice.length > bytesMax) return;
    if (!this.pack(value.type, slice.bytes, 0, slice.length)) return;
    setPackedKind(this.#packing.bytes, 0, this.#packing.bytes[0] | PACKED_LARGE);
    try {
      this.insertPacked(buf, off, len, value.type, shard.expireAt(ref));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return;
    }
    this.#changing = null;
    shard.unlink(ref);
  }

  /** Tells the shard how large the collection is that is being changed. */
  #countBytes(value: AnyValue): void {
    const { bytes } = value;
    this.#keys.shard.valueBytes += bytes - this.#countedBytes;
    this.#countedBytes = bytes;
  }

  /** Packs an encoded value (see ValueType.pack), for insertPacked; false when it is too large. Throws RangeError when it is malformed. */
  pack(type: number, bytes: Uint8Array, off: number, len: number): boolean {
    if (len > ENCODED_BYTES_MAX) return false;
    const packing = this.#packing;
    packing.reset();
    const to = packing.room(packedRoom(len));
    const length = valueType(type).pack(this.#keys.keyspace.limits, bytes, off, len, to, 0);
    if (length < 0) return false;
    packing.length = length;
    return true;
  }

  /**
   * Adds a key, which does not exist, with an encoded collection that is packed straight into its record; false, and nothing was changed, when it is
   * not so small that this is certain. Nothing is logged. Throws RangeError when it is malformed.
   */
  loadSmall(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    type: number,
    expireAt: number,
    bytes: Uint8Array,
    off: number,
    len: number,
  ): boolean {
    const keys = this.#keys;
    const { limits, hashes } = keys.keyspace;
    if (!isSurelyPacked(limits, bytes, off, len)) return false;
    const hash = hashes.of(kbuf, koff, klen);
    const shard = keys.shards[hash & (SHARDS - 1)];
    const ref = shard.insertInline(hash, type, kbuf, koff, klen, packedRoom(len), expireAt, 0);
    let length = -1;
    try {
      length = valueType(type).pack(limits, bytes, off, len, shard.bytesOf(ref), shard.valueOffset(ref));
    } finally {
      // Malformed, or a sorted set that is not in order.
      if (length < 0) shard.unlink(ref);
    }
    if (length < 0) return false;
    shard.shrink(ref, length);
    shard.tidy();
    keys.modified(kbuf, koff, klen);
    return true;
  }

  /**
   * Adds what pack() has packed, at the key that was looked up last: the cursor is on its new record. Another record that the key has goes next, by
   * the caller.
   */
  insertPacked(buf: Uint8Array, off: number, len: number, type: number, expireAt: number): void {
    const keys = this.#keys;
    const { shard } = keys;
    const { bytes, length } = this.#packing;
    keys.ref = shard.insertInline(keys.hash, type, buf, off, len, length, expireAt, 0);
    copyBytes(bytes, 0, this.chunk, this.packedAt, length);
  }

  /** beginChange, and opens the mutation that logs elements from number `first` of an argument list to before `end`, all or some of them. */
  beginElements(
    op: number,
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    len: Int32Array,
    first: number,
    end: number,
  ): void {
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      let bytes = 0;
      for (let i = first; i < end; i++) bytes += 4 + len[i];
      effects.beginKey(op, this.#keys.index, kbuf, koff, klen, bytes);
    }
    this.beginChange();
  }

  /**
   * Ends the mutation, which has the elements that really changed, and the change. Where there was not even memory to make the collection,
   * nothing has happened.
   */
  endElements(kbuf: Uint8Array, koff: number, klen: number): void {
    if (this.#keys.ref === 0) return;
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) effects.end();
    this.endChange(kbuf, koff, klen);
  }

  /** Gives a new collection its elements; where there is no memory for them, it gives back what it has. */
  filled<V extends AnyValue>(value: V, fill: (value: V) => void): V {
    try {
      fill(value);
    } catch (error) {
      value.free();
      throw error;
    }
    return value;
  }

  /**
   * Makes an empty packed collection at the key that was looked up last and is free, with room for `bytes` of elements.
   * @param more bytes of elements that the same command is going to add besides
   */
  createPacked(type: number, buf: Uint8Array, off: number, len: number, bytes: number, more: number): void {
    const keys = this.#keys;
    const room = PACKED_HEADER_BYTES + bytes + Math.min(more, MORE_BYTES_MAX);
    keys.ref = keys.shard.insertInline(keys.hash, type, buf, off, len, room, 0, 0);
    putPackedHeader(this.chunk, this.packedAt, PACKED_PLAIN);
  }

  /**
   * Makes a gap of `insert` bytes in the packed collection found last, at `at` bytes from its beginning, in place of `remove` bytes. Returns the
   * gap's position in the record's chunk (which may be another one now), to be filled at once. Positions known before are void.
   * @param more bytes of elements that the same command is going to add besides
   */
  splice(at: number, remove: number, insert: number, more: number): number {
    const keys = this.#keys;
    const { shard } = keys;
    const size = shard.size(keys.ref);
    const end = packedEnd(this.chunk, this.packedAt);
    const newEnd = end + insert - remove;
    if (newEnd > size) {
      const spare = Math.max(Math.min(more, MORE_BYTES_MAX), newEnd >>> SPARE_SHIFT);
      keys.ref = shard.resize(keys.ref, newEnd + spare);
    }
    const bytes = this.chunk;
    const base = this.packedAt;
    const from = base + at + remove;
    if (insert !== remove && from < base + end) bytes.copyWithin(base + at + insert, from, base + end);
    setPackedEnd(bytes, base, newEnd);
    if (insert < remove && size >= SHRINK_BYTES_MIN && newEnd <= size >>> 1) {
      keys.ref = shard.shrink(keys.ref, newEnd + (newEnd >>> SPARE_SHIFT));
    }
    return this.packedAt + at;
  }

  /**
   * Place of an element (a field of a hash) of the set, hash or sorted set found last: in its table or, when it is packed, in its record's
   * chunk. 0 when it is absent, or the key is free.
   * @param perEntry elements of an entry: 1 in a set, else 2
   */
  placeOf(perEntry: 1 | 2, buf: Uint8Array, off: number, len: number): number {
    const { shard, ref } = this.#keys;
    if (ref === 0) return 0;
    if (!shard.isInline(ref)) return (shard.value(ref) as TableValue).find(buf, off, len);
    return findElement(shard.bytesOf(ref), shard.valueOffset(ref), perEntry, buf, off, len);
  }

  /** Removes the entry at a place. */
  removeAt(perEntry: 1 | 2, place: number): void {
    if (this.isPacked) this.removeElements(place, perEntry);
    else (this.#keys.value as TableValue).delete(place);
  }

  /** Removes entries by their elements (fields), and logs those that were there; see SetStore.remove. */
  removeEntries(
    type: number,
    op: number,
    perEntry: 1 | 2,
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
  ): number {
    const found = this.#keys.lookup(kbuf, koff, klen);
    if (found === TYPE_NONE) return 0;
    if (found !== type) return WRONG_TYPE;
    const { effects } = this.#keys.keyspace;
    const end = first + count;
    let gone = 0;
    try {
      // Removing the last entry empties the collection before its key goes: what is named twice is not found the second time.
      for (let i = first; i < end; i++) {
        const place = this.placeOf(perEntry, buf, off[i], len[i]);
        if (place === 0) continue;
        if (gone === 0) this.beginElements(op, kbuf, koff, klen, len, i, end);
        this.removeAt(perEntry, place);
        if (effects.enabled) effects.blob(buf, off[i], len[i]);
        gone++;
      }
    } finally {
      // What a snapshot still needs may find no memory: the log then has as many elements as went.
      if (gone > 0) this.endElements(kbuf, koff, klen);
    }
    return gone;
  }

  /** Takes an entry of `count` elements, the first at position `p`, out of the packed collection found last. */
  removeElements(p: number, count: 1 | 2): void {
    const bytes = this.chunk;
    const at = this.packedAt;
    let behind = nextElement(bytes, p);
    if (count === 2) behind = nextElement(bytes, behind);
    addEntries(bytes, at, -1);
    this.splice(p - at, behind - p, 0, 0);
  }

  /** Puts `value` at the key that was looked up last: in the place of the packed collection that it has, or as a new one. */
  putLarge(buf: Uint8Array, off: number, len: number, value: AnyValue): void {
    const keys = this.#keys;
    if (keys.ref === 0) keys.shard.insertValue(keys.hash, buf, off, len, value, 0, 0);
    else keys.shard.enlarge(keys.ref, buf, off, len, value);
    keys.ref = value.ref;
    this.#changing = value;
    this.#countedBytes = value.bytes;
  }
}

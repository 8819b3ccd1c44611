/**
 * Copies of one shard for a snapshot, and the entries a snapshot is made of.
 *
 *   entry   [ type:1 | flags:1 | keyBytes:4 | valueBytes:4 | expireAt:8 ? | key | value ]      little endian
 *
 *   flags   1 = expireAt present (milliseconds since 1970), 2 = further slice of the value that the key already has,
 *           4 = never on the disk: elements as they lie in memory (types/list-entries.ts, types/member-record.ts), which diskEntries() makes a
 *           slice of
 *   value   a string's bytes, of a large one a slice of them (since format version 2); a slice of a collection: count:4, then elements as its type writes them (types/)
 *
 * Strings and packed collections are copied at once as raw memory (captureShard; some 1 ms for 4 MB) and turned into entries elsewhere
 * (encodeInlineEntries, in the thread that writes). Larger collections and strings follow a part at a time, and are turned into entries there, too
 * (diskEntries). Each is frozen when its turn comes or before the first change after the copy: from then on what a change would destroy is kept.
 * So all entries show the shard as it was at the moment of the copy.
 */
import { type Arena, CHUNK_HEADER_BYTES } from "./arena.js";
import { copyBytes } from "./copy-bytes.js";
import { putU32 } from "./effects.js";
import { SLAB_SHIFT, UNIT_MASK } from "./memory.js";
import {
  META_DEAD,
  META_EXPIRES,
  META_INLINE,
  META_KEY_MASK,
  metaType,
  RECORD_HEADER_BYTES,
  recordBytes,
} from "./record.js";
import { nextReversed } from "./scan-cursor.js";
import type { Shard } from "./shard.js";
import { ByteSink } from "./types/byte-sink.js";
import type { FrozenCollection } from "./types/collection.js";
import type { AnyValue } from "./types/index.js";
import { packedSlice } from "./types/packed.js";
import { TYPE_STRING } from "./types/type-codes.js";
import { valueType } from "./types/value-types.js";

/** Bytes of an entry before its optional expiry. */
export const ENTRY_HEADER_BYTES = 10;
export const ENTRY_EXPIRES = 1;
export const ENTRY_CONTINUES = 2;
const ENTRY_UNCODED = 4;

/** Largest slice of one collection, about. */
const SLICE_BYTES_MAX = 256 * 1024;
/** Copies of chunks are put together up to this size. */
const COPY_BYTES = 4 * 1024 * 1024;
/** Buckets in which a step looks for the next collection. */
const BUCKETS_PER_STEP = 1024;
/** Size of the blocks that encodeInlineEntries fills; larger where one entry needs it. */
export const BLOCK_BYTES = 256 * 1024;

/** A collection that is being encoded. */
interface Frozen {
  readonly value: AnyValue;
  readonly copy: FrozenCollection;
  /** Header and key of its entries. */
  readonly head: ByteSink;
  cursor: number;
}

/** One shard as it was when the capture was made. */
export class ShardCapture {
  /** Copies of the arena's chunks, many in one: whole records, dead ones marked. They may be transferred to another thread. */
  readonly chunks: Uint8Array<ArrayBuffer>[];
  readonly epoch: number;
  readonly #shard: Shard;
  /** Collections that are still to be frozen: those that the shard had then, without those that were. They are found by a walk through its index. */
  #left: number;
  #cursor = 0;
  /** Collections of which something is left to be encoded: the one that it is the turn of, and those that were about to change. */
  readonly #frozen: Frozen[] = [];
  #finished = false;

  constructor(shard: Shard, epoch: number) {
    this.epoch = epoch;
    this.#shard = shard;
    this.chunks = copyChunks(shard.arena);
    this.#left = shard.collections;
    if (this.#left === 0) this.#finished = true;
    else shard.capture = this;
  }

  /** True when every collection was handed out by step(). */
  get done(): boolean {
    return this.#finished;
  }

  /** Appends entries of collections, for diskEntries() to finish, to `sink` until about `maxBytes` were added; returns how many entries. */
  step(sink: ByteSink, maxBytes: number): number {
    this.#shard.values.settle();
    const end = sink.length + maxBytes;
    let entries = 0;
    while (sink.length < end && this.#advance()) {
      this.#slice(this.#frozen[this.#frozen.length - 1], sink, Math.min(end - sink.length, SLICE_BYTES_MAX));
      entries++;
    }
    if (this.#left === 0 && this.#frozen.length === 0) this.close();
    return entries;
  }

  /** Ends the capture early (the snapshot was given up) or at its end: writes go their normal way again. */
  close(): void {
    this.#finished = true;
    if (this.#shard.capture === this) this.#shard.capture = null;
    for (const { value } of this.#frozen) value.thaw();
    this.#frozen.length = 0;
  }

  /** Called before a collection of the shard changes or goes, or its key: freezes it when it was not yet. */
  beforeChange(value: AnyValue): void {
    if (value.snapshotEpoch >= this.epoch) return;
    const head = new ByteSink(64);
    beginEntry(head, this.#shard, value);
    this.#frozen.push({ value, copy: value.freeze(), head, cursor: 0 });
    value.snapshotEpoch = this.epoch;
    this.#left--;
  }

  /** Sees to it that a collection is frozen; false when all have been encoded, or none was found in this step. */
  #advance(): boolean {
    const shard = this.#shard;
    for (let n = 0; this.#frozen.length === 0; n++) {
      if (this.#left === 0 || n === BUCKETS_PER_STEP) return false;
      const { level } = shard;
      const bucket = this.#cursor & (level - 1);
      this.#freezeBucket(bucket);
      if (bucket + level < shard.bucketCount) this.#freezeBucket(bucket + level);
      this.#cursor = nextReversed(this.#cursor, level - 1);
    }
    return true;
  }

  #freezeBucket(bucket: number): void {
    const shard = this.#shard;
    for (let ref = shard.bucketHead(bucket); ref !== 0; ref = shard.next(ref)) {
      if (!shard.isInline(ref)) this.beforeChange(shard.value(ref));
    }
  }

  #slice(frozen: Frozen, sink: ByteSink, maxBytes: number): void {
    const at = sink.length;
    sink.raw(frozen.head.bytes, 0, frozen.head.length);
    if (frozen.cursor > 0) sink.bytes[at + 1] |= ENTRY_CONTINUES;
    frozen.cursor = frozen.copy.encodeEntries(frozen.cursor, sink, maxBytes);
    endEntry(sink, at);
    if (frozen.cursor >= 0) return;
    frozen.value.thaw();
    this.#frozen.pop();
  }
}

/** Each copy is a block of memory that is made, sent and freed: a few of some COPY_BYTES cost much less than one a chunk. */
function copyChunks(arena: Arena): Uint8Array<ArrayBuffer>[] {
  const copies: Uint8Array<ArrayBuffer>[] = [];
  const chunks = arena.chunks();
  for (let first = 0, next = 0; first < chunks.length; first = next) {
    let size = 0;
    for (; next < chunks.length; next++) {
      const bytes = arena.usedOf(chunks[next]) - CHUNK_HEADER_BYTES;
      if (size > 0 && size + bytes > COPY_BYTES) break;
      size += bytes;
    }
    const copy = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const chunk of chunks.slice(first, next)) {
      const bytes = arena.memory.bytes[chunk >>> SLAB_SHIFT];
      const from = (chunk & UNIT_MASK) << 3;
      const end = from + arena.usedOf(chunk);
      copy.set(bytes.subarray(from + CHUNK_HEADER_BYTES, end), at);
      at += end - from - CHUNK_HEADER_BYTES;
    }
    if (size > 0) copies.push(copy);
  }
  return copies;
}

/** Gets one entry: byte ranges of the buffer being read; `expireAt` 0 = none. */
export type SnapshotEntryVisitor = (
  type: number,
  flags: number,
  keyOff: number,
  keyLen: number,
  expireAt: number,
  valueOff: number,
  valueLen: number,
) => void;

/** Visits the entries of a byte range that holds whole ones; returns how many. Throws RangeError where one is cut short. */
export function readSnapshotEntries(bytes: Uint8Array, off: number, len: number, visit: SnapshotEntryVisitor): number {
  const end = off + len;
  let at = off;
  let entries = 0;
  while (at < end) {
    if (at + ENTRY_HEADER_BYTES > end) throw new RangeError("a snapshot entry is cut short");
    const flags = bytes[at + 1];
    const klen = u32(bytes, at + 2);
    const vlen = u32(bytes, at + 6);
    let p = at + ENTRY_HEADER_BYTES;
    let expireAt = 0;
    if ((flags & ENTRY_EXPIRES) !== 0) {
      expireAt = u32(bytes, p) + u32(bytes, p + 4) * 4294967296;
      p += 8;
    }
    const next = p + klen + vlen;
    if (next > end) throw new RangeError("a snapshot entry is cut short");
    visit(bytes[at], flags, p, klen, expireAt, p + klen, vlen);
    at = next;
    entries++;
  }
  return entries;
}

/** Where the last of the whole entries from `off` on ends that lie within about `bytesMax`: behind one at least, within the bytes at most. */
export function snapshotEntriesEnd(bytes: Uint8Array, off: number, bytesMax: number): number {
  let at = off;
  while (at - off < bytesMax && at + ENTRY_HEADER_BYTES <= bytes.length) {
    const expiryBytes = (bytes[at + 1] & ENTRY_EXPIRES) === 0 ? 0 : 8;
    at += ENTRY_HEADER_BYTES + expiryBytes + u32(bytes, at + 2) + u32(bytes, at + 6);
  }
  // What is cut short is the reader's to refuse.
  return at - off < bytesMax ? bytes.length : Math.min(at, bytes.length);
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** Writes header and key of a collection's entries. */
function beginEntry(sink: ByteSink, shard: Shard, value: AnyValue): void {
  const ref = value.ref;
  const expireAt = shard.expireAt(ref);
  const klen = shard.keyLength(ref);
  sink.u8(value.type);
  sink.u8(ENTRY_UNCODED | (expireAt === 0 ? 0 : ENTRY_EXPIRES));
  sink.u32(klen);
  sink.u32(0);
  if (expireAt !== 0) {
    sink.u32(expireAt % 4294967296);
    sink.u32(Math.floor(expireAt / 4294967296));
  }
  sink.raw(shard.bytesOf(ref), shard.keyOffset(ref), klen);
}

/** Fills in the length of the value that was written behind the key. */
function endEntry(sink: ByteSink, at: number): void {
  const bytes = sink.bytes;
  const klen = bytes.readUInt32LE(at + 2);
  const head = ENTRY_HEADER_BYTES + klen + ((bytes[at + 1] & ENTRY_EXPIRES) === 0 ? 0 : 8);
  sink.setU32(at + 6, sink.length - at - head);
}

/** Appends what ShardCapture.step() gave in the form that it has on the disk. Where there are many elements, that is better done in another thread. */
export function diskEntries(entries: Uint8Array, sink: ByteSink): void {
  readSnapshotEntries(entries, 0, entries.length, (type, flags, koff, _klen, _expireAt, voff, vlen) => {
    const from = koff - ENTRY_HEADER_BYTES - ((flags & ENTRY_EXPIRES) === 0 ? 0 : 8);
    const at = sink.length;
    sink.raw(entries, from, voff - from);
    sink.bytes[at + 1] = flags & ~ENTRY_UNCODED;
    valueType(type).toDisk(entries, voff, vlen, sink);
    endEntry(sink, at);
  });
}

/**
 * Turns copied chunks into entries of the strings and packed collections in them and hands them out in blocks of whole entries.
 * @param newBlock gives a block of so many bytes or more, whatever is in it
 * @returns the number of entries
 */
export function encodeInlineEntries(
  chunks: readonly Uint8Array[],
  emit: (block: Uint8Array<ArrayBuffer>) => void,
  newBlock: (bytes: number) => Uint8Array<ArrayBuffer> = Buffer.allocUnsafeSlow,
): number {
  let entries = 0;
  let block = newBlock(BLOCK_BYTES);
  let length = 0;
  const slice = new ByteSink();
  for (const chunk of chunks) {
    const words = new Int32Array(chunk.buffer, chunk.byteOffset, chunk.byteLength >>> 2);
    for (let w = 0; w < words.length; ) {
      const meta = words[w + 2];
      const size = words[w + 3];
      const from = w;
      w += recordBytes(meta, size) >>> 2;
      if ((meta & (META_DEAD | META_INLINE)) !== META_INLINE) continue;
      const type = metaType(meta);
      const klen = meta & META_KEY_MASK;
      const expires = (meta & META_EXPIRES) === 0 ? 0 : 8;
      const start = from * 4 + RECORD_HEADER_BYTES;
      const head = expires + klen;
      slice.reset();
      if (type !== TYPE_STRING) packedSlice(chunk, start + head, slice);
      const vlen = type === TYPE_STRING ? size : slice.length;
      const entryBytes = ENTRY_HEADER_BYTES + head + vlen;
      if (length + entryBytes > block.length) {
        if (length > 0) emit(block.subarray(0, length));
        block = newBlock(Math.max(BLOCK_BYTES, entryBytes));
        length = 0;
      }
      block[length] = type;
      block[length + 1] = expires === 0 ? 0 : ENTRY_EXPIRES;
      putU32(block, length + 2, klen);
      putU32(block, length + 6, vlen);
      // Expiry, key and a string's value lie in an entry in the same order as in a record.
      const copied = type === TYPE_STRING ? head + vlen : head;
      copyBytes(chunk, start, block, length + ENTRY_HEADER_BYTES, copied);
      if (type !== TYPE_STRING) copyBytes(slice.bytes, 0, block, length + ENTRY_HEADER_BYTES + head, vlen);
      length += entryBytes;
      entries++;
    }
  }
  if (length > 0) emit(block.subarray(0, length));
  return entries;
}

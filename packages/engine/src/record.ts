/**
 * A record: one key with its value, in 4-byte words from an 8-byte boundary of the arena.
 *
 *   [ next:4 | hash:4 | meta:4 | size:4 | expireAt:8 ? | key | value ? ]      padded to 8 bytes
 *
 *   next    reference of the next record in the bucket's chain, 0 = end
 *   meta    dead:1 | expires:1 | type:3 | inline:1 | key bytes:26
 *   size    bytes of the value when it lies in the record (inline: strings, and packed collections, see types/packed.ts);
 *           else where the collection is: its number or its address, see open-values.ts
 *   expireAt  milliseconds since 1970, present when `expires` is set
 */
import { type Memory, SLAB_SHIFT, UNIT_MASK } from "./memory.js";

/** Bytes before the key of a record without expiry. */
export const RECORD_HEADER_BYTES = 16;
/** Longest key, in bytes (64 MB - 1). */
export const KEY_BYTES_MAX = (1 << 26) - 1;
/** Longest string value, in bytes (512 MB, as Redis). */
export const STRING_BYTES_MAX = 512 * 1024 * 1024;

export const META_KEY_MASK = KEY_BYTES_MAX;
/** The value lies in the record. */
export const META_INLINE = 1 << 26;
export const META_TYPE_SHIFT = 27;
export const META_EXPIRES = 1 << 30;
export const META_DEAD = 1 << 31;
/** What the upper word of an expiry counts. */
export const TWO_32 = 4294967296;

/** Type code in a meta word. */
export function metaType(meta: number): number {
  return (meta >>> META_TYPE_SHIFT) & 7;
}

/** Bytes of a record in the arena, from its meta and size words. */
export function recordBytes(meta: number, size: number): number {
  const key = (meta & META_KEY_MASK) + ((meta & META_EXPIRES) === 0 ? 0 : 8);
  const value = (meta & META_INLINE) === 0 ? 0 : size;
  return (RECORD_HEADER_BYTES + key + value + 7) & ~7;
}

/** Reads records of a memory by their references. */
export class RecordReader {
  readonly memory: Memory;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  meta(ref: number): number {
    return this.memory.words[ref >>> SLAB_SHIFT][((ref & UNIT_MASK) << 1) + 2];
  }

  /** Bytes of a value that lies in the record, or where the collection is. */
  size(ref: number): number {
    return this.memory.words[ref >>> SLAB_SHIFT][((ref & UNIT_MASK) << 1) + 3];
  }

  hash(ref: number): number {
    return this.memory.words[ref >>> SLAB_SHIFT][((ref & UNIT_MASK) << 1) + 1];
  }

  /** Next record of the chain. */
  next(ref: number): number {
    return this.memory.words[ref >>> SLAB_SHIFT][(ref & UNIT_MASK) << 1];
  }

  /** Words of the slab in which the record lies. */
  wordsAt(ref: number): Int32Array {
    return this.memory.words[ref >>> SLAB_SHIFT];
  }

  /** Bytes of the slab in which the record lies; keyOffset and valueOffset count in it. */
  bytesOf(ref: number): Uint8Array {
    return this.memory.bytes[ref >>> SLAB_SHIFT];
  }

  keyOffset(ref: number): number {
    return ((ref & UNIT_MASK) << 3) + RECORD_HEADER_BYTES + ((this.meta(ref) & META_EXPIRES) === 0 ? 0 : 8);
  }

  keyLength(ref: number): number {
    return this.meta(ref) & META_KEY_MASK;
  }

  valueOffset(ref: number): number {
    return this.keyOffset(ref) + this.keyLength(ref);
  }

  /** Milliseconds since 1970, 0 = none. */
  expireAt(ref: number): number {
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    return (m[w + 2] & META_EXPIRES) === 0 ? 0 : m[w + 5] * TWO_32 + (m[w + 4] >>> 0);
  }

  /** Whether the value lies in the record: a string, or a packed collection. */
  isInline(ref: number): boolean {
    return (this.meta(ref) & META_INLINE) !== 0;
  }
}

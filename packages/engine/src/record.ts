/**
 * A record: one key with its value, in 4-byte words from an 8-byte boundary of the arena.
 *
 *   [ next:4 | hash:4 | meta:4 | size:4 | expireAt:8 ? | key | value ? ]      padded to 8 bytes
 *
 *   next    reference of the next record in the bucket's chain, 0 = end
 *   meta    dead:1 | expires:1 | type:3 | inline:1 | key bytes:26
 *   size    bytes of the value when it lies in the record (inline: strings, and packed collections, see types/packed.ts);
 *           else the collection's number in the shard's table of values
 *   expireAt  milliseconds since 1970, present when `expires` is set
 */
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

/** Strings of one database. Values are byte ranges; every change is logged here, in the mutator, and nowhere else. */
import { copyBytes } from "./copy-bytes.js";
import { putU32 } from "./effects.js";
import { type KeyStore, SHARDS } from "./key-store.js";
import { CHUNK_BYTES } from "./memory.js";
import {
  OP_APPEND,
  OP_DECR,
  OP_EXTEND_LOCK,
  OP_INCR,
  OP_LOCK,
  OP_MSET,
  OP_SET,
  OP_SETRANGE,
  OP_SPLICE,
  OP_UNLOCK,
} from "./ops.js";
import { META_EXPIRES, META_INLINE, metaType } from "./record.js";
import type { Shard } from "./shard.js";
import { StringValue } from "./types/string-value.js";
import { TYPE_NONE, TYPE_STRING } from "./types/type-codes.js";

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** Digits that always fit a safe integer. */
const SAFE_DIGITS = 15;
/** "-9223372036854775808" */
const INT64_TEXT_BYTES = 20;
const DIGITS_END = 24;
const INT32_MAX = 0x7fffffff;

export class StringStore {
  readonly #keys: KeyStore;
  readonly #digits = new Uint8Array(DIGITS_END);

  constructor(keys: KeyStore) {
    this.#keys = keys;
  }

  /**
   * Makes `key` hold the string, whatever it held; any value it had is gone.
   * @param expireAtMs 0 = no expiry
   * @param op OP_SET or OP_SETNX: how it is logged
   */
  set(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
    expireAtMs: number,
    op: number = OP_SET,
  ): void {
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(op, this.#keys.index, kbuf, koff, klen, 9 + vlen);
      if (expireAtMs === 0) {
        effects.u8(0);
      } else {
        effects.u8(1);
        effects.i64(expireAtMs);
      }
      effects.raw(vbuf, voff, vlen);
    }
    this.put(kbuf, koff, klen, vbuf, voff, vlen, expireAtMs);
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
  }

  /** The same, and an expiry that the key has stays. */
  setKeepTtl(kbuf: Uint8Array, koff: number, klen: number, vbuf: Uint8Array, voff: number, vlen: number): void {
    const ref = this.#keys.locate(kbuf, koff, klen);
    const expireAt = ref === 0 ? 0 : this.#keys.shard.expireAt(ref);
    this.set(kbuf, koff, klen, vbuf, voff, vlen, expireAt);
  }

  /** Sets `pairs` keys of an argument list (key, value, key, value, ... from `first` on) as one mutation. */
  mset(buf: Uint8Array, off: Int32Array, len: Int32Array, first: number, pairs: number): void {
    const { effects } = this.#keys.keyspace;
    const end = first + pairs * 2;
    if (effects.enabled) {
      let bytes = 5;
      for (let i = first; i < end; i++) bytes += 4 + len[i];
      effects.begin(OP_MSET, bytes);
      effects.u8(this.#keys.index);
    }
    const countAt = effects.at;
    if (effects.enabled) effects.u32(0);
    let i = first;
    try {
      for (; i < end; i += 2) {
        this.put(buf, off[i], len[i], buf, off[i + 1], len[i + 1], 0);
        if (effects.enabled) {
          effects.blob(buf, off[i], len[i]);
          effects.blob(buf, off[i + 1], len[i + 1]);
        }
        this.#keys.modified(buf, off[i], len[i]);
      }
    } finally {
      // Storing fails where there is no memory: the log then has as many pairs as were stored.
      if (effects.enabled) {
        putU32(effects.bytes, countAt, (i - first) / 2);
        effects.end();
      }
    }
  }

  /**
   * Adds `delta` (a safe integer) to the integer that the key holds (0 when it does not exist) and returns the sum; its expiry stays.
   * NaN: the value is no integer, or one too large for this fast way; nothing was changed, and incrByBig tells which.
   */
  incrBy(kbuf: Uint8Array, koff: number, klen: number, delta: number): number {
    this.#keys.locate(kbuf, koff, klen);
    return this.incrFound(kbuf, koff, klen, delta);
  }

  /** The same for the key that was looked up last. */
  incrFound(kbuf: Uint8Array, koff: number, klen: number, delta: number): number {
    const ref = this.#keys.ref;
    const before = ref === 0 ? 0 : this.#safeInteger(ref);
    const sum = before + delta;
    if (!Number.isSafeInteger(sum)) return Number.NaN;
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(delta < 0 ? OP_DECR : OP_INCR, this.#keys.index, kbuf, koff, klen, 8);
      effects.i64(Math.abs(delta));
    }
    const at = this.#formatInteger(sum);
    this.#storeDigits(kbuf, koff, klen, at, DIGITS_END - at);
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
    return sum;
  }

  /** The same for all of 64 bits. */
  incrByBig(kbuf: Uint8Array, koff: number, klen: number, delta: bigint): bigint | "notint" | "overflow" {
    const ref = this.#keys.locate(kbuf, koff, klen);
    let before: bigint | null = 0n;
    if (ref !== 0 && !this.#keys.shard.isInline(ref)) return "notint";
    if (ref !== 0)
      before = parseInt64(this.#keys.shard.bytesOf(ref), this.#keys.shard.valueOffset(ref), this.#keys.shard.size(ref));
    if (before === null) return "notint";
    const sum = before + delta;
    if (sum < INT64_MIN || sum > INT64_MAX) return "overflow";
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(delta < 0n ? OP_DECR : OP_INCR, this.#keys.index, kbuf, koff, klen, 8);
      effects.big64(delta < 0n ? -delta : delta);
    }
    const text = sum.toString();
    for (let i = 0; i < text.length; i++) this.#digits[i] = text.charCodeAt(i);
    this.#storeDigits(kbuf, koff, klen, 0, text.length);
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
    return sum;
  }

  /** Appends to the key's string (made when there is none) and returns its new length. The caller has checked the limit. */
  append(kbuf: Uint8Array, koff: number, klen: number, vbuf: Uint8Array, voff: number, vlen: number): number {
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_APPEND, this.#keys.index, kbuf, koff, klen, vlen);
      effects.raw(vbuf, voff, vlen);
    }
    const length = this.#writeAt(kbuf, koff, klen, -1, vbuf, voff, vlen);
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
    return length;
  }

  /** Writes into the key's string from `offset` on, filling a gap with zero bytes; returns its new length. The caller has checked the limit. */
  setRange(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    offset: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
  ): number {
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_SETRANGE, this.#keys.index, kbuf, koff, klen, 4 + vlen);
      effects.u32(offset);
      effects.raw(vbuf, voff, vlen);
    }
    const length = this.#writeAt(kbuf, koff, klen, offset, vbuf, voff, vlen);
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
    return length;
  }

  /**
   * Puts bytes in the place of `removed` bytes from `at` on; what is behind moves. The key's string has at most CHUNK_BYTES, before and after (else, or where there
   * is none, RangeError), and as many bytes as are named.
   */
  splice(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    at: number,
    removed: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
  ): void {
    let ref = this.#keys.locate(kbuf, koff, klen);
    const { shard } = this.#keys;
    const isShort = ref !== 0 && metaType(shard.meta(ref)) === TYPE_STRING && shard.isInline(ref);
    const before = isShort ? shard.size(ref) : 0;
    const length = before - removed + vlen;
    if (!isShort || at + removed > before || length > CHUNK_BYTES)
      throw new RangeError("a splice outside of its string");
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_SPLICE, this.#keys.index, kbuf, koff, klen, 8 + vlen);
      effects.u32(at);
      effects.u32(removed);
      effects.raw(vbuf, voff, vlen);
    }
    if (length > before) ref = shard.resize(ref, length);
    const bytes = shard.bytesOf(ref);
    const start = shard.valueOffset(ref) + at;
    bytes.copyWithin(start + vlen, start + removed, start + before - at);
    copyBytes(vbuf, voff, bytes, start, vlen);
    if (length < before) shard.shrink(ref, length);
    shard.tidy();
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
  }

  /** Takes a free lock for `owner`: its fencing token, or 0 when it is held. The key must be free or a string. */
  lock(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    obuf: Uint8Array,
    ooff: number,
    olen: number,
    expireAtMs: number,
  ): number {
    if (this.#keys.lookup(kbuf, koff, klen) !== TYPE_NONE) return 0;
    const token = this.#keys.keyspace.nextFence();
    this.putLock(kbuf, koff, klen, obuf, ooff, olen, expireAtMs, token);
    return token;
  }

  /** The mutation behind lock(); replay calls it with the token that was given. */
  putLock(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    obuf: Uint8Array,
    ooff: number,
    olen: number,
    expireAtMs: number,
    token: number,
  ): void {
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_LOCK, this.#keys.index, kbuf, koff, klen, 16 + olen);
      effects.i64(expireAtMs);
      effects.i64(token);
      effects.raw(obuf, ooff, olen);
    }
    this.put(kbuf, koff, klen, obuf, ooff, olen, expireAtMs);
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
  }

  /** Frees a lock that `owner` holds: 1, else 0. */
  unlock(kbuf: Uint8Array, koff: number, klen: number, obuf: Uint8Array, ooff: number, olen: number): number {
    if (!this.#holds(kbuf, koff, klen, obuf, ooff, olen)) return 0;
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) effects.beginKey(OP_UNLOCK, this.#keys.index, kbuf, koff, klen, 0);
    this.#keys.shard.unlink(this.#keys.ref);
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
    return 1;
  }

  /** Gives a lock that `owner` holds a new end: 1, else 0. */
  extendLock(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    obuf: Uint8Array,
    ooff: number,
    olen: number,
    expireAtMs: number,
  ): number {
    if (!this.#holds(kbuf, koff, klen, obuf, ooff, olen)) return 0;
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_EXTEND_LOCK, this.#keys.index, kbuf, koff, klen, 8);
      effects.i64(expireAtMs);
    }
    this.#keys.shard.setExpiry(this.#keys.ref, expireAtMs);
    if (effects.enabled) effects.end();
    this.#keys.modified(kbuf, koff, klen);
    return 1;
  }

  #holds(kbuf: Uint8Array, koff: number, klen: number, obuf: Uint8Array, ooff: number, olen: number): boolean {
    if (this.#keys.lookup(kbuf, koff, klen) !== TYPE_STRING || this.#keys.valueLen !== olen) return false;
    for (let i = 0; i < olen; i++) if (this.#keys.valueBuf[this.#keys.valueOff + i] !== obuf[ooff + i]) return false;
    return true;
  }

  /** Adds a string whose key does not exist, without looking for it. Nothing is logged. */
  load(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
    expireAtMs: number,
  ): void {
    const hash = this.#keys.keyspace.hashes.of(kbuf, koff, klen);
    const shard = this.#keys.shards[hash & (SHARDS - 1)];
    this.#insert(shard, hash, kbuf, koff, klen, vbuf, voff, vlen, expireAtMs, 0);
    this.#keys.modified(kbuf, koff, klen);
  }

  /** As set(), for who has opened a mutation that tells of it, and tells that the key was modified. */
  put(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
    expireAt: number,
  ): void {
    const ref = this.#keys.locate(kbuf, koff, klen);
    const shard = this.#keys.shard;
    if (ref !== 0) {
      const meta = shard.meta(ref);
      const sameForm = metaType(meta) === TYPE_STRING && ((meta & META_EXPIRES) !== 0) === (expireAt !== 0);
      const isInline = (meta & META_INLINE) !== 0;
      if (sameForm && (isInline ? shard.overwrite(ref, vbuf, voff, vlen) : this.#overwriteLarge(vbuf, voff, vlen))) {
        if (expireAt !== 0) shard.rewriteExpiry(ref, expireAt);
        return;
      }
    }
    this.#insert(shard, this.#keys.hash, kbuf, koff, klen, vbuf, voff, vlen, expireAt, ref);
  }

  /** As Shard.insertString, whatever the string's size. */
  #insert(
    shard: Shard,
    hash: number,
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
    expireAt: number,
    old: number,
  ): void {
    if (vlen <= CHUNK_BYTES) {
      shard.insertString(hash, kbuf, koff, klen, vbuf, voff, vlen, expireAt, old);
      return;
    }
    const value = new StringValue(this.#keys.keyspace.memory, vlen);
    value.write(0, vbuf, voff, vlen);
    shard.insertValue(hash, kbuf, koff, klen, value, expireAt, old);
  }

  /** Overwrites the large string located last in its buffer; false when that has not the size for it. */
  #overwriteLarge(vbuf: Uint8Array, voff: number, vlen: number): boolean {
    const { shard } = this.#keys;
    const value = this.#keys.value as StringValue;
    shard.beforeChange(value);
    const before = value.bytes;
    if (!value.assign(vbuf, voff, vlen)) return false;
    shard.valueBytes += value.bytes - before;
    return true;
  }

  /** Writes at an offset of the string located last (none: of an empty one), which has more than CHUNK_BYTES then. */
  #writeLarge(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    at: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
  ): void {
    const { shard, ref } = this.#keys;
    if (ref !== 0 && !shard.isInline(ref)) {
      const value = this.#keys.value as StringValue;
      shard.beforeChange(value);
      const before = value.bytes;
      value.write(at, vbuf, voff, vlen);
      shard.valueBytes += value.bytes - before;
      return;
    }
    const value = new StringValue(this.#keys.keyspace.memory, at + vlen);
    if (ref !== 0) value.write(0, shard.bytesOf(ref), shard.valueOffset(ref), shard.size(ref));
    value.write(at, vbuf, voff, vlen);
    shard.insertValue(this.#keys.hash, kbuf, koff, klen, value, ref === 0 ? 0 : shard.expireAt(ref), ref);
  }

  /** Stores `length` bytes of #digits as the value; the expiry stays. The key was located. */
  #storeDigits(kbuf: Uint8Array, koff: number, klen: number, at: number, length: number): void {
    const shard = this.#keys.shard;
    const ref = this.#keys.ref;
    if (ref !== 0 && shard.overwrite(ref, this.#digits, at, length)) return;
    const expireAt = ref === 0 ? 0 : shard.expireAt(ref);
    shard.insertString(this.#keys.hash, kbuf, koff, klen, this.#digits, at, length, expireAt, ref);
  }

  /** Writes at `offset`, -1 = behind the end; returns the new length. */
  #writeAt(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    offset: number,
    vbuf: Uint8Array,
    voff: number,
    vlen: number,
  ): number {
    let ref = this.#keys.locate(kbuf, koff, klen);
    const shard = this.#keys.shard;
    const before = ref === 0 ? 0 : shard.isInline(ref) ? shard.size(ref) : (this.#keys.value as StringValue).size;
    const at = offset < 0 ? before : offset;
    const length = Math.max(before, at + vlen);
    if (length > CHUNK_BYTES) {
      this.#writeLarge(kbuf, koff, klen, at, vbuf, voff, vlen);
      return length;
    }
    if (ref === 0) ref = shard.insertInline(this.#keys.hash, TYPE_STRING, kbuf, koff, klen, length, 0, 0);
    else if (length > before) ref = shard.resize(ref, length);
    const bytes = shard.bytesOf(ref);
    const valueAt = shard.valueOffset(ref);
    if (at > before) bytes.fill(0, valueAt + before, valueAt + at);
    copyBytes(vbuf, voff, bytes, valueAt + at, vlen);
    shard.tidy();
    return length;
  }

  /** The integer of a string of at most 15 digits, else NaN. */
  #safeInteger(ref: number): number {
    if (!this.#keys.shard.isInline(ref)) return Number.NaN;
    const bytes = this.#keys.shard.bytesOf(ref);
    const len = this.#keys.shard.size(ref);
    let at = this.#keys.shard.valueOffset(ref);
    const negative = len > 0 && bytes[at] === 45;
    const digits = negative ? len - 1 : len;
    if (digits < 1 || digits > SAFE_DIGITS) return Number.NaN;
    if (negative) at++;
    // No leading zero, and no "-0".
    if (bytes[at] === 48 && (digits > 1 || negative)) return Number.NaN;
    let n = 0;
    for (let i = 0; i < digits; i++) {
      const d = bytes[at + i] - 48;
      if (d < 0 || d > 9) return Number.NaN;
      n = n * 10 + d;
    }
    return negative ? -n : n;
  }

  /** Writes a safe integer into #digits, so that it ends at DIGITS_END, and returns where it begins. */
  #formatInteger(value: number): number {
    const digits = this.#digits;
    let n = Math.abs(value);
    let at = DIGITS_END;
    // Whole numbers of 32 bits are much faster to divide.
    while (n > INT32_MAX) {
      const q = Math.floor(n / 10);
      digits[--at] = 48 + (n - q * 10);
      n = q;
    }
    let small = n | 0;
    do {
      const q = (small / 10) | 0;
      digits[--at] = 48 + (small - q * 10);
      small = q;
    } while (small > 0);
    if (value < 0) digits[--at] = 45;
    return at;
  }
}

/** A strict signed 64-bit decimal, as Redis reads one; null when it is none. */
function parseInt64(bytes: Uint8Array, off: number, len: number): bigint | null {
  if (len < 1 || len > INT64_TEXT_BYTES) return null;
  const text = String.fromCharCode(...bytes.subarray(off, off + len));
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return null;
  const n = BigInt(text);
  return n < INT64_MIN || n > INT64_MAX ? null : n;
}

/**
 * DUMP and RESTORE: a value as Redis serializes it. What is written has version 9 and the plain forms of each type (no listpacks, no compression), which
 * every Redis since 5.0 and every Valkey reads; what is read is whatever @hearthkv/rdb knows.
 */
import {
  ByteSink,
  ByteSource,
  compareBytes,
  copyBytes,
  type Database,
  EntryTooLargeError,
  RepeatedElementError,
  STRING_BYTES_MAX,
  TYPE_HASH,
  TYPE_LIST,
  TYPE_NONE,
  TYPE_SET,
  TYPE_STRING,
  TYPE_ZSET,
} from "@hearthkv/engine";
import {
  FOOTER_BYTES,
  LENGTH_BYTES_MAX,
  openPayload,
  putFooter,
  putLength,
  RDB_HASH,
  RDB_LIST,
  RDB_SET,
  RDB_STRING,
  RDB_ZSET_2,
  RdbError,
  readValue,
  UnsupportedValueError,
  type ValueKind,
  type ValueVisitor,
} from "@hearthkv/rdb";
import { intArg, lookupAt, lookupReadAt } from "../arguments/arguments.js";
import { EXPIRE_AT_MAX_MS, startOfRelative } from "../arguments/expire-at.js";
import type { CommandContext } from "../context.js";
import { ERR, unsupportedValue } from "../errors.js";
import { EVENT_GENERIC, notify, notifyNew } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

/** Slices in which a collection is turned into a payload. */
const SLICE_BYTES = 256 * 1024;
/** What a payload may come to: more than this is more than a log entry takes. */
const VALUE_BYTES_MAX = 1024 * 1024 * 1024;
const FREQ_MAX = 255;

function dump(ctx: CommandContext): void {
  const type = lookupReadAt(ctx, 1);
  if (type === TYPE_NONE) {
    ctx.reply.nil();
    return;
  }
  const payload = dumpFound(ctx.db, type);
  ctx.reply.bulk(payload.bytes, 0, payload.length);
}

/** The payload of the value found last, which is of this type. */
export function dumpFound(db: Database, type: number): ByteSink {
  const { keys, found } = db;
  if (type === TYPE_STRING) {
    const { valueBuf, valueOff, valueLen } = keys;
    const out = new ByteSink(1 + LENGTH_BYTES_MAX + valueLen + FOOTER_BYTES);
    out.u8(RDB_STRING);
    putString(out, valueBuf, valueOff, valueLen);
    return ended(out);
  }
  const out = new ByteSink();
  const { code, parts } = WRITTEN[type] as WrittenForm;
  out.u8(code);
  out.length = putLength(out.room(LENGTH_BYTES_MAX), out.length, found.size);
  const slice = new ByteSink();
  let cursor = 0;
  do {
    slice.reset();
    cursor = found.encodeSlice(cursor, slice, SLICE_BYTES);
    putElements(new ByteSource(slice.bytes, 0, slice.length), type, parts, out);
  } while (cursor >= 0);
  return ended(out);
}

interface WrittenForm {
  /** The type byte. */
  readonly code: number;
  /** Strings of an entry. */
  readonly parts: 1 | 2;
}

/** By TYPE_* code, but for strings. */
const WRITTEN: Readonly<Record<number, WrittenForm>> = {
  [TYPE_LIST]: { code: RDB_LIST, parts: 1 },
  [TYPE_SET]: { code: RDB_SET, parts: 1 },
  [TYPE_ZSET]: { code: RDB_ZSET_2, parts: 1 },
  [TYPE_HASH]: { code: RDB_HASH, parts: 2 },
};

/** In a slice of a sorted set scores come before members, in RDB behind them. */
function putElements(slice: ByteSource, type: number, parts: 1 | 2, out: ByteSink): void {
  for (let left = slice.u32() * parts; left > 0; left--) {
    const score = type === TYPE_ZSET ? slice.f64() : 0;
    const len = slice.blob();
    putString(out, slice.bytes, slice.blobAt, len);
    if (type === TYPE_ZSET) out.f64(score);
  }
}

function putString(out: ByteSink, buf: Uint8Array, off: number, len: number): void {
  const bytes = out.room(LENGTH_BYTES_MAX + len);
  const at = putLength(bytes, out.length, len);
  copyBytes(buf, off, bytes, at, len);
  out.length = at + len;
}

function ended(out: ByteSink): ByteSink {
  putFooter(out.room(FOOTER_BYTES), 0, out.length);
  out.length += FOOTER_BYTES;
  return out;
}

/** What RESTORE was asked for besides key and payload. */
interface RestoreOptions {
  readonly replace: boolean;
  readonly absolute: boolean;
}

/** The order of the checks is Redis's. */
function restore(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const options = restoreOptions(ctx);
  if (options === null) return;
  const isThere = lookupAt(ctx, 1) !== TYPE_NONE;
  if (isThere && !options.replace) {
    reply.error(ERR.busyKey);
    return;
  }
  const expireAt = expiryArg(ctx, options.absolute);
  if (Number.isNaN(expireAt)) return;
  const source = openPayload(r.buf, r.off[3], r.len[3]);
  if (source === null) {
    reply.error(ERR.wrongPayload);
    return;
  }
  const value = new RestoredValue();
  try {
    readValue(source.u8(), source, value);
    const { bytes, length } = value.encoded();
    if (expireAt > 0 && expireAt <= ctx.keyspace.nowMs) {
      // It would be gone at once. What it replaces is gone, too.
      if (isThere) {
        db.keys.remove(r.buf, r.off[1], r.len[1]);
        notify(ctx, EVENT_GENERIC, "del", 1);
      }
    } else {
      db.restore(r.buf, r.off[1], r.len[1], value.type, expireAt, bytes, 0, length, true);
      notifyNew(ctx, 1);
      notify(ctx, EVENT_GENERIC, "restore", 1);
    }
    reply.ok();
  } catch (error) {
    if (error instanceof UnsupportedValueError) reply.error(unsupportedValue(error.what));
    else if (error instanceof RdbError || error instanceof RepeatedElementError) reply.error(ERR.badData);
    else throw error;
  }
}

/** Null after an error reply. IDLETIME and FREQ are checked, and no more: a record has no room for them. */
function restoreOptions(ctx: CommandContext): RestoreOptions | null {
  const { request: r, reply } = ctx;
  let replace = false;
  let absolute = false;
  let idle = -1;
  let freq = -1;
  for (let i = 4; i < r.argc; i++) {
    const isLast = i + 1 === r.argc;
    if (r.is(i, "replace")) replace = true;
    else if (r.is(i, "absttl")) absolute = true;
    else if (r.is(i, "idletime") && !isLast && freq < 0) {
      idle = intArg(ctx, ++i);
      if (Number.isNaN(idle)) return null;
      if (idle < 0) return refused(ctx, ERR.invalidIdleTime);
    } else if (r.is(i, "freq") && !isLast && idle < 0) {
      freq = intArg(ctx, ++i);
      if (Number.isNaN(freq)) return null;
      if (freq < 0 || freq > FREQ_MAX) return refused(ctx, ERR.invalidFreq);
    } else {
      reply.error(ERR.syntax);
      return null;
    }
  }
  return { replace, absolute };
}

function refused(ctx: CommandContext, error: string): null {
  ctx.reply.error(error);
  return null;
}

/** Argument 2 as the time when the key ends, 0 = never. NaN after an error reply. */
function expiryArg(ctx: CommandContext, absolute: boolean): number {
  const ttl = intArg(ctx, 2);
  if (Number.isNaN(ttl)) return Number.NaN;
  if (ttl < 0) {
    ctx.reply.error(ERR.invalidTtl);
    return Number.NaN;
  }
  if (ttl === 0) return 0;
  return Math.min(absolute ? ttl : ttl + startOfRelative(ctx), EXPIRE_AT_MAX_MS);
}

const TYPE_OF_KIND: Readonly<Record<ValueKind, number>> = {
  string: TYPE_STRING,
  list: TYPE_LIST,
  set: TYPE_SET,
  zset: TYPE_ZSET,
  hash: TYPE_HASH,
};

/** Makes of what is read the encoded value that the engine takes. */
class RestoredValue implements ValueVisitor {
  /** TYPE_* code. */
  type = TYPE_NONE;
  readonly #sink = new ByteSink();
  #elements = 0;
  /** Of a sorted set: where each entry begins in the sink. */
  readonly #starts: number[] = [];
  #ascends = true;
  #descends = true;

  begin(kind: ValueKind): void {
    this.type = TYPE_OF_KIND[kind];
    if (this.type !== TYPE_STRING) this.#sink.u32(0);
  }

  element(buf: Uint8Array, off: number, len: number): void {
    this.#requireRoom(len);
    if (this.type === TYPE_STRING) this.#sink.raw(buf, off, len);
    else this.#sink.blob(buf, off, len);
    this.#elements++;
  }

  scored(buf: Uint8Array, off: number, len: number, score: number): void {
    this.#requireRoom(len);
    const at = this.#sink.length;
    this.#sink.f64(score);
    this.#sink.blob(buf, off, len);
    const { length } = this.#starts;
    if (length > 0) {
      const order = this.#compare(this.#starts[length - 1], at);
      if (order > 0) this.#ascends = false;
      if (order < 0) this.#descends = false;
    }
    this.#starts.push(at);
    this.#elements++;
  }

  fieldExpiry(): void {
    throw new UnsupportedValueError("a field with an expiry");
  }

  /** The value: a string's bytes, or a slice. */
  encoded(): ByteSink {
    const sink = this.#sink;
    if (this.type === TYPE_STRING) return sink;
    sink.setU32(0, this.type === TYPE_HASH ? this.#elements / 2 : this.#elements);
    return this.type === TYPE_ZSET && !this.#ascends ? this.#inOrder() : sink;
  }

  /** Sorted sets, lowest first. Redis writes large ones from their end to their beginning. */
  #inOrder(): ByteSink {
    const starts = this.#starts;
    if (this.#descends) starts.reverse();
    else starts.sort((a, b) => this.#compare(a, b));
    const from = this.#sink.bytes;
    const sink = new ByteSink(this.#sink.length);
    sink.raw(from, 0, 4);
    for (const at of starts) sink.raw(from, at, 12 + from.readUInt32LE(at + 8));
    return sink;
  }

  #compare(a: number, b: number): number {
    const { bytes } = this.#sink;
    const one = bytes.readDoubleLE(a);
    const other = bytes.readDoubleLE(b);
    if (one !== other) return one < other ? -1 : 1;
    return compareBytes(bytes, a + 12, bytes.readUInt32LE(a + 8), bytes, b + 12, bytes.readUInt32LE(b + 8));
  }

  #requireRoom(len: number): void {
    if (len > STRING_BYTES_MAX) throw new RdbError("a longer string than there can be");
    if (this.#sink.length + len > VALUE_BYTES_MAX) throw new EntryTooLargeError(VALUE_BYTES_MAX);
  }
}

export const dumpCommands = family("generic", [
  {
    name: "dump",
    arity: 2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.6.0",
    complexity: "O(1) to find the key, O(N*M) to serialize it: N elements of average size M",
    summary: "Returns the value of a key, serialized.",
    syntax: "@key",
    tips: ["nondeterministic_output"],
    differs: "The payload has RDB version 9 and no compression: any Redis since 5.0 and any Valkey restores it.",
    run: dump,
  },
  {
    name: "restore",
    arity: -4,
    flags: ["write", "denyoom"],
    keys: [key(1, "OW update")],
    since: "2.6.0",
    complexity:
      "O(1) to make the key, O(N*M) to read the value: N elements of average size M; of a sorted set O(N*M*log(N))",
    summary: "Makes a key of a serialized value.",
    syntax: "@key ttl:integer serialized-value REPLACE? ABSTTL? IDLETIME=seconds:integer? FREQ=frequency:integer?",
    categories: ["keyspace", "dangerous"],
    history: [
      ["3.0.0", "REPLACE"],
      ["5.0.0", "ABSTTL, IDLETIME and FREQ"],
    ],
    differs:
      "Takes payloads of Redis up to 8.0 and of Valkey up to 9; not streams, values of modules and fields with an expiry. IDLETIME and FREQ are not kept.",
    run: restore,
  },
]);

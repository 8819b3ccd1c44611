/** Values as RDB files and DUMP have them: every type that Redis up to 8.0 (RDB 12) and Valkey 9 (RDB 80) write, but streams and modules. */
import { type ElementVisitor, eachInIntset, eachInListpack, eachInZiplist, eachInZipmap } from "./compact.js";
import { RdbError, UnsupportedValueError } from "./errors.js";
import type { RdbSource } from "./source.js";
import * as t from "./value-types.js";

/** What a value is. */
export type ValueKind = "string" | "list" | "set" | "zset" | "hash";

/** Is told of a value as it is read. Byte ranges are valid during the call. */
export interface ValueVisitor {
  /** Comes first, once. */
  begin(kind: ValueKind): void;
  /** The bytes of the string; an element of a list or set, in order; of a hash a field, then its value. */
  element(buf: Uint8Array, off: number, len: number): void;
  /** A member of a sorted set. Scores are no NaN; their order is that of whoever wrote the value. */
  scored(buf: Uint8Array, off: number, len: number, score: number): void;
  /** The field whose value came last has an expiry, in milliseconds since 1970. */
  fieldExpiry(atMs: number): void;
}

const ZSET_NAN = 253;
const ZSET_INFINITE = 254;
const ZSET_MINUS_INFINITE = 255;
const NODE_PLAIN = 1;
const NODE_PACKED = 2;

/** Kinds that this server has not, by their type byte. */
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [t.RDB_STREAM, "a stream"],
  [t.RDB_STREAM_2, "a stream"],
  [t.RDB_STREAM_3, "a stream"],
  [t.RDB_MODULE_PRE_GA, "a module's value"],
  [t.RDB_MODULE_2, "a module's value"],
]);

/**
 * Reads the value behind a type byte; the source stands behind it then. Takes no more memory than for its longest string.
 * @throws RdbError where it is malformed, has no element, or a type that nobody knows; UnsupportedValueError for a kind that this server has not. The visitor
 *   may have been told of a part then
 */
export function readValue(type: number, source: RdbSource, visitor: ValueVisitor): void {
  const elements: ElementVisitor = ({ buf, off, len }) => visitor.element(buf, off, len);
  switch (type) {
    case t.RDB_STRING:
      visitor.begin("string");
      source.string();
      elements(source);
      return;
    case t.RDB_LIST:
      visitor.begin("list");
      eachString(source, source.length(), elements);
      return;
    case t.RDB_SET:
      visitor.begin("set");
      eachString(source, source.length(), elements);
      return;
    case t.RDB_HASH:
      visitor.begin("hash");
      eachString(source, 2 * source.length(), elements);
      return;
    case t.RDB_ZSET:
    case t.RDB_ZSET_2:
      visitor.begin("zset");
      readScores(source, visitor, type === t.RDB_ZSET ? textScore : (s) => s.f64());
      return;
    case t.RDB_LIST_ZIPLIST:
      visitor.begin("list");
      source.string();
      requireSome(eachInZiplist(source, elements));
      return;
    case t.RDB_LIST_QUICKLIST:
    case t.RDB_LIST_QUICKLIST_2:
      visitor.begin("list");
      requireSome(eachInNodes(type, source, elements));
      return;
    case t.RDB_SET_INTSET:
      visitor.begin("set");
      source.string();
      requireSome(eachInIntset(source, elements));
      return;
    case t.RDB_SET_LISTPACK:
      visitor.begin("set");
      source.string();
      requireSome(eachInListpack(source, elements));
      return;
    case t.RDB_HASH_ZIPMAP:
    case t.RDB_HASH_ZIPLIST:
    case t.RDB_HASH_LISTPACK:
      visitor.begin("hash");
      source.string();
      requireGroups(walkOf(type)(source, elements), 2);
      return;
    case t.RDB_ZSET_ZIPLIST:
    case t.RDB_ZSET_LISTPACK:
      visitor.begin("zset");
      source.string();
      requireGroups(walkOf(type)(source, scoredElements(visitor)), 2);
      return;
    case t.RDB_HASH_VALKEY:
    case t.RDB_HASH_EXPIRIES:
      visitor.begin("hash");
      readFieldsWithExpiry(type, source, visitor);
      return;
    case t.RDB_HASH_LISTPACK_EXPIRIES:
      visitor.begin("hash");
      source.take(8);
      source.string();
      requireGroups(eachInListpack(source, fieldsWithExpiry(visitor)), 3);
      return;
    default: {
      const what = UNSUPPORTED.get(type);
      throw what === undefined ? new RdbError(`there is no type ${type}`) : new UnsupportedValueError(what);
    }
  }
}

function walkOf(type: number): typeof eachInListpack {
  if (type === t.RDB_HASH_ZIPMAP) return eachInZipmap;
  return type === t.RDB_HASH_ZIPLIST || type === t.RDB_ZSET_ZIPLIST ? eachInZiplist : eachInListpack;
}

function eachString(source: RdbSource, count: number, visit: ElementVisitor): void {
  requireSome(count);
  for (let left = count; left > 0; left--) {
    source.string();
    visit(source);
  }
}

function readScores(source: RdbSource, visitor: ValueVisitor, read: (source: RdbSource) => number): void {
  const count = source.length();
  requireSome(count);
  for (let left = count; left > 0; left--) {
    source.string();
    const { buf, off, len } = source;
    visitor.scored(buf, off, len, requireScore(read(source)));
  }
}

/** A score as the first versions of Redis wrote it. */
function textScore(source: RdbSource): number {
  const len = source.u8();
  if (len === ZSET_NAN) return Number.NaN;
  if (len === ZSET_INFINITE) return Number.POSITIVE_INFINITY;
  if (len === ZSET_MINUS_INFINITE) return Number.NEGATIVE_INFINITY;
  return numberOf(source.bytes, source.take(len), len);
}

/** Members and scores in turn. */
function scoredElements(visitor: ValueVisitor): ElementVisitor {
  let member: Buffer | null = null;
  return ({ buf, off, len }) => {
    if (member === null) {
      member = Buffer.from(buf.subarray(off, off + len));
      return;
    }
    visitor.scored(member, 0, member.length, requireScore(numberOf(buf, off, len)));
    member = null;
  };
}

function eachInNodes(type: number, source: RdbSource, visit: ElementVisitor): number {
  const nodes = source.length();
  let count = 0;
  for (let left = nodes; left > 0; left--) {
    const container = type === t.RDB_LIST_QUICKLIST ? 0 : source.length();
    source.string();
    if (container === 0 && type === t.RDB_LIST_QUICKLIST) count += eachInZiplist(source, visit);
    else if (container === NODE_PACKED) count += eachInListpack(source, visit);
    else if (container === NODE_PLAIN) {
      visit(source);
      count++;
    } else throw new RdbError(`a list's node of kind ${container}`);
  }
  return count;
}

/** Valkey: (field, value, expiry:8, -1 = none)*. Redis: smallest:8, (0 = none, or expiry - smallest + 1, field, value)*. */
function readFieldsWithExpiry(type: number, source: RdbSource, visitor: ValueVisitor): void {
  const isValkey = type === t.RDB_HASH_VALKEY;
  const smallest = isValkey ? 0 : source.i64();
  const count = source.length();
  requireSome(count);
  for (let left = count; left > 0; left--) {
    const ahead = isValkey ? 0 : source.length();
    source.string();
    visitor.element(source.buf, source.off, source.len);
    source.string();
    visitor.element(source.buf, source.off, source.len);
    const expiry = isValkey ? source.i64() : ahead === 0 ? -1 : smallest + ahead - 1;
    if (expiry >= 0) visitor.fieldExpiry(expiry);
  }
}

/** Fields, values and expiries (0 = none) in turn. */
function fieldsWithExpiry(visitor: ValueVisitor): ElementVisitor {
  let nth = 0;
  return ({ buf, off, len }) => {
    nth = (nth + 1) % 3;
    if (nth !== 0) {
      visitor.element(buf, off, len);
      return;
    }
    const expiry = numberOf(buf, off, len);
    if (!(expiry >= 0)) throw new RdbError("a field's expiry is no number");
    if (expiry > 0) visitor.fieldExpiry(expiry);
  };
}

function requireSome(count: number): void {
  if (count === 0) throw new RdbError("a collection without elements");
}

/** Elements that come `of` together: pairs, or fields with value and expiry. */
function requireGroups(count: number, of: 2 | 3): void {
  requireSome(count);
  if (count % of !== 0) throw new RdbError(`the last ${of} elements are ${count % of}`);
}

function requireScore(score: number): number {
  if (Number.isNaN(score)) throw new RdbError("a score is no number");
  return score;
}

/** The number that a text stands for, as Redis writes one; NaN where it is none. */
function numberOf(buf: Uint8Array, off: number, len: number): number {
  if (len > NUMBER_BYTES_MAX) return Number.NaN;
  const text = Buffer.from(buf.buffer, buf.byteOffset + off, len).toString("latin1");
  if (NUMBER.test(text)) return Number(text);
  const infinite = INFINITE.exec(text);
  if (infinite === null) return Number.NaN;
  return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** 17 digits with sign, point and exponent need 24, integers of 64 bits 20; Redis's own readers take no more than this. */
const NUMBER_BYTES_MAX = 128;
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const INFINITE = /^([-+]?)inf(inity)?$/i;

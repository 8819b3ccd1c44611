/**
 * What a type of value is, said once: a row for each. Whoever has to tell types apart by more than their code (snapshots, the log, digests, the
 * tools, OBJECT ENCODING) asks the row. What commands do with a value is in the store of its type (hash-store.ts and its like).
 */
import { copyBytes } from "../copy-bytes.js";
import { CHUNK_BYTES } from "../memory.js";
import { type ByteSink, ByteSource } from "./byte-sink.js";
import { HashValue } from "./hash.js";
import type { AnyValue } from "./index.js";
import { ListValue } from "./list.js";
import { putSlice } from "./list-entries.js";
import { putMembers } from "./member-record.js";
import type { TableHome } from "./member-table.js";
import {
  hasOnlyIntegers,
  INTEGER_BYTES_MAX,
  isInteger,
  isSmallKind,
  PACKED_INTEGERS,
  PACKED_PLAIN,
  type PackedLimits,
  packElements,
  packList,
  packScores,
} from "./packed.js";
import { SetValue } from "./set.js";
import { StringValue } from "./string-value.js";
import { TYPE_HASH, TYPE_LIST, TYPE_NONE, TYPE_SET, TYPE_STRING, TYPE_ZSET, UnknownCodeError } from "./type-codes.js";
import { ZsetValue } from "./zset.js";

/** Bytes, numbers, words of ours (types, sides), and lists of these. */
export type Described = Buffer | number | bigint | string | readonly Described[];

/** The longest string that Redis keeps in one piece with its object. */
const EMBEDDED_BYTES_MAX = 44;

/**
 * A type of value. An encoded value is a string's bytes, or slices of a collection: `count:u32`, then so many entries (see Collection.encodeSlice).
 * A small one lies in its key's record, in a form of its own; else it is an object while it is used (open-values.ts).
 */
export interface ValueType {
  /** The TYPE_* code, in records and on the disk. Never given to another type. */
  readonly code: number;
  /** As TYPE says it. */
  readonly name: string;
  /** An empty value that lies in no record. */
  make(home: TableHome): AnyValue;
  /**
   * Writes a whole encoded value at `at` in `to`, where there is packedRoom(len), as it lies in a record, and returns its length there; -1 when it
   * is too large for a record, and is to be an object: then what lies there may be anything. Throws RangeError when it is malformed.
   */
  pack(limits: PackedLimits, bytes: Uint8Array, off: number, len: number, to: Uint8Array, at: number): number;
  /** Appends what a frozen value gave (FrozenCollection.encodeEntries) as an encoded one, or a slice of it. */
  toDisk(bytes: Uint8Array, off: number, len: number, out: ByteSink): void;
  /** Null: the value is bytes and no collection. */
  readonly entries: EntryForm | null;
  /**
   * Redis's word for how a value is kept (OBJECT ENCODING): what Redis would do, whatever our form is.
   * @param packedKind of a collection: see FoundCollection.packedKind
   * @param buf of a string: its bytes are buf[off, off + len)
   */
  encoding(packedKind: number, buf: Uint8Array, off: number, len: number): string;
}

/** An entry of a collection: an element, and what stands beside it. Buffers are copies. */
export type Entry = readonly [element: Buffer, ...beside: (Buffer | number)[]];

/** The entries of a collection's slices. */
export interface EntryForm {
  /** Whether their order belongs to the value. */
  readonly inOrder: boolean;
  /** Reads the next one. Throws RangeError where it is cut short. */
  read(slice: ByteSource): Entry;
}

const STRING: ValueType = {
  code: TYPE_STRING,
  name: "string",
  make: ({ memory }) => new StringValue(memory, 0),
  pack(_limits, bytes, off, len, to, at) {
    if (len > CHUNK_BYTES) return -1;
    copyBytes(bytes, off, to, at, len);
    return len;
  },
  toDisk: (bytes, off, len, out) => out.raw(bytes, off, len),
  entries: null,
  /** Follows from the bytes alone: a record has no bit left to say that APPEND or SETRANGE made them, which Redis calls "raw" until its next start. */
  encoding(_packedKind, buf, off, len) {
    if (isInteger(buf, off, len)) return "int";
    return len <= EMBEDDED_BYTES_MAX ? "embstr" : "raw";
  },
};

/** Slices are `count:u32, (length:u32, bytes)*`. */
const LIST: ValueType = {
  code: TYPE_LIST,
  name: "list",
  make: ({ memory }) => new ListValue(memory),
  pack(limits, bytes, off, len, to, at) {
    const slice = new ByteSource(bytes, off, len);
    return packList(limits, slice, slice.u32(), to, at);
  },
  toDisk: putSlice,
  entries: { inOrder: true, read: (slice) => [element(slice)] },
  encoding: (packedKind) => (isSmallKind(packedKind) ? "listpack" : "quicklist"),
};

/** Slices are `count:u32, member*`. */
const SET: ValueType = {
  code: TYPE_SET,
  name: "set",
  make: (home) => new SetValue(home),
  pack(limits, bytes, off, len, to, at) {
    const slice = new ByteSource(bytes, off, len);
    const entries = slice.u32();
    if (entries <= limits.setIntegers && hasOnlyIntegers(new ByteSource(bytes, off + 4, len - 4), entries)) {
      return packElements(limits, PACKED_INTEGERS, 1, limits.setIntegers, INTEGER_BYTES_MAX, slice, entries, to, at);
    }
    return packElements(limits, PACKED_PLAIN, 1, limits.setEntries, limits.setValueBytes, slice, entries, to, at);
  },
  toDisk: (bytes, off, len, out) => putMembers("nothing", bytes, off, len, out),
  entries: { inOrder: false, read: (slice) => [element(slice)] },
  encoding(packedKind) {
    if (!isSmallKind(packedKind)) return "hashtable";
    return packedKind === PACKED_INTEGERS ? "intset" : "listpack";
  },
};

/** Slices are `count:u32, (score:f64, member)*`, lowest first. */
const ZSET: ValueType = {
  code: TYPE_ZSET,
  name: "zset",
  make: (home) => new ZsetValue(home),
  pack(limits, bytes, off, len, to, at) {
    const slice = new ByteSource(bytes, off, len);
    return packScores(limits, slice, slice.u32(), to, at);
  },
  toDisk: (bytes, off, len, out) => putMembers("number", bytes, off, len, out),
  entries: {
    inOrder: false,
    read(slice) {
      const score = slice.f64();
      return [element(slice), score];
    },
  },
  encoding: (packedKind) => (isSmallKind(packedKind) ? "listpack" : "skiplist"),
};

/** Slices are `count:u32, (field, value)*`. */
const HASH: ValueType = {
  code: TYPE_HASH,
  name: "hash",
  make: (home) => new HashValue(home),
  pack(limits, bytes, off, len, to, at) {
    const slice = new ByteSource(bytes, off, len);
    return packElements(limits, PACKED_PLAIN, 2, limits.hashEntries, limits.hashValueBytes, slice, slice.u32(), to, at);
  },
  toDisk: (bytes, off, len, out) => putMembers("value", bytes, off, len, out),
  entries: { inOrder: false, read: (slice) => [element(slice), element(slice)] },
  encoding: (packedKind) => (isSmallKind(packedKind) ? "listpack" : "hashtable"),
};

const BY_CODE: readonly (ValueType | undefined)[] = byCode([STRING, LIST, SET, ZSET, HASH]);

/** The row of a TYPE_* code. Throws UnknownCodeError where there is none: bytes from the disk may be a newer version's. */
export function valueType(code: number): ValueType {
  const row = BY_CODE[code];
  if (row === undefined) throw new UnknownCodeError("type", code);
  return row;
}

/** What TYPE says of a TYPE_* code. */
export function typeName(code: number): string {
  return code === TYPE_NONE ? "none" : valueType(code).name;
}

/** The TYPE_* code with this name, -1 where there is none. */
export function typeCode(name: string): number {
  return name === "none" ? TYPE_NONE : BY_CODE.findIndex((row) => row?.name === name);
}

/**
 * An encoded value, or a slice of one: a string's bytes; of a collection its entries, elements or lists of an element and what stands beside
 * it. Throws RangeError where it is malformed.
 */
export function describeValue(type: number, bytes: Uint8Array, off: number, len: number): Described {
  const { entries } = valueType(type);
  if (entries === null) return Buffer.from(bytes.subarray(off, off + len));
  const all: Described[] = [];
  const slice = new ByteSource(bytes, off, len);
  for (let left = slice.u32(); left > 0; left--) {
    const entry = entries.read(slice);
    all.push(entry.length === 1 ? entry[0] : entry);
  }
  return all;
}

function element(slice: ByteSource): Buffer {
  const len = slice.blob();
  return Buffer.from(slice.bytes.subarray(slice.blobAt, slice.blobAt + len));
}

function byCode(rows: readonly ValueType[]): (ValueType | undefined)[] {
  const all: (ValueType | undefined)[] = [];
  for (const row of rows) all[row.code] = row;
  return all;
}

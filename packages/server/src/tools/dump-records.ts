/** The data of a keyspace as records that stand for themselves, and back. */
import {
  ByteSink,
  DATABASES,
  type Database,
  type Described,
  type DescribedEntry,
  describeValue,
  KEY_BYTES_MAX,
  type Keyspace,
  SIDE_TAIL,
  STRING_BYTES_MAX,
  TYPE_NONE,
  TYPE_STRING,
  typeName,
} from "@hearthkv/engine";
import { DataError } from "./data-folder.js";

/**
 * A key, or (`continues`) more of one: what is long comes in parts, in their order. Values: a string's bytes; elements of a list in order; members
 * of a set; [field, value] pairs of a hash; [member, score] pairs of a sorted set.
 */
export interface DumpRecord extends DescribedEntry {
  readonly db: number;
}

/** What belongs to no key. */
export interface DumpHeader {
  /** Highest fencing token given out. */
  readonly lastFence: number;
}

/** A record has about so many bytes at most, unless one element alone has more. */
const PART_BYTES = 4 * 1024 * 1024;
const PART_ELEMENTS = 1000;

/** Visits every key whose time has not come by `nowMs`; returns how many keys. */
export function readRecords(keyspace: Keyspace, nowMs: number, visit: (record: DumpRecord) => void): number {
  keyspace.nowMs = nowMs;
  let keys = 0;
  for (const db of keyspace.databases()) {
    db.keys.forEachKey((buf, off, len, type, expireAt) => {
      keys++;
      const key = Buffer.from(buf.subarray(off, off + len));
      let continues = false;
      for (const value of partsOf(db, key)) {
        visit({ db: db.index, key, type: typeName(type), expireAt, continues, value });
        continues = true;
      }
    });
  }
  return keys;
}

function* partsOf(db: Database, key: Buffer): Generator<Described> {
  const type = db.keys.lookup(key, 0, key.length);
  if (type === TYPE_STRING) {
    const bytes = Buffer.from(db.keys.valueBuf.subarray(db.keys.valueOff, db.keys.valueOff + db.keys.valueLen));
    for (let at = 0; at === 0 || at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES);
    return;
  }
  const sink = new ByteSink();
  let cursor = 0;
  do {
    sink.reset();
    cursor = db.found.encodeSlice(cursor, sink, PART_BYTES);
    const elements = asList(describeValue(type, sink.bytes, 0, sink.length));
    for (let i = 0; i < elements.length; i += PART_ELEMENTS) yield elements.slice(i, i + PART_ELEMENTS);
  } while (cursor >= 0);
}

/**
 * Puts a record into a keyspace whose clock stands at 0. Throws DataError where it makes no sense: also for a key, a field or a member that is
 * there already, since one of the two would be lost.
 */
export function putRecord(keyspace: Keyspace, record: DumpRecord): void {
  const { key, type, expireAt, continues, value } = record;
  if (!(Number.isInteger(record.db) && record.db >= 0 && record.db < DATABASES)) {
    throw new DataError(`there is no database ${record.db}`);
  }
  if (key.length > KEY_BYTES_MAX) throw new DataError(`a key of ${key.length} bytes: ${KEY_BYTES_MAX} is the most`);
  const db = keyspace.db(record.db);
  const existing = db.keys.lookup(key, 0, key.length);
  if (!continues && existing !== TYPE_NONE) throw new DataError("the key was there already");
  if (continues && typeName(existing) !== type) throw new DataError(`more of a ${type} follows where there is none`);
  if (continues && expireAt !== db.keys.expireAt)
    throw new DataError("expireAt is another one than in the part before");
  putValue(db, key, type, value);
  if (!continues && expireAt !== 0) db.keys.setExpire(key, 0, key.length, expireAt);
}

/** Makes the value of the key that was looked up last, or adds to it. */
function putValue(db: Database, key: Buffer, type: string, value: Described): void {
  const k = [key, 0, key.length] as const;
  switch (type) {
    case "string": {
      const bytes = asBytes(value);
      if (db.keys.lookup(...k) === TYPE_NONE) db.strings.set(...k, bytes, 0, bytes.length, 0);
      else if (db.keys.valueLen + bytes.length > STRING_BYTES_MAX) throw tooLong(db.keys.valueLen + bytes.length);
      else db.strings.append(...k, bytes, 0, bytes.length);
      return;
    }
    case "list":
      db.lists.push(...k, SIDE_TAIL, ...asRanges(asList(value).map(asBytes)));
      return;
    case "set": {
      const members = asList(value).map(asBytes);
      requireAdded(db.sets.add(...k, ...asRanges(members)), members.length);
      return;
    }
    case "hash": {
      const pairs = asPairs(value);
      const [buf, off, len] = asRanges(pairs.flat().map(asBytes));
      requireAdded(db.hashes.set(...k, buf, off, len, 0, pairs.length), pairs.length);
      return;
    }
    case "zset": {
      const pairs = asPairs(value);
      const scores = pairs.map(([, score]) => asScore(score));
      // Members have every other place, as in ZADD.
      const [buf, off, len] = asRanges(pairs.flatMap(([member]) => [asBytes(member), Buffer.alloc(0)]));
      requireAdded(db.zsets.add(...k, scores, buf, off, len, 0, pairs.length, 0), pairs.length);
      return;
    }
    default:
      throw new DataError(`there is no type "${type}"`);
  }
}

function requireAdded(added: number, given: number): void {
  if (added !== given) throw new DataError("a member or field is there twice");
}

function tooLong(bytes: number): DataError {
  return new DataError(`a value of ${bytes} bytes: ${STRING_BYTES_MAX} is the most`);
}

function asBytes(value: Described | undefined): Buffer {
  if (Buffer.isBuffer(value) && value.length > STRING_BYTES_MAX) throw tooLong(value.length);
  if (Buffer.isBuffer(value)) return value;
  throw new DataError("bytes are expected in a value");
}

function asScore(value: Described | undefined): number {
  if (typeof value === "number" && !Number.isNaN(value)) return value;
  throw new DataError("a score must be a number");
}

function asList(value: Described): readonly Described[] {
  if (typeof value === "object" && !Buffer.isBuffer(value) && value.length > 0) return value as readonly Described[];
  throw new DataError("a collection must be a list with at least one element");
}

/** Elements as mutators take them. */
function asRanges(
  elements: readonly Buffer[],
): [buf: Buffer, off: Int32Array, len: Int32Array, first: 0, count: number] {
  const off = new Int32Array(elements.length);
  const len = Int32Array.from(elements, (element) => element.length);
  for (let i = 1; i < off.length; i++) off[i] = off[i - 1] + len[i - 1];
  return [Buffer.concat(elements), off, len, 0, elements.length];
}

function asPairs(value: Described): (readonly Described[])[] {
  return asList(value).map((pair) => {
    const both = asList(pair);
    if (both.length === 2) return both;
    throw new DataError("pairs are expected in a value");
  });
}

/** The data of a keyspace as records that stand for themselves, and back. */
import {
  ByteSink,
  DATABASES,
  type Database,
  type Described,
  type DescribedEntry,
  describeSlice,
  type Keyspace,
  SIDE_TAIL,
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
    db.forEachKey((buf, off, len, type, expireAt) => {
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
  const type = db.lookup(key, 0, key.length);
  if (type === TYPE_STRING) {
    const bytes = Buffer.from(db.valueBuf.subarray(db.valueOff, db.valueOff + db.valueLen));
    for (let at = 0; at === 0 || at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES);
    return;
  }
  const sink = new ByteSink();
  let cursor = 0;
  do {
    sink.reset();
    cursor = db.encodeSlice(cursor, sink, PART_BYTES);
    const elements = describeSlice(type, sink.bytes, 0, sink.length);
    for (let i = 0; i < elements.length; i += PART_ELEMENTS) yield elements.slice(i, i + PART_ELEMENTS);
  } while (cursor >= 0);
}

/** Puts a record into a keyspace. Throws DataError where it makes no sense. */
export function putRecord(keyspace: Keyspace, record: DumpRecord): void {
  const { key, type, expireAt, continues, value } = record;
  if (!(record.db >= 0 && record.db < DATABASES)) throw new DataError(`there is no database ${record.db}`);
  const db = keyspace.db(record.db);
  const k = [key, 0, key.length] as const;
  const existing = typeName(db.lookup(...k));
  if (!continues) db.remove(...k);
  else if (existing !== type) throw new DataError(`more of a ${type} follows where there is none`);
  switch (type) {
    case "string": {
      const bytes = asBytes(value);
      if (continues) db.append(...k, bytes, 0, bytes.length);
      else db.setString(...k, bytes, 0, bytes.length, 0);
      break;
    }
    case "list":
      db.listPush(...k, SIDE_TAIL, ...asRanges(asList(value).map(asBytes)));
      break;
    case "set":
      db.setAdd(...k, ...asRanges(asList(value).map(asBytes)));
      break;
    case "hash":
      putPairs(db, key, asPairs(value));
      break;
    case "zset": {
      const pairs = asPairs(value);
      const scores = pairs.map(([, score]) => asScore(score));
      // Members have every other place, as in ZADD.
      const [buf, off, len] = asRanges(pairs.flatMap(([member]) => [asBytes(member), Buffer.alloc(0)]));
      db.zsetAdd(...k, scores, buf, off, len, 0, pairs.length, 0);
      break;
    }
    default:
      throw new DataError(`there is no type "${type}"`);
  }
  if (!continues && expireAt !== 0) db.setExpire(...k, expireAt);
}

function putPairs(db: Database, key: Buffer, pairs: readonly (readonly Described[])[]): void {
  const [buf, off, len] = asRanges(pairs.flat().map(asBytes));
  db.hashSet(key, 0, key.length, buf, off, len, 0, pairs.length);
}

function asBytes(value: Described | undefined): Buffer {
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

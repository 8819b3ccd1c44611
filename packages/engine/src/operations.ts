/**
 * The operations of the log: a row for each, with its name, how it is applied through the mutators that live commands use, and how it is told to
 * people. Beside each is its body, behind [ db:1 | key ] where it is keyed; key, text = [ bytes:4 | latin1 ]. Codes are in ops.ts.
 *
 * A mutation is applied to a shard only when its place in the log is above the shard's stamp: snapshots are taken shard by shard, and
 * snapshot-front.ts says why that is right for two keys, too.
 */
import type { Database } from "./database.js";
import { ALL_DATABASES, type MutationReader } from "./mutations.js";
import * as ops from "./ops.js";
import { SIDE_HEAD } from "./types/list-blocks.js";
import { TYPE_ZSET, UnknownCodeError } from "./types/type-codes.js";
import { type Described, describeValue, typeName } from "./types/value-types.js";

/** What mutations are applied to: a keyspace. */
export interface ReplayTarget {
  /** Last fencing token given. */
  lastFence: number;
  /** Mutations whose source was not there. */
  lostSources: number;
  /** No shard has more than up to this sequence. */
  readonly highestStamp: number;
  /** The database whose data is logged under this number. */
  loggedDb(index: number): Database;
  /** Whether the loaded state of a key's shard has this mutation (counted from 0) of the entry already. */
  contains(sequence: number, mutation: number, db: number, buf: Uint8Array, off: number, len: number): boolean;
  /** Empties a database (or all, 255) as far as its shards stand before this mutation of the entry. */
  replayFlush(db: number, sequence: number, mutation: number): void;
  /** Lets two databases, by the numbers that clients know, exchange what they hold. */
  swap(one: number, other: number): void;
}

/** A mutation as plain data. Buffers are copies. */
export interface DescribedMutation {
  /** As "set", "hash-set": the name in its row. */
  readonly op: string;
  /** Number of the database as it is logged: since SWAPDB not always the one that clients know; -1 = all (a flush). */
  readonly db: number;
  /** The keys that it names; none for a flush. */
  readonly keys: readonly Buffer[];
  /** What else it holds, by name. Times are milliseconds since 1970. */
  readonly details: Readonly<Record<string, Described>>;
}

/** An operation of one key, which the mutation begins with: it has been read when these are called. */
interface KeyedOperation {
  readonly isKeyed: true;
  readonly code: number;
  /** As "set", "hash-set". */
  readonly name: string;
  apply(m: MutationReader, db: Database): void;
  details(m: MutationReader): DescribedMutation["details"];
}

/** Any other operation: it reads all of the body, and looks itself which shards have it already. */
interface WholeOperation {
  readonly isKeyed: false;
  readonly code: number;
  readonly name: string;
  apply(m: MutationReader, keyspace: ReplayTarget): void;
  describe(m: MutationReader): Pick<DescribedMutation, "keys" | "details">;
}

type Operation = KeyedOperation | WholeOperation;

function keyed(
  code: number,
  name: string,
  apply: KeyedOperation["apply"],
  details: KeyedOperation["details"],
): KeyedOperation {
  return { isKeyed: true, code, name, apply, details };
}

/** [ expires:1 | expireAt:8 ? | value ] */
function set(code: number, name: string): KeyedOperation {
  return keyed(
    code,
    name,
    (m, db) => {
      const expireAt = m.u8() === 0 ? 0 : m.i64();
      db.strings.set(m.bytes, m.koff, m.klen, m.bytes, m.at, m.rest, expireAt);
    },
    (m) => {
      const expireAt = m.u8() === 0 ? 0 : m.i64();
      return { value: m.copyRest(), ...expiry(expireAt) };
    },
  );
}

/** [ ] */
function remove(code: number, name: string): KeyedOperation {
  return keyed(
    code,
    name,
    (m, db) => db.keys.remove(m.bytes, m.koff, m.klen),
    () => ({}),
  );
}

/** [ amount:8 unsigned ] */
function add(code: number, name: string, sign: 1 | -1): KeyedOperation {
  return keyed(
    code,
    name,
    (m, db) => {
      const from = m.at;
      const amount = m.u64();
      if (amount <= Number.MAX_SAFE_INTEGER) {
        if (!Number.isNaN(db.strings.incrBy(m.bytes, m.koff, m.klen, sign * amount))) return;
      }
      m.at = from;
      db.strings.incrByBig(m.bytes, m.koff, m.klen, BigInt(sign) * m.big64());
    },
    (m) => ({ by: BigInt(sign) * m.big64() }),
  );
}

/** [ expireAt:8, 0 = none ] */
function expire(code: number, name: string): KeyedOperation {
  return keyed(
    code,
    name,
    (m, db) => db.keys.setExpire(m.bytes, m.koff, m.klen, m.i64()),
    (m) => ({ expireAt: m.i64() }),
  );
}

/** [ text* ], which are told as `what` and lie in ranges 0, 1, ... of `m`. */
function texts(
  code: number,
  name: string,
  what: string,
  apply: (m: MutationReader, db: Database, count: number) => void,
): KeyedOperation {
  return keyed(
    code,
    name,
    (m, db) => apply(m, db, m.texts()),
    (m) => ({ [what]: m.copyTexts() }),
  );
}

const OPERATIONS: readonly Operation[] = [
  set(ops.OP_SET, "set"),
  set(ops.OP_SETNX, "setnx"),
  remove(ops.OP_DELETE, "delete"),
  remove(ops.OP_UNLOCK, "unlock"),
  add(ops.OP_INCR, "incr", 1),
  add(ops.OP_DECR, "decr", -1),
  expire(ops.OP_EXPIRE, "expire"),
  expire(ops.OP_EXTEND_LOCK, "extend-lock"),
  // [ bytes ]
  keyed(
    ops.OP_APPEND,
    "append",
    (m, db) => db.strings.append(m.bytes, m.koff, m.klen, m.bytes, m.at, m.rest),
    (m) => ({ value: m.copyRest() }),
  ),
  // [ offset:4 | bytes ]
  keyed(
    ops.OP_SETRANGE,
    "setrange",
    (m, db) => {
      const offset = m.u32();
      db.strings.setRange(m.bytes, m.koff, m.klen, offset, m.bytes, m.at, m.rest);
    },
    (m) => ({ offset: m.u32(), value: m.copyRest() }),
  ),
  // [ offset:4 | removed:4 | bytes ]
  keyed(
    ops.OP_SPLICE,
    "splice",
    (m, db) => {
      const offset = m.u32();
      const removed = m.u32();
      db.strings.splice(m.bytes, m.koff, m.klen, offset, removed, m.bytes, m.at, m.rest);
    },
    (m) => ({ offset: m.u32(), removed: m.u32(), value: m.copyRest() }),
  ),
  // [ type:1 | expireAt:8 | encoded value ]
  keyed(
    ops.OP_RESTORE,
    "restore",
    (m, db) => {
      const type = m.u8();
      const expireAt = m.i64();
      db.restore(m.bytes, m.koff, m.klen, type, expireAt, m.bytes, m.at, m.rest);
    },
    (m) => {
      const type = m.u8();
      return { type: typeName(type), ...expiry(m.i64()), value: describeValue(type, m.bytes, m.at, m.rest) };
    },
  ),
  // [ (field, value)* ]
  keyed(
    ops.OP_HASH_SET,
    "hash-set",
    (m, db) => {
      const count = m.texts();
      db.hashes.set(m.bytes, m.koff, m.klen, m.bytes, m.off, m.len, 0, count / 2);
    },
    (m) => ({ fields: pairs(m) }),
  ),
  texts(ops.OP_HASH_DELETE, "hash-delete", "fields", (m, db, count) =>
    db.hashes.delete(m.bytes, m.koff, m.klen, m.bytes, m.off, m.len, 0, count),
  ),
  // [ side:1 | text* ]
  keyed(
    ops.OP_LIST_PUSH,
    "list-push",
    (m, db) => {
      const side = m.u8();
      const count = m.texts();
      db.lists.push(m.bytes, m.koff, m.klen, side, m.bytes, m.off, m.len, 0, count);
    },
    (m) => ({ side: sideName(m.u8()), elements: m.copyTexts() }),
  ),
  // [ side:1 | count:4 ]
  keyed(
    ops.OP_LIST_POP,
    "list-pop",
    (m, db) => {
      const side = m.u8();
      db.lists.pop(m.bytes, m.koff, m.klen, side, m.u32(), null);
    },
    (m) => ({ side: sideName(m.u8()), count: m.u32() }),
  ),
  // [ position:4 | element ]
  keyed(
    ops.OP_LIST_SET,
    "list-set",
    (m, db) => {
      const position = m.u32();
      db.lists.set(m.bytes, m.koff, m.klen, position, m.bytes, m.at, m.rest);
    },
    (m) => ({ position: m.u32(), element: m.copyRest() }),
  ),
  // [ position:4 | element ]
  keyed(
    ops.OP_LIST_INSERT,
    "list-insert",
    (m, db) => {
      const position = m.u32();
      db.lists.insert(m.bytes, m.koff, m.klen, position, m.bytes, m.at, m.rest);
    },
    (m) => ({ position: m.u32(), element: m.copyRest() }),
  ),
  // [ side:1 | count:4 | element ]: so many that equal it, from this side on
  keyed(
    ops.OP_LIST_REMOVE,
    "list-remove",
    (m, db) => {
      const side = m.u8();
      const count = m.u32();
      db.lists.remove(m.bytes, m.koff, m.klen, side, count, m.bytes, m.at, m.rest);
    },
    (m) => ({ side: sideName(m.u8()), count: m.u32(), element: m.copyRest() }),
  ),
  texts(ops.OP_SET_ADD, "set-add", "members", (m, db, count) =>
    db.sets.add(m.bytes, m.koff, m.klen, m.bytes, m.off, m.len, 0, count),
  ),
  texts(ops.OP_SET_REMOVE, "set-remove", "members", (m, db, count) =>
    db.sets.remove(m.bytes, m.koff, m.klen, m.bytes, m.off, m.len, 0, count),
  ),
  // [ (score:8, text)* ]
  keyed(
    ops.OP_ZSET_ADD,
    "zset-add",
    (m, db) => {
      const count = m.scored();
      db.zsets.add(m.bytes, m.koff, m.klen, m.scores, m.bytes, m.off, m.len, 1, count, 0);
    },
    (m) => {
      const count = m.scored();
      const members = Array.from({ length: count }, (_, i) => [m.copyRange(2 * i + 1), m.scores[i]]);
      return { members };
    },
  ),
  texts(ops.OP_ZSET_REMOVE, "zset-remove", "members", (m, db, count) =>
    db.zsets.remove(m.bytes, m.koff, m.klen, m.bytes, m.off, m.len, 0, count),
  ),
  // [ from:4 | to:4 ]: ranks from the lowest on, the second one not among them
  keyed(
    ops.OP_ZSET_REMOVE_RANKS,
    "zset-remove-ranks",
    (m, db) => {
      const from = m.u32();
      const to = m.u32();
      if (db.keys.lookup(m.bytes, m.koff, m.klen) !== TYPE_ZSET || from >= to || to > db.found.size) return;
      db.zsets.popRanks(m.bytes, m.koff, m.klen, from, to, false, null);
    },
    (m) => ({ from: m.u32(), to: m.u32() }),
  ),
  {
    isKeyed: false,
    // [ key | expireAt:8 | token:8 | owner ]; a lock that is there already still counts for the next token.
    code: ops.OP_LOCK,
    name: "lock",
    apply(m, keyspace) {
      m.key();
      const expireAt = m.i64();
      const token = m.i64();
      keyspace.lastFence = Math.max(keyspace.lastFence, token);
      if (isContained(m, keyspace, m.db, m.koff, m.klen)) return;
      keyspace.loggedDb(m.db).strings.putLock(m.bytes, m.koff, m.klen, m.bytes, m.at, m.rest, expireAt, token);
    },
    describe(m) {
      const key = m.copyText();
      const expireAt = m.i64();
      const token = m.i64();
      return { keys: [key], details: { owner: m.copyRest(), expireAt, token } };
    },
  },
  {
    isKeyed: false,
    // [ count:4 | (key, value)* ]
    code: ops.OP_MSET,
    name: "mset",
    apply(m, keyspace) {
      for (let left = m.u32(); left > 0; left--) {
        m.text(0);
        m.text(1);
        const { off, len } = m;
        if (!isContained(m, keyspace, m.db, off[0], len[0]))
          keyspace.loggedDb(m.db).strings.mset(m.bytes, off, len, 0, 1);
      }
    },
    describe(m) {
      m.u32();
      const all = pairs(m);
      return { keys: all.map(([key]) => key), details: { pairs: all } };
    },
  },
  {
    isKeyed: false,
    // [ count:4 | key* ]
    code: ops.OP_MDEL,
    name: "mdel",
    apply(m, keyspace) {
      for (let left = m.u32(); left > 0; left--) {
        m.key();
        if (isContained(m, keyspace, m.db, m.koff, m.klen)) continue;
        keyspace.loggedDb(m.db).keys.remove(m.bytes, m.koff, m.klen);
      }
    },
    describe(m) {
      m.u32();
      return { keys: m.copyTexts(), details: {} };
    },
  },
  {
    isKeyed: false,
    // [ ]
    code: ops.OP_FLUSH,
    name: "flush",
    apply: (m, keyspace) => keyspace.replayFlush(m.db, m.sequence, m.nth),
    describe: () => ({ keys: [], details: {} }),
  },
  {
    isKeyed: false,
    // [ key | new key ]; both shards have it, or neither has: a move does not cross the front of a snapshot.
    code: ops.OP_RENAME,
    name: "rename",
    apply(m, keyspace) {
      m.text(0);
      m.text(1);
      const { bytes, off, len } = m;
      const contained = isContained(m, keyspace, m.db, off[0], len[0]);
      if (contained !== isContained(m, keyspace, m.db, off[1], len[1])) throw new RangeError("half of a rename");
      const db = keyspace.loggedDb(m.db);
      if (contained || db.rename(bytes, off[0], len[0], bytes, off[1], len[1])) return;
      loseSource(keyspace, db, bytes, off[1], len[1]);
    },
    describe: (m) => ({ keys: m.copyTexts(), details: {} }),
  },
  {
    isKeyed: false,
    // [ key | db:1 | new key ]
    code: ops.OP_COPY,
    name: "copy",
    apply(m, keyspace) {
      m.key();
      const toDb = m.u8();
      m.text(0);
      const { bytes, koff, klen, off, len } = m;
      if (isContained(m, keyspace, toDb, off[0], len[0])) return;
      if (isContained(m, keyspace, m.db, koff, klen)) throw new RangeError("a copy of what has changed since");
      if (keyspace.loggedDb(m.db).copyTo(bytes, koff, klen, keyspace.loggedDb(toDb), bytes, off[0], len[0])) return;
      loseSource(keyspace, keyspace.loggedDb(toDb), bytes, off[0], len[0]);
    },
    describe(m) {
      const key = m.copyText();
      const toDb = m.u8();
      return { keys: [key, m.copyText()], details: { toDb } };
    },
  },
  {
    isKeyed: false,
    // [ key | db:1 ]; both shards have it, or neither has, as of a rename.
    code: ops.OP_MOVE,
    name: "move",
    apply(m, keyspace) {
      m.key();
      const toDb = m.u8();
      const { bytes, koff, klen } = m;
      const contained = isContained(m, keyspace, m.db, koff, klen);
      if (contained !== isContained(m, keyspace, toDb, koff, klen)) throw new RangeError("half of a move");
      const target = keyspace.loggedDb(toDb);
      if (contained || keyspace.loggedDb(m.db).moveTo(target, bytes, koff, klen)) return;
      loseSource(keyspace, target, bytes, koff, klen);
    },
    describe: (m) => ({ keys: [m.copyText()], details: { toDb: m.u8() } }),
  },
  {
    isKeyed: false,
    // [ other:1 ]; the two numbers are those that clients know. Which number's data is logged where is no shard's: a snapshot has it as of its WalPos.
    code: ops.OP_SWAP,
    name: "swap",
    apply: (m, keyspace) => keyspace.swap(m.db, m.u8()),
    describe: (m) => ({ keys: [], details: { with: m.u8() } }),
  },
  {
    isKeyed: false,
    // [ key | BIT_*:1 | source* ]; where the key's shard does not have it, none of its sources' has: see COPY.
    code: ops.OP_BITOP,
    name: "bitop",
    apply(m, keyspace) {
      m.key();
      const op = m.u8();
      const count = m.texts();
      const { bytes, koff, klen, off, len } = m;
      if (isContained(m, keyspace, m.db, koff, klen)) return;
      for (let i = 0; i < count; i++)
        if (isContained(m, keyspace, m.db, off[i], len[i]))
          throw new RangeError("a combination of what has changed since");
      keyspace.loggedDb(m.db).combineBits(op, bytes, koff, klen, bytes, off, len, 0, count);
    },
    describe(m) {
      const key = m.copyText();
      const operation = m.u8();
      return { keys: [key, ...m.copyTexts()], details: { operation } };
    },
  },
];

const BY_CODE: readonly (Operation | undefined)[] = byCode();

/** The row of an OP_* code. Throws UnknownCodeError where there is none: the log may be a newer version's. */
function operationOf(code: number): Operation {
  const row = BY_CODE[code];
  if (row === undefined) throw new UnknownCodeError("operation type", code);
  return row;
}

/** Whether the body of an operation begins with the one key that it changes; false where the code is unknown. */
export function isKeyed(code: number): boolean {
  return BY_CODE[code]?.isKeyed === true;
}

/** Applies a mutation to the shards that do not have it yet. Throws RangeError where it is malformed, UnknownCodeError where it is a newer version's. */
export function applyMutation(m: MutationReader, keyspace: ReplayTarget): void {
  const operation = operationOf(m.op);
  if (!operation.isKeyed) {
    operation.apply(m, keyspace);
    return;
  }
  m.key();
  if (!isContained(m, keyspace, m.db, m.koff, m.klen)) operation.apply(m, keyspace.loggedDb(m.db));
}

/** A mutation as plain data. Throws as applyMutation does. */
export function describeMutation(m: MutationReader): DescribedMutation {
  const operation = operationOf(m.op);
  const db = m.db === ALL_DATABASES ? -1 : m.db;
  if (!operation.isKeyed) return { op: operation.name, db, ...operation.describe(m) };
  return { op: operation.name, db, keys: [m.copyText()], details: operation.details(m) };
}

/** Whether the loaded state of the key's shard has this mutation already. Above the highest stamp the key need not be hashed for that. */
function isContained(m: MutationReader, keyspace: ReplayTarget, db: number, koff: number, klen: number): boolean {
  if (m.sequence > keyspace.highestStamp) return false;
  return keyspace.contains(m.sequence, m.nth, db, m.bytes, koff, klen);
}

/** The entry that made the source is missing. What the new key held is not what it would hold now. */
function loseSource(keyspace: ReplayTarget, db: Database, buf: Uint8Array, koff: number, klen: number): void {
  keyspace.lostSources++;
  db.keys.remove(buf, koff, klen);
}

function expiry(expireAt: number): { expireAt?: number } {
  return expireAt === 0 ? {} : { expireAt };
}

function sideName(side: number): string {
  return side === SIDE_HEAD ? "head" : "tail";
}

function pairs(m: MutationReader): [Buffer, Buffer][] {
  const all: [Buffer, Buffer][] = [];
  while (m.rest > 0) all.push([m.copyText(), m.copyText()]);
  return all;
}

function byCode(): (Operation | undefined)[] {
  const all: (Operation | undefined)[] = [];
  for (const row of OPERATIONS) all[row.code] = row;
  return all;
}

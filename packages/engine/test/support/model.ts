/**
 * A plain model of one keyspace, and a driver that does the same random operations to it and to the real one. Every entry the real one logs is
 * kept, so that a test can replay them.
 */
import {
  BIT_AND,
  BIT_ANDOR,
  BIT_DIFF,
  BIT_DIFF1,
  BIT_NOT,
  BIT_ONE,
  BIT_OR,
  BIT_XOR,
  type Database,
  Keyspace,
  SIDE_HEAD,
  ZADD_GT,
  ZADD_LT,
  ZADD_NX,
  ZADD_XX,
  zaddAllows,
} from "../../src/index.js";
import { OP_SETNX } from "../../src/ops.js";
import { TYPE_HASH, TYPE_LIST, TYPE_NONE, TYPE_SET, TYPE_STRING, TYPE_ZSET } from "../../src/types/index.js";
import { textAt } from "../types/seeded.js";
import { combine, listInside } from "./model-inside.js";
import {
  anyScore,
  bytes,
  collection,
  copyValue,
  inOrder,
  keep,
  type Modelled,
  type ModelValue,
  type Operation,
  ranges,
  same,
} from "./model-values.js";
import type { Random } from "./random.js";

export { ranges, same } from "./model-values.js";

export const SEED = Buffer.from("hashseed");
const LOG_BYTES = 4096;
const HEADROOM = 64;

export interface Entry {
  op: number;
  sequence: number;
  payload: Buffer;
}

/**
 * Freed memory is detached at once, as in the server: whoever still reads it fails. With several memories one of them begins where addresses go below
 * zero. Values outside of records rest after each operation, or when a few are open; controls, seen red with prop-keyspace: a MemberTable that wakes with
 * another level, and Shard.#evacuateOne without #tellPlace.
 */
export function newKeyspace(random: Random, memories = 1): Keyspace {
  const keyspace = new Keyspace({
    memories,
    hashSeed: SEED,
    random: random.next,
    openValues: random.pick([0, 1, 4]),
    release: (buffer) => structuredClone(buffer, { transfer: [buffer] }),
  });
  const { words, bytes, doubles } = keyspace.memories[1] ?? {};
  for (const views of [words, bytes, doubles]) if (views !== undefined) views.length = 512;
  return keyspace;
}

export class Driver {
  readonly random: Random;
  readonly keyspace: Keyspace;
  model = new Map<string, Modelled>();
  /** Of database 1, to which keys are moved; all others are in database 0. */
  other = new Map<string, Modelled>();
  readonly log: Entry[] = [];
  sequence = 0;
  /** How many different keys are used: raise it to grow, and delete to shrink. */
  keys = 500;
  /** How many different elements sets, hashes and sorted sets may have. */
  elements = 40;
  /** Whether databases are swapped: not where a test has keys of its own in one of them. */
  swaps = true;
  readonly #ring = Buffer.alloc(LOG_BYTES);

  constructor(random: Random, keyspace: Keyspace) {
    this.random = random;
    this.keyspace = keyspace;
    keyspace.nowMs = 1_700_000_000_000;
    keyspace.effects.enabled = true;
    this.#lend();
  }

  /** Keeps what was logged since the last call as one entry. */
  commit(): void {
    const { effects } = this.keyspace;
    if (effects.count === 0) return;
    this.sequence++;
    this.log.push({
      op: effects.op,
      sequence: this.sequence,
      payload: Buffer.from(effects.bytes.subarray(effects.start, effects.pos)),
    });
    this.#lend();
  }

  key(): Buffer {
    return Buffer.from(`k${this.random.int(this.keys)}`);
  }

  text(max = 40): string {
    const length = this.random.int(max);
    let s = "";
    for (let i = 0; i < length; i++) s += String.fromCharCode(this.random.int(256));
    return s;
  }

  /** A value's size is mostly small, sometimes near a chunk's size or above. */
  value(): string {
    const dice = this.random.int(1000);
    if (dice === 0) return "L".repeat(200_000 + this.random.int(200_000));
    if (dice < 10) return "m".repeat(this.random.int(9000));
    return this.text();
  }

  /** The live modelled value of a key; an expired one is forgotten, as a lookup does. */
  get(k: string): Modelled | undefined {
    const found = this.model.get(k);
    if (found === undefined || found.expireAt === 0 || found.expireAt >= this.keyspace.nowMs) return found;
    this.model.delete(k);
    return undefined;
  }

  /** One random operation; throws when the real answer is not the model's. */
  step(): void {
    this.keyspace.values.settle();
    const operation = this.random.pick(OPERATIONS);
    operation(this);
    // Several operations are sometimes one entry, as in MULTI/EXEC.
    if (this.random.int(8) !== 0) this.commit();
  }

  /** Compares one key. */
  check(k: string): void {
    const db = this.keyspace.db(0);
    const key = Buffer.from(k);
    const expected = this.get(k);
    const type = db.keys.lookup(key, 0, key.length);
    same(k, "type", type, expected?.type ?? TYPE_NONE);
    if (expected === undefined) return;
    same(k, "expiry", db.keys.expireAt, expected.expireAt);
    if (expected.type === TYPE_STRING) {
      const real = Buffer.from(
        db.keys.valueBuf.subarray(db.keys.valueOff, db.keys.valueOff + db.keys.valueLen),
      ).toString("latin1");
      same(k, "string", real, expected.data);
      return;
    }
    same(k, "size", db.found.size, "length" in expected.data ? expected.data.length : expected.data.size);
    if (expected.type === TYPE_SET) {
      for (const m of expected.data) same(k, m, db.sets.has(bytes(m), 0, m.length), true);
      let visited = 0;
      db.sets.each((buf, off, len) => {
        const member = textAt(buf, off, len);
        same(k, `${member} at ${visited++}`, expected.data.has(member), true);
      });
      same(k, "visited", visited, expected.data.size);
      return;
    }
    if (expected.type === TYPE_HASH) {
      for (const [f, v] of expected.data) {
        same(k, `has ${f}`, db.hashes.get(bytes(f), 0, f.length), true);
        same(k, f, textAt(db.keys.valueBuf, db.keys.valueOff, db.keys.valueLen), v);
      }
      let visited = 0;
      db.hashes.each((buf, foff, flen, voff, vlen) => {
        visited++;
        const field = textAt(buf, foff, flen);
        same(k, `visited ${field}`, textAt(buf, voff, vlen), expected.data.get(field));
      });
      same(k, "visited", visited, expected.data.size);
      return;
    }
    if (expected.type === TYPE_ZSET) {
      checkZset(k, db, expected.data);
      return;
    }
    if (expected.type === TYPE_LIST) {
      let at = this.random.int(3) === 0 ? this.random.int(expected.data.length) : 0;
      db.lists.range(at, expected.data.length, (buf, off, len) => {
        same(k, `[${at}]`, textAt(buf, off, len), expected.data[at]);
        at++;
      });
      same(k, "visited", at, expected.data.length);
    }
  }

  /** Makes the model say what the keyspace holds: after an operation that was made to fail. */
  reload(): void {
    for (const [index, model] of [this.model, this.other].entries()) {
      const db = this.keyspace.db(index);
      model.clear();
      const keys: Buffer[] = [];
      db.keys.forEachKey((buf, off, len) => keys.push(Buffer.from(buf.subarray(off, off + len))));
      for (const key of keys) {
        const type = db.keys.lookup(key, 0, key.length);
        const { expireAt } = db.keys;
        model.set(key.toString(), { ...readValue(db, type), expireAt });
      }
    }
  }

  /** Compares everything, both ways. */
  checkAll(): void {
    for (const k of [...this.model.keys()]) this.check(k);
    const found = new Set<string>();
    this.keyspace
      .db(0)
      .keys.forEachKey((buf, off, len) => found.add(Buffer.from(buf.subarray(off, off + len)).toString()));
    same("*", "keys", found.size, [...this.model.keys()].filter((k) => this.get(k) !== undefined).length);
  }

  #lend(): void {
    this.keyspace.effects.target(this.#ring, HEADROOM, LOG_BYTES - HEADROOM);
  }
}

/** The value found last, of any type. */
function readValue(db: Database, type: number): ModelValue {
  if (type === TYPE_STRING) return { type, data: textAt(db.keys.valueBuf, db.keys.valueOff, db.keys.valueLen) };
  if (type === TYPE_LIST) {
    const data: string[] = [];
    db.lists.range(0, db.found.size, (buf, off, len) => data.push(textAt(buf, off, len)));
    return { type, data };
  }
  if (type === TYPE_SET) {
    const data = new Set<string>();
    db.sets.each((buf, off, len) => data.add(textAt(buf, off, len)));
    return { type, data };
  }
  if (type === TYPE_HASH) {
    const data = new Map<string, string>();
    db.hashes.each((buf, foff, flen, voff, vlen) => data.set(textAt(buf, foff, flen), textAt(buf, voff, vlen)));
    return { type, data };
  }
  const data = new Map<string, number>();
  db.zsets.each(0, db.found.size, false, (buf, off, len, score) => data.set(textAt(buf, off, len), score));
  return { type: TYPE_ZSET, data };
}

/** Scores, ranks and both orders of the sorted set found last. */
function checkZset(k: string, db: Database, expected: ReadonlyMap<string, number>): void {
  const pairs = inOrder(expected);
  const seen: [string, number][] = [];
  const see = (buf: Uint8Array, off: number, len: number, score: number) => seen.push([textAt(buf, off, len), score]);
  pairs.forEach(([m, score], rank) => {
    same(k, m, db.zsets.score(bytes(m), 0, m.length), score);
    same(k, m, db.zsets.rank(bytes(m), 0, m.length), rank);
    if (rank % 5 !== 0) return;
    const below = pairs.filter(([, other]) => other < score).length;
    const upTo = pairs.filter(([, other]) => other <= score).length;
    same(k, `${score}`, [db.zsets.countByScore(score, false), db.zsets.countByScore(score, true)], [below, upTo]);
  });
  same(k, "absent", [db.zsets.score(bytes("?"), 0, 1), db.zsets.rank(bytes("?"), 0, 1)], [Number.NaN, -1]);
  const half = pairs.length >> 1;
  db.zsets.each(0, half, false, see);
  db.zsets.each(half, pairs.length, true, see);
  same(k, "order", seen, [...pairs.slice(0, half), ...pairs.slice(half).reverse()]);
  const scanned = new Map<string, number>();
  let cursor = 0;
  do {
    cursor = db.zsets.scan(cursor, 7, (buf, off, len, score) => {
      scanned.set(textAt(buf, off, len), score);
    });
  } while (cursor !== 0);
  same(k, "scan", inOrder(scanned), pairs);
}

const setString: Operation = (d) => {
  const key = d.key();
  const data = d.value();
  const v = bytes(data);
  const expireAt = d.random.int(3) === 0 ? d.keyspace.nowMs + d.random.int(5000) : 0;
  const nx = d.random.int(4) === 0;
  if (nx && d.get(key.toString()) !== undefined) return;
  if (nx) d.keyspace.db(0).keys.lookup(key, 0, key.length);
  if (nx) d.keyspace.db(0).strings.set(key, 0, key.length, v, 0, v.length, expireAt, OP_SETNX);
  else d.keyspace.db(0).strings.set(key, 0, key.length, v, 0, v.length, expireAt);
  d.model.set(key.toString(), { type: TYPE_STRING, data, expireAt });
};

const keepTtl: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const data = d.value();
  const v = bytes(data);
  const expireAt = d.get(k)?.expireAt ?? 0;
  d.keyspace.db(0).keys.lookup(key, 0, key.length);
  d.keyspace.db(0).strings.setKeepTtl(key, 0, key.length, v, 0, v.length);
  d.model.set(k, { type: TYPE_STRING, data, expireAt });
};

const mset: Operation = (d) => {
  const parts: Buffer[] = [];
  for (let i = 0; i < 6; i++) parts.push(i % 2 === 0 ? d.key() : bytes(d.text()));
  const buf = Buffer.concat(parts);
  const len = Int32Array.from(parts, (p) => p.length);
  const off = new Int32Array(parts.length);
  for (let i = 1; i < parts.length; i++) off[i] = (off[i - 1] as number) + (len[i - 1] as number);
  d.keyspace.db(0).strings.mset(buf, off, len, 0, 3);
  for (let i = 0; i < 6; i += 2) {
    const data = (parts[i + 1] as Buffer).toString("latin1");
    d.model.set((parts[i] as Buffer).toString(), { type: TYPE_STRING, data, expireAt: 0 });
  }
};

const incr: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const delta = d.random.int(4) === 0 ? -d.random.int(1000) : d.random.int(2 ** 40);
  const db = d.keyspace.db(0);
  const before = d.get(k);
  db.keys.lookup(key, 0, key.length);
  if (before !== undefined && before.type !== TYPE_STRING) return;
  const old = before === undefined ? "0" : (before.data as string);
  const integer = /^(0|-?[1-9][0-9]{0,15})$/.test(old);
  let real: number | bigint | string = db.strings.incrBy(key, 0, key.length, delta);
  if (Number.isNaN(real)) real = db.strings.incrByBig(key, 0, key.length, BigInt(delta));
  if (!integer) return same(k, "incr", real, "notint");
  const sum = BigInt(old) + BigInt(delta);
  same(k, "incr", String(real), String(sum));
  d.model.set(k, { type: TYPE_STRING, data: String(sum), expireAt: before?.expireAt ?? 0 });
};

const writeAt =
  (append: boolean): Operation =>
  (d) => {
    const key = d.key();
    const k = key.toString();
    const before = d.get(k);
    const db = d.keyspace.db(0);
    db.keys.lookup(key, 0, key.length);
    if (before !== undefined && before.type !== TYPE_STRING) return;
    const old = (before?.data as string | undefined) ?? "";
    if (old.length > 600_000) return;
    const data = d.value();
    const v = bytes(data);
    const offset = append ? old.length : d.random.int(200);
    if (!append && v.length === 0) return;
    const length = append
      ? db.strings.append(key, 0, key.length, v, 0, v.length)
      : db.strings.setRange(key, 0, key.length, offset, v, 0, v.length);
    const merged = old.slice(0, offset).padEnd(offset, "\0") + data + old.slice(offset + data.length);
    same(k, "length", length, merged.length);
    d.model.set(k, { type: TYPE_STRING, data: merged, expireAt: before?.expireAt ?? 0 });
  };

/** Replaces bytes in the middle of a short string by fewer or more. */
const splice: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const before = d.get(k);
  d.keyspace.db(0).keys.lookup(key, 0, key.length);
  if (before?.type !== TYPE_STRING || before.data.length > 50_000) return;
  const { data } = before;
  const at = d.random.int(data.length + 1);
  const removed = d.random.int(data.length - at + 1);
  const added = d.text();
  d.keyspace.db(0).strings.splice(key, 0, key.length, at, removed, bytes(added), 0, added.length);
  before.data = data.slice(0, at) + added + data.slice(at + removed);
};

const BITWISE: readonly (readonly [op: number, of: (x: number, ys: readonly number[]) => number])[] = [
  [BIT_AND, (x, ys) => ys.reduce((a, b) => a & b, x)],
  [BIT_OR, (x, ys) => ys.reduce((a, b) => a | b, x)],
  [BIT_XOR, (x, ys) => ys.reduce((a, b) => a ^ b, x)],
  [BIT_NOT, (x) => ~x & 255],
  [BIT_DIFF, (x, ys) => x & ~ys.reduce((a, b) => a | b)],
  [BIT_DIFF1, (x, ys) => ~x & ys.reduce((a, b) => a | b)],
  [BIT_ANDOR, (x, ys) => x & ys.reduce((a, b) => a | b)],
  [BIT_ONE, (x, ys) => exactlyOne([x, ...ys])],
];

function exactlyOne(all: readonly number[]): number {
  let result = 0;
  for (let bit = 1; bit < 256; bit *= 2) if (all.filter((n) => (n & bit) !== 0).length === 1) result |= bit;
  return result;
}

/** Long strings are few, so that they meet now and then is left to chance: two of the sources are the same key. */
const bitop: Operation = (d) => {
  const [op, of] = d.random.pick(BITWISE);
  const target = d.key();
  const one = d.key();
  const sources = op === BIT_NOT ? [one] : [one, d.key(), ...(d.random.int(2) === 0 ? [one] : [])];
  const { keys } = d.keyspace.db(0);
  for (const key of sources) {
    const type = keys.lookup(key, 0, key.length);
    if (type !== TYPE_STRING && type !== TYPE_NONE) return;
  }
  const texts = sources.map((key) => (d.get(key.toString())?.data ?? "") as string);
  const length = Math.max(...texts.map((text) => text.length));
  const [buf, off, len] = ranges(sources.map(String));
  const real = d.keyspace.db(0).combineBits(op, target, 0, target.length, buf, off, len, 0, sources.length);
  same("bitop", "length", real, length);
  if (length === 0) {
    d.model.delete(target.toString());
    return;
  }
  const all = texts.map((text) => bytes(text));
  const combined = Buffer.alloc(length);
  for (let i = 0; i < length; i++) {
    const [x, ...ys] = all.map((text) => text[i] ?? 0);
    combined[i] = of(x as number, ys);
  }
  d.model.set(target.toString(), { type: TYPE_STRING, data: combined.toString("latin1"), expireAt: 0 });
};

const remove: Operation = (d) => {
  const key = d.key();
  const had = d.get(key.toString()) !== undefined;
  same(key.toString(), "removed", d.keyspace.db(0).keys.remove(key, 0, key.length), had);
  d.model.delete(key.toString());
};

const removeMany: Operation = (d) => {
  const parts = Array.from({ length: 20 }, () => d.key());
  const len = Int32Array.from(parts, (p) => p.length);
  const off = new Int32Array(parts.length);
  for (let i = 1; i < parts.length; i++) off[i] = (off[i - 1] as number) + (len[i - 1] as number);
  const real = d.keyspace.db(0).keys.removeMany(Buffer.concat(parts), off, len, 0, parts.length);
  const names = new Set(parts.map(String).filter((k) => d.get(k) !== undefined));
  same("many", "removed", real, names.size);
  for (const k of names) d.model.delete(k);
};

const expire: Operation = (d) => {
  const key = d.key();
  const found = d.get(key.toString());
  const db = d.keyspace.db(0);
  if (db.keys.lookup(key, 0, key.length) === TYPE_NONE) return;
  const at = d.random.int(3) === 0 ? 0 : d.keyspace.nowMs + d.random.int(3000);
  db.keys.setExpire(key, 0, key.length, at);
  if (found !== undefined) found.expireAt = at;
};

const rename: Operation = (d) => {
  const from = d.key();
  const to = d.key();
  const found = d.get(from.toString());
  const db = d.keyspace.db(0);
  if (db.keys.lookup(from, 0, from.length) === TYPE_NONE || from.equals(to) || found === undefined) return;
  if (d.random.int(2) === 0) {
    db.rename(from, 0, from.length, to, 0, to.length);
    d.model.delete(from.toString());
    d.model.set(to.toString(), found);
  } else {
    db.copyTo(from, 0, from.length, db, to, 0, to.length);
    d.model.set(to.toString(), copyValue(found));
  }
};

const move: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const found = d.get(k);
  const moved = d.keyspace.db(0).moveTo(d.keyspace.db(1), key, 0, key.length);
  same(k, "moved", moved, found !== undefined);
  if (found === undefined) return;
  d.model.delete(k);
  d.other.set(k, found);
};

/** Rare: what is in database 1 is not looked at, and comes back. */
const swap: Operation = (d) => {
  if (!d.swaps) return;
  if (d.random.int(10) > 0) return;
  d.keyspace.swap(0, 1);
  [d.model, d.other] = [d.other, d.model];
};

const hash: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const value = collection(d, k, { type: TYPE_HASH, data: new Map<string, string>() });
  if (value === null) return;
  const db = d.keyspace.db(0);
  const field = () => `f${d.random.int(d.elements)}`;
  const dice = d.random.int(6);
  if (dice < 3) {
    const pairs: string[] = [];
    for (let i = d.random.int(5); i >= 0; i--) pairs.push(field(), d.text(d.random.int(20) === 0 ? 300 : 40));
    const before = value.data.size;
    for (let i = 0; i < pairs.length; i += 2) value.data.set(pairs[i] as string, pairs[i + 1] as string);
    const [buf, off, len] = ranges(pairs);
    same(k, "hset", db.hashes.set(key, 0, key.length, buf, off, len, 0, pairs.length / 2), value.data.size - before);
  } else if (dice < 4) {
    const pair = [field(), d.text()] as const;
    const [f, v] = [bytes(pair[0]), bytes(pair[1])];
    db.hashes.put(key, 0, key.length, f, 0, f.length, v, 0, v.length);
    value.data.set(...pair);
  } else {
    const fields = [field(), field()];
    const gone = fields.filter((f) => value.data.delete(f)).length;
    same(k, "hdel", db.hashes.delete(key, 0, key.length, ...ranges(fields)), gone);
  }
  keep(d, k, value);
};

const list: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const value = collection(d, k, { type: TYPE_LIST, data: [] as string[] });
  if (value === null) return;
  const db = d.keyspace.db(0);
  const side = d.random.int(2);
  const head = side === SIDE_HEAD;
  if (d.random.int(3) > 0) {
    const values = Array.from({ length: 1 + d.random.int(20) }, () => d.text());
    // Rare, or most lists would be too large to be packed.
    if (d.random.int(60) === 0) values.push("e".repeat(d.random.int(9000)));
    same(k, "push", db.lists.push(key, 0, key.length, side, ...ranges(values)), value.data.length + values.length);
    for (const v of values) head ? value.data.unshift(v) : value.data.push(v);
  } else {
    const count = 1 + d.random.int(d.random.int(4) === 0 ? 300 : 15);
    const popped = Math.min(count, value.data.length);
    const real = db.lists.pop(key, 0, key.length, side, count, (buf, off, len) => {
      const expected = head ? value.data.shift() : value.data.pop();
      same(k, "pop", textAt(buf, off, len), expected);
    });
    same(k, "popped", real, popped);
  }
  keep(d, k, value);
};

const set: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const value = collection(d, k, { type: TYPE_SET, data: new Set<string>() });
  if (value === null) return;
  // Some keys hold integers mostly. Long members are rare: they end the packed form.
  const integers = key.length % 2 === 0 && d.random.int(20) > 0;
  const long = d.random.int(40) === 0 ? "x".repeat(d.random.int(400)) : "";
  const members = Array.from({ length: 3 }, () => (integers ? "" : `m${long}`) + d.random.int(d.elements));
  const db = d.keyspace.db(0);
  const before = value.data.size;
  const dice = d.random.int(8);
  if (dice < 4) {
    for (const m of members) value.data.add(m);
    same(k, "sadd", db.sets.add(key, 0, key.length, ...ranges(members)), value.data.size - before);
  } else if (dice < 7 || before === 0) {
    for (const m of members) value.data.delete(m);
    same(k, "srem", db.sets.remove(key, 0, key.length, ...ranges(members)), before - value.data.size);
  } else {
    db.keys.lookup(key, 0, key.length);
    const spots = d.random.int(3) === 0 ? [db.sets.randomSpot()] : db.sets.randomSpots(Math.min(before, 3));
    db.sets.pop(key, 0, key.length, spots, (buf, off, len) => {
      same(k, "spop", value.data.delete(textAt(buf, off, len)), true);
    });
    same(k, "left", value.data.size, before - spots.length);
  }
  keep(d, k, value);
};

const zset: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const value = collection(d, k, { type: TYPE_ZSET, data: new Map<string, number>() });
  if (value === null) return;
  // Long members are rare: they end the packed form.
  const long = d.random.int(40) === 0 ? "x".repeat(d.random.int(400)) : "";
  const members = Array.from({ length: 3 }, () => `m${long}${d.random.int(d.elements)}`);
  const db = d.keyspace.db(0);
  const before = value.data.size;
  const dice = d.random.int(8);
  if (dice < 5) {
    const conditions = d.random.int(3) > 0 ? 0 : d.random.pick([ZADD_NX, ZADD_XX, ZADD_GT, ZADD_LT, ZADD_XX | ZADD_GT]);
    const scores = members.map(() => anyScore(d.random));
    let changed = 0;
    members.forEach((m, i) => {
      const [now, after] = [value.data.get(m), scores[i] as number];
      if (now === after || !zaddAllows(conditions, now ?? Number.NaN, after)) return;
      value.data.set(m, after);
      changed++;
    });
    const [buf, off, len] = ranges(members.flatMap((m) => ["score", m]));
    const added = db.zsets.add(key, 0, key.length, scores, buf, off, len, 1, 3, conditions);
    same(k, "zadd", [added, db.zsets.changed], [value.data.size - before, changed]);
  } else if (dice < 7 || before === 0) {
    for (const m of members) value.data.delete(m);
    same(k, "zrem", db.zsets.remove(key, 0, key.length, ...ranges(members)), before - value.data.size);
  } else {
    const from = d.random.int(before);
    const to = Math.min(before, from + 1 + d.random.int(3));
    const gone = inOrder(value.data).slice(from, to);
    for (const [m] of gone) value.data.delete(m);
    db.keys.lookup(key, 0, key.length);
    if (gone.length === 1) {
      const score = db.zsets.read(from);
      same(k, "zpop", [textAt(db.keys.valueBuf, db.keys.valueOff, db.keys.valueLen), score], gone[0]);
      db.zsets.removeRead(key, 0, key.length, from);
    } else {
      const reverse = d.random.int(2) === 1;
      if (reverse) gone.reverse();
      const popped: [string, number][] = [];
      const see = (buf: Uint8Array, off: number, len: number, score: number) =>
        popped.push([textAt(buf, off, len), score]);
      db.zsets.popRanks(key, 0, key.length, from, to, reverse, see);
      same(k, "zpop", popped, gone);
    }
  }
  keep(d, k, value);
};

const lock: Operation = (d) => {
  const key = d.key();
  const k = key.toString();
  const owner = bytes(`owner${d.random.int(2)}`);
  const db = d.keyspace.db(0);
  const found = d.get(k);
  const at = d.keyspace.nowMs + 1 + d.random.int(4000);
  const holds = found?.type === TYPE_STRING && found.data === owner.toString();
  const action = d.random.int(3);
  if (action === 0) {
    const fence = d.keyspace.lastFence;
    const token = db.strings.lock(key, 0, key.length, owner, 0, owner.length, at);
    same(k, "locked", token > fence, found === undefined);
    if (found === undefined) d.model.set(k, { type: TYPE_STRING, data: owner.toString(), expireAt: at });
  } else if (action === 1) {
    same(k, "unlock", db.strings.unlock(key, 0, key.length, owner, 0, owner.length), holds ? 1 : 0);
    if (holds) d.model.delete(k);
  } else {
    same(k, "extend", db.strings.extendLock(key, 0, key.length, owner, 0, owner.length, at), holds ? 1 : 0);
    if (holds && found !== undefined) found.expireAt = at;
  }
};

const passTime: Operation = (d) => {
  d.keyspace.nowMs += d.random.int(20);
  d.keyspace.activeExpire(d.random.int(200));
  d.keyspace.evacuate(d.random.int(50));
};

/** As CONFIG SET does: values that are there change their form with their next change, if at all. */
const packLess: Operation = (d) => {
  if (d.random.int(50) !== 0) return;
  const { limits } = d.keyspace;
  limits.entries = d.random.pick([0, 4, 16, 128]);
  limits.bytes = d.random.pick([0, 100, 1000, 16_384]);
  limits.hashEntries = d.random.int(30);
  limits.hashValueBytes = d.random.pick([0, 2, 10, 64, 300]);
  limits.setIntegers = d.random.int(30);
  limits.setEntries = d.random.int(30);
  limits.setValueBytes = d.random.pick([0, 2, 10, 64, 300]);
  limits.zsetEntries = d.random.int(30);
  limits.zsetValueBytes = d.random.pick([0, 2, 10, 64, 300]);
  limits.listSize = d.random.pick([-5, -2, -1, 0, 1, 10, 100]);
};

const look: Operation = (d) => d.check(d.key().toString());

const flush: Operation = (d) => {
  if (d.random.int(2000) !== 0) return;
  d.keyspace.flush(0);
  d.model.clear();
};

const OPERATIONS: readonly Operation[] = [
  setString,
  setString,
  setString,
  keepTtl,
  mset,
  incr,
  incr,
  writeAt(true),
  writeAt(false),
  splice,
  bitop,
  remove,
  removeMany,
  expire,
  rename,
  move,
  swap,
  hash,
  hash,
  list,
  list,
  listInside,
  set,
  set,
  zset,
  zset,
  combine,
  lock,
  passTime,
  packLess,
  look,
  look,
  look,
  flush,
];

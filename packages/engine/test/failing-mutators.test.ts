/**
 * Whatever fails in a mutator, memory is what the log says. Every mutator has one order (effects.ts): look, begin, change, end.
 *
 * Seen red with memory first and the log second (SET, UNLOCK, EXPIRE, FLUSHDB); with a list's pop that ends its mutation before the visitor
 * is called, or that visits while it pops; with LREM that logs how many were asked for; with LMOVE that logs pop and push before it rotates; with an old
 * record that goes before the new one is there; with a set that is made before its first member is; with SREM and HDEL that log nothing when they fail
 * half way; with SPOP and ZPOPMIN that log one member too many then, and with a rank that is removed before the snapshot has its chunk.
 */
import { expect, it } from "vitest";
import { BIT_XOR, type Database, type Keyspace, SIDE_HEAD, SIDE_TAIL, TYPE_STRING, TYPE_ZSET } from "../src/index.js";
import * as ops from "../src/ops.js";
import { Driver, newKeyspace, ranges } from "./support/model.js";
import { Random, seedOf } from "./support/random.js";

const STEPS = Number(process.env.HEARTHKV_PROP_OPERATIONS ?? 10_000);

/** What the tests let fail: the log's sink, or the memory that chunks come from. */
class Injected extends RangeError {}

/** Lets `method` of `target` fail at its n-th call from now on, once; 0 = never. */
class Fault<T extends object> {
  left = 0;
  fired = false;

  constructor(target: T, method: keyof T, onFired: (...args: never[]) => void = () => {}) {
    const real = target[method] as (...args: never[]) => unknown;
    const failing = (...args: never[]): unknown => {
      if (this.left > 0 && --this.left === 0) {
        this.fired = true;
        onFired(...args);
        throw new Injected("Array buffer allocation failed");
      }
      return real.apply(target, args);
    };
    Object.assign(target, { [method]: failing });
  }

  arm(calls: number): void {
    this.left = calls;
    this.fired = false;
  }
}

/** A second keyspace that has nothing but what the first one logged. */
class Follower {
  readonly keyspace: Keyspace;
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
    this.keyspace = newKeyspace(driver.random);
  }

  digest(): string {
    this.#driver.commit();
    const { log } = this.#driver;
    for (const e of log) this.keyspace.replay(e.op, e.sequence, e.payload, 0, e.payload.length);
    log.length = 0;
    this.keyspace.nowMs = this.#driver.keyspace.nowMs;
    const digest = this.keyspace.digest();
    this.keyspace.nowMs = 0;
    return digest;
  }
}

/** Every kind of value in turn: many small ones, few with many elements. */
function changeTide(driver: Driver, step: number): void {
  if (step % 1000 !== 0) return;
  driver.keys = driver.random.pick([5, 40, 200]);
  driver.elements = driver.random.pick([5, 40, 400]);
}

/** Runs one operation; whether it failed with what was injected. */
function failed(operation: () => void): boolean {
  try {
    operation();
    return false;
  } catch (error) {
    if (!(error instanceof Injected)) throw error;
    return true;
  }
}

/** Every mutator there is, each behind the one that makes what it needs: random keys seldom let some of them happen. */
function allMutators({ keyspace }: Driver): (() => void)[] {
  const db = keyspace.db(0);
  const bytes = (text: string) => [Buffer.from(text), 0, text.length] as const;
  const [at, other, by, digits] = [bytes("mutated"), bytes("other"), bytes("owner"), bytes("12")];
  const pair = ranges(["a", "b"]).slice(0, 3) as [Buffer, Int32Array, Int32Array];
  return [
    () => db.strings.set(...at, ...digits, 0),
    () => db.strings.incrBy(...at, 1),
    () => db.strings.incrBy(...at, -1),
    () => db.strings.append(...at, ...digits),
    () => db.strings.setRange(...at, 3, ...digits),
    () => {
      // What makes the string may have been refused.
      if (db.keys.lookup(...at) === TYPE_STRING && db.keys.valueLen > 1) db.strings.splice(...at, 1, 1, ...digits);
    },
    () => db.keys.setExpire(...at, keyspace.nowMs + 1e9),
    () => db.copyTo(...at, db, ...other),
    () => db.rename(...other, ...at),
    () => db.copyTo(...at, db, ...other),
    () => db.moveTo(keyspace.db(1), ...other),
    () => keyspace.swap(0, 1),
    () => keyspace.swap(1, 0),
    () => db.strings.set(...other, ...digits, 0, ops.OP_SETNX),
    () => db.strings.mset(...pair, 0, 1),
    () => db.strings.setRange(...other, 300_000, ...digits),
    () => db.combineBits(BIT_XOR, ...at, ...ranges(["other", "other"])),
    () => db.keys.removeMany(...ranges(["mutated", "other"])),
    () => db.strings.lock(...at, ...by, keyspace.nowMs + 1e9),
    () => db.strings.extendLock(...at, ...by, keyspace.nowMs + 2e9),
    () => db.strings.unlock(...at, ...by),
    () => db.hashes.set(...at, ...pair, 0, 1),
    () => db.hashes.delete(...at, ...ranges(["a"])),
    () => db.sets.add(...at, ...ranges(["a", "b"])),
    () => db.sets.remove(...at, ...ranges(["a", "b"])),
    () => db.zsets.add(...at, [1], ...pair, 1, 1, 0),
    () => db.zsets.remove(...at, ...ranges(["b"])),
    () =>
      db.zsets.add(
        ...at,
        [1, 2],
        ...(ranges(["", "a", "", "b"]).slice(0, 3) as [Buffer, Int32Array, Int32Array]),
        1,
        2,
        0,
      ),
    () => {
      // A swap may have taken the key elsewhere.
      if (db.keys.lookup(...at) === TYPE_ZSET) db.zsets.popRanks(...at, 0, 1, false, null);
    },
    () => db.zsets.remove(...at, ...ranges(["b"])),
    () => db.lists.push(...at, SIDE_TAIL, ...ranges(["a", "b"])),
    () => db.lists.pop(...at, SIDE_HEAD, 1, null),
    () => db.lists.insert(...at, 0, ...digits),
    () => db.lists.set(...at, 0, ...by),
    () => db.lists.remove(...at, SIDE_TAIL, 1, ...by),
    () => db.keys.remove(...at),
    () => db.restore(...at, TYPE_STRING, 0, ...digits),
    () => keyspace.flush(0),
  ];
}

/** Now and then a snapshot begins to copy a key's shard, so that changes have to keep what they destroy. */
function captureSometimes(driver: Driver): void {
  const { keyspace, random } = driver;
  const db = keyspace.db(0);
  if (random.int(40) !== 0) return;
  for (const { keys } of keyspace.databases()) for (const shard of keys.shards) shard.capture?.close();
  const key = driver.key();
  db.keys.lookup(key, 0, key.length);
  keyspace.captureShard(db.keys.index, db.keys.shards.indexOf(db.keys.shard));
}

it("prop: a sink that refuses at begin finds memory as it was, in every mutator there is", () => {
  const random = new Random(seedOf("prop-refusing-sink"));
  const driver = new Driver(random, newKeyspace(random));
  const { keyspace } = driver;
  const follower = new Follower(driver);
  const refused = new Set<number>();
  const sink = new Fault(keyspace.effects, "begin", (op) => refused.add(op));
  const inTurn = allMutators(driver);
  driver.swaps = false;
  let next = 0;
  for (let i = 0; i < STEPS; i++) {
    changeTide(driver, i);
    captureSometimes(driver);
    const isInTurn = random.int(10) === 0;
    const nth = isInTurn ? 1 : 1 + random.int(3);
    sink.arm(random.int(isInTurn ? 2 : 3) === 0 ? nth : 0);
    const before = sink.left > 0 ? keyspace.digest() : "";
    const { nowMs } = keyspace;
    const stopped = failed(() => (isInTurn ? inTurn[next]?.() : driver.step()));
    if (isInTurn && !stopped) next = (next + 1) % inTurn.length;
    const digest = stopped || i % 100 === 0 ? keyspace.digest() : "";
    // With time keys go that nobody deletes.
    if (stopped && nth === 1 && keyspace.nowMs === nowMs) expect(digest).toBe(before);
    if (digest !== "") expect(follower.digest()).toBe(digest);
    if (stopped || isInTurn) driver.reload();
  }
  sink.arm(0);
  driver.checkAll();
  const all = Object.values(ops).filter((op) => op !== ops.OP_BATCH);
  expect([...refused].sort((a, b) => a - b)).toEqual(all.sort((a, b) => a - b));
});

it("prop: where memory ends, the log says what was done until then", () => {
  const random = new Random(seedOf("prop-no-memory"));
  const driver = new Driver(random, newKeyspace(random));
  const { keyspace } = driver;
  const follower = new Follower(driver);
  const memory = new Fault(keyspace.memory, "take");
  let failures = 0;
  for (let i = 0; i < STEPS; i++) {
    changeTide(driver, i);
    captureSometimes(driver);
    memory.arm(random.int(2) === 0 ? 1 + random.int(2) : 0);
    const stopped = failed(() => driver.step());
    const fired = memory.fired;
    memory.arm(0);
    if (fired || i % 100 === 0) expect(follower.digest()).toBe(keyspace.digest());
    if (fired) failures++;
    if (stopped) driver.reload();
  }
  driver.checkAll();
  console.log(`${failures} failures`);
});

const NAMES = Array.from({ length: 20_000 }, (_, i) => `element ${i}`);
const SOME = NAMES.filter((_, i) => i % 7 === 0);
const KEY = [Buffer.from("key"), 0, 3] as const;

/** A change that touches every chunk of a collection, and what makes that collection of NAMES. */
const wideChanges: Record<string, { make: (db: Database) => unknown; change: (db: Database) => unknown }> = {
  SREM: {
    make: (db) => db.sets.add(...KEY, ...ranges(NAMES)),
    change: (db) => db.sets.remove(...KEY, ...ranges(SOME)),
  },
  SPOP: {
    make: (db) => db.sets.add(...KEY, ...ranges(NAMES)),
    change: (db) => db.sets.pop(...KEY, db.sets.randomSpots(SOME.length), () => {}),
  },
  HDEL: {
    make: (db) => {
      const [buf, off, len] = ranges(NAMES);
      db.hashes.set(...KEY, buf, off, len, 0, NAMES.length / 2);
    },
    change: (db) => db.hashes.delete(...KEY, ...ranges(SOME)),
  },
  ZREM: {
    make: (db) => {
      const [buf, off, len] = ranges(NAMES);
      db.zsets.add(
        ...KEY,
        Array.from(NAMES, (_, i) => i % 1000),
        buf,
        off,
        len,
        1,
        NAMES.length / 2,
        0,
      );
    },
    change: (db) => db.zsets.remove(...KEY, ...ranges(NAMES.slice(0, 2000))),
  },
  LREM: {
    make: (db) =>
      db.lists.push(...KEY, SIDE_TAIL, ...ranges(NAMES.flatMap((name, i) => (i % 7 === 0 ? [name, "x"] : [name])))),
    change: (db) => db.lists.remove(...KEY, SIDE_TAIL, 1e9, Buffer.from("x"), 0, 1),
  },
  ZPOPMIN: {
    make: (db) => {
      const [buf, off, len] = ranges(NAMES);
      db.zsets.add(
        ...KEY,
        Array.from(NAMES, (_, i) => i % 1000),
        buf,
        off,
        len,
        1,
        NAMES.length / 2,
        0,
      );
    },
    change: (db) => db.zsets.popRanks(...KEY, 0, 2000, false, () => {}),
  },
};

it.each(Object.entries(wideChanges))(
  "%s of a collection that a snapshot copies, memory ending at any of its steps",
  (_, { make, change }) => {
    let done = false;
    let failures = 0;
    for (let nth = 1; !done; nth++) {
      const driver = new Driver(new Random(1), newKeyspace(new Random(1)));
      const { keyspace } = driver;
      const db = keyspace.db(0);
      make(db);
      const follower = new Follower(driver);
      expect(follower.digest()).toBe(keyspace.digest());
      const memory = new Fault(keyspace.memory, "take");
      db.keys.lookup(...KEY);
      keyspace.captureShard(db.keys.index, db.keys.shards.indexOf(db.keys.shard));
      memory.arm(nth);
      if (failed(() => change(db))) failures++;
      done = !memory.fired;
      memory.arm(0);
      expect(follower.digest()).toBe(keyspace.digest());
    }
    expect(failures).toBeGreaterThan(1);
  },
);

it.each([
  ["packed", 5],
  ["large", 20_000],
])("a pop whose visitor throws takes nothing from a %s list", (_, size) => {
  const random = new Random(1);
  const driver = new Driver(random, newKeyspace(random));
  const { keyspace } = driver;
  const db = keyspace.db(0);
  const key = Buffer.from("list");
  db.lists.push(key, 0, key.length, SIDE_TAIL, ...ranges(Array.from({ length: size }, (_, i) => `element ${i}`)));
  const follower = new Follower(driver);
  const before = keyspace.digest();
  for (const side of [SIDE_HEAD, SIDE_TAIL]) {
    for (const count of [1, 3, size]) {
      let left = Math.ceil(count / 2);
      const visit = (): void => {
        if (--left === 0) throw new Injected("no memory for the reply");
      };
      expect(() => db.lists.pop(key, 0, key.length, side, count, visit)).toThrow(Injected);
      expect(keyspace.digest()).toBe(before);
      expect(follower.digest()).toBe(before);
    }
  }
});

/** A result of BITOP is logged by the names of its keys: whichever of their shards a snapshot has copied before, replay finds the sources as they were. */
import { expect, test } from "vitest";
import { BIT_NOT, BIT_ONE, combineBits, type Database, Keyspace, TYPE_NONE, TYPE_STRING } from "../src/index.js";
import { ranges } from "./support/model.js";
import { Random, seedOf } from "./support/random.js";
import { loadSection } from "./support/sections.js";

const BYTES = 400_000;
const SEED = Buffer.alloc(8, 7);
const SHARD_OF = { target: 9, x: 3, y: 40 } as const;
const NAMES = Object.keys(SHARD_OF) as (keyof typeof SHARD_OF)[];

function newKeyspace(): Keyspace {
  return new Keyspace({ hashSeed: SEED, random: () => 0 });
}

/** A key of a shard. */
function keyIn(db: Database, shard: number): string {
  for (let i = 0; ; i++) {
    const key = Buffer.from(`key ${i}`);
    db.keys.lookup(key, 0, key.length);
    if (db.keys.shards.indexOf(db.keys.shard) === shard) return key.toString();
  }
}

const SUBSETS = Array.from({ length: 2 ** NAMES.length }, (_, bits) => NAMES.filter((_, i) => (bits & (1 << i)) !== 0));

// Control: without the call of mayNameKeys in Database.#logBitop the target of the three subsets that have it and lack a source is another one.
test.each(SUBSETS.map((first) => [first]))("copied before it: %j", (first) => {
  const keyspace = newKeyspace();
  const copy = newKeyspace();
  const db = keyspace.db(0);
  const [target, x, y] = NAMES.map((name) => keyIn(db, SHARD_OF[name]));
  const fill = (key: string, byte: number) => {
    const value = Buffer.alloc(BYTES, byte);
    db.strings.set(Buffer.from(key), 0, key.length, value, 0, BYTES, 0);
  };
  fill(x, 0x0f);
  fill(y, 0x3c);
  const log: { op: number; payload: Buffer }[] = [];
  const { effects } = keyspace;
  effects.enabled = true;
  const buffer = new Uint8Array(1 << 20);
  const logged = (change: () => void) => {
    effects.target(buffer, 0, buffer.length);
    change();
    log.push({ op: effects.op, payload: Buffer.from(effects.bytes.subarray(effects.start, effects.pos)) });
  };
  const ahead = new Set(keyspace.shardSections());
  const capture = (section: number) => {
    ahead.delete(section);
    copy.setStamp(section, log.length);
    loadSection(keyspace, section, copy);
  };
  keyspace.front = { isBehind: (section) => !ahead.has(section), capture };
  for (const name of first) capture(SHARD_OF[name]);
  logged(() => db.combineBits(BIT_ONE, Buffer.from(target), 0, target.length, ...ranges([x, y])));
  expect(log[0].payload.length).toBeLessThan(100);
  logged(() => fill(x, 0xff));
  logged(() => db.keys.remove(Buffer.from(y), 0, y.length));
  for (const section of [...ahead]) capture(section);
  log.forEach(({ op, payload }, i) => void copy.replay(op, i + 1, payload, 0, payload.length));
  expect(copy.digest()).toBe(keyspace.digest());
});

/**
 * Long strings combined into one of themselves, or into a third: the block that the target has is used where that does no harm. Controls, seen red: `readsFirstOnce`
 * always true; a source that is the target and not the first one let pass.
 */
test("prop: results in the place of sources, also while a snapshot copies them, and after a replay", () => {
  const random = new Random(seedOf("prop-bitop"));
  const keyspace = newKeyspace();
  const replayed = newKeyspace();
  const db = keyspace.db(0);
  const buffer = new Uint8Array(1 << 20);
  const { effects } = keyspace;
  effects.enabled = true;
  const run = (change: () => void) => {
    effects.target(buffer, 0, buffer.length);
    change();
    replayed.replay(effects.op, ++sequence, effects.bytes, effects.start, effects.pos - effects.start);
  };
  let sequence = 0;
  const model = new Map<string, Buffer>();
  for (let round = 0; round < 300; round++) {
    const key = random.pick(["a", "b", "c"]);
    if (random.int(3) === 0) {
      const value = Buffer.alloc(random.pick([100, 262_145, 300_000, 400_000, 700_001]), random.int(256));
      for (let i = 0; i < value.length; i += 1000) value[i] = random.int(256);
      run(() => db.strings.set(Buffer.from(key), 0, 1, value, 0, value.length, random.int(4)));
      model.set(key, value);
      continue;
    }
    for (const shard of db.keys.shards) shard.capture?.close();
    if (random.int(3) === 0) {
      db.keys.lookup(Buffer.from(random.pick(["a", "b", "c"])), 0, 1);
      keyspace.captureShard(0, db.keys.shards.indexOf(db.keys.shard));
    }
    const op = random.int(8);
    const count = op === BIT_NOT ? 1 : 2 + random.int(2);
    const sources = Array.from({ length: count }, () => random.pick(["a", "b", "c"]));
    const strings = sources.map((source) => model.get(source) ?? Buffer.alloc(0));
    const expected = new Uint8Array(Math.max(...strings.map(({ length }) => length)));
    combineBits(
      op,
      strings.map((buf) => ({ buf, off: 0, len: buf.length })),
      expected,
    );
    run(() => db.combineBits(op, Buffer.from(key), 0, 1, ...ranges(sources)));
    if (expected.length === 0) model.delete(key);
    else model.set(key, Buffer.from(expected));
    const type = db.keys.lookup(Buffer.from(key), 0, 1);
    expect(type).toBe(expected.length === 0 ? TYPE_NONE : TYPE_STRING);
    if (type === TYPE_NONE) continue;
    const { valueBuf, valueOff, valueLen } = db.keys;
    expect(Buffer.compare(valueBuf.subarray(valueOff, valueOff + valueLen), expected)).toBe(0);
  }
  expect(replayed.digest()).toBe(keyspace.digest());
});

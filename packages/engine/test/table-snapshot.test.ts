/** Large sets, hashes and sorted sets that go on changing while their shard is being copied. */
import { expect, test } from "vitest";
import { ByteSink, diskEntries, encodeInlineEntries, type Keyspace, type ShardCapture } from "../src/index.js";
import { putMembers } from "../src/types/member-record.js";
import { MemberTable } from "../src/types/member-table.js";
import { newKeyspace, ranges } from "./support/model.js";
import { Random, seedOf } from "./support/random.js";
import { tableHome } from "./types/seeded.js";

const ROUNDS = Number(process.env.HEARTHKV_TABLE_SNAPSHOTS ?? 15);
const ELEMENTS = 6_000;
const NOW = 1_700_000_000_000;

type Key = readonly [key: Buffer, off: number, len: number];
type Change = (keyspace: Keyspace) => unknown;

/** Keys that lie in one shard. */
function keysOfOneShard(keyspace: Keyspace, count: number): Key[] {
  const db = keyspace.db(0);
  const keys: Key[] = [];
  for (let i = 0; keys.length < count; i++) {
    const key = Buffer.from(`key${i}`);
    db.keys.lookup(key, 0, key.length);
    if (db.keys.shard === db.keys.shards[7]) keys.push([key, 0, key.length]);
  }
  return keys;
}

/** Makes random changes, each to be done to the keyspace and to its mirror. A wide one has many elements. */
function changes(random: Random, keys: readonly Key[]): (wide: boolean) => Change {
  const [hash, set, zset, ...others] = keys as [Key, Key, Key, ...Key[]];
  const element = () => {
    const i = random.int(ELEMENTS);
    return `element ${i}`.padEnd(i % 50, ".");
  };
  const value = () => {
    if (random.int(3000) === 0) return "v".repeat(300_000);
    return String.fromCharCode(97 + random.int(26)).repeat(random.int(random.int(50) === 0 ? 3000 : 40));
  };
  return (wide) => {
    const dice = random.int(wide ? 6 : 60);
    const from = random.pick([hash, set, zset]);
    const to = random.pick(others);
    if (dice >= 54) {
      const at = random.int(2) * (NOW + random.int(3000));
      const isRare = random.int(20) === 0;
      const either = isRare ? from : to;
      if (dice === 54) return (keyspace) => keyspace.db(0).keys.remove(...either);
      if (dice === 55) {
        return (keyspace) => {
          // Looked up as a command does it: an expired key that the sweep has not found yet must not live on.
          const db = keyspace.db(0);
          if (db.keys.lookup(...either) !== 0) db.keys.setExpire(...either, at);
        };
      }
      if (dice === 56 && isRare) return (keyspace) => keyspace.flush(0);
      if (dice === 57) return (keyspace) => keyspace.evacuate(30);
      const operation = dice === 58 ? "rename" : "copyTo";
      return (keyspace) => {
        const db = keyspace.db(0);
        if (!isRare || db.keys.lookup(...from) === 0) return;
        if (operation === "rename") db.rename(...from, ...to);
        else db.copyTo(...from, db, ...to);
      };
    }
    const elements = Array.from({ length: 1 + random.int(wide ? 1500 : 6) }, element);
    const scores = elements.map(() => random.int(1000) / 8);
    const members = ranges(elements);
    const [buf, off, len] = ranges(elements.flatMap((e) => [e, dice % 3 === 0 ? value() : ""]));
    const [sbuf, soff, slen] = ranges(elements.flatMap((e) => ["score", e]));
    const adds = random.int(5) < 3;
    return (keyspace) => {
      const db = keyspace.db(0);
      db.keys.lookup(...[hash, set, zset][dice % 3]!);
      if (dice % 3 === 0 && adds) db.hashes.set(...hash, buf, off, len, 0, elements.length);
      else if (dice % 3 === 0) db.hashes.delete(...hash, ...members);
      else if (dice % 3 === 1 && adds) db.sets.add(...set, ...members);
      else if (dice % 3 === 1) db.sets.remove(...set, ...members);
      else if (adds) db.zsets.add(...zset, scores, sbuf, soff, slen, 1, elements.length, 0);
      else db.zsets.remove(...zset, ...members);
    };
  };
}

/** What a snapshot of the shard holds, loaded. */
function loaded(capture: ShardCapture, sink: ByteSink, random: Random): Keyspace {
  const keyspace = newKeyspace(random);
  encodeInlineEntries(capture.chunks, (block) => keyspace.loadEntries(7, block, 0, block.length));
  const disk = new ByteSink();
  diskEntries(sink.bytes.subarray(0, sink.length), disk);
  keyspace.loadEntries(7, disk.bytes, 0, disk.length);
  return keyspace;
}

// Negative controls, each seen red: MemberTable without keep() in one of remove, setNumber, setValue and #evacuateOne, without keepAll() in clear.
test("prop: a snapshot shows them as they were when the copy began, whatever goes on", () => {
  const random = new Random(seedOf("table-snapshot"));
  const keyspace = newKeyspace(random);
  const mirror = newKeyspace(random);
  const held = (): number => keyspace.arenaBytes();
  const keys = keysOfOneShard(keyspace, 6);
  const change = changes(random, keys);
  const both = (each: Change): void => {
    for (const k of [keyspace, mirror]) each(k);
  };
  keyspace.nowMs = NOW;
  mirror.nowMs = NOW;
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = random.int(12); i >= 0; i--) both(change(true));
    const expected = mirror.digest();
    const startedMs = keyspace.nowMs;
    const capture = keyspace.captureShard(0, 7);
    const sink = new ByteSink();
    // Some are given up.
    let steps = random.int(4) === 0 ? random.int(15) : Number.POSITIVE_INFINITY;
    const busy = random.int(30);
    while (!capture.done && steps-- > 0) {
      for (let i = random.int(1 + busy); i > 0; i--) both(change(false));
      if (random.int(8) === 0) both(change(true));
      if (random.int(8) === 0) {
        keyspace.nowMs += random.int(300);
        mirror.nowMs = keyspace.nowMs;
        keyspace.activeExpire(100);
      }
      capture.step(sink, 1);
    }
    if (!capture.done) {
      capture.close();
      continue;
    }
    const copy = loaded(capture, sink, random);
    copy.nowMs = startedMs;
    expect(copy.digest()).toBe(expected);
    expect(keyspace.digest()).toBe(mirror.digest());
  }
  keyspace.flush(0);
  expect(held()).toBe(0);
});

function add(table: MemberTable, text: string): number {
  const bytes = Buffer.from(text);
  return table.add(table.hashOf(bytes, 0, bytes.length), bytes, 0, bytes.length);
}

// Negative control, seen red: FrozenMembers with all that is used of a chunk, alive or not.
test("a chunk in which all was dead before, and whose number is given out again, is not part of it", () => {
  for (let size = 1; size < 300; size++) {
    const table = new MemberTable(tableHome(), "nothing");
    for (let i = 0; i < size; i++) add(table, `element that stays ${i}`);
    const dead = Array.from({ length: 20 }, (_, i) => add(table, `element that goes ${i}`));
    for (const ref of dead) table.remove(ref);
    const frozen = table.freeze();
    for (let i = 0; i < 500; i++) table.remove(add(table, `later ${i}`));
    for (let i = 0; i < 500; i++) add(table, `later still ${i}`);
    let found = 0;
    for (let cursor = 0; cursor >= 0; ) {
      const records = new ByteSink();
      cursor = frozen.encodeEntries(cursor, records);
      const slice = new ByteSink();
      putMembers("nothing", records.bytes, 0, records.length, slice);
      found += slice.bytes.readUInt32LE(0);
      expect(slice.bytes.toString("latin1", 0, slice.length)).not.toContain("later");
    }
    expect(found).toBe(size);
    table.thaw();
  }
});

test("a snapshot that is given up, or done, keeps nothing of a deleted set", () => {
  const random = new Random(seedOf("table-snapshot-end"));
  const keyspace = newKeyspace(random);
  const held = (): number => keyspace.arenaBytes();
  const [key] = keysOfOneShard(keyspace, 1) as [Key];
  const db = keyspace.db(0);
  for (const steps of [0, 1, 100]) {
    db.keys.lookup(...key);
    db.sets.add(...key, ...ranges(Array.from({ length: 20_000 }, (_, i) => `element ${i}`)));
    const capture = keyspace.captureShard(0, 7);
    const sink = new ByteSink();
    if (steps === 1) capture.step(sink, 1);
    db.keys.remove(...key);
    expect(held()).toBeGreaterThan(0);
    for (let i = 0; i < steps && !capture.done; i++) capture.step(sink, 1);
    expect(capture.done).toBe(steps === 100);
    capture.close();
    expect(held()).toBe(0);
  }
});

import { expect, test } from "vitest";
import { ByteSink, diskEntries, encodeInlineEntries, type Keyspace } from "../src/index.js";
import { AHEAD_KEYS_MAX } from "../src/key-hashes.js";
import { Driver, newKeyspace } from "./support/model.js";
import { Random, seedOf } from "./support/random.js";
import { encodedSection } from "./support/sections.js";

/** Values go from one to another. */
const MEMORIES = 3;
const OPERATIONS = Number(process.env.HEARTHKV_PROP_OPERATIONS ?? 1_000_000);

test("a million random operations agree with a model, over growth, deletion, expiry and evacuation", () => {
  const random = new Random(seedOf("prop-keyspace"));
  const driver = new Driver(random, newKeyspace(random, MEMORIES));
  // Tides: many keys, then few, so that shards grow, empty and evacuate.
  const tides = [50, 2_000, 20_000, 200, 20_000];
  for (let i = 0; i < OPERATIONS; i++) {
    if (i % 10_000 === 0) driver.keys = tides[Math.floor(i / 10_000) % tides.length] as number;
    driver.step();
    if (driver.log.length > 1000) driver.log.length = 0;
    if (i % 100_000 === 0) driver.checkAll();
  }
  driver.checkAll();
});

test("replaying the log gives the same data", () => {
  const random = new Random(seedOf("prop-replay"));
  const driver = new Driver(random, newKeyspace(random, MEMORIES));
  for (let i = 0; i < 60_000; i++) driver.step();
  driver.commit();
  const copy = newKeyspace(random, MEMORIES);
  for (const e of driver.log) copy.replay(e.op, e.sequence, e.payload, 0, e.payload.length);
  copy.nowMs = driver.keyspace.nowMs;
  expect(copy.digest()).toBe(driver.keyspace.digest());
  expect(copy.lastFence).toBe(driver.keyspace.lastFence);
});

test("shard copies taken one by one under writes, and the log behind their stamps, give the same data", () => {
  const random = new Random(seedOf("prop-fuzzy-snapshot"));
  const driver = new Driver(random, newKeyspace(random, MEMORIES));
  // Few keys with large values: most writes hit a shard that is being copied, before, in the middle of and after its encoding.
  driver.keys = 30;
  // Enough elements for several chunks.
  driver.elements = 300;
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 2000; i++) driver.step();
    driver.commit();
    const copy = newKeyspace(random, MEMORIES);
    const walPos = driver.sequence;
    copy.setDefaultStamp(walPos);
    copy.setSwapped(driver.keyspace.swappedDatabases());
    snapshotUnderWrites(driver, copy, random);
    for (let i = 0; i < 300; i++) driver.step();
    driver.commit();
    // Recovery gives no entry up to there: which databases are swapped is as of WalPos, whatever the stamps are.
    for (const e of driver.log.filter(({ sequence }) => sequence > walPos))
      copy.replay(e.op, e.sequence, e.payload, 0, e.payload.length);
    copy.nowMs = driver.keyspace.nowMs;
    expect(copy.digest()).toBe(driver.keyspace.digest());
  }
});

test("entries of a damaged snapshot are refused or give other data, of which flushing leaves nothing", () => {
  const random = new Random(seedOf("prop-damaged-snapshot"));
  const driver = new Driver(random, newKeyspace(random, MEMORIES));
  driver.keys = 200;
  driver.elements = 300;
  for (let i = 0; i < 20_000; i++) driver.step();
  const sections = driver.keyspace.shardSections().map((id) => ({ id, bytes: encodedSection(driver.keyspace, id) }));
  const copy = newKeyspace(random, MEMORIES);
  copy.setSwapped(driver.keyspace.swappedDatabases());
  for (const index of [0, 1]) copy.db(index);
  const empty = copy.usedBytes();
  let refused = 0;
  for (let round = 0; round < 2000; round++) {
    const damaged = random.pick(sections);
    const bytes = Buffer.from(damaged.bytes);
    for (let i = random.int(3); i >= 0; i--) bytes[random.int(bytes.length)] = random.int(256);
    try {
      copy.loadEntries(damaged.id, bytes, 0, bytes.length);
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      refused++;
    }
    copy.flush(-1);
    for (const { keys } of copy.databases()) expect([keys.size, keys.volatileCount]).toEqual([0, 0]);
    for (const memory of copy.memories) while (memory.giveDiscarded());
    expect([copy.usedBytes(), copy.arenaBytes()]).toEqual([empty, 0]);
  }
  console.log(`${refused} of 2000 refused`);
  for (const { id, bytes } of sections) copy.loadEntries(id, bytes, 0, bytes.length);
  copy.nowMs = driver.keyspace.nowMs;
  expect(copy.digest()).toBe(driver.keyspace.digest());
});

// The control, seen red (it does not end): a key's length is not looked at.
test("entries that were looked ahead at are replayed as others, out of one buffer, and of malformed ones nothing is touched", () => {
  const random = new Random(seedOf("prop-replay-ahead"));
  const driver = new Driver(random, newKeyspace(random, MEMORIES));
  driver.keys = 300;
  for (let i = 0; i < 30_000; i++) driver.step();
  driver.commit();
  const copy = newKeyspace(random, MEMORIES);
  const window = new Uint8Array(1 << 22);
  const ops = new Uint8Array(AHEAD_KEYS_MAX);
  const offs = new Int32Array(AHEAD_KEYS_MAX);
  const lengths = new Int32Array(AHEAD_KEYS_MAX);
  for (let next = 0; next < driver.log.length; ) {
    const batch = driver.log.slice(next, next + 1 + random.int(AHEAD_KEYS_MAX));
    next += batch.length;
    let at = 0;
    for (const [i, { op, payload }] of batch.entries()) {
      window.set(payload, at);
      ops[i] = op;
      offs[i] = at;
      lengths[i] = payload.length;
      at += payload.length;
    }
    copy.replayAhead(batch.length, ops, window, offs, lengths);
    for (const [i, { op, sequence }] of batch.entries()) {
      copy.replay(op, sequence, window, offs[i] as number, lengths[i] as number);
    }
    for (let i = 0; i < AHEAD_KEYS_MAX; i++) {
      ops[i] = random.int(256);
      offs[i] = window.length - random.int(20);
      lengths[i] = window.length - (offs[i] as number);
      window.fill(random.int(256), offs[i]);
    }
    copy.replayAhead(AHEAD_KEYS_MAX, ops, window, offs, lengths);
  }
  copy.endReplay();
  copy.nowMs = driver.keyspace.nowMs;
  expect(copy.digest()).toBe(driver.keyspace.digest());
});

/** Loads every section into `copy` as it was at its stamp, while the driver goes on. What moves has sections copied out of turn. */
function snapshotUnderWrites(driver: Driver, copy: Keyspace, random: Random): void {
  const { keyspace } = driver;
  const ahead = new Set(keyspace.shardSections());
  const take = (section: number, sequence: number, between: () => void): void => {
    const capture = keyspace.captureShard(section >>> 8, section & 255);
    ahead.delete(section);
    copy.setStamp(section, sequence);
    const sink = new ByteSink();
    while (!capture.done) {
      between();
      capture.step(sink, 1 + random.int(100));
    }
    let entries = 0;
    const chunks = encodeInlineEntries(capture.chunks, (block) => {
      entries += copy.loadEntries(section, block, 0, block.length);
    });
    expect(entries).toBe(chunks);
    const disk = new ByteSink();
    diskEntries(sink.bytes.subarray(0, sink.length), disk);
    copy.loadEntries(section, disk.bytes, 0, disk.length);
  };
  keyspace.front = {
    isBehind: (section) => !ahead.has(section),
    capture: (section) => {
      const { count } = keyspace.effects;
      if (count > 0) copy.setPartial(section, count);
      take(section, count > 0 ? driver.sequence + 1 : driver.sequence, () => {});
    },
  };
  for (const section of keyspace.shardSections()) {
    if (!ahead.has(section)) continue;
    take(section, driver.sequence, () => {
      for (let i = random.int(20); i > 0; i--) driver.step();
      driver.commit();
    });
    if (random.int(3) === 0) driver.step();
    driver.commit();
  }
  keyspace.front = null;
}

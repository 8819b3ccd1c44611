/** Collections outside of records, while nobody uses them. */
import { expect, test } from "vitest";
import { ByteSink, diskEntries, encodeInlineEntries, Keyspace, SHARDS, SIDE_TAIL } from "../src/index.js";
import { OPEN_VALUES } from "../src/open-values.js";
import { ranges } from "./support/model.js";

const COLLECTIONS = 4000;
const ELEMENTS = 20;

const keyOf = (i: number) => {
  const key = Buffer.from(`key:${i}`);
  return [key, 0, key.length] as const;
};

const elementsOf = (i: number) => Array.from({ length: ELEMENTS }, (_, n) => `element ${n} of ${i}`);

/** Hashes, lists, sets and sorted sets in turn. */
function addCollection(keyspace: Keyspace, i: number): void {
  const db = keyspace.db(0);
  const k = keyOf(i);
  const texts = elementsOf(i);
  const [buf, off, len] = ranges(texts.flatMap((text) => [text, text]));
  if (i % 4 === 0) db.hashes.set(...k, buf, off, len, 0, ELEMENTS);
  else if (i % 4 === 1) db.lists.push(...k, SIDE_TAIL, buf, off, len, 0, 2 * ELEMENTS);
  else if (i % 4 === 2) db.sets.add(...k, buf, off, len, 0, 2 * ELEMENTS);
  else db.zsets.add(...k, Array.from(texts.keys()), buf, off, len, 0, ELEMENTS, 0);
}

/** Nothing is packed in it. */
function fresh(openValues = OPEN_VALUES): Keyspace {
  const keyspace = new Keyspace({ hashSeed: Buffer.alloc(8), random: () => 0, openValues });
  Object.assign(keyspace.limits, { bytes: 0, hashEntries: 0, setEntries: 0, zsetEntries: 0, listSize: 1 });
  return keyspace;
}

function filled(openValues?: number): Keyspace {
  const keyspace = fresh(openValues);
  for (let i = 0; i < COLLECTIONS; i++) {
    keyspace.values.settle();
    addCollection(keyspace, i);
  }
  return keyspace;
}

/** Through a snapshot and back. */
function reloaded(keyspace: Keyspace): Keyspace {
  const copy = fresh();
  for (const id of keyspace.shardSections()) copyShard(keyspace, id, copy, () => {});
  return copy;
}

/** Loads what a snapshot has of a shard into another keyspace; `between` is called between its steps. */
function copyShard(keyspace: Keyspace, id: number, copy: Keyspace, between: () => void): void {
  const capture = keyspace.captureShard(Math.floor(id / SHARDS), id % SHARDS);
  encodeInlineEntries(capture.chunks, (block) => copy.loadEntries(id, block, 0, block.length));
  const sink = new ByteSink();
  while (!capture.done) {
    capture.step(sink, 1);
    between();
  }
  const disk = new ByteSink();
  diskEntries(sink.bytes.subarray(0, sink.length), disk);
  copy.loadEntries(id, disk.bytes, 0, disk.length);
}

// Control, seen red: with settle() doing nothing all of them are open.
test("few are open, however many there are: while they are written, read, copied and loaded", () => {
  const keyspace = filled();
  const mostOpen = 2 * OPEN_VALUES;
  expect(keyspace.values.count).toBeLessThan(mostOpen);
  const digest = keyspace.digest();
  expect(keyspace.values.count).toBeLessThan(mostOpen);
  const copy = reloaded(keyspace);
  expect(keyspace.values.count).toBeLessThan(mostOpen);
  expect(copy.values.count).toBeLessThan(mostOpen);
  expect(copy.digest()).toBe(digest);
});

test("they are charged with the same, open or not", () => {
  const open = filled(COLLECTIONS);
  const resting = filled(0);
  expect(open.values.count).toBe(COLLECTIONS);
  expect(resting.values.count).toBeLessThan(2);
  expect(resting.usedBytes()).toBe(open.usedBytes());
  expect(resting.digest()).toBe(open.digest());
});

// Control, seen red: where OpenValues.open() gives no state back, that is left.
test.each(["one by one", "at once"])("their memory comes back when they are deleted %s", (how) => {
  const keyspace = filled(0);
  if (how === "at once") keyspace.flush(-1);
  else for (let i = 0; i < COLLECTIONS; i++) keyspace.db(0).keys.remove(...keyOf(i));
  while (keyspace.memory.giveDiscarded());
  expect(keyspace.values.count).toBe(0);
  expect(keyspace.arenaBytes()).toBe(0);
});

// Control, seen red: with a snapshotEpoch that is forgotten at rest they are handed out twice, and others not at all.
test("a snapshot gets each of them once, as it was, however often it is opened and rests meanwhile", () => {
  const keyspace = fresh(0);
  const { keys } = keyspace.db(0);
  const inShard: number[] = [];
  for (let i = 0; inShard.length < 40; i++) {
    keys.locate(...keyOf(i));
    if (keys.shard !== keys.shards[0]) continue;
    addCollection(keyspace, i);
    inShard.push(i);
  }
  const digest = keyspace.digest();
  const copy = fresh();
  let turn = 0;
  copyShard(keyspace, 0, copy, () => {
    for (let n = 0; n < 3; n++) {
      const i = inShard[turn++ % inShard.length] as number;
      keyspace.values.settle();
      keys.setExpire(...keyOf(i), 1_900_000_000_000 + turn);
    }
  });
  expect(copy.digest()).toBe(digest);
});

// Control, seen red: where objects are made with the seed that there was when the keyspace was made, nothing is found.
test("what rested is found after the seed was set later", () => {
  const keyspace = fresh(0);
  keyspace.reseed(Buffer.alloc(8, 9));
  const db = keyspace.db(0);
  for (let i = 0; i < 40; i++) addCollection(keyspace, i);
  for (let i = 0; i < 40; i++) {
    keyspace.values.settle();
    for (const text of elementsOf(i)) {
      const element = [Buffer.from(text), 0, text.length] as const;
      db.keys.lookup(...keyOf(i));
      if (i % 4 === 0) expect(db.hashes.get(...element)).toBe(true);
      if (i % 4 === 2) expect(db.sets.has(...element)).toBe(true);
      if (i % 4 === 3) expect(db.found.placeOf(2, ...element)).not.toBe(0);
    }
  }
});

test("one command may hold as many as it likes", () => {
  const keyspace = filled(0);
  const db = keyspace.db(0);
  for (let i = 0; i < COLLECTIONS; i++) {
    db.keys.lookup(...keyOf(i));
    expect(db.found.size).toBeGreaterThanOrEqual(ELEMENTS);
  }
  expect(keyspace.values.count).toBe(COLLECTIONS);
  keyspace.values.settle();
  expect(keyspace.values.count).toBe(0);
});

// Control, seen red: where OpenValues.#rest() lets the error through, settle() throws.
test("without memory for its state a value stays open, and is whole", () => {
  const keyspace = filled(0);
  const { memory } = keyspace;
  const digest = keyspace.digest();
  keyspace.db(0).keys.lookup(...keyOf(0));
  expect(keyspace.db(0).found.size).toBeGreaterThanOrEqual(ELEMENTS);
  const take = memory.take;
  memory.take = () => {
    throw new RangeError("no memory");
  };
  try {
    keyspace.values.settle();
    expect(keyspace.values.count).toBeGreaterThan(0);
  } finally {
    memory.take = take;
  }
  expect(keyspace.digest()).toBe(digest);
});

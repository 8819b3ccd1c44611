/** A large list that goes on changing while its shard is being copied. */
import { expect, test } from "vitest";
import { ByteSink, diskEntries, Keyspace, SHARDS, SIDE_HEAD, SIDE_TAIL } from "../src/index.js";
import { ranges } from "./support/model.js";
import { Random, seedOf } from "./support/random.js";

const key = Buffer.from("list");
const k = [key, 0, key.length] as const;
const fresh = () => new Keyspace({ hashSeed: Buffer.alloc(8), random: () => 0, openValues: 0 });

// Controls: with ShardCapture.beforeChange doing nothing for lists, and (seen red) with a frozen list that rests, the entries are of the list as it is later.
test.each([0, 1, 40, 1000])("is in the snapshot as it was when the copy began; written to after %i steps", (steps) => {
  const random = new Random(seedOf("list-snapshot"));
  const keyspace = fresh();
  const db = keyspace.db(0);
  const text = () => "x".repeat(random.int(random.int(20) === 0 ? 5000 : 100));
  for (let i = 0; i < 2000; i++) db.lists.push(...k, i % 2, ...ranges([text(), text()]));
  db.keys.setExpire(...k, 1_900_000_000_000);
  const digest = keyspace.digest();
  db.keys.lookup(...k);
  const section = db.keys.shards.indexOf(db.keys.shard);
  const capture = keyspace.captureShard(0, section);
  const sink = new ByteSink();
  let step = 0;
  for (; step < steps && !capture.done; step++) capture.step(sink, 4096);
  while (!capture.done) {
    for (let i = 0; i < 5; i++) {
      const side = random.pick([SIDE_HEAD, SIDE_TAIL]);
      if (random.int(2) === 0) db.lists.pop(...k, side, random.int(60), null);
      else db.lists.push(...k, side, ...ranges([text()]));
    }
    if (step === steps + 5) db.keys.setExpire(...k, 0);
    if (step === steps + 10) db.keys.remove(...k);
    capture.step(sink, 4096);
    step++;
  }
  const loaded = fresh();
  const disk = new ByteSink();
  diskEntries(sink.bytes.subarray(0, sink.length), disk);
  loaded.loadEntries(section % SHARDS, disk.bytes, 0, disk.length);
  expect(loaded.digest()).toBe(digest);
  db.keys.remove(...k);
  expect(keyspace.memory.takenBytes).toBe(0);
});

test("a snapshot that is given up keeps nothing of a deleted list", () => {
  const keyspace = fresh();
  const db = keyspace.db(0);
  db.lists.push(...k, SIDE_TAIL, ...ranges(new Array(1000).fill("x".repeat(100))));
  const capture = keyspace.captureShard(0, db.keys.shards.indexOf(db.keys.shard));
  capture.step(new ByteSink(), 1000);
  db.keys.remove(...k);
  expect(keyspace.memory.takenBytes).toBeGreaterThan(0);
  capture.close();
  expect(keyspace.memory.takenBytes).toBe(0);
});

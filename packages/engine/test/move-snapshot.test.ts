/** Collections that change hands between two shards that are both being copied: each is in the copy of the shard that it was in, as it was. */
import { expect, test } from "vitest";
import { describeEntries } from "../src/describe.js";
import { ByteSink, type Database, diskEntries, Keyspace, type ShardCapture } from "../src/index.js";
import { ranges } from "./support/model.js";

type Key = readonly [Buffer, number, number];

const MEMBERS = Array.from({ length: 3000 }, (_, i) => `member ${i}`.padEnd(100, "."));

/** A key of a shard. */
function keyOf(db: Database, shard: number, name: string): Key {
  for (let i = 0; ; i++) {
    const key = Buffer.from(`${name} ${i}`);
    db.keys.lookup(key, 0, key.length);
    if (db.keys.shards.indexOf(db.keys.shard) === shard) return [key, 0, key.length];
  }
}

const FILL: Record<string, (db: Database, key: Key) => void> = {
  list: (db, key) => db.lists.push(...key, 1, ...ranges(MEMBERS)),
  set: (db, key) => db.sets.add(...key, ...ranges(MEMBERS)),
  hash: (db, key) => {
    const [buf, off, len] = ranges(MEMBERS);
    db.hashes.set(...key, buf, off, len, 0, MEMBERS.length / 2);
  },
  zset: (db, key) => {
    const [buf, off, len] = ranges(MEMBERS.flatMap((member) => ["s", member]));
    const scores = MEMBERS.map((_, i) => i);
    db.zsets.add(...key, scores, buf, off, len, 1, MEMBERS.length, 0);
  },
};

/** Keys in what is left of a capture, and how many elements each has. */
function contents(capture: ShardCapture): Record<string, number> {
  const found: Record<string, number> = {};
  while (!capture.done) {
    const sink = new ByteSink();
    const disk = new ByteSink();
    capture.step(sink, 1000);
    diskEntries(sink.bytes.subarray(0, sink.length), disk);
    describeEntries(disk.bytes, 0, disk.length, ({ key, value }) => {
      const name = key.toString().split(" ")[0]!;
      found[name] = (found[name] ?? 0) + (value as unknown[]).length;
    });
  }
  return found;
}

// Control: without Math.max in Shard's insertValue a value is frozen a second time where its new shard was copied first.
test.each(
  Object.keys(FILL).flatMap((type) => [
    [type, "the old shard is copied first", true] as const,
    [type, "the new shard is copied first", false] as const,
  ]),
)("%s: %s", (type, _title, oldFirst) => {
  const keyspace = new Keyspace({ hashSeed: Buffer.alloc(8, 7), random: () => 0 });
  const db = keyspace.db(0);
  const moved = keyOf(db, 3, "moved");
  const [before, other, target] = [keyOf(db, 3, "before"), keyOf(db, 9, "other"), keyOf(db, 9, "target")];
  for (const key of [before, moved, other]) FILL[type]!(db, key);
  const size = type === "hash" ? MEMBERS.length / 2 : MEMBERS.length;
  const first = keyspace.captureShard(0, oldFirst ? 3 : 9);
  const second = keyspace.captureShard(0, oldFirst ? 9 : 3);
  db.rename(...moved, ...target);
  // And goes on changing under its new name.
  db.keys.lookup(...target);
  db.sets.remove(...target, ...ranges(MEMBERS.slice(0, 2000)));
  db.lists.pop(...target, 0, 2000, null);
  db.hashes.delete(...target, ...ranges(MEMBERS.slice(0, 2000)));
  db.zsets.remove(...target, ...ranges(MEMBERS.slice(0, 2000)));
  const found = [contents(first), contents(second)];
  if (!oldFirst) found.reverse();
  expect(found).toEqual([{ before: size, moved: size }, { other: size }]);
  db.keys.lookup(...target);
  expect(db.found.size).toBe(type === "hash" ? 500 : 1000);
});

/** Unions, intersections and differences; random ones are in the model (support/model-inside.ts), and what commands make of them in the transcripts. */
import { expect, it } from "vitest";
import {
  type Database,
  EntryTooLargeError,
  type Keyspace,
  type MemberSource,
  SIDE_TAIL,
  sumOfScores,
  TYPE_SET,
} from "../src/index.js";
import { newKeyspace, ranges } from "./support/model.js";
import { Random } from "./support/random.js";
import { textAt } from "./types/seeded.js";

const at = (key: string) => [Buffer.from(key), 0, key.length] as const;
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `member ${from + i}`);

function withSets(sets: Readonly<Record<string, readonly string[]>>): Database {
  const db = newKeyspace(new Random(1)).db(0);
  for (const [key, members] of Object.entries(sets)) db.sets.add(...at(key), ...ranges(members));
  return db;
}

function sourcesOf(db: Database, ...keys: string[]): MemberSource[] {
  return db.algebra.sources(...ranges(keys), true) ?? expect.unreachable();
}

it("ends where the visitor says so, and looks no member up behind that", () => {
  const db = withSets({ few: numbered(0, 20), many: numbered(0, 5000) });
  for (const find of ["intersect", "subtract"] as const) {
    const seen: string[] = [];
    const visit = (buf: Uint8Array, off: number, len: number) => seen.push(textAt(buf, off, len)) < 3;
    if (find === "intersect") db.algebra.intersect(sourcesOf(db, "many", "few", "many"), sumOfScores, visit);
    else db.algebra.subtract(sourcesOf(db, "many", "few"), visit);
    expect(seen.length).toBe(3);
  }
});

it("a difference with many small sets is the same as with one of all their members", () => {
  const others = Array.from({ length: 40 }, (_, i) => [`other ${i}`, numbered(i, i + 1)] as const);
  const db = withSets({ all: numbered(0, 1000), one: numbered(0, 40), ...Object.fromEntries(others) });
  const rest = (...keys: string[]) => {
    const found: string[] = [];
    db.algebra.subtract(sourcesOf(db, "all", ...keys), (buf, off, len, score) => {
      expect(score).toBe(1);
      return found.push(textAt(buf, off, len)) > 0;
    });
    return found.sort();
  };
  expect(rest(...others.map(([key]) => key))).toEqual(rest("one"));
  expect(rest("one")).toEqual(numbered(40, 1000).sort());
});

/** Control: where put() begins its mutation behind the change, the digest is another one. */
it("what is too large for an entry of the log changes nothing and holds no memory", () => {
  const db = withSets({ a: numbered(0, 3000), b: numbered(0, 3000), d: ["before"] });
  const keyspace = db.keyspace as Keyspace;
  const long = Buffer.alloc(3000, "x");
  db.lists.push(...at("l"), SIDE_TAIL, long, Int32Array.of(0), Int32Array.of(3000), 0, 1);
  const { effects } = keyspace;
  effects.enabled = true;
  effects.payloadBytesMax = 2000;
  effects.target(Buffer.alloc(1 << 16), 64, (1 << 16) - 64);
  const before = keyspace.digest();
  const taken = db.keys.shard.memory.takenBytes;
  const sources = () => sourcesOf(db, "a", "b");
  const changes = [
    () => db.put(...at("d"), db.algebra.unite(sources())),
    () => db.put(...at("d"), db.algebra.uniteScores(sources(), sumOfScores, false)),
    () => {
      const slice = db.algebra.encode((visit) => db.algebra.intersect(sources(), sumOfScores, visit));
      db.restore(...at("d"), TYPE_SET, 0, slice.bytes, 0, slice.length);
    },
    () => db.lists.move(Buffer.from("lm"), 0, 1, SIDE_TAIL, 1, 1, SIDE_TAIL, () => {}),
    () => db.lists.set(...at("l"), 0, long, 0, 3000),
    () => db.lists.insert(...at("l"), 0, long, 0, 3000),
  ];
  for (const change of changes) {
    expect(change).toThrow(EntryTooLargeError);
    expect([keyspace.digest(), effects.count]).toEqual([before, 0]);
    expect(db.keys.shard.memory.takenBytes).toBe(taken);
  }
});

/**
 * What the keyspace says it uses is what is taken while no collection is open: never less than the data, never more than blocks and objects together;
 * and where blocks are small, so that none is half untouched, a tenth from that at most.
 *
 * Controls, seen red: where a shard leaves out what lies beside its records (valueBytes), eleven shapes show less than their data; where it counts its
 * arena with the free part of the newest chunk, small ones show twice what is taken.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { type Database, Keyspace, SIDE_TAIL } from "../src/index.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What else lives and dies in this process meanwhile. */
const NOISE_BYTES = 300_000;

type Type = "string" | "hash" | "set" | "list" | "zset";
type Add = (db: Database, key: Buffer, args: Args, count: number) => void;

interface Args {
  readonly buf: Buffer;
  readonly off: Int32Array;
  readonly len: Int32Array;
}

const add: Record<Type, Add> = {
  string: (db, key, { buf, len }) => {
    db.keys.lookup(key, 0, key.length);
    db.strings.set(key, 0, key.length, buf, 0, len[0], 0);
  },
  hash: (db, key, { buf, off, len }, count) => db.hashes.set(key, 0, key.length, buf, off, len, 0, count),
  set: (db, key, { buf, off, len }, count) => db.sets.add(key, 0, key.length, buf, off, len, 0, count),
  list: (db, key, { buf, off, len }, count) => db.lists.push(key, 0, key.length, SIDE_TAIL, buf, off, len, 0, count),
  zset: (db, key, { buf, off, len }, count) =>
    db.zsets.add(key, 0, key.length, Float64Array.from(off), buf, off, len, 0, count, 0),
};

/** Elements of `bytes` bytes; in a hash each has a short field before it, in a sorted set what would be its score behind it. */
function argsOf(type: Type, count: number, bytes: number): Args {
  const list: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    if (type === "hash") list.push(Buffer.from(`f${i}`));
    list.push(Buffer.from(`${i}`.padEnd(bytes, "x")));
    if (type === "zset") list.push(Buffer.alloc(0));
  }
  let at = 0;
  const off = Int32Array.from(list, (one) => {
    at += one.length;
    return at - one.length;
  });
  return { buf: Buffer.concat(list), off, len: Int32Array.from(list, (one) => one.length) };
}

/** `fits`: its blocks have hardly a page that nobody has touched. */
const shapes: readonly (readonly [type: Type, count: number, bytes: number, fits: boolean])[] = [
  ["string", 1, 64, true],
  ["string", 1, 1000, true],
  ["string", 1, 20_000, false],
  ["string", 1, 300_000, false],
  ["string", 1, 3_000_000, false],
  ...(["hash", "set", "zset"] as const).flatMap((type) => [
    [type, 3, 8, false] as const,
    [type, 3, 65, true] as const,
    [type, 20, 100, true] as const,
    [type, 100, 8, true] as const,
    [type, 100, 200, false] as const,
    [type, 1000, 8, false] as const,
  ]),
  ["zset", 20_000, 8, false],
  ["list", 3, 65, true],
  ["list", 20, 100, true],
  ["list", 100, 200, true],
  ["list", 1000, 8, true],
];

it.each(shapes)("%s of %i x %i bytes", (type, count, bytes, fits) => {
  // What the first ones bring with them (compiled code, objects of the shards) is not theirs.
  fill(type, count, bytes);
  const { used, taken, payload } = fill(type, count, bytes);
  expect(used / payload).toBeGreaterThan(1);
  expect((used - NOISE_BYTES) / taken, "of what is taken").toBeLessThan(1.1);
  if (fits) expect((used + NOISE_BYTES) / taken).toBeGreaterThan(0.9);
});

/** Fills a keyspace with some megabytes: bytes that it says it uses for them, that are taken for them, and that were given. */
function fill(type: Type, count: number, bytes: number): { used: number; taken: number; payload: number } {
  const keyspace = new Keyspace({ hashSeed: Buffer.alloc(8), random: Math.random, openValues: 0 });
  keyspace.effects.enabled = false;
  const db = keyspace.db(0);
  const args = argsOf(type, count, bytes);
  const keys = Math.min(5000, Math.ceil(3_000_000 / (count * bytes + 50)));
  collectGarbage();
  const heapBefore = process.memoryUsage().heapUsed;
  const before = { used: keyspace.usedBytes(), blocks: keyspace.arenaBytes() };
  let payload = 0;
  for (let k = 0; k < keys; k++) {
    const key = Buffer.from(`key:${k}`);
    add[type](db, key, args, count);
    keyspace.values.settle();
    payload += key.length + args.buf.length;
  }
  collectGarbage();
  const heap = Math.max(0, process.memoryUsage().heapUsed - heapBefore);
  const used = keyspace.usedBytes() - before.used;
  // The shards' own newest chunks: room for keys to come.
  let room = 0;
  for (const shard of db.keys.shards) room += shard.arena.totalBytes - shard.arena.usedBytes;
  return { used, taken: heap + keyspace.arenaBytes() - before.blocks - room, payload };
}

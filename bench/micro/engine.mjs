/** What lies under every command: key hash, arena, index, the bytes of a log entry, and replaying them. */
import { EffectLog, OP_SET } from "@hearthkv/engine";
import { Arena } from "../../packages/engine/dist/arena.js";
import { hashKey, hashSeed } from "../../packages/engine/dist/hash.js";
import { Memory } from "../../packages/engine/dist/memory.js";
import { keyName, newKeyspace, Runner, scattered, sized } from "./requests.mjs";

const KEYS = sized(1_000_000);
const BATCH = sized(4096);
const RECORD_BYTES = 104;
const KEY_BYTES = 16;
const VALUE = Buffer.alloc(64, "v");
const SEED = hashSeed(Buffer.from("hearthkv"));

/** Names in one buffer, `KEY_BYTES` each. */
const names = (numbers) => Buffer.from(numbers.map(keyName).join(""));

function hashing() {
  const buf = names(scattered(BATCH, KEYS, (i) => i));
  const run = () => {
    for (let i = 0; i < BATCH; i++) hashKey(SEED, buf, i * KEY_BYTES, KEY_BYTES);
  };
  return { operations: BATCH, run };
}

/** Records are given out; each is freed when `BATCH` younger ones are there. */
function allocating() {
  const arena = new Arena(new Memory());
  const live = new Int32Array(BATCH);
  const run = () => {
    for (let i = 0; i < BATCH; i++) {
      if (live[i] !== 0) arena.free(live[i] >>> 15, RECORD_BYTES);
      live[i] = arena.alloc(RECORD_BYTES);
    }
  };
  return { operations: BATCH, run };
}

/** A database of a million strings, whose log is off. */
function filled() {
  const keyspace = newKeyspace();
  keyspace.effects.enabled = false;
  const db = keyspace.db(0);
  for (let i = 0; i < KEYS; i++) db.strings.set(Buffer.from(keyName(i)), 0, KEY_BYTES, VALUE, 0, VALUE.length, 0);
  return db;
}

function lookingUp(first) {
  const db = filled();
  const buf = names(scattered(BATCH * 8, KEYS, (i) => first + i));
  const run = () => {
    for (let at = 0; at < buf.length; at += KEY_BYTES) db.keys.lookup(buf, at, KEY_BYTES);
  };
  return { operations: BATCH * 8, run };
}

/** Fills an empty database: the index grows all the time. */
function inserting() {
  const count = BATCH * 8;
  const buf = names(Array.from({ length: count }, (_, i) => i));
  const run = () => {
    const keyspace = newKeyspace();
    keyspace.effects.enabled = false;
    const db = keyspace.db(0);
    for (let at = 0; at < buf.length; at += KEY_BYTES) db.strings.set(buf, at, KEY_BYTES, VALUE, 0, VALUE.length, 0);
  };
  return { operations: count, run };
}

function encodingSet() {
  const effects = new EffectLog();
  const ring = new Uint8Array(1 << 20);
  const buf = names(scattered(BATCH, KEYS, (i) => i));
  const run = () => {
    for (let i = 0; i < BATCH; i++) {
      effects.target(ring, 64, ring.length - 64);
      effects.beginKey(OP_SET, 0, buf, i * KEY_BYTES, KEY_BYTES, 8 + VALUE.length);
      effects.i64(0);
      effects.raw(VALUE, 0, VALUE.length);
      effects.end();
    }
  };
  return { operations: BATCH, run };
}

/** Applies what the commands logged, again and again, to another keyspace. */
function replaying(makeCommand) {
  const runner = new Runner();
  const entries = scattered(BATCH, BATCH, makeCommand).map((words) => {
    runner.execute(runner.prepare(words));
    const { bytes, start, pos, op } = runner.keyspace.effects;
    return { op, bytes: bytes.slice(start, pos) };
  });
  const replica = newKeyspace();
  replica.effects.enabled = false;
  replica.nowMs = 0;
  let sequence = 0;
  const run = () => {
    for (const { op, bytes } of entries) replica.replay(op, ++sequence, bytes, 0, bytes.length);
  };
  return { operations: BATCH, run };
}

/** By title; each makes what run.mjs measures: `run`, and how many `operations` that is. */
export const parts = {
  "hash of 16 bytes": hashing,
  "arena: give out and free 104 bytes": allocating,
  "index: find one of a million keys": () => lookingUp(0),
  "index: miss among a million keys": () => lookingUp(KEYS),
  "index: insert new keys": inserting,
  "log: encode SET 64 B": encodingSet,
  "replay: SET 64 B": () => replaying((i) => ["SET", keyName(i), VALUE]),
  "replay: HSET": () => replaying((i) => ["HSET", keyName(i >> 3), `field:${i}`, `value:${i}`]),
  "replay: ZADD": () => replaying((i) => ["ZADD", keyName(i >> 3), i, `member:${i}`]),
};

import { MAX_PAYLOAD_BYTES } from "@hearthkv/durability";
import { EntryTooLargeError } from "@hearthkv/engine";
import { afterAll, describe, expect, test } from "vitest";
import type { AckLevel } from "../../src/persistence/persistence.js";
import {
  freshDirectory,
  nextTurn,
  type Opened,
  openAt,
  readLog,
  removeDirectories,
  seededRandom,
  until,
} from "./open.js";

afterAll(removeDirectories);

/** Commits one entry of `op` with these bytes, as a mutator would. */
function log(opened: Opened, op: number, payload: Buffer, pieces = 1): void {
  const { effects } = opened.keyspace;
  effects.begin(op, payload.length);
  effects.raw(payload, 0, payload.length);
  effects.end();
  for (let i = 1; i < pieces; i++) {
    effects.begin(op, 1);
    effects.u8(i);
    effects.end();
  }
  opened.persistence.commit(Date.now());
}

function randomPayload(random: () => number, ringBytes: number): Buffer {
  const kind = random();
  const max = kind < 0.7 ? 200 : kind < 0.95 ? ringBytes / 4 : kind < 0.99 ? ringBytes : ringBytes * 3;
  const payload = Buffer.alloc(Math.floor(random() * max));
  for (let i = 0; i < payload.length; i++) payload[i] = random() * 256;
  return payload;
}

async function fuzz(level: AckLevel, ringBytes: number, start: number, seed: number, polite: boolean): Promise<void> {
  const random = seededRandom(seed);
  const path = freshDirectory();
  const opened = await openAt(path, { ackLevel: level, ringBytes, ringStartPosition: start, walMaxBytes: 64 * 1024 });
  const { persistence } = opened;
  const expected: { op: number; payload: Buffer }[] = [];
  for (let i = 0; i < 3000; i++) {
    const payload = randomPayload(random, ringBytes);
    const op = 1 + Math.floor(random() * 10);
    log(opened, op, payload);
    expected.push({ op, payload });
    if (random() < 0.3) persistence.endTick();
    if (random() < 0.1) await nextTurn();
    if (polite && persistence.congested) {
      persistence.endTick();
      await until(() => !persistence.congested);
    }
  }
  expect(persistence.lastSequence).toBe(expected.length);
  await persistence.close({ snapshot: false });
  expect(persistence.syncedSequence()).toBe(expected.length);
  const entries = await readLog(path);
  expect(entries.length).toBe(expected.length);
  for (const [i, { op, payload }] of expected.entries()) {
    const entry = entries[i]!;
    if (entry.sequence !== i + 1 || entry.op !== op || !entry.payload.equals(payload)) {
      throw new Error(`entry ${i + 1} differs (seed ${seed})`);
    }
  }
}

describe("entries of every size arrive, bit for bit and in order", () => {
  const seed = Date.now() % 1_000_000;
  for (const level of ["memory", "written", "synced"] as const) {
    for (const ringBytes of [4096, 65536]) {
      test(`${level}, ring of ${ringBytes}, seed ${seed}`, () => fuzz(level, ringBytes, 0, seed, true));
      test(`${level}, ring of ${ringBytes}, counters near their end, seed ${seed}`, () =>
        fuzz(level, ringBytes, -2 * ringBytes, seed + 1, true));
    }
    test(`${level}, congestion ignored, seed ${seed}`, () => fuzz(level, 8192, 2 ** 31 - 8192 * 3, seed + 2, false));
  }
});

test("an entry that the format has no room for is refused when it begins, and the next one is taken", async () => {
  const path = freshDirectory();
  const opened = await openAt(path);
  const { effects } = opened.keyspace;
  expect(() => effects.begin(1, MAX_PAYLOAD_BYTES + 1)).toThrow(EntryTooLargeError);
  const payload = Buffer.from("one");
  log(opened, 1, payload);
  // Several mutations are one entry.
  effects.begin(2, 100);
  effects.u8(1);
  effects.end();
  expect(() => effects.begin(1, MAX_PAYLOAD_BYTES - 10)).toThrow(EntryTooLargeError);
  opened.persistence.commit(Date.now());
  await opened.persistence.close({ snapshot: false });
  expect((await readLog(path)).map(({ op }) => op)).toEqual([1, 2]);
});

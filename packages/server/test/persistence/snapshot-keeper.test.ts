/** Which snapshots end the search for one that mends the log, and how long writers wait for one. */
import { Keyspace } from "@hearthkv/engine";
import { expect, test } from "vitest";
import type { ToWorker } from "../../src/persistence/slots.js";
import { SnapshotKeeper } from "../../src/persistence/snapshot-keeper.js";
import { nextTurn, quiet, until } from "./open.js";

const MB = 1024 * 1024;
const NOTHING_RECOVERED = {
  ...{ lastSequence: 0, syncedSequence: 0, nextSegmentNumber: 1, snapshotSequence: 0, snapshotBytes: 0 },
  ...{ logBytes: 0, snapshotEntries: 0, walEntries: 0, corruptedEntries: 0, bytesCut: 0, durationMs: 0 },
};

test("a snapshot that began before the failed fdatasync does not mend it", async () => {
  let sequence = 3;
  const sent: ToWorker[] = [];
  const keeper = new SnapshotKeeper(
    {
      keyspace: new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random }),
      currentSequence: () => sequence,
      lastSequence: () => sequence,
      send: (message) => {
        sent.push(message);
        if (message.type === "snapshotBegin")
          setImmediate(() => keeper.receive({ type: "snapshotReady", id: message.id }));
      },
    },
    {
      options: { snapshotIntervalS: 0, snapshotOps: 0, onFatal: () => {} },
      logger: quiet,
      committedBytes: () => 0,
      logFails: () => false,
      onRoom: () => {},
    },
  );
  keeper.begin(NOTHING_RECOVERED);
  const begun = () => sent.filter((message) => message.type === "snapshotBegin").length;
  const publish = async (id: number) => {
    await until(() => sent.some((message) => message.type === "snapshotFinish" && message.id === id));
    keeper.receive({ type: "snapshotPublished", id, name: "", bytes: 0, entries: 0 });
    await nextTurn();
  };
  const first = keeper.now();
  await until(() => begun() === 1);
  sequence = 5;
  keeper.mend(5);
  await publish(1);
  await first;
  await until(() => begun() === 2);
  await publish(2);
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(begun()).toBe(2);
  keeper.stop();
});

test.for([
  ["is published", []],
  ["fails, and is published when it is tried again", ["snapshotFailed"]],
  ["has failed twice", ["snapshotFailed", "snapshotFailed"]],
] as const)("writers wait for a snapshot until it %s", async ([, failures]) => {
  let id = 0;
  let committedBytes = 0;
  let told = 0;
  const keeper = new SnapshotKeeper(
    {
      keyspace: new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random }),
      currentSequence: () => committedBytes,
      lastSequence: () => committedBytes,
      send: (message) => {
        if (message.type === "snapshotBegin") id = message.id;
      },
    },
    {
      options: { snapshotIntervalS: 0, snapshotOps: 0, snapshotWalBytes: 4 * MB, onFatal: () => {} },
      logger: quiet,
      committedBytes: () => committedBytes,
      logFails: () => false,
      onRoom: () => told++,
    },
  );
  keeper.begin(NOTHING_RECOVERED);
  const isHeld = () => committedBytes >= keeper.heldAtLogBytes;
  committedBytes = 7 * MB;
  await until(() => id === 1);
  expect(isHeld()).toBe(false);
  committedBytes = 8 * MB;
  for (const [i, type] of failures.entries()) {
    await until(() => id === i + 1);
    expect(isHeld()).toBe(true);
    keeper.receive({ type, id, error: new Error("no space left on device") });
  }
  if (failures.length < 2) {
    await until(() => id === failures.length + 1);
    expect(isHeld()).toBe(true);
    keeper.receive({ type: "snapshotPublished", id, name: "", bytes: 1000, entries: 0 });
  }
  const before = told;
  await until(() => !isHeld());
  expect(told).toBeGreaterThan(before);
  // What is set meanwhile counts at the next look.
  keeper.walBytes = 0;
  await until(() => keeper.heldAtLogBytes === Number.POSITIVE_INFINITY);
  keeper.stop();
  keeper.abort("the end of the test");
});

// Control: isBug giving true, as it was, logs the stack of both.
test("what the disk refuses is told in a line, once, with what to do; a bug with its stack", async () => {
  let id = 0;
  const logged: [fields: object, message: string][] = [];
  const keeper = new SnapshotKeeper(
    {
      keyspace: new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random }),
      currentSequence: () => 1,
      lastSequence: () => 1,
      send: (message) => {
        if (message.type === "snapshotBegin") id = message.id;
      },
    },
    {
      options: { snapshotIntervalS: 0, snapshotOps: 0, snapshotWalBytes: 0, onFatal: () => {} },
      logger: { ...quiet, error: (fields, message) => logged.push([fields, message]) },
      committedBytes: () => 0,
      logFails: () => false,
      onRoom: () => {},
    },
  );
  const bug = new TypeError("undefined is not a function");
  for (const error of [new Error("ENOSPC (snapshot-1.tmp)"), new Error("ENOSPC (snapshot-2.tmp)"), bug]) {
    const before = id;
    const made = keeper.now();
    made.catch(() => {});
    await until(() => id > before);
    keeper.receive({ type: "snapshotFailed", id, error });
    await expect(made).rejects.toBe(error);
  }
  expect(logged).toEqual([
    [
      {},
      expect.stringMatching(/^snapshot failed: ENOSPC \(snapshot-1.tmp\)\. The one before stays.*has room and works$/),
    ],
    [{ err: bug }, expect.stringMatching(/^snapshot failed: undefined is not a function/)],
  ]);
});

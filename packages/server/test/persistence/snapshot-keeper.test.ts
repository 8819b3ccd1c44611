/** Which snapshots end the search for one that mends the log. */
import { Keyspace } from "@hearthkv/engine";
import { expect, test } from "vitest";
import type { ToWorker } from "../../src/persistence/slots.js";
import { SnapshotKeeper } from "../../src/persistence/snapshot-keeper.js";
import { nextTurn, quiet, until } from "./open.js";

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
      hashSeed: new Uint8Array(8),
      currentSequence: () => sequence,
      lastSequence: () => sequence,
      send: (message) => sent.push(message),
    },
    {
      options: { snapshotIntervalS: 0, snapshotOps: 0, onFatal: () => {} },
      logger: quiet,
      committedBytes: () => 0,
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

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { lockDirectory } from "@hearthkv/durability";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { LOOK_MS } from "../../src/persistence/hang-watch.js";
import * as slot from "../../src/persistence/slots.js";
import { WorkerHandle } from "../../src/persistence/worker-handle.js";
import { freshDirectory, removeDirectories, until } from "./open.js";

afterEach(removeDirectories);

async function started(directory: string): Promise<{ handle: WorkerHandle; control: Int32Array }> {
  const lock = await lockDirectory(directory);
  onTestFinished(() => lock.release());
  const control = new Int32Array(new SharedArrayBuffer(slot.CONTROL_SLOTS * 4));
  control[slot.FSYNC_INTERVAL_MS] = 100;
  const handle = new WorkerHandle(control);
  await handle.begin({
    control: control.buffer as SharedArrayBuffer,
    ring: new SharedArrayBuffer(4096),
    directory,
    lock: lock.record,
    generation: 1,
    owedManifest: null,
    lastSequence: 0,
    syncedSequence: 0,
    segmentNumber: 1,
    walMaxBytes: 65_536,
    snapshotKeep: 1,
  });
  return { handle, control };
}

async function looksUntil(handle: WorkerHandle, hanging: boolean, looksMax: number): Promise<number> {
  for (let look = 1; look <= looksMax; look++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if ((handle.standsStill() !== null) === hanging) return look;
  }
  throw new Error(`still ${hanging ? "no" : ""} hanging`);
}

test("an idle worker does not count as hanging; one that stands still does, within a second or so", async () => {
  const { handle, control } = await started(freshDirectory());
  await expect(looksUntil(handle, true, 12)).rejects.toThrow();
  // The worker waits for the lock as soon as it finds something published.
  Atomics.store(control, slot.DRAIN_LOCK, 1);
  Atomics.store(control, slot.HEAD, 40);
  expect(await looksUntil(handle, true, 8)).toBeLessThanOrEqual(7);
  Atomics.store(control, slot.HEAD, 0);
  Atomics.store(control, slot.DRAIN_LOCK, 0);
  await looksUntil(handle, false, 5);
  await handle.end();
});

test("the death of the worker is told", async () => {
  const { handle, control } = await started(freshDirectory());
  let death: Error | null = null;
  handle.onDeath = (error) => {
    death = error;
  };
  handle.post(null as never, []);
  Atomics.add(control, slot.WAKE, 1);
  Atomics.notify(control, slot.WAKE);
  await until(() => death !== null);
  await handle.end();
});

test("an ending that was asked for is none", async () => {
  const { handle } = await started(freshDirectory());
  let deaths = 0;
  handle.onDeath = () => {
    deaths++;
  };
  await handle.end();
  expect(deaths).toBe(0);
});

test("a directory that cannot take a segment is refused", async () => {
  const file = join(freshDirectory(), "file");
  writeFileSync(file, "");
  const refused = started(join(file, "directory"));
  await expect(refused).rejects.toThrow("ENOTDIR");
  // As the storage's own error, which the command line tells in one line.
  await expect(refused).rejects.toMatchObject({ name: "StorageError", code: "io", errno: "ENOTDIR" });
});

/** A process that is killed has lost nothing that it acknowledged. */
import { afterAll, expect, test } from "vitest";
import { freshDirectory, removeDirectories, until } from "./open.js";
import { checkWritten, WriterProcess } from "./writer.js";

afterAll(removeDirectories);

const CYCLES = 4;

for (const ackLevel of ["written", "synced"] as const) {
  test(`SIGKILL, ack ${ackLevel}, with rotations and snapshots`, async () => {
    const path = freshDirectory();
    let last = 0;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const options = { ackLevel, walMaxBytes: 1024 * 1024, snapshotIntervalS: 0.2, fsyncIntervalMs: 20 };
      const writer = new WriterProcess(path, options);
      await writer.line("ready");
      await until(() => writer.acked > last, 60_000);
      await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 400));
      await writer.end("SIGKILL");
      expect(writer.acked).toBeGreaterThan(last);
      last = await checkWritten(path, writer.acked);
    }
  });
}

test("SIGKILL, ack memory: what is there is a prefix", async () => {
  const path = freshDirectory();
  const writer = new WriterProcess(path, { ackLevel: "memory", walMaxBytes: 1024 * 1024, snapshotIntervalS: 0.2 });
  await writer.line("ready");
  await new Promise((resolve) => setTimeout(resolve, 500));
  await writer.end("SIGKILL");
  expect(await checkWritten(path, 0)).toBeGreaterThan(0);
});

test("SIGTERM: everything is there, a snapshot too, exit code 0", async () => {
  const path = freshDirectory();
  const writer = new WriterProcess(path, { ackLevel: "memory" });
  await writer.line("ready");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await writer.end("SIGTERM")).toBe(0);
  expect(writer.has("closed")).toBe(true);
  expect(await checkWritten(path, writer.acked)).toBeGreaterThan(0);
});

/** SIGTERM and SIGINT under pipelining writers: exit code 0, a final snapshot with every acknowledged write in it, and nothing to replay. */
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileNames } from "@hearthkv/durability";
import { expect, test } from "vitest";
import { requirePeer, type ServerProcess, startHearth, startProcess } from "../support/index.js";
import { CrashRun } from "./crash-run.js";
import { printedSeed } from "./random.js";

const ROUNDS = Number(process.env.HEARTHKV_SHUTDOWN_ROUNDS ?? 2);
const WRITERS = 8;
const LOAD_MS = 250;
/** Signals that come together count as one. */
const STOP_HANGS_MS = 1000;
/** Far above what it takes: the machine may be busy. */
const STOP_MS_MAX = 20_000;

test.for([
  ["SIGTERM", "memory"],
  ["SIGTERM", "written"],
  ["SIGTERM", "synced"],
  ["SIGINT", "written"],
] as const)("%s under load, --ack %s", async ([signal, level]) => {
  const flags = ["--ack", level, "--wal-max-bytes", "1mb", "--snapshot-interval-s", "0.2"];
  const run = new CrashRun(printedSeed(`${signal}, ${level}`), WRITERS, flags);
  for (let round = 0; round < ROUNDS; round++) {
    const server = await startHearth(run.options);
    await run.check(server);
    expect(await persistenceField(server, "recovery_wal_entries")).toBe(0);
    await run.startWriters(server.port);
    await sleep(LOAD_MS);
    const startedMs = performance.now();
    expect(await server.stop(signal)).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedMs).toBeLessThan(STOP_MS_MAX);
    await run.writersEnded();
    expect(fileNames.snapshotNames(readdirSync(run.dataDir))).not.toEqual([]);
    expect(readdirSync(run.dataDir).filter((name) => name.startsWith("LOCK"))).toEqual([]);
  }
  const last = await startHearth(run.options);
  await run.check(last);
  expect(await persistenceField(last, "recovery_wal_entries")).toBe(0);
  await last.stop();
  expect(run.totals).toMatchObject({ lost: 0, faults: [] });
  expect(run.totals.acknowledged).toBeGreaterThan(100);
});

test("a second signal ends a stop that hangs, and what was acknowledged is in the log", async (context) => {
  requirePeer(context, "strace");
  const run = new CrashRun(printedSeed("second signal"), WRITERS, ["--fsync-interval-ms", "60000"]);
  const server = await startHearth(run.options);
  const slowDisk = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=3000000"];
  const disk = startProcess("strace", ["-f", "-p", String(server.pid), "-o", "/dev/null", ...slowDisk]);
  await disk.waitFor(/attached/);
  await run.startWriters(server.port);
  await sleep(LOAD_MS);
  process.kill(server.pid, "SIGTERM");
  await sleep(STOP_HANGS_MS);
  expect((await server.stop("SIGTERM")).code).toBeNull();
  expect(server.child.stderr).toContain("second SIGTERM: ended at once");
  await run.writersEnded();

  const last = await startHearth(run.options);
  await run.check(last);
  await last.stop();
  expect(run.totals).toMatchObject({ lost: 0, faults: [] });
  expect(run.totals.acknowledged).toBeGreaterThan(100);
});

async function persistenceField(server: ServerProcess, name: string): Promise<number> {
  const client = await server.connect();
  const value = await client.infoNumber(name);
  client.close();
  return value;
}

/** Out of file descriptors: with few from the start, and with none left while the log is rotated and snapshots are made. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { CrashRun } from "../crash/crash-run.js";
import { printedSeed } from "../crash/random.js";
import { type RespClient, requirePeer, type ServerProcess, startHearth, waitUntil } from "../support/index.js";
import { snapshotNames } from "./data-directory.js";
import { persistenceInfo, persistenceNumber } from "./server-info.js";
import { answerOf, tryWrite } from "./try-write.js";

/** Node opens the server's modules all at once: with 112 it does not start. */
const FEW = 192;
const CONNECTIONS = 180;
const WRITERS = 4;
const DEPTH = 8;
const HEALED_MS_MAX = 10_000;
const REFUSAL = "MISCONF Errors writing to the AOF file: Too many open files";
const FLAGS = ["--wal-max-bytes", "128kb", "--snapshot-interval-s", "0.2"];

/** Waits until the log was rotated and a snapshot published, once more. */
async function rotatedAndSaved(client: RespClient): Promise<void> {
  const before = await persistenceInfo(client);
  await waitUntil("a rotation and a snapshot", async () => {
    const now = await persistenceInfo(client);
    return now.wal_rotations !== before.wal_rotations && now.snapshot_count !== before.snapshot_count;
  });
}

async function restarted(run: CrashRun, server: ServerProcess): Promise<void> {
  await server.kill();
  await run.writersEnded();
  const last = await startHearth(run.options);
  await run.check(last);
  await last.stop();
  expect(run.totals).toMatchObject({ lost: 0, faults: [] });
}

test(`${FEW} descriptors and ${CONNECTIONS} connections: some are turned away, the log and the snapshots go on`, async () => {
  const run = new CrashRun(printedSeed("few descriptors"), WRITERS, FLAGS);
  const limited = ["bash", "-c", `ulimit -n ${FEW} && exec "$@"`, "-"];
  const server = await startHearth({ ...run.options, wrapper: limited });
  const client = await server.connect();
  await run.startWriters(server.port, DEPTH);
  const others = await Promise.all(Array.from({ length: CONNECTIONS }, () => server.connect()));
  const answers = await Promise.all(others.map((other) => other.send("PING").catch((error: Error) => error.message)));
  const served = answers.filter((answer) => answer === "PONG").length;
  expect(served).toBeGreaterThan(0);
  expect(served).toBeLessThan(FEW);
  await rotatedAndSaved(client);
  await rotatedAndSaved(client);
  expect(await persistenceNumber(client, "wal_errors")).toBe(0);
  for (const other of others) other.close();
  await waitUntil("there is room for clients again", async () => {
    const next = await server.connect();
    const answer = await next.send("PING").catch(() => null);
    next.close();
    return answer === "PONG";
  });
  client.close();
  await restarted(run, server);
  console.log(`few descriptors: ${JSON.stringify({ served, of: CONNECTIONS, ...run.totals })}`);
});

test("no descriptor left for a while: writes are refused when the segment is full, snapshots fail, both heal", async (context) => {
  requirePeer(context, "prlimit");
  const run = new CrashRun(printedSeed("no descriptors"), WRITERS, FLAGS, { mayBeRefused: true });
  const server = await startHearth(run.options);
  const client = await server.connect();
  const probes = await Promise.all(Array.from({ length: 5 }, () => server.connect()));
  await run.startWriters(server.port, DEPTH);
  await rotatedAndSaved(client);

  const limit = (count: string): void => {
    execFileSync("prlimit", ["--pid", String(server.pid), `--nofile=${count}`]);
  };
  const hard = /Max open files\s+\d+\s+(\d+)/.exec(
    execFileSync("cat", [`/proc/${server.pid}/limits`], { encoding: "utf8" }),
  )?.[1];
  limit(`5:${hard}`);
  const failures = await persistenceNumber(client, "snapshot_failures");
  await waitUntil("the segment is full", async () => (await persistenceNumber(client, "wal_errors")) > 0);
  // Asked for: none is due by time where the last one was larger than what has changed since.
  expect(String(await client.send("SAVE"))).toMatch(/EMFILE/);
  expect(await persistenceNumber(client, "snapshot_failures")).toBeGreaterThan(failures);
  // A write that comes too early for its refusal is answered when the log goes on, and no new client gets in meanwhile.
  await waitUntil("writes are refused", async () => (await answerOf(probes.pop() as RespClient)) === REFUSAL);
  expect(await client.send("EXISTS", "nothing")).toBe(0);
  expect(snapshotNames(run.dataDir).length).toBeGreaterThan(0);

  limit(`${hard}:${hard}`);
  const healingMs = performance.now();
  await waitUntil("writes are taken again", async () => (await tryWrite(server)) === "OK", HEALED_MS_MAX);
  const healedMs = Math.round(performance.now() - healingMs);
  // One that was due may still be under way.
  await waitUntil("a snapshot", async () => (await client.send("SAVE")) === "OK");
  const rotations = await persistenceNumber(client, "wal_rotations");
  await waitUntil("a rotation", async () => (await persistenceNumber(client, "wal_rotations")) > rotations);
  client.close();
  await restarted(run, server);
  console.log(`no descriptors: ${JSON.stringify({ refused: run.refused, healedMs, ...run.totals })}`);
});

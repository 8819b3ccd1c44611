/**
 * fdatasync fails with EIO: once at the Nth call, or for a while. Writes are refused with the reason, reads go on, nothing is acknowledged
 * as synced meanwhile, and the server heals by itself; then kill -9, and everything acknowledged is there.
 *
 * Negative control of what is judged after the kill: crash/oracle.test.ts. By hand: with a WalWriter that forgets the failure (no `poisoned`)
 * the file stays the same and this is red. HEARTHKV_FSYNC_FAILURES=50 tries N = 1..50 for each level.
 */

import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { CrashRun } from "../crash/crash-run.js";
import { printedSeed } from "../crash/random.js";
import { type RespClient, requirePeer, type ServerProcess, startHearth, waitUntil } from "../support/index.js";
import { DiskFault } from "./disk-fault.js";
import { persistenceNumber } from "./server-info.js";
import { tryWrite } from "./try-write.js";

const FAILURES = Number(process.env.HEARTHKV_FSYNC_FAILURES ?? 0);
const FAIL_AT = FAILURES > 0 ? Array.from({ length: FAILURES }, (_, i) => i + 1) : [1, 4];
const WRITERS = 4;
const DEPTH = 8;
const FAILS_FOR_MS = 600;
/** The promise is 2 s; a busy machine may be slow in between. */
const HEALED_MS_MAX = 10_000;
const READ_MS_MAX = 1000;
const REFUSAL = "MISCONF Errors writing to the AOF file: Input/output error";

/** A server under writers, whose disk fails again and again. */
class FailingServer {
  readonly run: CrashRun;
  readonly server: ServerProcess;
  readonly client: RespClient;
  readonly healedMs: number[] = [];

  static async start(level: string): Promise<FailingServer> {
    const flags = ["--ack", level, "--fsync-interval-ms", "5", "--wal-max-bytes", "256kb", "--snapshot-keep", "1"];
    const run = new CrashRun(printedSeed(`fdatasync fails, ${level}`), WRITERS, flags, {
      mayBeRefused: true,
      env: { UV_THREADPOOL_SIZE: "1" }, // strace counts for each thread
    });
    const server = await startHearth(run.options);
    const client = await server.connect();
    await run.startWriters(server.port, DEPTH);
    return new FailingServer(run, server, client);
  }

  private constructor(run: CrashRun, server: ServerProcess, client: RespClient) {
    this.run = run;
    this.server = server;
    this.client = client;
  }

  /** The Nth fdatasync of the log from now on fails. */
  failsAt(n: number): Promise<DiskFault> {
    const files = [join(this.run.dataDir, "wal-current.log")];
    return DiskFault.begin(this.server, { calls: "fdatasync", effect: `error=EIO:when=${n}`, files });
  }

  /** The file that is the present segment. The number of an inode is used again, its time of birth is not. */
  async segment(): Promise<string> {
    const file = join(this.run.dataDir, "wal-current.log");
    // Between the two renames of a rotation there is none.
    const { ino, birthtimeNs } = await waitUntil("a segment", () =>
      statSync(file, { bigint: true, throwIfNoEntry: false }),
    );
    return `${ino} ${birthtimeNs}`;
  }

  /** Each fdatasync fails, of new segments and snapshots too. */
  fails(): Promise<DiskFault> {
    return DiskFault.begin(this.server, { calls: "fdatasync", effect: "error=EIO" });
  }

  async refuses(): Promise<void> {
    await waitUntil("writes are refused", async () => (await tryWrite(this.server)) === REFUSAL);
  }

  async reads(): Promise<void> {
    const startMs = performance.now();
    expect(await this.client.send("EXISTS", "nothing")).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(READ_MS_MAX);
  }

  /** Waits until writes are taken again, and notes how long after `sinceMs` that was. */
  async healed(sinceMs: number): Promise<void> {
    await waitUntil("writes are taken again", async () => (await tryWrite(this.server)) === "OK", HEALED_MS_MAX);
    this.healedMs.push(Math.round(performance.now() - sinceMs));
    const { acknowledged } = this.run;
    await waitUntil("writers go on", () => this.run.acknowledged > acknowledged + WRITERS * DEPTH);
  }
}

test.for(["memory", "written", "synced"])("fdatasync fails, --ack %s", { timeout: 900_000 }, async (level, context) => {
  requirePeer(context, "strace");
  const failing = await FailingServer.start(level);
  const { run, server, client } = failing;

  for (const n of FAIL_AT) {
    const errors = await persistenceNumber(client, "wal_errors");
    const fault = await failing.failsAt(n);
    await waitUntil("an fdatasync fails", async () => (await persistenceNumber(client, "wal_errors")) > errors);
    const failedMs = performance.now();
    await failing.reads();
    await failing.healed(failedMs);
    await fault.end();
  }

  const fault = await failing.fails();
  const waiting = await server.connect();
  const begun = waiting.send("SET", "unsynced", "");
  let answer: unknown = null;
  void begun.then((reply) => {
    answer = reply;
  });
  await failing.refuses();
  await failing.reads();
  const segment = await failing.segment();
  const synced = await persistenceNumber(client, "wal_synced_sequence");
  await sleep(FAILS_FOR_MS);
  expect(await persistenceNumber(client, "wal_synced_sequence")).toBe(synced);
  if (level === "synced") expect(answer).not.toBe("OK");
  await failing.reads();
  await fault.end();
  await failing.healed(performance.now());
  // What could not be synced is never synced again: another file has taken its place.
  expect(await failing.segment()).not.toBe(segment);
  await begun;
  waiting.close();

  client.close();
  await server.kill();
  await run.writersEnded();
  const last = await startHearth(run.options);
  await run.check(last);
  await last.stop();
  const { acknowledged, lost, faults } = run.totals;
  const healedMsMost = Math.max(...failing.healedMs);
  const failures = FAIL_AT.length + 1;
  const { refused } = run;
  console.log(`fdatasync fails, ${level}: ${JSON.stringify({ failures, acknowledged, refused, lost, healedMsMost })}`);
  expect(faults.map((fault) => fault.slice(0, 600)).slice(0, 5)).toEqual([]);
  if (level !== "memory") expect(lost).toBe(0);
});

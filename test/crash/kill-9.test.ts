/**
 * kill -9 under pipelining writers, again and again on the same directory, while segments are rotated and snapshots published.
 *
 * After each restart: what is there is the effect of a prefix of every writer's commands, and of the common order of all of them; the
 * prefix has every acknowledged command (levels written and synced); no transaction is there by half; a second recovery of the same files
 * gives the same. HEARTHKV_KILL_CYCLES sets the number of cycles for each level. Negative control: oracle.test.ts.
 */
import { startServer } from "@hearthkv/server";
import { expect, test } from "vitest";
import { startHearth } from "../support/index.js";
import { CrashRun, copyDataDirectory } from "./crash-run.js";
import { printedSeed } from "./random.js";

const CYCLES = Number(process.env.HEARTHKV_KILL_CYCLES ?? 12);
const WRITERS = 8;
/** Every so many cycles the directory is recovered twice. */
const COMPARE_EVERY = 4;
const CYCLE_MS_MAX = 60_000;

const flags = ["--wal-max-bytes", "128kb", "--snapshot-interval-s", "0.2", "--enable-debug-command"];

test.for(["written", "synced", "memory"])(
  "acknowledged with --ack %s",
  { timeout: CYCLES * CYCLE_MS_MAX },
  async (level) => {
    const run = new CrashRun(printedSeed(`kill -9, ${level}`), WRITERS, [...flags, "--ack", level]);
    const { totals } = run;
    // Else the test would have proved less than it says: on a busy machine a cycle may be over before much has happened.
    const sawEnough = () => totals.acknowledged > CYCLES * 100 && totals.snapshots > 0 && totals.rotations > 0;
    for (let i = 0; i < CYCLES || !sawEnough(); i++) {
      await run.cycle();
      if (i % COMPARE_EVERY === 0) expect(await digestOfCopy(run.dataDir)).toBe(await digestAfterStart(run));
      expect(run.totals.faults).toEqual([]);
    }
    const last = await startHearth(run.options);
    await run.check(last);
    await last.stop();

    console.log(`kill -9, ${level}: ${JSON.stringify(totals)}`);
    expect(totals.faults).toEqual([]);
    if (level !== "memory") expect(totals.lost).toBe(0);
  },
);

async function digestOfCopy(dataDir: string): Promise<string> {
  const server = await startServer({
    dataDir: copyDataDirectory(dataDir),
    host: "127.0.0.1",
    port: 0,
    logLevel: "silent",
  });
  const digest = server.digest();
  await server.close({ snapshot: false });
  return digest;
}

async function digestAfterStart(run: CrashRun): Promise<unknown> {
  const server = await startHearth(run.options);
  const client = await server.connect();
  const digest = await client.ok("DEBUG", "DIGEST");
  client.close();
  await server.kill();
  return digest;
}

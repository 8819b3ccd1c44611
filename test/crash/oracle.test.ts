/**
 * Negative control of every test that judges by CrashRun (kill -9, system calls, failing and full disks, power loss): what it is for is done
 * to the directory on purpose, and it must say so.
 */
import { copyFileSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileNames } from "@hearthkv/durability";
import { expect, test } from "vitest";
import { startHearth } from "../support/index.js";
import { CrashRun } from "./crash-run.js";
import { printedSeed } from "./random.js";

const WRITERS = 4;
const COMMANDS = 2000;
/** No snapshots: all is in the log. */
const FLAGS = ["--snapshot-interval-s", "0", "--snapshot-ops", "0", "--wal-max-bytes", "1gb"];

/** Writes, kills, lets `damage` be done, and gives what the run then says. */
async function judged(damage: (dataDir: string, run: CrashRun) => Promise<void> | void): Promise<CrashRun["totals"]> {
  const run = new CrashRun(printedSeed("oracle"), WRITERS, FLAGS);
  const server = await startHearth(run.options);
  await run.startWriters(server.port);
  while (run.acknowledged < COMMANDS) await new Promise((resolve) => setTimeout(resolve, 10));
  await server.kill();
  await run.writersEnded();
  await damage(run.dataDir, run);
  const last = await startHearth(run.options);
  await run.check(last);
  await last.stop();
  return run.totals;
}

test("nothing done: nothing is said", async () => {
  expect(await judged(() => {})).toMatchObject({ lost: 0, faults: [] });
});

test("acknowledged writes that are gone are counted", async () => {
  const { lost, faults } = await judged((dataDir) => {
    const log = join(dataDir, fileNames.WAL_CURRENT);
    truncateSync(log, Math.floor(readFileSync(log).length / 2));
  });
  expect(lost).toBeGreaterThan(COMMANDS / 10);
  expect(faults).toEqual([]);
});

test("an old state over a new one is no prefix of what came since", async () => {
  const run = new CrashRun(printedSeed("oracle"), WRITERS, FLAGS);
  for (let i = 0; i < 2; i++) {
    const server = await startHearth(run.options);
    await run.check(server);
    await run.load(server);
    if (i === 0) copyFileSync(join(run.dataDir, fileNames.WAL_CURRENT), join(run.dataDir, "kept"));
  }
  for (const name of fileNames.segmentNames(readdirSync(run.dataDir))) rmSync(join(run.dataDir, name));
  copyFileSync(join(run.dataDir, "kept"), join(run.dataDir, fileNames.WAL_CURRENT));
  truncateSync(
    join(run.dataDir, fileNames.WAL_CURRENT),
    Math.floor(readFileSync(join(run.dataDir, "kept")).length / 2),
  );
  const last = await startHearth(run.options);
  await run.check(last);
  await last.stop();
  expect(run.totals.faults.join("\n")).toContain("no prefix of its commands");
});

test("a value that nobody wrote, and half a transaction, are faults", async () => {
  const { faults } = await judged(async (_dataDir, run) => {
    const server = await startHearth(run.options);
    const client = await server.connect();
    const keys = (await client.ok("KEYS", "*:s*")) as string[];
    await client.ok("SET", keys[0] as string, "forged");
    await client.ok("INCR", "order");
    client.close();
    await server.stop();
  });
  expect(faults.join("\n")).toContain("should be");
  expect(faults.join("\n")).toContain("the common counter grew");
});

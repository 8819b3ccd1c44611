/**
 * Runs one of the long tests at a size of your choice:
 *
 *   npm run campaign -- --list
 *   npm run campaign -- NAME [--count N]
 *
 * Each is a test file that `npm test` runs in small; a variable holds its size. The output shows the seed, what was counted and the result;
 * HEARTHKV_SEED=N repeats a run (power-loss, library-power-loss and io-errors: HEARTHKV_CRASH_SEED). Nothing is written but temporary folders.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** `tests`: of the file only those whose names match. `full`: the count that proves what DURABILITY.md says. */
const campaigns = {
  "power-loss": {
    file: "packages/durability/test/power-loss.test.ts",
    ...{ variable: "HEARTHKV_CRASH_STATES", full: 1_000_000, unit: "crash states" },
  },
  "library-power-loss": {
    file: "packages/durability/test/library-power-loss.test.ts",
    ...{ variable: "HEARTHKV_CRASH_STATES", full: 1_000_000, unit: "crash states under the log of the library" },
  },
  "kill-9": {
    file: "test/crash/kill-9.test.ts",
    ...{ variable: "HEARTHKV_KILL_CYCLES", full: 334, unit: "cycles at each of three ack levels" },
  },
  "torn-tail": {
    file: "packages/durability/test/torn-tail.test.ts",
    ...{
      variable: "HEARTHKV_TORN_CUTS",
      full: 21_000,
      unit: "places in each of four shapes (the full count: every byte)",
    },
  },
  "bit-flips": {
    file: "packages/durability/test/bit-flips.test.ts",
    ...{
      variable: "HEARTHKV_BIT_FLIPS",
      full: 170_000,
      unit: "bits of each of three files (the full count: every bit)",
    },
  },
  "synced-damage": {
    file: "test/crash/synced-damage.test.ts",
    ...{ variable: "HEARTHKV_SYNCED_DAMAGE", full: 40, unit: "servers killed, some 70 damages to the files of each" },
  },
  "syscall-kill": {
    file: "test/faults/syscall-kill.test.ts",
    ...{ variable: "HEARTHKV_SYSCALL_POINTS", full: 30, unit: "kills at most in each of 26 walks" },
  },
  "io-errors": {
    file: "packages/durability/test/io-error-sweep.test.ts",
    ...{ variable: "HEARTHKV_IO_STORIES", full: 20, unit: "stories, each with a failure at every operation" },
  },
  "fsync-heal": {
    file: "test/faults/fsync-heal.test.ts",
    ...{ variable: "HEARTHKV_FSYNC_FAILURES", full: 50, unit: "failures at each of three ack levels" },
  },
  "full-disk": {
    file: "test/faults/full-disk.test.ts",
    ...{ variable: "HEARTHKV_FULL_DISK_ROUNDS", full: 100, unit: "times full and free at each of two ack levels" },
  },
  "slow-disk": {
    file: "test/faults/slow-disk.test.ts",
    tests: "slow disk",
    ...{ variable: "HEARTHKV_SLOW_DISK_S", full: 60, unit: "seconds of load on each of two disks" },
  },
  "synced-barrier": {
    file: "test/faults/slow-disk.test.ts",
    tests: "synced reply",
    ...{ variable: "HEARTHKV_BARRIER_CLIENTS", full: 1000, unit: "clients at once" },
  },
  shown: {
    file: "test/crash/shown.test.ts",
    ...{ variable: "HEARTHKV_SHOWN_CYCLES", full: 50, unit: "cycles at each of two ack levels, on a slow disk" },
  },
  digest: {
    file: "test/recovery/digest.test.ts",
    ...{ variable: "HEARTHKV_DIGEST_ROUNDS", full: 100, unit: "random moments" },
  },
  "ext4-power-loss": {
    file: "test/faults/ext4-power-loss.test.ts",
    ...{ variable: "HEARTHKV_EXT4_CYCLES", full: 200, unit: "power losses of a real file system" },
  },
  "compare-redis": {
    file: "test/compare/redis.test.ts",
    ...{ variable: "HEARTHKV_COMPARE_ROUNDS", full: 20, unit: "rounds of each case, on both servers" },
  },
};

function list() {
  for (const [name, { full, unit }] of Object.entries(campaigns)) {
    console.log(`${name.padEnd(16)} ${String(full).padStart(9)}  ${unit}`);
  }
}

function run(name, count) {
  const { file, tests, variable } = campaigns[name];
  const env = { ...process.env, [variable]: String(count) };
  const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
  const args = ["run", file, "--testTimeout=7200000", "--reporter=verbose", ...(tests ? ["-t", tests] : [])];
  const startMs = performance.now();
  const { status } = spawnSync(process.execPath, [vitest, ...args], { env, stdio: "inherit" });
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(`campaign ${name}, ${variable}=${count}: ${status === 0 ? "passed" : "FAILED"} in ${seconds} s`);
  return status ?? 1;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: "boolean" }, count: { type: "string" } },
});
const [name = ""] = positionals;
const count = Number(values.count ?? campaigns[name]?.full);
if (values.list) {
  list();
} else if (!Object.hasOwn(campaigns, name) || positionals.length > 1 || !Number.isInteger(count) || count < 1) {
  console.error("usage: npm run campaign -- NAME [--count N]; these there are, with their full counts:");
  list();
  process.exitCode = 2;
} else {
  process.exitCode = run(name, count);
}

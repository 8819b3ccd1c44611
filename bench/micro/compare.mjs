/**
 * bench:micro of this working tree beside another revision's, in alternating rounds: medians and their ratio.
 *
 *   node bench/micro/compare.mjs REF [--rounds 5] [--only resp] [--ms 100] [--scale 1]
 *
 * The revision is checked out and built in a temporary folder. Both run this tree's bench/micro.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { helpIfAsked, median, number, printTable, refuse, rounded } from "../load/report.mjs";

helpIfAsked(import.meta.url);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    ms: { type: "string", default: "100" },
    scale: { type: "string", default: "1" },
  },
});
const here = fileURLToPath(new URL("../..", import.meta.url));
const roundCount = number(values, "rounds", 1);
number(values, "ms");
number(values, "scale");
const [ref] = positionals;
if (positionals.length !== 1) {
  refuse("which revision is this working tree to be compared with? node bench/micro/compare.mjs REF");
}

/** Runs a program and returns what it printed; its failure is ours. */
function run(cwd, command, ...args) {
  const ran = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 1 << 26 });
  if (ran.signal !== null) process.exit(1); // Ctrl-C reaches the child, too
  if (ran.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${ran.error ?? ran.stdout + ran.stderr}`);
  return ran.stdout;
}

/** Makes the revision ready in `there`. With the same lock file it borrows what is installed here. */
function build(there) {
  run(here, "git", "worktree", "add", "--detach", there, ref);
  const isSameLock = spawnSync("git", ["diff", "--quiet", ref, "--", "pnpm-lock.yaml"], { cwd: here }).status === 0;
  if (isSameLock) {
    const store = join(here, "node_modules", ".pnpm");
    const copy = (folder) =>
      cpSync(join(here, folder), join(there, folder), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => path !== store,
      });
    copy("node_modules");
    symlinkSync(store, join(there, "node_modules", ".pnpm"));
    for (const name of run(here, "git", "ls-files", "packages/*/package.json").trim().split("\n")) {
      const folder = name.replace("package.json", "node_modules");
      if (existsSync(join(here, folder)) && existsSync(join(there, name))) copy(folder);
    }
    run(there, process.execPath, join("node_modules", "typescript", "bin", "tsc"), "-b");
  } else run(there, process.execPath, join("bin", "setup.js"));
  rmSync(join(there, "bench"), { recursive: true, force: true });
  cpSync(join(here, "bench"), join(there, "bench"), { recursive: true });
}

const parent = mkdtempSync(join(tmpdir(), "hearthkv-compare-"));
const there = join(parent, "tree");
const rounds = [[], []];
process.once("exit", () => {
  spawnSync("git", ["worktree", "remove", "--force", there], { cwd: here });
  rmSync(parent, { recursive: true, force: true });
});
// Heard between two rounds.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));
build(there);
const trees = [there, here];
for (let round = 0; round < roundCount; round++) {
  await new Promise(setImmediate);
  for (const t of round % 2 === 0 ? [0, 1] : [1, 0]) {
    const args = ["bench/micro/run.mjs", "--json", "--only", values.only, "--ms", values.ms, "--scale", values.scale];
    rounds[t].push(JSON.parse(run(trees[t], process.execPath, ...args)));
  }
}

console.log(`${ref} and this working tree | ${new Date().toISOString().slice(0, 16)}Z | Node ${process.version}`);
const titles = new Set(rounds.flat().flatMap(({ results }) => Object.keys(results)));
const medians = (t, title) => median(rounds[t].map(({ results }) => results[title] ?? Number.NaN));
printTable(
  [...titles].map((title) => {
    const [before, now] = [medians(0, title), medians(1, title)];
    return {
      part: title,
      [`ns ${ref}`]: rounded(before, 1),
      "ns now": rounded(now, 1),
      ratio: rounded(now / before, 2),
    };
  }),
);
for (const [t, name] of [ref, "now"].entries()) {
  for (const [title, reason] of Object.entries(rounds[t][0]?.missing ?? {}))
    console.log(`${title} failed at ${name}: ${reason}`);
}

/** The benches still run: each in a small form. What they measure is not judged here. */
import { expect, test } from "vitest";
import { projectRoot, requirePeer, runProcess } from "./support/index.js";

const small = [
  {
    script: "throughput",
    args: ["--rounds", "1", "--pipelines", "16", "--scale", "0.01"],
    prints: /SET[^\n]*\n[^\n]*GET/,
  },
  { script: "memory", args: ["--keys", "2000", "--settle-ms", "100"], prints: /redis-server[^\n]*\n[^\n]*HearthKV/ },
  { script: "restart", args: ["--keys", "2000", "--rounds", "1"], prints: /recovery \d+ ms/ },
];

for (const { script, args, prints } of small) {
  test(`bench/load/${script}.mjs prints its figures`, async (context) => {
    requirePeer(context, "redis-server", "redis-benchmark");
    const run = await runProcess(process.execPath, [`bench/load/${script}.mjs`, ...args], { cwd: projectRoot });
    expect(run.code, run.stderr).toBe(0);
    expect(run.stdout).toMatch(prints);
  });
}

/** The benches still run: each in a small form. What they measure is not judged here. */
import { spawnSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot, requirePeer, runProcess, temporaryFolder } from "./support/index.js";

const pauseSizes = ["--keys", "20000", "--expiring", "2000", "--elements", "2000", "--seconds", "0.3"].concat(
  ["--rate", "2000"],
  ["--warm-s", "0.1", "--after-s", "0.1"],
);

const small = [
  {
    script: "load/throughput",
    args: ["--rounds", "1", "--pipelines", "16", "--scale", "0.005"],
    prints: [/^PING_INLINE .*\n(.*\n)*SET .*\n(.*\n)*LRANGE_600 .*$/m],
  },
  {
    script: "load/throughput",
    args: ["--rounds", "2", "--tests", "SET,LRANGE_600", "--scale", "0.005", "--bytes", "64,100"],
    prints: [/^SET +1 +64 .*\n(.*\n)*LRANGE_600 +64 +100 .*$/m],
  },
  {
    script: "load/throughput",
    args: ["--rounds", "1", "--pipelines", "16", "--tests", "INCR,HGET,MGET", "--scale", "0.005", "--keys", "300"],
    prints: [/^INCR .*\nHGET .*\nMGET \(10 keys\) .*$/m],
  },
  {
    script: "load/throughput",
    args: [
      "--rounds",
      "1",
      "--pipelines",
      "1",
      "--tests",
      "SET",
      "--scale",
      "0.005",
      "--acks",
      "synced",
      "--idle",
      "100",
    ],
    prints: [/^SET /m, /bytes an idle connection/],
  },
  {
    script: "load/memory",
    args: [
      "--keys",
      "2000",
      "--collections",
      "200",
      "--elements",
      "2000",
      "--settle-ms",
      "10",
      "--idle-s",
      "0.1",
      "--cases",
      "string 64,zset",
    ],
    prints: [/idle: % of a core/, /^string 64 B with TTL /m, /^zset, 2000 elements /m],
  },
  {
    script: "load/memory",
    args: ["--collections", "20", "--settle-ms", "10", "--idle-s", "0.1", "--cases", "grid zset 3 x 8 B"],
    prints: [/read us x best.*\ngrid zset 3 x 8 B /m],
  },
  {
    script: "load/restart",
    args: ["--keys", "2000", "--rounds", "1", "--cases", "snapshot,mixed"],
    prints: [/^snapshot .*\nmixed /m],
  },
  {
    script: "load/pause",
    args: [...pauseSizes, "--cases", "grow,snapshot,expire"],
    prints: [/^grow .*\nsnapshot .*\nexpire /m],
  },
  {
    script: "load/pause",
    args: [...pauseSizes, "--cases", "delete-zset,slow-disk"],
    prints: [/^delete-zset .*\nslow-disk /m],
  },
  {
    script: "load/connect",
    args: ["--connections", "20", "--rounds", "1", "--loads", "idle,8x1000", "--warm-s", "0.1"],
    prints: [/^idle .*\n8x1000 /m],
  },
  { script: "micro/run", args: ["--ms", "2", "--scale", "0.01"], prints: [/^resp\/(.*\n)*engine\/(.*\n)*server\//m] },
  {
    script: "micro/compare",
    args: ["HEAD", "--rounds", "1", "--ms", "2", "--scale", "0.01", "--only", "resp"],
    prints: [/^resp\/decoder: GET +[\d.]+ +[\d.]+ +[\d.]+$/m],
  },
];

for (const { script, args, prints } of small) {
  test(`bench/${script}.mjs ${args.join(" ")} prints its figures`, async (context) => {
    const isLoad = script.startsWith("load/");
    if (isLoad) requirePeer(context, "redis-server", "redis-benchmark", "strace");
    const out = temporaryFolder("bench");
    const all = [`bench/${script}.mjs`, ...args, ...(isLoad ? ["--out", out] : [])];
    const run = await runProcess(process.execPath, all, { cwd: projectRoot });
    expect(run.code, run.stderr).toBe(0);
    for (const pattern of prints) expect(run.stdout).toMatch(pattern);
    const name = script.replace("load/", "");
    if (isLoad) expect(JSON.parse(readFileSync(join(out, `${name}.json`), "utf8")).setting.command).toContain(script);
    if (name === "throughput")
      expect(readFileSync(join(out, `${name}.svg`), "utf8")).toMatch(
        /^<svg (.*\n)*.*<rect .* height="8" fill="#(.*\n)*<\/svg>\n$/,
      );
  });
}

test("bench/load/memory.mjs --peers DIR compares with the best of all, also where only some rows have a figure, and tells two of one name apart", async (context) => {
  requirePeer(context, "redis-server");
  const peers = temporaryFolder("peers");
  const program = spawnSync("which", ["redis-server"], { encoding: "utf8" }).stdout.trim();
  symlinkSync(program, join(peers, "redis-server"));
  const sizes = ["--keys", "200", "--collections", "20", "--settle-ms", "10", "--idle-s", "0.1"];
  const all = ["bench/load/memory.mjs", ...sizes, "--cases", "string 16,grid set 1 x 8", "--peers", peers];
  const run = await runProcess(process.execPath, [...all, "--out", temporaryFolder("bench")], { cwd: projectRoot });
  expect(run.code, run.stderr).toBe(0);
  // Controls: columns by the first row's figures lose "read us" for all; without a name for nobody the table is never printed.
  expect(run.stdout).toMatch(/used B redis +used B redis [\d.]+ +used B hearthkv .*read us x best +read us best/);
  expect(run.stdout).toMatch(/^string 16 B .* - .*\n(.*\n)*grid set 1 x 8 B /m);
});

test.each([
  ["load/throughput", ["--rounds", "0"], /--rounds takes a number from 1 on, not 0/],
  ["load/throughput", ["--pipelines", "1,x"], /--pipelines takes numbers above 0/],
  ["load/throughput", ["--acks", "all"], /--acks: there is no all, only memory, written, synced/],
  ["load/memory", ["--cases", "tree"], /--cases: no name begins so/],
  ["load/restart", ["--cases", "tape"], /--cases: there is no tape/],
  ["load/pause", ["--cases", "tape"], /--cases: there is no tape/],
  ["load/restart", ["--peers", "/nowhere"], /--peers \/nowhere: no program there is named/],
  ["micro/run", ["--only", "tape"], /--only tape: no part begins so/],
  ["micro/run", ["--ms", "x"], /--ms takes a number above 0, not x/],
  ["micro/compare", ["HEAD", "--scale", "0"], /--scale takes a number above 0, not 0/],
  ["micro/compare", ["HEAD", "HEAD~1"], /which revision/],
])("bench/%s.mjs %j says what is wrong before it starts anything", async (script, args, message) => {
  const run = await runProcess(process.execPath, [`bench/${script}.mjs`, ...args], { cwd: projectRoot });
  expect(run.stderr).toMatch(message);
  expect(run.code).toBe(2);
  expect(run.stdout).toBe("");
});

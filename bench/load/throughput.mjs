/**
 * redis-benchmark against HearthKV and redis-server (append-only file, everysec) in alternating rounds; medians and their ratio.
 *
 *   node bench/load/throughput.mjs [--rounds 5] [--pipelines 1,16,64] [--tests set,get] [--bytes 64] [--clients 50] [--scale 1] [-- serve flags]
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { cpuSeconds, startHearth, startRedis } from "./servers.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    pipelines: { type: "string", default: "1,16,64" },
    tests: { type: "string", default: "set,get" },
    bytes: { type: "string", default: "64" },
    clients: { type: "string", default: "50" },
    scale: { type: "string", default: "1" },
  },
});
const requestsAt = { 1: 60_000, 16: 400_000, 64: 800_000 };

function benchmark(server, pipeline, test) {
  const count = Math.round((requestsAt[pipeline] ?? 400_000) * Number(values.scale));
  const args = [
    "-p",
    server.port,
    "-c",
    values.clients,
    "-P",
    pipeline,
    "-n",
    count,
    "-d",
    values.bytes,
    "-r",
    100_000,
  ];
  const cpu = cpuSeconds(server);
  const run = spawnSync("redis-benchmark", [...args, "-t", test, "--csv"].map(String), { encoding: "utf8" });
  const row = run.stdout.trim().split("\n").at(-1).replaceAll('"', "").split(",");
  if (run.status !== 0 || row.length < 8) throw new Error(`redis-benchmark ${test}: ${run.stdout}${run.stderr}`);
  const cpuUs = ((cpuSeconds(server) - cpu) / count) * 1e6;
  return { name: row[0], rps: Number(row[1]), p50: Number(row[4]), p99: Number(row[6]), cpuUs };
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

const servers = [await startRedis(), await startHearth(positionals)];
const rows = [];
for (const pipeline of values.pipelines.split(",").map(Number)) {
  for (const test of values.tests.split(",")) {
    const results = servers.map(() => []);
    for (let round = -1; round < Number(values.rounds); round++) {
      const order = round % 2 === 0 ? [0, 1] : [1, 0];
      for (const i of order) {
        const result = benchmark(servers[i], pipeline, test);
        // The first round warms both up.
        if (round >= 0) results[i].push(result);
      }
    }
    const of = (i, field) => median(results[i].map((r) => r[field]));
    rows.push({
      test: results[0][0].name,
      P: pipeline,
      "redis rps": Math.round(of(0, "rps")),
      "hearthkv rps": Math.round(of(1, "rps")),
      ratio: Number((of(1, "rps") / of(0, "rps")).toFixed(2)),
      "redis p99 ms": of(0, "p99"),
      "hearthkv p99 ms": of(1, "p99"),
      "redis cpu us": Number(of(0, "cpuUs").toFixed(2)),
      "hearthkv cpu us": Number(of(1, "cpuUs").toFixed(2)),
    });
  }
}
for (const server of servers) await server.stop("SIGKILL");
console.table(rows);

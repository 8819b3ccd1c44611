/**
 * redis-benchmark's default suite, HGET and MGET against HearthKV, redis-server, valkey-server (those that are installed) and the servers in the
 * folder --peers, all with their log on: alternating rounds, medians and ratios to the best of the others in one table, JSON and a chart. Every run begins with FLUSHALL and the same data; pops never
 * find their collection empty. Snapshots and rewrites of the log come as they do by default; a run begins when none is under way.
 *
 *   node bench/load/throughput.mjs [--quick] [--rounds 5] [--pipelines 1,16,64] [--bytes 64] [--clients 50] [--acks written] [--idle 0]
 *     [--tests SET,GET] [--keys 5000000] [--scale 1] [--peers DIR] [--out bench/results] [-- flags of hearthkv serve]
 *
 * --acks: memory, written or synced; the others run with appendfsync no, everysec or always. --bytes, --clients, --acks, --pipelines
 * and --tests take lists. --keys: so many keys, fields or members, which are there before SET, GET, MGET, INCR, HSET, HGET and ZADD begin (else
 * 100,000, and only what is read is there). --idle: so many connections that do nothing beside the clients, and what each costs.
 */
import { spawn, spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { throughputChart } from "./chart.mjs";
import {
  compared,
  helpIfAsked,
  median,
  names,
  number,
  numbers,
  outOption,
  printSetting,
  printTable,
  progress,
  refuse,
  save,
  sideBySide,
} from "./report.mjs";
import {
  appendfsyncOf,
  childSeconds,
  contenders,
  cpuSeconds,
  infoField,
  isAtRest,
  peersOption,
  residentBytes,
  until,
} from "./servers.mjs";
import { prepare, sizeOf, suite } from "./suite.mjs";

const WARM_SHARE = 0.25;
const SETTLE_MS = 1000;
/** redis-benchmark's own event loop takes no more. */
const IDLE_MAX = 10_000;

helpIfAsked(import.meta.url);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    scale: { type: "string" },
    pipelines: { type: "string", default: "1,16,64" },
    tests: { type: "string", default: suite.map((row) => row.name).join(",") },
    bytes: { type: "string", default: "64" },
    keys: { type: "string" },
    clients: { type: "string", default: "50" },
    acks: { type: "string", default: "written" },
    idle: { type: "string", default: "0" },
    out: outOption,
    peers: peersOption,
  },
});
const amounts = values.quick ? { rounds: 3, scale: 0.3, ...values } : { rounds: 5, scale: 1, ...values };
const rounds = number(amounts, "rounds", 1);
const scale = number(amounts, "scale");
const idle = number(values, "idle", 0);
if (idle > IDLE_MAX) refuse(`--idle is at most ${IDLE_MAX}`);
const keys = values.keys === undefined ? null : number(values, "keys", 1);
const pipelines = numbers(values, "pipelines");
const valueBytes = numbers(values, "bytes");
const clientCounts = numbers(values, "clients");
const acks = names(values, "acks", Object.keys(appendfsyncOf));
const tests = names(
  { tests: values.tests.toUpperCase() },
  "tests",
  suite.map((row) => row.name),
);
const benchmarks = ["redis-benchmark", "valkey-benchmark"];
const benchmark = benchmarks.find((name) => spawnSync(name, ["--version"]).status === 0);
if (benchmark === undefined) {
  refuse("neither redis-benchmark nor valkey-benchmark is on the PATH: install Debian's redis-tools or valkey-tools");
}

/** One run: requests/s, latencies in ms, CPU microseconds of the server a request, share of the time that the client was busy. */
function measure(server, row, run, { pipeline, clients, bytes }) {
  const sizes = ["-c", clients, "-P", pipeline, "-n", run.requests, "-d", bytes, "-r", run.keyspace];
  const args = ["-p", server.port, ...sizes, "--csv", ...row.ask].map(String);
  const before = { server: cpuSeconds(server), client: childSeconds("self"), ms: performance.now() };
  const ran = spawnSync(benchmark, args, { encoding: "utf8" });
  const cpuUs = ((cpuSeconds(server) - before.server) / run.requests) * 1e6;
  const clientBusy = ((childSeconds("self") - before.client) * 1000) / (performance.now() - before.ms);
  const cells = (ran.stdout ?? "").trim().split("\n").at(-1).replaceAll('"', "").split(",");
  const [p50, p99] = [cells.at(-4), cells.at(-2)].map(Number);
  // It counts whole milliseconds: a small run that took less than one is "inf".
  const rps = cells.at(-7) === "inf" ? run.requests * 1000 : Number(cells.at(-7));
  if (ran.status !== 0 || !(rps > 0)) throw new Error(`${benchmark} ${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
  return { rps, p50, p99, cpuUs, clientBusy };
}

/** All rounds of one row: for each server the medians of its figures. */
async function compareRow(servers, row, setting) {
  const run = sizeOf(row, setting);
  if (run === null) return null;
  const results = servers.map(() => []);
  // Round 0 only warms up. The order turns from round to round.
  for (let round = 0; round <= rounds; round++) {
    const order = [...servers.keys()];
    if (round % 2 === 1) order.reverse();
    const size = round === 0 ? { ...run, requests: Math.ceil(run.requests * WARM_SHARE) } : run;
    for (const i of order) {
      await prepare(servers[i], size);
      for (const each of servers) await until(`${each.name} is at rest`, () => isAtRest(each));
      const result = measure(servers[i], row, size, setting);
      if (round > 0) results[i].push(result);
    }
  }
  const of = (i, figure) => median(results[i].map((result) => result[figure]));
  const keys = ["rps", "p50", "p99", "cpuUs", "clientBusy"];
  return servers.map((_, i) => Object.fromEntries(keys.map((key) => [key, of(i, key)])));
}

/** Opens connections that stay idle; returns the processes that hold them and what each connection costs each server. */
async function openIdle(servers) {
  const holders = [];
  const bytesEach = [];
  for (const server of servers) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const before = residentBytes(server);
    holders.push(spawn(benchmark, ["-p", String(server.port), "-I", "-c", String(idle)], { stdio: "ignore" }));
    const connected = () => infoField(server, "clients", "connected_clients").then((count) => count >= idle);
    await until(`${idle} idle connections to ${server.name}`, connected);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    bytesEach.push((residentBytes(server) - before) / idle);
  }
  return { holders, bytesEach };
}

const peers = contenders(values.peers);
const setting = printSetting(peers);
const figures = [];
const idleCosts = [];
const skipped = [];
for (const ack of acks) {
  const room = ["--maxclients", String(IDLE_MAX + 1000)];
  const flagsFor = ({ name }) => [...(idle > 0 ? room : []), ...(name === "HearthKV" ? positionals : [])];
  const servers = [];
  for (const peer of peers) servers.push(await peer.start({ ack, flags: flagsFor(peer) }));
  const { holders, bytesEach } = idle > 0 ? await openIdle(servers) : { holders: [], bytesEach: [] };
  if (idle > 0) idleCosts.push({ ack, ...compared("bytes an idle connection", peers, bytesEach) });
  for (const clients of clientCounts) {
    for (const bytes of valueBytes) {
      for (const pipeline of pipelines) {
        for (const row of suite.filter(({ name }) => tests.includes(name))) {
          const at = { pipeline, clients, bytes, ack };
          const medians = await compareRow(servers, row, { ...at, scale, keys });
          const title = `${row.title} P=${pipeline}, ${clients} clients, ${bytes} bytes, ${ack}`;
          progress(title, medians);
          if (medians === null) skipped.push(title);
          else figures.push({ test: row.title, ...at, medians });
        }
      }
    }
  }
  for (const holder of holders) holder.kill();
  for (const server of servers) await server.stop("SIGKILL");
}

/** Only what differs within this run gets a column. */
const shown = ["pipeline", "clients", "bytes", "ack"].filter((key) => new Set(figures.map((row) => row[key])).size > 1);
printTable(
  figures.map((row) => ({
    test: row.test,
    ...Object.fromEntries(shown.map((key) => [key === "pipeline" ? "P" : key, row[key]])),
    ...compared(
      "rps",
      peers,
      row.medians.map((each) => each.rps),
      0,
      "more",
    ),
    ...compared(
      "p50 ms",
      peers,
      row.medians.map((each) => each.p50),
      2,
    ),
    ...compared(
      "p99 ms",
      peers,
      row.medians.map((each) => each.p99),
      2,
    ),
    ...compared(
      "CPU s/M",
      peers,
      row.medians.map((each) => each.cpuUs),
      2,
    ),
    ...sideBySide(
      "client busy",
      peers,
      row.medians.map((each) => each.clientBusy),
      2,
    ),
  })),
);
if (idleCosts.length > 0) printTable(idleCosts);
for (const each of skipped) console.log(`left out, its replies under way at once would take over 1 GB: ${each}`);
console.log(
  `Medians of ${rounds} rounds; x best = HearthKV's figure of the best other's. CPU s/M: CPU seconds of the server process a million requests.`,
);
console.log(
  `Client busy: ${benchmark}'s share of a core; near 1, requests/s show the client's limit and not the server's. CPU s/M does not depend on it.`,
);
save(
  values.out,
  "throughput.json",
  `${JSON.stringify({ setting, rounds, scale, keys, idle, figures, idleCosts, skipped }, null, 1)}\n`,
);
save(values.out, "throughput.svg", throughputChart(peers, figures, setting));

/**
 * How long new clients wait for a busy server, beside redis-server: --connections of them connect at once and send PING each; the time until
 * the last has its answer, the middle of --rounds rounds, which the servers take in turn.
 *
 *   node bench/load/connect.mjs [--loads idle,50x1,50x16,1x2000,8x1000] [--connections 400] [--rounds 5] [--warm-s 1] [--peers DIR] [--out bench/results]
 *
 * A load CxP is redis-benchmark with C clients that send SETs of 200 B, P at once.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  compared,
  helpIfAsked,
  median,
  names,
  number,
  outOption,
  printSetting,
  printTable,
  progress,
  refuse,
  save,
} from "./report.mjs";
import { contenders, peersOption } from "./servers.mjs";

const loads = ["idle", "50x1", "50x16", "1x2000", "8x1000"];
const VALUE_BYTES = 200;
const KEYS = 100_000;
/** More than any load sends before it is ended. */
const ENDLESS = 2_000_000_000;

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    loads: { type: "string", default: loads.join(",") },
    connections: { type: "string", default: "400" },
    rounds: { type: "string", default: "5" },
    "warm-s": { type: "string", default: "1" },
    out: outOption,
    peers: peersOption,
  },
});
const connections = number(values, "connections");
const rounds = number(values, "rounds");
const warmMs = number(values, "warm-s", 0) * 1000;
const chosen = names(values, "loads", loads);
if (spawnSync("redis-benchmark", ["--version"]).status !== 0)
  refuse("redis-benchmark is not on the PATH (Debian's package redis-tools has it)");

/** One client: resolves when its PING is answered, and its socket is closed. */
async function ping(port) {
  const socket = net.connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
  await once(socket, "data");
  socket.destroy();
}

/** Puts the load on the server, and returns what ends it. */
async function load(server, name) {
  if (name === "idle") return () => {};
  const [clients, pipeline] = name.split("x");
  const sizes = ["-c", clients, "-P", pipeline, "-d", VALUE_BYTES, "-r", KEYS, "-n", ENDLESS];
  const args = ["-h", "127.0.0.1", "-p", server.port, "-t", "set", "-q", ...sizes].map(String);
  const child = spawn("redis-benchmark", args, { stdio: "ignore" });
  await sleep(warmMs);
  return async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  };
}

async function lastAnswerMs(server, name) {
  const unload = await load(server, name);
  const startMs = performance.now();
  await Promise.all(Array.from({ length: connections }, () => ping(server.port)));
  const tookMs = performance.now() - startMs;
  await unload();
  return tookMs;
}

const peers = contenders(values.peers);
const setting = printSetting(peers);
const servers = [];
for (const peer of peers) servers.push(await peer.start());
const results = [];
for (const name of chosen) {
  const times = servers.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, server] of servers.entries()) times[i].push(await lastAnswerMs(server, name));
  results.push({ load: name, times });
  progress(name, Object.fromEntries(peers.map(({ name: peer }, i) => [peer, median(times[i])])));
}
for (const server of servers) await server.stop("SIGKILL");
printTable(
  results.map(({ load: name, times }) => ({
    load: name,
    ...compared("last of all, ms", peers, times.map(median), 1),
  })),
);
save(values.out, "connect.json", `${JSON.stringify({ setting, options: values, results }, null, 1)}\n`);

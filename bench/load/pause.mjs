/**
 * How long a client waits while a server has something large to do, beside redis-server: p99.9 and the longest latency of requests that
 * come at a fixed rate (half SET, half GET). A latency counts from the time at which its request was due, so no stall hides the
 * requests that it held up.
 *
 *   node bench/load/pause.mjs [--cases quiet,grow,snapshot,expire,delete-set,delete-hash,delete-list,delete-zset,
 *     rename-set,rename-hash,rename-list,rename-zset,slow-disk]
 *     [--rate 20000] [--keys 10000000] [--expiring 1000000] [--elements 5000000] [--grow-rate 200000] [--seconds 10]
 *     [--disk-delay-ms 500] [--warm-s 2] [--after-s 3] [--peers DIR] [--out bench/results]
 *
 *   quiet      nothing else happens: what machine and client add by themselves
 *   grow       another client adds keys at --grow-rate a second until there are --keys; both servers save and rewrite as they do by default
 *   snapshot   BGSAVE of --keys keys
 *   expire     --expiring keys expire in the same millisecond; `s` is from then until they are gone
 *   delete-X   DEL of one value with --elements elements
 *   rename-X   RENAME of such a value
 *   slow-disk  every fdatasync takes --disk-delay-ms longer (strace)
 *
 * Each goes on for --after-s, because memory may be given back after the reply.
 */
import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { keyName, sendAll, sendElements } from "./pipeline.mjs";
import { probeKeys, startProbe } from "./probe.mjs";
import {
  compared,
  helpIfAsked,
  names,
  number,
  outOption,
  printSetting,
  printTable,
  progress,
  save,
  sideBySide,
} from "./report.mjs";
import { contenders, infoField, order, peersOption, until, withoutSnapshots } from "./servers.mjs";

const KEYS_PER_MSET = 10;
const VALUE = "x".repeat(64);
/** Time that writing keys with an expiry may take, before they expire. */
const EXPIRY_MS = 2000;
const EXPIRY_MS_A_KEY = 0.02;
/** So long before they expire the probe begins. */
const EXPIRY_LEAD_MS = 1000;
/** No snapshots or rewrites but the one that is measured. */
const unsaved = {
  HearthKV: withoutSnapshots,
  others: ["--auto-aof-rewrite-percentage", "0"],
};
const bulky = {
  set: { command: "SADD", element: (i) => [`member:${i}`] },
  hash: { command: "HSET", element: (i) => [`field:${i}`, `value:${i}`] },
  list: { command: "RPUSH", element: (i) => [`element:${i}`] },
  zset: { command: "ZADD", element: (i) => [i, `member:${i}`] },
};

const caseNames = [
  "quiet",
  "grow",
  "snapshot",
  "expire",
  ...Object.keys(bulky).flatMap((kind) => [`delete-${kind}`, `rename-${kind}`]),
];
helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    cases: { type: "string", default: [...caseNames, "slow-disk"].join(",") },
    rate: { type: "string", default: "20000" },
    keys: { type: "string", default: "10000000" },
    expiring: { type: "string", default: "1000000" },
    elements: { type: "string", default: "5000000" },
    "grow-rate": { type: "string", default: "200000" },
    seconds: { type: "string", default: "10" },
    "disk-delay-ms": { type: "string", default: "500" },
    "warm-s": { type: "string", default: "2" },
    "after-s": { type: "string", default: "3" },
    out: outOption,
    peers: peersOption,
  },
});
const rate = number(values, "rate");
const keys = number(values, "keys");
const expiring = number(values, "expiring");
const elements = number(values, "elements");
const growRate = number(values, "grow-rate");
const quietMs = number(values, "seconds") * 1000;
const delayUs = number(values, "disk-delay-ms", 0) * 1000;
const warmMs = number(values, "warm-s", 0) * 1000;
const afterMs = number(values, "after-s", 0) * 1000;
const chosen = names(values, "cases", [...caseNames, "slow-disk"]);

const keyCount = async (server) => Number((await order(server, "DBSIZE")).slice(1));
const pair = (i) => [keyName(i), VALUE];
const addKeys = (server, options) =>
  sendElements(server, ["MSET"], keys, pair, { perCommand: KEYS_PER_MSET, ...options });

/** Lets a batch through only when its time has come. */
function pacedBy(batchesPerS) {
  const startMs = performance.now();
  let batches = 0;
  return async () => {
    const dueMs = startMs + (batches++ * 1000) / batchesPerS;
    while (performance.now() < dueMs) await sleep(1);
  };
}

/**
 * `before`: what the server holds when the probe begins (its result goes to `during`); `during`: what is measured. What it returns is when it
 * began, where that is not at its call.
 */
const cases = {
  quiet: { during: () => sleep(quietMs) },
  grow: {
    saves: true,
    async during(server) {
      const batch = 20;
      await addKeys(server, { batch, pause: pacedBy(growRate / KEYS_PER_MSET / batch) });
    },
  },
  snapshot: {
    before: (server) => addKeys(server),
    async during(server) {
      await order(server, "BGSAVE");
      const isDone = async () => (await infoField(server, "persistence", "rdb_bgsave_in_progress")) === 0;
      await until("the snapshot is written", isDone);
    },
  },
  expire: {
    async before(server) {
      const atMs = Math.ceil(Date.now() + EXPIRY_MS + expiring * EXPIRY_MS_A_KEY);
      await sendAll(server, expiring, (i) => ["SET", keyName(i), VALUE, "PXAT", atMs]);
      const leftMs = atMs - Date.now();
      if (leftMs < EXPIRY_LEAD_MS)
        throw new Error(`${server.name}: keys would expire before all were written; take fewer: --expiring`);
      await sleep(leftMs - EXPIRY_LEAD_MS);
      return atMs;
    },
    async during(server, atMs) {
      const beganMs = performance.now() + atMs - Date.now();
      await sleep(atMs - Date.now());
      await until("the expired keys are gone", async () => (await keyCount(server)) <= probeKeys);
      return beganMs;
    },
  },
  "slow-disk": {
    wrapper: ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null"].concat(
      ["-e", "trace=fdatasync", "-e"],
      `inject=fdatasync:delay_enter=${delayUs}`,
    ),
    during: () => sleep(quietMs),
  },
};
for (const [kind, { command, element }] of Object.entries(bulky)) {
  for (const [verb, request] of Object.entries({ delete: "DEL bulky", rename: "RENAME bulky other" })) {
    cases[`${verb}-${kind}`] = {
      before: (server) => sendElements(server, [command, "bulky"], elements, element),
      async during(server) {
        await order(server, request);
      },
    };
  }
}

async function measure(peer, { saves = false, wrapper = [], before = () => {}, during }) {
  const quiet = unsaved[peer.name] ?? unsaved.others;
  const server = await peer.start({ flags: saves ? [] : quiet, wrapper });
  const warming = await startProbe(server, rate);
  await sleep(warmMs);
  await warming.stop();
  const held = await before(server);
  const probe = await startProbe(server, rate);
  const startMs = performance.now();
  const beganMs = (await during(server, held)) ?? startMs;
  const tookS = (performance.now() - beganMs) / 1000;
  await sleep(afterMs);
  const figures = await probe.stop();
  await server.stop("SIGKILL");
  return { tookS, ...figures };
}

const peers = contenders(values.peers);
const setting = printSetting(peers);
const results = [];
for (const name of chosen) {
  if (cases[name].wrapper !== undefined && spawnSync("strace", ["-o", "/dev/null", "true"]).status !== 0) {
    console.log(`left out: ${name} (strace is not installed, or may not trace here)`);
    continue;
  }
  const figures = [];
  for (const peer of peers) figures.push(await measure(peer, cases[name]));
  results.push({ case: name, figures });
  progress(name, figures);
}
printTable(
  results.map(({ case: name, figures }) => ({
    while: name,
    ...sideBySide(
      "s",
      peers,
      figures.map(({ tookS }) => tookS),
      1,
    ),
    ...sideBySide(
      "p50 ms",
      peers,
      figures.map(({ p50 }) => p50),
      1,
    ),
    ...compared(
      "p99.9 ms",
      peers,
      figures.map(({ p999 }) => p999),
      1,
    ),
    ...compared(
      "longest ms",
      peers,
      figures.map(({ longest }) => longest),
      1,
    ),
  })),
);
console.log(
  `${values.rate} requests/s; latency from when a request was due, which includes up to 1 ms until the client's next tick; x best = HearthKV's figure of the best other's.`,
);
save(values.out, "pause.json", `${JSON.stringify({ setting, options: values, results }, null, 1)}\n`);

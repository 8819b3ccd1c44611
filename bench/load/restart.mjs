/**
 * What a start takes, beside redis-server and its like: from a snapshot (there: RDB), and from a log (there: an append-only file of commands,
 * aof-use-rdb-preamble no).
 *
 *   node bench/load/restart.mjs [--keys 1000000,10000000] [--bytes 64] [--rounds 3] [--cases snapshot,log,mixed,types,types-log] [--peers DIR]
 *                               [--out bench/results]
 *
 * snapshot: so many strings. log: so many SETs of new keys. mixed: so many SET, INCR, HSET and ZADD over a tenth of the keys. types: so many
 * keys, a sixth each strings, counters, and hashes, lists, sets and sorted sets of three elements, from a snapshot; types-log: from a log.
 * Every server makes its files from the same commands, is killed, and is then started from them in alternating rounds. `load` is what it says
 * about itself (recovery_ms; "DB loaded ..." in its log), `start` the time from the launch until it answers, `cpu` what all its threads used
 * until then, `rss` its resident memory then.
 */
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { keyName, sendAll, valueText } from "./pipeline.mjs";
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
  save,
  sideBySide,
} from "./report.mjs";
import {
  contenders,
  cpuSeconds,
  folder,
  infoField,
  isAtRest,
  order,
  peersOption,
  residentBytes,
  until,
  withoutSnapshots,
} from "./servers.mjs";

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "1000000,10000000" },
    bytes: { type: "string", default: "64" },
    rounds: { type: "string", default: "3" },
    cases: { type: "string", default: "snapshot,log,mixed,types,types-log" },
    out: outOption,
    peers: peersOption,
  },
});
const bytes = number(values, "bytes");
const rounds = number(values, "rounds", 1);
const newKey = (i) => ["SET", keyName(i), valueText(i, bytes)];

/** A quarter of the commands each: a string, a counter, a hash field, a sorted set's member. */
function mixed(count) {
  return (i) => {
    const k = i % (count / 10);
    switch (i % 4) {
      case 0:
        return ["SET", `s:${k}`, valueText(i, bytes)];
      case 1:
        return ["INCR", `n:${k}`];
      case 2:
        return ["HSET", `h:${k >> 4}`, `field-${i % 64}`, valueText(i, bytes)];
      default:
        return ["ZADD", `z:${k >> 4}`, i, `member-${i % 64}`];
    }
  };
}

/** New keys of six types in turn. */
function ofAllTypes() {
  return (i) => {
    const text = (n) => valueText(i + n, bytes);
    switch (i % 6) {
      case 0:
        return ["SET", `s:${i}`, text(0)];
      case 1:
        return ["INCR", `n:${i}`];
      case 2:
        return ["HSET", `h:${i}`, "name", text(0), "mail", text(1), "seen", i];
      case 3:
        return ["RPUSH", `l:${i}`, text(0), text(1), i];
      case 4:
        return ["SADD", `u:${i}`, text(0), text(1), "member"];
      default:
        return ["ZADD", `z:${i}`, i, text(0), i + 1, text(1), i + 2, "member"];
    }
  };
}

const fromSnapshot = { save: true, files: /\.(snap|rdb)$/, flags: ["--appendonly", "no"] };
/** `files`: what is loaded of a data directory; `flags`: of redis-server; `save`: whether the end writes a snapshot. */
const cases = {
  snapshot: { commands: () => newKey, ...fromSnapshot },
  log: { commands: () => newKey, save: false },
  mixed: { commands: mixed, save: false },
  types: { commands: ofAllTypes, ...fromSnapshot },
  "types-log": { commands: ofAllTypes, save: false },
};
const logCase = {
  files: /\.(log|aof)$/,
  flags: ["--aof-use-rdb-preamble", "no", "--auto-aof-rewrite-percentage", "0"],
};
/** The data directory of one server, and how it is started from it. */
async function makeFiles(peer, { commands, save: saves, files, flags }, count) {
  const dataDir = folder();
  const options = { dataDir, flags: peer.name === "HearthKV" ? withoutSnapshots : flags };
  const writer = await peer.start(options);
  await sendAll(writer, count, commands(count));
  if (saves) await order(writer, "SAVE");
  const keys = Number((await order(writer, "DBSIZE")).slice(1));
  // redis-server may reply up to two seconds before it writes, while an fdatasync is under way.
  await until(`${peer.name} has written its log`, () => isAtRest(writer));
  await writer.stop("SIGKILL");
  const names = readdirSync(dataDir, { recursive: true }).filter((name) => files.test(name));
  const fileBytes = names.reduce((sum, name) => sum + statSync(join(dataDir, name)).size, 0);
  return { options, fileBytes, keys };
}

/** Starts a server once: seconds until its data was loaded, and until it answered; CPU time and memory by then. */
async function startOnce(peer, { options, keys }) {
  const logFile = join(options.dataDir, "log.txt");
  rmSync(logFile, { force: true });
  const server = await peer.start(options);
  const cpuS = cpuSeconds(server);
  const rss = residentBytes(server);
  const found = Number((await order(server, "DBSIZE")).slice(1));
  if (found !== keys) throw new Error(`${peer.name}: ${found} of ${keys} keys came back`);
  const loadS =
    peer.name === "HearthKV"
      ? (await infoField(server, "persistence", "recovery_ms")) / 1000
      : Number(/DB loaded from .*: ([\d.]+) seconds/.exec(readFileSync(logFile, "utf8"))?.[1]);
  await server.stop("SIGKILL");
  return { loadS, startS: server.startMs / 1000, cpuS, rss };
}

async function compareCase(peers, each, count) {
  const made = [];
  for (const peer of peers) made.push(await makeFiles(peer, each, count));
  const times = peers.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const turn = [...peers.keys()];
    if (round % 2 === 1) turn.reverse();
    for (const i of turn) times[i].push(await startOnce(peers[i], made[i]));
  }
  for (const { options } of made) rmSync(options.dataDir, { recursive: true });
  const medians = (figure) => times.map((all) => median(all.map(figure)));
  return {
    mb: made.map(({ fileBytes }) => fileBytes / 2 ** 20),
    loadS: medians(({ loadS }) => loadS),
    startS: medians(({ startS }) => startS),
    cpuS: medians(({ cpuS }) => cpuS),
    rssMb: medians(({ rss }) => rss / 2 ** 20),
  };
}

const counts = numbers(values, "keys");
const chosen = names(values, "cases", Object.keys(cases));
const peers = contenders(values.peers);
const setting = printSetting(peers);
const results = [];
for (const count of counts) {
  for (const name of chosen) {
    const figures = await compareCase(peers, { ...logCase, ...cases[name] }, count);
    progress(`${name} ${count}`, figures);
    results.push({ from: name, entries: count, ...figures });
  }
}
printTable(
  results.map(({ from, entries, mb, loadS, startS, cpuS, rssMb }) => ({
    from,
    entries,
    ...sideBySide("MB", peers, mb),
    ...compared("load s", peers, loadS, 2),
    ...compared("start s", peers, startS, 2),
    ...compared("cpu s", peers, cpuS, 2),
    ...compared("rss MB", peers, rssMb),
  })),
);
console.log(`Medians of ${rounds} alternating rounds; x best = HearthKV's time of the best other's.`);
save(values.out, "restart.json", `${JSON.stringify({ setting, results }, null, 1)}\n`);

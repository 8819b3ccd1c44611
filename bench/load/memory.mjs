/**
 * Bytes a key for strings, and a collection or an element for small and large collections, beside redis-server: by used_memory and by
 * resident memory; what comes back after everything was deleted; and what an empty server takes, memory and CPU.
 *
 *   node bench/load/memory.mjs [--keys 1000000] [--collections 100000] [--elements 1000000] [--cases string,hash] [--settle-ms 1000]
 *     [--idle-s 10] [--out bench/results]
 *
 * Each case runs on a server of its own. --cases takes beginnings of names.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { keyName, sendAll, sendElements } from "./pipeline.mjs";
import {
  compared,
  helpIfAsked,
  number,
  outOption,
  printSetting,
  printTable,
  progress,
  refuse,
  rounded,
  save,
  sideBySide,
} from "./report.mjs";
import { contenders, cpuSeconds, infoField, isAtRest, residentBytes, until } from "./servers.mjs";

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "1000000" },
    collections: { type: "string", default: "100000" },
    elements: { type: "string", default: "1000000" },
    cases: { type: "string", default: "" },
    "settle-ms": { type: "string", default: "1000" },
    "idle-s": { type: "string", default: "10" },
    out: outOption,
  },
});
const keys = number(values, "keys");
const collections = number(values, "collections");
const elements = number(values, "elements");
const settleMs = number(values, "settle-ms", 0);
const idleMs = number(values, "idle-s") * 1000;
const SMALL_ELEMENTS = 10;
const TTL_S = 86_400;
/** Memory is read when it stands still, within this: from one time to the next, so many times at most. */
const STILL_BYTES = 2 ** 20;
const STILL_LOOKS_MAX = 30;
/** An idle server is measured after so many times the time that it is measured for. */
const IDLE_SETTLES = 3;

const member = (i) => `member:${String(i).padStart(9, "0")}`;
/** What one element of each kind of collection is, in the command that adds several. */
const kinds = {
  hash: { command: "HSET", element: (i) => [member(i), `value:${i % 1000}`] },
  list: { command: "RPUSH", element: (i) => [member(i)] },
  "set of strings": { command: "SADD", element: (i) => [member(i)] },
  "set of integers": { command: "SADD", element: (i) => [i] },
  zset: { command: "ZADD", element: (i) => [i, member(i)] },
};

function stringCase(bytes, hasTtl) {
  const value = "x".repeat(bytes);
  const ttl = hasTtl ? ["EX", TTL_S] : [];
  return {
    name: `string ${bytes} B${hasTtl ? " with TTL" : ""}`,
    per: "key",
    count: keys,
    fill: (server) => sendAll(server, keys, (i) => ["SET", keyName(i), value, ...ttl]),
    keys,
  };
}

function smallCase(kind) {
  const { command, element } = kinds[kind];
  const words = (c) => {
    const all = [command, keyName(c)];
    for (let i = 0; i < SMALL_ELEMENTS; i++) all.push(...element(c * SMALL_ELEMENTS + i));
    return all;
  };
  const fill = (server) => sendAll(server, collections, words, { batch: 200 });
  return {
    name: `${kind}, ${SMALL_ELEMENTS} elements`,
    per: "collection",
    count: collections,
    fill,
    keys: collections,
  };
}

function largeCase(kind) {
  const { command, element } = kinds[kind];
  const fill = (server) => sendElements(server, [command, keyName(0)], elements, element);
  return { name: `${kind}, ${elements} elements`, per: "element", count: elements, fill, keys: 1 };
}

const cases = [
  ...[16, 64, 1024].flatMap((bytes) => [stringCase(bytes, false), stringCase(bytes, true)]),
  ...Object.keys(kinds).map(smallCase),
  ...Object.keys(kinds).map(largeCase),
];

/** What the server takes when it is at rest and gives nothing back any more. */
async function memoryOf(server) {
  await until(`${server.name} is at rest`, () => isAtRest(server));
  let rss = residentBytes(server);
  for (let looks = 0; looks < STILL_LOOKS_MAX; looks++) {
    const before = rss;
    await sleep(settleMs);
    rss = residentBytes(server);
    if (Math.abs(rss - before) < STILL_BYTES && (await isAtRest(server))) break;
  }
  return { used: await infoField(server, "memory", "used_memory"), rss };
}

async function measure(peer, { fill, keys, count }) {
  const server = await peer.start();
  const empty = await memoryOf(server);
  await fill(server);
  const full = await memoryOf(server);
  await sendAll(server, keys, (i) => ["DEL", keyName(i)]);
  const deleted = await memoryOf(server);
  await server.stop("SIGKILL");
  const left = (deleted.rss - empty.rss) / 2 ** 20;
  return { used: (full.used - empty.used) / count, rss: (full.rss - empty.rss) / count, left };
}

/** Resident MB of a server without data, and its share of a core while nobody asks anything, once V8 has collected what the start left. */
async function measureEmpty(peer) {
  const server = await peer.start();
  await sleep(IDLE_SETTLES * idleMs);
  const before = cpuSeconds(server);
  await sleep(idleMs);
  const idlePercent = ((cpuSeconds(server) - before) / (idleMs / 1000)) * 100;
  const rssMb = residentBytes(server) / 2 ** 20;
  await server.stop("SIGKILL");
  return { server: peer.name, "empty: RSS MB": rounded(rssMb, 1), "idle: % of a core": rounded(idlePercent, 2) };
}

const beginnings = values.cases.split(",");
const chosen = cases.filter(({ name }) => beginnings.some((beginning) => name.startsWith(beginning)));
if (chosen.length === 0) refuse(`--cases: no name begins so; there are ${cases.map(({ name }) => name).join("; ")}`);

const peers = contenders();
const setting = printSetting(peers);
const empty = [];
for (const peer of peers) empty.push(await measureEmpty(peer));
printTable(empty);

const results = [];
for (const each of chosen) {
  const figures = [];
  for (const peer of peers) figures.push(await measure(peer, each));
  progress(each.name, figures);
  results.push({ name: each.name, count: each.count, per: each.per, figures });
}
printTable(
  results.map(({ name, per, figures }) => ({
    holds: name,
    per,
    ...compared(
      "used B",
      peers,
      figures.map(({ used }) => used),
      1,
    ),
    ...compared(
      "RSS B",
      peers,
      figures.map(({ rss }) => rss),
      1,
    ),
    ...sideBySide(
      "MB kept",
      peers,
      figures.map(({ left }) => left),
      1,
    ),
  })),
);
console.log(
  `Bytes of used_memory and of resident memory a key, collection or element, above the empty server's; x = HearthKV's of the other's; MB kept: resident after all was deleted, above the empty server's.`,
);
save(values.out, "memory.json", `${JSON.stringify({ setting, empty, results }, null, 1)}\n`);

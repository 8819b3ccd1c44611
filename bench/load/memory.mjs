/**
 * Bytes a key for strings, and a collection or an element for small and large collections, beside redis-server and its like: by used_memory and by
 * resident memory; what comes back after everything was deleted; CPU to write all of it and to read each collection once; and what an empty
 * server takes, memory and CPU.
 *
 *   node bench/load/memory.mjs [--keys 1000000] [--collections 100000] [--elements 1000000] [--cases string,hash] [--settle-ms 1000]
 *     [--idle-s 10] [--peers DIR] [--out bench/results]
 *
 * Each case runs on a server of its own. --cases takes beginnings of names; "grid" is every type with 1 to 1,000 elements of 8 to 1,000 bytes, as
 * many collections as --collections says, or 100 MB of elements.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { keyName, sendAll, sendElements, valueText } from "./pipeline.mjs";
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
import { contenders, cpuSeconds, infoField, isAtRest, peersOption, residentBytes, until } from "./servers.mjs";

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "1000000" },
    collections: { type: "string", default: "100000" },
    elements: { type: "string", default: "1000000" },
    cases: { type: "string", default: "string,hash,list,set,zset" },
    "settle-ms": { type: "string", default: "1000" },
    "idle-s": { type: "string", default: "10" },
    out: outOption,
    peers: peersOption,
  },
});
const keys = number(values, "keys");
const collections = number(values, "collections");
const elements = number(values, "elements");
const settleMs = number(values, "settle-ms", 0);
const idleMs = number(values, "idle-s") * 1000;
const SMALL_ELEMENTS = 10;
const TTL_S = 86_400;
const GRID_COUNTS = [1, 3, 10, 100, 1000];
const GRID_BYTES = [8, 65, 200, 1000];
const GRID_READS = 100_000;
const GRID_TOTAL_BYTES = 100 * 2 ** 20;
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

/** Element `j` of the collections of the grid; no two of one collection are equal. */
function gridText(c, j, bytes) {
  return `${j}:${valueText(c + j, bytes)}`.slice(0, bytes);
}

const gridKinds = {
  hash: { command: "HSET", element: (text, j) => [`f${j}`, text], read: (j) => ["HGET", `f${j}`] },
  list: { command: "RPUSH", element: (text) => [text], read: (j) => ["LINDEX", j] },
  set: { command: "SADD", element: (text) => [text], read: (_, text) => ["SISMEMBER", text], lines: 1 },
  zset: { command: "ZADD", element: (text, j) => [j, text], read: (_, text) => ["ZSCORE", text] },
};

function gridCase(kind, elementCount, bytes) {
  const { command, element, read, lines = 2 } = gridKinds[kind];
  const count = Math.max(1, Math.min(collections, Math.floor(GRID_TOTAL_BYTES / (elementCount * bytes))));
  const words = (c) => {
    const all = [command, keyName(c)];
    for (let j = 0; j < elementCount; j++) all.push(...element(gridText(c, j, bytes), j));
    return all;
  };
  const asked = (c) => {
    const j = (c * 31) % elementCount;
    const [name, ...rest] = read(j, gridText(c, j, bytes));
    return [name, keyName(c), ...rest];
  };
  const batch = Math.max(1, Math.min(200, Math.floor(2 ** 20 / (elementCount * bytes))));
  return {
    name: `grid ${kind} ${elementCount} x ${bytes} B`,
    per: "collection",
    count,
    fill: (server) => sendAll(server, count, words, { batch }),
    read: (server) => sendAll(server, GRID_READS, (i) => asked(i % count), { lines }),
    keys: count,
  };
}

const cases = [
  ...[16, 64, 1024].flatMap((bytes) => [stringCase(bytes, false), stringCase(bytes, true)]),
  ...Object.keys(kinds).map(smallCase),
  ...Object.keys(kinds).map(largeCase),
  ...Object.keys(gridKinds).flatMap((kind) =>
    GRID_COUNTS.flatMap((elementCount) => GRID_BYTES.map((bytes) => gridCase(kind, elementCount, bytes))),
  ),
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

async function measure(peer, { fill, read, keys, count }) {
  const server = await peer.start();
  const empty = await memoryOf(server);
  const writing = cpuSeconds(server);
  await fill(server);
  const writeUs = ((cpuSeconds(server) - writing) / count) * 1e6;
  const full = await memoryOf(server);
  const reading = cpuSeconds(server);
  await read?.(server);
  const readUs = read === undefined ? Number.NaN : ((cpuSeconds(server) - reading) / GRID_READS) * 1e6;
  await sendAll(server, keys, (i) => ["DEL", keyName(i)]);
  const deleted = await memoryOf(server);
  await server.stop("SIGKILL");
  const left = (deleted.rss - empty.rss) / 2 ** 20;
  return { used: (full.used - empty.used) / count, rss: (full.rss - empty.rss) / count, left, writeUs, readUs };
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

const peers = contenders(values.peers);
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
    ...compared(
      "write us",
      peers,
      figures.map(({ writeUs }) => writeUs),
      2,
    ),
    ...compared(
      "read us",
      peers,
      figures.map(({ readUs }) => readUs),
      2,
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
  `Bytes of used_memory and of resident memory a key, collection or element, above the empty server's; x best = HearthKV's of the best other's; write us: CPU microseconds to write one, read us: to read one element of one of them (grid); MB kept: resident after all was deleted, above the empty server's.`,
);
save(values.out, "memory.json", `${JSON.stringify({ setting, empty, results }, null, 1)}\n`);

/** The rows of redis-benchmark's default suite: how each is asked for, and what must lie in the server before it. */
import { keyName, sendElements } from "./pipeline.mjs";
import { order } from "./servers.mjs";

/** Requests of a run at each pipeline depth: half a second to a second of work. */
const REQUESTS = { 1: 60_000, 16: 300_000, 64: 500_000 };
/** Keys, fields and members are chosen among so many, fewer where they would take more than this many bytes. */
const KEYSPACE = 100_000;
const KEYSPACE_BYTES_MAX = 256 * 1024 * 1024;
/** Above this size of a value a run has fewer requests. */
const PLAIN_VALUE_BYTES = 2048;
/** Replies that may be under way at once: a server keeps them in memory. */
const REPLY_BYTES_MAX = 1024 * 1024 * 1024;
/** Replies of a whole run: LRANGE of large values is slow everywhere. */
const RUN_REPLY_BYTES_MAX = 1024 * 1024 * 1024;
const RANGE_LIST_ELEMENTS = 10_000;

const member = (i) => `element:${String(i).padStart(12, "0")}`;

const strings = (server, { keyspace, value }) =>
  sendElements(server, ["MSET"], keyspace, (i) => [keyName(i), value], { perCommand: 10 });
const counters = (server, { keyspace }) =>
  sendElements(server, ["MSET"], keyspace, (i) => [`counter:${String(i).padStart(12, "0")}`, i], { perCommand: 10 });
const hash = (server, { keyspace, value }) =>
  sendElements(server, ["HSET", "myhash"], keyspace, (i) => [member(i), value]);
const members = (server, { keyspace }) => sendElements(server, ["ZADD", "myzset"], keyspace, (i) => [i, member(i)]);
const list = (server, { requests, value }) => sendElements(server, ["RPUSH", "mylist"], requests, () => [value]);
const set = (server, { requests }) => sendElements(server, ["SADD", "myset"], requests, (i) => [member(i)]);
const zset = (server, { requests }) => sendElements(server, ["ZADD", "myzset"], requests, (i) => [i, member(i)]);

/**
 * `share`: of the requests of a run, because each does more; `fill`: nothing = the row begins with an empty database; `fillMany`: the same where
 * the number of keys was asked for; `small`: its requests hold no value.
 */
const plainRows = [
  { name: "PING_INLINE", small: true },
  { name: "PING_MBULK", small: true },
  { name: "SET", fill: strings },
  { name: "GET", fill: strings },
  { name: "INCR", small: true, fillMany: counters },
  { name: "LPUSH" },
  { name: "RPUSH" },
  { name: "LPOP", fill: list },
  { name: "RPOP", fill: list },
  { name: "SADD", small: true },
  { name: "HSET", fillMany: hash },
  { name: "SPOP", small: true, fill: set },
  { name: "ZADD", small: true, fillMany: members },
  { name: "ZPOPMIN", small: true, fill: zset },
  { name: "MSET", title: "MSET (10 keys)", share: 0.25, fill: strings },
].map((row) => ({ title: row.name, share: 1, ...row, replies: 0, ask: ["-t", row.name.toLowerCase()] }));

// Not in redis-benchmark's suite, which puts a number below the keyspace into `__rand_int__`.
const ownRows = [
  { name: "HGET", share: 1, fill: hash, ask: ["HGET", "myhash", "element:__rand_int__"] },
  {
    name: "MGET",
    title: "MGET (10 keys)",
    share: 0.25,
    fill: strings,
    ask: ["MGET", ...Array(10).fill("key:__rand_int__")],
  },
].map((row) => ({ title: row.name, replies: 0, ...row }));

// Asked for by its own words: redis-benchmark's test of this name pushes a list first, which would count.
const rangeRows = [100, 300, 500, 600].map((count) => ({
  ...{ name: `LRANGE_${count}`, title: `LRANGE_${count}`, share: 10 / count, replies: count },
  ask: ["LRANGE", "mylist", "0", String(count - 1)],
  fill: (server, run) => list(server, { ...run, requests: RANGE_LIST_ELEMENTS }),
}));

/** All rows, in the order in which they are run. */
export const suite = [...plainRows, ...ownRows, ...rangeRows];

/** Size of a run of `row`: `requests` and `keyspace` (`keys`, where it is not null). Null where its replies would not fit the memory. */
export function sizeOf(row, { pipeline, clients, bytes, scale, keys }) {
  if (row.replies * bytes * pipeline * clients > REPLY_BYTES_MAX) return null;
  // What takes long by itself does not take longer without a pipeline.
  const depth = row.replies > 0 ? Math.max(16, pipeline) : pipeline;
  const slower = row.small ? 1 : Math.min(1, PLAIN_VALUE_BYTES / bytes);
  const usual = (REQUESTS[depth] ?? REQUESTS[16]) * row.share * scale * slower;
  const most = RUN_REPLY_BYTES_MAX / (row.replies * bytes);
  return {
    requests: Math.max(clients * pipeline, Math.round(Math.min(usual, most))),
    keyspace: keys ?? Math.min(KEYSPACE, Math.floor(KEYSPACE_BYTES_MAX / bytes)),
    fill: keys === null ? row.fill : (row.fillMany ?? row.fill),
    value: "x".repeat(bytes),
  };
}

/** Empties the server and brings in what the row needs. */
export async function prepare(server, run) {
  await order(server, "FLUSHALL");
  await run.fill?.(server, run);
}

import { makeCommandTable } from "@hearthkv/commands";
import { expect, it } from "vitest";
import { humanBytes, type InfoSource, infoText } from "../src/info/info.js";

const commandTable = makeCommandTable();

const source: InfoSource = {
  server: {
    hearthkvVersion: "0.1.0",
    runId: "a".repeat(40),
    port: 7001,
    uptimeMs: 90_000_500,
    nowMs: 90_001_500,
    configFile: "",
  },
  clients: { connected: 3, blocked: 1, pubsub: 1, maxclients: 10_000, maxInputBuffer: 5, maxOutputBuffer: 6 },
  memory: {
    startup: 1062,
    dataset: 2000,
    peak: 5000,
    rss: 6000,
    heapUsed: 2000,
    heapLimit: 8000,
    arenas: 1072,
    clients: 10,
  },
  persistence: {
    enabled: true,
    loading: null,
    changesSinceSave: 4,
    snapshotRunning: false,
    lastSaveSeconds: 1_700_000_000,
    lastSaveOk: true,
    writeError: null,
    fields: { wal_sequence: 12, recovery_ms: 3 },
  },
  stats: {
    connectionsReceived: 1,
    connectionsRejected: 2,
    commandsProcessed: 3,
    repliesHeld: 16,
    opsPerSecond: 4,
    netInputBytes: 5,
    netOutputBytes: 6,
    inputBytesPerSecond: 2048,
    outputBytesPerSecond: 512,
    expiredKeys: 7,
    expireTimeCapReached: 8,
    keyspaceHits: 9,
    keyspaceMisses: 10,
    pubsubChannels: 11,
    pubsubPatterns: 12,
    pubsubShardChannels: 0,
    errorReplies: 13,
    outputLimitDisconnections: 14,
    queryLimitDisconnections: 15,
  },
  percentiles: [50, 99, 99.9],
  errors: new Map([["ERR", 2]]),
  commands: commandTable,
  databases: [
    { index: 0, keys: 5, expires: 2, avgTtl: 900 },
    { index: 3, keys: 0, expires: 0, avgTtl: 0 },
  ],
};

function titles(...names: string[]): string[] {
  return [...infoText(names, source).matchAll(/^# (.*)\r$/gm)].map((found) => found[1]);
}

it("chooses sections as Redis does", () => {
  const byDefault = [
    "Server",
    "Clients",
    "Memory",
    "Persistence",
    "Stats",
    "Replication",
    "CPU",
    "Modules",
    "Errorstats",
    "Cluster",
    "Keyspace",
  ];
  expect(titles()).toEqual(byDefault);
  expect(titles("default")).toEqual(byDefault);
  const all = byDefault
    .filter((title) => title !== "Modules")
    .toSpliced(7, 1, "Commandstats", "Errorstats", "Latencystats");
  expect(titles("all")).toEqual(all);
  expect(titles("everything")).toEqual(byDefault.toSpliced(8, 1, "Commandstats", "Errorstats", "Latencystats"));
  expect(titles("cpu", "nope", "server")).toEqual(["Server", "CPU"]);
  expect(infoText(["nope"], source)).toBe("");
  expect(infoText(["modules"], source)).toBe("# Modules\r\n");
  expect(infoText(["cluster", "keyspace"], source)).toBe(
    "# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=900\r\n",
  );
});

it("has the fields that clients read", () => {
  const lines = infoText([], source).split("\r\n");
  for (const line of [
    "redis_version:7.2.4",
    "hearthkv_version:0.1.0",
    "redis_mode:standalone",
    `process_id:${process.pid}`,
    "tcp_port:7001",
    "uptime_in_seconds:90000",
    "uptime_in_days:1",
    "connected_clients:3",
    "blocked_clients:1",
    "used_memory:3072",
    "used_memory_human:3.00K",
    "used_memory_peak:5000",
    "used_memory_overhead:1072",
    "used_memory_dataset_perc:99.50%",
    "used_memory_heap_perc:25.00%",
    "maxmemory:0",
    "maxmemory_policy:noeviction",
    "mem_fragmentation_ratio:1.95",
    "loading:0",
    "rdb_changes_since_last_save:4",
    "rdb_last_save_time:1700000000",
    "aof_enabled:1",
    "aof_last_write_status:ok",
    "wal_sequence:12",
    "recovery_ms:3",
    "instantaneous_input_kbps:2.00",
    "keyspace_misses:10",
    "role:master",
    "connected_slaves:0",
    "errorstat_ERR:count=2",
  ]) {
    expect(lines).toContain(line);
  }
  for (const line of lines) expect(line).toMatch(/^$|^# \w+$|^[\w|-]+:.*$/);
});

it("tells how far the loading is, a second while nothing is known", () => {
  const tell = (totalBytes: number, loadedBytes: number, elapsedMs = 3000) => {
    const loading = { startedAtMs: 1_700_000_000_900, startedMs: 5, totalBytes, loadedBytes, elapsedMs };
    const persistence = { ...source.persistence, loading };
    return infoText(["persistence"], { ...source, persistence })
      .split("\r\n")
      .filter((line) => line.includes("loading"));
  };
  expect(tell(4000, 1000)).toEqual([
    ...["loading:1", "async_loading:0", "loading_start_time:1700000000"],
    ...["loading_total_bytes:4000", "loading_loaded_bytes:1000", "loading_loaded_perc:25.00", "loading_eta_seconds:9"],
  ]);
  expect(tell(0, 0).slice(-2)).toEqual(["loading_loaded_perc:0.00", "loading_eta_seconds:1"]);
  // Control: without the rule of the first second this was 1999, and ioredis slept for ten.
  expect(tell(4000, 1, 500).slice(-1)).toEqual(["loading_eta_seconds:1"]);
});

it("tells when writing fails", () => {
  const persistence = { ...source.persistence, writeError: "MISCONF ...", lastSaveOk: false };
  const lines = infoText(["persistence"], { ...source, persistence }).split("\r\n");
  expect(lines).toContain("aof_last_write_status:err");
  expect(lines).toContain("rdb_last_bgsave_status:err");
});

it("counts commands that were called or refused, subcommands by themselves", () => {
  commandTable.resetCounters();
  const get = commandTable.row("get");
  const configGet = commandTable.row("config|get");
  if (get === undefined || configGet === undefined) throw new Error("rows are missing");
  Object.assign(get.counters, { calls: 4, usec: 6, rejected: 1, failed: 2 });
  configGet.counters.rejected = 1;
  const text = infoText(["commandstats"], source);
  expect(text).toContain("cmdstat_get:calls=4,usec=6,usec_per_call=1.50,rejected_calls=1,failed_calls=2\r\n");
  expect(text).toContain("cmdstat_config|get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0\r\n");
  expect(text.split("\r\n")).toHaveLength(4);
  commandTable.resetCounters();
});

it("prints sizes as Redis does", () => {
  const sizes = { 0: "0B", 1023: "1023B", 1024: "1.00K", 1064792: "1.02M", 25276502016: "23.54G" };
  for (const [bytes, text] of Object.entries(sizes)) expect(humanBytes(Number(bytes))).toBe(text);
});

/** INFO: the text of its sections, made from plain figures that the server collects. Names are Redis's; those it does not have stand behind them. */
import { arch, platform, release, totalmem } from "node:os";
import { type CommandTable, REDIS_VERSION } from "@hearthkv/commands";
import type { LoadingProgress } from "../persistence/index.js";

/** What INFO tells, as it is at this moment. Sizes in bytes. */
export interface InfoSource {
  readonly server: {
    readonly hearthkvVersion: string;
    /** 40 hex digits, new at every start. */
    readonly runId: string;
    readonly port: number;
    readonly uptimeMs: number;
    /** Since 1970. */
    readonly nowMs: number;
    /** "" when the server runs without one. */
    readonly configFile: string;
  };
  readonly clients: {
    readonly connected: number;
    readonly blocked: number;
    readonly pubsub: number;
    readonly maxclients: number;
    readonly maxInputBuffer: number;
    readonly maxOutputBuffer: number;
  };
  readonly memory: {
    /** The JavaScript heap before there was any data. */
    readonly startup: number;
    /** Held by keys, values and indexes, wherever they are. */
    readonly dataset: number;
    /** The most of both that INFO or the cron has seen. */
    readonly peak: number;
    /** Resident memory of the process. */
    readonly rss: number;
    /** JavaScript heap, garbage included, and how much V8 allows. */
    readonly heapUsed: number;
    readonly heapLimit: number;
    readonly arenas: number;
    /** Waiting for clients: requests and replies. */
    readonly clients: number;
  };
  readonly persistence: {
    readonly enabled: boolean;
    /** null once the data is there. */
    readonly loading: (LoadingProgress & { readonly elapsedMs: number }) | null;
    readonly changesSinceSave: number;
    readonly snapshotRunning: boolean;
    readonly lastSaveSeconds: number;
    readonly lastSaveOk: boolean;
    /** What write commands are refused with; null = all is well. */
    readonly writeError: string | null;
    /** The wal_*, ring_*, snapshot_* and recovery_* fields. */
    readonly fields: Readonly<Record<string, string | number>>;
  };
  readonly stats: {
    readonly connectionsReceived: number;
    readonly connectionsRejected: number;
    readonly commandsProcessed: number;
    /** How often replies had to wait for the log. */
    readonly repliesHeld: number;
    readonly opsPerSecond: number;
    readonly netInputBytes: number;
    readonly netOutputBytes: number;
    readonly inputBytesPerSecond: number;
    readonly outputBytesPerSecond: number;
    readonly expiredKeys: number;
    readonly expireTimeCapReached: number;
    readonly keyspaceHits: number;
    readonly keyspaceMisses: number;
    readonly pubsubChannels: number;
    readonly pubsubPatterns: number;
    readonly pubsubShardChannels: number;
    readonly errorReplies: number;
    readonly outputLimitDisconnections: number;
    readonly queryLimitDisconnections: number;
  };
  /** Error replies by their first word. */
  readonly errors: ReadonlyMap<string, number>;
  readonly commands: CommandTable;
  /** Those that latencystats tells. */
  readonly percentiles: readonly number[];
  /** Databases that have keys. */
  readonly databases: readonly {
    readonly index: number;
    readonly keys: number;
    readonly expires: number;
    /** Mean time to live in milliseconds, 0 = not known. */
    readonly avgTtl: number;
  }[];
}

type Field = readonly [name: string, value: string | number];
type Section = readonly [title: string, fields: (source: InfoSource) => Field[]];

const DAY_S = 86_400;
const NO_REPLICATION_ID = "0".repeat(40);

/** In the order in which they are printed. */
const SECTIONS: readonly (readonly [name: string, section: Section])[] = [
  ["server", ["Server", server]],
  ["clients", ["Clients", clients]],
  ["memory", ["Memory", memory]],
  ["persistence", ["Persistence", persistence]],
  ["stats", ["Stats", stats]],
  ["replication", ["Replication", replication]],
  ["cpu", ["CPU", cpu]],
  ["modules", ["Modules", () => []]],
  ["commandstats", ["Commandstats", commandStats]],
  ["errorstats", ["Errorstats", errorStats]],
  ["latencystats", ["Latencystats", latencyStats]],
  ["cluster", ["Cluster", () => [["cluster_enabled", 0]]]],
  ["keyspace", ["Keyspace", keyspace]],
];
const NOT_BY_DEFAULT = ["commandstats", "latencystats"];
const NOT_IN_ALL = ["modules"];

/** The text of the sections named (lower case, in any order); no names mean the default ones. Unknown names add nothing. */
export function infoText(names: readonly string[], source: InfoSource): string {
  const wanted = new Set(names.length === 0 ? ["default"] : names);
  const chosen = SECTIONS.filter(([name]) => {
    if (wanted.has(name) || wanted.has("everything")) return true;
    if (wanted.has("all") && !NOT_IN_ALL.includes(name)) return true;
    return wanted.has("default") && !NOT_BY_DEFAULT.includes(name);
  });
  return chosen.map(([, section]) => sectionText(section, source)).join("\r\n");
}

function sectionText([title, fields]: Section, source: InfoSource): string {
  const lines = fields(source).map(([name, value]) => `${name}:${value}\r\n`);
  return `# ${title}\r\n${lines.join("")}`;
}

function server({ server: s }: InfoSource): Field[] {
  const uptimeS = Math.floor(s.uptimeMs / 1000);
  return [
    ["redis_version", REDIS_VERSION],
    ["hearthkv_version", s.hearthkvVersion],
    ["redis_git_sha1", "00000000"],
    ["redis_git_dirty", 0],
    ["redis_mode", "standalone"],
    ["os", `${platform() === "linux" ? "Linux" : platform()} ${release()} ${arch() === "x64" ? "x86_64" : arch()}`],
    ["arch_bits", 64],
    ["node_version", process.version],
    ["process_id", process.pid],
    ["process_supervised", "no"],
    ["run_id", s.runId],
    ["tcp_port", s.port],
    ["server_time_usec", s.nowMs * 1000],
    ["uptime_in_seconds", uptimeS],
    ["uptime_in_days", Math.floor(uptimeS / DAY_S)],
    ["hz", 10],
    ["configured_hz", 10],
    ["executable", process.argv[1] ?? process.execPath],
    ["config_file", s.configFile],
    ["io_threads_active", 0],
  ];
}

function clients({ clients: c }: InfoSource): Field[] {
  return [
    ["connected_clients", c.connected],
    ["cluster_connections", 0],
    ["maxclients", c.maxclients],
    ["client_recent_max_input_buffer", c.maxInputBuffer],
    ["client_recent_max_output_buffer", c.maxOutputBuffer],
    ["blocked_clients", c.blocked],
    ["tracking_clients", 0],
    ["pubsub_clients", c.pubsub],
    ["clients_in_timeout_table", c.blocked],
  ];
}

/**
 * "used" is what was needed before there was data, what the data takes and what waits for clients: no garbage, so that it follows what is written at
 * once. "rss" is what the system has given for it.
 */
function memory({ memory: m }: InfoSource): Field[] {
  const overhead = m.startup + m.clients;
  const used = overhead + m.dataset;
  return [
    ["used_memory", used],
    ["used_memory_human", humanBytes(used)],
    ["used_memory_rss", m.rss],
    ["used_memory_rss_human", humanBytes(m.rss)],
    ["used_memory_peak", m.peak],
    ["used_memory_peak_human", humanBytes(m.peak)],
    ["used_memory_peak_perc", percent(used, m.peak)],
    ["used_memory_overhead", overhead],
    ["used_memory_startup", m.startup],
    ["used_memory_dataset", m.dataset],
    ["used_memory_dataset_perc", percent(m.dataset, used - m.startup)],
    ["used_memory_arenas", m.arenas],
    ["used_memory_heap", m.heapUsed],
    ["used_memory_heap_limit", m.heapLimit],
    ["used_memory_heap_perc", percent(m.heapUsed, m.heapLimit)],
    ["total_system_memory", totalmem()],
    ["total_system_memory_human", humanBytes(totalmem())],
    ["maxmemory", 0],
    ["maxmemory_human", "0B"],
    ["maxmemory_policy", "noeviction"],
    ["mem_fragmentation_ratio", (m.rss / Math.max(1, used)).toFixed(2)],
    ["mem_fragmentation_bytes", m.rss - used],
    ["mem_clients_normal", m.clients],
    ["mem_allocator", "v8"],
    ["active_defrag_running", 0],
    ["lazyfree_pending_objects", 0],
    ["lazyfreed_objects", 0],
  ];
}

function persistence({ persistence: p }: InfoSource): Field[] {
  return [
    ["loading", p.loading === null ? 0 : 1],
    ["async_loading", 0],
    ["rdb_changes_since_last_save", p.changesSinceSave],
    ["rdb_bgsave_in_progress", p.snapshotRunning ? 1 : 0],
    ["rdb_last_save_time", p.lastSaveSeconds],
    ["rdb_last_bgsave_status", p.lastSaveOk ? "ok" : "err"],
    ["aof_enabled", p.enabled ? 1 : 0],
    ["aof_rewrite_in_progress", 0],
    ["aof_rewrite_scheduled", 0],
    ["aof_last_bgrewrite_status", "ok"],
    ["aof_last_write_status", p.writeError === null ? "ok" : "err"],
    ...Object.entries(p.fields),
    ...(p.loading === null ? [] : loading(p.loading)),
  ];
}

/**
 * As Redis: in the first second, and while nothing is loaded, the estimate is a second. What was loaded by then is mostly the opening of files, and
 * clients (ioredis) sleep as long as they are told.
 */
function loading(p: NonNullable<InfoSource["persistence"]["loading"]>): Field[] {
  const { startedAtMs, elapsedMs, totalBytes, loadedBytes } = p;
  const leftS = (elapsedMs / 1000) * ((totalBytes - loadedBytes) / loadedBytes);
  return [
    ["loading_start_time", Math.floor(startedAtMs / 1000)],
    ["loading_total_bytes", totalBytes],
    ["loading_loaded_bytes", Math.floor(loadedBytes)],
    ["loading_loaded_perc", ((loadedBytes / Math.max(1, totalBytes)) * 100).toFixed(2)],
    ["loading_eta_seconds", loadedBytes === 0 || elapsedMs < 1000 ? 1 : Math.floor(leftS)],
  ];
}

function stats({ stats: s }: InfoSource): Field[] {
  return [
    ["total_connections_received", s.connectionsReceived],
    ["total_commands_processed", s.commandsProcessed],
    ["instantaneous_ops_per_sec", s.opsPerSecond],
    ["total_net_input_bytes", s.netInputBytes],
    ["total_net_output_bytes", s.netOutputBytes],
    ["instantaneous_input_kbps", (s.inputBytesPerSecond / 1024).toFixed(2)],
    ["instantaneous_output_kbps", (s.outputBytesPerSecond / 1024).toFixed(2)],
    ["rejected_connections", s.connectionsRejected],
    ["sync_full", 0],
    ["sync_partial_ok", 0],
    ["sync_partial_err", 0],
    ["expired_keys", s.expiredKeys],
    ["expired_time_cap_reached_count", s.expireTimeCapReached],
    ["evicted_keys", 0],
    ["evicted_clients", 0],
    ["keyspace_hits", s.keyspaceHits],
    ["keyspace_misses", s.keyspaceMisses],
    ["pubsub_channels", s.pubsubChannels],
    ["pubsub_patterns", s.pubsubPatterns],
    ["pubsubshard_channels", s.pubsubShardChannels],
    ["latest_fork_usec", 0],
    ["total_forks", 0],
    ["total_error_replies", s.errorReplies],
    ["replies_held", s.repliesHeld],
    ["client_output_buffer_limit_disconnections", s.outputLimitDisconnections],
    ["client_query_buffer_limit_disconnections", s.queryLimitDisconnections],
  ];
}

function replication({ server: { runId } }: InfoSource): Field[] {
  return [
    ["role", "master"],
    ["connected_slaves", 0],
    ["master_failover_state", "no-failover"],
    ["master_replid", runId],
    ["master_replid2", NO_REPLICATION_ID],
    ["master_repl_offset", 0],
    ["second_repl_offset", -1],
    ["repl_backlog_active", 0],
    ["repl_backlog_size", 0],
    ["repl_backlog_first_byte_offset", 0],
    ["repl_backlog_histlen", 0],
  ];
}

function cpu(): Field[] {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return [
    ["used_cpu_sys", (systemCPUTime / 1e6).toFixed(6)],
    ["used_cpu_user", (userCPUTime / 1e6).toFixed(6)],
    ["used_cpu_sys_children", "0.000000"],
    ["used_cpu_user_children", "0.000000"],
  ];
}

function commandStats({ commands }: InfoSource): Field[] {
  const fields: Field[] = [];
  for (const { name, counters } of commands.allRows()) {
    const { calls, rejected, failed } = counters;
    const usec = Math.round(counters.usec);
    if (calls === 0 && rejected === 0) continue;
    const each = (usec / Math.max(1, calls)).toFixed(2);
    const value = `calls=${calls},usec=${usec},usec_per_call=${each},rejected_calls=${rejected},failed_calls=${failed}`;
    fields.push([`cmdstat_${name}`, value]);
  }
  return fields;
}

function latencyStats({ commands, percentiles }: InfoSource): Field[] {
  const fields: Field[] = [];
  for (const { name, counters } of commands.allRows()) {
    const { times } = counters;
    if (times === null) continue;
    const values = percentiles.map((percent) => `p${percent}=${times.percentile(percent).toFixed(3)}`);
    fields.push([`latency_percentiles_usec_${name}`, values.join(",")]);
  }
  return fields;
}

function errorStats({ errors }: InfoSource): Field[] {
  return [...errors].map(([word, count]) => [`errorstat_${word}`, `count=${count}`]);
}

function keyspace({ databases }: InfoSource): Field[] {
  return databases
    .filter((db) => db.keys > 0)
    .map((db) => [`db${db.index}`, `keys=${db.keys},expires=${db.expires},avg_ttl=${db.avgTtl}`]);
}

/** As Redis prints sizes: "512B", "1.02M". */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  const power = Math.min(5, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(2)}${" KMGTP"[power]}`;
}

function percent(part: number, whole: number): string {
  return `${((part / Math.max(1, whole)) * 100).toFixed(2)}%`;
}

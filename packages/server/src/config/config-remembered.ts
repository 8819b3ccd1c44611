/**
 * Parameters of Redis that mean nothing here: tuning of structures that are built otherwise, features that do not exist. They can be read with Redis's
 * defaults, and set within Redis's limits, so that tools which do so go on working; a value set is only remembered.
 */
import {
  alias,
  type Change,
  clamped,
  INT32_MAX,
  INT64_MAX,
  integer,
  kept,
  memory,
  type Parameter,
  text,
  yesNo,
} from "./config-values.js";

const MB = 1024n * 1024n;
const LONG = [0n, INT64_MAX] as const;
const INT = [0n, INT32_MAX] as const;

/** Integers: name, limits, default. */
const INTEGERS: readonly (readonly [name: string, min: bigint, max: bigint, value: number])[] = [
  ["list-compress-depth", ...INT, 0],
  ["stream-node-max-entries", ...LONG, 100],
  ["active-expire-effort", 1n, 10n, 1],
  ["maxmemory-samples", 1n, INT32_MAX, 5],
  ["lfu-log-factor", ...INT, 10],
  ["lfu-decay-time", ...INT, 1],
  ["auto-aof-rewrite-percentage", ...INT, 100],
  ["min-replicas-to-write", ...INT, 0],
  ["min-replicas-max-lag", ...INT, 10],
  ["repl-timeout", 1n, INT32_MAX, 60],
  ["busy-reply-threshold", ...LONG, 5000],
  ["shutdown-timeout", ...INT, 10],
  ["acllog-max-len", ...LONG, 128],
  ["active-defrag-cycle-max", 1n, 99n, 25],
  ["active-defrag-cycle-min", 1n, 99n, 1],
  ["active-defrag-max-scan-fields", 1n, INT64_MAX, 1000],
  ["active-defrag-threshold-lower", 0n, 1000n, 10],
  ["active-defrag-threshold-upper", 0n, 1000n, 100],
  ["cluster-announce-bus-port", 0n, 65_535n, 0],
  ["cluster-announce-port", 0n, 65_535n, 0],
  ["cluster-announce-tls-port", 0n, 65_535n, 0],
  ["cluster-migration-barrier", ...INT, 1],
  ["cluster-node-timeout", ...LONG, 15_000],
  ["cluster-replica-validity-factor", ...INT, 10],
  ["maxmemory-eviction-tenacity", 0n, 100n, 10],
  ["repl-backlog-ttl", ...LONG, 3600],
  ["repl-diskless-sync-delay", ...INT, 5],
  ["repl-diskless-sync-max-replicas", ...INT, 0],
  ["repl-ping-replica-period", 1n, INT32_MAX, 10],
  ["replica-announce-port", 0n, 65_535n, 0],
  ["replica-priority", ...INT, 100],
  ["tls-session-cache-size", ...INT, 20_480],
  ["tls-session-cache-timeout", ...INT, 300],
  ["tracking-table-max-keys", ...LONG, 1_000_000],
];

/** Sizes: name, least, default in bytes. */
const SIZES: readonly (readonly [name: string, min: bigint, value: number])[] = [
  ["stream-node-max-bytes", 0n, 4096],
  ["auto-aof-rewrite-min-size", 0n, Number(64n * MB)],
  ["repl-backlog-size", 1n, Number(MB)],
  ["active-defrag-ignore-bytes", 1n, Number(100n * MB)],
  ["cluster-link-sendbuf-limit", 0n, 0],
];

const SWITCHES: readonly (readonly [name: string, value: boolean])[] = [
  ["lazyfree-lazy-eviction", false],
  ["lazyfree-lazy-expire", false],
  ["lazyfree-lazy-server-del", false],
  ["lazyfree-lazy-user-del", false],
  ["lazyfree-lazy-user-flush", false],
  ["activerehashing", true],
  ["activedefrag", false],
  ["dynamic-hz", true],
  ["rdbcompression", true],
  ["stop-writes-on-bgsave-error", true],
  ["no-appendfsync-on-rewrite", false],
  ["aof-load-truncated", true],
  ["aof-use-rdb-preamble", true],
  ["replica-read-only", true],
  ["replica-serve-stale-data", true],
  ["aof-disable-auto-gc", false],
  ["aof-rewrite-incremental-fsync", true],
  ["aof-timestamp-enabled", false],
  ["cluster-allow-pubsubshard-when-down", true],
  ["cluster-allow-reads-when-down", false],
  ["cluster-allow-replica-migration", true],
  ["cluster-replica-no-failover", false],
  ["cluster-require-full-coverage", true],
  ["crash-log-enabled", true],
  ["crash-memcheck-enabled", true],
  ["jemalloc-bg-thread", true],
  ["rdb-del-sync-files", false],
  ["rdb-save-incremental-fsync", true],
  ["repl-disable-tcp-nodelay", false],
  ["repl-diskless-sync", true],
  ["replica-announced", true],
  ["replica-ignore-disk-write-errors", false],
  ["replica-ignore-maxmemory", true],
  ["replica-lazy-flush", false],
  ["tls-cluster", false],
  ["tls-prefer-server-ciphers", false],
  ["tls-replication", false],
  ["tls-session-caching", true],
];

/** Any text, with its default. */
const TEXTS: readonly (readonly [name: string, value: string])[] = [
  ["acl-pubsub-default", "resetchannels"],
  ["bind-source-addr", ""],
  ["cluster-announce-hostname", ""],
  ["cluster-announce-ip", ""],
  ["cluster-preferred-endpoint-type", "ip"],
  ["ignore-warnings", ""],
  ["masterauth", ""],
  ["masteruser", ""],
  ["oom-score-adj", "no"],
  ["oom-score-adj-values", "0 200 800"],
  ["proc-title-template", "{title} {listen-addr} {server-mode}"],
  ["propagation-error-behavior", "ignore"],
  ["repl-diskless-load", "disabled"],
  ["replica-announce-ip", ""],
  ["sanitize-dump-payload", "no"],
  ["shutdown-on-sigint", "default"],
  ["shutdown-on-sigterm", "default"],
  ["tls-auth-clients", "yes"],
  ["tls-ca-cert-dir", ""],
  ["tls-ca-cert-file", ""],
  ["tls-cert-file", ""],
  ["tls-ciphers", ""],
  ["tls-ciphersuites", ""],
  ["tls-client-cert-file", ""],
  ["tls-client-key-file", ""],
  ["tls-client-key-file-pass", ""],
  ["tls-dh-params-file", ""],
  ["tls-key-file", ""],
  ["tls-key-file-pass", ""],
  ["tls-protocols", ""],
];

/** What Redis takes from a file only, with its default: where that is yes or no, one of these. */
const AT_START: readonly (readonly [name: string, value: string])[] = [
  ["always-show-logo", "no"],
  ["aof_rewrite_cpulist", ""],
  ["appenddirname", "appendonlydir"],
  ["appendfilename", "appendonly.aof"],
  ["bgsave_cpulist", ""],
  ["bio_cpulist", ""],
  ["cluster-config-file", "nodes.conf"],
  ["cluster-port", "0"],
  ["daemonize", "no"],
  ["dbfilename", "dump.rdb"],
  ["disable-thp", "yes"],
  ["enable-module-command", "no"],
  ["io-threads", "1"],
  ["io-threads-do-reads", "no"],
  ["logfile", ""],
  ["pidfile", ""],
  ["rdbchecksum", "yes"],
  ["server_cpulist", ""],
  ["set-proc-title", "yes"],
  ["socket-mark-id", "0"],
  ["supervised", "no"],
  ["syslog-enabled", "no"],
  ["syslog-facility", "local0"],
  ["syslog-ident", "redis"],
  ["tcp-backlog", "511"],
  ["unixsocketperm", "0"],
];

/** Names of older versions. */
const ALIASES: readonly (readonly [older: string, name: string])[] = [
  ["cluster-slave-no-failover", "cluster-replica-no-failover"],
  ["cluster-slave-validity-factor", "cluster-replica-validity-factor"],
  ["repl-ping-slave-period", "repl-ping-replica-period"],
  ["slave-announce-ip", "replica-announce-ip"],
  ["slave-announce-port", "replica-announce-port"],
  ["slave-ignore-maxmemory", "replica-ignore-maxmemory"],
  ["slave-lazy-flush", "replica-lazy-flush"],
  ["slave-priority", "replica-priority"],
  ["slave-read-only", "replica-read-only"],
  ["slave-serve-stale-data", "replica-serve-stale-data"],
  ["min-slaves-to-write", "min-replicas-to-write"],
  ["min-slaves-max-lag", "min-replicas-max-lag"],
  ["lua-time-limit", "busy-reply-threshold"],
];

/** Redis takes any frequency, and keeps to these. */
const HZ_MIN = 1;
const HZ_MAX = 500;

/** All of them, each call with values of its own. */
export function rememberedParameters(): Parameter[] {
  const parameters = [
    ...INTEGERS.map(([name, min, max, value]) => integer(name, min, max, kept(value))),
    integer("hz", ...INT, clamped(HZ_MIN, HZ_MAX, kept(10))),
    ...SIZES.map(([name, min, value]) => memory(name, min, INT64_MAX, kept(value))),
    ...SWITCHES.map(([name, value]) => yesNo(name, kept(value))),
    ...TEXTS.map(([name, value]) => ({ ...text(name, kept(value)), severalWords: true as const })),
    ...AT_START.map(([name, value]) => onlyAtStart(name, value)),
  ].map((parameter): Parameter => ({ ...parameter, remembered: true }));
  const aliases = ALIASES.flatMap(([older, name]) =>
    parameters.filter((parameter) => parameter.name === name).map((parameter) => alias(older, parameter)),
  );
  return [...parameters, ...aliases];
}

/** A file may set it, a client may not. */
function onlyAtStart(name: string, value: string): Parameter {
  const isSwitch = value === "yes" || value === "no";
  const choices = name === "supervised" ? ["no", "upstart", "systemd", "auto"] : isSwitch ? ["yes", "no"] : null;
  const { get, read } = text(name, kept(value));
  const refusal = name === "dbfilename" ? "can't set protected config" : "can't set immutable config";
  const atStart = (given: string): Change => {
    const isGood = choices === null || choices.includes(given.toLowerCase());
    return isGood && read !== undefined ? read(given) : { error: `argument must be one of ${choices?.join(", ")}` };
  };
  return { name, get, refusal, atStart };
}

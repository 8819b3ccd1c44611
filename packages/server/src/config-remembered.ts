/**
 * Parameters of Redis that mean nothing here: tuning of structures that are built otherwise, features that do not exist. They can be read with Redis's
 * defaults, and set within Redis's limits, so that tools which do so go on working; a value set is only remembered.
 */
import { alias, clamped, INT32_MAX, INT64_MAX, integer, kept, memory, type Parameter, yesNo } from "./config-values.js";

const MB = 1024n * 1024n;
const LONG = [0n, INT64_MAX] as const;
const INT = [0n, INT32_MAX] as const;

/** Integers: name, limits, default. */
const INTEGERS: readonly (readonly [name: string, min: bigint, max: bigint, value: number])[] = [
  ["list-compress-depth", ...INT, 0],
  ["stream-node-max-entries", ...LONG, 100],
  ["slowlog-log-slower-than", -1n, INT64_MAX, 10_000],
  ["slowlog-max-len", ...LONG, 128],
  ["latency-monitor-threshold", ...LONG, 0],
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
];

/** Sizes: name, least, default in bytes. */
const SIZES: readonly (readonly [name: string, min: bigint, value: number])[] = [
  ["hll-sparse-max-bytes", 0n, 3000],
  ["stream-node-max-bytes", 0n, 4096],
  ["auto-aof-rewrite-min-size", 0n, Number(64n * MB)],
  ["repl-backlog-size", 1n, Number(MB)],
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
  ["latency-tracking", true],
  ["replica-read-only", true],
  ["replica-serve-stale-data", true],
];

/** Names of older versions. */
const ALIASES: readonly (readonly [older: string, name: string])[] = [
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
  ];
  const aliases = ALIASES.flatMap(([older, name]) =>
    parameters.filter((parameter) => parameter.name === name).map((parameter) => alias(older, parameter)),
  );
  return [...parameters, ...aliases];
}

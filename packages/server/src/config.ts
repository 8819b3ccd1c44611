/**
 * CONFIG GET and CONFIG SET: the parameters under their names, first those that do something, then those of Redis that are accepted and remembered so that
 * tools which set them go on working. A parameter that would promise what the server does not do (a memory limit, keyspace events) refuses other values.
 */
import { type ConfigHost, Glob, lowerAscii } from "@hearthkv/commands";
import type { PackedLimits } from "@hearthkv/engine";
import { rememberedParameters } from "./config-remembered.js";
import {
  alias,
  type Change,
  choice,
  field,
  fixed,
  INT32_MAX,
  INT64_MAX,
  integer,
  integerChange,
  kept,
  memory,
  type Parameter,
  parseMemory,
  protectedText,
  text,
  yesNo,
} from "./config-values.js";
import type { Ack, LogLevel, ResolvedOptions } from "./options.js";
import type { OutputLimit, Settings } from "./settings.js";

/** The part of persistence that can be set while it runs. */
export interface PersistenceKnobs {
  ackLevel: Ack;
  /** 0 = no snapshots by time. */
  snapshotIntervalS: number;
  /** 0 = no snapshots by count. */
  snapshotOps: number;
}

/** Where the values live. */
export interface ConfigParts {
  readonly settings: Settings;
  readonly options: ResolvedOptions;
  readonly persistence: PersistenceKnobs;
  /** Port that is really listened on. */
  readonly port: number;
  readonly databases: number;
  readonly packedLimits: PackedLimits;
  /** Most clients that the limit of open files allows. */
  readonly maxclientsLimit: number;
  readonly setLogLevel: (level: LogLevel) => void;
}

const MB = 1024n * 1024n;
const GB = 1024n * MB;
const UINT32_MAX = 2n ** 32n - 1n;
/** An argument longer than this could become a string that V8 does not make. */
const BULK_BYTES_MAX = 512n * MB;
/** Offsets into a request are 31 bits. */
const QUERY_BYTES_MAX = 2n * GB - 1n;
/** Ours above Redis's names. */
const LOG_LEVELS = [
  ["debug", "trace"],
  ["verbose", "debug"],
  ["notice", "info"],
  ["warning", "warn"],
] as const satisfies readonly (readonly [string, LogLevel])[];
const APPENDFSYNC = [
  ["everysec", "written"],
  ["always", "synced"],
  ["no", "memory"],
] as const satisfies readonly (readonly [string, Ack])[];
const ACK = [
  ["memory", "memory"],
  ["written", "written"],
  ["synced", "synced"],
] as const satisfies readonly (readonly [string, Ack])[];

/** One per server. */
export class Config implements ConfigHost {
  readonly #parameters = new Map<string, Parameter>();

  constructor(parts: ConfigParts) {
    for (const parameter of [...liveParameters(parts), ...ownParameters(parts), ...rememberedParameters()]) {
      this.#parameters.set(parameter.name, parameter);
    }
  }

  /** A name asked for without wildcards comes back as it was asked for, as Redis does it. */
  get(patterns: readonly string[]): [name: string, value: string][] {
    const found = new Map<string, [name: string, value: string]>();
    for (const pattern of patterns) {
      for (const parameter of this.#matching(pattern)) {
        const shown = isGlob(pattern) ? parameter.name : pattern;
        if (!found.has(parameter.name)) found.set(parameter.name, [shown, parameter.get()]);
      }
    }
    return [...found.values()];
  }

  set(pairs: readonly [name: string, value: string][]): string | null {
    const parameters = new Set<Parameter>();
    for (const [name] of pairs) {
      const parameter = this.#parameters.get(lowerAscii(name));
      if (parameter === undefined) return `Unknown option or number of arguments for CONFIG SET - '${name}'`;
      if (parameter.refusal !== undefined) return failed(name, parameter.refusal);
      if (parameters.has(parameter)) return failed(name, "duplicate parameter");
      parameters.add(parameter);
    }
    const changes: (() => void)[] = [];
    for (const parameter of parameters) {
      const change: Change = parameter.read?.(pairs[changes.length][1]) ?? { error: "can't set immutable config" };
      if ("error" in change) return failed(parameter.name, change.error);
      changes.push(change.apply);
    }
    for (const apply of changes) apply();
    return null;
  }

  #matching(pattern: string): Parameter[] {
    if (isGlob(pattern)) {
      const glob = new Glob(pattern, true);
      return [...this.#parameters.values()].filter((p) => glob.matchesText(p.name));
    }
    const parameter = this.#parameters.get(lowerAscii(pattern));
    return parameter === undefined ? [] : [parameter];
  }
}

function isGlob(pattern: string): boolean {
  return /[[*?]/.test(pattern);
}

function failed(name: string, problem: string): string {
  return `CONFIG SET failed (possibly related to argument '${name}') - ${problem}`;
}

/** Redis's parameters that have their effect here. */
function liveParameters({ settings, options, persistence, port, ...parts }: ConfigParts): Parameter[] {
  const limits = settings.requestLimits;
  const logLevel = kept<LogLevel>(nearestLogLevel(options.logLevel));
  return [
    fixed("bind", options.host),
    fixed("port", String(port)),
    fixed("tcp-backlog", "511"),
    fixed("databases", String(parts.databases)),
    fixed("enable-debug-command", options.enableDebugCommand ? "yes" : "no"),
    fixed("enable-protected-configs", "no"),
    fixed("appendfilename", "wal-current.log"),
    protectedText("dir", options.dataDir),
    protectedText("dbfilename", "snapshot.snap"),
    text("requirepass", field(settings, "requirepass")),
    maxclients(parts.maxclientsLimit, settings),
    integer("timeout", 0n, INT32_MAX, field(settings, "timeoutSeconds")),
    integer("tcp-keepalive", 0n, INT32_MAX, field(settings, "tcpKeepaliveSeconds")),
    yesNo("protected-mode", field(settings, "protectedMode")),
    memory("proto-max-bulk-len", MB, BULK_BYTES_MAX, field(limits, "maxBulkBytes")),
    memory("client-query-buffer-limit", MB, QUERY_BYTES_MAX, field(limits, "maxQueryBytes")),
    outputLimits(settings),
    ...packedLimits(parts.packedLimits),
    choice("loglevel", LOG_LEVELS, {
      get: logLevel.get,
      set: (level) => {
        logLevel.set(level);
        parts.setLogLevel(level);
      },
    }),
    only(
      "appendonly",
      options.disablePersistence ? "no" : "yes",
      ["yes", "no"],
      "the log cannot be switched while the server runs",
    ),
    choice("appendfsync", APPENDFSYNC, field(persistence, "ackLevel")),
    save(persistence),
    only("maxmemory", "0", null, "this version has no memory limit, only 0 is supported"),
    only("maxmemory-policy", "noeviction", null, "this version evicts nothing, only noeviction is supported"),
    only("notify-keyspace-events", "", null, "this version has no keyspace notifications"),
  ];
}

/** Up to where collections are packed (engine/src/types/packed.ts), under their present names and those of older versions. */
function packedLimits(limits: PackedLimits): Parameter[] {
  const hashEntries = integer("hash-max-listpack-entries", 0n, INT64_MAX, field(limits, "hashEntries"));
  const hashValue = memory("hash-max-listpack-value", 0n, INT64_MAX, field(limits, "hashValueBytes"));
  const zsetEntries = integer("zset-max-listpack-entries", 0n, INT64_MAX, field(limits, "zsetEntries"));
  const zsetValue = memory("zset-max-listpack-value", 0n, INT64_MAX, field(limits, "zsetValueBytes"));
  const listSize = integer("list-max-listpack-size", -INT32_MAX - 1n, INT32_MAX, field(limits, "listSize"));
  return [
    hashEntries,
    hashValue,
    listSize,
    alias("list-max-ziplist-size", listSize),
    alias("hash-max-ziplist-entries", hashEntries),
    alias("hash-max-ziplist-value", hashValue),
    integer("set-max-intset-entries", 0n, INT64_MAX, field(limits, "setIntegers")),
    integer("set-max-listpack-entries", 0n, INT64_MAX, field(limits, "setEntries")),
    integer("set-max-listpack-value", 0n, INT64_MAX, field(limits, "setValueBytes")),
    zsetEntries,
    zsetValue,
    alias("zset-max-ziplist-entries", zsetEntries),
    alias("zset-max-ziplist-value", zsetValue),
  ];
}

/** Parameters that only this server has, named as its flags are. */
function ownParameters({ options, persistence }: ConfigParts): Parameter[] {
  return [
    choice("ack", ACK, field(persistence, "ackLevel")),
    fixed("fsync-interval-ms", String(options.fsyncIntervalMs)),
    integer("snapshot-interval-s", 0n, INT32_MAX, field(persistence, "snapshotIntervalS")),
    integer("snapshot-ops", 0n, BigInt(Number.MAX_SAFE_INTEGER), field(persistence, "snapshotOps")),
    fixed("snapshot-keep", String(options.snapshotKeep)),
    fixed("wal-max-bytes", String(options.walMaxBytes)),
    fixed("recovery", options.recovery),
  ];
}

function nearestLogLevel(level: LogLevel): LogLevel {
  return LOG_LEVELS.find(([, ours]) => ours === level)?.[1] ?? "warn";
}

function maxclients(limit: number, settings: Settings): Parameter {
  const cell = field(settings, "maxclients");
  const read = (value: string): Change => {
    const change = integerChange(value, 1n, UINT32_MAX, cell);
    if ("error" in change || Number(value) <= limit) return change;
    const problem = "The operating system is not able to handle the specified number of clients";
    return { error: `${problem}, try with ${limit}` };
  };
  return { name: "maxclients", get: () => String(cell.get()), read };
}

/** A parameter whose present value is the only one that the server can do. */
function only(name: string, value: string, allowed: readonly string[] | null, problem: string): Parameter {
  const read = (given: string): Change => {
    if (allowed !== null && !allowed.includes(lowerAscii(given))) return { error: "argument must be 'yes' or 'no'" };
    return lowerAscii(given) === value ? { apply: () => {} } : { error: problem };
  };
  return { name, get: () => value, read };
}

/**
 * "save" has pairs of seconds and changes. Here a snapshot is due after some time when anything changed, so the shortest of the times counts; "" turns
 * snapshots by time and by count off.
 */
function save(persistence: PersistenceKnobs): Parameter {
  const get = () => (persistence.snapshotIntervalS > 0 ? `${persistence.snapshotIntervalS} 1` : "");
  const read = (value: string): Change => {
    const words = value.split(" ").filter((word) => word !== "");
    const numbers = words.map((word) => (/^\d{1,9}$/.test(word) ? Number(word) : Number.NaN));
    const seconds = numbers.filter((_, i) => i % 2 === 0);
    if (words.length % 2 !== 0 || numbers.some(Number.isNaN) || seconds.includes(0)) {
      return { error: "Invalid save parameters" };
    }
    return {
      apply: () => {
        persistence.snapshotIntervalS = seconds.length === 0 ? 0 : Math.min(...seconds);
        if (seconds.length === 0) persistence.snapshotOps = 0;
      },
    };
  };
  return { name: "save", get, read };
}

/** Groups of four: class, hard limit, soft limit, seconds. Classes that are not named keep their limits. */
function outputLimits(settings: Settings): Parameter {
  const get = () => {
    const { normal, replica, pubsub } = settings.outputLimits;
    return `normal ${shown(normal)} slave ${shown(replica)} pubsub ${shown(pubsub)}`;
  };
  const read = (value: string): Change => {
    const words = value.split(" ").filter((word) => word !== "");
    if (words.length === 0 || words.length % 4 !== 0) {
      return { error: "Wrong number of arguments in buffer limit configuration." };
    }
    const limits = { ...settings.outputLimits };
    for (let i = 0; i < words.length; i += 4) {
      const name = lowerAscii(words[i]) === "slave" ? "replica" : lowerAscii(words[i]);
      if (name !== "normal" && name !== "replica" && name !== "pubsub") {
        return { error: "Invalid client class specified in buffer limit configuration." };
      }
      const limit = readOutputLimit(words, i + 1);
      if (limit === null) {
        return { error: "Error in hard, soft or soft_seconds setting in buffer limit configuration." };
      }
      limits[name] = limit;
    }
    return {
      apply: () => {
        settings.outputLimits = limits;
      },
    };
  };
  return { name: "client-output-buffer-limit", get, read };
}

function shown(limit: OutputLimit): string {
  return `${limit.hardBytes} ${limit.softBytes} ${limit.softSeconds}`;
}

function readOutputLimit(words: readonly string[], at: number): OutputLimit | null {
  const hard = parseMemory(words[at]);
  const soft = parseMemory(words[at + 1]);
  if (hard === null || soft === null || !/^\d{1,9}$/.test(words[at + 2])) return null;
  return { hardBytes: Number(hard), softBytes: Number(soft), softSeconds: Number(words[at + 2]) };
}

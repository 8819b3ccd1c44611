/**
 * CONFIG GET and CONFIG SET: the parameters under their names, first those that do something, then those of Redis that are accepted and remembered so that
 * tools which set them go on working. A parameter that would promise what the server does not do (a memory limit, replication) refuses other values.
 */
import { type ConfigHost, formatEventClasses, Glob, lowerAscii, parseEventClasses } from "@hearthkv/commands";
import { PackedLimits } from "@hearthkv/engine";
import { CommandLog } from "../insight/command-log.js";
import { LatencyMonitor } from "../insight/latency-monitor.js";
import { type Ack, defaultOptions, type LogLevel, OptionsError, type ResolvedOptions } from "../options.js";
import type { SavePoint } from "../persistence/index.js";
import { rememberedParameters } from "./config-remembered.js";
import {
  alias,
  type Cell,
  type Change,
  changeAtStart,
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
import { type OutputLimit, Settings } from "./settings.js";

/** The part of persistence that can be set while it runs. */
export interface PersistenceKnobs {
  ackLevel: Ack;
  /** None = no snapshots by time. */
  savePoints: readonly SavePoint[];
  /** 0 = no snapshots by count. */
  snapshotOps: number;
  /** 0 = no snapshots by the log's size. */
  snapshotWalBytes: number;
}

/** Where the values live. */
export interface ConfigParts {
  readonly settings: Settings;
  readonly options: ResolvedOptions;
  readonly persistence: PersistenceKnobs;
  /** Port that is really listened on. */
  readonly port: () => number;
  readonly databases: number;
  readonly packedLimits: PackedLimits;
  /** Classes and channels of keyspace notifications. */
  readonly keyEvents: { asked: number };
  readonly commandLog: CommandLog;
  readonly latency: LatencyMonitor;
  /** Most clients that the limit of open files allows. */
  readonly maxclientsLimit: number;
  readonly setLogLevel: (level: LogLevel) => void;
}

/** Databases of a keyspace that nobody has made. */
const DATABASES = 16;
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

/** What a file of Redis may ask for that would change what clients see, or who may come: it is not to be passed over. */
const ABSENT: ReadonlyMap<string, string> = new Map([
  ["rename-command", "is not there: commands keep their names. Give a password to those who may use them"],
  ["user", "is not there: this version has one user, whose password is requirepass"],
  ["loadmodule", "is not there: this version has no modules"],
]);
/** The same, with the value that asks for nothing. */
const ONLY: readonly (readonly [name: string, value: string, problem: string])[] = [
  ["aclfile", "", "this version has one user, whose password is requirepass"],
  ["cluster-enabled", "no", "this version has no cluster"],
  ["maxmemory", "0", "this version has no memory limit, only 0 is supported"],
  ["maxmemory-clients", "0", "this version has no memory limit, only 0 is supported"],
  ["maxmemory-policy", "noeviction", "this version evicts nothing, only noeviction is supported"],
  ["replicaof", "", "this version has no replication"],
  ["slaveof", "", "this version has no replication"],
  ["tls-port", "0", "this version has no TLS"],
  ["unixsocket", "", "this version listens on TCP only"],
];

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
      // A parameter and its older name are two, as in Redis: the last one holds.
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

  /** What is wrong with a line of a file: `words` are those behind the name. null = startup() can take it. */
  problem(name: string, words: readonly string[]): string | null {
    const judged = this.#judged(name, words);
    return "error" in judged ? judged.error : null;
  }

  /**
   * Puts the lines of a file in force, each a name and its words, in their order. The lines of `save` add up, as in Redis.
   * @returns the names of those that are only remembered, and differ from the default
   * @throws OptionsError
   */
  startup(lines: readonly (readonly string[])[]): string[] {
    const remembered = new Set<string>();
    for (const [name = "", ...words] of joinedSaves(lines)) {
      const judged = this.#judged(name, words);
      if ("error" in judged) throw new OptionsError("config", `${name} ${judged.error}`);
      const { parameter, apply } = judged;
      const before = parameter.get();
      apply();
      if (parameter.remembered === true && parameter.get() !== before) remembered.add(parameter.name);
      if (parameter.name === "appendonly" && parameter.get() === "yes" && lowerAscii(words[0] ?? "") === "no") {
        remembered.add("appendonly no (every write is logged all the same)");
      }
    }
    return [...remembered];
  }

  /** A line of a file: the parameter that it sets, and how. */
  #judged(
    name: string,
    words: readonly string[],
  ): { readonly parameter: Parameter; apply(): void } | { readonly error: string } {
    const absent = ABSENT.get(lowerAscii(name));
    if (absent !== undefined) return { error: absent };
    const parameter = this.#parameters.get(lowerAscii(name));
    if (parameter === undefined) return { error: "no such setting" };
    if (words.length === 0 || (words.length > 1 && parameter.severalWords !== true)) {
      return { error: "needs exactly one value" };
    }
    return { parameter, ...changeAtStart(parameter, words.join(" ")) };
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

/** The line of a file that cannot be used, or null: as `Config.problem`, where there is no server yet. */
export function configProblem(name: string, words: readonly string[]): string | null {
  return new Config({
    ...{ settings: new Settings(), options: defaultOptions, port: () => defaultOptions.port, databases: DATABASES },
    persistence: { ackLevel: "written", savePoints: [], snapshotOps: 0, snapshotWalBytes: 0 },
    packedLimits: new PackedLimits(),
    keyEvents: { asked: 0 },
    commandLog: new CommandLog(),
    latency: new LatencyMonitor(),
    maxclientsLimit: Number.MAX_SAFE_INTEGER,
    setLogLevel: () => {},
  }).problem(name, words);
}

/** The lines of `save` as one, in the place of the first: an empty one forgets those before it. */
function joinedSaves(lines: readonly (readonly string[])[]): (readonly string[])[] {
  const isSave = ([name = ""]: readonly string[]) => lowerAscii(name) === "save";
  let points: string[] = [];
  for (const [, ...words] of lines.filter(isSave)) points = words.join("") === "" ? [] : [...points, ...words];
  const others = lines.filter((line) => !isSave(line));
  return lines.some(isSave) ? [["save", points.join(" ")], ...others] : others;
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
    { name: "port", get: () => String(port()) },
    fixed("databases", String(parts.databases)),
    fixed("enable-debug-command", options.enableDebugCommand ? "yes" : "no"),
    fixed("enable-protected-configs", "no"),
    protectedText("dir", options.dataDir),
    text("requirepass", field(settings, "requirepass")),
    maxclients(parts.maxclientsLimit, settings),
    integer("timeout", 0n, INT32_MAX, field(settings, "timeoutSeconds")),
    integer("tcp-keepalive", 0n, INT32_MAX, field(settings, "tcpKeepaliveSeconds")),
    yesNo("protected-mode", field(settings, "protectedMode")),
    memory("proto-max-bulk-len", MB, BULK_BYTES_MAX, field(limits, "maxBulkBytes")),
    memory("client-query-buffer-limit", MB, QUERY_BYTES_MAX, field(limits, "maxQueryBytes")),
    outputLimits(settings),
    ...packedLimits(parts.packedLimits),
    keyEvents(field(parts.keyEvents, "asked")),
    ...commandLogs(parts.commandLog),
    integer("latency-monitor-threshold", 0n, INT64_MAX, field(parts.latency, "thresholdMs")),
    yesNo("latency-tracking", field(parts.latency, "tracksCommands")),
    percentiles(field(parts.latency, "percentiles")),
    choice("loglevel", LOG_LEVELS, {
      get: logLevel.get,
      set: (level) => {
        logLevel.set(level);
        parts.setLogLevel(level);
      },
    }),
    appendOnly(options.disablePersistence ? "no" : "yes"),
    choice("appendfsync", APPENDFSYNC, field(persistence, "ackLevel")),
    save(persistence),
    ...ONLY.map(([name, value, problem]) => only(name, value, problem)),
  ];
}

function keyEvents(cell: Cell<number>): Parameter {
  return {
    name: "notify-keyspace-events",
    get: () => formatEventClasses(cell.get()),
    read: (text) => {
      const classes = parseEventClasses(text);
      if (classes === null) return { error: "Invalid event class character. Use 'Ag$lshzxeKEtmdn'." };
      return { apply: () => cell.set(classes) };
    },
  };
}

/** What is logged, and how much of it is kept: Redis's names and Valkey's. */
function commandLogs(log: CommandLog): Parameter[] {
  const slower = integer("slowlog-log-slower-than", -1n, INT64_MAX, orNever(field(log, "slowUsec")));
  const length = integer("slowlog-max-len", 0n, INT64_MAX, field(log.slow, "maxLength"));
  return [
    slower,
    length,
    alias("commandlog-execution-slower-than", slower),
    alias("commandlog-slow-execution-max-len", length),
    integer("commandlog-request-larger-than", -1n, INT64_MAX, orNever(field(log, "requestBytes"))),
    integer("commandlog-reply-larger-than", -1n, INT64_MAX, orNever(field(log, "replyBytes"))),
    integer("commandlog-large-request-max-len", 0n, INT64_MAX, field(log.largeRequests, "maxLength")),
    integer("commandlog-large-reply-max-len", 0n, INT64_MAX, field(log.largeReplies, "maxLength")),
  ];
}

/** Of INFO latencystats, each from 0 to 100. */
function percentiles(cell: Cell<readonly number[]>): Parameter {
  const name = "latency-tracking-info-percentiles";
  const read = (given: string): Change => {
    const values = given.split(" ").flatMap((word) => (word === "" ? [] : [Number(word)]));
    if (values.some(Number.isNaN)) return { error: `Invalid ${name} parameters` };
    if (values.some((value) => value < 0 || value > 100)) {
      return { error: `${name} parameters should sit between [0.0,100.0]` };
    }
    return { apply: () => cell.set(values) };
  };
  return { name, get: () => cell.get().join(" "), read, severalWords: true };
}

/** -1 is never: Infinity. */
function orNever(cell: Cell<number>): Cell<number> {
  return {
    get: () => (cell.get() === Number.POSITIVE_INFINITY ? -1 : cell.get()),
    set: (value) => cell.set(value < 0 ? Number.POSITIVE_INFINITY : value),
  };
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
    memory("hll-sparse-max-bytes", 0n, INT64_MAX, field(limits, "sparseHllBytes")),
  ];
}

/** Parameters that only this server has, named as its flags are. */
function ownParameters({ options, persistence }: ConfigParts): Parameter[] {
  return [
    choice("ack", ACK, field(persistence, "ackLevel")),
    fixed("fsync-interval-ms", String(options.fsyncIntervalMs)),
    snapshotInterval(persistence),
    integer("snapshot-ops", 0n, BigInt(Number.MAX_SAFE_INTEGER), field(persistence, "snapshotOps")),
    memory("snapshot-wal-bytes", 0n, BigInt(Number.MAX_SAFE_INTEGER), field(persistence, "snapshotWalBytes")),
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
function only(name: string, value: string, problem: string): Parameter {
  const read = (given: string): Change => (lowerAscii(given) === value ? { apply: () => {} } : { error: problem });
  return { name, get: () => value, read, severalWords: true };
}

/** The log is there or not for as long as the server runs; a file may say "no", as Redis's own does, and gets a log all the same. */
function appendOnly(value: "yes" | "no"): Parameter {
  const change = (given: string, error: string | null): Change => {
    if (lowerAscii(given) !== "yes" && lowerAscii(given) !== "no") return { error: "argument must be 'yes' or 'no'" };
    return error === null || lowerAscii(given) === value ? { apply: () => {} } : { error };
  };
  return {
    name: "appendonly",
    get: () => value,
    read: (given) => change(given, "the log cannot be switched while the server runs"),
    atStart: (given) => change(given, null),
  };
}

/**
 * "save" has pairs of seconds and changes: a snapshot is due when one of them holds. "" turns snapshots by time and by count off, and the next
 * pairs bring back those by count. Those by the log's size stay, as Redis's rewrites of its log do.
 */
function save(persistence: PersistenceKnobs): Parameter {
  let opsBefore = 0;
  const get = () => persistence.savePoints.map(({ seconds, changes }) => `${seconds} ${changes}`).join(" ");
  const read = (value: string): Change => {
    const words = value.split(" ").filter((word) => word !== "");
    const numbers = words.map((word) => (/^\d{1,9}$/.test(word) ? Number(word) : Number.NaN));
    const points = numbers.flatMap((seconds, i) => (i % 2 === 0 ? [{ seconds, changes: numbers[i + 1] ?? 0 }] : []));
    if (words.length % 2 !== 0 || numbers.some(Number.isNaN) || points.some(({ seconds }) => seconds === 0)) {
      return { error: "Invalid save parameters" };
    }
    return {
      apply: () => {
        persistence.savePoints = points;
        const wasOff = persistence.snapshotOps === 0;
        if (points.length > 0) {
          if (wasOff) persistence.snapshotOps = opsBefore;
          opsBefore = 0;
        } else if (!wasOff) {
          opsBefore = persistence.snapshotOps;
          persistence.snapshotOps = 0;
        }
      },
    };
  };
  return { name: "save", get, read, severalWords: true };
}

/** The same in one number: so many seconds after any change. */
function snapshotInterval(persistence: PersistenceKnobs): Parameter {
  return integer("snapshot-interval-s", 0n, INT32_MAX, {
    get: () => (persistence.savePoints.length === 0 ? 0 : Math.min(...persistence.savePoints.map((p) => p.seconds))),
    set: (seconds) => {
      persistence.savePoints = seconds === 0 ? [] : [{ seconds, changes: 1 }];
    },
  });
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
  return { name: "client-output-buffer-limit", get, read, severalWords: true };
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

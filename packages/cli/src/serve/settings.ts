/** Every setting of `hearthkv serve`, each once: flag, environment variable, file key, default and help all come from these rows. */
import {
  anyText,
  byteCount,
  decimalNumber,
  oneOf,
  someText,
  type ValueReader,
  wholeNumber,
  yesOrNo,
} from "./values.js";

/** One setting. Its flag is `--name`, its variable HEARTHKV_NAME, its key in a file `name` (or camelCase in JSON). */
export interface Setting<T> {
  /** In kebab case. */
  readonly name: string;
  /** What `--help` shows for the value; undefined for a switch, which may stand alone. */
  readonly value?: string;
  /** Other names that a configuration file may use: those of redis.conf. */
  readonly fileNames?: readonly string[];
  /** Takes the rest of a line of a Redis style file, whatever the number of words. */
  readonly severalWords?: boolean;
  readonly read: ValueReader<T>;
  readonly fallback: T;
  /** The default as help shows it, where it is not simply the value. */
  readonly fallbackText?: string;
  readonly help: string;
}

const oneMegabyte = 1024 ** 2;
const oneGigabyte = 1024 ** 3;

/** Keeps the value types of the rows apart. */
function row<T>(setting: Setting<T>): Setting<T> {
  return setting;
}

/** The table, by the name that `startServer` knows (logFormat is our own). */
export const settings = {
  host: row<string>({
    name: "host",
    value: "<addresses>",
    fileNames: ["bind"],
    severalWords: true,
    read: someText,
    fallback: "127.0.0.1 -::1",
    help: "addresses to listen on, separated by spaces; one with - before it may be missing; * is all of them",
  }),
  port: row<number>({
    name: "port",
    value: "<number>",
    read: wholeNumber(0, 65535),
    fallback: 6379,
    help: "TCP port; 0 takes a free one",
  }),
  dataDir: row<string>({
    name: "data-dir",
    value: "<folder>",
    fileNames: ["dir"],
    read: someText,
    fallback: "./data",
    help: "folder of the log and the snapshots; made when it is missing",
  }),
  fsyncIntervalMs: row<number>({
    name: "fsync-interval-ms",
    value: "<ms>",
    read: wholeNumber(1, 60_000),
    fallback: 100,
    help: "milliseconds between two fdatasync of the log: what a power loss may take with --ack memory and written",
  }),
  ack: row<"memory" | "written" | "synced">({
    name: "ack",
    value: "<level>",
    fileNames: ["appendfsync"],
    read: oneOf(["memory", "written", "synced"], { no: "memory", everysec: "written", always: "synced" }),
    fallback: "written",
    help: "when a write is acknowledged: memory (applied), written (survives kill -9), synced (survives power loss)",
  }),
  disablePersistence: row<boolean>({
    name: "disable-persistence",
    read: yesOrNo,
    fallback: false,
    help: "keep everything in memory only: no log, no snapshots, nothing is read at the start",
  }),
  snapshotIntervalS: row<number>({
    name: "snapshot-interval-s",
    value: "<seconds>",
    read: decimalNumber(0, 31_536_000),
    fallback: 300,
    help: "seconds, also 0.5, after which changed data is snapshotted; 0 = not by time",
  }),
  snapshotOps: row<number>({
    name: "snapshot-ops",
    value: "<count>",
    read: wholeNumber(0),
    fallback: 100_000,
    help: "writes after which a snapshot is made; 0 = not by count",
  }),
  snapshotWalBytes: row<number>({
    name: "snapshot-wal-bytes",
    value: "<bytes>",
    read: byteCount(0, Number.MAX_SAFE_INTEGER),
    fallback: 64 * oneMegabyte,
    fallbackText: "64mb",
    help: "log behind the newest snapshot at which one is made, at least twice that one's size; 0 = not by size",
  }),
  snapshotKeep: row<number>({
    name: "snapshot-keep",
    value: "<count>",
    read: wholeNumber(1, 1000),
    fallback: 3,
    help: "snapshots to keep, each with the log it needs",
  }),
  walMaxBytes: row<number>({
    name: "wal-max-bytes",
    value: "<bytes>",
    read: byteCount(4096, 2 * oneGigabyte),
    fallback: oneGigabyte,
    fallbackText: "1gb",
    help: "size at which a log segment is closed and a new one begun",
  }),
  recovery: row<"torn-tail" | "strict" | "skip-corrupt">({
    name: "recovery",
    value: "<mode>",
    read: oneOf(["torn-tail", "strict", "skip-corrupt"]),
    fallback: "torn-tail",
    help: "damage in the log: torn-tail forgives only an unfinished end, strict nothing, skip-corrupt skips, counts and reports",
  }),
  requirepass: row<string>({
    name: "requirepass",
    value: "<password>",
    read: anyText,
    fallback: "",
    fallbackText: "none",
    help: "password that clients must give (rather set by the variable: flags are visible to other users of the machine)",
  }),
  maxclients: row<number>({
    name: "maxclients",
    value: "<count>",
    read: wholeNumber(1, 1_000_000),
    fallback: 10_000,
    help: "connections served at once; lowered to what the limit of open files allows",
  }),
  protectedMode: row<boolean>({
    name: "protected-mode",
    read: yesOrNo,
    fallback: true,
    help: "refuse clients from other machines while no password is set",
  }),
  logLevel: row<"trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent">({
    name: "log-level",
    value: "<level>",
    fileNames: ["loglevel"],
    read: oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"], {
      verbose: "debug",
      notice: "info",
      warning: "warn",
      nothing: "silent",
    }),
    fallback: "info",
    help: "least important kind of log line to print: trace, debug, info, warn, error, fatal, silent",
  }),
  logFormat: row<"auto" | "text" | "json">({
    name: "log-format",
    value: "<format>",
    read: oneOf(["auto", "text", "json"]),
    fallback: "auto",
    help: "how log lines are printed: text (for people), json, auto (text at a terminal, else json)",
  }),
  enableDebugCommand: row<boolean>({
    name: "enable-debug-command",
    read: yesOrNo,
    fallback: false,
    help: "allow DEBUG, for tests",
  }),
};

/** Names of the settings, as `startServer` knows them. */
export type SettingKey = keyof typeof settings;

/** A full set of values. */
export type ServeSettings = { [K in SettingKey]: (typeof settings)[K]["fallback"] };

/** The environment variable of a setting. */
export function variableName(setting: Setting<unknown>): string {
  return `HEARTHKV_${setting.name.replaceAll("-", "_").toUpperCase()}`;
}

import { PackedLimits } from "@hearthkv/engine";
import { beforeEach, describe, expect, it } from "vitest";
import { Config, configProblem, type PersistenceKnobs } from "../src/config/config.js";
import { parseMemory } from "../src/config/config-values.js";
import { Settings } from "../src/config/settings.js";
import { CommandLog } from "../src/insight/command-log.js";
import { LatencyMonitor } from "../src/insight/latency-monitor.js";
import { defaultOptions, type LogLevel } from "../src/options.js";

let settings: Settings;
let persistence: PersistenceKnobs;
let logLevels: LogLevel[];
let config: Config;

beforeEach(() => {
  settings = new Settings();
  persistence = {
    ackLevel: "written",
    savePoints: [{ seconds: 300, changes: 1 }],
    snapshotOps: 100_000,
    snapshotWalBytes: 64 * 1024 * 1024,
  };
  logLevels = [];
  config = newConfig(defaultOptions);
});

function newConfig(options: typeof defaultOptions): Config {
  return new Config({
    settings,
    options,
    persistence,
    port: () => 7001,
    databases: 16,
    packedLimits: new PackedLimits(),
    keyEvents: { asked: 0 },
    commandLog: new CommandLog(),
    latency: new LatencyMonitor(),
    maxclientsLimit: 19_968,
    setLogLevel: (level) => logLevels.push(level),
  });
}

it("takes any hz, and keeps to what Redis keeps to", () => {
  for (const [given, kept] of [
    ["501", "500"],
    ["0", "1"],
    ["100", "100"],
    ["2147483647", "500"],
  ] as const) {
    expect(config.set([["hz", given]])).toBe(null);
    expect(value("hz")).toBe(kept);
  }
  expect(config.set([["hz", "-1"]])).toContain("must be between 0 and 2147483647");
});

function value(name: string): string | undefined {
  return config.get([name])[0]?.[1];
}

/** The error for one pair, without the part that names the parameter. */
function problem(name: string, text: string): string | null {
  const prefix = `CONFIG SET failed (possibly related to argument '${name}') - `;
  const error = config.set([[name, text]]);
  return error?.startsWith(prefix) ? error.slice(prefix.length) : error;
}

describe("CONFIG GET", () => {
  it("gives Redis's names and defaults", () => {
    const expected = {
      bind: "127.0.0.1 -::1",
      port: "7001",
      requirepass: "",
      maxclients: "10000",
      timeout: "0",
      "tcp-keepalive": "300",
      "tcp-backlog": "511",
      dbfilename: "dump.rdb",
      databases: "16",
      "proto-max-bulk-len": "536870912",
      "client-query-buffer-limit": "1073741824",
      "client-output-buffer-limit": "normal 268435456 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
      save: "300 1",
      appendonly: "yes",
      appendfsync: "everysec",
      maxmemory: "0",
      "maxmemory-policy": "noeviction",
      "hash-max-ziplist-entries": "512",
      "list-max-listpack-size": "-2",
      "protected-mode": "yes",
      "enable-debug-command": "no",
      loglevel: "notice",
      "slowlog-log-slower-than": "10000",
      "fsync-interval-ms": "100",
      ack: "written",
      "snapshot-keep": "3",
      recovery: "torn-tail",
    };
    for (const [name, text] of Object.entries(expected)) expect(value(name), name).toBe(text);
  });

  it("matches patterns in any case, each parameter once, and shows plain names as they were asked for", () => {
    expect(config.get(["tim*", "TIMEOUT", "MaxClients", "nope", "constructor", "__proto__"])).toEqual([
      ["timeout", "0"],
      ["MaxClients", "10000"],
    ]);
    expect(config.get(["[s]napshot-[ik]*"]).map(([name]) => name)).toEqual(["snapshot-interval-s", "snapshot-keep"]);
    expect(config.get(["*"]).length).toBeGreaterThan(60);
  });
});

describe("CONFIG SET", () => {
  it("refuses in Redis's words", () => {
    expect(config.set([["nope", "1"]])).toBe("Unknown option or number of arguments for CONFIG SET - 'nope'");
    expect(config.set([["maxclients", "0"]])).toBe(
      "CONFIG SET failed (possibly related to argument 'maxclients') - argument must be between 1 and 4294967295 inclusive",
    );
    const expected: [name: string, text: string, problem: string][] = [
      ["maxclients", "abc", "argument couldn't be parsed into an integer"],
      [
        "maxclients",
        "100000",
        "The operating system is not able to handle the specified number of clients, try with 19968",
      ],
      ["timeout", "-1", "argument must be between 0 and 2147483647 inclusive"],
      ["timeout", " 1", "argument couldn't be parsed into an integer"],
      ["port", "1", "can't set immutable config"],
      ["databases", "3", "can't set immutable config"],
      ["enable-debug-command", "yes", "can't set immutable config"],
      ["dir", "/tmp", "can't set protected config"],
      ["dbfilename", "x", "can't set protected config"],
      ["proto-max-bulk-len", "1xb", "argument must be a memory value"],
      ["proto-max-bulk-len", "-1", "argument must be a memory value"],
      ["proto-max-bulk-len", "1", "argument must be between 1048576 and 536870912 inclusive"],
      ["protected-mode", "maybe", "argument must be 'yes' or 'no'"],
      ["appendonly", "maybe", "argument must be 'yes' or 'no'"],
      ["appendfsync", "foo", "argument(s) must be one of the following: everysec, always, no"],
      ["loglevel", "foo", "argument(s) must be one of the following: debug, verbose, notice, warning"],
      ["hash-max-listpack-entries", "-1", "argument must be between 0 and 9223372036854775807 inclusive"],
      ["slowlog-log-slower-than", "-5", "argument must be between -1 and 9223372036854775807 inclusive"],
      ["list-max-listpack-size", "99999999999", "argument must be between -2147483648 and 2147483647 inclusive"],
      ["save", "a b", "Invalid save parameters"],
      ["save", "10", "Invalid save parameters"],
      ["client-output-buffer-limit", "foo", "Wrong number of arguments in buffer limit configuration."],
      ["client-output-buffer-limit", "foo 1 2 3", "Invalid client class specified in buffer limit configuration."],
      [
        "client-output-buffer-limit",
        "normal x 0 0",
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
      ],
    ];
    for (const [name, text, error] of expected) expect(problem(name, text), `${name} ${text}`).toBe(error);
  });

  it("refuses what the server does not do, and accepts what it does already", () => {
    for (const [name, text] of [
      ["maxmemory", "1gb"],
      ["maxmemory-policy", "allkeys-lru"],
      ["appendonly", "no"],
    ] as const) {
      expect(problem(name, text), name).not.toBeNull();
      expect(config.set([[name, value(name) ?? ""]])).toBeNull();
    }
  });

  it("sets all or none", () => {
    const pairs: [string, string][] = [
      ["timeout", "10"],
      ["maxclients", "0"],
    ];
    expect(config.set(pairs)).toContain("'maxclients'");
    expect(settings.timeoutSeconds).toBe(0);
    expect(config.set([pairs[0], ["TIMEOUT", "20"]])).toBe(
      "CONFIG SET failed (possibly related to argument 'TIMEOUT') - duplicate parameter",
    );
    expect(config.set([pairs[0], ["nope", "1"]])).toContain("Unknown option");
    expect(settings.timeoutSeconds).toBe(0);
    expect(
      config.set([
        ["TimeOut", "10"],
        ["maxclients", "5"],
      ]),
    ).toBeNull();
    expect(settings).toMatchObject({ timeoutSeconds: 10, maxclients: 5 });
  });

  it("takes effect where the settings live", () => {
    const pairs: [string, string][] = [
      ["tcp-keepalive", "1"],
      ["protected-mode", "NO"],
      ["requirepass", "secr\xe9t"],
      ["proto-max-bulk-len", "2mb"],
      ["client-query-buffer-limit", "2m"],
      ["client-output-buffer-limit", "normal 1mb 2 3 replica 1 1 1"],
      ["loglevel", "warning"],
      ["appendfsync", "always"],
      ["snapshot-ops", "5"],
      ["hash-max-listpack-value", "1kb"],
    ];
    expect(config.set(pairs)).toBeNull();
    expect(settings).toMatchObject({ tcpKeepaliveSeconds: 1, protectedMode: false });
    expect(settings.isPassword(Buffer.from("secr\xe9t", "latin1"))).toBe(true);
    expect(settings.isPassword(Buffer.from("secret"))).toBe(false);
    expect(settings.requestLimits).toMatchObject({ maxBulkBytes: 2_097_152, maxQueryBytes: 2_000_000 });
    expect(value("client-output-buffer-limit")).toBe("normal 1048576 2 3 slave 1 1 1 pubsub 33554432 8388608 60");
    expect(logLevels).toEqual(["warn"]);
    expect(persistence).toMatchObject({ ackLevel: "synced", snapshotOps: 5 });
    expect([value("ack"), value("loglevel"), value("hash-max-ziplist-value")]).toEqual(["synced", "warning", "1024"]);
  });

  it("save means what it says; an empty one turns snapshots off, by count as well, and the next brings those back", () => {
    expect(config.set([["save", "3600 1 300 100 60 10000"]])).toBeNull();
    expect(persistence.savePoints).toEqual([
      { seconds: 3600, changes: 1 },
      { seconds: 300, changes: 100 },
      { seconds: 60, changes: 10_000 },
    ]);
    expect([value("save"), value("snapshot-interval-s")]).toEqual(["3600 1 300 100 60 10000", "60"]);
    expect(persistence.snapshotOps).toBe(100_000);
    for (let i = 0; i < 2; i++) {
      expect(config.set([["save", ""]])).toBeNull();
      expect(persistence).toMatchObject({ savePoints: [], snapshotOps: 0 });
      expect(value("save")).toBe("");
    }
    expect(config.set([["save", "60 1"]])).toBeNull();
    expect(persistence).toMatchObject({ savePoints: [{ seconds: 60, changes: 1 }], snapshotOps: 100_000 });
    // What was set to 0 by its own name stays.
    expect(config.set([["snapshot-ops", "0"]])).toBeNull();
    expect(config.set([["save", "30 1"]])).toBeNull();
    expect(persistence.snapshotOps).toBe(0);
    expect(config.set([["snapshot-interval-s", "7"]])).toBeNull();
    expect(value("save")).toBe("7 1");
  });

  it("takes a parameter and its older name as two, the last one holds: as Redis 7 and Valkey 9", () => {
    const pairs: [string, string][] = [
      ["hash-max-ziplist-entries", "1"],
      ["hash-max-listpack-entries", "2"],
    ];
    expect(config.set(pairs)).toBeNull();
    expect(value("hash-max-ziplist-entries")).toBe("2");
  });
});

describe("lines of a file", () => {
  it("are judged: what is known is right or wrong, what would pass over a wish is refused", () => {
    const expected: [line: string[], problem: string | null][] = [
      [["timeout", "10"], null],
      [["TIMEOUT", "x"], "argument couldn't be parsed into an integer"],
      [["timeout", "1", "2"], "needs exactly one value"],
      [["timeout"], "needs exactly one value"],
      [["tiemout", "1"], "no such setting"],
      [["save", "900", "1"], null],
      [["save", "900"], "Invalid save parameters"],
      [["daemonize", "yes"], null],
      [["daemonize", "maybe"], "argument must be one of yes, no"],
      [["databases", "16"], null],
      [["databases", "32"], "can't set immutable config: it is '16'"],
      [["appendonly", "no"], null],
      [["appendonly", "maybe"], "argument must be 'yes' or 'no'"],
      [["maxmemory", "1gb"], "this version has no memory limit, only 0 is supported"],
      [["unixsocket", "/run/redis.sock"], "this version listens on TCP only"],
      [["replicaof", "other", "6379"], "this version has no replication"],
      [["rename-command", "FLUSHALL", ""], expect.stringContaining("commands keep their names")],
      [["oom-score-adj-values", "0", "200", "800"], null],
    ];
    for (const [[name = "", ...words], problem] of expected) {
      expect(configProblem(name, words), `${name} ${words}`).toEqual(problem);
    }
  });

  it("are put in force, those of save together; what is only remembered is named", () => {
    const lines = [
      ["save", "900", "1"],
      ["client-output-buffer-limit", "replica", "1mb", "0", "0"],
      ["client-output-buffer-limit", "pubsub", "2mb", "0", "0"],
      ["daemonize", "yes"],
      ["always-show-logo", "no"],
      ["appendonly", "no"],
      ["save", "60", "100"],
      ["timeout", "7"],
    ];
    expect(config.startup(lines)).toEqual(["daemonize", "appendonly no (every write is logged all the same)"]);
    expect(value("save")).toBe("900 1 60 100");
    expect(value("client-output-buffer-limit")).toContain("slave 1048576 0 0 pubsub 2097152 0 0");
    expect([value("daemonize"), value("appendonly"), settings.timeoutSeconds]).toEqual(["yes", "yes", 7]);
    expect(problem("daemonize", "no")).toBe("can't set immutable config");
    config.startup([
      ["save", "900", "1"],
      ["save", ""],
      ["save", "30", "5"],
    ]);
    expect(value("save")).toBe("30 5");
    expect(() => config.startup([["timeout", "x"]])).toThrow("config: timeout argument couldn't be parsed");
    // Nothing is logged there: that it is all the same would not be true.
    expect(newConfig({ ...defaultOptions, disablePersistence: true }).startup([["appendonly", "yes"]])).toEqual([]);
    expect(() => config.startup([["port", "1"]])).toThrow("config: port can't set immutable config: it is '");
  });
});

it("reads amounts of memory as Redis does", () => {
  const amounts = {
    "100": 100n,
    "1k": 1000n,
    "1kb": 1024n,
    "256mb": 268_435_456n,
    "1G": 1_000_000_000n,
    "2GB": 2_147_483_648n,
    "5B": 5n,
  };
  for (const [text, bytes] of Object.entries(amounts)) expect(parseMemory(text), text).toBe(bytes);
  for (const text of ["", "-1", "1.5gb", "1tb", "kb", " 1", "0x10"]) expect(parseMemory(text), text).toBeNull();
});

/** Options of the server: names, defaults, limits. The command line has the same, in kebab-case. */
import type { Logger } from "pino";

/** Which level a write must have reached before its reply leaves. */
export type Ack = "memory" | "written" | "synced";
/** How forgiving recovery is. */
export type Recovery = "torn-tail" | "strict" | "skip-corrupt";
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** Everything may be left out. */
export interface ServerOptions {
  /** Addresses to bind, separated by spaces; one with a "-" before it may fail. "*" means every address. Default "127.0.0.1 -::1". */
  host?: string | undefined;
  /** 0 to 65535; 0 takes a free one. Default 6379. */
  port?: number | undefined;
  /** Default "./data". */
  dataDir?: string | undefined;
  /** Longest time a write stays unsynced before its fdatasync starts, 1 to 60,000. Default 100. */
  fsyncIntervalMs?: number | undefined;
  /** Default "written": the reply leaves when the write was handed to the kernel. */
  ack?: Ack | undefined;
  /** Keep everything in memory only. Default false. */
  disablePersistence?: boolean | undefined;
  /** Seconds between snapshots, 0 = never by time. Default 300. */
  snapshotIntervalS?: number | undefined;
  /** Log entries between snapshots, 0 = never by count. Default 100,000. */
  snapshotOps?: number | undefined;
  /** Bytes of log behind the newest snapshot at which one is made, and not before twice its size; 0 = never by size. Default 64 MiB. */
  snapshotWalBytes?: number | undefined;
  /** Snapshots kept, 1 to 1000. Default 3. */
  snapshotKeep?: number | undefined;
  /** A log segment is rotated at this size, 4096 to 2 GiB. Default 1 GiB. */
  walMaxBytes?: number | undefined;
  /** Default "torn-tail". */
  recovery?: Recovery | undefined;
  /** Password of the default user; "" = none. Default "". */
  requirepass?: string | undefined;
  /** Most clients at once, 1 to 1,000,000; lowered when the limit of open files asks for it. Default 10,000. */
  maxclients?: number | undefined;
  /** Refuse clients from elsewhere while no password is set. Default true. */
  protectedMode?: boolean | undefined;
  /** Level of the built-in logger. Default "info". */
  logLevel?: LogLevel | undefined;
  /** Allow DEBUG. Default false. */
  enableDebugCommand?: boolean | undefined;
  /**
   * Lines as of redis.conf, each a name and its words, such as ["timeout", "300"] or ["save", "900", "1"]: what CONFIG SET can set, and what
   * Redis has and has no meaning here. Options are not among them.
   */
  config?: readonly (readonly string[])[] | undefined;
  /** Where log lines go, instead of JSON lines on standard error. */
  logger?: Logger | undefined;
  /**
   * SHUTDOWN was called (also while the data is loaded), or persistence can no longer work (`error` is set then). The owner closes the server, with or without a
   * final snapshot, and ends the process if that is its wish. Without it the server closes itself.
   */
  onShutdownRequested?: ((request: ShutdownRequest) => void) | undefined;
  /** Gives up the start: startServer then rejects with the signal's reason. Once the server runs, close() ends it. */
  signal?: AbortSignal | undefined;
}

/** Why and how the server wants to end. */
export interface ShutdownRequest {
  /** Whether a final snapshot is wanted. */
  readonly save: boolean;
  /** Set when it is no wish but a failure: the process should end with a code that is not 0. */
  readonly error?: Error;
}

/** Options that have no default, and that only a program can give. */
type Optional = "logger" | "onShutdownRequested" | "signal";
const optional: readonly string[] = ["logger", "onShutdownRequested", "signal"] satisfies Optional[];
/** Options whose value no message shows: it is, or may hold, a password. */
const secret: readonly string[] = ["requirepass", "config"];

/** Options after defaults and checks. */
export type ResolvedOptions = { [K in Exclude<keyof ServerOptions, Optional>]-?: NonNullable<ServerOptions[K]> } & Pick<
  ServerOptions,
  Optional
>;

/** Values of the options that are left out. */
export const defaultOptions: Readonly<Omit<ResolvedOptions, Optional>> = {
  host: "127.0.0.1 -::1",
  port: 6379,
  dataDir: "./data",
  fsyncIntervalMs: 100,
  ack: "written",
  disablePersistence: false,
  snapshotIntervalS: 300,
  snapshotOps: 100_000,
  snapshotWalBytes: 64 * 1024 * 1024,
  snapshotKeep: 3,
  walMaxBytes: 1024 * 1024 * 1024,
  recovery: "torn-tail",
  requirepass: "",
  maxclients: 10_000,
  protectedMode: true,
  logLevel: "info",
  enableDebugCommand: false,
  config: [],
};

/** A value that cannot be used; the message is one line for the user. */
export class OptionsError extends Error {
  override name = "OptionsError";
  /** Tells it from bugs, as the codes of the system's errors do. */
  readonly code = "BAD_OPTION";
  /** Name of the option, in camelCase. */
  readonly option: string;

  constructor(option: string, problem: string) {
    super(`${option}: ${problem}`);
    this.option = option;
  }
}

/** What each option accepts; a check gives the problem, or null. */
const checks: { readonly [K in keyof Omit<ResolvedOptions, Optional>]: (value: unknown) => string | null } = {
  host: text(1),
  port: integer(0, 65_535),
  dataDir: text(1),
  fsyncIntervalMs: integer(1, 60_000),
  ack: oneOf("memory", "written", "synced"),
  disablePersistence: flag,
  snapshotIntervalS: number(0, 31_536_000),
  snapshotOps: integer(0, Number.MAX_SAFE_INTEGER),
  snapshotWalBytes: integer(0, Number.MAX_SAFE_INTEGER),
  snapshotKeep: integer(1, 1000),
  walMaxBytes: integer(4096, 2 ** 31),
  recovery: oneOf("torn-tail", "strict", "skip-corrupt"),
  requirepass: text(0),
  maxclients: integer(1, 1_000_000),
  protectedMode: flag,
  logLevel: oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
  enableDebugCommand: flag,
  config: lines,
};

/**
 * Fills in the defaults and checks every value.
 * @throws OptionsError for the first value that cannot be used, and for a name that is no option.
 */
export function resolveOptions(options: ServerOptions): ResolvedOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (optional.includes(name)) continue;
    if (!Object.hasOwn(checks, name)) throw new OptionsError(name, "no such option");
    const problem = checks[name as keyof typeof checks](value);
    if (problem !== null)
      throw new OptionsError(name, secret.includes(name) ? problem : `${problem}, not ${JSON.stringify(value)}`);
  }
  return { ...defaultOptions, ...Object.fromEntries(given) };
}

function integer(least: number, most: number): (value: unknown) => string | null {
  const problem = `must be a whole number from ${least} to ${most}`;
  return (value) => (Number.isInteger(value) && Number(value) >= least && Number(value) <= most ? null : problem);
}

function number(least: number, most: number): (value: unknown) => string | null {
  const problem = `must be a number from ${least} to ${most}`;
  return (value) => (typeof value === "number" && value >= least && value <= most ? null : problem);
}

function text(leastLength: number): (value: unknown) => string | null {
  return (value) => (typeof value === "string" && value.length >= leastLength ? null : "must be a text");
}

function oneOf(...values: string[]): (value: unknown) => string | null {
  return (value) =>
    typeof value === "string" && values.includes(value) ? null : `must be one of ${values.join(", ")}`;
}

function flag(value: unknown): string | null {
  return typeof value === "boolean" ? null : "must be true or false";
}

function lines(value: unknown): string | null {
  const isLine = (line: unknown) => Array.isArray(line) && line.every((word) => typeof word === "string");
  return Array.isArray(value) && value.every(isLine) ? null : "must be lists of a name and its words";
}

/** Starts a server: options, sockets, data directory, recovery. */
import { randomBytes } from "node:crypto";
import { Keyspace } from "@hearthkv/engine";
import type { Logger } from "pino";
import { Clock } from "./clock.js";
import { Config } from "./config/config.js";
import { Settings } from "./config/settings.js";
import { maxClientsPossible, TcpServer } from "./connection/server.js";
import { Core, type CoreParts, type CoreServices } from "./core.js";
import { infoText } from "./info/info.js";
import { HEARTHKV_VERSION, InfoCollector } from "./info/info-source.js";
import { ServerStats } from "./info/stats.js";
import { keyspaceMemory } from "./keyspace-memory.js";
import { createLogger } from "./log.js";
import { type ResolvedOptions, resolveOptions, type ServerOptions, type ShutdownRequest } from "./options.js";
import { NullPersistence, openPersistence, type Persistence } from "./persistence/index.js";
import { Cron } from "./upkeep/cron.js";

/** How long close() lets replies that were already made leave. */
const LAST_REPLIES_MS = 50;

/** A server that runs in this process. */
export interface RunningServer {
  /** Of HearthKV. */
  readonly version: string;
  /** The port listened on. */
  readonly port: number;
  /** Addresses listened on, as "address:port". */
  readonly addresses: readonly string[];
  /** Keys in all databases that were loaded at the start. */
  readonly keysLoaded: number;
  /** Milliseconds from the call of startServer until the server listened. */
  readonly startMs: number;
  /** Digest of all data, 40 hex digits: equal for equal data. */
  digest(): string;
  /**
   * Accepts and runs nothing any more, syncs everything, writes a final snapshot (unless `snapshot` is false), closes all connections.
   * Further calls give the same promise.
   */
  close(options?: { snapshot?: boolean }): Promise<void>;
}

/**
 * Starts a server. It listens first: a port that is taken is known before the data directory is touched, and clients that come while the
 * data is loaded are told LOADING, as by Redis. No signal handlers are installed: the owner calls close().
 * @throws OptionsError for bad options, the system's error when it cannot listen, StorageError when the data cannot be recovered, and the
 * reason of `signal`
 */
export async function startServer(given: ServerOptions = {}): Promise<RunningServer> {
  const clock = new Clock();
  const startedMs = clock.monotonicMs();
  const options = resolveOptions(given);
  const { signal } = options;
  signal?.throwIfAborted();
  const logger = options.logger ?? createLogger(options.logLevel, "json", 2);
  const lifetime = new Lifetime(options, logger);
  const giveUp = () => void lifetime.close(false);
  signal?.addEventListener("abort", giveUp);
  try {
    const core = makeCore({ options, logger, clock }, lifetime);
    const tcp = new TcpServer(core);
    lifetime.begin(core, tcp);
    await tcp.listen(options.host, options.port);
    signal?.throwIfAborted();
    logger.info({ addresses: tcp.addresses }, `listening on ${tcp.addresses.join(" and ")}`);
    await core.persistence.load();
    signal?.throwIfAborted();
    let keysLoaded = 0;
    for (const db of core.keyspace.databases()) keysLoaded += db.keys.size;
    const startMs = clock.monotonicMs() - startedMs;
    return {
      version: HEARTHKV_VERSION,
      ...{ port: core.port, addresses: tcp.addresses, keysLoaded, startMs },
      digest: () => core.keyspace.digest(),
      close: ({ snapshot = true } = {}) => lifetime.close(snapshot),
    };
  } catch (error) {
    await lifetime.close(false);
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Puts the server together; nothing outside of it is touched yet. */
function makeCore(given: Pick<CoreParts, "options" | "logger" | "clock">, lifetime: Lifetime): Core {
  const { options, logger, clock } = given;
  // The seed is that of the data directory once there is one.
  const keyspace = new Keyspace({ hashSeed: randomBytes(8), random: Math.random, ...keyspaceMemory });
  return new Core(
    {
      ...{ ...given, keyspace },
      persistence: makePersistence(options, logger, keyspace, lifetime),
      settings: makeSettings(options, logger),
      stats: new ServerStats(clock.monotonicMs()),
    },
    (made) => makeServices(made, lifetime),
  );
}

function makePersistence(
  options: ResolvedOptions,
  logger: Logger,
  keyspace: Keyspace,
  lifetime: Lifetime,
): Persistence {
  if (options.disablePersistence) return new NullPersistence(keyspace);
  const { fsyncIntervalMs, walMaxBytes, snapshotIntervalS, snapshotOps, snapshotWalBytes, snapshotKeep, recovery } =
    options;
  return openPersistence(
    options.dataDir,
    {
      ...{ fsyncIntervalMs, walMaxBytes, snapshotIntervalS, snapshotOps, snapshotWalBytes, snapshotKeep, recovery },
      ackLevel: options.ack,
      onFatal: (error) => lifetime.requestShutdown({ save: false, error }),
    },
    keyspace,
    logger,
  );
}

function makeSettings(options: ResolvedOptions, logger: Logger): Settings {
  const settings = new Settings();
  settings.requirepass = Buffer.from(options.requirepass, "utf8").toString("latin1");
  settings.protectedMode = options.protectedMode;
  settings.maxclients = Math.min(options.maxclients, maxClientsPossible());
  if (settings.maxclients < options.maxclients) {
    logger.warn(
      { maxclients: settings.maxclients, wanted: options.maxclients },
      "the limit of open files of this process allows fewer clients than maxclients",
    );
  }
  return settings;
}

function makeServices(core: Core, lifetime: Lifetime): CoreServices {
  const { settings, options, persistence, keyspace, stats, logger } = core;
  const collector = new InfoCollector(core);
  const config = new Config({
    ...{ settings, options, persistence },
    port: () => core.port,
    databases: keyspace.databaseCount,
    packedLimits: keyspace.limits,
    keyEvents: core.events,
    commandLog: core.commandLog,
    latency: core.latency,
    maxclientsLimit: maxClientsPossible(),
    setLogLevel: (level) => {
      logger.level = level;
    },
  });
  const remembered = config.startup(options.config);
  if (remembered.length > 0) {
    logger.info({ remembered }, `only remembered, without effect here: ${remembered.join(", ")}`);
  }
  return {
    config,
    info: (sections) => infoText(sections, collector.collect()),
    memory: () => collector.memory(),
    resetStats: () => {
      stats.reset();
      core.commands.resetCounters();
      Object.assign(keyspace.stats, { expiredKeys: 0, keyspaceHits: 0, keyspaceMisses: 0 });
    },
    shutdown: (save) => {
      lifetime.requestShutdown({ save });
      return null;
    },
  };
}

/** The end of a server, however it comes about. */
class Lifetime {
  readonly #options: ResolvedOptions;
  readonly #logger: Logger;
  #parts: { core: Core; tcp: TcpServer; cron: Cron } | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: ResolvedOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  begin(core: Core, tcp: TcpServer): void {
    this.#parts = { core, tcp, cron: new Cron(core) };
  }

  /** Somebody inside wants the end: the owner decides, or the server closes itself. */
  requestShutdown(request: ShutdownRequest): void {
    if (request.error !== undefined) this.#logger.fatal({ err: request.error }, "the server cannot go on");
    else this.#logger.info({ save: request.save }, "a client asked for the shutdown");
    if (this.#options.onShutdownRequested !== undefined) {
      this.#options.onShutdownRequested(request);
      return;
    }
    this.close(request.save).catch((error: unknown) => this.#logger.error({ err: error }, "closing failed"));
  }

  close(snapshot: boolean): Promise<void> {
    this.#closing ??= this.#close(snapshot);
    return this.#closing;
  }

  async #close(snapshot: boolean): Promise<void> {
    if (this.#parts === null) return;
    const { core, tcp, cron } = this.#parts;
    tcp.stopAccepting();
    cron.stop();
    core.stop();
    core.ticker.finish();
    try {
      await core.persistence.close({ snapshot });
    } finally {
      core.ticker.sendReplies();
      for (const client of [...core.clients.all()]) client.closeSoon();
      await new Promise((resolve) => setTimeout(resolve, core.clients.size > 0 ? LAST_REPLIES_MS : 0));
      for (const client of [...core.clients.all()]) client.kill();
    }
  }
}

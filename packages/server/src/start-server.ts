/** Starts a server: options, data directory, recovery, then the sockets. */
import { randomBytes } from "node:crypto";
import { commandTable } from "@hearthkv/commands";
import { Keyspace } from "@hearthkv/engine";
import { type Logger, pino } from "pino";
import { Clock } from "./clock.js";
import { Config } from "./config.js";
import { Core, type CoreServices } from "./core.js";
import { Cron } from "./cron.js";
import { infoText } from "./info.js";
import { HEARTHKV_VERSION, InfoCollector } from "./info-source.js";
import { type ResolvedOptions, resolveOptions, type ServerOptions, type ShutdownRequest } from "./options.js";
import { NullPersistence, openDataDirectory, openPersistence, type Persistence } from "./persistence/index.js";
import { releaseBuffer } from "./release-buffer.js";
import { maxClientsPossible, TcpServer } from "./server.js";
import { Settings } from "./settings.js";
import { ServerStats } from "./stats.js";

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
 * Starts a server. No signal handlers are installed: the owner calls close().
 * @throws OptionsError for bad options, StorageError when the data cannot be recovered, the system's error when it cannot listen
 */
export async function startServer(given: ServerOptions = {}): Promise<RunningServer> {
  const clock = new Clock();
  const startedMs = clock.monotonicMs();
  const options = resolveOptions(given);
  const logger = options.logger ?? pino({ level: options.logLevel });
  const lifetime = new Lifetime(options, logger);
  const { keyspace, persistence } = await openData(options, logger, lifetime);
  const core = new Core(
    {
      options,
      keyspace,
      persistence,
      settings: makeSettings(options, logger),
      stats: new ServerStats(clock.monotonicMs()),
      logger,
      clock,
    },
    (made) => makeServices(made, lifetime, () => port),
  );
  let port = options.port;
  let keysLoaded = 0;
  for (const db of keyspace.databases()) keysLoaded += db.size;
  const tcp = new TcpServer(core);
  const cron = new Cron(core);
  lifetime.begin(core, tcp, cron);
  try {
    port = await tcp.listen(options.host, options.port);
    const startMs = clock.monotonicMs() - startedMs;
    return {
      version: HEARTHKV_VERSION,
      ...{ port, addresses: tcp.addresses, keysLoaded, startMs },
      digest: () => keyspace.digest(),
      close: ({ snapshot = true } = {}) => lifetime.close(snapshot),
    };
  } catch (error) {
    await lifetime.close(false);
    throw error;
  }
}

async function openData(
  options: ResolvedOptions,
  logger: Logger,
  lifetime: Lifetime,
): Promise<{ keyspace: Keyspace; persistence: Persistence }> {
  if (options.disablePersistence) {
    const keyspace = new Keyspace({ hashSeed: randomBytes(8), random: Math.random, release: releaseBuffer });
    return { keyspace, persistence: new NullPersistence(keyspace) };
  }
  const directory = await openDataDirectory(options.dataDir, (message) => logger.warn({}, message));
  const keyspace = new Keyspace({ hashSeed: directory.hashSeed, random: Math.random, release: releaseBuffer });
  const { fsyncIntervalMs, walMaxBytes, snapshotIntervalS, snapshotOps, snapshotKeep, recovery } = options;
  const persistence = await openPersistence(
    directory,
    {
      ...{ fsyncIntervalMs, walMaxBytes, snapshotIntervalS, snapshotOps, snapshotKeep, recovery },
      ackLevel: options.ack,
      onFatal: (error) => lifetime.requestShutdown({ save: false, error }),
    },
    keyspace,
    logger,
  );
  return { keyspace, persistence };
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

function makeServices(core: Core, lifetime: Lifetime, port: () => number): CoreServices {
  const { settings, options, persistence, keyspace, stats, logger } = core;
  const collector = new InfoCollector(core, port);
  const config = new Config({
    ...{ settings, options, persistence, port },
    databases: keyspace.databaseCount,
    packedLimits: keyspace.limits,
    maxclientsLimit: maxClientsPossible(),
    setLogLevel: (level) => {
      logger.level = level;
    },
  });
  return {
    config,
    info: (sections) => infoText(sections, collector.collect()),
    resetStats: () => {
      stats.reset();
      commandTable.resetCounters();
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

  begin(core: Core, tcp: TcpServer, cron: Cron): void {
    this.#parts = { core, tcp, cron };
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

/** The server without sockets: data, log, commands and everything that clients share, put together. */
import { type CommandTable, type ConfigHost, type MemoryFigures, makeCommandTable } from "@hearthkv/commands";
import type { Keyspace } from "@hearthkv/engine";
import { ReplyWriter } from "@hearthkv/resp";
import type { Logger } from "pino";
import { Admission } from "./admission/admission.js";
import { admissionRules } from "./admission/rules.js";
import type { ClientState } from "./clients/client-state.js";
import { Clients } from "./clients/clients.js";
import type { Clock } from "./clock.js";
import type { Settings } from "./config/settings.js";
import { Dispatcher } from "./dispatch/dispatch.js";
import { Host } from "./dispatch/host.js";
import type { ServerStats } from "./info/stats.js";
import { CommandLog } from "./insight/command-log.js";
import { LatencyMonitor } from "./insight/latency-monitor.js";
import { Monitors } from "./insight/monitors.js";
import { Migrations } from "./migration/migrations.js";
import type { ResolvedOptions } from "./options.js";
import type { Persistence } from "./persistence/index.js";
import { PublishedEvents } from "./pubsub/key-events.js";
import { PubSub } from "./pubsub/pubsub.js";
import { Transactions } from "./transactions/transactions.js";
import { Watches } from "./transactions/watches.js";
import { Ticker } from "./turn/tick.js";
import { WriteMarks } from "./turn/write-marks.js";
import { HeapWatch } from "./upkeep/heap-watch.js";
import { Blocking } from "./waiting/blocking.js";
import { KeyWatch } from "./waiting/key-observer.js";

/** What exists before the core. */
export interface CoreParts {
  readonly options: ResolvedOptions;
  readonly keyspace: Keyspace;
  readonly persistence: Persistence;
  readonly settings: Settings;
  readonly stats: ServerStats;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What is made around the core, and what the core's commands call. */
export interface CoreServices {
  readonly config: ConfigHost;
  readonly info: (sections: readonly string[]) => string;
  readonly memory: () => MemoryFigures;
  readonly resetStats: () => void;
  /** SHUTDOWN; returns an error text when the server will not. */
  readonly shutdown: (save: boolean, now: boolean) => string | null;
}

/** One server. */
export class Core {
  /** Listened on; 0 before that. */
  port = 0;
  readonly options: ResolvedOptions;
  readonly keyspace: Keyspace;
  readonly persistence: Persistence;
  readonly settings: Settings;
  readonly stats: ServerStats;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly commands: CommandTable = makeCommandTable();
  readonly clients: Clients;
  readonly pubsub: PubSub;
  readonly events: PublishedEvents;
  readonly commandLog = new CommandLog();
  readonly latency = new LatencyMonitor();
  readonly monitors = new Monitors((client, bytes) => this.dispatcher.deliver(client, bytes));
  readonly watches: Watches;
  readonly blocking: Blocking;
  readonly migrations: Migrations;
  readonly ticker: Ticker;
  readonly heap: HeapWatch;
  readonly dispatcher: Dispatcher;

  constructor(parts: CoreParts, services: (core: Core) => CoreServices) {
    const { options, keyspace, persistence, settings, stats } = parts;
    this.options = options;
    this.keyspace = keyspace;
    this.persistence = persistence;
    this.settings = settings;
    this.stats = stats;
    this.logger = parts.logger;
    this.clock = parts.clock;

    const dispatcher = () => this.dispatcher;
    const keyWatch = new KeyWatch(keyspace);
    const interestChanged = () => keyWatch.update();
    this.watches = new Watches(interestChanged);
    this.blocking = new Blocking(keyspace, this.clock, dispatcher, interestChanged);
    const transactions = new Transactions(this.watches, dispatcher);
    this.pubsub = new PubSub((client, bytes) => this.dispatcher.deliver(client, bytes));
    this.events = new PublishedEvents(keyspace, this.pubsub, interestChanged);
    const writeError = () => persistence.writeError;
    this.migrations = new Migrations(dispatcher, writeError, interestChanged);
    keyWatch.listen([this.watches, this.blocking, this.migrations], this.events);
    this.clients = new Clients(
      this.clock,
      (client) => this.#forget(client),
      (client, withError) => this.blocking.giveUp(client, withError),
    );
    const reply = new ReplyWriter();
    const writes = new WriteMarks();
    this.ticker = new Ticker(persistence, stats, reply, writes);
    this.heap = new HeapWatch(this.logger, this.clock, () => keyspace.usedBytes());

    const persistenceEnabled = !options.disablePersistence;
    const host = new Host({
      ...services(this),
      ...{ keyspace, persistence, persistenceEnabled, settings, transactions, dispatcher },
      migrate: (client, order) => this.migrations.start(client, order),
      commands: this.commands,
      clients: this.clients,
      pubsub: this.pubsub,
      commandLog: this.commandLog,
      latency: this.latency,
      monitors: this.monitors,
      debugEnabled: options.enableDebugCommand,
    });
    const { ticker, heap } = this;
    const admission = new Admission(
      admissionRules({
        get memoryFull() {
          return heap.full;
        },
        get writeError() {
          return persistence.writeError;
        },
        get loading() {
          return persistence.loading !== null;
        },
        get congested() {
          return ticker.congested;
        },
      }),
    );
    ticker.onRestricted = () => admission.changed();
    heap.onFull = () => admission.changed();
    settings.onPassword = () => admission.changed();
    const { events, latency, commandLog, monitors } = this;
    this.dispatcher = new Dispatcher(
      {
        ...parts,
        commands: this.commands,
        reply,
        writes,
        ticker,
        heap,
        admission,
        events,
        latency,
        commandLog,
        monitors,
      },
      host,
      {
        blocking: this.blocking,
        transactions,
      },
    );
    ticker.onDrained = () => this.dispatcher.releasePostponed();
  }

  /** The server goes: no request is run any more, also when a log that was behind catches up. */
  stop(): void {
    this.ticker.onDrained = () => {};
    this.migrations.stop();
    for (const client of [...this.clients.all()]) client.stand();
  }

  #forget(client: ClientState): void {
    this.pubsub.drop(client);
    this.monitors.remove(client);
    this.watches.clear(client);
    this.blocking.remove(client);
    client.abandon?.();
    client.abandon = null;
  }
}

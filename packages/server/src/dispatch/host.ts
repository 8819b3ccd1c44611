/** What commands may ask of the server (ServerHost), put together from its parts. */
import {
  type BlockingCall,
  type CommandTable,
  type ConfigHost,
  ERR,
  type MemoryFigures,
  type MigrationOrder,
  type PersistenceHost,
  type ServerHost,
  type TransactionsHost,
} from "@hearthkv/commands";
import type { Keyspace } from "@hearthkv/engine";
import type { ClientContext, ClientState } from "../clients/client-state.js";
import type { Clients } from "../clients/clients.js";
import type { Settings } from "../config/settings.js";
import type { CommandLog } from "../insight/command-log.js";
import type { LatencyMonitor } from "../insight/latency-monitor.js";
import type { Monitors } from "../insight/monitors.js";
import type { Persistence } from "../persistence/index.js";
import type { PubSub } from "../pubsub/pubsub.js";
import type { Transactions } from "../transactions/transactions.js";
import type { Dispatcher } from "./dispatch.js";
import { PersistenceCommands } from "./persistence-commands.js";
import { reloadKeyspace } from "./reload.js";

/** The parts behind the host. */
export interface HostParts {
  readonly commands: CommandTable;
  readonly keyspace: Keyspace;
  readonly persistence: Persistence;
  readonly persistenceEnabled: boolean;
  readonly settings: Settings;
  readonly clients: Clients;
  readonly pubsub: PubSub;
  readonly transactions: Transactions;
  readonly config: ConfigHost;
  readonly commandLog: CommandLog;
  readonly latency: LatencyMonitor;
  readonly monitors: Monitors;
  readonly debugEnabled: boolean;
  readonly info: (sections: readonly string[]) => string;
  readonly memory: () => MemoryFigures;
  readonly resetStats: () => void;
  /** SHUTDOWN; returns an error text when the server will not. */
  readonly shutdown: (save: boolean, now: boolean) => string | null;
  readonly dispatcher: () => Dispatcher;
  readonly migrate: (client: ClientState, order: MigrationOrder) => void;
}

/** One per server. */
export class Host implements ServerHost {
  readonly commands: CommandTable;
  readonly config: ConfigHost;
  readonly clients: Clients;
  readonly pubsub: PubSub;
  readonly transactions: TransactionsHost;
  readonly persistence: PersistenceHost;
  readonly commandLog: CommandLog;
  readonly latency: LatencyMonitor;
  readonly debugEnabled: boolean;
  readonly #parts: HostParts;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.commands = parts.commands;
    this.config = parts.config;
    this.clients = parts.clients;
    this.pubsub = parts.pubsub;
    this.transactions = parts.transactions;
    this.persistence = new PersistenceCommands(parts.persistence, parts.persistenceEnabled, parts.dispatcher);
    this.commandLog = parts.commandLog;
    this.latency = parts.latency;
    this.debugEnabled = parts.debugEnabled;
  }

  get requiresPassword(): boolean {
    return this.#parts.settings.requirepass !== "";
  }

  info(sections: readonly string[]): string {
    return this.#parts.info(sections);
  }

  memory(): MemoryFigures {
    return this.#parts.memory();
  }

  resetStats(): void {
    this.#parts.resetStats();
  }

  monitor({ session, reply }: ClientContext): void {
    if (this.#parts.monitors.add(session)) reply.ok();
  }

  checkPassword(user: string, password: Buffer): boolean {
    // The comparison is made for unknown users as well, so that both take the same time.
    const matches = this.#parts.settings.isPassword(password);
    return user === "default" && matches;
  }

  select(client: ClientState, index: number): void {
    client.dbIndex = index;
    client.db = this.#parts.keyspace.db(index);
    this.#parts.dispatcher().selected(client);
  }

  resetSession(client: ClientState): void {
    this.#parts.transactions.discardQueue(client);
    this.#parts.pubsub.drop(client);
    this.#parts.monitors.remove(client);
    this.select(client, 0);
    client.name = "";
    client.proto = 2;
    client.authenticated = !this.requiresPassword;
  }

  shutdown(save: boolean | null, now: boolean, _force: boolean): string | null {
    return this.#parts.shutdown(save ?? true, now);
  }

  sleep(ms: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  }

  reload(ctx: ClientContext): void {
    const { keyspace, persistence, persistenceEnabled } = this.#parts;
    if (persistence.loading !== null) {
      ctx.reply.error(ERR.loading);
      return;
    }
    // In a transaction it cannot wait for the snapshot that may be copying a shard just now.
    if (ctx.denyBlocking && persistence.snapshotRunning) {
      ctx.reply.error(ERR.saveInProgress);
      return;
    }
    if (ctx.denyBlocking || !persistenceEnabled) {
      reloadKeyspace(keyspace);
      ctx.reply.ok();
      return;
    }
    const answer = this.#parts.dispatcher().suspend(ctx.session);
    persistence.snapshotNow().then(
      () => {
        reloadKeyspace(keyspace);
        answer((reply) => reply.ok());
      },
      (error: Error) => answer((reply) => reply.error(`ERR ${error.message}`)),
    );
  }

  block(ctx: ClientContext, call: BlockingCall): void {
    this.#parts.dispatcher().block(ctx, call);
  }

  migrate(ctx: ClientContext, order: MigrationOrder): void {
    this.#parts.migrate(ctx.session, order);
  }
}

/** What a command may see: the request, where the reply goes, the data, its connection's state, and the server behind it. */
import type { Database, Keyspace } from "@hearthkv/engine";
import type { ReplyWriter, Request } from "@hearthkv/resp";
import type { KeyEvents } from "./events.js";
import type { CommandTable, TableRow } from "./table/command-table.js";

/**
 * Everything a command needs; one reused object, valid only while the command runs. `S` is what its owner makes a session of: commands see a Session, the
 * server's parts that they call see its own.
 */
export interface CommandContext<S extends Session = Session> {
  request: Request;
  reply: ReplyWriter;
  keyspace: Keyspace;
  /** The database that the session has selected. */
  db: Database;
  session: S;
  host: ServerHost;
  /** Who wants to know what happens to keys (events.ts). */
  events: KeyEvents;
  /** The row being run: for error texts that name the command. */
  row: TableRow;
  /** Inside EXEC: a blocking command answers at once as if its time were up. */
  denyBlocking: boolean;
  /** What relative times count from; absent: the keyspace's clock. Import has it, whose keyspace's clock stands still so that nothing expires. */
  readonly relativeToMs?: number;
}

/** State of one connection that commands read and change. It knows no socket. */
export interface Session {
  readonly id: number;
  dbIndex: number;
  proto: 2 | 3;
  authenticated: boolean;
  name: string;
  libName: string;
  libVer: string;
  /** Between MULTI and EXEC. */
  inMulti: boolean;
  /** Number of channels, patterns and shard channels this connection listens to. */
  subscriptions: number;
  /** Close after the replies so far were sent (QUIT, protocol error). */
  closeAfterReply: boolean;
}

/** What only the server can do. Commands call it and never import the server. */
export interface ServerHost {
  readonly commands: CommandTable;
  readonly config: ConfigHost;
  readonly clients: ClientsHost;
  readonly pubsub: PubSubHost;
  readonly transactions: TransactionsHost;
  readonly persistence: PersistenceHost;
  readonly commandLog: CommandLogHost;
  readonly latency: LatencyHost;
  /** Text of INFO for the named sections (lower case; empty = default ones; "all", "everything" allowed). */
  info(sections: readonly string[]): string;
  resetStats(): void;
  /** Shows the session every command that runs, from now on, and answers; nothing where it is so already. */
  monitor(ctx: CommandContext): void;
  memory(): MemoryFigures;
  /** Password of the default user, "" when none is required. Compared in constant time. */
  checkPassword(user: string, password: Buffer): boolean;
  readonly requiresPassword: boolean;
  /** Selects a database for the session (bounds were checked). */
  select(session: Session, index: number): void;
  /** RESET: back to a fresh connection's state (transaction, subscriptions, name, database, protocol, authentication). */
  resetSession(session: Session): void;
  /** Ends the server. `save`: true/false as asked, null = as configured. Returns an error text when it will not. */
  shutdown(save: boolean | null, now: boolean, force: boolean): string | null;
  /** DEBUG is off unless the server was started with it. */
  readonly debugEnabled: boolean;
  /** DEBUG SLEEP: blocks the whole server for so long. */
  sleep(ms: number): void;
  /** DEBUG RELOAD: saves, empties memory and loads what was saved; replies when that is done. */
  reload(ctx: CommandContext): void;
  /**
   * Suspends the session until `call` gets what it waits for or its time is up. Where nothing may wait (`ctx.denyBlocking`) its time is up at once. The
   * command has found nothing, and has written no reply.
   */
  block(ctx: CommandContext, call: BlockingCall): void;
  /** Suspends the session until the keys have been sent, or that failed, and answers then. */
  migrate(ctx: CommandContext, order: MigrationOrder): void;
}

/** What a command waits for, and how it goes on. */
export interface BlockingCall {
  /** A value of this TYPE_* code in one of the keys lets it try again. */
  readonly type: number;
  /** Of the current database, latin1. */
  readonly keys: readonly string[];
  /** 0 = for ever. */
  readonly timeoutMs: number;
  /**
   * Tries again, after one of the keys was written: true when it has replied, false to wait on, having changed nothing. `ctx.request` is a copy of the request;
   * what was resolved when the command began to wait is the function's to remember.
   */
  readonly retry: (ctx: CommandContext) => boolean;
  /** The reply when the time is up. */
  readonly over: (reply: ReplyWriter) => void;
}

/** What takes how much memory, in bytes. */
export interface MemoryFigures {
  /** What was used before there was any data. */
  readonly startup: number;
  /** Keys, values and indexes. */
  readonly dataset: number;
  /** Blocks of memory that the data has, filled or not. */
  readonly arenas: number;
  /** What waits for clients, or comes from them. */
  readonly clients: number;
  /** The most that was used at a time. */
  readonly peak: number;
  /** Resident memory of the process. */
  readonly rss: number;
}

/** What MIGRATE is to do. */
export interface MigrationOrder {
  readonly host: string;
  readonly port: number;
  /** At the target. */
  readonly targetDb: number;
  /** Of silence, or until there is a connection. */
  readonly timeoutMs: number;
  /** Arguments of AUTH; none: it is not sent. */
  readonly credentials: readonly Buffer[];
  /** The keys stay here. */
  readonly isCopy: boolean;
  /** In place of what the target has. */
  readonly replaces: boolean;
  readonly db: Database;
  /** They are there. */
  readonly keys: readonly Buffer[];
  /** To be told of a key that went from here. */
  deleted(key: Buffer): void;
  /** A key's value as DUMP gives it, and how long it lives (0 = for ever); null where there is none any more. It may find the key's time to be up. */
  dump(key: Buffer): { readonly payload: Uint8Array; readonly ttlMs: number } | null;
}

/** The logs that SLOWLOG (the first) and COMMANDLOG (all) show. */
export type CommandLogKind = "slow" | "large-request" | "large-reply";

/** A command that was logged. */
export interface CommandLogEntry {
  /** Counts up, in each log. */
  readonly id: number;
  readonly atSeconds: number;
  /** Microseconds that it took; of large ones, bytes. */
  readonly amount: number;
  /** latin1; cut short, secrets redacted. */
  readonly args: readonly string[];
  /** Of the client. */
  readonly address: string;
  readonly name: string;
}

export interface CommandLogHost {
  /** At most `count`, newest first. */
  entries(kind: CommandLogKind, count: number): readonly CommandLogEntry[];
  count(kind: CommandLogKind): number;
  reset(kind: CommandLogKind): void;
}

/** That something took so long; of one second the longest. */
export interface LatencySample {
  readonly atSeconds: number;
  readonly ms: number;
}

/** What took long: the last samples, oldest first (there is one at least), and the longest ever. */
export interface LatencyEvent {
  readonly samples: readonly LatencySample[];
  readonly maxMs: number;
}

export interface LatencyHost {
  readonly events: ReadonlyMap<string, LatencyEvent>;
  /** From so many milliseconds on something is a sample; 0 = nothing is. */
  readonly thresholdMs: number;
  /** Forgets those events; none are named: all. Returns how many there were. */
  reset(names: readonly string[]): number;
}

/** CONFIG GET/SET. Names are Redis's; values are strings. */
export interface ConfigHost {
  /** Pairs whose name matches one of the glob patterns, each once, sorted as the table is. */
  get(patterns: readonly string[]): [name: string, value: string][];
  /** Sets all or none; returns an error text without "ERR ", or null. */
  set(pairs: readonly [name: string, value: string][]): string | null;
}

/** Filter of CLIENT LIST and CLIENT KILL; fields that are absent match everything. */
export interface ClientFilter {
  /** In the order in which they are to be listed. */
  ids?: ReadonlySet<number>;
  type?: "normal" | "pubsub" | "master" | "replica";
  address?: string;
  localAddress?: string;
  user?: string;
  skipId?: number;
}

export interface ClientsHost {
  /** One line per client, as CLIENT LIST prints it, without the line end. */
  describe(filter: ClientFilter): string[];
  describeOne(session: Session): string;
  /** Closes the matching connections and returns how many. The caller's own is closed after its reply. */
  kill(filter: ClientFilter, caller: Session): number;
  /** Ends a client's waiting for a key as if its time were up, or with ERR.unblocked; false when no client of this number waits for one. */
  unblock(id: number, withError: boolean): boolean;
}

export interface PubSubHost {
  /** Each writes its own confirmation pushes into ctx.reply. An empty list of unsubscribe means all. Names are latin1. */
  subscribe(ctx: CommandContext, channels: readonly string[]): void;
  unsubscribe(ctx: CommandContext, channels: readonly string[]): void;
  psubscribe(ctx: CommandContext, patterns: readonly string[]): void;
  punsubscribe(ctx: CommandContext, patterns: readonly string[]): void;
  ssubscribe(ctx: CommandContext, channels: readonly string[]): void;
  sunsubscribe(ctx: CommandContext, channels: readonly string[]): void;
  /** Returns the number of receivers. The message is a byte range and copied at once. */
  publish(channel: string, buf: Uint8Array, off: number, len: number): number;
  /** The same to a shard channel, of which patterns hear nothing. */
  spublish(channel: string, buf: Uint8Array, off: number, len: number): number;
  /** Active channels matching the glob pattern (null = all). */
  channels(pattern: string | null): string[];
  subscribers(channel: string): number;
  shardChannels(pattern: string | null): string[];
  shardSubscribers(channel: string): number;
  patternCount(): number;
}

export interface TransactionsHost {
  multi(ctx: CommandContext): void;
  exec(ctx: CommandContext): void;
  discard(ctx: CommandContext): void;
  watch(ctx: CommandContext): void;
  unwatch(ctx: CommandContext): void;
}

export interface PersistenceHost {
  /** SAVE: suspends the session until a snapshot is published, then +OK or an error. */
  save(ctx: CommandContext): void;
  /** BGSAVE: starts one; an error text when one is running already (or, with `schedule`, queues it). */
  bgsave(schedule: boolean): { error: string } | { status: string };
  /** Unix seconds of the last published snapshot, or of the start. */
  readonly lastSaveSeconds: number;
  /**
   * WAITAOF: suspends the session until its writes are synced on `numLocal` (0 or 1) disks and `numReplicas` replicas, or the time is up; replies
   * [local, replicas]. Answers at once when that is so already or `ctx.denyBlocking`; an error when there is no log to wait for.
   * @param timeoutMs 0 = for ever
   */
  waitAof(ctx: CommandContext, numLocal: number, timeoutMs: number, numReplicas: number): void;
  /** WAIT: suspends the session until so many replicas have its writes, or the time is up; replies how many have. There are none. 0 ms = for ever. */
  waitReplicas(ctx: CommandContext, count: number, timeoutMs: number): void;
}

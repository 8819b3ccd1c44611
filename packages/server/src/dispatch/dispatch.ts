/**
 * The one road a command takes. It knows no socket: a client is what ClientState says.
 *
 *   begin(client)                          the clock is read; what is appended to `reply` from now on is this client's
 *   execute(client, request)  any number   find the row, admit, run, log, serve who waited for it
 *   end()                                  the owner has taken the replies, or remembers where they lie until the turn ends
 *
 * Everything is synchronous, so every command is atomic. What it changed is sealed as one log entry right behind it.
 */
import {
  arityError,
  arityHolds,
  type BlockingCall,
  type CommandTable,
  ERR,
  EVENT_NEW,
  flagBit,
  LatencyHistogram,
  type ServerHost,
  type TableRow,
} from "@hearthkv/commands";
import { type EffectLog, EntryTooLargeError, type Keyspace } from "@hearthkv/engine";
import { ReplyWriter, Request } from "@hearthkv/resp";
import type { Logger } from "pino";
import { type Admission, allBits } from "../admission/admission.js";
import { isLarge } from "../admission/rules.js";
import {
  type ClientContext,
  type ClientState,
  HALT_CLOSING,
  HALT_CONGESTED,
  HALT_SUSPENDED,
  Nobody,
} from "../clients/client-state.js";
import type { Clock } from "../clock.js";
import type { ServerStats } from "../info/stats.js";
import type { CommandLog } from "../insight/command-log.js";
import type { LatencyMonitor } from "../insight/latency-monitor.js";
import type { Monitors } from "../insight/monitors.js";
import type { Persistence } from "../persistence/index.js";
import type { PublishedEvents } from "../pubsub/key-events.js";
import type { QueueRunner, Transactions } from "../transactions/transactions.js";
import type { Ticker } from "../turn/tick.js";
import type { WriteMarks } from "../turn/write-marks.js";
import type { HeapWatch } from "../upkeep/heap-watch.js";
import type { BlockedCall, Blocking, BlockingRunner } from "../waiting/blocking.js";
import { LookAhead } from "./look-ahead.js";

const WRITE = flagBit("write");
const FAST = flagBit("fast");
const SKIP_LOG = flagBit("skip_slowlog");
/** In a transaction these run at once; everything else is queued. */
const RUN_INSIDE_MULTI: ReadonlySet<string> = new Set(["exec", "discard", "multi", "watch", "quit", "reset"]);
/**
 * A look at the clock costs a good part of a small command. So of the calls of a command that is quick by its nature, and has been so far, one in so many is
 * timed, and counts for all of them. Its first calls are all timed, and so is each with many arguments.
 */
const TIMED_FIRST = 1024;
const TIMED_EVERY = 64;
const TIMED_ABOVE_US = 20;
const TIMED_ARGS = 64;
const MINUS = 45;
/** What a transaction's queue may hold. What its commands change must fit a log entry besides, of 1 GB. */
const QUEUE_BYTES_MAX = 768 * 1024 * 1024;
/** Commands: many clients with long pipelines run a hundred thousand between two turns of the cron. */
const HEAP_LOOK_EVERY = 4096;
const ERROR_WORD_BYTES_MAX = 40;
/** On the wire a request takes less than so much for each argument besides their texts, which are all that a copy has. */
const ARGUMENT_HEAD_BYTES = 32;

/** What the dispatcher works with. */
export interface DispatcherParts {
  readonly commands: CommandTable;
  readonly keyspace: Keyspace;
  readonly persistence: Persistence;
  readonly stats: ServerStats;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Where replies are written; whoever sends them empties it. */
  readonly reply: ReplyWriter;
  /** Which of them are replies to writes; whoever moves or sends replies sees to it. */
  readonly writes: WriteMarks;
  readonly ticker: Ticker;
  readonly heap: HeapWatch;
  readonly admission: Admission;
  readonly events: PublishedEvents;
  readonly commandLog: CommandLog;
  readonly latency: LatencyMonitor;
  readonly monitors: Monitors;
}

/** Runs commands. One per server; its methods are not to be called from within a command, except those that say so. */
export class Dispatcher implements BlockingRunner, QueueRunner {
  /** Replies of this turn, client after client; those of the present one are appended between begin() and end(). */
  readonly reply: ReplyWriter;
  /** Which of them are replies to writes. */
  readonly writes: WriteMarks;

  readonly #commands: CommandTable;
  readonly #ahead: LookAhead;
  readonly #keyspace: Keyspace;
  readonly #effects: EffectLog;
  readonly #persistence: Persistence;
  readonly #ticker: Ticker;
  readonly #heap: HeapWatch;
  readonly #admission: Admission;
  readonly #events: PublishedEvents;
  readonly #commandLog: CommandLog;
  readonly #latency: LatencyMonitor;
  readonly #monitors: Monitors;
  readonly #stats: ServerStats;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #context: ClientContext;
  /** For calls that waited: they run behind another client's command. */
  readonly #retryContext: ClientContext;
  readonly #blocking: Blocking;
  readonly #transactions: Transactions;
  /** Replies to others than the client between begin() and end(). */
  readonly #side = new ReplyWriter();
  #current: ClientState | null = null;
  /** Clients that wait to write until the log has caught up, in the order of their coming. */
  #postponed: ClientState[] = [];
  /** Messages for the current client that came up while its command ran: they follow the command's reply. */
  #pushes: Buffer[] = [];
  #heapLookAt = 0;
  /** The transaction that runs has something that writes. */
  #queueWrites = false;

  constructor(parts: DispatcherParts, host: ServerHost, waiting: { blocking: Blocking; transactions: Transactions }) {
    this.reply = parts.reply;
    this.writes = parts.writes;
    this.#commands = parts.commands;
    this.#ahead = new LookAhead(parts.commands, parts.keyspace.hashes);
    this.#keyspace = parts.keyspace;
    this.#effects = parts.keyspace.effects;
    this.#persistence = parts.persistence;
    this.#ticker = parts.ticker;
    this.#heap = parts.heap;
    this.#admission = parts.admission;
    this.#events = parts.events;
    this.#commandLog = parts.commandLog;
    this.#latency = parts.latency;
    this.#monitors = parts.monitors;
    this.#stats = parts.stats;
    this.#logger = parts.logger;
    this.#clock = parts.clock;
    this.#blocking = waiting.blocking;
    this.#transactions = waiting.transactions;
    this.#context = {
      request: new Request(),
      reply: this.reply,
      keyspace: parts.keyspace,
      db: parts.keyspace.db(0),
      session: new Nobody(parts.keyspace.db(0)),
      host,
      events: parts.events,
      row: parts.commands.rows()[0] as TableRow,
      denyBlocking: false,
    };
    this.#retryContext = { ...this.#context, reply: new ReplyWriter() };
  }

  /** Opens a batch of commands of one client. All of them see the same time. */
  begin(client: ClientState): void {
    this.#current = client;
    if (this.#heap.near || this.#stats.commandsProcessed >= this.#heapLookAt) this.lookAtHeap();
    // While the data is loaded the keyspace's clock stands still, so that nothing expires.
    if (this.#persistence.loading === null) this.#keyspace.nowMs = this.#clock.wallMs();
  }

  /** Asks how full the heap is: the cron does it, and begin() where much has been run since, or it is near its limit. */
  lookAtHeap(): void {
    this.#heapLookAt = this.#stats.commandsProcessed + HEAP_LOOK_EVERY;
    this.#heap.look();
  }

  /** Closes the batch; what comes for the client from now on goes to its deliver(). */
  end(): void {
    this.#current = null;
    this.#ahead.forget();
  }

  /**
   * To be called before `first` is executed, and then the `count` requests in `ahead`, which lie in the same buffer: finds rows and loads what they will read
   * (look-ahead.ts).
   */
  touchAhead(client: ClientState, first: Request, ahead: readonly Request[], count: number): void {
    this.#ahead.prepare(client.db.keys.shards, first, ahead, count);
  }

  /** Runs one request of the client that begin() named. Its reply is appended to `reply`, unless the client now waits. */
  execute(client: ClientState, request: Request): void {
    this.reply.proto = client.proto;
    const row = this.#ahead.rowOf(request);
    if (row === undefined) this.#refuse(client, this.#commands.unknown(request));
    else if (!arityHolds(row, request.argc)) this.#refuse(client, arityError(row), row);
    else if ((this.#admission.isPlain(client) && !isLarge(request)) || this.#admit(client, row, request))
      this.#run(client, row, request);
    if (this.#pushes.length > 0) this.#takePushes();
  }

  /** Runs what the client had to wait with, unless it has to wait again. As execute(). */
  executePostponed(client: ClientState, request: Request): void {
    client.postponed = null;
    this.execute(client, request);
  }

  /** The log has caught up: who waited to write goes on. */
  releasePostponed(): void {
    const waiting = this.#postponed;
    this.#postponed = [];
    for (const client of waiting) client.release(HALT_CONGESTED);
  }

  /** Runs a request inside another command's turn (EXEC): nothing is logged until that command has ended. May be called by it. */
  runQueued(request: Request): void {
    // What was queued was found.
    const row = this.#commands.resolve(request) as TableRow;
    const ctx = this.#context;
    const outer = { row: ctx.row, request: ctx.request };
    if ((row.bits & WRITE) !== 0) this.#queueWrites = true;
    ctx.row = row;
    ctx.request = request;
    ctx.db = ctx.session.db;
    ctx.denyBlocking = true;
    this.#invoke(ctx, row, row.run);
    ctx.denyBlocking = false;
    ctx.row = outer.row;
    ctx.request = outer.request;
  }

  /** The database of the running command follows SELECT. May be called by a command. */
  selected(client: ClientState): void {
    if (this.#context.session === client) this.#context.db = client.db;
  }

  /** Brings bytes to a client, behind the reply of its running command if it has one. May be called by a command. */
  readonly deliver = (client: ClientState, bytes: Buffer): void => {
    if (client === this.#current) this.#pushes.push(bytes);
    else if (!client.closed) client.deliver(bytes);
  };

  /** Sends a reply that is not written by the client's running command; of a write, with the sequence of its entry. May be called by a command. */
  answer(client: ClientState, write: (reply: ReplyWriter) => void, sequence = 0): void {
    const side = this.#side;
    side.reset();
    side.proto = client.proto;
    write(side);
    this.#send(client, side, sequence);
  }

  /**
   * Runs a part of a command that goes on behind its turn (MIGRATE), as the client's, and seals what it changed: `sequence` is for the client's answer, 0
   * where it changed nothing.
   */
  changeLater<T>(client: ClientState, change: () => T): { readonly result: T; readonly sequence: number } {
    this.#keyspace.nowMs = this.#clock.wallMs();
    this.#keyspace.values.settle();
    const result = change();
    const sequence = this.#commit(client);
    this.#ticker.schedule();
    return { result, sequence };
  }

  /**
   * ServerHost.suspend: no further request of the client is run until the returned function was called.
   * @param abandon called instead when the client goes while it waits: nothing may keep it then. Without it a client that has closed its
   *   direction still gets its answer.
   */
  suspend(
    client: ClientState,
    abandon: (() => void) | null = null,
  ): (write: (reply: ReplyWriter) => void, sequence?: number) => void {
    client.halt |= HALT_SUSPENDED;
    client.abandon = abandon;
    return (write, sequence = 0) => {
      if (client.closed) return;
      client.abandon = null;
      this.answer(client, write, sequence);
      client.release(HALT_SUSPENDED);
    };
  }

  /** ServerHost.block. */
  block(ctx: ClientContext, call: BlockingCall): void {
    if (ctx.denyBlocking) call.over(ctx.reply);
    else this.#blocking.add(ctx.session, ctx.row, ctx.request, call);
  }

  retry({ client, row, request, asked }: BlockedCall): boolean {
    const ctx = this.#retryContext;
    const { reply } = ctx;
    reply.reset();
    reply.proto = client.proto;
    ctx.session = client;
    ctx.db = client.db;
    ctx.row = row;
    ctx.request = request;
    const waitsOn = this.#invoke(ctx, row, asked.retry) === false;
    const sequence = this.#commit(client);
    if (waitsOn) return false;
    this.#send(client, reply, sequence);
    return true;
  }

  timedOut({ client, asked }: BlockedCall): void {
    this.answer(client, asked.over);
  }

  unblocked({ client }: BlockedCall): void {
    this.answer(client, (reply) => reply.error(ERR.unblocked));
    this.#stats.countError("UNBLOCKED");
  }

  /** Seals what was changed outside of any command (expiry sweep) as a log entry, which the turn's end writes. */
  commitChores(): void {
    if (this.#effects.count === 0) return;
    this.#seal();
    this.#ticker.schedule();
  }

  /** What is not plain. False when the request was answered, queued or postponed here. */
  #admit(client: ClientState, row: TableRow, request: Request): boolean {
    const problem = this.#admission.objection(client, row, request);
    if (problem !== null) {
      this.#refuse(client, problem, row);
      return false;
    }
    if (!client.inMulti || RUN_INSIDE_MULTI.has(row.name)) {
      if (!this.#ticker.congested || (allBits(client, row) & WRITE) === 0) return true;
      client.halt |= HALT_CONGESTED;
      client.postponed = request.copy();
      this.#postponed.push(client);
      return false;
    }
    // Of a transaction that will not run nothing need be kept.
    const isLost = client.queueFailed || client.watchFailed;
    if (isLost || client.queue.push(request, QUEUE_BYTES_MAX)) {
      client.queueBits |= row.bits;
      this.reply.queued();
    } else {
      this.#refuse(client, ERR.transactionTooLarge, row);
    }
    return false;
  }

  /** Answers a request that is not run. While queueing, EXEC will then fail; an EXEC that is refused itself ends the transaction. */
  #refuse(client: ClientState, problem: string, row?: TableRow): void {
    if (row !== undefined) row.counters.rejected++;
    const isExec = row?.name === "exec";
    if (isExec) this.#transactions.discardQueue(client);
    else if (client.inMulti) this.#transactions.fail(client);
    const mark = this.reply.length;
    this.reply.error(isExec ? `EXECABORT Transaction discarded because of: ${problem.replace(/^ERR /, "")}` : problem);
    this.#countError(this.reply, mark);
  }

  #countError(reply: ReplyWriter, mark: number): void {
    const line = reply.bytes.toString("latin1", mark + 1, Math.min(reply.length, mark + 1 + ERROR_WORD_BYTES_MAX));
    this.#stats.countError(line.split(/[ \r]/, 1)[0] as string);
  }

  #run(client: ClientState, row: TableRow, request: Request): void {
    const ctx = this.#context;
    ctx.request = request;
    ctx.session = client;
    ctx.db = client.db;
    ctx.row = row;
    client.lastRow = row;
    const mark = this.reply.length;
    this.#queueWrites = false;
    this.#stats.commandsProcessed++;
    this.#invoke(ctx, row, row.run);
    if (this.#effects.count > 0) {
      const sequence = this.#commit(client);
      const writes = (row.bits & WRITE) !== 0 || this.#queueWrites;
      if (writes && sequence > 0 && this.reply.length > mark) this.writes.add(mark, this.reply.length, sequence);
    }
    if (this.#blocking.hasReady) this.#serveBlocked(client);
    if (client.closeAfterReply) client.halt |= HALT_CLOSING;
  }

  /** Runs a command, or what it left to be tried again, whose value it returns; undefined where that failed. */
  #invoke(ctx: ClientContext, row: TableRow, run: (ctx: ClientContext) => unknown): unknown {
    const { reply } = ctx;
    const mark = reply.length;
    const { counters } = row;
    counters.calls++;
    const timed = this.#timedCalls(row, ctx.request);
    const startMs = timed === 0 ? 0 : this.#clock.monotonicMs();
    this.#keyspace.values.settle();
    if ((this.#events.classes & EVENT_NEW) !== 0 && (row.bits & WRITE) !== 0) this.#events.before(ctx, row);
    let value: unknown;
    try {
      value = run(ctx);
    } catch (error) {
      reply.length = mark;
      if (error instanceof EntryTooLargeError) {
        reply.error(ERR.changeTooLarge(error.bytesMax));
      } else {
        // What it changed so far is in memory, so it goes to the log as well. Only the reply is taken back.
        this.#logger.error({ err: error, command: row.name }, "a command failed unexpectedly");
        reply.error("ERR internal error");
      }
    }
    if (reply.length > mark && reply.bytes[mark] === MINUS) {
      counters.failed++;
      this.#countError(reply, mark);
    }
    if (timed !== 0) this.#took(ctx, row, (this.#clock.monotonicMs() - startMs) * 1000, timed, value);
    const log = this.#commandLog;
    const { request } = ctx;
    const last = request.argc - 1;
    const requestBytes = (request.off[last] as number) + (request.len[last] as number) - (request.off[0] as number);
    const mayBeLarge = requestBytes > log.requestBytes - ARGUMENT_HEAD_BYTES * request.argc;
    if ((mayBeLarge || reply.length - mark > log.replyBytes) && this.#isLogged(ctx, row, value)) {
      log.addLarge(ctx.session, row, request, reply.length - mark, this.#clock.wallMs());
    }
    // What waited was shown when it began to wait.
    if (this.#monitors.areThere && ctx === this.#context) {
      this.#monitors.tell(ctx.session, row, request, this.#clock.wallMs());
    }
    return value;
  }

  /** For how many calls of a command this one stands when its time is taken; 0 = its time is not taken. */
  #timedCalls(row: TableRow, request: Request): number {
    const { counters } = row;
    if (!row.isQuick || request.argc >= TIMED_ARGS) return 1;
    if (this.#commandLog.timesAll || this.#latency.thresholdMs > 0) return 1;
    if (counters.calls <= TIMED_FIRST || counters.usec > counters.calls * TIMED_ABOVE_US) return 1;
    if (++counters.untimed < TIMED_EVERY) return 0;
    counters.untimed = 0;
    return TIMED_EVERY;
  }

  /** The time of a call was taken, which stands for `calls`. */
  #took(ctx: ClientContext, row: TableRow, usec: number, calls: number, value: unknown): void {
    const { counters } = row;
    counters.usec += usec * calls;
    const latency = this.#latency;
    if (latency.tracksCommands) {
      counters.times ??= new LatencyHistogram();
      counters.times.add(usec, calls);
    }
    if (latency.thresholdMs > 0) {
      const event = (row.bits & FAST) === 0 ? "command" : "fast-command";
      latency.add(event, Math.floor(usec / 1000), this.#clock.wallMs());
    }
    const log = this.#commandLog;
    if (usec >= log.slowUsec && this.#isLogged(ctx, row, value)) {
      log.addSlow(ctx.session, row, ctx.request, usec, this.#clock.wallMs());
    }
  }

  /** Whether a call may stand in the command logs. One that begins to wait, or waits on, does when it has run. @param value that it returned */
  #isLogged(ctx: ClientContext, row: TableRow, value: unknown): boolean {
    const waits = value === false || (ctx === this.#context && ctx.session.blocked);
    return (row.bits & SKIP_LOG) === 0 && !waits;
  }

  /** Seals what the client's command changed. Returns the entry's sequence; 0 where there is none that the client waits for. */
  #commit(client: ClientState): number {
    if (this.#effects.count === 0) return 0;
    const acceptsWrites = this.#persistence.writeError === null;
    this.#seal();
    // While writes are refused only expired keys are logged, by reads, which need not wait for the disk.
    if (!acceptsWrites) return 0;
    client.lastSequence = this.#persistence.lastSequence;
    return client.lastSequence;
  }

  #seal(): void {
    this.#persistence.commit(this.#keyspace.nowMs);
    if (this.#persistence.congested) this.#ticker.congest();
  }

  #serveBlocked(client: ClientState): void {
    this.#blocking.serve();
    this.#commit(client);
  }

  /** Sends what a writer holds, and empties it. @param sequence of the log entry, where it is the reply to a write; 0: it is not */
  #send(client: ClientState, reply: ReplyWriter, sequence = 0): void {
    if (reply.length > 0 && !client.closed) {
      const bytes = Buffer.from(reply.bytes.subarray(0, reply.length));
      if (sequence > 0) client.deliver(bytes, sequence);
      else this.deliver(client, bytes);
    }
    reply.reset();
    reply.trim();
  }

  #takePushes(): void {
    for (const bytes of this.#pushes) this.reply.raw(bytes);
    this.#pushes.length = 0;
  }
}

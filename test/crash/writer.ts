/**
 * A pipelining client that remembers everything: what it sent, what was acknowledged, and what the server's answers said about the order of
 * all clients' commands. After a crash it says which prefix of its commands the server still has.
 */
import { once } from "node:events";
import net from "node:net";
import RedisParser from "redis-parser";
import { RespClient } from "../support/index.js";
import { describeValue, encodeOperation, type Operation, readState, type State } from "./model.js";
import { OperationSource } from "./operations.js";
import { type Answered, outcomeOf, outcomes, withoutEffect } from "./outcomes.js";
import type { Random } from "./random.js";

/** Which commands of a run a server still had. */
export interface Survival {
  /** Commands sent and acknowledged in this run. */
  readonly sent: number;
  readonly acknowledged: number;
  /** Length of the prefix of the sent commands that the server has. */
  readonly kept: number;
  /** Acknowledged commands that are gone. One that was refused has not been acknowledged. */
  readonly lost: number;
  /** performance.now() of the reply to the first of them; null = none is. */
  readonly lostSinceMs: number | null;
  /** The INCRs of the common counter in that prefix. */
  readonly ordersKept: number;
  /** What is wrong beyond lost commands; empty when nothing is. */
  readonly faults: readonly string[];
}

/** The error of a write because the disk fails: it may have an effect or not, and the connection goes on. */
const REFUSAL = /^(MISCONF|EXECABORT) /;
/** After one nothing is sent for so long, and then one command at a time until one is taken. */
const BACK_OFF_MS = 20;

/** One writer; it goes on from run to run, as the data directory does. */
export class Writer {
  /** Error replies and replies that do not fit; there must be none. */
  readonly faults: string[] = [];
  /** Commands of all runs that were refused because the disk failed, and the last such error. */
  refused = 0;
  lastRefusal = "";
  readonly #id: number;
  readonly #mayBeRefused: boolean;
  readonly #source: OperationSource;
  /** Content before the first command of this run. */
  #base: State = new Map();
  #run = 0;
  #operations: Operation[] = [];
  #acknowledged = 0;
  /** When each was. */
  #acknowledgedMs: number[] = [];
  /** Numbers of those that were refused in this run. */
  #refusedAt = new Set<number>();
  /** From this one on it is not known what became of them. */
  #unknownFrom = Number.POSITIVE_INFINITY;
  /** What the first commands of the run give, so many of them. */
  #known: { state: State; count: number } | null = null;
  #port = 0;
  /** Number of the command -> value of the common counter. */
  #orders = new Map<number, number>();
  #repliesOfFirst = 0;
  #depth = 1;
  #paused = false;
  #backingOff = false;
  #socket: net.Socket | null = null;
  #closed: Promise<unknown> = Promise.resolve();
  #quiet: () => void = () => {};

  /** @param mayBeRefused commands refused for a failing disk are no faults */
  constructor(id: number, random: Random, mayBeRefused = false) {
    this.#id = id;
    this.#mayBeRefused = mayBeRefused;
    this.#source = new OperationSource(id, random);
  }

  get sent(): number {
    return this.#operations.length;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Begins a run: sends commands, with `depth` of them unanswered, until the connection ends or pause() is called. */
  async start(port: number, depth: number): Promise<void> {
    this.#run++;
    this.#depth = depth;
    this.#port = port;
    this.#forgetRun();
    this.#repliesOfFirst = 0;
    this.#paused = false;
    const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    const parser = new RedisParser({
      returnReply: (reply: unknown) => this.#receive(reply),
      returnError: (error) => this.#receive(error),
      returnFatalError: (error) => this.faults.push(`writer ${this.#id} cannot read its replies: ${error.message}`),
    });
    socket.on("data", (chunk: Buffer) => {
      parser.execute(chunk);
      this.#send();
    });
    socket.on("error", () => {});
    this.#closed = new Promise((resolve) => socket.once("close", resolve));
    this.#socket = socket;
    this.#send();
  }

  /** Resolves when everything that was sent is answered; nothing more is sent. */
  async pause(): Promise<void> {
    this.#paused = true;
    if (this.#acknowledged === this.#operations.length) return;
    await new Promise<void>((resolve) => {
      this.#quiet = resolve;
    });
  }

  /** Goes on after pause(). */
  resume(): void {
    this.#paused = false;
    this.#send();
  }

  /** Resolves when the connection has ended and all its replies are counted. */
  async ended(): Promise<void> {
    await this.#closed;
    this.#quiet();
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#socket?.destroy();
    await this.ended();
  }

  /**
   * Compares what a server holds with what it may hold: the effect of a prefix of the commands of this run. The next run goes on from there.
   * @param found all keys of the server, as described texts
   * @param orderNow the common counter there
   */
  settle(found: ReadonlyMap<string, string>, orderNow: number): Survival {
    const { kept, differences } = this.#longestPrefixOfAny(found);
    const faults = this.faults.splice(0);
    if (kept < 0) faults.push(`writer ${this.#id}: no prefix of its commands gives what is there: ${differences}`);
    const applied = this.#operations.slice(0, Math.max(0, kept));
    for (const operation of applied) operation.apply(this.#base);
    const sharesOrder = (operation: Operation): boolean => operation.orderAt >= 0;
    for (const [index, order] of this.#orders) {
      if (index < kept === order <= orderNow) continue;
      faults.push(
        `writer ${this.#id}: command ${index} of ${kept} kept ones was number ${order} of ${orderNow} of all writers`,
      );
    }
    const ordersKept = applied.filter(sharesOrder).length;
    const gone = this.#acknowledgedMs.filter((_, i) => i >= kept && !this.#refusedAt.has(i));
    const [sent, acknowledged] = [this.#operations.length, this.#acknowledged];
    const survival = { sent, acknowledged, kept, lost: gone.length, lostSinceMs: gone[0] ?? null, ordersKept, faults };
    this.#forgetRun();
    return survival;
  }

  #forgetRun(): void {
    this.#operations = [];
    this.#acknowledged = 0;
    this.#acknowledgedMs = [];
    this.#refusedAt.clear();
    this.#unknownFrom = Number.POSITIVE_INFINITY;
    this.#known = null;
    this.#orders.clear();
  }

  #send(): void {
    const socket = this.#socket;
    const waits = this.#paused || this.#backingOff || this.#unknownFrom < Number.POSITIVE_INFINITY;
    if (waits || socket === null || socket.destroyed || socket.writableNeedDrain) {
      if (socket?.writableNeedDrain === true) socket.once("drain", () => this.#send());
      return;
    }
    const unanswered = this.#operations.length - this.#acknowledged;
    if (unanswered > this.#depth / 2) return;
    const batch: Buffer[] = [];
    const depth = this.#refusedAt.has(this.#acknowledged - 1) ? 1 : this.#depth;
    for (let n = unanswered; n < depth; n++) {
      const operation = this.#source.next(`${this.#id}.${this.#run}.${this.#operations.length}`);
      this.#operations.push(operation);
      batch.push(encodeOperation(operation));
    }
    socket.write(Buffer.concat(batch));
  }

  #receive(reply: unknown): void {
    const operation = this.#operations[this.#acknowledged];
    if (operation === undefined) {
      this.faults.push(`writer ${this.#id}: a reply to nothing: ${String(reply)}`);
      return;
    }
    const refused = reply instanceof Error && this.#mayBeRefused && REFUSAL.test(reply.message);
    if (reply instanceof Error && !refused) {
      this.faults.push(`writer ${this.#id}: ${operation.requests[0]?.[0]}: ${reply.message}`);
    }
    if (++this.#repliesOfFirst < operation.requests.length) return;
    this.#repliesOfFirst = 0;
    if (refused) {
      this.#refusedAt.add(this.#acknowledged);
      this.#unknownFrom = Math.min(this.#unknownFrom, this.#acknowledged);
      this.#noteRefusal(reply.message);
    } else if (operation.orderAt >= 0) {
      this.#orders.set(this.#acknowledged, (reply as number[])[operation.orderAt] ?? Number.NaN);
    }
    this.#acknowledged++;
    this.#acknowledgedMs.push(performance.now());
    if (this.#acknowledged < this.#operations.length) return;
    if (this.#paused) this.#quiet();
    if (this.#unknownFrom < this.#acknowledged) void this.#learn();
  }

  /** Asks the server, which still answers reads, what became of the commands that were refused; nothing is sent meanwhile. */
  async #learn(): Promise<void> {
    const run = this.#run;
    let found: ReadonlyMap<string, string>;
    try {
      const client = await RespClient.connect(this.#port);
      found = await readState(client);
      client.close();
    } catch {
      return; // It was killed meanwhile: what it held is compared with every outcome that there may be.
    }
    if (run !== this.#run || this.#unknownFrom > this.#acknowledged) return;
    const from = this.#unknownFrom;
    this.#known ??= { state: structuredClone(this.#base), count: 0 };
    const { state, count } = this.#known;
    for (const operation of this.#operations.slice(count, from)) operation.apply(state);
    const outcome = outcomeOf(state, this.#answeredFrom(from), found, `${this.#id}:`);
    if (outcome === null)
      this.faults.push(`writer ${this.#id}: commands that were refused have another effect than theirs`);
    else this.#settleOutcome(from, outcome);
    this.#known.count = from;
    this.#unknownFrom = Number.POSITIVE_INFINITY;
    this.#send();
  }

  #answeredFrom(from: number): Answered[] {
    return this.#operations.slice(from).map((operation, i) => ({ operation, refused: this.#refusedAt.has(from + i) }));
  }

  #settleOutcome(from: number, outcome: readonly boolean[]): void {
    outcome.forEach((hasEffect, i) => {
      const operation = this.#operations[from + i];
      if (!hasEffect && operation !== undefined) this.#operations[from + i] = withoutEffect(operation);
    });
  }

  #noteRefusal(message: string): void {
    this.refused++;
    if (message.startsWith("MISCONF")) this.lastRefusal = message;
    if (this.#backingOff) return;
    this.#backingOff = true;
    setTimeout(() => {
      this.#backingOff = false;
      this.#send();
    }, BACK_OFF_MS);
  }

  /** The longest prefix of all, where it is not known what became of the last commands. The outcome that gives it is taken for theirs. */
  #longestPrefixOfAny(found: ReadonlyMap<string, string>): { kept: number; differences: string } {
    if (this.#unknownFrom === Number.POSITIVE_INFINITY) return this.#longestPrefix(found);
    const from = this.#unknownFrom;
    const operations = this.#operations;
    let best: { kept: number; differences: string; operations: Operation[] } | null = null;
    for (const outcome of outcomes(this.#answeredFrom(from))) {
      this.#operations = [...operations];
      this.#settleOutcome(from, outcome);
      const prefix = this.#longestPrefix(found);
      if (best === null || prefix.kept > best.kept) best = { ...prefix, operations: this.#operations };
    }
    this.#operations = best?.operations ?? operations;
    return best ?? this.#longestPrefix(found);
  }

  /** Length of the longest prefix whose effect is exactly what was found; -1 = there is none, and how near it came. */
  #longestPrefix(found: ReadonlyMap<string, string>): { kept: number; differences: string } {
    const state: State = structuredClone(this.#base);
    const own = `${this.#id}:`;
    const wrong = new Set<string>();
    const compare = (key: string): void => {
      if (describeValue(key, state.get(key)) === found.get(key)) wrong.delete(key);
      else wrong.add(key);
    };
    for (const key of state.keys()) compare(key);
    for (const key of found.keys()) if (key.startsWith(own)) compare(key);
    let kept = wrong.size === 0 ? 0 : -1;
    let least = wrong.size;
    let differences = describeDifferences(0, wrong, state, found);
    this.#operations.forEach((operation, index) => {
      operation.apply(state);
      for (const key of operation.keys) compare(key);
      if (wrong.size === 0) kept = index + 1;
      if (wrong.size >= least) return;
      least = wrong.size;
      differences = describeDifferences(index + 1, wrong, state, found);
    });
    return { kept, differences };
  }
}

const SHOWN_CHARS = 200;

function describeDifferences(
  after: number,
  keys: ReadonlySet<string>,
  state: State,
  found: ReadonlyMap<string, string>,
): string {
  const lines = [...keys].slice(0, 5).map((key) => {
    const expected = describeValue(key, state.get(key))?.slice(-SHOWN_CHARS) ?? "nothing";
    return `${key} should be ${expected} and is ${found.get(key)?.slice(-SHOWN_CHARS) ?? "nothing"}`;
  });
  return `after ${after} commands ${keys.size} keys differ: ${lines.join("; ")}`;
}

/**
 * The end of each turn of the event loop: first the log, then the replies.
 *
 *   poll phase    sockets are read, commands run, replies are collected by the connections
 *   immediate     clients that may go on run what had to wait -> persistence.endTick() -> replies leave, or wait in the gate
 *
 * All replies of a connection in one turn are one write, and all log entries of one turn are one write before them.
 *
 * A turn takes one new connection, because libuv accepts one a poll. So when two have come one behind the other, sockets that are read are
 * not read again until a poll has brought no further one, or some hundreds have come: new clients wait for some turns of the busy ones, not for one each.
 *
 * A reply waits for the log, whoever wrote what it may show (gate.ts). But a client that only reads does not wait for a disk that is slow or
 * fails: its replies pass when the log is so far behind that writers have to wait, or has not got on for READ_WAIT_MS. With ack level
 * "synced" they pass only while the disk fails.
 */
import type { ReplyWriter } from "@hearthkv/resp";
import { type GateTarget, ReplyGate } from "./gate.js";
import type { Persistence } from "./persistence/index.js";
import type { ServerStats } from "./stats.js";

/** A client that only reads waits at most twice this long for what others write, unless the ack level is "synced". */
const READ_WAIT_MS = 5;

/** A client with replies that wait for the end of the turn. */
export interface Outlet extends GateTarget {
  readonly closed: boolean;
  /** Sequence of the last log entry that this client caused. */
  readonly lastSequence: number;
  /** Whether earlier replies are still held: later ones must not overtake them. */
  readonly held: boolean;
  /** Sends what was collected. */
  flush(): void;
  /** Hands over what was collected to the gate. `turnReplies` is a copy of what the writer had at the turn's end; null: it makes its own. */
  hold(gate: ReplyGate<Outlet>, sequence: number, turnReplies: Buffer | null): void;
}

/** A client that may go on with requests that have arrived. */
export interface Runnable {
  proceed(): void;
}

/** A socket that is not read again before the next turn, or the end of a row of new connections. */
export interface Resting {
  readOn(): void;
}

/** So many new connections, one a turn, may come before the others are read again. Redis accepts a thousand at once. */
const ACCEPT_ROW_MAX = 300;

/** One per server. */
export class Ticker {
  /** Called when the log keeps up again. */
  onDrained: () => void = () => {};

  readonly #persistence: Persistence;
  readonly #stats: ServerStats;
  readonly #reply: ReplyWriter;
  readonly #gate = new ReplyGate<Outlet>();
  #outlets: Outlet[] = [];
  #runnable: Runnable[] = [];
  #resting: Resting[] = [];
  /** Connections that came one a turn, without a turn between that brought none. */
  #acceptRow = 0;
  #hasAccepted = false;
  #scheduled = false;
  #congested = false;
  /** Runs while replies are held, to see whether the log has reached `#watchedSequence` when it ends. */
  #watch: NodeJS.Timeout | null = null;
  #watchedSequence = 0;
  /** It had not: until it does, replies to those who only read pass the gate. */
  #late = false;

  /** @param reply where the replies of a turn are written; emptied at the turn's end */
  constructor(persistence: Persistence, stats: ServerStats, reply: ReplyWriter) {
    this.#persistence = persistence;
    this.#stats = stats;
    this.#reply = reply;
    persistence.onAcked = () => this.#gate.release(persistence.ackedSequence());
    persistence.onDrained = () => this.#drained();
    persistence.onWriteError = (text) => {
      // Those who only read, and came just before the failure was known, are not to wait for its end.
      if (text !== null) this.#releaseReaders();
    };
  }

  /** Too much waits for the disk: who wants to write waits until onDrained. */
  get congested(): boolean {
    return this.#congested;
  }

  /** To be called when persistence has become congested. */
  congest(): void {
    if (this.#congested) return;
    this.#congested = true;
    this.#beLate();
    this.schedule();
  }

  /** Whether replies or writers wait for the log. */
  get isWaiting(): boolean {
    return this.#congested || this.#gate.size > 0;
  }

  /** Whether the log has nothing that is not acknowledged yet: a reply then shows to nobody what a crash could take back. */
  get isAllAcked(): boolean {
    return this.#persistence.ackedSequence() >= this.#persistence.lastSequence;
  }

  /** Makes sure that the turn has an end. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  /** The client has collected something; each client once per turn. */
  addOutlet(outlet: Outlet): void {
    this.#outlets.push(outlet);
    this.schedule();
  }

  /** The client goes on at the end of this turn, after those that came before it. */
  addRunnable(runnable: Runnable): void {
    this.#runnable.push(runnable);
    this.schedule();
  }

  /** A new connection has come; more may wait behind it. */
  accepted(): void {
    this.#acceptRow++;
    this.#hasAccepted = true;
    this.schedule();
  }

  /** Whether new connections go first, because one has come behind another: who has been read now rests. */
  get isAccepting(): boolean {
    return this.#acceptRow > 1;
  }

  /** The socket is read again after this turn, or after the new connections; each once until then. */
  addResting(resting: Resting): void {
    this.#resting.push(resting);
    this.schedule();
  }

  /** Ends the turn at once: for the server's own end. */
  finish(): void {
    this.#turn();
  }

  /** Sends what may leave, and asks nothing more of the log: it may be closed. */
  sendReplies(): void {
    this.#flush();
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    if (this.#runnable.length > 0) this.#runWaiting();
    this.#persistence.endTick();
    this.#flush();
    if (this.#congested) this.#drained();
    if (this.#hasAccepted && this.#acceptRow < ACCEPT_ROW_MAX) this.#lookForMore();
    else this.#readOn();
  };

  #lookForMore(): void {
    this.#hasAccepted = false;
    this.schedule();
  }

  #readOn(): void {
    this.#acceptRow = 0;
    this.#hasAccepted = false;
    if (this.#resting.length === 0) return;
    const resting = this.#resting;
    this.#resting = [];
    for (const one of resting) one.readOn();
  }

  #runWaiting(): void {
    const runnable = this.#runnable;
    this.#runnable = [];
    for (const one of runnable) one.proceed();
  }

  #flush(): void {
    const persistence = this.#persistence;
    const acked = persistence.ackedSequence();
    if (this.#late && acked >= this.#watchedSequence) this.#late = false;
    if (this.#gate.size > 0) this.#gate.release(acked);
    const outlets = this.#outlets;
    if (outlets.length === 0) return;
    const last = persistence.lastSequence;
    const readersPass = this.#late || persistence.writeError !== null;
    let turnReplies: Buffer | null = null;
    // Sending runs no commands and so collects nothing new.
    for (let i = 0; i < outlets.length; i++) {
      const outlet = outlets[i] as Outlet;
      if (outlet.closed) continue;
      // Nothing new may be acknowledged for long; clients that only read go on.
      if (acked >= last || (readersPass && !outlet.held && outlet.lastSequence <= acked)) outlet.flush();
      else {
        // One copy for all, not a buffer for each reply: unless some leave now, whose replies the others' would keep in memory.
        if (!readersPass) turnReplies ??= Buffer.from(this.#reply.bytes.subarray(0, this.#reply.length));
        this.#hold(outlet, last, turnReplies);
      }
    }
    outlets.length = 0;
    this.#reply.reset();
  }

  #hold(outlet: Outlet, sequence: number, turnReplies: Buffer | null): void {
    this.#stats.repliesHeld++;
    outlet.hold(this.#gate, sequence, turnReplies);
    if (this.#watch === null && !this.#late) this.#watchLog();
  }

  #releaseReaders(): void {
    const acked = this.#persistence.ackedSequence();
    this.#gate.releaseOf((outlet) => outlet.lastSequence <= acked);
  }

  #watchLog(): void {
    this.#watchedSequence = this.#persistence.lastSequence;
    this.#watch = setTimeout(() => {
      this.#watch = null;
      if (this.#gate.size === 0) return;
      if (this.#persistence.ackedSequence() < this.#watchedSequence) this.#beLate();
      else this.#watchLog();
    }, READ_WAIT_MS);
  }

  #beLate(): void {
    if (this.#persistence.ackLevel === "synced") return;
    this.#late = true;
    this.#watchedSequence = this.#persistence.lastSequence;
    this.#releaseReaders();
  }

  #drained(): void {
    if (!this.#congested || this.#persistence.congested) return;
    this.#congested = false;
    this.onDrained();
  }
}

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
 * A reply waits for the log, whoever wrote what it may show (gate.ts). But a client that only reads does not wait for a disk that is slow:
 * its replies pass when the log is so far behind that writers have to wait, or has not got on for some milliseconds (lag-watch.ts); with ack
 * level "synced" they do not. And nobody waits for a log that fails: while writes are refused, no reply is held.
 *
 * What counts as failing is Persistence.writeError's to say: a write, fdatasync or new segment that fails does at once, a worker that
 * does not move after a second, or after 30 in one system call. A disk that is slow without an error is waited for.
 */
import type { ReplyWriter } from "@hearthkv/resp";
import type { ServerStats } from "../info/stats.js";
import type { Persistence } from "../persistence/index.js";
import { type GateTarget, ReplyGate } from "./gate.js";
import { LagWatch } from "./lag-watch.js";
import type { WriteMarks } from "./write-marks.js";

/** What a turn's end made of the dispatcher's writer for those who have to wait. */
export interface TurnReplies {
  /** A copy of all that was written in the turn. */
  readonly bytes: Buffer;
  /** Which of it are replies to writes; null: none is. */
  readonly marks: WriteMarks | null;
}

/** A client with replies that wait for the end of the turn. */
export interface Outlet extends GateTarget {
  readonly closed: boolean;
  /** Sequence of the last log entry that this client caused. */
  readonly lastSequence: number;
  /** Whether earlier replies are still held: later ones must not overtake them. */
  readonly held: boolean;
  /** Sends what was collected. */
  flush(): void;
  /** Hands over what was collected to the gate. `turnReplies` is what the writer had at the turn's end; null: it makes a copy of its own. */
  hold(gate: ReplyGate<Outlet>, sequence: number, turnReplies: TurnReplies | null): void;
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
  /** Called when the log has fallen behind, or fails: writers may be refused or have to wait from now on. */
  onRestricted: () => void = () => {};

  readonly #persistence: Persistence;
  readonly #stats: ServerStats;
  readonly #reply: ReplyWriter;
  readonly #writes: WriteMarks;
  readonly #lag: LagWatch;
  readonly #gate = new ReplyGate<Outlet>();
  #outlets: Outlet[] = [];
  #runnable: Runnable[] = [];
  #resting: Resting[] = [];
  /** Connections that came one a turn, without a turn between that brought none. */
  #acceptRow = 0;
  #hasAccepted = false;
  #scheduled = false;
  #congested = false;

  /**
   * @param reply where the replies of a turn are written; emptied at the turn's end
   * @param writes which of them are replies to writes; emptied with it
   */
  constructor(persistence: Persistence, stats: ServerStats, reply: ReplyWriter, writes: WriteMarks) {
    this.#persistence = persistence;
    this.#stats = stats;
    this.#reply = reply;
    this.#writes = writes;
    this.#lag = new LagWatch(
      persistence,
      () => this.#gate.size > 0,
      () => this.#releaseReaders(),
    );
    persistence.onAcked = () => this.#gate.release(persistence.ackedSequence());
    persistence.onDrained = () => this.#drained();
    persistence.onWriteError = (text) => {
      this.onRestricted();
      if (text !== null) this.#refuseHeld(text);
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
    this.onRestricted();
    this.#lag.congested();
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
    if (this.#gate.size > 0) this.#gate.release(acked);
    const outlets = this.#outlets;
    if (outlets.length === 0) return;
    const last = persistence.lastSequence;
    const { writeError } = persistence;
    const readersPass = writeError !== null || this.#lag.late;
    let turnReplies: TurnReplies | null = null;
    // Sending runs no commands and so collects nothing new.
    for (let i = 0; i < outlets.length; i++) {
      const outlet = outlets[i] as Outlet;
      if (outlet.closed) continue;
      // Nothing new may be acknowledged for long; clients that only read go on.
      if (acked >= last || (readersPass && !outlet.held && outlet.lastSequence <= acked)) outlet.flush();
      else {
        // One copy for all, not a buffer for each reply: unless some leave now, whose replies the others' would keep in memory.
        if (!readersPass) turnReplies ??= this.#copyReplies();
        this.#stats.repliesHeld++;
        outlet.hold(this.#gate, last, turnReplies);
        this.#lag.held();
      }
    }
    outlets.length = 0;
    this.#reply.reset();
    this.#writes.reset();
    if (writeError !== null && this.#gate.size > 0) this.#refuseHeld(writeError);
  }

  #copyReplies(): TurnReplies {
    return { bytes: Buffer.from(this.#reply.bytes.subarray(0, this.#reply.length)), marks: this.#writes.copy() };
  }

  /** The log fails: what must not be acknowledged is refused with the error that new writes get, and nobody waits. */
  #refuseHeld(writeError: string): void {
    const refused = this.#gate.refuse(this.#persistence.ackedSequence(), Buffer.from(`-${writeError}\r\n`));
    const word = writeError.split(" ", 1)[0] as string;
    for (let i = 0; i < refused; i++) this.#stats.countError(word);
  }

  #releaseReaders(): void {
    const acked = this.#persistence.ackedSequence();
    this.#gate.releaseOf((outlet) => outlet.lastSequence <= acked);
  }

  #drained(): void {
    if (!this.#congested || this.#persistence.congested) return;
    this.#congested = false;
    this.onDrained();
  }
}

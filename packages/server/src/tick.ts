/**
 * The end of each turn of the event loop: first the log, then the replies.
 *
 *   poll phase    sockets are read, commands run, replies are collected by the connections
 *   immediate     clients that may go on run what had to wait -> persistence.endTick() -> replies leave, or wait in the gate
 *
 * All replies of a connection in one turn are one write, and all log entries of one turn are one write before them.
 */
import type { ReplyWriter } from "@hearthkv/resp";
import { type GateTarget, ReplyGate } from "./gate.js";
import type { Persistence } from "./persistence/index.js";
import type { ServerStats } from "./stats.js";

/** A client with replies that wait for the end of the turn. */
export interface Outlet extends GateTarget {
  readonly closed: boolean;
  /** Sequence of the last log entry that this client caused. */
  readonly lastSequence: number;
  /** Whether earlier replies are still held: later ones must not overtake them. */
  readonly held: boolean;
  /** Sends what was collected. */
  flush(): void;
  /** Hands over what was collected: the gate will call transmit() with it. */
  take(): readonly Buffer[];
}

/** A client that may go on with requests that have arrived. */
export interface Runnable {
  proceed(): void;
}

/** One per server. */
export class Ticker {
  /** Called when the log keeps up again. */
  onDrained: () => void = () => {};
  /** Set by the owner while the server stands still because of the log. */
  congested = false;

  readonly #persistence: Persistence;
  readonly #stats: ServerStats;
  readonly #reply: ReplyWriter;
  readonly #gate = new ReplyGate<Outlet>();
  #outlets: Outlet[] = [];
  #runnable: Runnable[] = [];
  #scheduled = false;

  /** @param reply where the replies of a turn are written; emptied at the turn's end */
  constructor(persistence: Persistence, stats: ServerStats, reply: ReplyWriter) {
    this.#persistence = persistence;
    this.#stats = stats;
    this.#reply = reply;
    persistence.onAcked = () => this.#gate.release(persistence.ackedSequence());
    persistence.onDrained = () => this.#drained();
    persistence.onWriteError = (text) => {
      // Those who only read, and came just before the failure was known, are not to wait for its end.
      if (text !== null) this.#gate.releaseOf((outlet) => outlet.lastSequence <= persistence.ackedSequence());
    };
  }

  /** Number of replies that wait for the log. */
  get heldReplies(): number {
    return this.#gate.size;
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
    if (this.congested) this.#drained();
  };

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
    // Sending runs no commands and so collects nothing new.
    for (let i = 0; i < outlets.length; i++) {
      const outlet = outlets[i] as Outlet;
      if (outlet.closed) continue;
      if (acked >= last || (!outlet.held && this.#mayPass(outlet, acked))) outlet.flush();
      else this.#hold(outlet, last);
    }
    outlets.length = 0;
    this.#reply.reset();
  }

  /** While the disk fails nothing new is acknowledged for long; clients that only read go on. */
  #mayPass(outlet: Outlet, acked: number): boolean {
    return this.#persistence.writeError !== null && outlet.lastSequence <= acked;
  }

  #hold(outlet: Outlet, sequence: number): void {
    this.#stats.repliesHeld++;
    this.#gate.hold(sequence, outlet, outlet.take());
  }

  #drained(): void {
    if (!this.congested || this.#persistence.congested) return;
    this.congested = false;
    this.onDrained();
  }
}

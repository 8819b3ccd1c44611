/**
 * Blocked calls (BLPOP, ...): a call waits for its keys, in the order of arrival, and its `retry` runs when one of them was written.
 *
 *   command writes key -> changed(key) -> key is ready
 *   command has ended and is in the log -> serve(): for each ready key, each call waiting for it in order, while the key exists
 *
 * A call that finds nothing simply goes on waiting. Serving happens before the next command, so nobody can come between.
 */
import type { BlockingCall, TableRow } from "@hearthkv/commands";
import { type Keyspace, TYPE_NONE } from "@hearthkv/engine";
import type { Request } from "@hearthkv/resp";
import { type ClientState, HALT_BLOCKED } from "../clients/client-state.js";
import type { Clock } from "../clock.js";
import { type KeyListener, watchKey } from "./key-observer.js";

/** The longest delay that setTimeout keeps; longer ones are taken in several. */
const TIMER_MS_MAX = 0x7fff_ffff;

/** A call that waits. */
export interface BlockedCall {
  readonly client: ClientState;
  readonly row: TableRow;
  /** With bytes of its own. */
  readonly request: Request;
  /** What the command asked for. */
  readonly asked: BlockingCall;
  /** The keys as watchKey names them. */
  readonly ids: readonly string[];
  /** On the monotonic clock; 0 = waits for ever. */
  readonly deadlineMs: number;
  timer: NodeJS.Timeout | undefined;
}

/** What blocking needs of the one who runs commands. */
export interface BlockingRunner {
  /** Tries the call again, logs what it did, and sends the reply if there is one; true when the call got what it waited for. */
  retry(call: BlockedCall): boolean;
  /** Sends the reply of a call whose time is up. */
  timedOut(call: BlockedCall): void;
  /** Sends the error of a call that CLIENT UNBLOCK ends. */
  unblocked(call: BlockedCall): void;
}

interface ReadyKey {
  readonly id: string;
  readonly db: number;
  readonly key: Buffer;
}

/** All calls that wait for keys. */
export class Blocking implements KeyListener {
  readonly #keyspace: Keyspace;
  readonly #clock: Clock;
  readonly #runner: () => BlockingRunner;
  readonly #interestChanged: () => void;
  readonly #calls = new Map<ClientState, BlockedCall>();
  readonly #waiting = new Map<string, Set<BlockedCall>>();
  #ready: ReadyKey[] = [];
  #readyIds = new Set<string>();

  constructor(keyspace: Keyspace, clock: Clock, runner: () => BlockingRunner, interestChanged: () => void) {
    this.#keyspace = keyspace;
    this.#clock = clock;
    this.#runner = runner;
    this.#interestChanged = interestChanged;
  }

  /** Number of blocked clients. */
  get size(): number {
    return this.#calls.size;
  }

  get interested(): boolean {
    return this.size > 0;
  }

  /** Whether serve() has something to do. */
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Lets the client wait. The request is copied. */
  add(client: ClientState, row: TableRow, request: Request, asked: BlockingCall): void {
    const { timeoutMs } = asked;
    const deadlineMs = timeoutMs > 0 ? this.#clock.monotonicMs() + timeoutMs : 0;
    const ids = asked.keys.map((key) => watchKey(client.dbIndex, key));
    const call: BlockedCall = { client, row, request: request.copy(), asked, ids, deadlineMs, timer: undefined };
    for (const id of ids) {
      const calls = this.#waiting.get(id);
      if (calls === undefined) this.#waiting.set(id, new Set([call]));
      else calls.add(call);
    }
    this.#calls.set(client, call);
    client.halt |= HALT_BLOCKED;
    if (deadlineMs > 0) this.#arm(call);
    if (this.size === 1) this.#interestChanged();
  }

  /** Ends the waiting; the caller sends what is to be sent. Does nothing for a client that is not blocked. */
  remove(client: ClientState): void {
    const call = this.#calls.get(client);
    if (call === undefined) return;
    clearTimeout(call.timer);
    for (const id of call.ids) {
      const calls = this.#waiting.get(id);
      calls?.delete(call);
      if (calls?.size === 0) this.#waiting.delete(id);
    }
    this.#calls.delete(client);
    if (this.size === 0) this.#interestChanged();
    client.release(HALT_BLOCKED);
  }

  /** CLIENT UNBLOCK: ends the waiting before its time, as if it were up or with an error; false for a client that is not blocked. */
  giveUp(client: ClientState, withError: boolean): boolean {
    const call = this.#calls.get(client);
    if (call === undefined) return false;
    if (withError) this.#runner().unblocked(call);
    else this.#runner().timedOut(call);
    this.remove(client);
    return true;
  }

  changed(id: string): void {
    if (!this.#waiting.has(id) || this.#readyIds.has(id)) return;
    const colon = id.indexOf(":");
    this.#readyIds.add(id);
    this.#ready.push({ id, db: Number(id.slice(0, colon)), key: Buffer.from(id.slice(colon + 1), "latin1") });
  }

  /** Nothing that anybody waits for comes with a flush. */
  flushed(): void {}

  /** What a call waits for may have come with the other database's keys. */
  swapped(db: number, other: number): void {
    for (const id of this.#waiting.keys()) if (id.startsWith(`${db}:`) || id.startsWith(`${other}:`)) this.changed(id);
  }

  /** Serves the calls whose keys were written. Serving may write further keys; those are served, too. */
  serve(): void {
    for (let i = 0; i < this.#ready.length; i++) {
      const ready = this.#ready[i] as ReadyKey;
      this.#readyIds.delete(ready.id);
      this.#serveKey(ready);
    }
    this.#ready.length = 0;
  }

  #serveKey(ready: ReadyKey): void {
    const calls = this.#waiting.get(ready.id);
    if (calls === undefined) return;
    const db = this.#keyspace.db(ready.db);
    // A served call leaves the set, which a loop over a Set allows; none joins it meanwhile.
    for (const call of calls) {
      const type = db.keys.lookup(ready.key, 0, ready.key.length);
      if (type === TYPE_NONE) return;
      if (type === call.asked.type && this.#runner().retry(call)) this.remove(call.client);
    }
  }

  #arm(call: BlockedCall): void {
    const leftMs = call.deadlineMs - this.#clock.monotonicMs();
    call.timer = setTimeout(() => this.#tick(call), Math.min(Math.max(Math.ceil(leftMs), 1), TIMER_MS_MAX));
  }

  #tick(call: BlockedCall): void {
    if (this.#calls.get(call.client) !== call) return;
    if (this.#clock.monotonicMs() < call.deadlineMs) {
      this.#arm(call);
      return;
    }
    this.#runner().timedOut(call);
    this.remove(call.client);
  }
}

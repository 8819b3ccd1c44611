/** One client as the commands, transactions, subscriptions and blocking calls know it: no socket in sight. */
import type { CommandContext, CommandRow, Session } from "@hearthkv/commands";
import type { Database } from "@hearthkv/engine";
import type { Request } from "@hearthkv/resp";
import { CommandQueue } from "./command-queue.js";

/** Reasons why no further request of a client is run just now; bits of `ClientState.halt`. */
export const HALT_BLOCKED = 1;
/** An answer is on its way that a promise will give (SAVE, WAITAOF). */
export const HALT_SUSPENDED = 2;
/** The log is behind, and the client wants to write: `postponed` is what it waits with. */
export const HALT_CONGESTED = 4;
/** It does not read its replies. */
export const HALT_SLOW = 8;
/** No further request is run ever. */
export const HALT_CLOSING = 16;
/** The server ends. */
export const HALT_STOPPED = 32;
/** It has had its share of this turn; the next is soon. */
export const HALT_RESTING = 64;

/** What the parts of the server see of a running command: whoever runs commands gives them a ClientState for a session. */
export type ClientContext = CommandContext<ClientState>;

/** State of one client; what carries it (a socket) implements the abstract part. */
export abstract class ClientState implements Session {
  readonly id: number;
  /** "address:port" of the client, and the one it connected to. */
  readonly address: string;
  readonly localAddress: string;
  /** When it came, and when bytes last arrived or left; both on the monotonic clock, to a tenth of a second. */
  readonly createdMs: number;
  lastActiveMs: number;
  /** For CLIENT LIST; null before the first command. */
  lastRow: CommandRow | null = null;

  dbIndex = 0;
  /** The selected database; host.select keeps it in step with `dbIndex`. */
  db: Database;
  proto: 2 | 3 = 2;
  name = "";
  libName = "";
  libVer = "";
  closeAfterReply = false;

  /** The epoch of the admission in which no rule restricted it; 0 = it is to be looked at (admission.ts). */
  plainIn = 0;

  #inMulti = false;
  /** The commands of the transaction. */
  readonly queue = new CommandQueue();
  /** All their flags. */
  queueBits = 0;
  /** A command was refused while queueing: EXEC will refuse, too. */
  queueFailed = false;
  /** A watched key was changed. */
  watchFailed = false;

  #subscriptions = 0;
  #isMonitor = false;
  channels: Set<string> | null = null;
  patterns: Set<string> | null = null;
  shardChannels: Set<string> | null = null;

  /** Ends what it waits with in HALT_SUSPENDED (timers); null = it does not wait so, or what it waits for cannot be given up. */
  abandon: (() => void) | null = null;
  /** A request, with bytes of its own, that is run before any other when HALT_CONGESTED ends. */
  postponed: Request | null = null;
  /** HALT_* bits; 0 = requests are run. */
  halt = 0;
  /** Gone: nothing may be delivered any more. */
  closed = false;
  /** Sequence of the last log entry that this client caused; 0 = none. */
  lastSequence = 0;

  constructor(id: number, address: string, localAddress: string, nowMs: number, db: Database) {
    this.id = id;
    this.address = address;
    this.localAddress = localAddress;
    this.createdMs = nowMs;
    this.lastActiveMs = nowMs;
    this.db = db;
  }

  /** Whether it may run commands: it has given the password, came when none was required, or none is required now. */
  abstract get authenticated(): boolean;
  /** Sets `plainIn` to 0 besides. */
  abstract set authenticated(value: boolean);

  /** Between MULTI and EXEC. */
  get inMulti(): boolean {
    return this.#inMulti;
  }

  set inMulti(value: boolean) {
    this.#inMulti = value;
    this.plainIn = 0;
  }

  /** Whether it is shown every command. */
  get isMonitor(): boolean {
    return this.#isMonitor;
  }

  set isMonitor(value: boolean) {
    this.#isMonitor = value;
    this.plainIn = 0;
  }

  /** Number of channels, patterns and shard channels that it listens to. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  set subscriptions(value: number) {
    this.#subscriptions = value;
    this.plainIn = 0;
  }

  /** Whether it waits for a key. */
  get blocked(): boolean {
    return (this.halt & HALT_BLOCKED) !== 0;
  }

  /**
   * Sends bytes that are not written by its own running command; they are not copied and must not change any more. `sequence`: they are the
   * reply to a write that caused this log entry.
   */
  abstract deliver(bytes: Buffer, sequence?: number): void;
  /** A halt bit was cleared: goes on with requests that have arrived, soon. */
  abstract wake(): void;
  /** Closes at once; replies not yet sent are lost. */
  abstract kill(): void;
  /** Closes after what was delivered so far has left. */
  abstract closeSoon(): void;
  /** The server ends: nothing more is read or run. */
  abstract stand(): void;
  /** Looks after what depends on time (limits, idle clients); called now and then, with the monotonic clock's time. */
  abstract check(nowMs: number): void;
  /** Request bytes that wait, and output bytes that wait (for the log or for the client to read). */
  abstract get inputBytes(): number;
  abstract get outputBytes(): number;

  /** Clears a halt bit and goes on when it was the last one. */
  release(bit: number): void {
    if ((this.halt & bit) === 0) return;
    this.halt &= ~bit;
    if (this.halt === 0) this.wake();
  }

  /** Whether RESP2's subscriber mode is on: only a few commands are allowed then. */
  get subscriberMode(): boolean {
    return this.subscriptions > 0 && this.proto === 2;
  }
}

/** The client of the time before the first one. */
export class Nobody extends ClientState {
  readonly authenticated: boolean = false;
  readonly inputBytes = 0;
  readonly outputBytes = 0;

  constructor(db: Database) {
    super(0, "", "", 0, db);
  }

  deliver(): void {}
  wake(): void {}
  stand(): void {}
  check(): void {}
  kill(): void {}
  closeSoon(): void {}
}

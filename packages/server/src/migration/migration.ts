/**
 * One MIGRATE: keys on their way to another server.
 *
 *   connect -> AUTH, SELECT -> answers -> RESTORE, RESTORE, ...   each key is serialized when there is room for it in the socket
 *                                      <- answers                 a key that is there goes from here, if it is still what was sent
 *
 * Redis stops until all is done. Here others are served, and so may change a key that is on its way: it then stays, and the client is told.
 */
import net from "node:net";
import type { MigrationOrder } from "@hearthkv/commands";

/** Keys are serialized while so much is not sent yet. */
const UNSENT_BYTES_MAX = 1024 * 1024;
/** For so long at once, and to the end of a key. The kernel may take megabytes without a pause. */
const STEP_MS = 1;
/** The longest line of an answer: those that are asked for are short. */
const LINE_BYTES_MAX = 64 * 1024;
/** setTimeout takes no more. */
const TIMER_MS_MAX = 0x7fff_ffff;
const LF = 10;
const MINUS = 45;

/** A key on its way. */
export interface Transfer {
  readonly key: Buffer;
  /** It is not any more what was sent. */
  isChanged: boolean;
}

/** What a migration asks of the server it runs in. */
export interface MigrationHost {
  /** The key as it is to be sent, and the expiry; null where there is none any more. */
  dump(key: Buffer): { readonly payload: Uint8Array; readonly ttlMs: number } | null;
  /** From here on `isChanged` is kept. */
  watch(key: Buffer): Transfer;
  /** These are there. They need not be watched any more, and go from here, unless they stay. Returns an error text if not all of them could go. */
  arrived(transfers: readonly Transfer[]): string | null;
  /** The last call. @param error null: all is well */
  ended(error: string | null): void;
}

export class Migration {
  readonly #order: MigrationOrder;
  readonly #host: MigrationHost;
  readonly #socket: net.Socket;
  /** What is answered next, in order; null: a command before the first key. */
  readonly #expected: (Transfer | null)[] = [];
  #connectTimer: NodeJS.Timeout | undefined;
  #isConnected = false;
  /** Others have their turn before the next keys are serialized. */
  #pause: NodeJS.Immediate | null = null;
  #next = 0;
  #line = Buffer.alloc(0);
  #error: string | null = null;
  #isOver = false;

  constructor(order: MigrationOrder, host: MigrationHost) {
    this.#order = order;
    this.#host = host;
    const { timeoutMs } = order;
    this.#socket = new net.Socket();
    this.#socket.on("error", ({ syscall }: NodeJS.ErrnoException) => this.#broken(syscall === "connect"));
    this.#socket.on("close", () => this.#broken());
    this.#socket.on("timeout", () => this.#broken());
    this.#socket.on("connect", () => this.#connected());
    this.#socket.on("drain", () => this.#send());
    this.#socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.#connectTimer = setTimeout(() => this.#broken(), Math.min(timeoutMs, TIMER_MS_MAX));
    try {
      this.#socket.connect({ host: order.host, port: order.port, noDelay: true });
    } catch {
      // A port that is none. The caller is not ready for an answer before this returns.
      setImmediate(() => this.#broken());
    }
  }

  /** The server goes: nothing is waited for any more. */
  abort(): void {
    this.#end("ERR the server is going down");
  }

  #connected(): void {
    const { credentials, targetDb, timeoutMs } = this.#order;
    clearTimeout(this.#connectTimer);
    this.#isConnected = true;
    // Of silence, in whatever direction.
    this.#socket.setTimeout(Math.min(timeoutMs, TIMER_MS_MAX));
    if (credentials.length > 0) this.#ask(null, "AUTH", ...credentials);
    this.#ask(null, "SELECT", String(targetDb));
  }

  /** Nothing is sent before AUTH and SELECT are answered: a key would come to another database. */
  #send(): void {
    const { keys, replaces } = this.#order;
    if (this.#isOver || this.#expected[0] === null || this.#pause !== null) return;
    const endMs = performance.now() + STEP_MS;
    while (this.#next < keys.length && this.#socket.writableLength < UNSENT_BYTES_MAX) {
      if (performance.now() > endMs) {
        this.#pause = setImmediate(() => {
          this.#pause = null;
          this.#send();
        });
        return;
      }
      const key = keys[this.#next++] as Buffer;
      const dumped = this.#host.dump(key);
      if (dumped === null) continue;
      const { payload, ttlMs } = dumped;
      this.#ask(this.#host.watch(key), "RESTORE", key, String(ttlMs), payload, ...(replaces ? ["REPLACE"] : []));
    }
    if (this.#next === keys.length && this.#expected.length === 0) this.#end(this.#error);
  }

  #ask(about: Transfer | null, ...args: (string | Uint8Array)[]): void {
    this.#expected.push(about);
    this.#socket.cork();
    this.#socket.write(`*${args.length}\r\n`);
    for (const arg of args) {
      this.#socket.write(`$${Buffer.byteLength(arg)}\r\n`);
      this.#socket.write(arg);
      this.#socket.write("\r\n");
    }
    this.#socket.uncork();
  }

  #receive(bytes: Buffer): void {
    const arrived: Transfer[] = [];
    let rest = this.#line.length === 0 ? bytes : Buffer.concat([this.#line, bytes]);
    for (let end = rest.indexOf(LF); end >= 0 && !this.#isOver; end = rest.indexOf(LF)) {
      this.#answered(rest.subarray(0, end), arrived);
      rest = rest.subarray(end + 1);
    }
    this.#line = Buffer.from(rest);
    const error = arrived.length > 0 ? this.#host.arrived(arrived) : null;
    this.#error ??= error;
    if (this.#line.length > LINE_BYTES_MAX) this.#broken();
    else this.#send();
  }

  #answered(line: Buffer, arrived: Transfer[]): void {
    const about = this.#expected.shift();
    if (about === undefined) {
      this.#broken();
    } else if (line[0] === MINUS) {
      const error = `ERR Target instance replied with error: ${line.toString("latin1", 1).trimEnd()}`;
      if (about === null) this.#end(error);
      else this.#error ??= error;
    } else if (about !== null) arrived.push(about);
  }

  /**
   * What the other server has got is not known for the keys that were not answered: they stay. The texts are Redis's, which finds out that a connection
   * was refused when it writes.
   */
  #broken(isRefused = false): void {
    const isWriting = isRefused || this.#socket.writableLength > 0;
    const what = isWriting ? "writing to target instance" : "reading to target instance";
    const place = this.#isConnected || isRefused ? what : "connecting to the client";
    this.#end(this.#error ?? `IOERR error or timeout ${place}`);
  }

  #end(error: string | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#connectTimer);
    this.#socket.destroy();
    this.#host.ended(error);
  }
}

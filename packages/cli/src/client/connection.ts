/**
 * One RESP2 connection of the command-line client: requests go out as arrays of bulks, replies come back through redis-parser, in order.
 * redis-parser gives strings as Buffers here and integers as strings, so that both keep every byte and every digit.
 */
import net from "node:net";
import RedisParser from "redis-parser";
import { RunError } from "../errors.js";

/** A reply: Buffer = string or status (`isStatus` tells), string = integer, null = nil, Error = error reply, array = array of replies. */
export type Reply = Buffer | string | null | Error | readonly Reply[];

interface Waiter {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/**
 * Whether a string came as a status line (`+OK`). redis-parser does not say, but what it hands out are slices of what it read: before a status
 * stands its plus. (Only a bulk that came in several pieces is a copy; then this is a guess, and all that hangs on it are two quotes.)
 */
export function isStatus(bytes: Buffer): boolean {
  const read = new Uint8Array(bytes.buffer);
  return read[bytes.byteOffset - 1] === 0x2b && read[bytes.byteOffset + bytes.length] === 0x0d;
}

/** A connection; make it with `Connection.open`. */
export class Connection {
  /** Gets every reply that no request is waiting for (messages after SUBSCRIBE, lines of MONITOR). */
  onUnasked: (reply: Reply) => void = () => {};
  readonly #socket: net.Socket;
  readonly #parser: RedisParser;
  readonly #waiters: Waiter[] = [];
  #error: Error | null = null;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#parser = new RedisParser({
      returnReply: (reply: Reply) => this.#deliver(reply),
      returnError: (error) => this.#deliver(error),
      returnFatalError: (error) => this.#fail(new RunError(error.message)),
      returnBuffers: true,
      stringNumbers: true,
    });
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#parser.execute(chunk));
    socket.on("error", (error) => this.#fail(new RunError(error.message)));
    socket.on("close", () => this.#fail(new RunError("Server closed the connection")));
  }

  /** Connects; throws a RunError in redis-cli's words when nobody listens there. */
  static async open(host: string, port: number): Promise<Connection> {
    const socket = net.connect({ host, port });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", (error: NodeJS.ErrnoException) => {
        const reason = error.code === "ECONNREFUSED" ? "Connection refused" : error.message || error.code;
        reject(new RunError(`Could not connect to HearthKV at ${host}:${port}: ${reason}`));
      });
    });
    socket.removeAllListeners("error");
    return new Connection(socket);
  }

  /** Sends one request and waits for its reply; error replies are returned, a lost connection is thrown. */
  async send(args: readonly Buffer[]): Promise<Reply> {
    if (this.#error !== null) throw this.#error;
    const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
    for (const arg of args) parts.push(Buffer.from(`$${arg.length}\r\n`), arg, Buffer.from("\r\n"));
    this.#socket.write(Buffer.concat(parts));
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Resolves when the connection has ended, whoever ended it. */
  async closed(): Promise<void> {
    if (!this.#socket.destroyed) await new Promise((resolve) => this.#socket.once("close", resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  #deliver(reply: Reply): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.onUnasked(reply);
    else waiter.resolve(reply);
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#error);
  }
}

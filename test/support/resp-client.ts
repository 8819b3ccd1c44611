/**
 * A bare RESP2 client on redis-parser, so that no client library stands between a test and the server: pipelines are explicit, replies come
 * in order, a broken connection rejects what was not answered.
 */
import net from "node:net";
import RedisParser from "redis-parser";

/** Strings are Buffers' latin1 text, nil is null, error replies are Errors (returned inside arrays, too). */
export type Reply = string | number | null | Error | Reply[];

/** What an argument may be; strings are sent as UTF-8. */
export type Arg = string | number | Uint8Array;

interface Waiter {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** One connection. */
export class RespClient {
  /** Replies that nobody waits for: messages of subscriptions. */
  readonly messages: Reply[] = [];
  readonly socket: net.Socket;
  readonly #waiters: Waiter[] = [];
  #failure: Error | null = null;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    const deliver = (reply: Reply) => {
      const waiter = this.#waiters.shift();
      if (waiter === undefined) this.messages.push(reply);
      else waiter.resolve(reply);
    };
    const parser = new RedisParser({
      returnBuffers: true,
      returnReply: (reply: unknown) => deliver(toReply(reply)),
      returnError: deliver,
      returnFatalError: (error) => this.#fail(error),
    });
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => parser.execute(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("connection closed")));
  }

  /** Connects to 127.0.0.1; rejects when nobody listens. */
  static async connect(port: number, host = "127.0.0.1"): Promise<RespClient> {
    const socket = net.connect({ host, port });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    socket.removeAllListeners("error");
    return new RespClient(socket);
  }

  /** Sends one request. An error reply is a value, not an exception; use `ok` where it must not happen. */
  send(...args: Arg[]): Promise<Reply> {
    return this.write(encodeRequest(args), 1).then(([reply]) => reply as Reply);
  }

  /** Like `send`, but an error reply is thrown. */
  async ok(...args: Arg[]): Promise<Reply> {
    const reply = await this.send(...args);
    if (reply instanceof Error) throw new Error(`${args[0]}: ${reply.message}`);
    return reply;
  }

  /** Sends many requests in one write; their replies in order. */
  pipeline(requests: readonly (readonly Arg[])[]): Promise<Reply[]> {
    return this.write(Buffer.concat(requests.map(encodeRequest)), requests.length);
  }

  /** Sends bytes as they are and waits for so many replies. Rejects when the connection ends before the last. */
  write(bytes: Uint8Array, replies: number): Promise<Reply[]> {
    if (this.#failure) return Promise.reject(this.#failure);
    const waiting = Array.from({ length: replies }, () => {
      return new Promise<Reply>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    });
    this.socket.write(bytes);
    return Promise.all(waiting);
  }

  /** A field of INFO that is a number; NaN where there is none. */
  async infoNumber(field: string): Promise<number> {
    return Number(new RegExp(`^${field}:(\\S+)\r$`, "m").exec(String(await this.ok("INFO")))?.[1]);
  }

  close(): void {
    this.socket.destroy();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
  }
}

/** A request as an array of bulk strings. */
export function encodeRequest(args: readonly Arg[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "object" ? arg : Buffer.from(String(arg), "utf8");
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

function toReply(value: unknown): Reply {
  if (Buffer.isBuffer(value)) return value.toString("latin1");
  return Array.isArray(value) ? value.map(toReply) : (value as Reply);
}

/** A bare connection that counts replies: requests go out in one write, replies come back typed and in order. */
import net from "node:net";
import { type Reply, ReplyReader } from "./reply.js";

const ANSWER_MS_MAX = 30_000;

interface Waiter {
  readonly isDone: (replies: readonly Reply[]) => boolean;
  readonly resolve: (replies: Reply[]) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** One connection to one server. One exchange at a time. */
export class Connection {
  readonly #socket: net.Socket;
  readonly #reader = new ReplyReader();
  #replies: Reply[] = [];
  #waiter: Waiter | null = null;
  #failure: Error | null = null;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  /** Connects to 127.0.0.1. */
  static async open(port: number): Promise<Connection> {
    const socket = net.connect({ host: "127.0.0.1", port });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new Connection(socket);
  }

  /** Sends requests and waits for one reply to each. */
  exchange(requests: readonly (readonly string[])[]): Promise<Reply[]> {
    return this.until(requests, (replies) => replies.length >= requests.length);
  }

  /** Sends one request and waits for its reply. */
  async send(...args: string[]): Promise<Reply> {
    const [reply] = await this.exchange([args]);
    return reply;
  }

  /** Sends requests and collects what comes (also what had come before) until `isDone`. */
  until(requests: readonly (readonly string[])[], isDone: (replies: readonly Reply[]) => boolean): Promise<Reply[]> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#waiter !== null) return Promise.reject(new Error("an exchange is under way"));
    this.#socket.write(Buffer.concat(requests.map(encode)));
    return new Promise((resolve, reject) => {
      const late = () =>
        this.#fail(new Error(`no answer in ${ANSWER_MS_MAX} ms; ${this.#replies.length} replies came`));
      this.#waiter = { isDone, resolve, reject, timer: setTimeout(late, ANSWER_MS_MAX) };
      this.#settle();
    });
  }

  /** Replies that came and that no exchange has taken. */
  get unread(): number {
    return this.#replies.length;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    try {
      this.#replies.push(...this.#reader.feed(chunk));
      this.#settle();
    } catch (error) {
      this.#fail(error as Error);
      this.#socket.destroy();
    }
  }

  #settle(): void {
    const waiter = this.#waiter;
    if (waiter === null || !waiter.isDone(this.#replies)) return;
    clearTimeout(waiter.timer);
    this.#waiter = null;
    waiter.resolve(this.#replies);
    this.#replies = [];
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    if (this.#waiter === null) return;
    clearTimeout(this.#waiter.timer);
    this.#waiter.reject(this.#failure);
    this.#waiter = null;
  }
}

/** A request as an array of bulks; arguments are latin1, one character a byte. */
export function encode(args: readonly string[]): Buffer {
  let text = `*${args.length}\r\n`;
  for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`;
  return Buffer.from(text, "latin1");
}

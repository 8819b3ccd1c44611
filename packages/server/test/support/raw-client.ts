/** A socket that is compared byte by byte. */
import { connect, type Socket } from "node:net";

/** Only to end what hangs. */
const WAIT_MS = 300_000;

/** Sends and expects exact bytes; texts are latin1. */
export class RawClient {
  readonly socket: Socket;
  #received = "";
  #closed = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.socket.on("data", (chunk) => {
      this.#received += chunk.toString("latin1");
      this.#wake();
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Everything that arrived and was not expected yet. */
  get received(): string {
    return this.#received;
  }

  send(text: string | Buffer): this {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
    return this;
  }

  /** Sends a request of RESP arguments. */
  call(...args: string[]): this {
    return this.send(encode(...args));
  }

  /** Waits for exactly these bytes; more may follow. */
  async expect(text: string): Promise<void> {
    await this.#until(() => this.#received.length >= text.length || this.#closed, `${JSON.stringify(text)}`);
    const got = this.#received.slice(0, text.length);
    if (got !== text) throw new Error(`expected ${JSON.stringify(text)}, got ${JSON.stringify(this.#received)}`);
    this.#received = this.#received.slice(text.length);
  }

  /** Waits until what arrived ends with these bytes, and takes all of it. */
  async until(ending: string): Promise<string> {
    await this.#until(() => this.#received.endsWith(ending) || this.#closed, `... ${JSON.stringify(ending)}`);
    const got = this.#received;
    this.#received = "";
    return got;
  }

  /** Waits until `count` bytes have arrived, and takes them. */
  async take(count: number): Promise<string> {
    await this.#until(() => this.#received.length >= count || this.#closed, `${count} bytes`);
    const got = this.#received.slice(0, count);
    this.#received = this.#received.slice(count);
    return got;
  }

  /** Waits until the server closes; nothing may arrive before that. */
  async expectClosed(): Promise<void> {
    await this.#until(() => this.#closed, "the end");
    if (this.#received !== "") throw new Error(`expected the end, got ${JSON.stringify(this.#received)}`);
  }

  /** Nothing arrives for so long, and the connection stays. */
  async expectSilence(ms = 40): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (this.#received !== "" || this.#closed) {
      throw new Error(`expected nothing, got ${JSON.stringify(this.#received)}${this.#closed ? " and the end" : ""}`);
    }
  }

  close(): void {
    this.socket.destroy();
  }

  async #until(done: () => boolean, what: string): Promise<void> {
    const endMs = Date.now() + WAIT_MS;
    while (!done()) {
      const leftMs = endMs - Date.now();
      if (leftMs <= 0) throw new Error(`waited for ${what}, got ${JSON.stringify(this.#received.slice(0, 500))}`);
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, leftMs);
      });
      clearTimeout(timer);
    }
  }
}

/** A request as RESP array. */
export function encode(...args: string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`;
}

/** A bulk reply. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** What one-shot and interactive use of the client share: connecting, authenticating, running a line, printing its reply. */
import { RunError } from "../errors.js";
import { Connection, isStatus, type Reply } from "./connection.js";
import { formatForPeople, formatRaw } from "./format-reply.js";

/** Where to connect and how to print. */
export interface ClientOptions {
  readonly host: string;
  readonly port: number;
  /** "" = none. */
  readonly password: string;
  readonly database: number;
  /** Print for scripts instead of for people. */
  readonly raw: boolean;
  readonly write: (text: string | Buffer) => void;
}

const listening = new Set(["subscribe", "psubscribe", "ssubscribe", "monitor"]);
/** Their text is meant to be read as it is, also in a terminal. */
const alwaysRaw = new Set(["info", "client list", "client info"]);

/** A connection that is made again when it was lost. */
export class ClientSession {
  readonly #options: ClientOptions;
  #connection: Connection | null = null;
  #database: number;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#database = options.database;
  }

  /** `host:port> `, with the database when it is not 0. */
  get prompt(): string {
    if (this.#connection === null) return "not connected> ";
    const { host, port } = this.#options;
    return `${host}:${port}${this.#database === 0 ? "" : `[${this.#database}]`}> `;
  }

  /** Connects, authenticates and selects; throws a RunError when the server is not there. A refused password is printed, as redis-cli does. */
  async connect(): Promise<void> {
    const { host, port, password } = this.#options;
    const connection = await Connection.open(host, port);
    if (password !== "") await this.#prepare(connection, ["AUTH", password]);
    if (this.#database !== 0) await this.#prepare(connection, ["SELECT", String(this.#database)]);
    this.#connection = connection;
  }

  async #prepare(connection: Connection, command: readonly string[]): Promise<void> {
    const reply = await connection.send(command.map((word) => Buffer.from(word)));
    if (reply instanceof Error) process.stderr.write(`${command[0]} failed: ${reply.message}\n`);
  }

  /** Runs a command and prints its reply. After SUBSCRIBE and its like it prints messages until the connection ends. */
  async run(args: readonly Buffer[]): Promise<void> {
    if (this.#connection === null) await this.connect();
    const connection = this.#connection!;
    const verb = args[0]!.toString("latin1").toLowerCase();
    if (listening.has(verb)) connection.onUnasked = (reply) => this.#print(reply, "");
    try {
      const reply = await connection.send(args);
      this.#print(reply, `${verb} ${args[1]?.toString("latin1").toLowerCase() ?? ""}`.trim());
      if (verb === "select" && Buffer.isBuffer(reply) && isStatus(reply)) this.#database = Number(args[1]);
      if (listening.has(verb) && !(reply instanceof Error)) await connection.closed();
    } catch (error) {
      this.#connection = null;
      throw error;
    }
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  #print(reply: Reply, command: string): void {
    const { raw, write } = this.#options;
    const asIs = alwaysRaw.has(command) || command.startsWith("info ");
    if (raw || (asIs && !(reply instanceof Error))) write(withLineEnd(reply));
    else write(formatForPeople(reply));
  }
}

function withLineEnd(reply: Reply): Buffer {
  return Buffer.concat([formatRaw(reply), Buffer.from("\n")]);
}

/** The message of an expected failure; others are thrown on. */
export function expectedMessage(error: unknown): string {
  if (error instanceof RunError) return error.message;
  throw error;
}

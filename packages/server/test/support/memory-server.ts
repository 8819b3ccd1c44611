/** Servers without a disk, for tests of everything else. */
import { pino } from "pino";
import type { ServerOptions } from "../../src/options.js";
import { type RunningServer, startServer } from "../../src/start-server.js";
import { RawClient } from "./raw-client.js";

/** A server on a free port, its log lines, and clients that are closed with it. */
export class MemoryServer {
  readonly running: RunningServer;
  readonly log: Record<string, unknown>[];
  readonly #clients: RawClient[] = [];

  constructor(running: RunningServer, log: Record<string, unknown>[]) {
    this.running = running;
    this.log = log;
  }

  static async start(options: ServerOptions = {}): Promise<MemoryServer> {
    const log: Record<string, unknown>[] = [];
    const logger = pino({ level: "info" }, { write: (line: string) => log.push(JSON.parse(line)) });
    const running = await startServer({ host: "127.0.0.1", port: 0, disablePersistence: true, logger, ...options });
    return new MemoryServer(running, log);
  }

  connect(): RawClient {
    const client = new RawClient(this.running.port);
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.running.close();
  }
}

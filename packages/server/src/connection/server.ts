/** Listening sockets: who may connect, and how a connection begins. */
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Core } from "../core.js";
import { Connection, type ConnectionServices } from "./connection.js";
import { type Inlet, receive } from "./receive.js";

const READ_BUFFER_BYTES = 64 * 1024;
const BACKLOG = 511;
/** File descriptors that are not clients: log, snapshots, worker, listening sockets; the first number is Redis's reserve. */
const RESERVED_DESCRIPTORS = 32 + 32;

const TOO_MANY_CLIENTS = "-ERR max number of clients reached\r\n";
const PROTECTED =
  "-DENIED Running in protected mode because protected mode is enabled and no password is set for the default user. " +
  "In this mode connections are only accepted from the loopback interface. If you want to connect from external computers, " +
  "you may adopt one of the following solutions: " +
  "1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting " +
  "from the same host the server is running, however MAKE SURE the server is not publicly accessible from internet if you do so. " +
  "2) Set up an authentication password for the default user, with the option --requirepass. " +
  "NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";

/** An address of the host option. */
interface BindAddress {
  readonly host: string;
  /** It may be absent on this machine. */
  readonly optional: boolean;
}

/** Accepts connections for a core. */
export class TcpServer {
  readonly #core: Core;
  readonly #services: ConnectionServices;
  readonly #readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  readonly #servers: Server[] = [];
  #lastId = 0;

  constructor(core: Core) {
    this.#core = core;
    this.#services = {
      dispatcher: core.dispatcher,
      ticker: core.ticker,
      settings: core.settings,
      stats: core.stats,
      logger: core.logger,
      clock: core.clock,
      securityLoggedMs: Number.NEGATIVE_INFINITY,
      forget: (connection) => core.clients.remove(connection),
      unblock: (connection) => core.blocking.remove(connection),
    };
  }

  /**
   * Listens on every address of `hosts`; connections are the core's clients at once.
   * @param port 0 = the first address takes a free one, and the others the same
   * @returns rejects with the system's error when an address that is not optional cannot be used
   */
  async listen(hosts: string, port: number): Promise<void> {
    const core = this.#core;
    core.port = port;
    for (const address of parseHosts(hosts)) {
      try {
        core.port = await this.#listenOn(address.host, core.port);
      } catch (error) {
        if (!address.optional || !isAbsent(error)) {
          this.stopAccepting();
          throw error;
        }
      }
    }
    if (this.#servers.length === 0) throw new Error(`none of the addresses ${hosts} can be used`);
  }

  /** Addresses listened on, as "address:port". */
  get addresses(): string[] {
    return this.#servers.map((server) => {
      const bound = server.address();
      return typeof bound === "object" && bound !== null ? joinAddress(bound.address, bound.port) : String(bound);
    });
  }

  /** Closes the listening sockets; connections stay. */
  stopAccepting(): void {
    for (const server of this.#servers) server.close();
    this.#servers.length = 0;
  }

  #listenOn(host: string, port: number): Promise<number> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, backlog: BACKLOG, ipv6Only: true }, () => {
        server.off("error", reject);
        server.on("error", (error) => this.#core.logger.error({ err: error }, "accepting connections failed"));
        receive(server, this.#readBuffer, (socket, inlet) => this.#accept(socket, inlet));
        this.#servers.push(server);
        const bound = server.address();
        resolve(typeof bound === "object" && bound !== null ? bound.port : port);
      });
    });
  }

  #accept(accepted: Socket, inlet: Inlet): void {
    const { stats, clients, settings, keyspace, ticker } = this.#core;
    ticker.accepted();
    stats.connectionsReceived++;
    const remoteAddress = plainAddress(accepted.remoteAddress ?? "?");
    const refusal = refusalOf(this.#core, remoteAddress);
    if (refusal !== null) {
      stats.connectionsRejected++;
      refuse(accepted, refusal);
      return;
    }
    accepted.setNoDelay(true);
    const identity = {
      id: ++this.#lastId,
      address: joinAddress(remoteAddress, accepted.remotePort ?? 0),
      localAddress: joinAddress(plainAddress(accepted.localAddress ?? "?"), accepted.localPort ?? 0),
    };
    const connection = new Connection(this.#services, identity, keyspace.db(0));
    connection.authenticated = settings.requirepass === "";
    clients.add(connection);
    inlet.receive = connection.receive;
    connection.attach(accepted);
  }
}

/** What a connection is turned away with; null = it is welcome. */
function refusalOf({ clients, settings }: Core, remoteAddress: string): string | null {
  if (clients.size >= settings.maxclients) return TOO_MANY_CLIENTS;
  const isOpen = settings.requirepass === "" && settings.protectedMode;
  return isOpen && !isLoopback(remoteAddress) ? PROTECTED : null;
}

/** The most clients that the process's limit of open files allows. */
export function maxClientsPossible(): number {
  try {
    const match = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "latin1"));
    if (match !== null && match[1] !== "unlimited") return Math.max(1, Number(match[1]) - RESERVED_DESCRIPTORS);
  } catch {
    // Not Linux: the system's limit shows itself as an error of accept.
  }
  return Number.MAX_SAFE_INTEGER;
}

/** "127.0.0.1 -::1" -> two addresses, the second one optional. */
export function parseHosts(hosts: string): BindAddress[] {
  const words = hosts.split(/[\s,]+/).filter((word) => word !== "");
  return words.map((word) => {
    const optional = word.startsWith("-");
    const host = optional ? word.slice(1) : word;
    return { host: host === "*" ? "0.0.0.0" : host === "::*" ? "::" : host, optional };
  });
}

function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT" || code === "ENOTFOUND" || code === "EPROTONOSUPPORT";
}

function refuse(accepted: Socket, text: string): void {
  accepted.on("error", () => accepted.destroy());
  accepted.end(text, () => accepted.destroy());
}

/** An IPv4 address that arrived on an IPv6 socket is shown as what it is. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

function joinAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

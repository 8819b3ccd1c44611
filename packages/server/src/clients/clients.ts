/** All clients: CLIENT LIST and CLIENT KILL. */
import type { ClientFilter, ClientsHost, Session } from "@hearthkv/commands";
import type { Clock } from "../clock.js";
import type { ClientState } from "./client-state.js";

/** The clients that are connected, by number, oldest first. */
export class Clients implements ClientsHost {
  readonly #clients = new Map<number, ClientState>();
  readonly #clock: Clock;
  readonly #drop: (client: ClientState) => void;
  readonly #giveUp: (client: ClientState, withError: boolean) => boolean;

  /**
   * @param drop ends subscriptions, watches and waiting of a client that has gone
   * @param giveUp ends a client's waiting for a key before its time; false when it does not wait so
   */
  constructor(
    clock: Clock,
    drop: (client: ClientState) => void,
    giveUp: (client: ClientState, withError: boolean) => boolean,
  ) {
    this.#giveUp = giveUp;
    this.#clock = clock;
    this.#drop = drop;
  }

  get size(): number {
    return this.#clients.size;
  }

  all(): IterableIterator<ClientState> {
    return this.#clients.values();
  }

  add(client: ClientState): void {
    this.#clients.set(client.id, client);
  }

  remove(client: ClientState): void {
    if (this.#clients.delete(client.id)) this.#drop(client);
  }

  describe(filter: ClientFilter): string[] {
    const nowMs = this.#clock.monotonicMs();
    return this.#matching(filter).map((client) => describeClient(client, nowMs));
  }

  describeOne(session: ClientState): string {
    return describeClient(session, this.#clock.monotonicMs());
  }

  kill(filter: ClientFilter, caller: Session): number {
    const victims = this.#matching(filter);
    for (const client of victims) {
      if (client.id === caller.id) caller.closeAfterReply = true;
      else client.kill();
    }
    return victims.length;
  }

  unblock(id: number, withError: boolean): boolean {
    const client = this.#clients.get(id);
    return client !== undefined && this.#giveUp(client, withError);
  }

  #matching(filter: ClientFilter): ClientState[] {
    return this.#candidates(filter.ids).filter((client) => matches(client, filter));
  }

  /** Those with the given numbers, which are looked up: there may be many of both. */
  #candidates(ids: ReadonlySet<number> | undefined): ClientState[] {
    if (ids === undefined) return [...this.#clients.values()];
    return [...ids].flatMap((id) => this.#clients.get(id) ?? []);
  }
}

function matches(client: ClientState, filter: ClientFilter): boolean {
  const { type, address, localAddress, user, skipId } = filter;
  if (type !== undefined && type !== (client.subscriptions > 0 ? "pubsub" : "normal")) return false;
  if (address !== undefined && address !== client.address) return false;
  if (localAddress !== undefined && localAddress !== client.localAddress) return false;
  if (user !== undefined && (user !== "default" || !client.authenticated)) return false;
  return skipId === undefined || skipId !== client.id;
}

/** The line of CLIENT LIST. Fields that have no meaning here (file descriptor, tracking) have Redis's neutral value. @param nowMs of the monotonic clock */
export function describeClient(client: ClientState, nowMs: number): string {
  const outputBytes = client.outputBytes;
  const fields = {
    id: client.id,
    addr: client.address,
    laddr: client.localAddress,
    fd: -1,
    name: client.name,
    age: seconds(nowMs - client.createdMs),
    idle: seconds(nowMs - client.lastActiveMs),
    flags: flagLetters(client),
    db: client.dbIndex,
    sub: client.channels?.size ?? 0,
    psub: client.patterns?.size ?? 0,
    ssub: client.shardChannels?.size ?? 0,
    multi: client.inMulti ? client.queue.count : -1,
    qbuf: client.inputBytes,
    "qbuf-free": 0,
    "argv-mem": 0,
    "multi-mem": client.queue.bytes,
    rbs: 0,
    rbp: 0,
    obl: 0,
    oll: outputBytes > 0 ? 1 : 0,
    omem: outputBytes,
    "tot-mem": client.inputBytes + client.queue.bytes + outputBytes,
    events: outputBytes > 0 ? "rw" : "r",
    cmd: client.lastRow?.name ?? "NULL",
    user: "default",
    redir: -1,
    resp: client.proto,
    "lib-name": client.libName,
    "lib-ver": client.libVer,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function flagLetters(client: ClientState): string {
  let letters = "";
  if (client.isMonitor) letters += "O";
  if (client.subscriptions > 0) letters += "P";
  if (client.inMulti) letters += "x";
  if (client.blocked) letters += "b";
  if (client.watchFailed) letters += "d";
  if (client.closeAfterReply) letters += "c";
  return letters === "" ? "N" : letters;
}

function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1000));
}

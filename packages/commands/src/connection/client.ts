/** CLIENT: what a connection tells of itself, and what it may do to others. */
import { parseInt64 } from "@hearthkv/resp";
import type { ClientFilter, CommandContext } from "../context.js";
import {
  ERR,
  invalidAttribute,
  lowerAscii,
  noSuchUser,
  unknownClientType,
  unknownSubcommandOrArity,
  unrecognizedOption,
} from "../errors.js";
import { family } from "../table/declare.js";
import { helpCommand } from "../table/help.js";
import { validClientText } from "./client-text.js";

const HELP = [
  "GETNAME",
  "    The name of this connection.",
  "ID",
  "    The number of this connection.",
  "INFO",
  "    The line that LIST has for this connection.",
  "KILL <ip:port>",
  "    Close the connection that came from there.",
  "KILL <filter> <value> [<filter> <value> ...]",
  "    Close the connections that pass all filters; returns how many there were.",
  "    ID <number>, ADDR <ip:port> it came from, LADDR <ip:port> it came to,",
  "    TYPE (NORMAL|MASTER|REPLICA|PUBSUB), USER <name>, SKIPME (YES|NO): yes spares this one, as is usual.",
  "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB) | ID <number> ...]",
  "    A line for each connection, or for those of a type or with these numbers.",
  "SETINFO (LIB-NAME|LIB-VER) <text>",
  "    Note the library that this client uses, or its version.",
  "SETNAME <name>",
  "    Give this connection a name.",
  "UNBLOCK <number> [TIMEOUT|ERROR]",
  "    Let a connection wait no longer, as if its time were up, or with an error.",
];
const DEFAULT_USER = "default";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function getName({ reply, session }: CommandContext): void {
  if (session.name === "") reply.nil();
  else reply.bulkString(session.name);
}

function setName({ request, reply, session }: CommandContext): void {
  const name = request.str(2);
  if (!validClientText(name)) {
    reply.error(ERR.clientName);
    return;
  }
  session.name = name;
  reply.ok();
}

function setInfo({ request, reply, session }: CommandContext): void {
  const value = request.str(3);
  const isName = request.is(2, "lib-name");
  if (!isName && !request.is(2, "lib-ver")) {
    reply.error(unrecognizedOption(request.str(2)));
    return;
  }
  if (!validClientText(value)) {
    reply.error(invalidAttribute(request.str(2)));
    return;
  }
  if (isName) session.libName = value;
  else session.libVer = value;
  reply.ok();
}

function id({ reply, session }: CommandContext): void {
  reply.int(session.id);
}

function info({ reply, session, host }: CommandContext): void {
  reply.verbatim("txt", `${host.clients.describeOne(session)}\n`);
}

/** The type that argument `at` names; undefined after an error reply. */
function clientType({ request, reply }: CommandContext, at: number): ClientFilter["type"] | undefined {
  const type = lowerAscii(request.str(at));
  if (type === "normal" || type === "pubsub" || type === "master" || type === "replica") return type;
  if (type === "slave") return "replica";
  reply.error(unknownClientType(request.str(at)));
  return undefined;
}

/** The client's number that argument `i` is, NaN where it is no int64. No client has one that a double does not hold. */
function clientId(request: CommandContext["request"], i: number): number {
  const id = parseInt64(request.buf, request.off[i], request.len[i]);
  return id === null ? Number.NaN : Number(id);
}

function list(ctx: CommandContext): void {
  const { request, reply } = ctx;
  const filter: Writable<ClientFilter> = {};
  if (request.argc === 4 && request.is(2, "type")) {
    const type = clientType(ctx, 3);
    if (type === undefined) return;
    filter.type = type;
  } else if (request.argc > 3 && request.is(2, "id")) {
    // A set: naming a client a million times does not make a million lines of it, as it does in Redis.
    const ids = new Set<number>();
    for (let i = 3; i < request.argc; i++) ids.add(clientId(request, i));
    if (ids.has(Number.NaN)) {
      reply.error(ERR.invalidClientId);
      return;
    }
    filter.ids = ids;
  } else if (request.argc !== 2) {
    reply.error(ERR.syntax);
    return;
  }
  reply.verbatim(
    "txt",
    ctx.host.clients
      .describe(filter)
      .map((line) => `${line}\n`)
      .join(""),
  );
}

/** CLIENT KILL address answers OK or an error; with options it answers a count. */
function kill(ctx: CommandContext): void {
  const { request, reply, session, host } = ctx;
  if (request.argc === 3) {
    const killed = host.clients.kill({ address: request.str(2) }, session);
    if (killed === 0) reply.error(ERR.noSuchClient);
    else reply.ok();
    return;
  }
  const filter = killFilter(ctx);
  if (filter !== null) reply.int(host.clients.kill(filter, session));
}

/** Reads the options of CLIENT KILL; null after an error reply. */
function killFilter(ctx: CommandContext): ClientFilter | null {
  const { request, reply, session } = ctx;
  const filter: Writable<ClientFilter> = {};
  let skipMe = true;
  for (let i = 2; i < request.argc; i += 2) {
    let error: string | null = ERR.syntax;
    if (i + 1 < request.argc) {
      if (request.is(i, "skipme")) {
        skipMe = request.is(i + 1, "yes");
        error = skipMe || request.is(i + 1, "no") ? null : ERR.syntax;
      } else if (request.is(i, "type")) {
        const type = clientType(ctx, i + 1);
        if (type === undefined) return null;
        filter.type = type;
        error = null;
      } else {
        error = killOption(ctx, i, filter);
      }
    }
    if (error !== null) {
      reply.error(error);
      return null;
    }
  }
  if (skipMe) filter.skipId = session.id;
  return filter;
}

/** Options of CLIENT KILL that take a plain value. Returns an error text or null. */
function killOption({ request }: CommandContext, i: number, filter: Writable<ClientFilter>): string | null {
  const value = request.str(i + 1);
  if (request.is(i, "id")) {
    const id = clientId(request, i + 1);
    if (!(id > 0)) return ERR.clientId;
    filter.ids = new Set([id]);
  } else if (request.is(i, "addr")) {
    filter.address = value;
  } else if (request.is(i, "laddr")) {
    filter.localAddress = value;
  } else if (request.is(i, "user")) {
    if (value !== DEFAULT_USER) return noSuchUser(value);
    filter.user = value;
  } else {
    return ERR.syntax;
  }
  return null;
}

function unblock({ request, reply, host }: CommandContext): void {
  if (request.argc > 4) {
    reply.error(unknownSubcommandOrArity("client", request.str(1)));
    return;
  }
  const withError = request.argc === 4 && request.is(3, "error");
  if (request.argc === 4 && !withError && !request.is(3, "timeout")) {
    reply.error(ERR.unblockReason);
    return;
  }
  const id = clientId(request, 2);
  if (Number.isNaN(id)) reply.error(ERR.notInteger);
  else reply.int(host.clients.unblock(id, withError) ? 1 : 0);
}

export const clientCommands = family("connection", [
  {
    name: "client",
    arity: -2,
    flags: [],
    since: "2.4.0",
    summary: "Tells of connections, names, closes and unblocks them.",
    subcommands: [
      {
        name: "client|getname",
        arity: 2,
        flags: ["noscript", "loading", "stale"],
        since: "2.6.9",
        complexity: "O(1)",
        summary: "Tells the name that the connection was given.",
        run: getName,
      },
      helpCommand("client", "5.0.0", HELP),
      {
        name: "client|id",
        arity: 2,
        flags: ["noscript", "loading", "stale"],
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Tells the number of the connection, which no other ever has.",
        run: id,
      },
      {
        name: "client|info",
        arity: 2,
        flags: ["noscript", "loading", "stale"],
        since: "6.2.0",
        complexity: "O(1)",
        summary: "Tells what CLIENT LIST has on this connection.",
        tips: ["nondeterministic_output"],
        run: info,
      },
      {
        name: "client|kill",
        arity: -3,
        flags: ["admin", "noscript", "loading", "stale"],
        since: "2.4.0",
        complexity: "O(N)",
        summary: "Closes the connections that it describes.",
        syntax:
          "<filter: ip:port | <new-format: ID=client-id:integer? | TYPE=<normal-master-slave-pubsub: NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>? | USER=username? | ADDR=ip:port? | LADDR=ip:port? | SKIPME=yes/no?>+>",
        history: [
          ["2.8.12", "filters by name and value, ID among them"],
          ["3.2.0", "TYPE knows master"],
          ["5.0.0", "TYPE knows replica, the newer name of slave"],
          ["6.2.0", "filter LADDR"],
        ],
        run: kill,
      },
      {
        name: "client|list",
        arity: -2,
        flags: ["admin", "noscript", "loading", "stale"],
        since: "2.4.0",
        complexity: "O(N)",
        summary: "Tells of each connection, a line each.",
        syntax: "TYPE=<normal-master-replica-pubsub: NORMAL | MASTER | REPLICA | PUBSUB>? ID=(id: client-id:integer+)?",
        tips: ["nondeterministic_output"],
        history: [
          ["2.8.12", "field id"],
          ["5.0.0", "filter TYPE"],
          ["6.0.0", "field user"],
          ["6.2.0", "filter ID; fields argv-mem, tot-mem, laddr and redir"],
          ["7.0.0", "fields resp, multi-mem, rbs and rbp"],
          ["7.0.3", "field ssub"],
        ],
        run: list,
      },
      {
        name: "client|setinfo",
        arity: 4,
        flags: ["noscript", "loading", "stale"],
        since: "7.2.0",
        complexity: "O(1)",
        summary: "Notes which library the client uses.",
        syntax: "<attr: LIB-NAME=libname | LIB-VER=libver>",
        run: setInfo,
      },
      {
        name: "client|setname",
        arity: 3,
        flags: ["noscript", "loading", "stale"],
        since: "2.6.9",
        complexity: "O(1)",
        summary: "Gives the connection a name, for CLIENT LIST.",
        syntax: "connection-name",
        run: setName,
      },
      {
        name: "client|unblock",
        arity: -3,
        flags: ["admin", "noscript", "loading", "stale"],
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Ends the waiting of a client that is blocked.",
        syntax: "client-id:integer <unblock-type: TIMEOUT | ERROR>?",
        differs: "Clients that wait in WAIT or WAITAOF wait on.",
        run: unblock,
      },
    ],
  },
]);

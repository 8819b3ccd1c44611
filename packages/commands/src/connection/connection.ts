/** PING, ECHO, HELLO, AUTH, SELECT, QUIT and RESET. CLIENT has a file of its own. */
import { parseInt64, parseSafeInt } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import { ERR, helloOption, outsideRange } from "../errors.js";
import { arityError } from "../table/command-table.js";
import { family } from "../table/declare.js";
import { REDIS_VERSION } from "../version.js";
import { validClientText } from "./client-text.js";

/** The only user there is. */
const DEFAULT_USER = "default";
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

function ping({ request, reply, session, row }: CommandContext): void {
  if (request.argc > 2) {
    reply.error(arityError(row));
    return;
  }
  if (session.subscriptions > 0 && session.proto === 2) {
    reply.array(2);
    reply.bulkString("pong");
    if (request.argc === 2) reply.bulk(request.buf, request.off[1], request.len[1]);
    else reply.bulkString("");
  } else if (request.argc === 2) {
    reply.bulk(request.buf, request.off[1], request.len[1]);
  } else {
    reply.pong();
  }
}

function echo({ request, reply }: CommandContext): void {
  reply.bulk(request.buf, request.off[1], request.len[1]);
}

/**
 * True when user and password (argument `at`) are right; the session is authenticated then. Otherwise the client has its error.
 * While no password is required every one will do.
 */
function authenticate({ request, reply, session, host }: CommandContext, user: string, at: number): boolean {
  const right = host.requiresPassword ? host.checkPassword(user, request.bytes(at)) : user === DEFAULT_USER;
  if (right) session.authenticated = true;
  else reply.error(ERR.wrongPassword);
  return right;
}

function auth(ctx: CommandContext): void {
  const { request, reply, host } = ctx;
  if (request.argc > 3) {
    reply.error(ERR.syntax);
    return;
  }
  if (request.argc === 2 && !host.requiresPassword) {
    reply.error(ERR.noPasswordSet);
    return;
  }
  const user = request.argc === 3 ? request.str(1) : DEFAULT_USER;
  if (authenticate(ctx, user, request.argc - 1)) reply.ok();
}

/** HELLO [version [AUTH user password] [SETNAME name]]: nothing but the authentication takes effect when a later option is wrong. */
function hello(ctx: CommandContext): void {
  const { request, reply, session } = ctx;
  let proto = session.proto;
  let name: string | null = null;
  if (request.argc > 1) {
    const version = parseInt64(request.buf, request.off[1], request.len[1]);
    if (version === null) {
      reply.error(ERR.protocolVersionNotInteger);
      return;
    }
    if (version !== 2n && version !== 3n) {
      reply.error(ERR.noProtocol);
      return;
    }
    proto = version === 3n ? 3 : 2;
  }
  for (let i = 2; i < request.argc; i++) {
    const following = request.argc - 1 - i;
    if (request.is(i, "auth") && following >= 2) {
      if (!authenticate(ctx, request.str(i + 1), i + 2)) return;
      i += 2;
    } else if (request.is(i, "setname") && following >= 1) {
      name = request.str(++i);
      if (!validClientText(name)) {
        reply.error(ERR.clientName);
        return;
      }
    } else {
      reply.error(helloOption(request.str(i)));
      return;
    }
  }
  if (!session.authenticated) {
    reply.error(ERR.noAuthHello);
    return;
  }
  if (name !== null) session.name = name;
  session.proto = proto;
  reply.proto = proto;
  writeHello(ctx);
}

function writeHello({ reply, session }: CommandContext): void {
  reply.map(7);
  for (const [name, value] of [
    ["server", "redis"],
    ["version", REDIS_VERSION],
  ]) {
    reply.bulkString(name);
    reply.bulkString(value);
  }
  reply.bulkString("proto");
  reply.int(session.proto);
  reply.bulkString("id");
  reply.int(session.id);
  reply.bulkString("mode");
  reply.bulkString("standalone");
  reply.bulkString("role");
  reply.bulkString("master");
  reply.bulkString("modules");
  reply.array(0);
}

function select({ request, reply, session, host, keyspace }: CommandContext): void {
  const index = parseSafeInt(request.buf, request.off[1], request.len[1]);
  if (Number.isNaN(index) && parseInt64(request.buf, request.off[1], request.len[1]) === null) {
    reply.error(ERR.notInteger);
    return;
  }
  if (!(index >= INT32_MIN && index <= INT32_MAX)) {
    reply.error(outsideRange(INT32_MIN, INT32_MAX));
    return;
  }
  if (index < 0 || index >= keyspace.databaseCount) {
    reply.error(ERR.dbOutOfRange);
    return;
  }
  host.select(session, index);
  reply.ok();
}

function quit({ reply, session }: CommandContext): void {
  session.closeAfterReply = true;
  reply.ok();
}

function reset({ reply, session, host }: CommandContext): void {
  host.resetSession(session);
  reply.proto = session.proto;
  reply.simple("RESET");
}

export const connectionCommands = family("connection", [
  {
    name: "auth",
    arity: -2,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Gives the password, after which the connection may run commands.",
    syntax: "username? password",
    history: [["6.0.0", "takes a user name before the password"]],
    run: auth,
  },
  {
    name: "echo",
    arity: 2,
    flags: ["loading", "stale", "fast"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Answers what it was given.",
    syntax: "message",
    run: echo,
  },
  {
    name: "hello",
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    since: "6.0.0",
    complexity: "O(1)",
    summary: "Chooses the protocol, may give password and name, and tells what server this is.",
    syntax: "(arguments: protover:integer AUTH=(username-password: username password)? SETNAME=clientname?)?",
    history: [["6.2.0", "the protocol version may be left out"]],
    run: hello,
  },
  {
    name: "ping",
    arity: -1,
    flags: ["fast"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Answers PONG, or what it was given: whether the server is there.",
    syntax: "message?",
    tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
    run: ping,
  },
  {
    name: "quit",
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Ends the connection behind its answer.",
    deprecated: { since: "7.2.0", replacedBy: "just closing the connection" },
    run: quit,
  },
  {
    name: "reset",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Makes the connection as it was when it came.",
    run: reset,
  },
  {
    name: "select",
    arity: 2,
    flags: ["loading", "stale", "fast"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Chooses the database of the commands that follow.",
    syntax: "index:integer",
    run: select,
  },
]);

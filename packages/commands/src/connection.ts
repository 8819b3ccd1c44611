/** PING, ECHO, HELLO, AUTH, SELECT, QUIT and RESET. CLIENT has a file of its own. */
import { parseInt64, parseSafeInt } from "@hearthkv/resp";
import { clientRow } from "./client.js";
import { validClientText } from "./client-text.js";
import { arityError } from "./command-table.js";
import type { CommandContext, CommandFlag, CommandRow } from "./context.js";
import { ERR, helloOption, outsideRange } from "./errors.js";
import { NO_KEY, rowMaker } from "./rows.js";
import { REDIS_VERSION } from "./version.js";

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

const row = rowMaker("connection");
const LOADING: readonly CommandFlag[] = ["loading", "stale", "fast"];
const BEFORE_AUTH: readonly CommandFlag[] = ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"];

/** The rows of this family. */
export const connectionRows: readonly CommandRow[] = [
  row("auth", -2, BEFORE_AUTH, "1.0.0", "Authenticates the connection.", auth, NO_KEY),
  clientRow,
  row("echo", 2, LOADING, "1.0.0", "Returns the given string.", echo, NO_KEY),
  row("hello", -1, BEFORE_AUTH, "6.0.0", "Handshakes with the server.", hello, NO_KEY),
  row("ping", -1, ["fast"], "1.0.0", "Returns the server's liveliness response.", ping, NO_KEY),
  row("quit", -1, BEFORE_AUTH, "1.0.0", "Closes the connection.", quit, NO_KEY),
  row("reset", 1, BEFORE_AUTH, "6.2.0", "Resets the connection.", reset, NO_KEY),
  row("select", 2, LOADING, "1.0.0", "Changes the selected database.", select, NO_KEY),
];

/** DEBUG, off unless the server was started with it: a digest of the data, a stall on purpose, a restart without one. */
import { parseFloat64 } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import { ERR, unknownSubcommandOrArity } from "../errors.js";
import { family } from "../table/declare.js";
import { helpLines } from "../table/help.js";

const HELP = helpLines("debug", [
  "DIGEST",
  "    A number that stands for all of the data: equal data, equal number.",
  "RELOAD",
  "    Make a snapshot and read the data back.",
  "SLEEP <seconds>",
  "    Stand still for so long, the whole server. 0.5 is half a second.",
]);

function debug(ctx: CommandContext): void {
  const { request, reply, host } = ctx;
  if (!host.debugEnabled) {
    reply.error(ERR.debugDisabled);
    return;
  }
  if (request.argc === 2 && request.is(1, "help")) {
    reply.array(HELP.length);
    for (const line of HELP) reply.simple(line);
  } else if (request.argc === 2 && request.is(1, "digest")) {
    reply.simple(ctx.keyspace.digest());
  } else if (request.is(1, "reload")) {
    if (request.argc > 2) {
      reply.error(ERR.debugReloadOptions);
      return;
    }
    host.reload(ctx);
  } else if (request.argc === 3 && request.is(1, "sleep")) {
    const seconds = parseFloat64(request.buf, request.off[2], request.len[2]) ?? 0;
    host.sleep(Math.max(0, seconds) * 1000);
    reply.ok();
  } else {
    reply.error(unknownSubcommandOrArity("debug", request.str(1)));
  }
}

export const debugCommands = family("server", [
  {
    name: "debug",
    arity: -2,
    flags: ["admin", "noscript", "loading", "stale"],
    since: "1.0.0",
    summary: "Helps tests: makes a digest of the data, reloads it, stalls the server.",
    differs: "DIGEST, RELOAD and SLEEP only.",
    run: debug,
  },
]);

/** ROLE and LOLWUT. */
import { parseInt64 } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";
import { REDIS_VERSION } from "../version.js";

const HEARTH = ["      (", "     ) )", "    ( ( )", "   ) (_) (", "  (_______)", " /=========\\", ""];

/** There are no replicas, so nothing was ever sent to one. */
function role({ reply }: CommandContext): void {
  reply.array(3);
  reply.bulkString("master");
  reply.int(0);
  reply.array(0);
}

function lolwut({ request, reply }: CommandContext): void {
  if (
    request.argc > 2 &&
    request.is(1, "version") &&
    parseInt64(request.buf, request.off[2], request.len[2]) === null
  ) {
    reply.error(ERR.notInteger);
    return;
  }
  reply.verbatim("txt", `${HEARTH.join("\n")}Redis ver. ${REDIS_VERSION}\n`);
}

export const lolwutCommands = family("server", [
  {
    name: "lolwut",
    arity: -1,
    flags: ["readonly", "fast"],
    since: "5.0.0",
    complexity: "O(1)",
    summary: "Shows a small picture and the version.",
    syntax: "VERSION=version:integer?",
    differs: "The picture is its own, and the same for every version.",
    run: lolwut,
  },
  {
    name: "role",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast"],
    categories: ["admin", "dangerous"],
    since: "2.8.12",
    complexity: "O(1)",
    summary: "Tells that the server is a master, and has no replicas.",
    run: role,
  },
]);

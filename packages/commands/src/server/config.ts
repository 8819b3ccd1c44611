/** CONFIG over the host's store of settings. */
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";
import { helpCommand } from "../table/help.js";

const HELP = [
  "GET <pattern> [<pattern> ...]",
  "    Settings whose names match, with their values.",
  "RESETSTAT",
  "    Let the counters of INFO begin again.",
  "REWRITE",
  "    Not supported: the settings file is never written.",
  "SET <name> <value> [<name> <value> ...]",
  "    Change settings: all of them, or none.",
];

function get({ request, reply, host }: CommandContext): void {
  const patterns: string[] = [];
  for (let i = 2; i < request.argc; i++) patterns.push(request.str(i));
  const pairs = host.config.get(patterns);
  reply.map(pairs.length);
  for (const [name, value] of pairs) {
    reply.bulkString(name);
    reply.bulkString(value);
  }
}

function set({ request, reply, host }: CommandContext): void {
  if (request.argc % 2 !== 0) {
    reply.error(ERR.syntax);
    return;
  }
  const pairs: [name: string, value: string][] = [];
  for (let i = 2; i < request.argc; i += 2) pairs.push([request.str(i), request.str(i + 1)]);
  const error = host.config.set(pairs);
  if (error !== null) reply.error(`ERR ${error}`);
  else reply.ok();
}

function resetStat({ reply, host }: CommandContext): void {
  host.resetStats();
  reply.ok();
}

/** The server never writes its configuration file. */
function rewrite({ reply }: CommandContext): void {
  reply.error(ERR.noConfigFile);
}

export const configCommands = family("server", [
  {
    name: "config",
    arity: -2,
    flags: [],
    since: "2.0.0",
    summary: "Shows and changes settings.",
    subcommands: [
      {
        name: "config|get",
        arity: -3,
        flags: ["admin", "noscript", "loading", "stale"],
        since: "2.0.0",
        complexity: "O(N)",
        summary: "Tells the settings whose names match, with their values.",
        syntax: "(parameter: parameter)+",
        history: [["7.0.0", "takes several patterns"]],
        run: get,
      },
      helpCommand("config", "5.0.0", HELP),
      {
        name: "config|resetstat",
        arity: 2,
        flags: ["admin", "noscript", "loading", "stale"],
        since: "2.0.0",
        complexity: "O(1)",
        summary: "Lets the counters of INFO begin again.",
        run: resetStat,
      },
      {
        name: "config|rewrite",
        arity: 2,
        flags: ["admin", "noscript", "loading", "stale"],
        since: "2.8.0",
        complexity: "O(1)",
        summary: "Would persist the configuration; not supported.",
        differs: "Always the error of a server without a settings file.",
        run: rewrite,
      },
      {
        name: "config|set",
        arity: -4,
        flags: ["admin", "noscript", "loading", "stale"],
        since: "2.0.0",
        complexity: "O(N)",
        summary: "Changes settings while the server runs: all that are given, or none.",
        syntax: "(parameter-value: parameter value)+",
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
        history: [["7.0.0", "sets several parameters at once"]],
        run: set,
      },
    ],
  },
]);

/** CONFIG over the host's store of settings. */
import { runSubcommand } from "./command-table.js";
import type { CommandContext, CommandFlag, CommandRow } from "./context.js";
import { ERR } from "./errors.js";
import { helpRow } from "./help.js";
import { NO_KEY, rowMaker } from "./rows.js";

const HELP = [
  "GET <pattern>",
  "    Return parameters matching the glob-like <pattern> and their values.",
  "SET <directive> <value>",
  "    Set the configuration <directive> to <value>.",
  "RESETSTAT",
  "    Reset statistics reported by the INFO command.",
  "REWRITE",
  "    Rewrite the configuration file.",
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

const row = rowMaker("server");
const ADMIN: readonly CommandFlag[] = ["admin", "noscript", "loading", "stale"];

const subcommands: readonly CommandRow[] = [
  row("config|get", -3, ADMIN, "2.0.0", "Returns the effective values of configuration parameters.", get, NO_KEY),
  helpRow("server", "config", "5.0.0", HELP),
  row("config|resetstat", 2, ADMIN, "2.0.0", "Resets the server's statistics.", resetStat, NO_KEY),
  row("config|rewrite", 2, ADMIN, "2.8.0", "Would persist the configuration; not supported.", rewrite, NO_KEY),
  row("config|set", -4, ADMIN, "2.0.0", "Sets configuration parameters in-flight.", set, NO_KEY),
];
const summary = "A container for server configuration commands.";

/** CONFIG with its subcommands. */
export const configRow: CommandRow = {
  ...row("config", -2, [], "2.0.0", summary, runSubcommand(subcommands), NO_KEY),
  subcommands,
};

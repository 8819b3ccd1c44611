/** The HELP subcommands. */
import type { CommandGroup, CommandRow } from "./context.js";
import { upperAscii } from "./errors.js";
import { NO_KEY, rowMaker } from "./rows.js";

/** HELP's reply: one simple string a line, with the usual first and last lines around `lines`. */
export function helpLines(container: string, lines: readonly string[]): string[] {
  const usage = `${upperAscii(container)} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`;
  return [usage, ...lines, "HELP", "    Prints this help."];
}

/** The row of "container|help". */
export function helpRow(group: CommandGroup, container: string, since: string, lines: readonly string[]): CommandRow {
  const summary = "Returns helpful text about the different subcommands.";
  const all = helpLines(container, lines);
  return rowMaker(group)(
    `${container}|help`,
    2,
    ["loading", "stale"],
    since,
    summary,
    ({ reply }) => {
      reply.array(all.length);
      for (const line of all) reply.simple(line);
    },
    NO_KEY,
  );
}

/** The HELP subcommands. */
import { upperAscii } from "../errors.js";
import type { CommandDeclaration } from "./declare.js";

/** HELP's reply: one simple string a line, with the usual first and last lines around `lines`. */
export function helpLines(container: string, lines: readonly string[]): string[] {
  const usage = `${upperAscii(container)} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`;
  return [usage, ...lines, "HELP", "    Prints this help."];
}

/** The subcommand "container|help". */
export function helpCommand(container: string, since: string, lines: readonly string[]): CommandDeclaration {
  const all = helpLines(container, lines);
  return {
    name: `${container}|help`,
    arity: 2,
    flags: ["loading", "stale"],
    since,
    complexity: "O(1)",
    summary: "Tells what subcommands there are.",
    run: ({ reply }) => {
      reply.array(all.length);
      for (const line of all) reply.simple(line);
    },
  };
}

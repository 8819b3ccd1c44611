/** COMMAND: the table of commands, told to clients. */
import { Request } from "@hearthkv/resp";
import { Glob } from "../arguments/glob.js";
import type { CommandContext } from "../context.js";
import { ERR, lowerAscii } from "../errors.js";
import { categoriesOf } from "../table/categories.js";
import { arityHolds, type TableRow } from "../table/command-table.js";
import { type Category, family } from "../table/declare.js";
import { writeCommandDocs, writeCommandInfo } from "../table/describe.js";
import { helpCommand } from "../table/help.js";
import { keysOf } from "../table/keys.js";

const HELP = [
  "(no subcommand)",
  "    As INFO, of all commands.",
  "COUNT",
  "    How many commands there are.",
  "DOCS [<command> ...]",
  "    What these commands do, take and cost, or all commands.",
  "GETKEYS <command> [<argument> ...]",
  "    The keys in a whole command.",
  "GETKEYSANDFLAGS <command> [<argument> ...]",
  "    The same, each with what the command does to it.",
  "INFO [<command> ...]",
  "    Arity, flags and keys of these commands, or of all.",
  "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
  "    The names of all commands, or of some.",
];

/** The full command that follows a subcommand, as a request of its own over the same bytes. */
function innerRequest(request: Request): Request {
  const inner = new Request(request.argc - 2);
  inner.buf = request.buf;
  for (let i = 2; i < request.argc; i++) inner.push(request.off[i], request.len[i]);
  return inner;
}

function writeKeys(ctx: CommandContext, withFlags: boolean): void {
  const { reply, host } = ctx;
  const inner = innerRequest(ctx.request);
  const row = host.commands.resolve(inner);
  if (row === undefined) {
    reply.error(ERR.invalidCommand);
    return;
  }
  if (row.keys.length === 0 && row.findKeys === undefined) {
    reply.error(ERR.noKeyArguments);
    return;
  }
  if (!arityHolds(row, inner.argc)) {
    reply.error(ERR.invalidArgumentCount);
    return;
  }
  const keys = keysOf(row, inner);
  if (keys.length === 0 && !row.flags.includes("no_mandatory_keys")) {
    reply.error(ERR.invalidArguments);
    return;
  }
  reply.array(keys.length);
  for (const { index, use } of keys) {
    if (withFlags) reply.array(2);
    reply.bulk(inner.buf, inner.off[index], inner.len[index]);
    if (!withFlags) continue;
    const flags = use.split(" ");
    reply.set(flags.length);
    for (const flag of flags) reply.simple(flag);
  }
}

function getKeys(ctx: CommandContext): void {
  writeKeys(ctx, false);
}

function getKeysAndFlags(ctx: CommandContext): void {
  writeKeys(ctx, true);
}

function count({ reply, host }: CommandContext): void {
  reply.int(host.commands.rows().length);
}

function list(ctx: CommandContext): void {
  const { request, reply, host } = ctx;
  let names = [...host.commands.allRows()].map((row) => row.name);
  if (request.argc === 2) {
    // All of them, subcommands too.
  } else if (request.argc !== 5 || !request.is(2, "filterby")) {
    reply.error(ERR.syntax);
    return;
  } else if (request.is(3, "pattern")) {
    const pattern = new Glob(request.str(4), true);
    names = names.filter((name) => pattern.matchesText(name));
  } else if (request.is(3, "aclcat")) {
    const category = lowerAscii(request.str(4)) as Category;
    names = [...host.commands.allRows()].filter((row) => categoriesOf(row).includes(category)).map((row) => row.name);
  } else if (request.is(3, "module")) {
    names = [];
  } else {
    reply.error(ERR.syntax);
    return;
  }
  reply.array(names.length);
  for (const name of names) reply.bulkString(name);
}

/** The rows that arguments 2 and on name; undefined for a name that is none. */
function namedRows({ request, host }: CommandContext): (TableRow | undefined)[] {
  const rows: (TableRow | undefined)[] = [];
  for (let i = 2; i < request.argc; i++) rows.push(host.commands.row(lowerAscii(request.str(i))));
  return rows;
}

function info(ctx: CommandContext): void {
  const rows = ctx.request.argc > 2 ? namedRows(ctx) : ctx.host.commands.rows();
  ctx.reply.array(rows.length);
  for (const row of rows) {
    if (row === undefined) ctx.reply.nil();
    else writeCommandInfo(ctx.reply, row);
  }
}

function docs(ctx: CommandContext): void {
  const named = ctx.request.argc > 2 ? namedRows(ctx) : ctx.host.commands.rows();
  const rows = named.filter((row) => row !== undefined);
  ctx.reply.map(rows.length);
  for (const row of rows) writeCommandDocs(ctx.reply, row);
}

export const commandCommands = family("server", [
  {
    name: "command",
    arity: -1,
    flags: ["loading", "stale"],
    since: "2.8.13",
    complexity: "O(N)",
    summary: "Tells of all commands what a client or a proxy has to know.",
    tips: ["nondeterministic_output_order"],
    categories: ["connection"],
    run: info,
    subcommands: [
      {
        name: "command|count",
        arity: 2,
        flags: ["loading", "stale"],
        since: "2.8.13",
        complexity: "O(1)",
        summary: "Tells how many commands there are, subcommands not counted.",
        categories: ["connection"],
        run: count,
      },
      {
        name: "command|docs",
        arity: -2,
        flags: ["loading", "stale"],
        since: "7.0.0",
        complexity: "O(N)",
        summary: "Explains commands to people: what they do, take and cost.",
        syntax: "command-name+?",
        tips: ["nondeterministic_output_order"],
        categories: ["connection"],
        run: docs,
      },
      {
        name: "command|getkeys",
        arity: -3,
        flags: ["loading", "stale"],
        since: "2.8.13",
        complexity: "O(N)",
        summary: "Finds the keys in a command with its arguments.",
        categories: ["connection"],
        run: getKeys,
      },
      {
        name: "command|getkeysandflags",
        arity: -3,
        flags: ["loading", "stale"],
        since: "7.0.0",
        complexity: "O(N)",
        summary: "Finds the keys in a command with its arguments, and what it does to each.",
        categories: ["connection"],
        run: getKeysAndFlags,
      },
      {
        name: "command|info",
        arity: -2,
        flags: ["loading", "stale"],
        since: "2.8.13",
        complexity: "O(N)",
        summary: "Tells of some commands, or of all, what a client or a proxy has to know.",
        syntax: "command-name+?",
        tips: ["nondeterministic_output_order"],
        categories: ["connection"],
        history: [["7.0.0", "without a name it tells of all commands"]],
        run: info,
      },
      {
        name: "command|list",
        arity: -2,
        flags: ["loading", "stale"],
        since: "7.0.0",
        complexity: "O(N)",
        summary: "Names the commands, all or those of a kind, subcommands too.",
        syntax: "FILTERBY=<filterby: MODULE=module-name | ACLCAT=category | PATTERN=pattern:pattern>?",
        tips: ["nondeterministic_output_order"],
        categories: ["connection"],
        run: list,
      },
      { ...helpCommand("command", "5.0.0", HELP), categories: ["connection"] },
    ],
  },
]);

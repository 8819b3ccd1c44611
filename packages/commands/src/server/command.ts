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
  "    Return details about all commands.",
  "COUNT",
  "    Return the total number of commands in this server.",
  "LIST",
  "    Return a list of all commands in this server.",
  "INFO [<command-name> ...]",
  "    Return details about multiple commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "DOCS [<command-name> ...]",
  "    Return documentation details about multiple commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "GETKEYS <full-command>",
  "    Return the keys from a full command.",
  "GETKEYSANDFLAGS <full-command>",
  "    Return the keys and the access flags from a full command.",
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
    summary: "Returns detailed information about all commands.",
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
        summary: "Returns a count of commands.",
        categories: ["connection"],
        run: count,
      },
      {
        name: "command|docs",
        arity: -2,
        flags: ["loading", "stale"],
        since: "7.0.0",
        complexity: "O(N)",
        summary: "Returns documentary information about one, multiple or all commands.",
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
        summary: "Extracts the key names from an arbitrary command.",
        categories: ["connection"],
        run: getKeys,
      },
      {
        name: "command|getkeysandflags",
        arity: -3,
        flags: ["loading", "stale"],
        since: "7.0.0",
        complexity: "O(N)",
        summary: "Extracts the key names and access flags for an arbitrary command.",
        categories: ["connection"],
        run: getKeysAndFlags,
      },
      {
        name: "command|info",
        arity: -2,
        flags: ["loading", "stale"],
        since: "2.8.13",
        complexity: "O(N)",
        summary: "Returns information about one, multiple or all commands.",
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
        summary: "Returns a list of command names.",
        syntax: "FILTERBY=<filterby: MODULE=module-name | ACLCAT=category | PATTERN=pattern:pattern>?",
        tips: ["nondeterministic_output_order"],
        categories: ["connection"],
        run: list,
      },
      { ...helpCommand("command", "5.0.0", HELP), categories: ["connection"] },
    ],
  },
]);

/** COMMAND: the table of commands, told to clients. */
import { Request } from "@hearthkv/resp";
import { categoriesOf, keyUseAt, writeCommandDocs, writeCommandInfo } from "./command-info.js";
import { arityHolds, type CommandTable, runSubcommand, type TableRow } from "./command-table.js";
import type { CommandContext, CommandFlag, CommandRow } from "./context.js";
import { ERR, lowerAscii } from "./errors.js";
import { Glob } from "./glob.js";
import { helpRow } from "./help.js";
import { NO_KEY, rowMaker } from "./rows.js";

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

/** Where the commands are found; a function, because the table holds COMMAND itself. */
type TableSource = () => CommandTable;

/** The full command that follows a subcommand, as a request of its own over the same bytes. */
function innerRequest(request: Request): Request {
  const inner = new Request(request.argc - 2);
  inner.buf = request.buf;
  for (let i = 2; i < request.argc; i++) inner.push(request.off[i], request.len[i]);
  return inner;
}

/** Positions of the keys in a request of `argc` arguments. */
function keyPositions(row: CommandRow, argc: number): number[] {
  const last = row.lastKey < 0 ? argc + row.lastKey : row.lastKey;
  const positions: number[] = [];
  for (let i = row.firstKey; i > 0 && i <= last && i < argc; i += row.keyStep) positions.push(i);
  return positions;
}

function writeKeys(ctx: CommandContext, table: CommandTable, withFlags: boolean): void {
  const inner = innerRequest(ctx.request);
  const row = table.resolve(inner);
  if (row === undefined) {
    ctx.reply.error(ERR.invalidCommand);
    return;
  }
  if (row.firstKey === 0) {
    ctx.reply.error(ERR.noKeyArguments);
    return;
  }
  if (!arityHolds(row, inner.argc)) {
    ctx.reply.error(ERR.invalidArgumentCount);
    return;
  }
  const positions = keyPositions(row, inner.argc);
  ctx.reply.array(positions.length);
  positions.forEach((position, nth) => {
    if (withFlags) ctx.reply.array(2);
    ctx.reply.bulk(inner.buf, inner.off[position], inner.len[position]);
    if (!withFlags) return;
    const use = keyUseAt(row, nth, inner);
    ctx.reply.set(use.length);
    for (const flag of use) ctx.reply.simple(flag);
  });
}

function list(ctx: CommandContext, table: CommandTable): void {
  const { request, reply } = ctx;
  let names = [...table.allRows()].map((row) => row.name);
  if (request.argc === 2) {
    // All of them, subcommands too.
  } else if (request.argc !== 5 || !request.is(2, "filterby")) {
    reply.error(ERR.syntax);
    return;
  } else if (request.is(3, "pattern")) {
    const pattern = new Glob(request.str(4), true);
    names = names.filter((name) => pattern.matchesText(name));
  } else if (request.is(3, "aclcat")) {
    const category = lowerAscii(request.str(4));
    names = [...table.allRows()].filter((row) => categoriesOf(row).includes(category)).map((row) => row.name);
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
function namedRows({ request }: CommandContext, table: CommandTable): (TableRow | undefined)[] {
  const rows: (TableRow | undefined)[] = [];
  for (let i = 2; i < request.argc; i++) rows.push(table.row(lowerAscii(request.str(i))));
  return rows;
}

function info(ctx: CommandContext, table: CommandTable): void {
  const rows = ctx.request.argc > 2 ? namedRows(ctx, table) : table.rows();
  ctx.reply.array(rows.length);
  for (const row of rows) {
    if (row === undefined) ctx.reply.nil();
    else writeCommandInfo(ctx.reply, row);
  }
}

function docs(ctx: CommandContext, table: CommandTable): void {
  const named = ctx.request.argc > 2 ? namedRows(ctx, table) : table.rows();
  const rows = named.filter((row) => row !== undefined);
  ctx.reply.map(rows.length);
  for (const row of rows) writeCommandDocs(ctx.reply, row);
}

/** The rows of COMMAND over a table that may still be being made. */
export function commandRows(table: TableSource): readonly CommandRow[] {
  const row = rowMaker("server");
  const flags: readonly CommandFlag[] = ["loading", "stale"];
  const sub = (
    name: string,
    arity: number,
    since: string,
    summary: string,
    run: (ctx: CommandContext, table: CommandTable) => void,
  ) => row(`command|${name}`, arity, flags, since, summary, (ctx) => run(ctx, table()), NO_KEY);
  const subcommands = [
    sub("count", 2, "2.8.13", "Returns a count of commands.", (ctx, t) => ctx.reply.int(t.rows().length)),
    sub("docs", -2, "7.0.0", "Returns documentary information about one, multiple or all commands.", docs),
    sub("getkeys", -3, "2.8.13", "Extracts the key names from an arbitrary command.", (ctx, t) =>
      writeKeys(ctx, t, false),
    ),
    sub("getkeysandflags", -3, "7.0.0", "Extracts the key names and access flags for an arbitrary command.", (ctx, t) =>
      writeKeys(ctx, t, true),
    ),
    sub("info", -2, "2.8.13", "Returns information about one, multiple or all commands.", info),
    sub("list", -2, "7.0.0", "Returns a list of command names.", list),
    helpRow("server", "command", "5.0.0", HELP),
  ];
  const runNamed = runSubcommand(subcommands);
  const run = (ctx: CommandContext): void => (ctx.request.argc === 1 ? info(ctx, table()) : runNamed(ctx));
  const summary = "Returns detailed information about all commands.";
  return [{ ...row("command", -1, flags, "2.8.13", summary, run, NO_KEY), subcommands }];
}

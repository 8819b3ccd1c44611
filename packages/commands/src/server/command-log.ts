/** SLOWLOG, and COMMANDLOG, which is Valkey's: the log of slow commands and two like it, of large requests and large replies. */
import { parseInt64 } from "@hearthkv/resp";
import type { CommandContext, CommandLogKind } from "../context.js";
import { ERR, unknownSubcommandOrArity } from "../errors.js";
import { type CommandFlag, family } from "../table/declare.js";
import { helpCommand } from "../table/help.js";

const SLOWLOG_HELP = [
  "GET [<count>]",
  "    The newest <count> entries, 10 where none is given, all with -1. Each has id, Unix time, microseconds,",
  "    arguments, the client's address and its name.",
  "LEN",
  "    How many entries there are.",
  "RESET",
  "    Empty the log.",
];
const COMMANDLOG_HELP = [
  "GET <count> <type>",
  "    The newest <count> entries of a log, all with -1. Each has id, Unix time, microseconds (slow) or bytes",
  "    (large-request, large-reply), arguments, the client's address and its name.",
  "LEN <type>",
  "    How many entries a log has.",
  "RESET <type>",
  "    Empty a log.",
];
const KINDS = ["slow", "large-request", "large-reply"] as const satisfies readonly CommandLogKind[];
const TYPE_SYNTAX = "<type: SLOW | LARGE-REQUEST | LARGE-REPLY>";
const FLAGS: readonly CommandFlag[] = ["admin", "loading", "stale"];
const USUAL_COUNT = 10;

/** The log that argument `at` names; null when the client has got the error. */
function kindArg({ request, reply }: CommandContext, at: number): CommandLogKind | null {
  const found = KINDS.find((kind) => request.is(at, kind));
  if (found === undefined) reply.error(ERR.commandLogType);
  return found ?? null;
}

/** How many entries argument `at` asks for; null when the client has got the error. */
function countArg({ request: r, reply }: CommandContext, at: number): number | null {
  const count = parseInt64(r.buf, r.off[at], r.len[at]);
  if (count === null || count < -1n) {
    reply.error(ERR.commandLogCount);
    return null;
  }
  return count < 0n ? Number.POSITIVE_INFINITY : Number(count);
}

function writeEntries({ reply, host }: CommandContext, kind: CommandLogKind, count: number): void {
  const entries = host.commandLog.entries(kind, count);
  reply.array(entries.length);
  for (const { id, atSeconds, amount, args, address, name } of entries) {
    reply.array(6);
    reply.int(id);
    reply.int(atSeconds);
    reply.int(amount);
    reply.array(args.length);
    for (const arg of args) reply.bulkString(arg);
    reply.bulkString(address);
    reply.bulkString(name);
  }
}

function slowLogGet(ctx: CommandContext): void {
  if (ctx.request.argc > 3) {
    ctx.reply.error(unknownSubcommandOrArity("slowlog", ctx.request.str(1)));
    return;
  }
  const count = ctx.request.argc === 3 ? countArg(ctx, 2) : USUAL_COUNT;
  if (count !== null) writeEntries(ctx, "slow", count);
}

function commandLogGet(ctx: CommandContext): void {
  const count = countArg(ctx, 2);
  if (count === null) return;
  const kind = kindArg(ctx, 3);
  if (kind !== null) writeEntries(ctx, kind, count);
}

function commandLogLength(ctx: CommandContext): void {
  const kind = kindArg(ctx, 2);
  if (kind !== null) ctx.reply.int(ctx.host.commandLog.count(kind));
}

function commandLogReset(ctx: CommandContext): void {
  const kind = kindArg(ctx, 2);
  if (kind === null) return;
  ctx.host.commandLog.reset(kind);
  ctx.reply.ok();
}

const SAMPLED =
  "While slowlog-log-slower-than is 1000 or more, a command that is quick by its nature (O(1), or flagged fast) and was quick so far has its time taken in one of 64 calls.";

export const commandLogCommands = family("server", [
  {
    name: "slowlog",
    arity: -2,
    flags: [],
    since: "2.2.12",
    complexity: "Depends on subcommand.",
    summary: "Tells of the last commands that took long.",
    differs: SAMPLED,
    subcommands: [
      {
        name: "slowlog|get",
        arity: -2,
        flags: FLAGS,
        since: "2.2.12",
        complexity: "O(N)",
        summary: "Returns the newest entries of the slow log.",
        syntax: "count:integer?",
        tips: ["request_policy:all_nodes", "nondeterministic_output"],
        history: [["4.0.0", "entries have the client's address and name"]],
        run: slowLogGet,
      },
      helpCommand("slowlog", "6.2.0", SLOWLOG_HELP),
      {
        name: "slowlog|len",
        arity: 2,
        flags: FLAGS,
        since: "2.2.12",
        complexity: "O(1)",
        summary: "Counts the entries of the slow log.",
        tips: ["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        run: ({ reply, host }) => reply.int(host.commandLog.count("slow")),
      },
      {
        name: "slowlog|reset",
        arity: 2,
        flags: FLAGS,
        since: "2.2.12",
        complexity: "O(N)",
        summary: "Empties the slow log.",
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: ({ reply, host }) => {
          host.commandLog.reset("slow");
          reply.ok();
        },
      },
    ],
  },
  {
    name: "commandlog",
    arity: -2,
    flags: [],
    since: "8.1.0",
    complexity: "Depends on subcommand.",
    summary: "Tells of the last commands that took long, were large or had a large reply.",
    differs: `Valkey's. ${SAMPLED}`,
    subcommands: [
      {
        name: "commandlog|get",
        arity: 4,
        flags: FLAGS,
        since: "8.1.0",
        complexity: "O(N)",
        summary: "Returns the newest entries of a command log.",
        syntax: `count:integer ${TYPE_SYNTAX}`,
        tips: ["request_policy:all_nodes", "nondeterministic_output"],
        run: commandLogGet,
      },
      helpCommand("commandlog", "8.1.0", COMMANDLOG_HELP),
      {
        name: "commandlog|len",
        arity: 3,
        flags: FLAGS,
        since: "8.1.0",
        complexity: "O(1)",
        summary: "Counts the entries of a command log.",
        syntax: TYPE_SYNTAX,
        tips: ["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        run: commandLogLength,
      },
      {
        name: "commandlog|reset",
        arity: 3,
        flags: FLAGS,
        since: "8.1.0",
        complexity: "O(N)",
        summary: "Empties a command log.",
        syntax: TYPE_SYNTAX,
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: commandLogReset,
      },
    ],
  },
]);

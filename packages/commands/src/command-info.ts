/** Writes what COMMAND INFO and COMMAND DOCS tell of a row, in the shapes of Redis 7.2. */
import type { ReplyWriter, Request } from "@hearthkv/resp";
import { deprecations, docsOf } from "./command-docs.js";
import { historyOf } from "./command-history.js";
import type { CommandArgument } from "./command-syntax.js";
import { orderedFlags } from "./command-table.js";
import type { CommandGroup, CommandRow } from "./context.js";

/** Categories that a group's commands have by themselves, besides those that follow from the flags. */
const GROUP_CATEGORY: Readonly<Record<CommandGroup, string | null>> = {
  connection: "connection",
  server: null,
  generic: "keyspace",
  string: "string",
  hash: "hash",
  list: "list",
  set: "set",
  "sorted-set": "sortedset",
  transactions: "transaction",
  pubsub: null,
  lock: "string",
};
const KEYSPACE_COMMANDS = ["dbsize", "flushdb", "flushall"];
const ADMIN_COMMANDS = ["lastsave"];
const DANGEROUS_COMMANDS = ["keys", "info", "flushdb", "flushall"];
/** The order in which Redis prints categories. */
const CATEGORY_ORDER = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
];

/** ACL categories of a row without "@", in Redis's order. */
export function categoriesOf(row: CommandRow): string[] {
  const has = new Set<string>();
  const flags = new Set(row.flags);
  // A command with subcommands is nothing by itself, but for COMMAND, which also runs without one.
  if (row.subcommands === undefined || row.name === "command") {
    const own = row.name.startsWith("command") ? "connection" : GROUP_CATEGORY[row.group];
    if (own !== null) has.add(own);
  }
  if (KEYSPACE_COMMANDS.includes(row.name)) has.add("keyspace");
  if (DANGEROUS_COMMANDS.includes(row.name)) has.add("dangerous");
  if (flags.has("write")) has.add("write");
  if (flags.has("readonly")) has.add("read");
  if (flags.has("admin") || ADMIN_COMMANDS.includes(row.name)) has.add("admin").add("dangerous");
  if (flags.has("pubsub")) has.add("pubsub");
  if (flags.has("blocking")) has.add("blocking");
  has.add(flags.has("fast") ? "fast" : "slow");
  return CATEGORY_ORDER.filter((category) => has.has(category));
}

/** One element of COMMAND INFO: an array of ten. */
export function writeCommandInfo(reply: ReplyWriter, row: CommandRow): void {
  reply.array(10);
  reply.bulkString(row.name);
  reply.int(row.arity);
  writeStatusSet(reply, orderedFlags(row));
  reply.int(row.firstKey);
  reply.int(row.lastKey);
  reply.int(row.keyStep);
  writeStatusSet(
    reply,
    categoriesOf(row).map((category) => `@${category}`),
  );
  const { tips } = docsOf(row);
  reply.set(tips.length);
  for (const tip of tips) reply.bulkString(tip);
  writeKeySpecs(reply, row);
  if (row.subcommands === undefined) {
    reply.set(0);
    return;
  }
  reply.array(row.subcommands.length);
  for (const subcommand of row.subcommands) writeCommandInfo(reply, subcommand);
}

const VARIABLE = "variable_flags";

/** Flags of the key at each position of GETKEYSANDFLAGS. Where they depend on the options (SET), GET makes the difference. */
export function keyUseAt(row: CommandRow, nthKey: number, request: Request): string[] {
  const uses = docsOf(row).keyUses;
  const use = uses[Math.min(nthKey, uses.length - 1)].split(" ");
  if (!use.includes(VARIABLE)) return use;
  for (let i = 3; i < request.argc; i++) if (request.is(i, "get")) return use.filter((flag) => flag !== VARIABLE);
  return ["OW", "update"];
}

/** Name and map of one command, as elements of the map that COMMAND DOCS is. */
export function writeCommandDocs(reply: ReplyWriter, row: CommandRow): void {
  const docs = docsOf(row);
  reply.bulkString(row.name);
  const map = reply.deferMap();
  let pairs = 3;
  writePair(reply, "summary", row.summary);
  writePair(reply, "since", row.since);
  writePair(reply, "group", row.group);
  const complexity = row.complexity ?? docs.complexity;
  if (complexity !== "") {
    writePair(reply, "complexity", complexity);
    pairs++;
  }
  const deprecation = deprecations.get(row.name);
  if (deprecation !== undefined) {
    reply.bulkString("doc_flags");
    writeStatusSet(reply, ["deprecated"]);
    writePair(reply, "deprecated_since", deprecation.since);
    writePair(reply, "replaced_by", deprecation.replacedBy);
    pairs += 3;
  }
  const history = historyOf(row.name);
  if (history.length > 0) {
    reply.bulkString("history");
    reply.set(history.length);
    for (const [version, change] of history) {
      reply.array(2);
      reply.bulkString(version);
      reply.bulkString(change);
    }
    pairs++;
  }
  if (docs.args.length > 0) {
    reply.bulkString("arguments");
    writeArguments(reply, docs.args);
    pairs++;
  }
  if (row.subcommands !== undefined) {
    reply.bulkString("subcommands");
    reply.map(row.subcommands.length);
    for (const subcommand of row.subcommands) writeCommandDocs(reply, subcommand);
    pairs++;
  }
  reply.setArray(map, pairs);
}

function writeArguments(reply: ReplyWriter, args: readonly CommandArgument[]): void {
  reply.array(args.length);
  for (const arg of args) writeArgument(reply, arg);
}

function writeArgument(reply: ReplyWriter, arg: CommandArgument): void {
  const map = reply.deferMap();
  let pairs = 2;
  writePair(reply, "name", arg.name);
  writePair(reply, "type", arg.type);
  if (arg.args.length === 0) {
    writePair(reply, "display_text", arg.name);
    pairs++;
  }
  if (arg.keySpec >= 0) {
    reply.bulkString("key_spec_index");
    reply.int(arg.keySpec);
    pairs++;
  }
  if (arg.token !== null) {
    writePair(reply, "token", arg.token);
    pairs++;
  }
  const flags = argumentFlags(arg);
  if (flags.length > 0) {
    reply.bulkString("flags");
    writeStatusSet(reply, flags);
    pairs++;
  }
  if (arg.args.length > 0) {
    reply.bulkString("arguments");
    writeArguments(reply, arg.args);
    pairs++;
  }
  reply.setArray(map, pairs);
}

function argumentFlags(arg: CommandArgument): string[] {
  const flags: string[] = [];
  if (arg.optional) flags.push("optional");
  if (arg.multiple) flags.push("multiple");
  if (arg.multipleToken) flags.push("multiple_token");
  return flags;
}

/** One specification for all keys, or one for each position where their uses differ. */
function writeKeySpecs(reply: ReplyWriter, row: CommandRow): void {
  if (row.firstKey === 0) {
    reply.set(0);
    return;
  }
  const uses = docsOf(row).keyUses;
  reply.set(uses.length);
  for (let i = 0; i < uses.length; i++) {
    const last = uses.length > 1 ? 0 : row.lastKey < 0 ? row.lastKey : row.lastKey - row.firstKey;
    writeKeySpec(reply, uses[i].split(" "), row.firstKey + i, last, row.keyStep);
  }
}

function writeKeySpec(reply: ReplyWriter, use: readonly string[], index: number, last: number, step: number): void {
  reply.map(3);
  reply.bulkString("flags");
  writeStatusSet(reply, use);
  reply.bulkString("begin_search");
  reply.map(2);
  writePair(reply, "type", "index");
  reply.bulkString("spec");
  reply.map(1);
  writeNumberPair(reply, "index", index);
  reply.bulkString("find_keys");
  reply.map(2);
  writePair(reply, "type", "range");
  reply.bulkString("spec");
  reply.map(3);
  writeNumberPair(reply, "lastkey", last);
  writeNumberPair(reply, "keystep", step);
  writeNumberPair(reply, "limit", 0);
}

function writePair(reply: ReplyWriter, name: string, value: string): void {
  reply.bulkString(name);
  reply.bulkString(value);
}

function writeNumberPair(reply: ReplyWriter, name: string, value: number): void {
  reply.bulkString(name);
  reply.int(value);
}

function writeStatusSet(reply: ReplyWriter, names: readonly string[]): void {
  reply.set(names.length);
  for (const name of names) reply.simple(name);
}

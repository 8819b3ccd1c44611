/** Writes what COMMAND INFO and COMMAND DOCS tell of a row, in the shapes of Redis 7.2. */
import type { ReplyWriter } from "@hearthkv/resp";
import { categoriesOf } from "./categories.js";
import { orderedFlags, type TableRow } from "./command-table.js";
import type { KeySpec } from "./keys.js";
import { type CommandArgument, parseArguments } from "./syntax.js";

/** One element of COMMAND INFO: an array of ten. */
export function writeCommandInfo(reply: ReplyWriter, row: TableRow): void {
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
  const tips = row.tips ?? [];
  reply.set(tips.length);
  for (const tip of tips) reply.bulkString(tip);
  writeKeySpecs(reply, row.keys);
  if (row.subcommands === undefined) {
    reply.set(0);
    return;
  }
  reply.array(row.subcommands.length);
  for (const subcommand of row.subcommands) writeCommandInfo(reply, subcommand);
}

/** Name and map of one command, as elements of the map that COMMAND DOCS is. */
export function writeCommandDocs(reply: ReplyWriter, row: TableRow): void {
  const args = parseArguments(row.syntax ?? "");
  reply.bulkString(row.name);
  const map = reply.deferMap();
  let pairs = 3;
  writePair(reply, "summary", row.summary);
  writePair(reply, "since", row.since);
  writePair(reply, "group", row.group);
  if (row.complexity !== undefined) {
    writePair(reply, "complexity", row.complexity);
    pairs++;
  }
  if (row.deprecated !== undefined) {
    reply.bulkString("doc_flags");
    writeStatusSet(reply, ["deprecated"]);
    writePair(reply, "deprecated_since", row.deprecated.since);
    writePair(reply, "replaced_by", row.deprecated.replacedBy);
    pairs += 3;
  }
  const history = row.history ?? [];
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
  if (args.length > 0) {
    reply.bulkString("arguments");
    writeArguments(reply, args);
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

function writeKeySpecs(reply: ReplyWriter, specs: readonly KeySpec[]): void {
  reply.set(specs.length);
  for (const { use, begin, find } of specs) {
    reply.map(3);
    reply.bulkString("flags");
    writeStatusSet(reply, use.split(" "));
    reply.bulkString("begin_search");
    if (typeof begin === "number") writeSearch(reply, "index", { index: begin });
    else writeSearch(reply, "keyword", { keyword: begin.word, startfrom: begin.from });
    reply.bulkString("find_keys");
    if ("count" in find) {
      writeSearch(reply, "keynum", { keynumidx: find.count, firstkey: find.first, keystep: find.step });
    } else {
      writeSearch(reply, "range", { lastkey: find.last, keystep: find.step, limit: find.limit });
    }
  }
}

function writeSearch(reply: ReplyWriter, type: string, spec: Readonly<Record<string, string | number>>): void {
  reply.map(2);
  writePair(reply, "type", type);
  reply.bulkString("spec");
  const fields = Object.entries(spec);
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.bulkString(name);
    if (typeof value === "number") reply.int(value);
    else reply.bulkString(value);
  }
}

function writePair(reply: ReplyWriter, name: string, value: string): void {
  reply.bulkString(name);
  reply.bulkString(value);
}

function writeStatusSet(reply: ReplyWriter, names: readonly string[]): void {
  reply.set(names.length);
  for (const name of names) reply.simple(name);
}

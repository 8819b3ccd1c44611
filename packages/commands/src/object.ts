/** OBJECT: what clients ask about how a value is kept. Encodings are what Redis would use; ours are others. */
import { TYPE_NONE } from "@hearthkv/engine";
import { lookupAt } from "./arguments.js";
import { runSubcommand } from "./command-table.js";
import type { CommandContext, CommandRow } from "./context.js";
import { ERR } from "./errors.js";
import { helpRow } from "./help.js";
import { type KeyPositions, NO_KEY, READ, rowMaker } from "./rows.js";

const HELP = [
  "ENCODING <key>",
  "    Return the kind of internal representation that Redis would use for the value.",
  "FREQ <key>",
  "    Return the access frequency index of the key; it is not tracked.",
  "IDLETIME <key>",
  "    Return the idle time of the key, which is not tracked and always 0.",
  "REFCOUNT <key>",
  "    Return the number of references of the value, which is always 1.",
];

function encoding(ctx: CommandContext): void {
  const type = lookupAt(ctx, 2);
  if (type === TYPE_NONE) ctx.reply.nil();
  else ctx.reply.bulkString(ctx.db.encoding(type));
}

function freq(ctx: CommandContext): void {
  if (lookupAt(ctx, 2) === TYPE_NONE) ctx.reply.nil();
  else ctx.reply.error(ERR.lfuNotSelected);
}

function idleTime(ctx: CommandContext): void {
  replyIfExists(ctx, 0);
}

function refCount(ctx: CommandContext): void {
  replyIfExists(ctx, 1);
}

function replyIfExists(ctx: CommandContext, n: number): void {
  if (lookupAt(ctx, 2) === TYPE_NONE) ctx.reply.nil();
  else ctx.reply.int(n);
}

const row = rowMaker("generic");
const KEY_SECOND: KeyPositions = [2, 2, 1];

const subcommands: readonly CommandRow[] = [
  row("object|encoding", 3, READ, "2.2.3", "Returns the encoding of a value.", encoding, KEY_SECOND),
  row("object|freq", 3, READ, "4.0.0", "Returns how often a key is used: not tracked.", freq, KEY_SECOND),
  helpRow("generic", "object", "6.2.0", HELP),
  row("object|idletime", 3, READ, "2.2.3", "Returns how long a key was not used: always 0.", idleTime, KEY_SECOND),
  row("object|refcount", 3, READ, "2.2.3", "Returns the references of a value: always 1.", refCount, KEY_SECOND),
];

export const objectRow: CommandRow = {
  ...row("object", -2, [], "2.2.3", "Tells how a value is kept.", runSubcommand(subcommands), NO_KEY),
  subcommands,
};

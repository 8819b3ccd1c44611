/** OBJECT: what clients ask about how a value is kept. Encodings are what Redis would use; ours are others. */
import {
  PACKED_INTEGERS,
  PACKED_PLAIN,
  TYPE_HASH,
  TYPE_NONE,
  TYPE_SET,
  TYPE_STRING,
  TYPE_ZSET,
} from "@hearthkv/engine";
import { parseInt64 } from "@hearthkv/resp";
import { lookupAt } from "./arguments.js";
import { runSubcommand } from "./command-table.js";
import type { CommandContext, CommandRow } from "./context.js";
import { ERR } from "./errors.js";
import { helpRow } from "./help.js";
import { type KeyPositions, NO_KEY, READ, rowMaker } from "./rows.js";

/** The limits up to which Redis packs a value, as its default configuration has them. */
const EMBEDDED_BYTES_MAX = 44;

const SET_ENCODINGS: ReadonlyMap<number, string> = new Map([
  [PACKED_INTEGERS, "intset"],
  [PACKED_PLAIN, "listpack"],
]);

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
  else ctx.reply.bulkString(type === TYPE_STRING ? stringEncoding(ctx) : collectionEncoding(ctx, type));
}

/** Follows from the bytes alone: a record has no bit left to say that APPEND or SETRANGE made them, which Redis calls "raw" until its next start. */
function stringEncoding(ctx: CommandContext): string {
  const { valueBuf, valueOff, valueLen } = ctx.db;
  if (parseInt64(valueBuf, valueOff, valueLen) !== null) return "int";
  return valueLen <= EMBEDDED_BYTES_MAX ? "embstr" : "raw";
}

function collectionEncoding(ctx: CommandContext, type: number): string {
  if (type === TYPE_HASH) return ctx.db.isPacked ? "listpack" : "hashtable";
  if (type === TYPE_SET) return SET_ENCODINGS.get(ctx.db.packedKind) ?? "hashtable";
  if (type === TYPE_ZSET) return ctx.db.isPacked ? "listpack" : "skiplist";
  return ctx.db.isPacked ? "listpack" : "quicklist";
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

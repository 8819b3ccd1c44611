/** OBJECT: what clients ask about how a value is kept. Encodings are what Redis would use; ours are others. */
import { TYPE_NONE } from "@hearthkv/engine";
import { lookupAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";
import { helpCommand } from "../table/help.js";
import { key } from "../table/keys.js";

const HELP = [
  "ENCODING <key>",
  "    Name the encoding that the value would have in Redis.",
  "FREQ <key>",
  "    Tell how often the key is used: an error, as that is not tracked.",
  "IDLETIME <key>",
  "    Tell how long the key was not used: always 0, as that is not tracked.",
  "REFCOUNT <key>",
  "    Count the references of the value: always 1.",
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

export const objectCommands = family("generic", [
  {
    name: "object",
    arity: -2,
    flags: [],
    since: "2.2.3",
    summary: "Tells how a value is kept.",
    subcommands: [
      {
        name: "object|encoding",
        arity: 3,
        flags: ["readonly"],
        keys: [key(2, "RO")],
        since: "2.2.3",
        complexity: "O(1)",
        summary: "Names the encoding that a value would have in Redis.",
        syntax: "@key",
        tips: ["nondeterministic_output"],
        run: encoding,
      },
      {
        name: "object|freq",
        arity: 3,
        flags: ["readonly"],
        keys: [key(2, "RO")],
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Returns how often a key is used: not tracked.",
        syntax: "@key",
        tips: ["nondeterministic_output"],
        differs: "Not tracked: always the error of a policy that is not LFU.",
        run: freq,
      },
      helpCommand("object", "6.2.0", HELP),
      {
        name: "object|idletime",
        arity: 3,
        flags: ["readonly"],
        keys: [key(2, "RO")],
        since: "2.2.3",
        complexity: "O(1)",
        summary: "Returns how long a key was not used: always 0.",
        syntax: "@key",
        tips: ["nondeterministic_output"],
        differs: "Not tracked: always 0.",
        run: idleTime,
      },
      {
        name: "object|refcount",
        arity: 3,
        flags: ["readonly"],
        keys: [key(2, "RO")],
        since: "2.2.3",
        complexity: "O(1)",
        summary: "Returns the references of a value: always 1.",
        syntax: "@key",
        tips: ["nondeterministic_output"],
        differs: "Always 1.",
        run: refCount,
      },
    ],
  },
]);

/**
 * A command is declared once, at the foot of its family's file, and everything that tells of it is made from that: dispatch, COMMAND with its
 * subcommands, ACL categories, COMMANDS.md, and the random commands of test/differential.
 */

import type { Request } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import type { KeySpec, KeyUse } from "./keys.js";

/** Redis's command flags, as far as the server acts on them or clients read them. */
export type CommandFlag =
  | "write"
  | "readonly"
  | "denyoom"
  | "admin"
  | "pubsub"
  | "noscript"
  | "blocking"
  | "loading"
  | "stale"
  | "skip_monitor"
  | "skip_slowlog"
  | "fast"
  | "no_auth"
  | "no_async_loading"
  | "no_multi"
  | "movablekeys"
  | "allow_busy"
  | "no_mandatory_keys";

/** What COMMAND DOCS calls the group. A group's commands have an ACL category in common (categories.ts). */
export type CommandGroup =
  | "connection"
  | "server"
  | "generic"
  | "string"
  | "bitmap"
  | "hyperloglog"
  | "hash"
  | "list"
  | "set"
  | "sorted-set"
  | "geo"
  | "transactions"
  | "pubsub"
  | "cluster"
  | "lock";

/** ACL categories, in the order in which Redis prints them. */
export const CATEGORIES = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "bitmap",
  "hyperloglog",
  "geo",
  "stream",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
  "scripting",
] as const;
export type Category = (typeof CATEGORIES)[number];

/** One command, or a subcommand of one. What a field leaves out is the usual thing. */
export interface CommandDeclaration {
  /** Lower case; a subcommand's is "container|name". */
  readonly name: string;
  /** Number of arguments with the name (a subcommand's with both); negative = at least so many. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  /** Where the keys are and how they are used; absent: there are none. */
  readonly keys?: readonly KeySpec[];
  /** The keys of a request where `keys` cannot say it: the last word of SORT, a use that follows from an option. The flag `movablekeys` goes with places that vary. */
  readonly findKeys?: (request: Request) => KeyUse[];
  /** Version of Redis that had it first; of ours, the version of HearthKV. */
  readonly since: string;
  readonly complexity?: string;
  /** A sentence. */
  readonly summary: string;
  /** The arguments behind the name in the notation of syntax.ts. */
  readonly syntax?: string;
  /** Redis's hints for clients and proxies. */
  readonly tips?: readonly string[];
  /** ACL categories in place of the group's; those that follow from the flags come by themselves. */
  readonly categories?: readonly Category[];
  /** What came when, oldest first, in our own words. */
  readonly history?: readonly (readonly [version: string, change: string])[];
  readonly deprecated?: { readonly since: string; readonly replacedBy: string };
  /** How it differs from Redis's on purpose: a sentence or two for COMMANDS.md. */
  readonly differs?: string;
  readonly subcommands?: readonly CommandDeclaration[];
  /** Absent only where nothing but a subcommand can be run. */
  readonly run?: (ctx: CommandContext) => void;
}

/** A declaration as its family gives it away. */
export interface CommandRow extends CommandDeclaration {
  readonly group: CommandGroup;
  readonly subcommands?: readonly CommandRow[];
}

/** The commands of a file, which are of one group. */
export function family(group: CommandGroup, commands: readonly CommandDeclaration[]): readonly CommandRow[] {
  return commands.map(({ subcommands, ...command }) => ({
    ...command,
    group,
    ...(subcommands === undefined ? {} : { subcommands: family(group, subcommands) }),
  }));
}

/** Parts of strings. */
import { STRING_BYTES_MAX, TYPE_NONE, TYPE_STRING } from "@hearthkv/engine";
import { parseInt64 } from "@hearthkv/resp";
import { intArg, isOrAbsent, lookupAt, lookupReadAt, rangeFrom } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_STRING, notify } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

function append(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const type = lookupAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const oldLen = type === TYPE_NONE ? 0 : db.keys.valueLen;
  const addedLen = r.len[2];
  if (!fitsString(ctx, oldLen + addedLen)) return;
  // Nothing appended is a write all the same, as in Redis: WATCH sees it.
  reply.int(db.strings.append(r.buf, r.off[1], r.len[1], r.buf, r.off[2], addedLen));
  notify(ctx, EVENT_STRING, "append", 1);
}

function strlen(ctx: CommandContext): void {
  const type = lookupReadAt(ctx, 1);
  if (isOrAbsent(ctx, type, TYPE_STRING)) ctx.reply.int(type === TYPE_NONE ? 0 : ctx.db.keys.valueLen);
}

function setRange(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const offset = intArg(ctx, 2);
  if (Number.isNaN(offset)) return;
  if (offset < 0) {
    reply.error(ERR.offsetOutOfRange);
    return;
  }
  const type = lookupAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const writtenLen = r.len[3];
  if (writtenLen === 0) reply.int(type === TYPE_NONE ? 0 : db.keys.valueLen);
  else if (fitsString(ctx, offset + writtenLen)) {
    reply.int(db.strings.setRange(r.buf, r.off[1], r.len[1], offset, r.buf, r.off[3], writtenLen));
    notify(ctx, EVENT_STRING, "setrange", 1);
  }
}

function fitsString(ctx: CommandContext, bytes: number): boolean {
  if (bytes <= STRING_BYTES_MAX) return true;
  ctx.reply.error(ERR.stringTooLong);
  return false;
}

function getRange(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const first = intArg(ctx, 2);
  if (Number.isNaN(first)) return;
  const last = intArg(ctx, 3);
  if (Number.isNaN(last)) return;
  const type = lookupReadAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const size = type === TYPE_NONE ? 0 : db.keys.valueLen;
  const from = rangeFrom(first, size);
  // As Redis: an end before the start is the start.
  const to = Math.min(rangeFrom(last, size) + 1, size);
  if (from >= to || (first < 0 && last < 0 && isBehind(ctx, 2, 3))) reply.bulkString("");
  else reply.bulk(db.keys.valueBuf, db.keys.valueOff + from, to - from);
}

/** Whether the integer at argument `i` is the larger one, also where a number is not exact. */
export function isBehind({ request: r }: CommandContext, i: number, j: number): boolean {
  return parseInt64(r.buf, r.off[i], r.len[i])! > parseInt64(r.buf, r.off[j], r.len[j])!;
}

export const stringRangeCommands = family("string", [
  {
    name: "append",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW insert")],
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Appends to a string; creates it if needed.",
    syntax: "@key value",
    run: append,
  },
  {
    name: "strlen",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Counts the bytes of a string.",
    syntax: "@key",
    run: strlen,
  },
  {
    name: "getrange",
    arity: 4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.4.0",
    complexity: "O(N)",
    summary: "Returns the bytes of a string between two positions.",
    syntax: "@key start:integer end:integer",
    run: getRange,
  },
  {
    name: "substr",
    arity: 4,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "The old name of GETRANGE.",
    syntax: "@key start:integer end:integer",
    deprecated: { since: "2.0.0", replacedBy: "`GETRANGE`" },
    run: getRange,
  },
  {
    name: "setrange",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW update")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Overwrites a string from a position on; fills gaps with zero bytes.",
    syntax: "@key offset:integer value",
    run: setRange,
  },
]);

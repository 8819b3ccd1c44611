/** Strings as arrays of bits: single ones, counting, searching, combining. */
import {
  BIT_AND,
  BIT_ANDOR,
  BIT_DIFF,
  BIT_DIFF1,
  BIT_NOT,
  BIT_ONE,
  BIT_OR,
  BIT_XOR,
  bitsOfWord,
  countBits,
  findBit,
  TYPE_NONE,
  TYPE_STRING,
} from "@hearthkv/engine";
import { intArg, isOrAbsent, lookupAt, lookupReadAt, rangeFrom } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { bitopSources, ERR } from "../errors.js";
import { EVENT_GENERIC, EVENT_STRING, notify } from "../events.js";
import { isBehind } from "../strings/ranges.js";
import { family } from "../table/declare.js";
import { key, keyRange } from "../table/keys.js";
import { byteAt, offsetArg, stringSize } from "./offsets.js";

/** One byte to be written. */
const written = new Uint8Array(1);

function setBit(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const offset = offsetArg(ctx, 2);
  if (Number.isNaN(offset)) return;
  const bit = intArg(ctx, 3, ERR.bitValue);
  if (Number.isNaN(bit)) return;
  if (bit !== 0 && bit !== 1) {
    reply.error(ERR.bitValue);
    return;
  }
  const type = lookupAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const at = Math.floor(offset / 8);
  const byte = byteAt(ctx, type, at);
  const mask = 0x80 >>> (offset & 7);
  const before = (byte & mask) === 0 ? 0 : 1;
  // As it is already: neither WATCH nor the log hears of it.
  if (before !== bit || at >= stringSize(ctx, type)) {
    written[0] = byte ^ (before === bit ? 0 : mask);
    db.strings.setRange(r.buf, r.off[1], r.len[1], at, written, 0, 1);
    notify(ctx, EVENT_STRING, "setbit", 1);
  }
  reply.int(before);
}

function getBit(ctx: CommandContext): void {
  const offset = offsetArg(ctx, 2);
  if (Number.isNaN(offset)) return;
  const type = lookupReadAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  ctx.reply.int((byteAt(ctx, type, Math.floor(offset / 8)) >>> (7 - (offset & 7))) & 1);
}

function bitCount(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  if (r.argc === 3 || r.argc > 5) {
    reply.error(ERR.syntax);
    return;
  }
  const hasRange = r.argc > 2;
  if (hasRange && !readRange(ctx, 2)) return;
  const type = lookupReadAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  const isTurned = hasRange && first < 0 && last < 0 && isBehind(ctx, 2, 3);
  reply.int(!isTurned && placeRange(ctx, type, hasRange) ? countRange(ctx) : 0);
}

function bitPos(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  const bit = intArg(ctx, 2);
  if (Number.isNaN(bit)) return;
  if (bit !== 0 && bit !== 1) {
    reply.error(ERR.bitArgument);
    return;
  }
  if (r.argc > 6) {
    reply.error(ERR.syntax);
    return;
  }
  if (r.argc > 3 && !readRange(ctx, 3)) return;
  const type = lookupReadAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  if (type === TYPE_NONE) {
    reply.int(bit === 1 ? -1 : 0);
    return;
  }
  if (!placeRange(ctx, type, r.argc > 3)) {
    reply.int(-1);
    return;
  }
  const found = findInRange(ctx, bit);
  // Without an end a string goes on with zeros for ever.
  reply.int(found < 0 && bit === 0 && r.argc < 5 ? stringSize(ctx, type) * 8 : found);
}

/** The range that a command was given, then the one that it means: bits from `first` to `last` of the string. */
let first = 0;
let last = -1;
let unitBits = 8;

/** Reads start, end and unit, of which the last two may be absent, from argument `i` on. False after an error reply. */
function readRange(ctx: CommandContext, i: number): boolean {
  const r = ctx.request;
  first = intArg(ctx, i);
  if (Number.isNaN(first)) return false;
  last = -1;
  unitBits = 8;
  // BITPOS judges the unit before the end, BITCOUNT behind it.
  const endFirst = i === 2;
  if (endFirst) last = intArg(ctx, i + 1);
  if (Number.isNaN(last)) return false;
  if (r.argc > i + 2) {
    if (r.is(i + 2, "bit")) unitBits = 1;
    else if (!r.is(i + 2, "byte")) {
      ctx.reply.error(ERR.syntax);
      return false;
    }
  }
  if (!endFirst && r.argc > i + 1) last = intArg(ctx, i + 1);
  return !Number.isNaN(last);
}

/** Makes the range one of bits within the string just looked up, all of it where none was given; false when it is empty. */
function placeRange(ctx: CommandContext, type: number, wasGiven: boolean): boolean {
  const size = stringSize(ctx, type) * 8;
  if (!wasGiven) {
    first = 0;
    last = size - 1;
    return size > 0;
  }
  const units = size / unitBits;
  first = rangeFrom(first, units);
  last = Math.min(rangeFrom(last, units), units - 1);
  if (first > last) return false;
  first *= unitBits;
  last = (last + 1) * unitBits - 1;
  return true;
}

function countRange({ db }: CommandContext): number {
  const { valueBuf: buf, valueOff: off } = db.keys;
  const from = Math.floor(first / 8);
  const to = Math.floor(last / 8);
  const before = bitsOfWord(buf[off + from] >>> (8 - (first & 7)));
  const behind = bitsOfWord(buf[off + to] & (0x7f >>> (last & 7)));
  return countBits(buf, off + from, to - from + 1) - before - behind;
}

/** Position of the first bit in the range that is `bit`, -1 when there is none. */
function findInRange({ db }: CommandContext, bit: number): number {
  const { valueBuf: buf, valueOff: off } = db.keys;
  const from = Math.floor(first / 8);
  // The byte in which the range begins, with what is wanted as ones, and none before the range.
  const head = (bit === 0 ? ~buf[off + from] : buf[off + from]) & (0xff >>> (first & 7));
  let at = from * 8;
  if (head !== 0) at += Math.clz32(head) - 24;
  else {
    const found = findBit(buf, off + from + 1, Math.floor(last / 8) - from, bit);
    if (found < 0) return -1;
    at += 8 + found;
  }
  return at > last ? -1 : at;
}

const OPERATIONS = [
  ["and", BIT_AND],
  ["or", BIT_OR],
  ["xor", BIT_XOR],
  ["not", BIT_NOT],
  ["diff", BIT_DIFF],
  ["diff1", BIT_DIFF1],
  ["andor", BIT_ANDOR],
  ["one", BIT_ONE],
] as const;
const NEEDS_TWO: readonly number[] = [BIT_DIFF, BIT_DIFF1, BIT_ANDOR];

function bitOp(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const operation = OPERATIONS.find(([name]) => r.is(1, name));
  if (operation === undefined) {
    reply.error(ERR.syntax);
    return;
  }
  const [name, op] = operation;
  const sources = r.argc - 3;
  if (op === BIT_NOT && sources !== 1) {
    reply.error(ERR.bitopNot);
    return;
  }
  if (NEEDS_TWO.includes(op) && sources < 2) {
    reply.error(bitopSources(name));
    return;
  }
  for (let i = 3; i < r.argc; i++) if (!isOrAbsent(ctx, lookupReadAt(ctx, i), TYPE_STRING)) return;
  const existed = lookupAt(ctx, 2) !== TYPE_NONE;
  const length = db.combineBits(op, r.buf, r.off[2], r.len[2], r.buf, r.off, r.len, 3, sources);
  reply.int(length);
  if (length > 0) notify(ctx, EVENT_STRING, "set", 2);
  else if (existed) notify(ctx, EVENT_GENERIC, "del", 2);
}

export const bitmapCommands = family("bitmap", [
  {
    name: "setbit",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW access update")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Sets or clears a bit of a string, which is made or grows with zero bytes as needed; returns what it was.",
    syntax: "@key offset:integer value:integer",
    run: setBit,
  },
  {
    name: "getbit",
    arity: 3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Returns a bit of a string; behind its end they are 0.",
    syntax: "@key offset:integer",
    run: getBit,
  },
  {
    name: "bitcount",
    arity: -2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.6.0",
    complexity: "O(N)",
    summary: "Counts the bits of a string, or of a part of it, that are set.",
    syntax: "@key (range: start:integer end:integer <unit: BYTE | BIT>?)?",
    history: [["7.0.0", "Positions may count bits."]],
    run: bitCount,
  },
  {
    name: "bitpos",
    arity: -3,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.8.7",
    complexity: "O(N)",
    summary: "Finds the first bit that is set, or that is not, in a string or a part of it.",
    syntax: "@key bit:integer (range: start:integer (end-unit-block: end:integer <unit: BYTE | BIT>?)?)?",
    history: [["7.0.0", "Positions may count bits."]],
    run: bitPos,
  },
  {
    name: "bitop",
    arity: -4,
    flags: ["write", "denyoom"],
    keys: [key(2, "OW update"), keyRange(3, -1, "RO access")],
    since: "2.6.0",
    complexity: "O(N)",
    summary: "Combines strings bit by bit and stores the result; shorter ones count as if zero bytes followed.",
    syntax: "<operation: AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> @destkey @key/1+",
    history: [["8.2.0", "DIFF, DIFF1, ANDOR and ONE."]],
    run: bitOp,
  },
]);

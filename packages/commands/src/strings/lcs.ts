/** LCS: the longest common subsequence of two strings, by the table of the lengths for all their beginnings. */
import { TYPE_NONE, TYPE_STRING } from "@hearthkv/engine";
import { intArg, lookupReadAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";
import { keyRange } from "../table/keys.js";

/** Redis's table has four bytes for a pair of beginnings, and may have as many as a string (proto-max-bulk-len). */
const CELL_BYTES = 4;
const TABLE_BYTES_MAX = 512 * 1024 * 1024;
const UINT16_MAX = 65535;

interface LcsOptions {
  wantsLength: boolean;
  wantsRanges: boolean;
  /** Ranges that are shorter are left out. */
  shortest: number;
  withLengths: boolean;
}

/** The lengths for the beginnings of a and b, row after row; of a row `width` cells. */
interface LcsTable {
  readonly cells: Uint16Array | Uint32Array;
  readonly width: number;
}

function lcs(ctx: CommandContext): void {
  const { reply } = ctx;
  const lengths = [lengthAt(ctx, 1), lengthAt(ctx, 2)];
  if (lengths.includes(-1)) {
    reply.error(ERR.lcsNotStrings);
    return;
  }
  const options = lcsOptions(ctx);
  if (options === null) return;
  if ((lengths[0] + 1) * (lengths[1] + 1) * CELL_BYTES > TABLE_BYTES_MAX) {
    reply.error(ERR.lcsTooLarge);
    return;
  }
  const [a, b] = [1, 2].map((i) => copyOf(ctx, i));
  const table = tableOf(a, b);
  const length = table.cells[table.cells.length - 1];
  if (options.wantsRanges) writeRanges(ctx, a, b, table, options);
  else if (options.wantsLength) reply.int(length);
  else {
    const common = Buffer.alloc(length);
    let left = length;
    eachMatch(a, b, table, (i) => {
      common[--left] = a[i];
    });
    reply.bulk(common, 0, length);
  }
}

/** How long the string at argument `i` is, 0 where there is none; -1 where something else is. */
function lengthAt(ctx: CommandContext, i: number): number {
  const type = lookupReadAt(ctx, i);
  if (type === TYPE_NONE) return 0;
  return type === TYPE_STRING ? ctx.db.keys.valueLen : -1;
}

/** Null after an error reply. */
function lcsOptions(ctx: CommandContext): LcsOptions | null {
  const { request: r, reply } = ctx;
  const options: LcsOptions = { wantsLength: false, wantsRanges: false, shortest: 0, withLengths: false };
  for (let i = 3; i < r.argc; i++) {
    if (r.is(i, "idx")) options.wantsRanges = true;
    else if (r.is(i, "len")) options.wantsLength = true;
    else if (r.is(i, "withmatchlen")) options.withLengths = true;
    else if (r.is(i, "minmatchlen") && i + 1 < r.argc) {
      options.shortest = intArg(ctx, ++i);
      if (Number.isNaN(options.shortest)) return null;
    } else {
      reply.error(ERR.syntax);
      return null;
    }
  }
  if (!options.wantsRanges || !options.wantsLength) return options;
  reply.error(ERR.lcsLengthAndRanges);
  return null;
}

/** The string at argument `i`, which stays while others are looked up; an empty one where there is none. */
function copyOf({ request: r, db }: CommandContext, i: number): Buffer {
  const { keys } = db;
  if (keys.lookup(r.buf, r.off[i], r.len[i]) === TYPE_NONE) return Buffer.alloc(0);
  return Buffer.from(keys.valueBuf.subarray(keys.valueOff, keys.valueOff + keys.valueLen));
}

function tableOf(a: Buffer, b: Buffer): LcsTable {
  const width = b.length + 1;
  const count = (a.length + 1) * width;
  const cells = Math.min(a.length, b.length) <= UINT16_MAX ? new Uint16Array(count) : new Uint32Array(count);
  for (let i = 1, at = width; i <= a.length; i++) {
    const byte = a[i - 1];
    at++;
    for (let j = 1; j <= b.length; j++, at++) {
      if (byte === b[j - 1]) cells[at] = cells[at - width - 1] + 1;
      else cells[at] = Math.max(cells[at - width], cells[at - 1]);
    }
  }
  return { cells, width };
}

/** Visits the pairs of places that make the subsequence, from its end to its beginning; `noMatch` is told of each step between that leads to none. */
function eachMatch(
  a: Buffer,
  b: Buffer,
  { cells, width }: LcsTable,
  match: (i: number, j: number) => void,
  noMatch: () => void = () => {},
): void {
  let i = a.length;
  let j = b.length;
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) match(--i, --j);
    else {
      if (cells[(i - 1) * width + j] > cells[i * width + j - 1]) i--;
      else j--;
      noMatch();
    }
  }
}

/** The ranges that agree, last ones first. A match lies right in front of the one before, or there was a step without one between them. */
function writeRanges(ctx: CommandContext, a: Buffer, b: Buffer, table: LcsTable, options: LcsOptions): void {
  const { reply } = ctx;
  reply.map(2);
  reply.bulkString("matches");
  const mark = reply.deferArray();
  let count = 0;
  let isOpen = false;
  let [aFrom, aTo, bFrom, bTo] = [0, 0, 0, 0];
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    const length = aTo - aFrom + 1;
    if (length < options.shortest) return;
    count++;
    reply.array(options.withLengths ? 3 : 2);
    for (const [from, to] of [
      [aFrom, aTo],
      [bFrom, bTo],
    ]) {
      reply.array(2);
      reply.int(from);
      reply.int(to);
    }
    if (options.withLengths) reply.int(length);
  };
  const match = (i: number, j: number) => {
    [aFrom, bFrom] = [i, j];
    if (!isOpen) [aTo, bTo] = [i, j];
    isOpen = true;
  };
  eachMatch(a, b, table, match, close);
  close();
  reply.setArray(mark, count);
  reply.bulkString("len");
  reply.int(table.cells[table.cells.length - 1]);
}

export const lcsCommands = family("string", [
  {
    name: "lcs",
    arity: -3,
    flags: ["readonly"],
    keys: [keyRange(1, 2, "RO access")],
    since: "7.0.0",
    complexity: "O(N*M): lengths of the strings",
    summary: "Returns the longest common subsequence of two strings, its length, or where it lies.",
    syntax: "@key1 @key2 LEN? IDX? MINMATCHLEN=len:integer? WITHMATCHLEN?",
    run: lcs,
  },
]);

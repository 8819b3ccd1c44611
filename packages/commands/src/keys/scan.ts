/** SCAN and its kin: a cursor, a step of about COUNT elements, and those of them that match. */
import { TYPE_HASH, TYPE_SET, TYPE_ZSET, typeCode } from "@hearthkv/engine";
import { formatDouble } from "@hearthkv/resp";
import { elementsFit, intArg, latin1, lookupReadAt, sizeFound } from "../arguments/arguments.js";
import { Glob } from "../arguments/glob.js";
import type { CommandContext } from "../context.js";
import { ERR, lowerAscii } from "../errors.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

const COUNT_DEFAULT = 10;
/** Collections up to this size come whole in one step, whatever COUNT says: Redis does so with those that it keeps packed. */
const WHOLE_BELOW = 129;
/** A longer one is no cursor of 64 bits, unless it is made of leading zeros. */
const CURSOR_BYTES_MAX = 64;
const CURSOR = /^(?:[+-]?\d+)?$/;
const UINT64_MAX = 2n ** 64n - 1n;
/** Cursors that we give out are smaller. Any other stands for some place, and any place will do. */
const CURSOR_BITS = 52;

interface ScanOptions {
  count: number;
  /** Null matches everything. */
  pattern: Glob | null;
  /** Type code, -1 for a type that there is not; null takes every type. */
  type: number | null;
  /** Of a hash only the fields. */
  noValues: boolean;
}

/** SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] */
function scan(ctx: CommandContext): void {
  const cursor = cursorArg(ctx, 1);
  if (Number.isNaN(cursor)) return;
  const options = optionsFrom(ctx, 2, null);
  if (options === null) return;
  const { pattern, type } = options;
  const found: string[] = [];
  const next = ctx.db.keys.scan(cursor, options.count, (buf, off, len, keyType) => {
    if (type !== null && type !== keyType) return;
    if (pattern === null || pattern.matches(buf, off, len)) found.push(latin1(buf, off, len));
  });
  replyStep(ctx, next, found);
}

/** HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES] */
function hscan(ctx: CommandContext): void {
  scanCollection(ctx, TYPE_HASH, (cursor, { count, noValues }, found, matches) =>
    ctx.db.hashes.scan(cursor, count, (buf, foff, flen, voff, vlen) => {
      if (!matches(buf, foff, flen)) return;
      found.push(latin1(buf, foff, flen));
      if (!noValues) found.push(latin1(buf, voff, vlen));
    }),
  );
}

/** SSCAN key cursor [MATCH pattern] [COUNT count] */
function sscan(ctx: CommandContext): void {
  scanCollection(ctx, TYPE_SET, (cursor, { count }, found, matches) =>
    ctx.db.sets.scan(cursor, count, (buf, off, len) => {
      if (matches(buf, off, len)) found.push(latin1(buf, off, len));
    }),
  );
}

/** ZSCAN key cursor [MATCH pattern] [COUNT count]: scores are strings, also in RESP3. */
function zscan(ctx: CommandContext): void {
  scanCollection(ctx, TYPE_ZSET, (cursor, { count }, found, matches) =>
    ctx.db.zsets.scan(cursor, count, (buf, off, len, score) => {
      if (matches(buf, off, len)) found.push(latin1(buf, off, len), formatDouble(score));
    }),
  );
}

type Matcher = (buf: Uint8Array, off: number, len: number) => boolean;
type CollectionStep = (cursor: number, options: ScanOptions, found: string[], matches: Matcher) => number;

/** The options are read only when there is something to scan, as in Redis. */
function scanCollection(ctx: CommandContext, wanted: number, step: CollectionStep): void {
  const cursor = cursorArg(ctx, 2);
  if (Number.isNaN(cursor)) return;
  const size = sizeFound(ctx, lookupReadAt(ctx, 1), wanted);
  if (size < 0) return;
  if (size === 0) {
    replyStep(ctx, 0, []);
    return;
  }
  const options = optionsFrom(ctx, 3, wanted);
  if (options === null) return;
  const { pattern } = options;
  if (size < WHOLE_BELOW) options.count = WHOLE_BELOW;
  const found: string[] = [];
  const next = step(cursor, options, found, (buf, off, len) => pattern === null || pattern.matches(buf, off, len));
  replyStep(ctx, next, found);
}

function replyStep(ctx: CommandContext, next: number, found: readonly string[]): void {
  const { reply } = ctx;
  reply.array(2);
  reply.bulkString(String(next));
  reply.array(found.length);
  for (const element of found) reply.bulkString(element);
}

/** As strtoul reads it: 64 bits, a sign is allowed, a zero byte ends it, and nothing at all is 0. NaN after an error reply. */
function cursorArg(ctx: CommandContext, i: number): number {
  const { request: r, reply } = ctx;
  const text = r.len[i] > CURSOR_BYTES_MAX ? "too long" : r.str(i).replace(/\0[\s\S]*/, "");
  const value = CURSOR.test(text) ? BigInt(text.replace("+", "")) : UINT64_MAX + 1n;
  if (value > UINT64_MAX || value < -UINT64_MAX) {
    reply.error(ERR.invalidCursor);
    return Number.NaN;
  }
  return Number(BigInt.asUintN(CURSOR_BITS, value));
}

/** @param collection the type that is scanned; null: the keys are. Null after an error reply. */
function optionsFrom(ctx: CommandContext, from: number, collection: number | null): ScanOptions | null {
  const { request: r, reply } = ctx;
  if (!elementsFit(ctx, from)) return null;
  const options: ScanOptions = { count: COUNT_DEFAULT, pattern: null, type: null, noValues: false };
  for (let i = from; i < r.argc; i += 2) {
    const hasValue = i + 1 < r.argc;
    if (r.is(i, "novalues")) {
      if (collection !== TYPE_HASH) {
        reply.error(ERR.noValuesNotHash);
        return null;
      }
      options.noValues = true;
      i--;
      continue;
    }
    if (hasValue && r.is(i, "count")) {
      options.count = intArg(ctx, i + 1);
      if (Number.isNaN(options.count)) return null;
    } else if (hasValue && r.is(i, "match")) options.pattern = globArg(r.str(i + 1));
    else if (hasValue && collection === null && r.is(i, "type")) options.type = typeCode(lowerAscii(r.str(i + 1)));
    else options.count = 0;
    if (options.count < 1) {
      reply.error(ERR.syntax);
      return null;
    }
  }
  return options;
}

/** Null matches everything, also an empty element. */
function globArg(pattern: string): Glob | null {
  return pattern === "*" ? null : new Glob(pattern);
}

export const scanCommands = [
  ...family("generic", [
    {
      name: "scan",
      arity: -2,
      flags: ["readonly"],
      since: "2.8.0",
      complexity: "O(1)",
      summary: "Iterates the keys in steps.",
      syntax: "cursor:integer MATCH=pattern:pattern? COUNT=count:integer? TYPE=type?",
      tips: ["nondeterministic_output", "request_policy:special"],
      history: [["6.0.0", "option TYPE"]],
      run: scan,
    },
  ]),
  ...family("hash", [
    {
      name: "hscan",
      arity: -3,
      flags: ["readonly"],
      keys: [key(1, "RO access")],
      since: "2.8.0",
      complexity: "O(1)",
      summary: "Iterates the fields of a hash in steps.",
      syntax: "@key cursor:integer MATCH=pattern:pattern? COUNT=count:integer? NOVALUES?",
      tips: ["nondeterministic_output"],
      history: [["7.4.0", "option NOVALUES"]],
      run: hscan,
    },
  ]),
  ...family("set", [
    {
      name: "sscan",
      arity: -3,
      flags: ["readonly"],
      keys: [key(1, "RO access")],
      since: "2.8.0",
      complexity: "O(1)",
      summary: "Iterates the members of a set in steps.",
      syntax: "@key cursor:integer MATCH=pattern:pattern? COUNT=count:integer?",
      tips: ["nondeterministic_output"],
      run: sscan,
    },
  ]),
  ...family("sorted-set", [
    {
      name: "zscan",
      arity: -3,
      flags: ["readonly"],
      keys: [key(1, "RO access")],
      since: "2.8.0",
      complexity: "O(1)",
      summary: "Iterates the members of a sorted set in steps.",
      syntax: "@key cursor:integer MATCH=pattern:pattern? COUNT=count:integer?",
      tips: ["nondeterministic_output"],
      run: zscan,
    },
  ]),
];

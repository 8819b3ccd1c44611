/** Hashes. */
import { type PairVisitor, TYPE_HASH, WRONG_TYPE } from "@hearthkv/engine";
import { isLongDouble, parseInt64 } from "@hearthkv/resp";
import { elementsFit, lookupAt, lookupReadAt, replyFound, sizeFound, wrongArity } from "../arguments/arguments.js";
import { pairCountArg, replyRandom } from "../arguments/random.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_HASH, notify, notifyTaken } from "../events.js";
import { addFloats, addInt64, bigArg, floatText, isInfinite } from "../strings/increments.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

/** Looks the key up for reading: the hash's size, 0 when there is none, -1 after an error reply. */
function readHash(ctx: CommandContext): number {
  return sizeFound(ctx, lookupReadAt(ctx, 1), TYPE_HASH);
}

/** The same for changing. */
function writeHash(ctx: CommandContext): number {
  return sizeFound(ctx, lookupAt(ctx, 1), TYPE_HASH);
}

function hset(ctx: CommandContext): void {
  const added = setFields(ctx);
  if (added >= 0) ctx.reply.int(added);
}

function hmset(ctx: CommandContext): void {
  if (setFields(ctx) >= 0) ctx.reply.ok();
}

/** How many fields are new; negative after an error reply. */
function setFields(ctx: CommandContext): number {
  const { request: r, db } = ctx;
  if (r.argc % 2 === 1) {
    wrongArity(ctx);
    return -1;
  }
  if (!elementsFit(ctx, 2)) return -1;
  const added = db.hashes.set(r.buf, r.off[1], r.len[1], r.buf, r.off, r.len, 2, (r.argc - 2) / 2);
  if (added === WRONG_TYPE) ctx.reply.error(ERR.wrongType);
  else notify(ctx, EVENT_HASH, "hset", 1);
  return added;
}

function hsetNx(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const size = writeHash(ctx);
  if (size < 0) return;
  if (findField(ctx, size, 2)) reply.int(0);
  else {
    setField(ctx, r.buf, r.off[3], r.len[3]);
    notify(ctx, EVENT_HASH, "hset", 1);
    reply.int(1);
  }
}

function hget(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const size = readHash(ctx);
  if (size >= 0) replyField(ctx, size, 2);
}

function hmget(ctx: CommandContext): void {
  const { argc } = ctx.request;
  if (!elementsFit(ctx, 2)) return;
  const size = readHash(ctx);
  if (size < 0) return;
  ctx.reply.array(argc - 2);
  for (let i = 2; i < argc; i++) replyField(ctx, size, i);
}

/** Whether the hash that was looked up, of this size, has the field that argument `i` names; the cursor of `db.keys` then has its value. */
function findField({ request: r, db }: CommandContext, size: number, i: number): boolean {
  return size > 0 && db.hashes.get(r.buf, r.off[i], r.len[i]);
}

function replyField(ctx: CommandContext, size: number, i: number): void {
  if (findField(ctx, size, i)) replyFound(ctx);
  else ctx.reply.nil();
}

function hgetAll(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const size = readHash(ctx);
  if (size < 0) return;
  reply.map(size);
  if (size === 0) return;
  db.hashes.each((buf, foff, flen, voff, vlen) => {
    reply.bulk(buf, foff, flen);
    reply.bulk(buf, voff, vlen);
  });
}

function hkeys(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const size = readHash(ctx);
  if (size < 0) return;
  reply.array(size);
  if (size > 0) db.hashes.each((buf, foff, flen) => reply.bulk(buf, foff, flen));
}

function hvals(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const size = readHash(ctx);
  if (size < 0) return;
  reply.array(size);
  if (size > 0) db.hashes.each((buf, _foff, _flen, voff, vlen) => reply.bulk(buf, voff, vlen));
}

/** HRANDFIELD key [count [WITHVALUES]] */
function hrandField(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (r.argc === 2) {
    const size = readHash(ctx);
    if (size < 0) return;
    if (size === 0) reply.nil();
    else db.hashes.visit(db.hashes.randomSpot(), (buf, foff, flen) => reply.bulk(buf, foff, flen));
    return;
  }
  const count = pairCountArg(ctx, "withvalues");
  if (Number.isNaN(count)) return;
  const size = readHash(ctx);
  if (size < 0) return;
  const withValues = r.argc === 4;
  const nested = withValues && reply.proto === 3;
  const replyPair: PairVisitor = (buf, foff, flen, voff, vlen) => {
    if (nested) reply.array(2);
    reply.bulk(buf, foff, flen);
    if (withValues) reply.bulk(buf, voff, vlen);
  };
  replyRandom(ctx, size, count, withValues && !nested ? 2 : 1, db.hashes, (spot) => db.hashes.visit(spot, replyPair));
}

function hdel(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const gone = db.hashes.delete(r.buf, r.off[1], r.len[1], r.buf, r.off, r.len, 2, r.argc - 2);
  if (gone > 0) notifyTaken(ctx, EVENT_HASH, "hdel", 1);
  if (gone === WRONG_TYPE) reply.error(ERR.wrongType);
  else reply.int(gone);
}

function hlen(ctx: CommandContext): void {
  const size = readHash(ctx);
  if (size >= 0) ctx.reply.int(size);
}

function hexists(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const size = readHash(ctx);
  if (size >= 0) ctx.reply.int(findField(ctx, size, 2) ? 1 : 0);
}

function hstrlen(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const size = readHash(ctx);
  if (size >= 0) ctx.reply.int(findField(ctx, size, 2) ? ctx.db.keys.valueLen : 0);
}

function hincrBy(ctx: CommandContext): void {
  const { db, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const delta = bigArg(ctx, 3);
  if (delta === null) return;
  const size = writeHash(ctx);
  if (size < 0) return;
  const before = findField(ctx, size, 2) ? parseInt64(db.keys.valueBuf, db.keys.valueOff, db.keys.valueLen) : 0n;
  if (before === null) {
    reply.error(ERR.hashNotInteger);
    return;
  }
  const sum = addInt64(ctx, before, delta);
  if (sum === null) return;
  setFieldText(ctx, String(sum));
  notify(ctx, EVENT_HASH, "hincrby", 1);
  reply.int(sum);
}

function hincrByFloat(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const delta = floatText(r.buf, r.off[3], r.len[3]);
  if (!isLongDouble(delta) || isInfinite(delta)) {
    reply.error(isInfinite(delta) ? ERR.valueNanOrInfinity : ERR.notFloat);
    return;
  }
  const size = writeHash(ctx);
  if (size < 0) return;
  const before = findField(ctx, size, 2) ? floatText(db.keys.valueBuf, db.keys.valueOff, db.keys.valueLen) : "0";
  const sum = addFloats(ctx, before, delta, ERR.hashNotFloat);
  if (sum === null) return;
  setFieldText(ctx, sum);
  notify(ctx, EVENT_HASH, "hincrbyfloat", 1);
  reply.bulkString(sum);
}

/** Gives the field that argument 2 names another value; the hash was looked up. */
function setField({ request: r, db }: CommandContext, buf: Uint8Array, off: number, len: number): void {
  db.hashes.put(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2], buf, off, len);
}

function setFieldText(ctx: CommandContext, value: string): void {
  setField(ctx, Buffer.from(value, "latin1"), 0, value.length);
}

export const hashCommands = family("hash", [
  {
    name: "hset",
    arity: -4,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW update")],
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Sets fields of a hash; returns how many are new.",
    syntax: "@key (field-value: field value)+",
    history: [["4.0.0", "takes several fields with their values"]],
    run: hset,
  },
  {
    name: "hmset",
    arity: -4,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW update")],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "The old form of HSET.",
    syntax: "@key (field-value: field value)+",
    deprecated: { since: "4.0.0", replacedBy: "`HSET` with multiple field-value pairs" },
    run: hmset,
  },
  {
    name: "hsetnx",
    arity: 4,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW insert")],
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Sets a field of a hash if it does not exist.",
    syntax: "@key field value",
    run: hsetNx,
  },
  {
    name: "hget",
    arity: 3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Returns what a field of a hash holds.",
    syntax: "@key field",
    run: hget,
  },
  {
    name: "hmget",
    arity: -3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Returns the values of several fields.",
    syntax: "@key field+",
    run: hmget,
  },
  {
    name: "hgetall",
    arity: 2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Returns what a hash has: each field, and its value.",
    syntax: "@key",
    tips: ["nondeterministic_output_order"],
    run: hgetAll,
  },
  {
    name: "hkeys",
    arity: 2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Returns the names of a hash's fields.",
    syntax: "@key",
    tips: ["nondeterministic_output_order"],
    run: hkeys,
  },
  {
    name: "hvals",
    arity: 2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Returns the values of a hash, without their fields.",
    syntax: "@key",
    tips: ["nondeterministic_output_order"],
    run: hvals,
  },
  {
    name: "hdel",
    arity: -3,
    flags: ["write", "fast"],
    keys: [key(1, "RW delete")],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Deletes fields; an empty hash goes with them.",
    syntax: "@key field+",
    history: [["2.4.0", "takes several fields"]],
    run: hdel,
  },
  {
    name: "hlen",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO")],
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Counts the fields of a hash.",
    syntax: "@key",
    run: hlen,
  },
  {
    name: "hexists",
    arity: 3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO")],
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Tells whether a field exists.",
    syntax: "@key field",
    run: hexists,
  },
  {
    name: "hstrlen",
    arity: 3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO")],
    since: "3.2.0",
    complexity: "O(1)",
    summary: "Returns the length of a field's value in bytes.",
    syntax: "@key field",
    run: hstrlen,
  },
  {
    name: "hincrby",
    arity: 4,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Adds to the integer in a field; a missing one counts as 0.",
    syntax: "@key field increment:integer",
    run: hincrBy,
  },
  {
    name: "hincrbyfloat",
    arity: 4,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Adds to the number in a field; a missing one counts as 0.",
    syntax: "@key field increment:double",
    run: hincrByFloat,
  },
  {
    name: "hrandfield",
    arity: -2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "6.2.0",
    complexity: "O(N)",
    summary: "Returns random fields of a hash.",
    syntax: "@key (options: count:integer WITHVALUES?)?",
    tips: ["nondeterministic_output"],
    differs: "A reply of more than 512 MB is refused.",
    run: hrandField,
  },
]);

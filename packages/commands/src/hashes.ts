/** Hashes. */
import { type HashValue, TYPE_HASH, TYPE_NONE } from "@hearthkv/engine";
import { isLongDouble, parseInt64 } from "@hearthkv/resp";
import { elements, elementsFit, isOrAbsent, lookupAt, lookupReadAt, wrongArity } from "./arguments.js";
import type { CommandContext, CommandRow } from "./context.js";
import { ERR } from "./errors.js";
import { addFloats, addInt64, bigArg, floatText, isInfinite } from "./increments.js";
import { GROW_FAST, READ, READ_FAST, rowMaker, WRITE_FAST } from "./rows.js";
import { hscan } from "./scan.js";

/** The hash at the key for reading, null when there is none, undefined after an error reply. */
function readHash(ctx: CommandContext): HashValue | null | undefined {
  return hashOf(ctx, lookupReadAt(ctx, 1));
}

/** The same for changing. */
function writeHash(ctx: CommandContext): HashValue | null | undefined {
  return hashOf(ctx, lookupAt(ctx, 1));
}

function hashOf(ctx: CommandContext, type: number): HashValue | null | undefined {
  if (!isOrAbsent(ctx, type, TYPE_HASH)) return undefined;
  return type === TYPE_NONE ? null : (ctx.db.value as HashValue);
}

function hset(ctx: CommandContext): void {
  const added = setFields(ctx);
  if (added >= 0) ctx.reply.int(added);
}

function hmset(ctx: CommandContext): void {
  if (setFields(ctx) >= 0) ctx.reply.ok();
}

/** How many fields are new; -1 after an error reply. */
function setFields(ctx: CommandContext): number {
  const { request: r, db } = ctx;
  if (r.argc % 2 === 1) wrongArity(ctx);
  else if (elementsFit(ctx, 2) && isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_HASH))
    return db.hashSet(r.buf, r.off[1], r.len[1], elements(ctx, 2));
  return -1;
}

function hsetNx(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const hash = writeHash(ctx);
  if (hash === undefined) return;
  if (hash?.has(r.str(2))) reply.int(0);
  else reply.int(db.hashSet(r.buf, r.off[1], r.len[1], elements(ctx, 2)));
}

function hget(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const hash = readHash(ctx);
  if (hash !== undefined) replyField(ctx, hash, 2);
}

function hmget(ctx: CommandContext): void {
  const { argc } = ctx.request;
  if (!elementsFit(ctx, 2)) return;
  const hash = readHash(ctx);
  if (hash === undefined) return;
  ctx.reply.array(argc - 2);
  for (let i = 2; i < argc; i++) replyField(ctx, hash, i);
}

/** The value of the field that argument `i` names. */
function replyField(ctx: CommandContext, hash: HashValue | null, i: number): void {
  const value = hash?.get(ctx.request.str(i));
  if (value === undefined) ctx.reply.nil();
  else ctx.reply.bulkString(value);
}

function hgetAll(ctx: CommandContext): void {
  const { reply } = ctx;
  const hash = readHash(ctx);
  if (hash === undefined) return;
  const size = hash?.size ?? 0;
  reply.map(size);
  for (let slot = 0; slot < size; slot++) {
    reply.bulkString(hash!.fieldAt(slot));
    reply.bulkString(hash!.valueAt(slot));
  }
}

function hkeys(ctx: CommandContext): void {
  replySlots(ctx, (hash, slot) => hash.fieldAt(slot));
}

function hvals(ctx: CommandContext): void {
  replySlots(ctx, (hash, slot) => hash.valueAt(slot));
}

function replySlots(ctx: CommandContext, elementAt: (hash: HashValue, slot: number) => string): void {
  const hash = readHash(ctx);
  if (hash === undefined) return;
  const size = hash?.size ?? 0;
  ctx.reply.array(size);
  for (let slot = 0; slot < size; slot++) ctx.reply.bulkString(elementAt(hash!, slot));
}

function hdel(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const hash = writeHash(ctx);
  if (hash === undefined) return;
  if (hash === null) reply.int(0);
  else reply.int(db.hashDelete(r.buf, r.off[1], r.len[1], elements(ctx, 2)));
}

function hlen(ctx: CommandContext): void {
  const hash = readHash(ctx);
  if (hash !== undefined) ctx.reply.int(hash?.size ?? 0);
}

function hexists(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const hash = readHash(ctx);
  if (hash !== undefined) ctx.reply.int(hash?.has(ctx.request.str(2)) ? 1 : 0);
}

function hstrlen(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const hash = readHash(ctx);
  if (hash !== undefined) ctx.reply.int(hash?.get(ctx.request.str(2))?.length ?? 0);
}

function hincrBy(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const delta = bigArg(ctx, 3);
  if (delta === null) return;
  const hash = writeHash(ctx);
  if (hash === undefined) return;
  const before = integerOf(hash?.get(r.str(2)) ?? "0");
  if (before === null) {
    reply.error(ERR.hashNotInteger);
    return;
  }
  const sum = addInt64(ctx, before, delta);
  if (sum === null) return;
  setField(ctx, String(sum));
  reply.int(sum);
}

function integerOf(text: string): bigint | null {
  const bytes = Buffer.from(text, "latin1");
  return parseInt64(bytes, 0, bytes.length);
}

function hincrByFloat(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const delta = floatText(r.buf, r.off[3], r.len[3]);
  if (!isLongDouble(delta) || isInfinite(delta)) {
    reply.error(isInfinite(delta) ? ERR.valueNanOrInfinity : ERR.notFloat);
    return;
  }
  const hash = writeHash(ctx);
  if (hash === undefined) return;
  const sum = addFloats(ctx, hash?.get(r.str(2)) ?? "0", delta, ERR.hashNotFloat);
  if (sum === null) return;
  setField(ctx, sum);
  reply.bulkString(sum);
}

/** Gives the field that argument 2 names another value. */
function setField(ctx: CommandContext, value: string): void {
  const { request: r, db } = ctx;
  db.hashSet(r.buf, r.off[1], r.len[1], [r.str(2), value]);
}

const row = rowMaker("hash");

export const hashRows: readonly CommandRow[] = [
  row("hset", -4, GROW_FAST, "2.0.0", "Sets fields of a hash; returns how many are new.", hset),
  row("hmset", -4, GROW_FAST, "2.0.0", "The old form of HSET.", hmset),
  row("hsetnx", 4, GROW_FAST, "2.0.0", "Sets a field of a hash if it does not exist.", hsetNx),
  row("hget", 3, READ_FAST, "2.0.0", "Returns the value of a field.", hget),
  row("hmget", -3, READ_FAST, "2.0.0", "Returns the values of several fields.", hmget),
  row("hgetall", 2, READ, "2.0.0", "Returns all fields and values of a hash.", hgetAll),
  row("hkeys", 2, READ, "2.0.0", "Returns all fields of a hash.", hkeys),
  row("hvals", 2, READ, "2.0.0", "Returns all values of a hash.", hvals),
  row("hdel", -3, WRITE_FAST, "2.0.0", "Deletes fields; an empty hash goes with them.", hdel),
  row("hlen", 2, READ_FAST, "2.0.0", "Returns the number of fields of a hash.", hlen),
  row("hexists", 3, READ_FAST, "2.0.0", "Tells whether a field exists.", hexists),
  row("hstrlen", 3, READ_FAST, "3.2.0", "Returns the length of a field's value in bytes.", hstrlen),
  row("hincrby", 4, GROW_FAST, "2.0.0", "Adds to the integer in a field; a missing one counts as 0.", hincrBy),
  row("hincrbyfloat", 4, GROW_FAST, "2.6.0", "Adds to the number in a field; a missing one counts as 0.", hincrByFloat),
  row("hscan", -3, READ, "2.8.0", "Iterates the fields of a hash in steps.", hscan),
];

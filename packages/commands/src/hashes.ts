/** Hashes. */
import { TYPE_HASH, TYPE_NONE, WRONG_TYPE } from "@hearthkv/engine";
import { isLongDouble, parseInt64 } from "@hearthkv/resp";
import { elementsFit, isOrAbsent, lookupAt, lookupReadAt, replyFound, wrongArity } from "./arguments.js";
import type { CommandContext, CommandRow } from "./context.js";
import { ERR } from "./errors.js";
import { addFloats, addInt64, bigArg, floatText, isInfinite } from "./increments.js";
import { GROW_FAST, READ, READ_FAST, rowMaker, WRITE_FAST } from "./rows.js";
import { hscan } from "./scan.js";

/** Looks the key up for reading: the hash's size, 0 when there is none, -1 after an error reply. */
function readHash(ctx: CommandContext): number {
  return sizeOf(ctx, lookupReadAt(ctx, 1));
}

/** The same for changing. */
function writeHash(ctx: CommandContext): number {
  return sizeOf(ctx, lookupAt(ctx, 1));
}

function sizeOf(ctx: CommandContext, type: number): number {
  if (!isOrAbsent(ctx, type, TYPE_HASH)) return -1;
  return type === TYPE_NONE ? 0 : ctx.db.found.size;
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

function hdel(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const gone = db.hashes.delete(r.buf, r.off[1], r.len[1], r.buf, r.off, r.len, 2, r.argc - 2);
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
  reply.bulkString(sum);
}

/** Gives the field that argument 2 names another value; the hash was looked up. */
function setField({ request: r, db }: CommandContext, buf: Uint8Array, off: number, len: number): void {
  db.hashes.put(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2], buf, off, len);
}

function setFieldText(ctx: CommandContext, value: string): void {
  setField(ctx, Buffer.from(value, "latin1"), 0, value.length);
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

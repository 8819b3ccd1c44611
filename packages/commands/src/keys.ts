/** Keys, whatever they hold. Expiry and iteration are next door, in expiry.ts and scan.ts. */
import { TYPE_NONE, typeName } from "@hearthkv/engine";
import { elementsFit, intArg, lookupAt, lookupReadAt, replyFound } from "./arguments.js";
import type { CommandContext, CommandRow } from "./context.js";
import { ERR, outsideRange } from "./errors.js";
import { expiryRows } from "./expiry.js";
import { Glob } from "./glob.js";
import { objectRow } from "./object.js";
import { ALL_KEYS, GROW, NO_KEY, READ, READ_FAST, rowMaker, TWO_KEYS, WRITE, WRITE_FAST } from "./rows.js";
import { scan } from "./scan.js";

const INT32_MAX = 2 ** 31 - 1;
const INT32_MIN = -(2 ** 31);

/** Also UNLINK: memory is given back in bounded steps either way. */
function del(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (r.argc === 2) reply.int(db.keys.remove(r.buf, r.off[1], r.len[1]) ? 1 : 0);
  else mdel(ctx);
}

function mdel(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  reply.int(db.keys.removeMany(r.buf, r.off, r.len, 1, r.argc - 1));
}

/** A key named twice counts twice. Also TOUCH: no access times are kept. */
function exists(ctx: CommandContext): void {
  let found = 0;
  for (let i = 1; i < ctx.request.argc; i++) if (lookupReadAt(ctx, i) !== TYPE_NONE) found++;
  ctx.reply.int(found);
}

function type(ctx: CommandContext): void {
  ctx.reply.simple(typeName(lookupReadAt(ctx, 1)));
}

function rename(ctx: CommandContext): void {
  if (moveKey(ctx, false) >= 0) ctx.reply.ok();
}

function renameNx(ctx: CommandContext): void {
  const moved = moveKey(ctx, true);
  if (moved >= 0) ctx.reply.int(moved);
}

/** 1 when the key has another name now, 0 when nothing had to or could be done, -1 after an error reply. */
function moveKey(ctx: CommandContext, onlyIfFree: boolean): -1 | 0 | 1 {
  const { request: r, db } = ctx;
  if (lookupAt(ctx, 1) === TYPE_NONE) {
    ctx.reply.error(ERR.noSuchKey);
    return -1;
  }
  if (sameArguments(ctx, 1, 2) || (onlyIfFree && lookupAt(ctx, 2) !== TYPE_NONE)) return 0;
  db.rename(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2]);
  return 1;
}

function copy(ctx: CommandContext): void {
  const { request: r, keyspace, db, reply } = ctx;
  let replace = false;
  let target = db.index;
  for (let i = 3; i < r.argc; i++) {
    if (r.is(i, "replace")) replace = true;
    else if (r.is(i, "db") && i + 1 < r.argc) {
      const index = databaseArg(ctx, ++i);
      if (index < 0) return;
      target = index;
    } else {
      reply.error(ERR.syntax);
      return;
    }
  }
  if (target === db.index && sameArguments(ctx, 1, 2)) {
    reply.error(ERR.sameObject);
    return;
  }
  const isFree = keyspace.db(target).keys.lookup(r.buf, r.off[2], r.len[2]) === TYPE_NONE;
  const copied = lookupReadAt(ctx, 1) !== TYPE_NONE && (isFree || replace);
  if (copied) db.copyTo(r.buf, r.off[1], r.len[1], target, r.buf, r.off[2], r.len[2]);
  reply.int(copied ? 1 : 0);
}

/** A database's number; -1 after an error reply. */
function databaseArg(ctx: CommandContext, i: number): number {
  const index = intArg(ctx, i);
  if (Number.isNaN(index)) return -1;
  if (index > INT32_MAX || index < INT32_MIN) ctx.reply.error(outsideRange(INT32_MIN, INT32_MAX));
  else if (index < 0 || index >= ctx.keyspace.databaseCount) ctx.reply.error(ERR.dbOutOfRange);
  else return index;
  return -1;
}

function sameArguments(ctx: CommandContext, i: number, j: number): boolean {
  const { buf, off, len } = ctx.request;
  return buf.compare(buf, off[i], off[i] + len[i], off[j], off[j] + len[j]) === 0;
}

function keys(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 1)) return;
  const pattern = r.str(1);
  const glob = new Glob(pattern);
  const mark = reply.deferArray();
  let count = 0;
  db.keys.forEachKey((buf, off, len) => {
    if (pattern !== "*" && !glob.matches(buf, off, len)) return;
    reply.bulk(buf, off, len);
    count++;
  });
  reply.setArray(mark, count);
}

function randomKey(ctx: CommandContext): void {
  if (ctx.db.keys.randomKey()) replyFound(ctx);
  else ctx.reply.nil();
}

const row = rowMaker("generic");

export const keyRows: readonly CommandRow[] = [
  row("del", -2, WRITE, "1.0.0", "Deletes keys.", del, ALL_KEYS),
  row("unlink", -2, WRITE_FAST, "4.0.0", "Deletes keys; memory is given back later.", del, ALL_KEYS),
  row("mdel", -2, WRITE, "1.0.0", "Deletes keys as one mutation of the log.", mdel, ALL_KEYS),
  row("exists", -2, READ_FAST, "1.0.0", "Counts how many of the keys exist.", exists, ALL_KEYS),
  row("touch", -2, READ_FAST, "3.2.1", "Counts how many of the keys exist.", exists, ALL_KEYS),
  row("type", 2, READ_FAST, "1.0.0", "Returns the type of the value at a key.", type),
  row("rename", 3, WRITE, "1.0.0", "Renames a key; what the new name held is gone.", rename, TWO_KEYS),
  row("renamenx", 3, WRITE_FAST, "1.0.0", "Renames a key if the new name is free.", renameNx, TWO_KEYS),
  row("copy", -3, GROW, "6.2.0", "Copies a key and its expiry to another key.", copy, TWO_KEYS),
  row("keys", 2, READ, "1.0.0", "Returns every key that matches a pattern.", keys, NO_KEY),
  row("scan", -2, READ, "2.8.0", "Iterates the keys in steps.", scan, NO_KEY),
  row("randomkey", 1, READ, "1.0.0", "Returns a random key.", randomKey, NO_KEY),
  objectRow,
  ...expiryRows,
];

/** Keys, whatever they hold. Expiry and iteration are next door, in expiry.ts and scan.ts. */
import { TYPE_NONE, typeName } from "@hearthkv/engine";
import { elementsFit, intArg, lookupAt, lookupReadAt, replyFound } from "../arguments/arguments.js";
import { Glob } from "../arguments/glob.js";
import type { CommandContext } from "../context.js";
import { ERR, outsideRange } from "../errors.js";
import { EVENT_GENERIC, notify, notifyNew } from "../events.js";
import { family } from "../table/declare.js";
import { key, keyRange } from "../table/keys.js";

const INT32_MAX = 2 ** 31 - 1;
const INT32_MIN = -(2 ** 31);

/** Also UNLINK: memory is given back in bounded steps either way. */
function del(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (r.argc > 2) {
    mdel(ctx);
    return;
  }
  const removed = db.keys.remove(r.buf, r.off[1], r.len[1]);
  if (removed) notify(ctx, EVENT_GENERIC, "del", 1);
  reply.int(removed ? 1 : 0);
}

function mdel(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  // The mutation is one; who went is told behind it.
  const gone = ctx.events.classes === 0 ? [] : firstsThatExist(ctx);
  reply.int(db.keys.removeMany(r.buf, r.off, r.len, 1, r.argc - 1));
  for (const i of gone) notify(ctx, EVENT_GENERIC, "del", i);
}

/** Arguments that are keys which exist, each key once. */
function firstsThatExist(ctx: CommandContext): number[] {
  const firsts = new Map<string, number>();
  const { request: r } = ctx;
  for (let i = 1; i < r.argc; i++) {
    const name = r.str(i);
    if (lookupAt(ctx, i) !== TYPE_NONE && !firsts.has(name)) firsts.set(name, i);
  }
  return [...firsts.values()];
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
  notifyNew(ctx, 2);
  notify(ctx, EVENT_GENERIC, "rename_from", 1);
  notify(ctx, EVENT_GENERIC, "rename_to", 2);
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
  if (copied) {
    db.copyTo(r.buf, r.off[1], r.len[1], keyspace.db(target), r.buf, r.off[2], r.len[2]);
    notifyNew(ctx, 2, target);
    notify(ctx, EVENT_GENERIC, "copy_to", 2, target);
  }
  reply.int(copied ? 1 : 0);
}

/** To another database, where it must be free. */
function move(ctx: CommandContext): void {
  const { request: r, keyspace, db, reply } = ctx;
  const target = databaseArg(ctx, 2);
  if (target < 0) return;
  if (target === db.index) {
    reply.error(ERR.sameObject);
    return;
  }
  const key = [r.buf, r.off[1], r.len[1]] as const;
  const other = keyspace.db(target);
  const moves = lookupAt(ctx, 1) !== TYPE_NONE && other.keys.lookup(...key) === TYPE_NONE;
  if (moves) {
    db.moveTo(other, ...key);
    notifyNew(ctx, 1, target);
    notify(ctx, EVENT_GENERIC, "move_from", 1);
    notify(ctx, EVENT_GENERIC, "move_to", 1, target);
  }
  reply.int(moves ? 1 : 0);
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

export const keyCommands = family("generic", [
  {
    name: "del",
    arity: -2,
    flags: ["write"],
    keys: [keyRange(1, -1, "RM delete")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Deletes keys.",
    syntax: "@key+",
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    run: del,
  },
  {
    name: "unlink",
    arity: -2,
    flags: ["write", "fast"],
    keys: [keyRange(1, -1, "RM delete")],
    since: "4.0.0",
    complexity: "O(1)",
    summary: "Deletes keys; memory is given back later.",
    syntax: "@key+",
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    run: del,
  },
  {
    name: "mdel",
    arity: -2,
    flags: ["write"],
    keys: [keyRange(1, -1, "RM delete")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Deletes keys as one mutation of the log.",
    syntax: "@key+",
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    differs: "HearthKV's own.",
    run: mdel,
  },
  {
    name: "exists",
    arity: -2,
    flags: ["readonly", "fast"],
    keys: [keyRange(1, -1, "RO")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Counts how many of the keys exist.",
    syntax: "@key+",
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    history: [["3.0.3", "takes several keys"]],
    run: exists,
  },
  {
    name: "touch",
    arity: -2,
    flags: ["readonly", "fast"],
    keys: [keyRange(1, -1, "RO")],
    since: "3.2.1",
    complexity: "O(N)",
    summary: "Counts how many of the keys exist.",
    syntax: "@key+",
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    differs: "No access times are kept.",
    run: exists,
  },
  {
    name: "type",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Tells whether a key holds a string, list, set, sorted set or hash.",
    syntax: "@key",
    run: type,
  },
  {
    name: "rename",
    arity: 3,
    flags: ["write"],
    keys: [key(1, "RW access delete"), key(2, "OW update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Renames a key; what the new name held is gone.",
    syntax: "@key @newkey/1",
    run: rename,
  },
  {
    name: "renamenx",
    arity: 3,
    flags: ["write", "fast"],
    keys: [key(1, "RW access delete"), key(2, "OW insert")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Renames a key if the new name is free.",
    syntax: "@key @newkey/1",
    history: [["3.2.0", "the same name twice is no error any more"]],
    run: renameNx,
  },
  {
    name: "copy",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [key(1, "RO access"), key(2, "OW update")],
    since: "6.2.0",
    complexity: "O(N)",
    summary: "Copies a key and its expiry to another key.",
    syntax: "@source @destination/1 DB=destination-db:integer? REPLACE?",
    run: copy,
  },
  {
    name: "move",
    arity: 3,
    flags: ["write", "fast"],
    keys: [key(1, "RW access update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Moves a key to another database, where it must not be.",
    syntax: "@key db:integer",
    run: move,
  },
  {
    name: "keys",
    arity: 2,
    flags: ["readonly"],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Returns every key that matches a pattern.",
    syntax: "pattern:pattern",
    tips: ["request_policy:all_shards", "nondeterministic_output_order"],
    categories: ["keyspace", "dangerous"],
    run: keys,
  },
  {
    name: "randomkey",
    arity: 1,
    flags: ["readonly"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns a random key.",
    tips: ["request_policy:all_shards", "nondeterministic_output"],
    run: randomKey,
  },
]);

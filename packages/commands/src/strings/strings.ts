/** Strings. */
import { OP_SETNX, TYPE_NONE, TYPE_STRING } from "@hearthkv/engine";
import { isOrAbsent, lookupAt, lookupReadAt, replyFound, wrongArity } from "../arguments/arguments.js";
import { expireAtArg } from "../arguments/expire-at.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_GENERIC, EVENT_STRING, notify } from "../events.js";
import { family } from "../table/declare.js";
import { hasWord, key, keyRange } from "../table/keys.js";
import {
  ANY_TIME,
  expireAtOfOptions,
  GET,
  GETEX_OPTIONS,
  isAbsolute,
  KEEPTTL,
  NX,
  PERSIST,
  parseOptions,
  SET_OPTIONS,
  XX,
} from "./set-options.js";

/** The hottest of all: without options nothing is looked up and nothing is parsed. */
function set(ctx: CommandContext): void {
  const r = ctx.request;
  if (r.argc > 3) {
    setWithOptions(ctx);
    return;
  }
  const off = r.off;
  const len = r.len;
  ctx.db.strings.set(r.buf, off[1], len[1], r.buf, off[2], len[2], 0);
  notify(ctx, EVENT_STRING, "set", 1);
  ctx.reply.ok();
}

function setWithOptions(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const flags = parseOptions(ctx, 3, SET_OPTIONS);
  if (flags < 0) return;
  let expireAt = 0;
  if ((flags & ANY_TIME) !== 0) {
    expireAt = expireAtOfOptions(ctx, flags);
    if (Number.isNaN(expireAt)) return;
  }
  const wantsOld = (flags & GET) !== 0;
  if ((flags & SET_OPTIONS) !== 0) {
    const type = wantsOld ? lookupReadAt(ctx, 1) : lookupAt(ctx, 1);
    if (wantsOld && !replyString(ctx, type)) return;
    if ((flags & (type === TYPE_NONE ? XX : NX)) !== 0) {
      if (!wantsOld) reply.nil();
      return;
    }
    if ((flags & KEEPTTL) !== 0 && type !== TYPE_NONE) expireAt = db.keys.expireAt;
  }
  setValue(ctx, 2, expireAt, (flags & NX) !== 0 ? OP_SETNX : undefined);
  if ((flags & ANY_TIME) !== 0) notify(ctx, EVENT_GENERIC, "expire", 1);
  if (!wantsOld) reply.ok();
}

/** Stores argument `i` under the key at argument 1. */
function setValue(ctx: CommandContext, i: number, expireAt: number, op?: number): void {
  const r = ctx.request;
  ctx.db.strings.set(r.buf, r.off[1], r.len[1], r.buf, r.off[i], r.len[i], expireAt, op);
  notify(ctx, EVENT_STRING, "set", 1);
}

function setNx(ctx: CommandContext): void {
  const isNew = lookupAt(ctx, 1) === TYPE_NONE;
  if (isNew) setValue(ctx, 2, 0, OP_SETNX);
  ctx.reply.int(isNew ? 1 : 0);
}

function setEx(ctx: CommandContext): void {
  setForDuration(ctx, 1000);
}

function psetEx(ctx: CommandContext): void {
  setForDuration(ctx, 1);
}

function setForDuration(ctx: CommandContext, unitMs: 1 | 1000): void {
  const expireAt = expireAtArg(ctx, 2, unitMs, true);
  if (Number.isNaN(expireAt)) return;
  setValue(ctx, 3, expireAt);
  notify(ctx, EVENT_GENERIC, "expire", 1);
  ctx.reply.ok();
}

function get(ctx: CommandContext): void {
  const { request: r, db } = ctx;
  const type = db.keys.lookupRead(r.buf, r.off[1], r.len[1]);
  if (type === TYPE_STRING) replyFound(ctx);
  else if (type === TYPE_NONE) ctx.reply.nil();
  else ctx.reply.error(ERR.wrongType);
}

/** Replies with the string just looked up, or nil, or an error; false after the error. */
function replyString(ctx: CommandContext, type: number): boolean {
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return false;
  if (type === TYPE_NONE) ctx.reply.nil();
  else replyFound(ctx);
  return true;
}

function getSet(ctx: CommandContext): void {
  if (replyString(ctx, lookupReadAt(ctx, 1))) setValue(ctx, 2, 0);
}

function getDel(ctx: CommandContext): void {
  const { request: r, db } = ctx;
  const type = lookupReadAt(ctx, 1);
  if (!replyString(ctx, type) || type === TYPE_NONE) return;
  db.keys.remove(r.buf, r.off[1], r.len[1]);
  notify(ctx, EVENT_GENERIC, "del", 1);
}

/** The time is judged only when there is a string to give, as in Redis. */
function getEx(ctx: CommandContext): void {
  const flags = parseOptions(ctx, 2, GETEX_OPTIONS);
  if (flags < 0) return;
  const type = lookupReadAt(ctx, 1);
  if (type !== TYPE_STRING || flags === 0) {
    replyString(ctx, type);
    return;
  }
  const expireAt = (flags & PERSIST) !== 0 ? 0 : expireAtOfOptions(ctx, flags);
  if (Number.isNaN(expireAt)) return;
  replyString(ctx, type);
  changeExpiry(ctx, expireAt, isAbsolute(flags));
}

function changeExpiry(ctx: CommandContext, expireAt: number, absolute: boolean): void {
  const { request: r, db } = ctx;
  if (absolute && expireAt <= ctx.keyspace.nowMs) {
    db.keys.remove(r.buf, r.off[1], r.len[1]);
    notify(ctx, EVENT_GENERIC, "del", 1);
    return;
  }
  const changes = expireAt !== db.keys.expireAt;
  if (changes) db.keys.setExpire(r.buf, r.off[1], r.len[1], expireAt);
  if (expireAt !== 0) notify(ctx, EVENT_GENERIC, "expire", 1);
  else if (changes) notify(ctx, EVENT_GENERIC, "persist", 1);
}

function mset(ctx: CommandContext): void {
  const r = ctx.request;
  if (r.argc % 2 === 0) {
    wrongArity(ctx);
    return;
  }
  setPairs(ctx);
  ctx.reply.ok();
}

/** A key given twice counts as absent both times; its last value stays. */
function msetNx(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  if (r.argc % 2 === 0) {
    wrongArity(ctx);
    return;
  }
  for (let i = 1; i < r.argc; i += 2) {
    if (lookupAt(ctx, i) !== TYPE_NONE) {
      reply.int(0);
      return;
    }
  }
  setPairs(ctx);
  reply.int(1);
}

function setPairs(ctx: CommandContext): void {
  const r = ctx.request;
  ctx.db.strings.mset(r.buf, r.off, r.len, 1, (r.argc - 1) / 2);
  if (ctx.events.classes !== 0) for (let i = 1; i < r.argc; i += 2) notify(ctx, EVENT_STRING, "set", i);
}

/** Keys of other types count as absent. */
function mget(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  reply.array(r.argc - 1);
  for (let i = 1; i < r.argc; i++) {
    if (db.keys.lookupRead(r.buf, r.off[i], r.len[i]) === TYPE_STRING) replyFound(ctx);
    else reply.nil();
  }
}

export const stringCommands = family("string", [
  {
    name: "set",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW access update variable_flags")],
    // GET makes the difference between a look at the old value and none.
    findKeys: (r) => [{ index: 1, use: hasWord(r, 3, "get") ? "RW access update" : "OW update" }],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Sets the string value of a key, whatever the key held before.",
    syntax:
      "@key value <condition: NX | XX>? GET? <expiration: EX=seconds:integer | PX=milliseconds:integer | EXAT=unix-time-seconds:unix-time | PXAT=unix-time-milliseconds:unix-time | KEEPTTL>?",
    history: [
      ["2.6.12", "options EX, PX, NX and XX"],
      ["6.0.0", "option KEEPTTL"],
      ["6.2.0", "options GET, EXAT and PXAT"],
      ["7.0.0", "NX and GET may stand together"],
    ],
    run: set,
  },
  {
    name: "get",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns a string; null where there is none.",
    syntax: "@key",
    run: get,
  },
  {
    name: "getset",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Sets a string and returns the one before.",
    syntax: "@key value",
    deprecated: { since: "6.2.0", replacedBy: "`SET` with the `!GET` argument" },
    run: getSet,
  },
  {
    name: "getdel",
    arity: 2,
    flags: ["write", "fast"],
    keys: [key(1, "RW access delete")],
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Returns a string and deletes its key.",
    syntax: "@key",
    run: getDel,
  },
  {
    name: "getex",
    arity: -2,
    flags: ["write", "fast"],
    keys: [key(1, "RW access update")],
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Returns a string and sets or removes its expiry.",
    syntax:
      "@key <expiration: EX=seconds:integer | PX=milliseconds:integer | EXAT=unix-time-seconds:unix-time | PXAT=unix-time-milliseconds:unix-time | PERSIST>?",
    run: getEx,
  },
  {
    name: "setnx",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "OW insert")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Sets a string if the key does not exist.",
    syntax: "@key value",
    run: setNx,
  },
  {
    name: "setex",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [key(1, "OW update")],
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Sets a string and how many seconds it lives.",
    syntax: "@key seconds:integer value",
    run: setEx,
  },
  {
    name: "psetex",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [key(1, "OW update")],
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Sets a string and how many milliseconds it lives.",
    syntax: "@key milliseconds:integer value",
    run: psetEx,
  },
  {
    name: "mset",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [keyRange(1, -1, "OW update", 2)],
    since: "1.0.1",
    complexity: "O(N)",
    summary: "Sets several strings at once.",
    syntax: "(key-value: @key value)+",
    tips: ["request_policy:multi_shard", "response_policy:all_succeeded"],
    run: mset,
  },
  {
    name: "msetnx",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [keyRange(1, -1, "OW insert", 2)],
    since: "1.0.1",
    complexity: "O(N)",
    summary: "Sets several strings if none of the keys exist.",
    syntax: "(key-value: @key value)+",
    tips: ["request_policy:multi_shard", "response_policy:agg_min"],
    run: msetNx,
  },
  {
    name: "mget",
    arity: -2,
    flags: ["readonly", "fast"],
    keys: [keyRange(1, -1, "RO access")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Returns the strings of several keys.",
    syntax: "@key+",
    tips: ["request_policy:multi_shard"],
    run: mget,
  },
]);

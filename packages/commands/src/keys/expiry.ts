/** How long keys live. */
import { TYPE_NONE } from "@hearthkv/engine";
import { INT64_MAX, INT64_MIN, parseInt64, parseSafeInt } from "@hearthkv/resp";
import { lookupAt } from "../arguments/arguments.js";
import { EXPIRE_AT_MAX_MS, startOfRelative } from "../arguments/expire-at.js";
import type { CommandContext } from "../context.js";
import { ERR, invalidExpire, unsupportedOption } from "../errors.js";
import { EVENT_GENERIC, notify } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

const NX = 1;
const XX = 2;
const GT = 4;
const LT = 8;

/** What TTL and its kin say of a key that does not exist, and of one without expiry. */
const NO_KEY = -2;
const NO_EXPIRY = -1;

function expire(ctx: CommandContext): void {
  setExpiry(ctx, 1000, true);
}

function pexpire(ctx: CommandContext): void {
  setExpiry(ctx, 1, true);
}

function expireAt(ctx: CommandContext): void {
  setExpiry(ctx, 1000, false);
}

function pexpireAt(ctx: CommandContext): void {
  setExpiry(ctx, 1, false);
}

/** A time that has passed deletes the key, and that is logged: replay must not depend on when it happens. */
function setExpiry(ctx: CommandContext, unitMs: 1 | 1000, relative: boolean): void {
  const { request: r, db, reply } = ctx;
  const flags = conditions(ctx);
  if (flags < 0) return;
  const at = whenArg(ctx, unitMs, relative);
  if (Number.isNaN(at)) return;
  if (lookupAt(ctx, 1) === TYPE_NONE || !allows(flags, db.keys.expireAt, at)) {
    reply.int(0);
    return;
  }
  const isPast = at <= ctx.keyspace.nowMs;
  if (isPast) db.keys.remove(r.buf, r.off[1], r.len[1]);
  else db.keys.setExpire(r.buf, r.off[1], r.len[1], at);
  notify(ctx, EVENT_GENERIC, isPast ? "del" : "expire", 1);
  reply.int(1);
}

/** The options NX, XX, GT and LT as flags; -1 after an error reply. */
function conditions(ctx: CommandContext): number {
  const { request: r, reply } = ctx;
  let flags = 0;
  for (let i = 3; i < r.argc; i++) {
    const flag = r.is(i, "nx") ? NX : r.is(i, "xx") ? XX : r.is(i, "gt") ? GT : r.is(i, "lt") ? LT : 0;
    if (flag === 0) {
      reply.error(unsupportedOption(r.bytes(i).subarray(0, OPTION_ECHO_BYTES_MAX).toString("latin1")));
      return -1;
    }
    flags |= flag;
  }
  if ((flags & NX) !== 0 && flags !== NX) reply.error(ERR.expireNxAndOthers);
  else if ((flags & GT) !== 0 && (flags & LT) !== 0) reply.error(ERR.expireGtAndLt);
  else return flags;
  return -1;
}

/** An option that is none is repeated in the error up to so many bytes. */
const OPTION_ECHO_BYTES_MAX = 128;

/** A key without expiry counts as living for ever. */
function allows(flags: number, current: number, at: number): boolean {
  const currentOrNever = current === 0 ? Number.POSITIVE_INFINITY : current;
  if ((flags & NX) !== 0 && current !== 0) return false;
  if ((flags & XX) !== 0 && current === 0) return false;
  if ((flags & GT) !== 0 && at <= currentOrNever) return false;
  return (flags & LT) === 0 || at < currentOrNever;
}

/** Argument 2 as absolute ms; it may lie in the past. NaN after an error reply. */
function whenArg(ctx: CommandContext, unitMs: 1 | 1000, relative: boolean): number {
  const r = ctx.request;
  const now = relative ? startOfRelative(ctx) : 0;
  const safe = parseSafeInt(r.buf, r.off[2], r.len[2]);
  if (!Number.isNaN(safe)) return Math.min(safe * unitMs + now, EXPIRE_AT_MAX_MS);
  const value = parseInt64(r.buf, r.off[2], r.len[2]);
  if (value === null) {
    ctx.reply.error(ERR.notInteger);
    return Number.NaN;
  }
  const scaled = value * BigInt(unitMs);
  if (scaled < INT64_MIN || scaled + BigInt(now) > INT64_MAX) {
    ctx.reply.error(invalidExpire(ctx.row.name));
    return Number.NaN;
  }
  return value < 0n ? -EXPIRE_AT_MAX_MS : EXPIRE_AT_MAX_MS;
}

function persist(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const expires = lookupAt(ctx, 1) !== TYPE_NONE && db.keys.expireAt !== 0;
  if (expires) {
    db.keys.setExpire(r.buf, r.off[1], r.len[1], 0);
    notify(ctx, EVENT_GENERIC, "persist", 1);
  }
  reply.int(expires ? 1 : 0);
}

function ttl(ctx: CommandContext): void {
  const left = pointInTime(ctx, ctx.keyspace.nowMs);
  ctx.reply.int(left < 0 ? left : roundToSeconds(left));
}

function pttl(ctx: CommandContext): void {
  ctx.reply.int(pointInTime(ctx, ctx.keyspace.nowMs));
}

function expireTime(ctx: CommandContext): void {
  const at = pointInTime(ctx, 0);
  ctx.reply.int(at < 0 ? at : roundToSeconds(at));
}

function pexpireTime(ctx: CommandContext): void {
  ctx.reply.int(pointInTime(ctx, 0));
}

/** Milliseconds from `since` to the key's expiry, NO_KEY or NO_EXPIRY. */
function pointInTime(ctx: CommandContext, since: number): number {
  const { request: r, db } = ctx;
  if (db.keys.lookupRead(r.buf, r.off[1], r.len[1]) === TYPE_NONE) return NO_KEY;
  return db.keys.expireAt === 0 ? NO_EXPIRY : Math.max(0, db.keys.expireAt - since);
}

function roundToSeconds(ms: number): number {
  return Math.floor((ms + 500) / 1000);
}

export const expiryCommands = family("generic", [
  {
    name: "expire",
    arity: -3,
    flags: ["write", "fast"],
    keys: [key(1, "RW update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Sets how many seconds a key lives.",
    syntax: "@key seconds:integer <condition: NX | XX | GT | LT>?",
    history: [["7.0.0", "options NX, XX, GT and LT"]],
    run: expire,
  },
  {
    name: "pexpire",
    arity: -3,
    flags: ["write", "fast"],
    keys: [key(1, "RW update")],
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Sets how many milliseconds a key lives.",
    syntax: "@key milliseconds:integer <condition: NX | XX | GT | LT>?",
    history: [["7.0.0", "options NX, XX, GT and LT"]],
    run: pexpire,
  },
  {
    name: "expireat",
    arity: -3,
    flags: ["write", "fast"],
    keys: [key(1, "RW update")],
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Sets the Unix time, in seconds, at which a key ends.",
    syntax: "@key unix-time-seconds:unix-time <condition: NX | XX | GT | LT>?",
    history: [["7.0.0", "options NX, XX, GT and LT"]],
    run: expireAt,
  },
  {
    name: "pexpireat",
    arity: -3,
    flags: ["write", "fast"],
    keys: [key(1, "RW update")],
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Sets the Unix time, in milliseconds, at which a key ends.",
    syntax: "@key unix-time-milliseconds:unix-time <condition: NX | XX | GT | LT>?",
    history: [["7.0.0", "options NX, XX, GT and LT"]],
    run: pexpireAt,
  },
  {
    name: "ttl",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns how many seconds a key still lives.",
    syntax: "@key",
    tips: ["nondeterministic_output"],
    history: [["2.8.0", "-2 for a key that does not exist"]],
    run: ttl,
  },
  {
    name: "pttl",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Returns how many milliseconds a key still lives.",
    syntax: "@key",
    tips: ["nondeterministic_output"],
    history: [["2.8.0", "-2 for a key that does not exist"]],
    run: pttl,
  },
  {
    name: "expiretime",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "7.0.0",
    complexity: "O(1)",
    summary: "Returns the Unix time, in seconds, at which a key ends.",
    syntax: "@key",
    run: expireTime,
  },
  {
    name: "pexpiretime",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "7.0.0",
    complexity: "O(1)",
    summary: "Returns the Unix time, in milliseconds, at which a key ends.",
    syntax: "@key",
    run: pexpireTime,
  },
  {
    name: "persist",
    arity: 2,
    flags: ["write", "fast"],
    keys: [key(1, "RW update")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Lets a key live for ever.",
    syntax: "@key",
    run: persist,
  },
]);

/**
 * Locks with owners. A held lock is a string key that holds the owner's name and expires when the lock does, so it can be looked at with GET and
 * PTTL, and DEL breaks it. LOCK gives a fencing token, a number that grows with every lock given: a service that remembers the highest it has seen
 * can refuse the holder of a lock that has ended meanwhile.
 */
import { TYPE_STRING } from "@hearthkv/engine";
import { isOrAbsent, lookupAt } from "../arguments/arguments.js";
import { expireAtArg } from "../arguments/expire-at.js";
import type { CommandContext } from "../context.js";
import { EVENT_GENERIC, EVENT_STRING, notify } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

/** LOCK key owner ttl-ms: the token, or 0 when the lock is held (by the same owner, too: a lock is not taken twice). */
function lock(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const expireAt = expireAtArg(ctx, 3, 1, true);
  if (Number.isNaN(expireAt) || !isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_STRING)) return;
  const token = db.strings.lock(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2], expireAt);
  if (token !== 0) {
    notify(ctx, EVENT_STRING, "set", 1);
    notify(ctx, EVENT_GENERIC, "expire", 1);
  }
  reply.int(token);
}

/** UNLOCK key owner: 1, or 0 when the owner does not hold the lock. */
function unlock(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_STRING)) return;
  const freed = db.strings.unlock(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2]);
  if (freed !== 0) notify(ctx, EVENT_GENERIC, "del", 1);
  reply.int(freed);
}

/** EXTENDLOCK key owner ttl-ms: the lock ends that long from now; 1, or 0 when the owner does not hold it. */
function extendLock(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const expireAt = expireAtArg(ctx, 3, 1, true);
  if (Number.isNaN(expireAt) || !isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_STRING)) return;
  const extended = db.strings.extendLock(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2], expireAt);
  if (extended !== 0) notify(ctx, EVENT_GENERIC, "expire", 1);
  reply.int(extended);
}

export const lockCommands = family("lock", [
  {
    name: "lock",
    arity: 4,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW access update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Takes a lock for some milliseconds; returns its fencing token.",
    syntax: "@key owner ttl-ms:integer",
    tips: ["nondeterministic_output"],
    run: lock,
  },
  {
    name: "unlock",
    arity: 3,
    flags: ["write", "fast"],
    keys: [key(1, "RW access delete")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Frees a lock that the owner holds.",
    syntax: "@key owner",
    run: unlock,
  },
  {
    name: "extendlock",
    arity: 4,
    flags: ["write", "fast"],
    keys: [key(1, "RW access update")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Gives a lock that the owner holds a new end.",
    syntax: "@key owner ttl-ms:integer",
    run: extendLock,
  },
]);

/**
 * Locks with owners. A held lock is a string key that holds the owner's name and expires when the lock does, so it can be looked at with GET and
 * PTTL, and DEL breaks it. LOCK gives a fencing token, a number that grows with every lock given: a service that remembers the highest it has seen
 * can refuse the holder of a lock that has ended meanwhile.
 */
import { TYPE_STRING } from "@hearthkv/engine";
import { isOrAbsent, lookupAt } from "./arguments.js";
import type { CommandContext, CommandRow } from "./context.js";
import { GROW_FAST, rowMaker, WRITE_FAST } from "./rows.js";
import { expireAtArg } from "./set-options.js";

/** LOCK key owner ttl-ms: the token, or 0 when the lock is held (by the same owner, too: a lock is not taken twice). */
function lock(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const expireAt = expireAtArg(ctx, 3, 1, true);
  if (Number.isNaN(expireAt) || !isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_STRING)) return;
  reply.int(db.strings.lock(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2], expireAt));
}

/** UNLOCK key owner: 1, or 0 when the owner does not hold the lock. */
function unlock(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_STRING)) return;
  reply.int(db.strings.unlock(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2]));
}

/** EXTENDLOCK key owner ttl-ms: the lock ends that long from now; 1, or 0 when the owner does not hold it. */
function extendLock(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const expireAt = expireAtArg(ctx, 3, 1, true);
  if (Number.isNaN(expireAt) || !isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_STRING)) return;
  reply.int(db.strings.extendLock(r.buf, r.off[1], r.len[1], r.buf, r.off[2], r.len[2], expireAt));
}

const row = rowMaker("lock");

export const lockRows: readonly CommandRow[] = [
  row("lock", 4, GROW_FAST, "1.0.0", "Takes a lock for some milliseconds; returns its fencing token.", lock),
  row("unlock", 3, WRITE_FAST, "1.0.0", "Frees a lock that the owner holds.", unlock),
  row("extendlock", 4, WRITE_FAST, "1.0.0", "Gives a lock that the owner holds a new end.", extendLock),
];

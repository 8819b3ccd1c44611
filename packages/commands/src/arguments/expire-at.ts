/** Points in time given as arguments. */
import { INT64_MAX, parseInt64, parseSafeInt } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import { ERR, invalidExpire } from "../errors.js";

/** The latest expiry that is kept exactly, in ms; Redis would go on to 2^63 - 1. Later ones become this one. */
export const EXPIRE_AT_MAX_MS = Number.MAX_SAFE_INTEGER;

/**
 * A point in time that a value shall live until: an integer above 0.
 * @param unitMs 1000 for seconds, 1 for milliseconds
 * @param relative counted from now
 * @returns absolute ms, or NaN after an error reply
 */
export function expireAtArg(ctx: CommandContext, i: number, unitMs: 1 | 1000, relative: boolean): number {
  const r = ctx.request;
  const safe = parseSafeInt(r.buf, r.off[i], r.len[i]);
  const now = relative ? startOfRelative(ctx) : 0;
  if (safe > 0) return Math.min(safe * unitMs + now, EXPIRE_AT_MAX_MS);
  return rareExpireAt(ctx, i, BigInt(unitMs), BigInt(now));
}

/** What relative times count from, in ms since 1970. */
export function startOfRelative(ctx: CommandContext): number {
  return ctx.relativeToMs ?? ctx.keyspace.nowMs;
}

/** What is not a positive safe integer: an error, or so far away that it becomes the latest expiry. */
function rareExpireAt(ctx: CommandContext, i: number, unitMs: bigint, now: bigint): number {
  const r = ctx.request;
  const value = parseInt64(r.buf, r.off[i], r.len[i]);
  if (value !== null && value > 0n && value * unitMs + now <= INT64_MAX) return EXPIRE_AT_MAX_MS;
  ctx.reply.error(value === null ? ERR.notInteger : invalidExpire(ctx.row.name));
  return Number.NaN;
}

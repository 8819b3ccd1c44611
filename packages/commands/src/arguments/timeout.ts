/** How long a command may wait for a key. */
import { isLongDouble, parseFloat64 } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";

/** 2^63 ms: what Redis can count to. */
const TIMEOUT_MS_LIMIT = 2 ** 63;

/** Seconds as a decimal fraction; returns whole ms, rounded up, 0 = for ever. NaN after an error reply. */
export function timeoutArg(ctx: CommandContext, i: number): number {
  const { request: r, reply } = ctx;
  const seconds = parseFloat64(r.buf, r.off[i], r.len[i]) ?? beyondDoubles(r.str(i));
  const ms = seconds === null ? 0 : Math.ceil(seconds * 1000);
  if (seconds === null) reply.error(ERR.timeoutNotFloat);
  else if (ms < 0) reply.error(ERR.timeoutNegative);
  else if (ms + ctx.keyspace.nowMs >= TIMEOUT_MS_LIMIT) reply.error(ERR.timeoutOutOfRange);
  else return ms;
  return Number.NaN;
}

/** A timeout may be a long double: one that is no double is as good as endless, or as the shortest that there is. Null when it is no number. */
function beyondDoubles(text: string): number | null {
  if (!isLongDouble(text)) return null;
  const value = Number(text);
  if (Number.isNaN(value)) return Number.POSITIVE_INFINITY;
  return value === 0 ? Number.MIN_VALUE : value;
}

/** Options of SET and GETEX. */
import { expireAtArg } from "../arguments/expire-at.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";

export const NX = 1;
export const XX = 2;
export const GET = 4;
export const KEEPTTL = 8;
export const PERSIST = 16;
const EX = 32;
const PX = 64;
const EXAT = 128;
const PXAT = 256;
/** Any of the four options that set an expiry. */
export const ANY_TIME = EX | PX | EXAT | PXAT;
/** Of these one command may have at most one. */
const LIFETIME = ANY_TIME | KEEPTTL | PERSIST;

/** What SET takes besides the times, and what GETEX takes. */
export const SET_OPTIONS = NX | XX | GET | KEEPTTL;
export const GETEX_OPTIONS = PERSIST;

/** Position of the argument with the time, set by parseOptions: returning it beside the flags would allocate. */
let timeAt = 0;

/**
 * Reads the options from argument `from` to the last.
 * @param allowed the options besides EX, PX, EXAT and PXAT
 * @returns the flags, or -1 after an error reply
 */
export function parseOptions(ctx: CommandContext, from: number, allowed: number): number {
  const argc = ctx.request.argc;
  let flags = 0;
  for (let i = from; i < argc; i++) {
    const option = optionAt(ctx, i);
    const conflict = conflictsOf(option) & flags;
    const isTime = (option & ANY_TIME) !== 0;
    if ((option & (allowed | ANY_TIME)) === 0 || conflict !== 0 || (isTime && i + 1 === argc)) {
      ctx.reply.error(ERR.syntax);
      return -1;
    }
    flags |= option;
    if (isTime) timeAt = ++i;
  }
  return flags;
}

/** The expiry that the options just parsed ask for, as absolute ms. NaN after an error reply. */
export function expireAtOfOptions(ctx: CommandContext, flags: number): number {
  return expireAtArg(ctx, timeAt, (flags & (EX | EXAT)) !== 0 ? 1000 : 1, (flags & (EX | PX)) !== 0);
}

/** True when the options give a point in time rather than a duration. */
export function isAbsolute(flags: number): boolean {
  return (flags & (EXAT | PXAT)) !== 0;
}

/** Repeating an option is allowed, as in Redis. */
function conflictsOf(option: number): number {
  if (option === NX) return XX;
  if (option === XX) return NX;
  return (option & LIFETIME) !== 0 ? LIFETIME & ~option : 0;
}

/** Flag of the option at argument `i`, 0 when there is no such option. */
function optionAt(ctx: CommandContext, i: number): number {
  const r = ctx.request;
  switch (r.len[i]) {
    case 2:
      if (r.is(i, "ex")) return EX;
      if (r.is(i, "px")) return PX;
      if (r.is(i, "nx")) return NX;
      return r.is(i, "xx") ? XX : 0;
    case 3:
      return r.is(i, "get") ? GET : 0;
    case 4:
      if (r.is(i, "exat")) return EXAT;
      return r.is(i, "pxat") ? PXAT : 0;
    case 7:
      if (r.is(i, "keepttl")) return KEEPTTL;
      return r.is(i, "persist") ? PERSIST : 0;
    default:
      return 0;
  }
}

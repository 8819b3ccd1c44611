/** Pops from the first of several keys that has something: LMPOP, ZMPOP, BLPOP, BZPOPMIN and their kin choose, wait and reply alike. */
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { elements, elementsFit, intFromArg, lookupAt, sizeFound } from "./arguments.js";
import { timeoutArg } from "./timeout.js";

/** How a type of collection is popped from. */
export interface Popper {
  /** TYPE_* code. */
  readonly type: number;
  /** The words for its two ends. */
  readonly ends: readonly [first: string, last: string];
  /** Replies that an element takes where it stands in no array of its own: 2 with a score. */
  readonly width: 1 | 2;
  /** Pops and replies so many elements of the collection that argument `i` names and that was found last, and tells of it. */
  readonly pop: (ctx: CommandContext, i: number, count: number, asked: FirstPop) => void;
}

/** What is asked for: up to `count` elements from one end of the first collection among arguments [firstKey, endKey). */
export interface FirstPop {
  readonly firstKey: number;
  readonly endKey: number;
  readonly fromLast: boolean;
  readonly count: number;
  /** LMPOP and ZMPOP have an array behind the key, also of one element; BLPOP and BZPOPMIN the one as it is. */
  readonly isNested: boolean;
}

/** LMPOP and ZMPOP: numkeys, keys, an end, COUNT. */
export function popCounted(ctx: CommandContext, popper: Popper): void {
  const asked = countedPop(ctx, 1, popper);
  if (asked !== null && !popFirst(ctx, popper, asked)) ctx.reply.nilArray();
}

/** BLMPOP and BZMPOP: the same behind a timeout. */
export function popCountedOrWait(ctx: CommandContext, popper: Popper): void {
  if (!elementsFit(ctx, 1)) return;
  const asked = countedPop(ctx, 2, popper);
  if (asked !== null) popOrWait(ctx, popper, asked, 1);
}

/** BLPOP and BZPOPMIN, BRPOP and BZPOPMAX: keys, a timeout. */
export function popOneOrWait(ctx: CommandContext, popper: Popper, fromLast: boolean): void {
  if (!elementsFit(ctx, 1)) return;
  const timeoutAt = ctx.request.argc - 1;
  popOrWait(ctx, popper, { firstKey: 1, endKey: timeoutAt, fromLast, count: 1, isNested: false }, timeoutAt);
}

function popOrWait(ctx: CommandContext, popper: Popper, asked: FirstPop, timeoutAt: number): void {
  const timeoutMs = timeoutArg(ctx, timeoutAt);
  if (Number.isNaN(timeoutMs) || popFirst(ctx, popper, asked)) return;
  ctx.host.block(ctx, {
    type: popper.type,
    keys: elements(ctx, asked.firstKey).slice(0, asked.endKey - asked.firstKey),
    timeoutMs,
    retry: (again) => popFirst(again, popper, asked),
    over: (reply) => reply.nilArray(),
  });
}

/** Replies what is asked for, or that a key before it holds something else; false when no key has anything. */
function popFirst(ctx: CommandContext, { type, width, pop }: Popper, asked: FirstPop): boolean {
  const { request: r, reply } = ctx;
  const { firstKey, endKey, isNested } = asked;
  for (let i = firstKey; i < endKey; i++) {
    const size = sizeFound(ctx, lookupAt(ctx, i), type);
    if (size < 0) return true;
    if (size === 0) continue;
    const count = Math.min(asked.count, size);
    reply.array(isNested ? 2 : 1 + width);
    reply.bulk(r.buf, r.off[i], r.len[i]);
    if (isNested) reply.array(count);
    pop(ctx, i, count, asked);
    return true;
  }
  return false;
}

/** numkeys at argument `at`, and what is behind it. Null after an error reply. */
function countedPop(ctx: CommandContext, at: number, { ends }: Popper): FirstPop | null {
  const { request: r, reply } = ctx;
  const keys = intFromArg(ctx, at, 1, ERR.numKeysNotPositive);
  if (Number.isNaN(keys)) return null;
  const firstKey = at + 1;
  const endKey = firstKey + keys;
  const end = endKey < r.argc ? ends.findIndex((word) => r.is(endKey, word)) : -1;
  if (end < 0) {
    reply.error(ERR.syntax);
    return null;
  }
  const count = countBehind(ctx, endKey + 1);
  return Number.isNaN(count) ? null : { firstKey, endKey, fromLast: end === 1, count, isNested: true };
}

/** From argument `first` on nothing, which means 1, or COUNT and how many. NaN after an error reply. */
function countBehind(ctx: CommandContext, first: number): number {
  const { request: r, reply } = ctx;
  if (first >= r.argc) return 1;
  if (first + 1 === r.argc || !r.is(first, "count")) {
    reply.error(ERR.syntax);
    return Number.NaN;
  }
  const count = intFromArg(ctx, first + 1, 1, ERR.countNotPositive);
  if (Number.isNaN(count) || r.argc === first + 2) return count;
  reply.error(ERR.syntax);
  return Number.NaN;
}

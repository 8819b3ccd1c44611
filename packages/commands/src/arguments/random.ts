/** Random elements of a collection: SRANDMEMBER, HRANDFIELD and ZRANDMEMBER choose and reply alike. */
import { parseInt64 } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { signedArg } from "./arguments.js";

/** A negative count repeats elements without end; beyond this a reply is refused instead of filling memory. */
const REPLY_BYTES_MAX = 512 * 1024 * 1024;
/** Header and line ends of a bulk, and what stands around a pair. */
const ELEMENT_OVERHEAD_BYTES = 16;

/** Redis counts the replies of pairs, too, in 64 bits. */
const PAIRS_MAX = 2n ** 62n - 1n;

/**
 * A count of elements with, where a fourth argument says so with `word`, what stands beside each. As Redis does, the count is read first, then the word, then
 * the count's range. NaN after an error reply.
 */
export function pairCountArg(ctx: CommandContext, word: string): number {
  const { request: r, reply } = ctx;
  const count = signedArg(ctx, 2);
  if (Number.isNaN(count) || r.argc === 3) return count;
  const exact = parseInt64(r.buf, r.off[2], r.len[2]) ?? 0n;
  if (r.argc > 4 || !r.is(3, word)) reply.error(ERR.syntax);
  else if (exact < -PAIRS_MAX || exact > PAIRS_MAX) reply.error(ERR.outOfRange);
  else return count;
  return Number.NaN;
}

/** A collection's store, as far as it chooses. A spot names an element of the collection found last. */
interface Chooser {
  /** Spot of a random element; there must be one. */
  randomSpot(): number;
  /** Spots of `count` different elements, or of all. */
  randomSpots(count: number): number[];
}

/**
 * Replies random elements of the collection found last, which has `size`: with a positive count so many different ones, with a negative one so many choices.
 * @param each replies that an element takes in the array: 2 for a pair that is not nested
 */
export function replyRandom(
  ctx: CommandContext,
  size: number,
  count: number,
  each: 1 | 2,
  chooser: Chooser,
  replyAt: (spot: number) => void,
): void {
  const { db, reply } = ctx;
  if (size === 0 || count >= 0) {
    const spots = size === 0 ? [] : chooser.randomSpots(count);
    reply.array(each * spots.length);
    for (const spot of spots) replyAt(spot);
    return;
  }
  const bytes = db.keys.valueBytes / size + each * ELEMENT_OVERHEAD_BYTES;
  if (-count * bytes > REPLY_BYTES_MAX) {
    reply.error(ERR.outOfRange);
    return;
  }
  reply.array(each * -count);
  for (let left = -count; left > 0; left--) replyAt(chooser.randomSpot());
}

/** Sorts the entries of a sorted set, so that one made of many members becomes a tree at once instead of by an insertion for each. */
import type { MemberTable } from "./member-table.js";

/** Runs of so many entries are sorted by insertion first. */
const RUN = 16;

/**
 * Puts entries in the order of a sorted set: by their scores, and those of one score by their members' bytes. A merge sort over two arrays side by side; what
 * is in order already is only looked at.
 * @param refs of the members in `table`
 */
export function sortEntries(scores: Float64Array, refs: Int32Array, table: MemberTable): void {
  const count = refs.length;
  for (let low = 0; low < count; low += RUN) insert(scores, refs, table, low, Math.min(count, low + RUN));
  const lowerScores = new Float64Array(count);
  const lowerRefs = new Int32Array(count);
  for (let width = RUN; width < count; width *= 2) {
    for (let low = 0; low + width < count; low += 2 * width) {
      const middle = low + width;
      if (!isBelow(scores, refs, table, middle, scores[middle - 1], refs[middle - 1])) continue;
      const high = Math.min(count, middle + width);
      lowerScores.set(scores.subarray(low, middle));
      lowerRefs.set(refs.subarray(low, middle));
      let from = 0;
      let next = middle;
      for (let to = low; from < width; to++) {
        if (next < high && isBelow(scores, refs, table, next, lowerScores[from], lowerRefs[from])) {
          scores[to] = scores[next];
          refs[to] = refs[next++];
        } else {
          scores[to] = lowerScores[from];
          refs[to] = lowerRefs[from++];
        }
      }
    }
  }
}

function insert(scores: Float64Array, refs: Int32Array, table: MemberTable, low: number, high: number): void {
  for (let i = low + 1; i < high; i++) {
    const score = scores[i];
    const ref = refs[i];
    let to = i;
    for (; to > low && !isBelow(scores, refs, table, to - 1, score, ref); to--) {
      scores[to] = scores[to - 1];
      refs[to] = refs[to - 1];
    }
    scores[to] = score;
    refs[to] = ref;
  }
}

/** Whether entry `i` comes before another one. */
function isBelow(
  scores: Float64Array,
  refs: Int32Array,
  table: MemberTable,
  i: number,
  score: number,
  ref: number,
): boolean {
  const own = scores[i];
  return own < score || (own === score && table.order(refs[i], ref) < 0);
}

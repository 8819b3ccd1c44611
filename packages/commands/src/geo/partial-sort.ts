/**
 * Sorts only as far as the first few items need: the quicksort of J. L. Bentley and M. D. McIlroy, "Engineering a Sort Function" (1993), which does not go into parts
 * behind those. It is the one that Redis uses where COUNT wants less than was found, and so places that are equally far come in the same order.
 */

/** Below this insertion is faster. */
const SHORT = 7;
/** Above this the pivot is the middle one of three middle ones. */
const LONG = 40;

/** Orders items so that the first `wanted` are those that sorting would put there. `compare`: below 0, 0 or above 0. */
export function sortFirst<T>(items: T[], wanted: number, compare: (a: T, b: T) => number): void {
  sortPart(items, 0, items.length, wanted, compare);
}

function sortPart<T>(items: T[], start: number, length: number, wanted: number, compare: (a: T, b: T) => number): void {
  const order = (i: number, j: number) => compare(items[i], items[j]);
  const swap = (i: number, j: number) => {
    [items[i], items[j]] = [items[j], items[i]];
  };
  const median = (i: number, j: number, k: number) => {
    if (order(i, j) < 0) return order(j, k) < 0 ? j : order(i, k) < 0 ? k : i;
    return order(j, k) > 0 ? j : order(i, k) < 0 ? i : k;
  };
  const swapRuns = (i: number, j: number, count: number) => {
    for (let n = 0; n < count; n++) swap(i + n, j + n);
  };
  let from = start;
  let count = length;
  while (count >= SHORT) {
    const end = from + count;
    let pivot = from + (count >>> 1);
    if (count > SHORT) {
      let [low, high] = [from, end - 1];
      if (count > LONG) {
        const eighth = count >>> 3;
        low = median(low, low + eighth, low + 2 * eighth);
        pivot = median(pivot - eighth, pivot, pivot + eighth);
        high = median(high - 2 * eighth, high - eighth, high);
      }
      pivot = median(low, pivot, high);
    }
    swap(from, pivot);
    // [ equal | below | ... | above | equal ]
    let equalEnd = from + 1;
    let below = from + 1;
    let above = end - 1;
    let equalFrom = end - 1;
    for (;;) {
      for (; below <= above; below++) {
        const by = order(below, from);
        if (by > 0) break;
        if (by === 0) swap(equalEnd++, below);
      }
      for (; below <= above; above--) {
        const by = order(above, from);
        if (by < 0) break;
        if (by === 0) swap(above, equalFrom--);
      }
      if (below > above) break;
      swap(below++, above--);
    }
    const lower = below - equalEnd;
    const higher = equalFrom - above;
    const leftRun = Math.min(equalEnd - from, lower);
    swapRuns(from, below - leftRun, leftRun);
    const rightRun = Math.min(higher, end - 1 - equalFrom);
    swapRuns(below, end - rightRun, rightRun);
    if (lower > 1) sortPart(items, from, lower, wanted, compare);
    from = end - higher;
    count = higher;
    if (higher <= 1 || from >= wanted) return;
  }
  for (let i = from + 1; i < from + count; i++) for (let j = i; j > from && order(j - 1, j) > 0; j--) swap(j, j - 1);
}

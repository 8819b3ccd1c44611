/** The order in which SORT gives elements: byte strings in one piece of memory, sorted by numbers or by their bytes, a million of them as fast as may be. */
import { ByteSink, compareBytes } from "@hearthkv/engine";

/** What is sorted. */
export class ByteStrings {
  readonly #sink = new ByteSink();
  /** String i is bytes[starts[i], starts[i + 1]). */
  readonly #starts: Float64Array;
  /** Strings that were to be added and are none, by their numbers. */
  readonly #absent: Uint8Array;
  count = 0;

  /** @param most as many strings at most */
  constructor(most: number) {
    this.#starts = new Float64Array(most + 1);
    this.#absent = new Uint8Array(most);
  }

  get bytes(): Buffer {
    return this.#sink.bytes;
  }

  add(buf: Uint8Array, off: number, len: number): void {
    this.#sink.raw(buf, off, len);
    this.#starts[++this.count] = this.#sink.length;
  }

  /** A string that does not exist: it comes before all others. */
  addAbsent(): void {
    this.#absent[this.count] = 1;
    this.#starts[++this.count] = this.#sink.length;
  }

  startOf(i: number): number {
    return this.#starts[i];
  }

  lengthOf(i: number): number {
    return this.#starts[i + 1] - this.#starts[i];
  }

  /** Order of strings i and j: below 0, 0 or above 0, as memcmp. */
  readonly compare = (i: number, j: number): number => {
    if (this.#absent[i] !== this.#absent[j]) return this.#absent[j] - this.#absent[i];
    const { bytes } = this.#sink;
    return compareBytes(bytes, this.startOf(i), this.lengthOf(i), bytes, this.startOf(j), this.lengthOf(j));
  };

  /** Sorts strings by their bytes, given and returned by their numbers; of equal ones, those that stood in front stay there. */
  sorted(numbers: Uint32Array): Uint32Array {
    if (numbers.length <= RUN) {
      const none = new Float64Array(numbers.length);
      const few = numbers.slice();
      insertionSort(none, few, 0, few.length, this.compare);
      return few;
    }
    const leading = this.#leadingNumbers(numbers);
    const order = ascending(leading, (i, j) => this.compare(numbers[i], numbers[j]));
    return order.map((i) => numbers[i]);
  }

  /**
   * For each of these strings a number in their order, but that strings may differ and their numbers not: of the first bytes behind what all begin with.
   * Most comparisons then need no look at the strings.
   */
  #leadingNumbers(which: Uint32Array): Float64Array {
    const { bytes } = this.#sink;
    const common = this.#commonBytes(which);
    const numbers = new Float64Array(which.length);
    for (let n = 0; n < which.length; n++) {
      const i = which[n];
      const end = this.#starts[i + 1];
      let number = 0;
      for (let at = this.#starts[i] + common, left = LEADING_BYTES; left > 0; left--, at++) {
        number = number * 256 + (at < end ? bytes[at] : 0);
      }
      numbers[n] = this.#absent[i] === 1 ? -1 : number;
    }
    return numbers;
  }

  /** How many bytes all of these strings begin with that are there. */
  #commonBytes(which: Uint32Array): number {
    const { bytes } = this.#sink;
    let first = -1;
    let common = 0;
    for (const i of which) {
      if (this.#absent[i] === 1) continue;
      if (first < 0) {
        first = this.startOf(i);
        common = this.lengthOf(i);
      }
      const at = this.startOf(i);
      const most = Math.min(common, this.lengthOf(i));
      let n = 0;
      while (n < most && bytes[at + n] === bytes[first + n]) n++;
      common = n;
      if (common === 0) break;
    }
    return common;
  }
}

/** The numbers 0 to before `count`. */
export function upTo(count: number): Uint32Array<ArrayBuffer> {
  const all = new Uint32Array(count);
  for (let i = 0; i < count; i++) all[i] = i;
  return all;
}

/** Order of elements by their weights, and of those that weigh the same by their bytes. */
export function compareWeights(weights: Float64Array, elements: ByteStrings): (i: number, j: number) => number {
  return (i, j) => {
    if (weights[i] === weights[j]) return elements.compare(i, j);
    return weights[i] < weights[j] ? -1 : 1;
  };
}

/**
 * The `count` first of the numbers 0 to before `total`, in their order. For few of many: those found so far are a heap with the last of them on top, which
 * most numbers are only compared with.
 */
export function firstOf(total: number, count: number, compare: (i: number, j: number) => number): Uint32Array {
  const heap = upTo(count);
  const sink = (from: number) => {
    const moved = heap[from];
    let at = from;
    for (let child = 2 * at + 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count && compare(heap[child + 1], heap[child]) > 0) child++;
      if (compare(heap[child], moved) <= 0) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moved;
  };
  for (let at = (count >>> 1) - 1; at >= 0; at--) sink(at);
  for (let i = count; i < total && count > 0; i++) {
    if (compare(i, heap[0]) >= 0) continue;
    heap[0] = i;
    sink(0);
  }
  return heap.sort(compare);
}

/** The order of elements by their weights, lowest first; those that weigh the same stand in the order of their bytes. */
export function byWeight(weights: Float64Array, elements: ByteStrings): Uint32Array {
  const order = ascending(weights, () => 0);
  for (let from = 0; from < order.length; ) {
    let end = from + 1;
    while (end < order.length && weights[order[end]] === weights[order[from]]) end++;
    if (end - from > 1) order.set(elements.sorted(order.subarray(from, end)), from);
    from = end;
  }
  return order;
}

/** A double holds so many exactly. */
const LEADING_BYTES = 6;
/** Runs of so many are sorted by insertion. */
const RUN = 12;

/**
 * The indices of `numbers` in ascending order; where two are equal `tie` decides, and where that is 0, the order they had. A merge sort of numbers and
 * indices side by side: what is compared lies together in memory, which is most of its speed.
 */
function ascending(numbers: Float64Array, tie: (i: number, j: number) => number): Uint32Array {
  const count = numbers.length;
  let keys = numbers.slice();
  let indices = upTo(count);
  let keysTo = new Float64Array(count);
  let indicesTo = new Uint32Array(count);
  for (let from = 0; from < count; from += RUN) insertionSort(keys, indices, from, Math.min(from + RUN, count), tie);
  for (let width = RUN; width < count; width *= 2) {
    for (let from = 0; from < count; from += 2 * width) {
      const middle = Math.min(from + width, count);
      const end = Math.min(from + 2 * width, count);
      let a = from;
      let b = middle;
      for (let to = from; to < end; to++) {
        const takesB =
          a === middle || (b < end && (keys[b] < keys[a] || (keys[b] === keys[a] && tie(indices[b], indices[a]) < 0)));
        const taken = takesB ? b++ : a++;
        keysTo[to] = keys[taken];
        indicesTo[to] = indices[taken];
      }
    }
    [keys, keysTo] = [keysTo, keys];
    [indices, indicesTo] = [indicesTo, indices];
  }
  return indices;
}

function insertionSort(
  keys: Float64Array,
  indices: Uint32Array,
  from: number,
  end: number,
  tie: (i: number, j: number) => number,
): void {
  for (let i = from + 1; i < end; i++) {
    const key = keys[i];
    const index = indices[i];
    let j = i;
    for (; j > from && (key < keys[j - 1] || (key === keys[j - 1] && tie(index, indices[j - 1]) < 0)); j--) {
      keys[j] = keys[j - 1];
      indices[j] = indices[j - 1];
    }
    keys[j] = key;
    indices[j] = index;
  }
}

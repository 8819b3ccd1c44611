/**
 * Which of some replies are those of writes: where they lie, and the log entry that each waits for.
 *
 *   replies   +OK.. | $1..x.. | +PONG.. | :3..        marks   0 to 5: entry 7     19 to 23: entry 8
 *
 * Made for every write, so it is three numbers in an array that is used again from turn to turn; needed only when the log fails (gate.ts).
 */

/** Numbers of a mark: where the reply begins, where it ends, the sequence of its entry. */
const MARK = 3;
const FIRST_MARKS = 8;

/** In the order of the replies, which do not overlap. */
export class WriteMarks {
  #marks = new Float64Array(FIRST_MARKS * MARK);
  #length = 0;

  /** The reply in [from, to), which lies behind all that are marked, waits for `sequence`. Hot: nothing is allocated but when it grows. */
  add(from: number, to: number, sequence: number): void {
    const at = this.#length;
    if (at === this.#marks.length) this.#grow();
    const marks = this.#marks;
    marks[at] = from;
    marks[at + 1] = to;
    marks[at + 2] = sequence;
    this.#length = at + MARK;
  }

  /** Forgets those at `from` and behind it: their replies lie elsewhere now, or have left. */
  cut(from: number): void {
    while (this.#length > 0 && (this.#marks[this.#length - MARK] as number) >= from) this.#length -= MARK;
  }

  /** Forgets all. */
  reset(): void {
    this.#length = 0;
  }

  /** A copy of its own, null where nothing is marked. */
  copy(): WriteMarks | null {
    if (this.#length === 0) return null;
    const copy = new WriteMarks();
    copy.#marks = this.#marks.slice(0, this.#length);
    copy.#length = this.#length;
    return copy;
  }

  /** Adds those of [from, to) to `target`, or to a new one, as if `from` were `at`. Returns null where there was neither. */
  range(from: number, to: number, target: WriteMarks | null, at: number): WriteMarks | null {
    let marks = target;
    for (let i = this.#firstFrom(from); i < this.#length && (this.#marks[i] as number) < to; i += MARK) {
      marks ??= new WriteMarks();
      const shift = at - from;
      marks.add(
        shift + (this.#marks[i] as number),
        shift + (this.#marks[i + 1] as number),
        this.#marks[i + 2] as number,
      );
    }
    return marks;
  }

  /**
   * The replies `bytes[from, to)` with `error` in place of each whose entry is above `acked`, and how many these are; null where there is
   * none. Neither begins nor ends `[from, to)` inside a marked reply.
   */
  refuse(
    bytes: Buffer,
    from: number,
    to: number,
    acked: number,
    error: Buffer,
  ): { readonly bytes: Buffer; readonly count: number } | null {
    const pieces: Buffer[] = [];
    let count = 0;
    let done = from;
    for (let i = this.#firstFrom(from); i < this.#length && (this.#marks[i] as number) < to; i += MARK) {
      if ((this.#marks[i + 2] as number) <= acked) continue;
      pieces.push(bytes.subarray(done, this.#marks[i]), error);
      done = this.#marks[i + 1] as number;
      count++;
    }
    if (count === 0) return null;
    pieces.push(bytes.subarray(done, to));
    return { bytes: Buffer.concat(pieces), count };
  }

  /** Index of the first mark that does not begin before `from`. */
  #firstFrom(from: number): number {
    let low = 0;
    let high = this.#length / MARK;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#marks[middle * MARK] as number) < from) low = middle + 1;
      else high = middle;
    }
    return low * MARK;
  }

  #grow(): void {
    const larger = new Float64Array(this.#marks.length * 2);
    larger.set(this.#marks);
    this.#marks = larger;
  }
}

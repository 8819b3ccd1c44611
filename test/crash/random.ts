/** Random numbers that a seed repeats. A run prints its seed; HEARTHKV_SEED gives the next run the same one. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** Whole, from `least` to `most`. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  pick<T>(values: readonly T[]): T {
    return values[this.whole(0, values.length - 1)] as T;
  }
}

/** A seed for this run, printed so that a failure can be repeated. */
export function printedSeed(what: string): number {
  const seed = Number(process.env.HEARTHKV_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`${what}: HEARTHKV_SEED=${seed}`);
  return seed;
}

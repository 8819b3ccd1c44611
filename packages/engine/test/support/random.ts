/** A seeded generator (mulberry32): tests print the seed, and the same seed gives the same run. */
export class Random {
  #state: number;
  readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };

  /** Integer in [0, n). */
  int(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)] as T;
  }
}

/** The seed of a run: HEARTHKV_SEED, or a new one. */
export function seedOf(name: string): number {
  const seed = Number(process.env.HEARTHKV_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`${name}: HEARTHKV_SEED=${seed}`);
  return seed;
}

/**
 * The two times of a server. What happened when, and when keys expire, is told by the wall clock, which an operator or NTP may set; how long
 * something lasts is told by the monotonic one, which nothing sets.
 */
export class Clock {
  /** monotonicMs() of the last tick(): at most some tenths of a second ago, and free. */
  recentMs: number;
  readonly #wall: () => number;
  readonly #monotonic: () => number;

  /** @param wall milliseconds since 1970; @param monotonic milliseconds since any moment */
  constructor(wall: () => number = Date.now, monotonic: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.recentMs = monotonic();
  }

  /** Milliseconds since 1970. */
  wallMs(): number {
    return this.#wall();
  }

  /** Milliseconds since some moment; only differences mean anything. */
  monotonicMs(): number {
    return this.#monotonic();
  }

  /** Brings `recentMs` up to date, and returns it; the cron calls it ten times a second. */
  tick(): number {
    this.recentMs = this.#monotonic();
    return this.recentMs;
  }
}

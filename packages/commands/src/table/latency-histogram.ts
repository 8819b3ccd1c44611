/**
 * How long the calls of a command took: counts in buckets that are wide as the values in them are large, so that two digits of each value are right (the layout
 * of HdrHistogram, G. Tene). Nanoseconds; a value above the last bucket's is counted there.
 */
const SUB_BUCKETS = 256;
const HALF = SUB_BUCKETS / 2;
const TOP_BITS = 30;
const BUCKETS = (TOP_BITS - 7 + 1) * HALF;
const NS_MAX = 2 ** TOP_BITS - 1;
const FIRST_LEVEL = 1024;

/** About 24 KB. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  total = 0;

  /** @param calls how many took about so long */
  add(usec: number, calls: number): void {
    this.#counts[bucketOf(usec * 1000)] += calls;
    this.total += calls;
  }

  /** Microseconds within which so many percent of the calls ended. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.floor((Math.min(percent, 100) / 100) * this.total + 0.5));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i];
      if (seen >= wanted) return lastNsOf(i) / 1000;
    }
    return 0;
  }

  /** Pairs of microseconds, each about twice that before, and how many calls took at most so long; only those where some were added. */
  cumulative(): [usec: number, calls: number][] {
    const steps: [number, number][] = [];
    let seen = 0;
    let at = 0;
    for (let level = FIRST_LEVEL; seen < this.total; level *= 2) {
      const last = bucketOf(level);
      const before = seen;
      while (at <= last) seen += this.#counts[at++];
      if (seen > before) steps.push([Math.floor(lastNsOf(last) / 1000), seen]);
    }
    return steps;
  }
}

function bucketOf(ns: number): number {
  const value = Math.max(0, Math.min(NS_MAX, Math.floor(ns)));
  const shift = 24 - Math.clz32(value | (SUB_BUCKETS - 1));
  return shift * HALF + (value >>> shift);
}

/** The largest value that the bucket holds. */
function lastNsOf(bucket: number): number {
  const shift = Math.max(0, Math.floor(bucket / HALF) - 1);
  return (bucket - shift * HALF + 1) * 2 ** shift - 1;
}

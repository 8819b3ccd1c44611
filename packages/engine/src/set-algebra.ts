/**
 * Intersection, union and difference of sets and sorted sets: one algorithm for each, which SINTER and ZINTER and their kin share. A set counts as a sorted set
 * whose scores are all 1. What they find goes to a visitor, or into a collection that lies in no record yet (built-members.ts): the database changes only
 * when Database.put() or restore() stores that.
 */
import { BuiltSet, BuiltZset } from "./built-members.js";
import { hashKey } from "./hash.js";
import type { KeyStore } from "./key-store.js";
import { MemberSource, type MemberVisitor } from "./member-source.js";
import type { StoreHome } from "./store-home.js";
import { ByteSink } from "./types/byte-sink.js";
import { TYPE_NONE, TYPE_SET, TYPE_ZSET } from "./types/type-codes.js";

/** Makes one score of those that a member has in two sorted sets. */
export type Aggregate = (score: number, other: number) => number;

/** AGGREGATE SUM. Opposite infinities give 0. */
export const sumOfScores: Aggregate = (score, other) => numberOrZero(score + other);
/** AGGREGATE MIN. What is no number (infinity times 0) changes nothing, as in Redis. */
export const lowerScore: Aggregate = (score, other) => {
  if (other < score) return other;
  return score;
};
/** AGGREGATE MAX. The same. */
export const higherScore: Aggregate = (score, other) => {
  if (other > score) return other;
  return score;
};

export class SetAlgebra {
  readonly #keys: KeyStore;
  readonly #home: StoreHome;

  constructor(keys: KeyStore) {
    this.#keys = keys;
    this.#home = keys.keyspace;
  }

  /**
   * What `count` keys hold, byte ranges of `buf` from number `first` on; a key that does not exist is empty. Null where one holds something else than a set
   * or, with `orScores`, a sorted set. They are void with the next change of the database, and the lookup of an expired key is one.
   */
  sources(
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
    orScores: boolean,
  ): MemberSource[] | null {
    const keys = this.#keys;
    // Expired keys go in this pass, so that nothing changes in the next.
    for (let i = first; i < first + count; i++) {
      const type = keys.lookupRead(buf, off[i], len[i]);
      if (type !== TYPE_NONE && type !== TYPE_SET && !(orScores && type === TYPE_ZSET)) return null;
    }
    return Array.from({ length: count }, (_, i) => {
      keys.locate(buf, off[first + i], len[first + i]);
      return new MemberSource(keys);
    });
  }

  /**
   * Visits the members that are in all sources, until the visitor says false. Those of the smallest one are looked for in the others, which goes on with the next
   * larger: sums of doubles depend on the order, and this is Redis's.
   */
  intersect(sources: readonly MemberSource[], aggregate: Aggregate, visit: MemberVisitor): void {
    const [smallest, ...others] = bySize(sources);
    if (smallest.size === 0) return;
    smallest.each((buf, off, len, own) => {
      const hash = this.#hashOf(buf, off, len);
      let score = numberOrZero(own * smallest.weight);
      for (const other of others) {
        const value = other.score(hash, buf, off, len);
        if (Number.isNaN(value)) return true;
        score = aggregate(score, value * other.weight);
      }
      return visit(buf, off, len, score);
    });
  }

  /**
   * Visits the members of the first source that are in none of the others, with their scores, until the visitor says false. Each of them is looked for in the
   * others, the largest first; where that may take longer than to remove all of theirs from a copy, that is done (Redis chooses so, too).
   */
  subtract(sources: readonly MemberSource[], visit: MemberVisitor): void {
    const [from, ...others] = sources;
    const all = bySize(others.filter((source) => source.size > 0)).reverse();
    const lookups = (from.size * (1 + all.length)) / 2;
    const removals = all.reduce((sum, source) => sum + source.size, from.size);
    if (lookups <= removals) {
      from.each((buf, off, len, score) => {
        const hash = this.#hashOf(buf, off, len);
        for (const other of all) if (!Number.isNaN(other.score(hash, buf, off, len))) return true;
        return visit(buf, off, len, score);
      });
      return;
    }
    const rest = this.unite([from]);
    try {
      for (const other of all) {
        other.each((buf, off, len) => {
          rest.remove(this.#hashOf(buf, off, len), buf, off, len);
          return rest.size > 0;
        });
      }
      rest.each((buf, off, len) => visit(buf, off, len, from.score(this.#hashOf(buf, off, len), buf, off, len)));
    } finally {
      rest.free();
    }
  }

  /** The members of all sources as a set: the largest one is copied as it lies in memory, and the others are added. To be stored or freed. */
  unite(sources: readonly MemberSource[]): BuiltSet {
    return built(new BuiltSet(this.#home), (set) => {
      for (const source of bySize(sources).reverse()) {
        if (set.size === 0 && source.largeSet !== null) set.copyFrom(source.largeSet);
        else {
          source.each((buf, off, len) => {
            set.include(this.#hashOf(buf, off, len), buf, off, len);
            return true;
          });
        }
      }
    });
  }

  /**
   * The members of all sources as a sorted set. Begins with the smallest one, as Redis does: sums of doubles depend on it. To be stored or freed.
   * @param keepsSign whether -0 stays one: in a reply it does, and is stored as 0
   */
  uniteScores(sources: readonly MemberSource[], aggregate: Aggregate, keepsSign: boolean): BuiltZset {
    return built(new BuiltZset(this.#home), (zset) => {
      zset.reserve(Math.max(...sources.map(({ size }) => size)));
      for (const source of bySize(sources)) {
        source.each((buf, off, len, score) => {
          const weighted = numberOrZero(score * source.weight);
          zset.merge(this.#hashOf(buf, off, len), buf, off, len, weighted, aggregate);
          return true;
        });
      }
      zset.order(keepsSign);
    });
  }

  /** What `find` visits, each member once, as an encoded set (`count:u32, member*`), which Database.restore() stores. */
  encode(find: (visit: MemberVisitor) => void): ByteSink {
    const slice = new ByteSink();
    slice.u32(0);
    let count = 0;
    find((buf, off, len) => {
      slice.blob(buf, off, len);
      return ++count > 0;
    });
    slice.setU32(0, count);
    return slice;
  }

  /** What `find` visits, each member once, as a sorted set; see uniteScores(). */
  collectScores(find: (visit: MemberVisitor) => void, keepsSign: boolean): BuiltZset {
    return built(new BuiltZset(this.#home), (zset) => {
      find((buf, off, len, score) => {
        zset.add(this.#hashOf(buf, off, len), buf, off, len, score);
        return true;
      });
      zset.order(keepsSign);
    });
  }

  #hashOf(buf: Uint8Array, off: number, len: number): number {
    return hashKey(this.#home.seed, buf, off, len);
  }
}

/** Fills what is to be built; where that fails, it gives back what it has. */
function built<T extends { free(): void }>(made: T, fill: (made: T) => void): T {
  try {
    fill(made);
  } catch (error) {
    made.free();
    throw error;
  }
  return made;
}

/** The smallest first; those of one size stay in their order. */
function bySize(sources: readonly MemberSource[]): MemberSource[] {
  return sources.toSorted((a, b) => a.size - b.size);
}

/** Redis takes 0 for infinity times 0 and for the sum of opposite infinities. */
function numberOrZero(score: number): number {
  return Number.isNaN(score) ? 0 : score;
}

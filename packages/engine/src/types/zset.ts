import { type ByteSink, ByteSource } from "./byte-sink.js";
import { COLLECTION_BYTES, type Collection, stringBytes } from "./collection.js";
import { DENSE_KEY_BYTES } from "./dense-keys.js";
import { DenseMap } from "./dense-map.js";
import { ScoreTree } from "./score-tree.js";
import { TYPE_ZSET } from "./type-codes.js";

/** Result of {@link ZsetValue.add}: the member is new. */
export const ZSET_NEW = -1;
/** Result of {@link ZsetValue.add}: it had this score already. */
export const ZSET_SAME = 0;
/** Result of {@link ZsetValue.add}: it had another score. */
export const ZSET_UPDATED = 1;

const ZSET_BYTES = 2 * COLLECTION_BYTES; // a map and a tree
const PAIR_BYTES = DENSE_KEY_BYTES + 8 + 24; // its score in the map; score, member and slack in the tree

/**
 * A sorted set: members by name in a map, by (score, member bytes) in a counted tree. All O(log n).
 *
 * Ranges are half-open intervals of ranks, [from, to). `rankLower(min, exclusive)` gives the `from` and
 * `rankUpper(max, exclusive)` the `to` of a range of scores; an interval with from >= to is empty. The rank from the
 * highest on is size - 1 - rank. Slices are `count:u32, (score:f64, member)*`, lowest first.
 */
export class ZsetValue implements Collection {
  readonly type = TYPE_ZSET;
  bytes = ZSET_BYTES;
  ref = 0;
  snapshotEpoch = 0;
  #scores = new DenseMap<number>();
  #tree = new ScoreTree();

  get size(): number {
    return this.#scores.size;
  }

  /** Member found by {@link at}. */
  get outMember(): string {
    return this.#tree.outMember;
  }

  /** Score found by {@link at}. */
  get outScore(): number {
    return this.#tree.outScore;
  }

  /**
   * Adds a member or gives it another score: ZSET_NEW, ZSET_SAME or ZSET_UPDATED. -0 is kept, and equals 0.
   * @throws RangeError for NaN, which has no place in the order
   */
  add(member: string, score: number): -1 | 0 | 1 {
    if (Number.isNaN(score)) throw new RangeError("a score must be a number");
    const slot = this.#scores.slotOf(member);
    if (slot < 0) {
      this.#scores.append(member, score);
      this.#tree.add(score, member);
      this.bytes += stringBytes(member) + PAIR_BYTES;
      return ZSET_NEW;
    }
    const before = this.#scores.valueAt(slot);
    if (before === score) return ZSET_SAME;
    this.#tree.delete(before, member);
    this.#tree.add(score, member);
    this.#scores.setValueAt(slot, score);
    return ZSET_UPDATED;
  }

  /** True when the member was there. */
  delete(member: string): boolean {
    const slot = this.#scores.slotOf(member);
    if (slot < 0) return false;
    this.#tree.delete(this.#scores.valueAt(slot), member);
    this.#scores.deleteAt(slot);
    this.bytes -= stringBytes(member) + PAIR_BYTES;
    return true;
  }

  has(member: string): boolean {
    return this.#scores.has(member);
  }

  /** Undefined when absent. */
  score(member: string): number | undefined {
    return this.#scores.get(member);
  }

  /** Rank from the lowest on, -1 when absent. */
  rank(member: string): number {
    const score = this.#scores.get(member);
    return score === undefined ? -1 : this.#tree.rank(score, member);
  }

  /** Sets outMember and outScore to those of a rank; false outside 0 .. size-1. */
  at(rank: number): boolean {
    return this.#tree.at(rank);
  }

  /** Members with a score below `score`. */
  countLess(score: number): number {
    return this.#tree.countByScore(score, false);
  }

  /** Members with a score of at most `score`. */
  countLessOrEqual(score: number): number {
    return this.#tree.countByScore(score, true);
  }

  /** First rank of the range of scores that begins at `min`. */
  rankLower(min: number, exclusive: boolean): number {
    return this.#tree.countByScore(min, exclusive);
  }

  /** Rank behind the last of the range of scores that ends at `max`. */
  rankUpper(max: number, exclusive: boolean): number {
    return this.#tree.countByScore(max, !exclusive);
  }

  /** First rank of the range of members that begins at `min`. All scores must be the same, else it says nothing. */
  rankLowerLex(min: string, exclusive: boolean): number {
    return this.#tree.countByMember(min, exclusive);
  }

  /** Rank behind the last of the range of members that ends at `max`. All scores must be the same. */
  rankUpperLex(max: string, exclusive: boolean): number {
    return this.#tree.countByMember(max, !exclusive);
  }

  /** Visits ranks [from, to), lowest first. */
  iterate(from: number, to: number, visit: (member: string, score: number) => void): void {
    this.#tree.iterate(from, to, visit);
  }

  /** Visits ranks [from, to), highest first. */
  iterateReverse(from: number, to: number, visit: (member: string, score: number) => void): void {
    this.#tree.iterateReverse(from, to, visit);
  }

  /** Member in a slot, 0 .. size-1, in no order. Slots change with deletions. */
  memberAt(slot: number): string {
    return this.#scores.keyAt(slot);
  }

  /** Score of the member in a slot. */
  scoreAt(slot: number): number {
    return this.#scores.valueAt(slot);
  }

  /** Slot of a random member. `random` gives [0, 1); the set must not be empty. */
  randomSlot(random: () => number): number {
    return this.#scores.randomSlot(random);
  }

  /** Visits about `count` members; 0 begins and ends. A member present during the whole scan is visited at least once. */
  scan(cursor: number, count: number, visit: (member: string, score: number) => void): number {
    return this.#scores.scan(cursor, count, visit);
  }

  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    const countAt = out.length;
    out.u32(0);
    let rank = cursor;
    while ((rank === cursor || out.length - countAt < maxBytes) && this.#tree.at(rank)) {
      out.f64(this.#tree.outScore);
      out.str(this.#tree.outMember);
      rank++;
    }
    out.setU32(countAt, rank - cursor);
    return rank < this.size ? rank : -1;
  }

  free(): void {}

  decodeInto(bytes: Uint8Array, off: number, len: number): void {
    const source = new ByteSource(bytes, off, len);
    for (let left = source.u32(); left > 0; left--) {
      const score = source.f64();
      this.add(source.str(), score);
    }
  }
}

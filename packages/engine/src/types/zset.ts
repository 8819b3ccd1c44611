import type { Memory } from "../memory.js";
import { type ByteSink, ByteSource } from "./byte-sink.js";
import type { Collection, FrozenCollection, Resting } from "./collection.js";
import { MemberTable, type TableHome } from "./member-table.js";
import { sortEntries } from "./score-order.js";
import { ScoreTree } from "./score-tree.js";
import { TYPE_ZSET } from "./type-codes.js";

/** What a member is visited with: its bytes, valid during the call, and its score. */
export type ScoreVisitor = (buf: Uint8Array, off: number, len: number, score: number) => void;

/** A score, and a length without bytes. */
const LEAST_ENTRY_BYTES = 12;

/**
 * A sorted set that is not packed: members with their scores in a table, (score, member bytes) in a counted tree. All O(log n).
 *
 * Ranges are half-open intervals of ranks, [from, to); one with from >= to is empty. The rank from the highest on is size - 1 - rank. Slices are
 * `count:u32, (score:f64, member)*`, lowest first.
 */
export class ZsetValue implements Collection, Resting {
  readonly type = TYPE_ZSET;
  ref = 0;
  snapshotEpoch = 0;
  readonly memory: Memory;
  readonly #table: MemberTable;
  readonly #tree: ScoreTree;

  constructor(home: TableHome) {
    this.memory = home.memory;
    this.#table = new MemberTable(home, "number", (from, to) => this.#tree.moved(this.#table.numberOf(from), from, to));
    this.#tree = new ScoreTree(this.#table, home.memory);
  }

  get size(): number {
    return this.#table.size;
  }

  /** Makes an empty one ready for so many members. */
  reserve(members: number): void {
    this.#table.reserve(members);
  }

  /** Where its elements are found. */
  get table(): MemberTable {
    return this.#table;
  }

  get bytes(): number {
    return this.#table.bytes + this.#tree.bytes;
  }

  /** Hash of a member, for `findHashed` and `add`. */
  hashOf(buf: Uint8Array, off: number, len: number): number {
    return this.#table.hashOf(buf, off, len);
  }

  /** Place of a member, 0 when absent. Any change of the set makes it void. */
  find(buf: Uint8Array, off: number, len: number): number {
    return this.findHashed(this.hashOf(buf, off, len), buf, off, len);
  }

  /** The same where its hash is known. */
  findHashed(hash: number, buf: Uint8Array, off: number, len: number): number {
    return this.#table.find(hash, buf, off, len);
  }

  /** Score of the member at a place. */
  scoreOf(place: number): number {
    return this.#table.numberOf(place);
  }

  /** Rank of the member at a place, from the lowest on. */
  rankOf(place: number): number {
    return this.#tree.rank(this.#table.numberOf(place), place);
  }

  /** Adds a member that is known to be absent. -0 is kept, and equals 0; a score is never NaN. */
  add(hash: number, buf: Uint8Array, off: number, len: number, score: number): void {
    const place = this.#table.add(hash, buf, off, len);
    this.#table.setNumber(place, score);
    try {
      this.#tree.add(score, place);
    } catch (error) {
      // No memory for a node.
      this.#table.remove(place);
      throw error;
    }
  }

  /** Adds a member that is known to be absent to a sorted set that is being made: order() ends that, and before it there are no ranks. */
  addUnordered(hash: number, buf: Uint8Array, off: number, len: number, score: number): void {
    this.#table.setNumber(this.#table.add(hash, buf, off, len), score);
  }

  /** Gives the member at a place another score; as addUnordered(). */
  setUnordered(place: number, score: number): void {
    this.#table.setNumber(place, score);
  }

  /** Puts what addUnordered() has added in order. Without `keepsSign` -0 becomes 0. */
  order(keepsSign: boolean): void {
    const table = this.#table;
    const scores = new Float64Array(this.size);
    const refs = new Int32Array(this.size);
    let count = 0;
    for (let ref = table.after(0); ref !== 0; ref = table.after(ref)) {
      const score = table.numberOf(ref);
      if (score === 0 && !keepsSign) table.setNumber(ref, 0);
      scores[count] = keepsSign ? score : score + 0;
      refs[count++] = ref;
    }
    sortEntries(scores, refs, table);
    this.#tree.fill(scores, refs);
  }

  /** Gives the member at a place another score. */
  setScore(place: number, score: number): void {
    // What may fail for want of memory comes before anything changes.
    this.#table.keep(place);
    const before = this.#table.numberOf(place);
    if (score === before) {
      // 0 for -0, or the other way round.
      this.#tree.moved(score, place, place);
    } else {
      this.#tree.add(score, place);
      this.#tree.delete(before, place);
    }
    this.#table.setNumber(place, score);
  }

  /** Deletes the member at a place. */
  delete(place: number): void {
    this.#table.keep(place);
    this.#tree.delete(this.#table.numberOf(place), place);
    this.#table.remove(place);
  }

  /** Deletes the member at a rank, 0 .. size-1. */
  deleteAt(rank: number): void {
    if (this.#table.isFrozen) this.#table.keep(this.at(rank));
    this.#tree.deleteAt(rank);
    this.#table.remove(this.#tree.outRef);
  }

  /** Makes deleteAt() of the members with ranks [from, to) quicker, if that comes next. Some dozens are enough. */
  touch(from: number, to: number): void {
    this.#tree.touch(from, to);
  }

  /** Place of the member at a rank, 0 .. size-1. */
  at(rank: number): number {
    return this.#tree.at(rank) ? this.#tree.outRef : 0;
  }

  /** Visits the member at a place. */
  visit(place: number, visit: ScoreVisitor): void {
    const table = this.#table;
    visit(table.bytesOf(place), table.offsetOf(place), table.lengthOf(place), table.numberOf(place));
  }

  /** Members with a score below `score`; with `orEqual` also those with that score. */
  countByScore(score: number, orEqual: boolean): number {
    return this.#tree.countByScore(score, orEqual);
  }

  /** Members below a byte string, or (with `orEqual`) not above it. All scores must be the same, else it says nothing. */
  countByMember(buf: Uint8Array, off: number, len: number, orEqual: boolean): number {
    return this.#tree.countByMember(buf, off, len, orEqual);
  }

  /** Visits ranks [from, to), lowest first, or highest first. */
  iterate(from: number, to: number, reverse: boolean, visit: ScoreVisitor): void {
    const table = this.#table;
    const visitEntry = (place: number, score: number) =>
      visit(table.bytesOf(place), table.offsetOf(place), table.lengthOf(place), score);
    if (reverse) this.#tree.iterateReverse(from, to, visitEntry);
    else this.#tree.iterate(from, to, visitEntry);
  }

  /** Visits about `count` members; 0 begins and ends. A member present during the whole scan is visited at least once. */
  scan(cursor: number, count: number, visit: ScoreVisitor): number {
    return this.#table.scan(cursor, count, (place) => this.visit(place, visit));
  }

  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    const countAt = out.length;
    out.u32(0);
    let rank = cursor;
    while (rank < this.size && (rank === cursor || out.length - countAt < maxBytes)) {
      this.visit(this.at(rank++), (buf, off, len, score) => {
        out.f64(score);
        out.blob(buf, off, len);
      });
    }
    out.setU32(countAt, rank - cursor);
    return rank < this.size ? rank : -1;
  }

  decodeInto(bytes: Uint8Array, off: number, len: number): void {
    const source = new ByteSource(bytes, off, len);
    const size = source.u32();
    this.#table.reserve(Math.min(size, source.remaining / LEAST_ENTRY_BYTES));
    for (let left = size; left > 0; left--) {
      const score = source.f64();
      if (Number.isNaN(score)) throw new RangeError("a score must be a number");
      const count = source.blob();
      const hash = this.hashOf(source.bytes, source.blobAt, count);
      const place = this.findHashed(hash, source.bytes, source.blobAt, count);
      if (place === 0) this.add(hash, source.bytes, source.blobAt, count, score);
      else this.setScore(place, score);
    }
  }

  copyFrom(source: ZsetValue): void {
    this.#table.copyFrom(source.#table, (moved) => this.#tree.copyFrom(source.#tree, moved));
  }

  freeze(): FrozenCollection {
    return this.#table.freeze();
  }

  thaw(): void {
    this.#table.thaw();
  }

  get restWords(): number {
    const table = this.#table.restWords;
    const tree = this.#tree.restWords;
    return table === 0 || tree === 0 ? 0 : table + tree;
  }

  rest(m: Int32Array, w: number): void {
    this.#tree.rest(m, this.#table.rest(m, w));
  }

  wake(m: Int32Array, w: number): void {
    this.#tree.wake(m, this.#table.wake(m, w));
  }

  free(): void {
    this.#table.clear();
    this.#tree.clear();
  }
}

/** A set or sorted set to read from, found once: what set algebra works on. */
import type { KeyStore } from "./key-store.js";
import { metaType } from "./record.js";
import { SetValue, type ZsetValue } from "./types/index.js";
import {
  elementLength,
  elementStart,
  findElement,
  nextElement,
  PACKED_HEADER_BYTES,
  packedEnd,
  packedEntries,
  scoreAt,
} from "./types/packed.js";
import { TYPE_ZSET } from "./types/type-codes.js";

/** Is given a member: a byte range that is valid during the call, and its score, which is 1 in a set. False ends the walk. */
export type MemberVisitor = (buf: Uint8Array, off: number, len: number, score: number) => boolean;

const NO_BYTES = new Uint8Array(0);
/** Members of a large sorted set that are visited in one walk, before it is asked whether that is enough. */
const STEP = 256;

/** Void with the next change of the database that it is in. */
export class MemberSource {
  readonly size: number;
  /** What scores are multiplied with. */
  weight = 1;
  /** Scores do not matter: each is taken for 1 (AGGREGATE COUNT). */
  countsOnly = false;
  /** The collection where it is no packed one, and where that is. */
  readonly #value: SetValue | ZsetValue | null;
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #hasScores: boolean;

  /** What the cursor of `keys` is on: a set, a sorted set, or a free key, which is an empty one. */
  constructor({ shard, ref }: KeyStore) {
    const isPacked = ref !== 0 && shard.isInline(ref);
    this.#hasScores = ref !== 0 && metaType(shard.meta(ref)) === TYPE_ZSET;
    this.#value = ref === 0 || isPacked ? null : (shard.value(ref) as SetValue | ZsetValue);
    this.#bytes = isPacked ? shard.bytesOf(ref) : NO_BYTES;
    this.#at = isPacked ? shard.valueOffset(ref) : 0;
    this.size = isPacked ? packedEntries(this.#bytes, this.#at) : (this.#value?.size ?? 0);
  }

  /** The large set that this is; null where it is something else. */
  get largeSet(): SetValue | null {
    return this.#value instanceof SetValue ? this.#value : null;
  }

  /** Score of a member, whose hash this is (SetValue.hashOf); NaN where it is absent. */
  score(hash: number, buf: Uint8Array, off: number, len: number): number {
    if (this.size === 0) return Number.NaN;
    if (this.#value !== null) {
      const place = this.#value.findHashed(hash, buf, off, len);
      if (place === 0) return Number.NaN;
      return this.#value instanceof SetValue || this.countsOnly ? 1 : this.#value.scoreOf(place);
    }
    const p = findElement(this.#bytes, this.#at, this.#hasScores ? 2 : 1, buf, off, len);
    if (p === 0) return Number.NaN;
    return this.#hasScores && !this.countsOnly ? scoreAt(this.#bytes, nextElement(this.#bytes, p)) : 1;
  }

  /** Visits every member, until the visitor says false. */
  each(visit: MemberVisitor): void {
    const value = this.#value;
    if (value === null) this.#eachPacked(visit);
    else if (value instanceof SetValue) value.each((buf, off, len) => visit(buf, off, len, 1));
    else {
      let goesOn = true;
      for (let rank = 0; rank < this.size && goesOn; rank += STEP) {
        value.iterate(rank, Math.min(this.size, rank + STEP), false, (buf, off, len, score) => {
          if (goesOn) goesOn = visit(buf, off, len, this.countsOnly ? 1 : score);
        });
      }
    }
  }

  #eachPacked(visit: MemberVisitor): void {
    if (this.size === 0) return;
    const bytes = this.#bytes;
    const end = this.#at + packedEnd(bytes, this.#at);
    for (let p = this.#at + PACKED_HEADER_BYTES; p < end; ) {
      const behind = nextElement(bytes, p);
      const score = this.#hasScores && !this.countsOnly ? scoreAt(bytes, behind) : 1;
      if (!visit(bytes, elementStart(bytes, p), elementLength(bytes, p), score)) return;
      p = this.#hasScores ? nextElement(bytes, behind) : behind;
    }
  }
}

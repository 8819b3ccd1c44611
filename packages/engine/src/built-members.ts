/** Sets and sorted sets that a command makes of others: they lie in no record until Database.put() stores them, and are to be freed where it does not. */
import type { EffectLog } from "./effects.js";
import { type ScoreVisitor, SetValue, ZsetValue } from "./types/index.js";
import type { TableHome } from "./types/member-table.js";

/** Bytes of a length, and of a score, in an encoded collection. */
const LENGTH_BYTES = 4;
const SCORE_BYTES = 8;

/** A set being built. Hashes are those of its members (SetValue.hashOf). */
export class BuiltSet {
  readonly value: SetValue;
  /** Bytes that write() writes. */
  bytes = LENGTH_BYTES;

  constructor(home: TableHome) {
    this.value = new SetValue(home);
  }

  get size(): number {
    return this.value.size;
  }

  /** Becomes a copy of a set; it has no members so far. */
  copyFrom(source: SetValue): void {
    this.value.copyFrom(source);
    source.each((_buf, _off, len) => {
      this.bytes += LENGTH_BYTES + len;
    });
  }

  /** Adds a member that is known to be absent. */
  add(hash: number, buf: Uint8Array, off: number, len: number): void {
    this.value.addHashed(hash, buf, off, len);
    this.bytes += LENGTH_BYTES + len;
  }

  /** Adds a member that may be there. */
  include(hash: number, buf: Uint8Array, off: number, len: number): void {
    if (this.value.findHashed(hash, buf, off, len) === 0) this.add(hash, buf, off, len);
  }

  /** Removes a member that may be absent. */
  remove(hash: number, buf: Uint8Array, off: number, len: number): void {
    const place = this.value.findHashed(hash, buf, off, len);
    if (place === 0) return;
    this.value.delete(place);
    this.bytes -= LENGTH_BYTES + len;
  }

  /** Visits the members, until the visitor says false. */
  each(visit: (buf: Uint8Array, off: number, len: number) => unknown): void {
    this.value.each(visit);
  }

  /** Writes the set as an encoded value into the open mutation. */
  write(effects: EffectLog): void {
    effects.u32(this.size);
    this.each((buf, off, len) => effects.blob(buf, off, len));
  }

  free(): void {
    this.value.free();
  }
}

/** A sorted set being built: members come in any order, and order() ends it. */
export class BuiltZset {
  readonly value: ZsetValue;
  /** Bytes that write() writes. */
  bytes = LENGTH_BYTES;

  constructor(home: TableHome) {
    this.value = new ZsetValue(home);
  }

  get size(): number {
    return this.value.size;
  }

  /** At least so many members will come. */
  reserve(members: number): void {
    this.value.reserve(members);
  }

  /** Adds a member that is known to be absent. */
  add(hash: number, buf: Uint8Array, off: number, len: number, score: number): void {
    this.value.addUnordered(hash, buf, off, len, score);
    this.bytes += SCORE_BYTES + LENGTH_BYTES + len;
  }

  /** Adds a member, or makes one score of that it has and this one. */
  merge(
    hash: number,
    buf: Uint8Array,
    off: number,
    len: number,
    score: number,
    aggregate: (score: number, other: number) => number,
  ): void {
    const place = this.value.findHashed(hash, buf, off, len);
    if (place === 0) this.add(hash, buf, off, len, score);
    else this.value.setUnordered(place, aggregate(this.value.scoreOf(place), score));
  }

  /** All members are there: puts them in order. Without `keepsSign` -0 becomes 0. */
  order(keepsSign: boolean): void {
    this.value.order(keepsSign);
  }

  /** Visits the members, lowest first. */
  each(visit: ScoreVisitor): void {
    this.value.iterate(0, this.size, false, visit);
  }

  /** Writes the sorted set as an encoded value into the open mutation. */
  write(effects: EffectLog): void {
    effects.u32(this.size);
    this.each((buf, off, len, score) => {
      effects.f64(score);
      effects.blob(buf, off, len);
    });
  }

  free(): void {
    this.value.free();
  }
}

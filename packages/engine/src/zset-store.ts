/** Sorted sets of one database. */

import { chooseBelow } from "./choose.js";
import { compareBytes } from "./copy-bytes.js";
import { putU32 } from "./effects.js";
import { type FoundCollection, WRONG_TYPE } from "./found-collection.js";
import type { KeyStore } from "./key-store.js";
import { OP_ZSET_ADD, OP_ZSET_REMOVE, OP_ZSET_REMOVE_RANKS } from "./ops.js";
import { type ScoreVisitor, ZsetValue } from "./types/index.js";
import {
  addEntries,
  compareEntry,
  elementAt,
  elementBytes,
  elementLength,
  elementStart,
  findElement,
  nextElement,
  PACKED_HEADER_BYTES,
  PACKED_SCORES,
  packedEnd,
  packedForm,
  putElement,
  putScore,
  scoreAt,
  scoreBytes,
  setPackedKind,
} from "./types/packed.js";
import { TYPE_NONE, TYPE_ZSET } from "./types/type-codes.js";

/** Conditions of ZsetStore.add, as ZADD's options: only new members; only those that are there. */
export const ZADD_NX = 1;
export const ZADD_XX = 2;
/** Only to a higher, or to a lower score; new members are added all the same. */
export const ZADD_GT = 4;
export const ZADD_LT = 8;

/** Whether conditions let a member with the score `before` (NaN = absent) have the score `after`. */
export function zaddAllows(conditions: number, before: number, after: number): boolean {
  if (Number.isNaN(before)) return (conditions & ZADD_XX) === 0;
  if ((conditions & ZADD_NX) !== 0 || ((conditions & ZADD_GT) !== 0 && after <= before)) return false;
  return (conditions & ZADD_LT) === 0 || !(after >= before);
}

/** Bytes of a score in the log. */
const SCORE_BYTES = 8;

/** So many members are loaded into the processor's cache before they are removed. */
const TOUCHED_RANKS = 64;

export class ZsetStore {
  readonly #keys: KeyStore;
  readonly #found: FoundCollection;

  constructor(keys: KeyStore, found: FoundCollection) {
    this.#keys = keys;
    this.#found = found;
  }

  /** Members that the last add() changed: new ones, and those with another score now. */
  changed = 0;
  /** Score and, in the large form, hash of the member that #find found last. */
  #foundScore = 0;
  #hash = 0;

  /**
   * Gives members their scores: `count` pairs, the member of pair i being byte range `first + 2 * i` of `buf`, its score scores[i], never NaN.
   * Conditions are ZADD_* bits; a member named twice is judged by the score it just got. Only what changes is logged.
   * @returns how many members are new, WRONG_TYPE when the key holds no sorted set
   */
  add(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    scores: ArrayLike<number>,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
    conditions: number,
  ): number {
    this.changed = 0;
    const type = this.#keys.lookup(kbuf, koff, klen);
    if (type !== TYPE_NONE && type !== TYPE_ZSET) return WRONG_TYPE;
    const { effects } = this.#keys.keyspace;
    let more = 0;
    for (let i = 1; i < count; i++) more += elementBytes(len[first + 2 * i]) + scoreBytes(scores[i]);
    let added = 0;
    try {
      for (let i = 0; i < count; i++) {
        const m = first + 2 * i;
        const score = scores[i];
        if (i > 0) more -= elementBytes(len[m]) + scoreBytes(score);
        const place = this.#keys.ref === 0 ? 0 : this.#find(buf, off[m], len[m]);
        const before = place === 0 ? Number.NaN : this.#foundScore;
        if (score === before || !zaddAllows(conditions, before, score)) continue;
        if (this.changed === 0) this.#begin(kbuf, koff, klen, len, m, first + 2 * count);
        if (place === 0) {
          this.#insert(kbuf, koff, klen, buf, off[m], len[m], score, more, count);
          added++;
        } else this.#move(place, buf, off[m], len[m], score);
        this.changed++;
        if (!effects.enabled) continue;
        effects.f64(score);
        effects.blob(buf, off[m], len[m]);
      }
    } finally {
      if (this.changed > 0) this.#found.endElements(kbuf, koff, klen);
    }
    return added;
  }

  /** Removes members, `count` byte ranges of `buf` from number `first` on; returns how many there were, WRONG_TYPE when the key holds no sorted set. */
  remove(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: Int32Array,
    len: Int32Array,
    first: number,
    count: number,
  ): number {
    return this.#found.removeEntries(TYPE_ZSET, OP_ZSET_REMOVE, 2, kbuf, koff, klen, buf, off, len, first, count);
  }

  /**
   * Takes the members with ranks [from, to), at least one, of the sorted set found last, which the key names; `visit` is given each of them,
   * lowest first or highest first, before any goes. All of them at once are logged as the deletion of the key, else their ranks are.
   */
  popRanks(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    from: number,
    to: number,
    reverse: boolean,
    visit: ScoreVisitor | null,
  ): void {
    const { effects } = this.#keys.keyspace;
    if (to - from === this.#found.size) {
      if (visit !== null) this.each(from, to, reverse, visit);
      this.#keys.dropRecord(this.#keys.shard, this.#keys.ref);
      return;
    }
    let fromAt = 0;
    if (effects.enabled) {
      effects.beginKey(OP_ZSET_REMOVE_RANKS, this.#keys.index, kbuf, koff, klen, 8);
      fromAt = effects.at;
      effects.u32(from);
      effects.u32(to);
    }
    if (visit !== null) this.each(from, to, reverse, visit);
    this.#found.beginChange();
    let gone = 0;
    try {
      if (this.#found.isPacked) {
        this.#removePackedRanks(from, to);
        gone = to - from;
      } else {
        const zset = this.#zset;
        // From the highest on: what goes is the last of its node then, and nothing in the node has to move.
        for (let rank = to - 1; rank >= from; rank--) {
          if (gone % TOUCHED_RANKS === 0) zset.touch(Math.max(from, rank + 1 - TOUCHED_RANKS), rank + 1);
          zset.deleteAt(rank);
          gone++;
        }
      }
    } finally {
      // What a snapshot still needs may find no memory: the log then has as many members as went.
      if (effects.enabled) putU32(effects.bytes, fromAt, to - gone);
      this.#found.endElements(kbuf, koff, klen);
    }
  }

  /** Leaves the member at a rank, 0 .. size - 1, of the sorted set found last in valueBuf, valueOff, valueLen; returns its score. */
  read(rank: number): number {
    if (this.#found.isPacked) {
      const bytes = this.#found.chunk;
      const p = elementAt(bytes, this.#found.packedAt, 2 * rank);
      this.#found.keepElement(p);
      return scoreAt(bytes, nextElement(bytes, p));
    }
    const zset = this.#zset;
    const place = zset.at(rank);
    zset.visit(place, this.#found.keepRange);
    return zset.scoreOf(place);
  }

  /** A random rank of the sorted set found last. */
  randomSpot(): number {
    return Math.floor(this.#keys.keyspace.random() * this.#found.size);
  }

  /** `count` different ranks in random order, or all. */
  randomSpots(count: number): number[] {
    return chooseBelow(this.#found.size, count, this.#keys.keyspace.random);
  }

  /** Removes the member that read() has just found at a rank. */
  removeRead(kbuf: Uint8Array, koff: number, klen: number, rank: number): void {
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_ZSET_REMOVE, this.#keys.index, kbuf, koff, klen, 4 + this.#keys.valueLen);
      effects.blob(this.#keys.valueBuf, this.#keys.valueOff, this.#keys.valueLen);
    }
    this.#found.beginChange();
    if (this.#found.isPacked) this.#removePackedRanks(rank, rank + 1);
    else this.#zset.deleteAt(rank);
    this.#found.endElements(kbuf, koff, klen);
  }

  /** Score of a member of the sorted set found last, NaN when absent. */
  score(buf: Uint8Array, off: number, len: number): number {
    return this.#find(buf, off, len) === 0 ? Number.NaN : this.#foundScore;
  }

  /** Rank of a member of the sorted set found last, from the lowest on; -1 when absent. */
  rank(buf: Uint8Array, off: number, len: number): number {
    const place = this.#find(buf, off, len);
    if (place === 0) return -1;
    if (!this.#found.isPacked) return this.#zset.rankOf(place);
    return this.#packedRank((p) => p < place);
  }

  /** Members of the sorted set found last with a score below `score`; with `orEqual` also those with that score. */
  countByScore(score: number, orEqual: boolean): number {
    if (!this.#found.isPacked) return this.#zset.countByScore(score, orEqual);
    const bytes = this.#found.chunk;
    return this.#packedRank((p) => {
      const own = scoreAt(bytes, nextElement(bytes, p));
      return own < score || (orEqual && own === score);
    });
  }

  /** Its members below a byte string; with `orEqual` also that one. Sensible only while all scores are the same. */
  countByMember(buf: Uint8Array, off: number, len: number, orEqual: boolean): number {
    if (!this.#found.isPacked) return this.#zset.countByMember(buf, off, len, orEqual);
    const bytes = this.#found.chunk;
    return this.#packedRank((p) => {
      const order = compareBytes(bytes, elementStart(bytes, p), elementLength(bytes, p), buf, off, len);
      return order < 0 || (orEqual && order === 0);
    });
  }

  /** Visits the members with ranks [from, to) of the sorted set found last, lowest first or highest first. */
  each(from: number, to: number, reverse: boolean, visit: ScoreVisitor): void {
    if (!this.#found.isPacked) {
      this.#zset.iterate(from, to, reverse, visit);
      return;
    }
    if (from >= to) return;
    const bytes = this.#found.chunk;
    const places: number[] = [];
    let p = elementAt(bytes, this.#found.packedAt, 2 * from);
    for (let left = to - from; left > 0; left--) {
      places.push(p);
      p = nextElement(bytes, nextElement(bytes, p));
    }
    if (reverse) places.reverse();
    for (const place of places) visitPacked(bytes, place, visit);
  }

  /**
   * Visits about `count` members of the sorted set found last, all when it is packed, and returns the next cursor; 0 begins and ends. A member
   * present during the whole scan is visited at least once.
   */
  scan(cursor: number, count: number, visit: ScoreVisitor): number {
    if (!this.#found.isPacked) return this.#zset.scan(cursor, count, visit);
    this.each(0, this.#found.size, false, visit);
    return 0;
  }

  /** The sorted set found last, which is not packed. */
  get #zset(): ZsetValue {
    return this.#keys.value as ZsetValue;
  }

  /** Place of a member of the sorted set found last, or its position where that is packed; 0 when it is absent. Leaves its score in #foundScore. */
  #find(buf: Uint8Array, off: number, len: number): number {
    if (!this.#found.isPacked) {
      const zset = this.#zset;
      this.#hash = zset.hashOf(buf, off, len);
      const place = zset.findHashed(this.#hash, buf, off, len);
      if (place !== 0) this.#foundScore = zset.scoreOf(place);
      return place;
    }
    const bytes = this.#found.chunk;
    const p = findElement(bytes, this.#found.packedAt, 2, buf, off, len);
    if (p === 0) return 0;
    this.#foundScore = scoreAt(bytes, nextElement(bytes, p));
    return p;
  }

  /** beginChange, and opens the mutation that logs some or all of the members numbered m, m + 2, ... before `end`, with their scores. */
  #begin(kbuf: Uint8Array, koff: number, klen: number, len: Int32Array, m: number, end: number): void {
    const { effects } = this.#keys.keyspace;
    if (effects.enabled) {
      let bytes = 0;
      for (let i = m; i < end; i += 2) bytes += SCORE_BYTES + 4 + len[i];
      effects.beginKey(OP_ZSET_ADD, this.#keys.index, kbuf, koff, klen, bytes);
    }
    this.#found.beginChange();
  }

  /** Adds a member that is absent, as #find has just told where there is a sorted set already. `more`: bytes that the command may add besides; `coming`: members it brings. */
  #insert(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: number,
    len: number,
    score: number,
    more: number,
    coming: number,
  ): void {
    if (!this.#found.isLarge) {
      const bytes = elementBytes(len) + scoreBytes(score);
      const form = this.#formWithOneMore(len, bytes, more, coming);
      if (form >= 0) {
        if (this.#keys.ref === 0) this.#found.createPacked(TYPE_ZSET, kbuf, koff, klen, bytes, more);
        this.#insertPacked(buf, off, len, score, more);
        const to = this.#found.chunk;
        setPackedKind(to, this.#found.packedAt, PACKED_SCORES | form);
        addEntries(to, this.#found.packedAt, 1);
        return;
      }
      this.#enlarge(kbuf, koff, klen, buf, off, len, score, coming);
      return;
    }
    this.#zset.add(this.#hash, buf, off, len, score);
  }

  /** How the packed sorted set found last, or a new one, is kept with one more member; see packedForm. */
  #formWithOneMore(len: number, bytes: number, more: number, coming: number): number {
    const { limits } = this.#keys.keyspace;
    const isSmall = len <= limits.zsetValueBytes && this.#found.isSmall;
    const { size, packedBytes } = this.#found;
    return packedForm(
      limits,
      isSmall,
      size + 1,
      limits.zsetEntries,
      packedBytes + bytes,
      size === 0 ? more : 0,
      coming,
    );
  }

  /** Writes a member with its score where the order wants it; the number of entries is the caller's. Returns its offset from the beginning. */
  #insertPacked(buf: Uint8Array, off: number, len: number, score: number, more: number): number {
    const bytes = this.#found.chunk;
    const at = this.#found.packedAt;
    const end = at + packedEnd(bytes, at);
    let p = at + PACKED_HEADER_BYTES;
    while (p < end && compareEntry(bytes, p, score, buf, off, len) < 0) p = nextElement(bytes, nextElement(bytes, p));
    const gap = this.#found.splice(p - at, 0, elementBytes(len) + scoreBytes(score), more);
    const to = this.#found.chunk;
    putScore(to, putElement(to, gap, buf, off, len), score);
    return p - at;
  }

  /** Gives the member at a place another score. */
  #move(place: number, buf: Uint8Array, off: number, len: number, score: number): void {
    if (!this.#found.isPacked) {
      this.#zset.setScore(place, score);
      return;
    }
    // The new entry comes before the old one goes: where there is no memory for it, nothing has changed.
    const old = place - this.#found.packedAt;
    const made = this.#insertPacked(buf, off, len, score, 0);
    const moved = made <= old ? old + elementBytes(len) + scoreBytes(score) : old;
    addEntries(this.#found.chunk, this.#found.packedAt, 1);
    this.#found.removeElements(this.#found.packedAt + moved, 2);
  }

  /** Makes the sorted set a large one, with one more member. */
  #enlarge(
    kbuf: Uint8Array,
    koff: number,
    klen: number,
    buf: Uint8Array,
    off: number,
    len: number,
    score: number,
    coming: number,
  ): void {
    const zset = this.#found.filled(new ZsetValue(this.#keys.keyspace), (made) => {
      made.reserve(this.#found.size + coming);
      const add: ScoreVisitor = (b, o, n, s) => made.add(made.hashOf(b, o, n), b, o, n, s);
      if (this.#keys.ref !== 0) this.each(0, this.#found.size, false, add);
      add(buf, off, len, score);
    });
    this.#found.putLarge(kbuf, koff, klen, zset);
  }

  #removePackedRanks(from: number, to: number): void {
    const bytes = this.#found.chunk;
    const at = this.#found.packedAt;
    const p = elementAt(bytes, at, 2 * from);
    let behind = p;
    for (let left = to - from; left > 0; left--) behind = nextElement(bytes, nextElement(bytes, behind));
    addEntries(bytes, at, from - to);
    this.#found.splice(p - at, behind - p, 0, 0);
  }

  /** Number of members of the packed sorted set found last before the first at whose position `isBefore` says no. */
  #packedRank(isBefore: (p: number) => boolean): number {
    const bytes = this.#found.chunk;
    const end = this.#found.packedAt + packedEnd(bytes, this.#found.packedAt);
    let rank = 0;
    for (let p = this.#found.packedAt + PACKED_HEADER_BYTES; p < end && isBefore(p); rank++) {
      p = nextElement(bytes, nextElement(bytes, p));
    }
    return rank;
  }
}

function visitPacked(bytes: Uint8Array, p: number, visit: ScoreVisitor): void {
  visit(bytes, elementStart(bytes, p), elementLength(bytes, p), scoreAt(bytes, nextElement(bytes, p)));
}

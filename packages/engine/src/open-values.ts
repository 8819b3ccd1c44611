/**
 * The values that lie in no record, while they are open. A value is an object only while it is used: between commands those that have not been
 * used for a while are at rest, and then nothing of them is on the JavaScript heap, however many there are.
 *
 *   open      the record's size word has the value's number in this table
 *   at rest   the record's size word has the address of a block with the value's state, some 20 words:
 *
 *     [ number of its memory | snapshotEpoch | what Collection.rest() wrote ]
 *
 * Numbers are below the first address of a memory, so the size word says which it is. Opening costs a few dozen loads and no garbage: objects are
 * used again. A value is put to rest only by settle(), so whoever runs may hold as many as it likes until it ends.
 *
 * Strings do not rest, nor what is so large that its state is long: each of these has hundreds of kilobytes besides its object.
 */
import { type Memory, SLAB_SHIFT, UNIT_MASK } from "./memory.js";
import { metaType } from "./record.js";
import { STATE_BYTES } from "./types/collection.js";
import type { AnyValue, RestingValue } from "./types/index.js";
import type { TableHome } from "./types/member-table.js";
import { TYPE_STRING } from "./types/type-codes.js";
import { valueType } from "./types/value-types.js";

/** Values that may be open before they are looked through, unless the keyspace is told otherwise. */
export const OPEN_VALUES = 1024;
/** Words before what the value writes. */
const HEAD_WORDS = 2;
/** Looked at by each step, besides twice as many as were opened since the one before: so they cannot pile up. */
const SETTLE_STEP = 64;
/** Numbers are below the first address. */
const NUMBERS = 1 << SLAB_SHIFT;
const TYPES = 8;

export class OpenValues {
  /** By their numbers, without holes. */
  readonly #values: AnyValue[] = [];
  /** For each the memory of the record that owns it. */
  readonly #records: Memory[] = [];
  /** Objects without a value, by memory and type. */
  readonly #spare: RestingValue[][];
  readonly #homes: readonly TableHome[];
  readonly #room: number;
  /** So many may be open before the next round. */
  #bound: number;
  /** Those from here on have been looked at in the present round; 0 = there is none. */
  #hand = 0;
  #opened = 0;
  /** A round is due, or under way. */
  #isCrowded = false;

  /**
   * @param homes for the values of each memory
   * @param room so many may be open that could rest
   */
  constructor(homes: readonly TableHome[], room: number) {
    this.#homes = homes;
    this.#room = room;
    this.#bound = room;
    this.#spare = homes.flatMap(() => Array.from({ length: TYPES }, () => []));
  }

  /** Number of open values. */
  get count(): number {
    return this.#values.length;
  }

  /** The value with this number. */
  at(number: number): AnyValue {
    return this.#values[number];
  }

  /** Whether the size word of a record is the number of an open value. */
  isNumber(size: number): boolean {
    return size >>> SLAB_SHIFT === 0;
  }

  /** The number that add() gives to the next one. Throws RangeError where there is none. */
  get nextNumber(): number {
    if (this.#values.length === NUMBERS) throw new RangeError(`${NUMBERS} values are open at once`);
    return this.#values.length;
  }

  /** Adds a value, whose `ref` is a record in `records` with the next number as its size word. */
  add(value: AnyValue, records: Memory): void {
    this.#records.push(records);
    this.#opened++;
    if (this.#values.push(value) > this.#bound) this.#isCrowded = true;
  }

  /** Takes a value out: the last one gets its number. */
  remove(number: number): void {
    const last = this.#values.pop() as AnyValue;
    const records = this.#records.pop() as Memory;
    if (number === this.#values.length) return;
    this.#values[number] = last;
    this.#records[number] = records;
    setSize(records, last.ref, number);
  }

  /** Opens the value at rest of a record in `records`. */
  open(records: Memory, ref: number): AnyValue {
    const number = this.nextNumber;
    const record = records.words[ref >>> SLAB_SHIFT];
    const r = (ref & UNIT_MASK) << 1;
    const state = record[r + 3];
    const m = records.words[state >>> SLAB_SHIFT];
    const w = (state & UNIT_MASK) << 1;
    const home = m[w];
    const type = metaType(record[r + 2]);
    const value = this.#spare[home * TYPES + type].pop() ?? (valueType(type).make(this.#homes[home]) as RestingValue);
    value.snapshotEpoch = m[w + 1];
    value.wake(m, w + HEAD_WORDS);
    value.ref = ref;
    record[r + 3] = number;
    records.give(state);
    this.add(value, records);
    return value;
  }

  /** What was opened only to be freed, by whoever calls: its object may be used again, unless somebody still needs it. */
  reuse(value: AnyValue): void {
    if (value.type === TYPE_STRING || value.restWords === 0 || value.bytes > STATE_BYTES) return;
    this.#keepObject(value, this.#homeOf(value));
  }

  /** To be called often, and when nobody holds a value: where many are open, takes a step in putting them to rest. */
  settle(): void {
    if (this.#isCrowded) this.#settleSome();
  }

  /** Takes a step in a round through all open values: in proportion to what was opened since the last one. */
  #settleSome(): void {
    if (this.#hand === 0) this.#hand = this.#values.length;
    this.#hand = Math.min(this.#hand, this.#values.length);
    const end = Math.max(0, this.#hand - SETTLE_STEP - 2 * this.#opened);
    this.#opened = 0;
    while (this.#hand > end) this.#rest(--this.#hand);
    if (this.#hand > 0) return;
    // What could not rest does not count until the next round.
    this.#bound = this.#values.length + this.#room;
    this.#isCrowded = false;
  }

  /** Puts a value to rest, if it can. */
  #rest(number: number): void {
    const value = this.#values[number];
    if (value.type === TYPE_STRING) return;
    const { restWords } = value;
    if (restWords === 0) return;
    const records = this.#records[number];
    let state: number;
    try {
      state = records.take((HEAD_WORDS + restWords) * 4);
    } catch (error) {
      // No memory: it stays as it is.
      if (!(error instanceof RangeError)) throw error;
      return;
    }
    const m = records.words[state >>> SLAB_SHIFT];
    const w = (state & UNIT_MASK) << 1;
    const home = this.#homeOf(value);
    m[w] = home;
    m[w + 1] = value.snapshotEpoch;
    value.rest(m, w + HEAD_WORDS);
    setSize(records, value.ref, state);
    this.remove(number);
    this.#keepObject(value, home);
  }

  #keepObject(value: RestingValue, home: number): void {
    const spare = this.#spare[home * TYPES + value.type];
    if (spare.length < this.#room) spare.push(value);
  }

  #homeOf({ memory }: RestingValue): number {
    return this.#homes.length === 1 ? 0 : this.#homes.findIndex((home) => home.memory === memory);
  }
}

function setSize(records: Memory, ref: number, size: number): void {
  records.words[ref >>> SLAB_SHIFT][((ref & UNIT_MASK) << 1) + 3] = size;
}

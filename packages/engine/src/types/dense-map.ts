import { DenseKeys } from "./dense-keys.js";

/**
 * A map from strings to values that also knows its entries by slot 0 .. size-1, so that random entries and scans are
 * cheap. Deleting moves the last entry into the freed slot. Holds more entries than a single Map can (2^24).
 */
export class DenseMap<V> {
  #keys: DenseKeys;
  #values: V[] = [];

  /** `mapEntriesMax`: entries after which another inner Map is begun. Lowered by tests only. */
  constructor(mapEntriesMax?: number) {
    this.#keys = new DenseKeys(mapEntriesMax);
  }

  get size(): number {
    return this.#values.length;
  }

  get(key: string): V | undefined {
    const slot = this.#keys.slotOf(key);
    return slot < 0 ? undefined : this.#values[slot];
  }

  has(key: string): boolean {
    return this.#keys.slotOf(key) >= 0;
  }

  /** True when the key is new. */
  set(key: string, value: V): boolean {
    const slot = this.#keys.slotOf(key);
    if (slot >= 0) {
      this.#values[slot] = value;
      return false;
    }
    this.append(key, value);
    return true;
  }

  /** Adds a key that is known to be absent, in slot `size`. */
  append(key: string, value: V): void {
    this.#keys.append(key);
    this.#values.push(value);
  }

  /** True when the key was there. */
  delete(key: string): boolean {
    const slot = this.#keys.slotOf(key);
    if (slot < 0) return false;
    this.deleteAt(slot);
    return true;
  }

  /** Deletes the entry in a slot, 0 .. size-1; the last entry takes its place. */
  deleteAt(slot: number): void {
    this.#keys.removeAt(slot);
    const last = this.#values.pop()!;
    if (slot < this.#values.length) this.#values[slot] = last;
  }

  /** Slot of a key, -1 when absent. A deletion may change it. */
  slotOf(key: string): number {
    return this.#keys.slotOf(key);
  }

  /** Key in a slot; the slot must be in 0 .. size-1. */
  keyAt(slot: number): string {
    return this.#keys.at(slot);
  }

  /** Value in a slot; the slot must be in 0 .. size-1. */
  valueAt(slot: number): V {
    return this.#values[slot];
  }

  /** Replaces the value in a slot; the slot must be in 0 .. size-1. */
  setValueAt(slot: number, value: V): void {
    this.#values[slot] = value;
  }

  /** Slot of a random entry. `random` gives [0, 1); there must be an entry. */
  randomSlot(random: () => number): number {
    return this.#keys.randomSlot(random);
  }

  /** See {@link DenseKeys.scan}: 0 begins and ends; an entry present during the whole scan is visited at least once. */
  scan(cursor: number, count: number, visit: (key: string, value: V) => void): number {
    return this.#keys.scan(cursor, count, (slot) => visit(this.#keys.at(slot), this.#values[slot]));
  }
}

// A V8 Map throws RangeError at 2^24 entries. Half of that also leaves room for the entries it has marked deleted.
const MAP_ENTRIES_MAX = 2 ** 23;

// Up to this many keys are compared one by one: as fast as hashing the key, and a Map costs more than the keys.
const LINEAR_MAX = 8;
// Lower than LINEAR_MAX, so that a size going to and fro does not build a Map each time.
const LINEAR_AGAIN = 4;

/** Estimated bytes a key costs besides its string: a place in the array of keys and an entry of the Map. */
export const DENSE_KEY_BYTES = 48;

/**
 * Distinct strings in slots 0 .. size-1 without holes. Removing a key moves the last one into its slot, so a random
 * key costs O(1), and a scan that goes downwards never misses a key that stays (see {@link scan}).
 */
export class DenseKeys {
  #keys: string[] = [];
  #map: Map<string, number> | null = null;
  // Further Maps of a set too large for one. A lookup asks each; there is one more per 8 million keys.
  #overflow: Map<string, number>[] | null = null;
  #mapEntriesMax: number;

  /** `mapEntriesMax`: entries after which another Map is begun. Lowered by tests only. */
  constructor(mapEntriesMax = MAP_ENTRIES_MAX) {
    this.#mapEntriesMax = mapEntriesMax;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Key in a slot; undefined outside 0 .. size-1. */
  at(slot: number): string {
    return this.#keys[slot];
  }

  /** Slot of a key, -1 when absent. A removal may change it. */
  slotOf(key: string): number {
    const map = this.#map;
    if (map === null) return this.#slotByComparing(key);
    const slot = map.get(key);
    if (slot !== undefined) return slot;
    return this.#overflow === null ? -1 : this.#slotInOverflow(key, this.#overflow);
  }

  /** Adds a key that is known to be absent, in slot `size`. */
  append(key: string): void {
    const slot = this.#keys.push(key) - 1;
    if (this.#map === null) {
      if (slot >= LINEAR_MAX) this.#buildMap();
    } else {
      this.#mapWithRoom(this.#map).set(key, slot);
    }
  }

  /**
   * Removes the key in a slot, 0 .. size-1. The key that was last now stands in that slot (unless it was the last
   * itself): whoever keeps arrays beside this one does the same there.
   */
  removeAt(slot: number): void {
    const keys = this.#keys;
    const key = keys[slot];
    const last = keys.pop()!;
    const moved = slot < keys.length;
    if (moved) keys[slot] = last;
    if (this.#map === null) return;
    if (keys.length <= LINEAR_AGAIN) {
      this.#map = null;
      this.#overflow = null;
      return;
    }
    this.#unmap(key, this.#map);
    if (moved) this.#mapOf(last, this.#map).set(last, slot);
  }

  /** Slot of a random key. `random` gives [0, 1); there must be a key. */
  randomSlot(random: () => number): number {
    return Math.floor(random() * this.#keys.length);
  }

  /**
   * Visits about `count` slots from the top downwards. Give 0 to begin and then what the call before returned; 0 back
   * means the end. A key that is present during the whole scan is visited at least once: keys only ever move to lower
   * slots, and from an unvisited slot only to another unvisited one. Keys added meanwhile stand above and may be missed.
   */
  scan(cursor: number, count: number, visit: (slot: number) => void): number {
    const size = this.#keys.length;
    const top = cursor <= 0 || cursor > size ? size : cursor;
    const bottom = Math.max(0, top - Math.max(1, count));
    for (let slot = top - 1; slot >= bottom; slot--) visit(slot);
    return bottom;
  }

  #slotByComparing(key: string): number {
    const keys = this.#keys;
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === key) return i;
    }
    return -1;
  }

  #slotInOverflow(key: string, overflow: Map<string, number>[]): number {
    for (const map of overflow) {
      const slot = map.get(key);
      if (slot !== undefined) return slot;
    }
    return -1;
  }

  #buildMap(): void {
    this.#map = new Map();
    const keys = this.#keys;
    for (let i = 0; i < keys.length; i++) this.#mapWithRoom(this.#map).set(keys[i], i);
  }

  #mapWithRoom(first: Map<string, number>): Map<string, number> {
    if (first.size < this.#mapEntriesMax) return first;
    this.#overflow ??= [];
    for (const map of this.#overflow) {
      if (map.size < this.#mapEntriesMax) return map;
    }
    const map = new Map<string, number>();
    this.#overflow.push(map);
    return map;
  }

  #mapOf(key: string, first: Map<string, number>): Map<string, number> {
    if (this.#overflow === null) return first;
    return this.#overflow.find((map) => map.has(key)) ?? first;
  }

  #unmap(key: string, first: Map<string, number>): void {
    if (first.delete(key) || this.#overflow === null) return;
    const map = this.#mapOf(key, first);
    map.delete(key);
    if (map.size === 0) this.#overflow = this.#overflow.filter((other) => other !== map);
    if (this.#overflow.length === 0) this.#overflow = null;
  }
}

import { type ByteSink, ByteSource } from "./byte-sink.js";
import { COLLECTION_BYTES, type Collection, stringBytes } from "./collection.js";
import { DENSE_KEY_BYTES } from "./dense-keys.js";
import { DenseMap } from "./dense-map.js";
import { TYPE_HASH } from "./type-codes.js";

const PAIR_BYTES = DENSE_KEY_BYTES + 8;

/** A hash: fields and values, latin1 strings. Slices are `count:u32, (field, value)*`. */
export class HashValue implements Collection {
  readonly type = TYPE_HASH;
  bytes = COLLECTION_BYTES;
  ref = 0;
  snapshotEpoch = 0;
  #map = new DenseMap<string>();

  get size(): number {
    return this.#map.size;
  }

  get(field: string): string | undefined {
    return this.#map.get(field);
  }

  has(field: string): boolean {
    return this.#map.has(field);
  }

  /** True when the field is new. */
  set(field: string, value: string): boolean {
    const slot = this.#map.slotOf(field);
    if (slot >= 0) {
      this.bytes += stringBytes(value) - stringBytes(this.#map.valueAt(slot));
      this.#map.setValueAt(slot, value);
      return false;
    }
    this.#map.append(field, value);
    this.bytes += stringBytes(field) + stringBytes(value) + PAIR_BYTES;
    return true;
  }

  /** True when the field was there. */
  delete(field: string): boolean {
    const slot = this.#map.slotOf(field);
    if (slot < 0) return false;
    this.bytes -= stringBytes(field) + stringBytes(this.#map.valueAt(slot)) + PAIR_BYTES;
    this.#map.deleteAt(slot);
    return true;
  }

  /** Field in a slot, 0 .. size-1. Slots change with deletions. */
  fieldAt(slot: number): string {
    return this.#map.keyAt(slot);
  }

  /** Value in a slot, 0 .. size-1. */
  valueAt(slot: number): string {
    return this.#map.valueAt(slot);
  }

  /** Slot of a random field. `random` gives [0, 1); the hash must not be empty. */
  randomSlot(random: () => number): number {
    return this.#map.randomSlot(random);
  }

  /** Visits about `count` pairs; 0 begins and ends. A field present during the whole scan is visited at least once. */
  scan(cursor: number, count: number, visit: (field: string, value: string) => void): number {
    return this.#map.scan(cursor, count, visit);
  }

  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    const countAt = out.length;
    out.u32(0);
    const size = this.size;
    let slot = cursor;
    while (slot < size && (slot === cursor || out.length - countAt < maxBytes)) {
      out.str(this.#map.keyAt(slot));
      out.str(this.#map.valueAt(slot));
      slot++;
    }
    out.setU32(countAt, slot - cursor);
    return slot < size ? slot : -1;
  }

  decodeInto(bytes: Uint8Array, off: number, len: number): void {
    const source = new ByteSource(bytes, off, len);
    for (let left = source.u32(); left > 0; left--) {
      const field = source.str();
      this.set(field, source.str());
    }
  }
}

import { type ByteSink, ByteSource } from "./byte-sink.js";
import { COLLECTION_BYTES, type Collection, stringBytes } from "./collection.js";
import { DENSE_KEY_BYTES, DenseKeys } from "./dense-keys.js";
import { TYPE_SET } from "./type-codes.js";

/** A set of latin1 strings. Slices are `count:u32, member*`. */
export class SetValue implements Collection {
  readonly type = TYPE_SET;
  bytes = COLLECTION_BYTES;
  ref = 0;
  snapshotEpoch = 0;
  #members = new DenseKeys();

  get size(): number {
    return this.#members.size;
  }

  has(member: string): boolean {
    return this.#members.slotOf(member) >= 0;
  }

  /** True when the member is new. */
  add(member: string): boolean {
    if (this.#members.slotOf(member) >= 0) return false;
    this.#members.append(member);
    this.bytes += stringBytes(member) + DENSE_KEY_BYTES;
    return true;
  }

  /** True when the member was there. */
  delete(member: string): boolean {
    const slot = this.#members.slotOf(member);
    if (slot < 0) return false;
    this.deleteAt(slot);
    return true;
  }

  /** Deletes the member in a slot, 0 .. size-1; the last member takes its place. */
  deleteAt(slot: number): void {
    this.bytes -= stringBytes(this.#members.at(slot)) + DENSE_KEY_BYTES;
    this.#members.removeAt(slot);
  }

  /** Member in a slot, 0 .. size-1. Slots change with deletions. */
  at(slot: number): string {
    return this.#members.at(slot);
  }

  /** Slot of a random member. `random` gives [0, 1); the set must not be empty. */
  randomSlot(random: () => number): number {
    return this.#members.randomSlot(random);
  }

  /** Visits about `count` members; 0 begins and ends. A member present during the whole scan is visited at least once. */
  scan(cursor: number, count: number, visit: (member: string) => void): number {
    return this.#members.scan(cursor, count, (slot) => visit(this.#members.at(slot)));
  }

  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    const countAt = out.length;
    out.u32(0);
    const size = this.size;
    let slot = cursor;
    while (slot < size && (slot === cursor || out.length - countAt < maxBytes)) {
      out.str(this.#members.at(slot));
      slot++;
    }
    out.setU32(countAt, slot - cursor);
    return slot < size ? slot : -1;
  }

  decodeInto(bytes: Uint8Array, off: number, len: number): void {
    const source = new ByteSource(bytes, off, len);
    for (let left = source.u32(); left > 0; left--) this.add(source.str());
  }
}

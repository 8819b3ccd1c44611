import { type ByteSink, ByteSource } from "./byte-sink.js";
import { type ByteVisitor, COLLECTION_BYTES, type Collection, stringBytes } from "./collection.js";
import { DENSE_KEY_BYTES, DenseKeys } from "./dense-keys.js";
import { TYPE_SET } from "./type-codes.js";

/** A set of byte strings. Slices are `count:u32, member*`. */
export class SetValue implements Collection {
  readonly type = TYPE_SET;
  bytes = COLLECTION_BYTES;
  ref = 0;
  snapshotEpoch = 0;
  #members = new DenseKeys();

  get size(): number {
    return this.#members.size;
  }

  /** Slot of a member, -1 when absent. Slots change with deletions. */
  slotOf(buf: Uint8Array, off: number, len: number): number {
    return this.#members.slotOf(latin1(buf, off, len));
  }

  /** Adds a member that is known to be absent. */
  append(buf: Uint8Array, off: number, len: number): void {
    const member = latin1(buf, off, len);
    this.#members.append(member);
    this.bytes += stringBytes(member) + DENSE_KEY_BYTES;
  }

  /** Deletes the member in a slot, 0 .. size-1; the last member takes its place. */
  deleteAt(slot: number): void {
    this.bytes -= stringBytes(this.#members.at(slot)) + DENSE_KEY_BYTES;
    this.#members.removeAt(slot);
  }

  /** Visits the member in a slot, 0 .. size-1. */
  visit(slot: number, visit: ByteVisitor): void {
    const member = Buffer.from(this.#members.at(slot), "latin1");
    visit(member, 0, member.length);
  }

  /** Visits about `count` members; 0 begins and ends. A member present during the whole scan is visited at least once. */
  scan(cursor: number, count: number, visit: ByteVisitor): number {
    return this.#members.scan(cursor, count, (slot) => this.visit(slot, visit));
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
    for (let left = source.u32(); left > 0; left--) {
      const count = source.blob();
      if (this.slotOf(source.bytes, source.blobAt, count) < 0) this.append(source.bytes, source.blobAt, count);
    }
  }
}

function latin1(buf: Uint8Array, off: number, len: number): string {
  return Buffer.from(buf.buffer, buf.byteOffset + off, len).toString("latin1");
}

import type { Memory } from "../memory.js";
import { type ByteSink, ByteSource } from "./byte-sink.js";
import type { ByteVisitor, Collection, FrozenCollection, Resting } from "./collection.js";
import { MemberTable, type TableHome } from "./member-table.js";
import { TYPE_SET } from "./type-codes.js";

/** A length without bytes. */
const LEAST_ENTRY_BYTES = 4;

/** A set that is not packed: members are byte strings. Slices are `count:u32, member*`. */
export class SetValue implements Collection, Resting {
  readonly type = TYPE_SET;
  ref = 0;
  snapshotEpoch = 0;
  readonly memory: Memory;
  readonly #table: MemberTable;

  constructor(home: TableHome) {
    this.memory = home.memory;
    this.#table = new MemberTable(home, "nothing");
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
    return this.#table.bytes;
  }

  /** Place of a member, 0 when absent. Any change of the set makes it void. */
  find(buf: Uint8Array, off: number, len: number): number {
    return this.findHashed(this.#table.hashOf(buf, off, len), buf, off, len);
  }

  /** The same where its hash is known. */
  findHashed(hash: number, buf: Uint8Array, off: number, len: number): number {
    return this.#table.find(hash, buf, off, len);
  }

  /** Adds a member that is known to be absent. */
  add(buf: Uint8Array, off: number, len: number): void {
    this.addHashed(this.#table.hashOf(buf, off, len), buf, off, len);
  }

  /** The same where its hash is known. */
  addHashed(hash: number, buf: Uint8Array, off: number, len: number): void {
    this.#table.add(hash, buf, off, len);
  }

  /** Deletes the member at a place. */
  delete(place: number): void {
    this.#table.remove(place);
  }

  /** Deletes the member at a place; the places of others stay valid. To be followed by a `tidy` for each. */
  deleteOnly(place: number): void {
    this.#table.removeOnly(place);
  }

  /** After deleteOnly: gathers dead space. */
  tidy(): void {
    this.#table.tidy();
  }

  /** Place of a random member. `random` gives [0, 1); there must be one. */
  randomPlace(random: () => number): number {
    return this.#table.randomRef(random);
  }

  /** Places of `count` different members, in random order, or of all in any. */
  randomPlaces(count: number, random: () => number): number[] {
    return this.#table.randomRefs(count, random);
  }

  /** Visits the member at a place. */
  visit(place: number, visit: ByteVisitor): void {
    const table = this.#table;
    visit(table.bytesOf(place), table.offsetOf(place), table.lengthOf(place));
  }

  /** Visits every member, until the visitor says false. */
  each(visit: (buf: Uint8Array, off: number, len: number) => unknown): void {
    const table = this.#table;
    for (let place = table.after(0); place !== 0; place = table.after(place)) {
      if (visit(table.bytesOf(place), table.offsetOf(place), table.lengthOf(place)) === false) return;
    }
  }

  /** Visits about `count` members; 0 begins and ends. A member present during the whole scan is visited at least once. */
  scan(cursor: number, count: number, visit: ByteVisitor): number {
    return this.#table.scan(cursor, count, (place) => this.visit(place, visit));
  }

  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    return this.#table.encodeSlice(cursor, out, maxBytes, (place) => {
      this.visit(place, (buf, off, len) => out.blob(buf, off, len));
    });
  }

  decodeInto(bytes: Uint8Array, off: number, len: number): void {
    const source = new ByteSource(bytes, off, len);
    const table = this.#table;
    const count = source.u32();
    table.reserve(Math.min(count, source.remaining / LEAST_ENTRY_BYTES));
    for (let left = count; left > 0; left--) {
      const size = source.blob();
      const hash = table.hashOf(source.bytes, source.blobAt, size);
      if (table.find(hash, source.bytes, source.blobAt, size) !== 0) continue;
      table.add(hash, source.bytes, source.blobAt, size);
    }
  }

  copyFrom(source: SetValue): void {
    this.#table.copyFrom(source.#table);
  }

  freeze(): FrozenCollection {
    return this.#table.freeze();
  }

  thaw(): void {
    this.#table.thaw();
  }

  get restWords(): number {
    return this.#table.restWords;
  }

  rest(m: Int32Array, w: number): void {
    this.#table.rest(m, w);
  }

  wake(m: Int32Array, w: number): void {
    this.#table.wake(m, w);
  }

  free(): void {
    this.#table.clear();
  }
}

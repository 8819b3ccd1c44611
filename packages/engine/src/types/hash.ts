import type { Memory } from "../memory.js";
import { type ByteSink, ByteSource } from "./byte-sink.js";
import type { ByteVisitor, Collection, FrozenCollection, Resting } from "./collection.js";
import { MemberTable, type TableHome } from "./member-table.js";
import { TYPE_HASH } from "./type-codes.js";

/** Is given a field and its value: byte ranges of one buffer, valid during the call. */
export type PairVisitor = (buf: Uint8Array, foff: number, flen: number, voff: number, vlen: number) => void;

/** Two lengths without bytes. */
const LEAST_ENTRY_BYTES = 8;

/** A hash that is not packed: fields and values are byte strings. Slices are `count:u32, (field, value)*`. */
export class HashValue implements Collection, Resting {
  readonly type = TYPE_HASH;
  ref = 0;
  snapshotEpoch = 0;
  readonly memory: Memory;
  readonly #table: MemberTable;

  constructor(home: TableHome) {
    this.memory = home.memory;
    this.#table = new MemberTable(home, "value");
  }

  get size(): number {
    return this.#table.size;
  }

  /** Makes an empty one ready for so many fields. */
  reserve(fields: number): void {
    this.#table.reserve(fields);
  }

  /** Where its elements are found. */
  get table(): MemberTable {
    return this.#table;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  /** Place of a field, 0 when absent. Any change of the hash makes it void. */
  find(buf: Uint8Array, off: number, len: number): number {
    const table = this.#table;
    return table.find(table.hashOf(buf, off, len), buf, off, len);
  }

  /** True when the field is new. */
  set(fbuf: Uint8Array, foff: number, flen: number, vbuf: Uint8Array, voff: number, vlen: number): boolean {
    const table = this.#table;
    const hash = table.hashOf(fbuf, foff, flen);
    const place = table.find(hash, fbuf, foff, flen);
    if (place !== 0) table.setValue(place, vbuf, voff, vlen);
    else table.addWithValue(hash, fbuf, foff, flen, vbuf, voff, vlen);
    return place === 0;
  }

  /** Deletes the field at a place. */
  delete(place: number): void {
    this.#table.remove(place);
  }

  /** Place of a random field. `random` gives [0, 1); there must be one. */
  randomPlace(random: () => number): number {
    return this.#table.randomRef(random);
  }

  /** Places of `count` different fields, in random order, or of all in any. */
  randomPlaces(count: number, random: () => number): number[] {
    return this.#table.randomRefs(count, random);
  }

  /** Visits the pair at a place. */
  visit(place: number, visit: PairVisitor): void {
    const table = this.#table;
    const off = table.offsetOf(place);
    const len = table.lengthOf(place);
    visit(table.bytesOf(place), off, len, off + len, table.valueLengthOf(place));
  }

  /** Visits the value of the field at a place. */
  visitValue(place: number, visit: ByteVisitor): void {
    const table = this.#table;
    visit(table.bytesOf(place), table.valueOffsetOf(place), table.valueLengthOf(place));
  }

  /** Visits every pair. */
  each(visit: PairVisitor): void {
    const table = this.#table;
    for (let place = table.after(0); place !== 0; place = table.after(place)) this.visit(place, visit);
  }

  /** Visits about `count` pairs; 0 begins and ends. A field present during the whole scan is visited at least once. */
  scan(cursor: number, count: number, visit: PairVisitor): number {
    return this.#table.scan(cursor, count, (place) => this.visit(place, visit));
  }

  encodeSlice(cursor: number, out: ByteSink, maxBytes: number): number {
    return this.#table.encodeSlice(cursor, out, maxBytes, (place) => {
      this.visit(place, (buf, foff, flen, voff, vlen) => {
        out.blob(buf, foff, flen);
        out.blob(buf, voff, vlen);
      });
    });
  }

  decodeInto(bytes: Uint8Array, off: number, len: number): void {
    const source = new ByteSource(bytes, off, len);
    const count = source.u32();
    this.#table.reserve(Math.min(count, source.remaining / LEAST_ENTRY_BYTES));
    for (let left = count; left > 0; left--) {
      const flen = source.blob();
      const foff = source.blobAt;
      const vlen = source.blob();
      this.set(source.bytes, foff, flen, source.bytes, source.blobAt, vlen);
    }
  }

  copyFrom(source: HashValue): void {
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

import type { EntryVisitor } from "./wal-reader.js";

/** So many entries at most are read before the first of them is visited. */
export const BATCH_ENTRIES = 64;

/** Entries that will be visited next, in this order: they are valid, and lie in `bytes`, at least until then. For who wants to prepare for them. */
export class EntryBatch {
  bytes: Uint8Array = new Uint8Array(0);
  count = 0;
  readonly opTypes = new Uint8Array(BATCH_ENTRIES);
  /** Where the payload of each begins in `bytes`, and how long it is. */
  readonly offs = new Int32Array(BATCH_ENTRIES);
  readonly lengths = new Int32Array(BATCH_ENTRIES);
  readonly #sequences = new Float64Array(BATCH_ENTRIES);
  readonly #timestamps = new Float64Array(BATCH_ENTRIES);
  /** Offsets in the file. */
  readonly #places = new Float64Array(BATCH_ENTRIES);

  /** Adds one, of the same bytes as the others; there is room for it. Returns whether it was the last for which there is. */
  add(
    place: number,
    opType: number,
    sequence: number,
    timestampMs: number,
    bytes: Uint8Array,
    off: number,
    len: number,
  ): boolean {
    const i = this.count++;
    this.bytes = bytes;
    this.opTypes[i] = opType;
    this.offs[i] = off;
    this.lengths[i] = len;
    this.#sequences[i] = sequence;
    this.#timestamps[i] = timestampMs;
    this.#places[i] = place;
    return this.count === BATCH_ENTRIES;
  }

  /** Visits all and forgets them. `before` gets the offset of each in the file. */
  visit(visit: EntryVisitor, before: (place: number) => void): void {
    const { bytes, count, opTypes, offs, lengths } = this;
    const sequences = this.#sequences;
    this.count = 0;
    for (let i = 0; i < count; i++) {
      before(this.#places[i]!);
      visit(opTypes[i]!, sequences[i]!, this.#timestamps[i]!, bytes, offs[i]!, lengths[i]!);
    }
  }
}

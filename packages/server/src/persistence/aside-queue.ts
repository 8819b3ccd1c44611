/** Sealed entries that have no place in the ring yet, in order. */
export class AsideQueue {
  /** Bytes of all of them. */
  bytes = 0;
  #entries: AsideEntry[] = [];
  #first = 0;

  get length(): number {
    return this.#entries.length - this.#first;
  }

  /** The oldest; its buffer is its own and may be transferred. Only when length > 0. */
  get first(): Uint8Array {
    return this.#entries[this.#first]!.bytes;
  }

  get firstSequence(): number {
    return this.#entries[this.#first]!.sequence;
  }

  /** Takes an entry over; where it is long, its buffer with it (which is then empty for its former owner). */
  push(entry: Uint8Array, sequence: number): void {
    const { length } = entry;
    this.#entries.push({ bytes: length < MOVE_FROM_BYTES ? entry.slice() : moved(entry), length, sequence });
    this.bytes += length;
  }

  /** Drops the oldest. */
  shift(): void {
    this.bytes -= this.#entries[this.#first]!.length;
    this.#first++;
    if (this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }
}

interface AsideEntry {
  readonly bytes: Uint8Array;
  /** Kept beside the bytes: these are empty once their buffer was transferred. */
  readonly length: number;
  readonly sequence: number;
}

const MOVE_FROM_BYTES = 64 * 1024;

function moved(entry: Uint8Array): Uint8Array {
  const buffer = entry.buffer as ArrayBuffer;
  const { byteOffset, length } = entry;
  return new Uint8Array(structuredClone(buffer, { transfer: [buffer] }), byteOffset, length);
}

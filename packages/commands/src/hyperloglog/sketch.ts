/** A HyperLogLog being changed: a copy of its bytes, in one place that is used again and again. */
import {
  CACHE_AT,
  CACHE_IS_OLD,
  CACHE_STATE_AT,
  DENSE,
  DENSE_BYTES,
  denseByteCount,
  denseByteOf,
  denseRegister,
  eachRun,
  encodingOf,
  HEADER_BYTES,
  isLongRun,
  putHeader,
  putZeros,
  REGISTERS,
  runLength,
  runValue,
  SPARSE,
  SPARSE_BYTES_MAX,
  SPARSE_VALUE_MAX,
  setDenseRegister,
  VALUE_RUN_MAX,
  valueRun,
} from "./format.js";

/** What raise() did. */
export const SAME = 0;
export const RAISED = 1;
export const CORRUPT = -1;

/** A change looks at so many runs whether they can be merged: the one before it and those that it wrote, at most. */
const MERGED_RUNS = 5;
/** A run becomes three at most: two long ones and a short one. */
const REPLACED_BYTES_MAX = 5;

export class Sketch {
  readonly bytes = new Uint8Array(SPARSE_BYTES_MAX + REPLACED_BYTES_MAX);
  length = 0;
  /** Length of the value that was taken; 0 = a new one. */
  loadedLength = 0;
  /** What has changed behind the header since load(): from here on, but for so many bytes at the end. */
  changedFrom = 0;
  unchangedTail = 0;

  /** Takes a copy of a value; false where a sparse one is longer than all registers could need. */
  load(buf: Uint8Array, off: number, len: number): boolean {
    if (len > SPARSE_BYTES_MAX) return false;
    this.bytes.set(new Uint8Array(buf.buffer, buf.byteOffset + off, len));
    this.length = len;
    this.loadedLength = len;
    this.changedFrom = len;
    this.unchangedTail = len;
    return true;
  }

  /** Becomes that of an empty set. */
  clear(): void {
    this.loadedLength = 0;
    this.changedFrom = 0;
    this.unchangedTail = 0;
    putHeader(this.bytes, SPARSE);
    this.length = putZeros(this.bytes, HEADER_BYTES, REGISTERS);
  }

  get isDense(): boolean {
    return encodingOf(this.bytes, 0) === DENSE;
  }

  /** The cached cardinality is no longer right. */
  forgetCount(): void {
    this.bytes[CACHE_STATE_AT] |= CACHE_IS_OLD;
  }

  /**
   * Gives a register a value unless it has it, or a higher one.
   * @param sparseBytesMax a sparse value that would be longer becomes a dense one, as one with a register above 32 does
   * @returns SAME, RAISED or CORRUPT: the runs end before the register
   */
  raise(index: number, value: number, sparseBytesMax: number): typeof SAME | typeof RAISED | typeof CORRUPT {
    if (this.isDense) return this.#raiseDense(index, value);
    return value > SPARSE_VALUE_MAX ? this.#enlarge(index, value) : this.#raiseSparse(index, value, sparseBytesMax);
  }

  /** Makes a sparse value a dense one; false where its runs do not cover exactly all registers. */
  toDense(): boolean {
    const { bytes } = this;
    const sparse = bytes.slice(0, this.length);
    bytes.fill(0, HEADER_BYTES, DENSE_BYTES);
    const isWhole = eachRun(sparse, 0, sparse.length, (first, count, value) => {
      for (let i = first; value > 0 && i < first + count; i++) setDenseRegister(bytes, i, value);
    });
    if (!isWhole) {
      bytes.set(sparse);
      return false;
    }
    putHeader(bytes, DENSE);
    bytes.set(sparse.subarray(CACHE_AT, HEADER_BYTES), CACHE_AT);
    this.length = DENSE_BYTES;
    this.changedFrom = 0;
    this.unchangedTail = 0;
    return true;
  }

  /** Bytes up to `end`, which is where it is now, have changed. */
  #touch(from: number, end: number): void {
    this.changedFrom = Math.min(this.changedFrom, from);
    this.unchangedTail = Math.min(this.unchangedTail, this.length - end);
  }

  #raiseDense(index: number, value: number): typeof SAME | typeof RAISED {
    if (denseRegister(this.bytes, 0, index) >= value) return SAME;
    setDenseRegister(this.bytes, index, value);
    const at = denseByteOf(index);
    this.#touch(at, at + denseByteCount(index));
    return RAISED;
  }

  #enlarge(index: number, value: number): typeof SAME | typeof RAISED | typeof CORRUPT {
    return this.toDense() ? this.#raiseDense(index, value) : CORRUPT;
  }

  #raiseSparse(index: number, value: number, sparseBytesMax: number): typeof SAME | typeof RAISED | typeof CORRUPT {
    const { bytes, length } = this;
    let p = HEADER_BYTES;
    let before = p;
    let first = 0;
    let count = 0;
    for (; p < length; p += isLongRun(bytes[p]) ? 2 : 1) {
      count = runLength(bytes, p, length);
      if (count === 0) return CORRUPT;
      if (index < first + count) break;
      before = p;
      first += count;
    }
    if (p >= length) return CORRUPT;
    const old = runValue(bytes[p]);
    if (old >= value) return SAME;
    if (count === 1 && !isLongRun(bytes[p])) {
      bytes[p] = valueRun(value, 1);
      this.#touch(p, p + 1);
    } else {
      const oldBytes = isLongRun(bytes[p]) ? 2 : 1;
      const written = split(old, first, count, index, value);
      const grown = written - oldBytes;
      if (grown > 0 && length + grown > sparseBytesMax) return this.#enlarge(index, value);
      if (length + grown > SPARSE_BYTES_MAX) return CORRUPT;
      bytes.copyWithin(p + written, p + oldBytes, length);
      for (let i = 0; i < written; i++) bytes[p + i] = replacing[i];
      this.length = length + grown;
      this.#touch(p, p + written);
    }
    this.#merge(before);
    return RAISED;
  }

  /** Puts neighbouring runs of the same value together, a few from the place `p` on. */
  #merge(p: number): void {
    const { bytes } = this;
    for (let left = MERGED_RUNS; p < this.length && left > 0; left--) {
      if (runValue(bytes[p]) === 0) {
        p += isLongRun(bytes[p]) ? 2 : 1;
        continue;
      }
      const value = runValue(bytes[p]);
      if (p + 1 < this.length && runValue(bytes[p + 1]) === value) {
        const count = runLength(bytes, p, this.length) + runLength(bytes, p + 1, this.length);
        if (count <= VALUE_RUN_MAX) {
          bytes[p + 1] = valueRun(value, count);
          bytes.copyWithin(p, p + 1, this.length);
          this.length--;
          this.#touch(p, p + 1);
          // What is at this place now may take in the next one, too.
          continue;
        }
      }
      p++;
    }
  }
}

/** What split() wrote. */
const replacing = new Uint8Array(REPLACED_BYTES_MAX);

/** Writes the runs into which one falls when a register of it gets another value; returns their bytes. */
function split(old: number, first: number, count: number, index: number, value: number): number {
  let at = putRun(0, old, index - first);
  replacing[at++] = valueRun(value, 1);
  at = putRun(at, old, first + count - 1 - index);
  return at;
}

function putRun(at: number, value: number, count: number): number {
  if (count === 0) return at;
  if (value === 0) return putZeros(replacing, at, count);
  replacing[at] = valueRun(value, count);
  return at + 1;
}

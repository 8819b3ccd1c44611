/**
 * A record of a table of elements (member-table.ts), as it lies in a chunk:
 *
 *   record   [ next:4 | number:8 ? | form and bytes:2        | valueBytes:2 ? | element | value ]      padded to 8
 *   long     [ next:4 | number:8 ? | form:4 | bytes:4 | hash:4 | valueBytes:4 ? | element | value ]      where the element has more than
 *            511 bytes, or the value more than 65,535
 *
 *   next     reference of the next record in its chain, 0 = end
 *   form     the upper bits of the first word behind next and number, or of its lower half: FORM_DEAD, FORM_LONG; the others are free
 */
import { compareBytes } from "../copy-bytes.js";
import { type Memory, SLAB_SHIFT, UNIT_MASK } from "../memory.js";
import type { ByteSink } from "./byte-sink.js";

/** What stands beside each element: nothing, a double, or bytes. */
export type Beside = "nothing" | "number" | "value";

/** A bit of the form: the record is dead. */
export const FORM_DEAD = 0x8000;
/** A bit of the form: its lengths follow in words of their own. */
export const FORM_LONG = 0x4000;
/** The bits of that word in which a record that is not long has the bytes of its element; those of the value are in the upper half. */
export const SHORT_MASK = 0x1ff;
/** Bytes of the longest value of a record that is not long. */
const SHORT_VALUE_MAX = 0xffff;

/** Where the parts of a record are, by what stands beside its element. */
export interface RecordForm {
  readonly hasValues: boolean;
  readonly hasNumbers: boolean;
  /** Number of the word with the form. */
  readonly word: number;
  /** Bytes before the element, and before that of a long record. */
  readonly head: number;
  readonly longHead: number;
}

export const RECORD_FORMS: Record<Beside, RecordForm> = {
  nothing: { hasValues: false, hasNumbers: false, word: 1, head: 6, longHead: 16 },
  number: { hasValues: false, hasNumbers: true, word: 3, head: 14, longHead: 24 },
  value: { hasValues: true, hasNumbers: false, word: 1, head: 8, longHead: 20 },
};

/** Whether a record with such lengths is a long one. */
export function isLong(len: number, vlen: number): boolean {
  return len > SHORT_MASK || vlen > SHORT_VALUE_MAX;
}

/** Bytes of a record with such lengths. */
export function memberRecordBytes(form: RecordForm, len: number, vlen: number): number {
  return ((isLong(len, vlen) ? form.longHead : form.head) + len + vlen + 7) & ~7;
}

/** Appends the live ones of the records `bytes[off, off + len)`, which have this beside their elements, as a slice of the type that has. Throws RangeError where they are not whole. */
export function putMembers(beside: Beside, bytes: Uint8Array, off: number, len: number, out: ByteSink): void {
  const countAt = out.length;
  out.u32(0);
  const { hasValues, hasNumbers, word, head, longHead } = RECORD_FORMS[beside];
  const end = off + len;
  let count = 0;
  for (let at = off; at < end; ) {
    const p = at + 4 * word;
    const form = wordAt(bytes, p);
    const long = (form & FORM_LONG) !== 0;
    const n = long ? wordAt(bytes, p + 4) : form & SHORT_MASK;
    const vlen = !hasValues ? 0 : long ? wordAt(bytes, p + 12) : form >>> 16;
    const from = at + (long ? longHead : head);
    const next = at + ((from - at + n + vlen + 7) & ~7);
    if (n < 0 || vlen < 0 || next > end) throw new RangeError("a record of a table is cut short");
    if ((form & FORM_DEAD) === 0) {
      if (hasNumbers) out.raw(bytes, at + 4, 8);
      out.blob(bytes, from, n);
      if (hasValues) out.blob(bytes, from + n, vlen);
      count++;
    }
    at = next;
  }
  out.setU32(countAt, count);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** The second line of a record that touch() reads; where that would be behind its slab, at the slab's begin. */
const NEXT_LINE = 16;
const WORD_MASK = (UNIT_MASK << 1) | 1;

/** What is in records, by their references. */
export class MemberRecords {
  /** Of no use, but for the compiler: see touch(). */
  seen = 0;
  protected readonly memory: Memory;
  protected readonly form: RecordForm;
  /** Of the form: read for every element. */
  protected readonly formWord: number;
  protected readonly head: number;

  constructor(memory: Memory, beside: Beside) {
    this.memory = memory;
    this.form = RECORD_FORMS[beside];
    this.formWord = this.form.word;
    this.head = this.form.head;
  }

  /**
   * Loads elements into the processor's cache, all at once instead of each when it is its turn (key-hashes.ts tells why): `count` references that lie
   * side by side in `m` from `w` on.
   */
  touch(m: Int32Array, w: number, count: number): void {
    const { words } = this.memory;
    let seen = 0;
    for (let i = w; i < w + count; i++) {
      const at = (m[i] & UNIT_MASK) << 1;
      const record = words[m[i] >>> SLAB_SHIFT];
      seen ^= record[at] ^ record[(at + NEXT_LINE) & WORD_MASK];
    }
    this.seen = seen;
  }

  /** The bytes in which the element and its value lie; the offsets count in them. Valid until the next change. */
  bytesOf(ref: number): Uint8Array {
    return this.memory.bytes[ref >>> SLAB_SHIFT];
  }

  /** Where the element begins. */
  offsetOf(ref: number): number {
    const w = (ref & UNIT_MASK) << 1;
    const form = this.memory.words[ref >>> SLAB_SHIFT][w + this.formWord];
    return (w << 2) + ((form & FORM_LONG) === 0 ? this.head : this.form.longHead);
  }

  /** Bytes of the element. */
  lengthOf(ref: number): number {
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = ((ref & UNIT_MASK) << 1) + this.formWord;
    return (m[w] & FORM_LONG) === 0 ? m[w] & SHORT_MASK : m[w + 1];
  }

  /** Order of an element and other bytes: below 0, 0 or above 0, as memcmp; what is longer comes behind its beginning. */
  compare(ref: number, buf: Uint8Array, off: number, len: number): number {
    return compareBytes(this.bytesOf(ref), this.offsetOf(ref), this.lengthOf(ref), buf, off, len);
  }

  /** Order of two elements, as compare. Where they begin at the same place of a word, what they have in common goes four bytes a step. */
  order(ref: number, other: number): number {
    const a = this.bytesOf(ref);
    const b = this.bytesOf(other);
    const p = this.offsetOf(ref);
    const q = this.offsetOf(other);
    const len = this.lengthOf(ref);
    const otherLen = this.lengthOf(other);
    const common = Math.min(len, otherLen);
    let i = 0;
    if (((p ^ q) & 3) === 0) {
      while (i < common && ((p + i) & 3) !== 0 && a[p + i] === b[q + i]) i++;
      if (((p + i) & 3) === 0) {
        const m = this.memory.words[ref >>> SLAB_SHIFT];
        const n = this.memory.words[other >>> SLAB_SHIFT];
        while (i + 4 <= common && m[(p + i) >>> 2] === n[(q + i) >>> 2]) i += 4;
      }
    }
    return compareBytes(a, p + i, len - i, b, q + i, otherLen - i);
  }

  /** Where the value begins. Only in a table with values. */
  valueOffsetOf(ref: number): number {
    return this.offsetOf(ref) + this.lengthOf(ref);
  }

  /** Bytes of the value. Only in a table with values. */
  valueLengthOf(ref: number): number {
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = ((ref & UNIT_MASK) << 1) + this.formWord;
    return (m[w] & FORM_LONG) === 0 ? m[w] >>> 16 : m[w + 3];
  }

  /** Only in a table with numbers. */
  numberOf(ref: number): number {
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    NUMBER_WORDS[0] = m[w + 1];
    NUMBER_WORDS[1] = m[w + 2];
    return NUMBER[0];
  }

  /** Only in a table with numbers. */
  protected putNumber(ref: number, value: number): void {
    const m = this.memory.words[ref >>> SLAB_SHIFT];
    const w = (ref & UNIT_MASK) << 1;
    NUMBER[0] = value;
    m[w + 1] = NUMBER_WORDS[0];
    m[w + 2] = NUMBER_WORDS[1];
  }

  sizeOf(ref: number): number {
    return memberRecordBytes(this.form, this.lengthOf(ref), this.form.hasValues ? this.valueLengthOf(ref) : 0);
  }
}

const NUMBER = new Float64Array(1);
const NUMBER_WORDS = new Int32Array(NUMBER.buffer);

/**
 * Packed collections: a small collection lies as bytes in its key's own record, and there is no JavaScript object for it.
 *
 *   [ kind:1 | entries:2 | end:3 | element* | spare ]        little endian
 *
 *   kind      one of the PACKED_* codes; beside it PACKED_LARGE where OBJECT ENCODING tells a large form
 *   entries   elements of a list or set, pairs of a hash or sorted set
 *   end       offset behind the last element, from `kind`; the record has spare bytes behind it, so that growing by one element seldom moves it
 *   element   [ bytes:1 | ... ] up to 253 bytes,  [ 254 | bytes:2 | ... ] up to 65,535,  [ 255 | bytes:3 | ... ] above
 *
 * A hash has its fields and values in turn; a sorted set its members and scores, in the order of both. A score is an element of 1, 2 or 4
 * bytes (a signed integer) or of 8 (a double). Elements are found by comparing one after the other, which is why there are limits (PackedLimits):
 * our own, or Redis's CONFIG parameters where these allow more. A value that passes both becomes an object in the shard's table of values, in one
 * step; one that shrinks to a quarter of our own is packed again (FoundCollection.endChange).
 *
 * What OBJECT ENCODING tells follows CONFIG's parameters alone. Redis converts a value that passes them and never converts it back, but for lists:
 * PACKED_LARGE remembers that. A value that is loaded or copied by its bytes is judged by what it has then, as when Redis loads a file.
 *
 * To give a type a small form: its limits in PackedLimits, connected to CONFIG in server/src/config.ts (and gone from config-remembered.ts);
 * `pack` and `encoding` in its row (value-types.ts); and in its store (set-store.ts is the shortest) readers and mutators that look the key up and
 * then ask `isPacked`. A change begins with beginChange(), makes room with createPacked() and splice(), writes with putElement(), counts with
 * addEntries(), and ends with endChange() (found-collection.ts).
 */
import { compareBytes, copyBytes } from "../copy-bytes.js";
import type { ByteSink, ByteSource } from "./byte-sink.js";

export const PACKED_HEADER_BYTES = 6;
/** Packed collections have no more bytes than this whatever CONFIG says: each look-up may go through all of them. */
export const PACKED_BYTES_MAX = 128 * 1024;
const ENTRIES_MAX = 0xffff;

/** A `kind`: nothing to tell. */
export const PACKED_PLAIN = 0;
/** A `kind`: a set all of whose members are integers. */
export const PACKED_INTEGERS = 1;
/** A `kind`: members with scores. */
export const PACKED_SCORES = 2;
/** A bit beside a `kind`: Redis would have made it a hashtable, skiplist or quicklist. */
export const PACKED_LARGE = 0x80;

/** Whether Redis has a collection of this `kind` in a small form; one that is not packed (-1) it has not. */
export function isSmallKind(kind: number): boolean {
  return (kind & PACKED_LARGE) === 0;
}

/** Up to where collections are packed, and what OBJECT ENCODING calls small. They count for the next change of a value. */
export class PackedLimits {
  /*
   * Our own: what has no more entries, in no more bytes, is packed whatever CONFIG says. Nanoseconds of CPU time for a random HGET, for an overwriting
   * HSET with another length, and for a field that comes and goes, and used bytes of a hash; packed / as a table, among some thousands of hashes:
   *
   *    64 fields of  200 bytes    1600 / 2000    3900 / 3800    5100 / 5000    12,900 / 16,800
   *   128 fields of   65 bytes    1700 / 2500    3500 / 4400    4400 / 5300      8,500 / 10,900
   *    20 fields of 1000 bytes     600 /  900    2400 / 3700    3200 / 3400    20,100 / 20,700
   *   100 fields of  200 bytes    1600 /  800    3300 / 2300    5600 / 2700    20,100 / 25,300
   *   256 fields of   65 bytes    2500 / 1400    3900 / 3900    5600 / 4000    17,100 / 22,700
   *   128 fields of  200 bytes    2800 / 2000    5000 / 2900    7900 / 4300    28,100 / 31,400
   *
   * A look-up costs a cache miss an entry where these are long: that is what the number of entries is for. At 100 fields of 200 bytes a table is
   * up to twice as quick, and takes a quarter more memory.
   */
  entries = 128;
  bytes = 24 * 1024;
  // Redis's parameters and their defaults.
  hashEntries = 512;
  hashValueBytes = 64;
  /** Members of a set of integers. */
  setIntegers = 512;
  setEntries = 128;
  setValueBytes = 64;
  zsetEntries = 128;
  zsetValueBytes = 64;
  /** Redis's list-max-listpack-size: from -1 to -5 so many bytes as LIST_BYTES_MAX has, else so many elements (and 8 KB). */
  listSize = -2;
  /** Longest sparse HyperLogLog, which is a string; the commands have its forms. */
  sparseHllBytes = 3000;
}

/** Number of entries of the packed collection at `at`. */
export function packedEntries(bytes: Uint8Array, at: number): number {
  return bytes[at + 1] | (bytes[at + 2] << 8);
}

/** Offset behind its last element, from `at`. */
export function packedEnd(bytes: Uint8Array, at: number): number {
  return bytes[at + 3] | (bytes[at + 4] << 8) | (bytes[at + 5] << 16);
}

export function setPackedEnd(bytes: Uint8Array, at: number, end: number): void {
  bytes[at + 3] = end;
  bytes[at + 4] = end >>> 8;
  bytes[at + 5] = end >>> 16;
}

export function addEntries(bytes: Uint8Array, at: number, count: number): void {
  const entries = packedEntries(bytes, at) + count;
  bytes[at + 1] = entries;
  bytes[at + 2] = entries >>> 8;
}

export function setPackedKind(bytes: Uint8Array, at: number, kind: number): void {
  bytes[at] = kind;
}

/** Writes the header of a collection without elements. */
export function putPackedHeader(bytes: Uint8Array, at: number, kind: number): void {
  bytes[at] = kind;
  bytes[at + 1] = 0;
  bytes[at + 2] = 0;
  setPackedEnd(bytes, at, PACKED_HEADER_BYTES);
}

/** Bytes of an element's length field, for a length. */
function lengthBytes(len: number): number {
  return len < 254 ? 1 : len <= 0xffff ? 3 : 4;
}

/** Bytes that an element of `len` bytes takes. */
export function elementBytes(len: number): number {
  return len < 254 ? len + 1 : len + lengthBytes(len);
}

/** Bytes that elements number `first` to before `end` take, by their lengths. */
export function elementsBytes(len: Int32Array, first: number, end: number): number {
  let bytes = 0;
  for (let i = first; i < end; i++) bytes += elementBytes(len[i]);
  return bytes;
}

/** Length of the element at `p`. */
export function elementLength(bytes: Uint8Array, p: number): number {
  const n = bytes[p];
  if (n < 254) return n;
  const low = bytes[p + 1] | (bytes[p + 2] << 8);
  return n === 254 ? low : low | (bytes[p + 3] << 16);
}

/** Where the bytes of the element at `p` begin. */
export function elementStart(bytes: Uint8Array, p: number): number {
  const n = bytes[p];
  return n < 254 ? p + 1 : n === 254 ? p + 3 : p + 4;
}

/** The element behind the one at `p`. */
export function nextElement(bytes: Uint8Array, p: number): number {
  const n = bytes[p];
  return n < 254 ? p + 1 + n : elementStart(bytes, p) + elementLength(bytes, p);
}

/** Writes an element at `p`, where there is room; returns the position behind it. */
export function putElement(to: Uint8Array, p: number, buf: Uint8Array, off: number, len: number): number {
  const at = putLength(to, p, len);
  copyBytes(buf, off, to, at, len);
  return at + len;
}

function putLength(to: Uint8Array, p: number, len: number): number {
  if (len < 254) {
    to[p] = len;
    return p + 1;
  }
  to[p] = len <= 0xffff ? 254 : 255;
  to[p + 1] = len;
  to[p + 2] = len >>> 8;
  if (len <= 0xffff) return p + 3;
  to[p + 3] = len >>> 16;
  return p + 4;
}

/**
 * Position of the element that equals a byte range, 0 when there is none. Every `stride`-th element is compared: 2 finds a field among fields
 * and values.
 */
export function findElement(
  bytes: Uint8Array,
  at: number,
  stride: 1 | 2,
  buf: Uint8Array,
  off: number,
  len: number,
): number {
  const end = at + packedEnd(bytes, at);
  let p = at + PACKED_HEADER_BYTES;
  while (p < end) {
    const n = bytes[p];
    const start = n < 254 ? p + 1 : elementStart(bytes, p);
    const length = n < 254 ? n : elementLength(bytes, p);
    // From the end: what elements of a collection have in common is more often their beginning. Of long ones some bytes in between come first:
    // where these have their end in common, too, nearly all of it would be compared with each.
    if (length === len && (len < LONG_BYTES || sampleIsSame(bytes, start, buf, off, len))) {
      let i = len - 1;
      while (i >= 0 && bytes[start + i] === buf[off + i]) i--;
      if (i < 0) return p;
    }
    p = start + length;
    if (stride === 2) p = nextElement(bytes, p);
  }
  return 0;
}

const LONG_BYTES = 64;

/** Whether byte ranges agree in their first bytes and at each eighth of their length. */
function sampleIsSame(bytes: Uint8Array, start: number, buf: Uint8Array, off: number, len: number): boolean {
  const step = len >>> 3;
  for (let i = 0; i < 4; i++) if (bytes[start + i] !== buf[off + i]) return false;
  for (let i = step; i < len; i += step) if (bytes[start + i] !== buf[off + i]) return false;
  return true;
}

/** Position of the element number `index` (from 0), which there must be. */
export function elementAt(bytes: Uint8Array, at: number, index: number): number {
  let p = at + PACKED_HEADER_BYTES;
  for (let i = 0; i < index; i++) p = nextElement(bytes, p);
  return p;
}

/**
 * How a hash, set or sorted set of so many entries and bytes is kept: packed and small for Redis (0), packed with PACKED_LARGE, or not packed (-1).
 * @param isSmall whether Redis had it in its small form so far, and each of its elements is short enough for that
 * @param entriesMax the parameter of CONFIG
 * @param more bytes that the same command is going to add to a new collection: what will not fit is not packed first
 * @param coming entries that the command brings, all of them and this one: too many are not packed first, either. As in Redis they count though some
 *   may be there already
 */
export function packedForm(
  limits: PackedLimits,
  isSmall: boolean,
  entries: number,
  entriesMax: number,
  bytes: number,
  more: number,
  coming: number,
): number {
  // Found one by one in what is packed so far, so many would cost their square.
  if (coming > limits.entries && (!isSmall || coming > entriesMax)) return -1;
  if (isSmall && entries <= entriesMax && entries <= ENTRIES_MAX && bytes <= PACKED_BYTES_MAX) return 0;
  return entries <= limits.entries && bytes + more <= limits.bytes ? PACKED_LARGE : -1;
}

/** As packedForm, for a list. */
export function packedListForm(limits: PackedLimits, isSmall: boolean, entries: number, bytes: number): number {
  return packedForm(limits, isSmall && isSmallList(limits, entries, bytes, 0), entries, ENTRIES_MAX, bytes, 0, entries);
}

/**
 * Whether Redis keeps a list of so many bytes, as packed here, in its small form. Where it has shrunk it returns to it at half of the limits:
 * `halved` is 1 then, else 0. What Redis would need to walk it backwards counts, too.
 */
export function isSmallList({ listSize }: PackedLimits, entries: number, bytes: number, halved: 0 | 1): boolean {
  const entriesMax = listSize < 0 ? ENTRIES_MAX : Math.min(ENTRIES_MAX, Math.max(1, listSize));
  return entries <= entriesMax >>> halved && bytes + entries <= listBytesMax(listSize) >>> halved;
}

/** Bytes of the longest list that Redis's list-max-listpack-size calls small. */
export function listBytesMax(listSize: number): number {
  return LIST_BYTES_MAX[listSize < 0 ? Math.min(-listSize, LIST_BYTES_MAX.length) - 1 : 1];
}

const LIST_BYTES_MAX = [4096, 8192, 16384, 32768, 65536];

/** An integer of 64 bits as Redis prints one. */
export function isInteger(buf: Uint8Array, off: number, len: number): boolean {
  const negative = len > 0 && buf[off] === 45;
  const from = negative ? off + 1 : off;
  const digits = off + len - from;
  if (digits < 1 || digits > INT64_DIGITS) return false;
  if (buf[from] === 48) return len === 1;
  for (let i = 0; i < digits; i++) if (buf[from + i] < 48 || buf[from + i] > 57) return false;
  if (digits < INT64_DIGITS) return true;
  const limit = negative ? INT64_MIN_DIGITS : INT64_MAX_DIGITS;
  for (let i = 0; i < digits; i++) if (buf[from + i] !== limit[i]) return buf[from + i] < limit[i];
  return true;
}

const INT64_MAX_DIGITS = Buffer.from("9223372036854775807");
const INT64_MIN_DIGITS = Buffer.from("9223372036854775808");
const INT64_DIGITS = 19;
/** Longest integer, with its sign. */
export const INTEGER_BYTES_MAX = INT64_DIGITS + 1;

/** Appends the packed collection at `at` as a slice (see Collection.encodeSlice). */
export function packedSlice(bytes: Uint8Array, at: number, out: ByteSink): void {
  out.u32(packedEntries(bytes, at));
  const end = at + packedEnd(bytes, at);
  for (let p = at + PACKED_HEADER_BYTES; p < end; p = nextElement(bytes, p)) {
    const len = elementLength(bytes, p);
    if ((bytes[at] & ~PACKED_LARGE) === PACKED_SCORES) {
      const score = nextElement(bytes, p);
      out.f64(scoreAt(bytes, score));
      out.blob(bytes, elementStart(bytes, p), len);
      p = score;
      continue;
    }
    out.blob(bytes, elementStart(bytes, p), len);
  }
}

/** Whether the next elements are all integers. */
export function hasOnlyIntegers(elements: ByteSource, count: number): boolean {
  for (let i = count; i > 0; i--) {
    const len = elements.blob();
    if (!isInteger(elements.bytes, elements.blobAt, len)) return false;
  }
  return true;
}

/** Bytes that a value whose encoded form has `len` bytes takes in a record at most, while it is being packed. */
export function packedRoom(len: number): number {
  // The header is two bytes longer than a slice's, and a very long member with a score takes one more than in a slice.
  return len + PACKED_HEADER_BYTES;
}

/** Whether a whole slice of any collection is so small that it is packed whatever is in it. */
export function isSurelyPacked(limits: PackedLimits, slice: Uint8Array, off: number, len: number): boolean {
  if (len < 4 || packedRoom(len) > limits.bytes) return false;
  const entries = slice[off] | (slice[off + 1] << 8) | (slice[off + 2] << 16) | (slice[off + 3] << 24);
  return entries >>> 0 <= limits.entries;
}

/**
 * Writes a whole slice of a set or hash as a packed collection at `at` in `to`, where there is packedRoom(); returns its length, or -1 when it does
 * not fit these limits: then what lies there may be anything.
 * @param kind the PACKED_* code
 * @param entriesMax and `longest`: the parameters of CONFIG for this kind
 * @throws RangeError when the slice is malformed
 */
export function packElements(
  limits: PackedLimits,
  kind: number,
  perEntry: 1 | 2,
  entriesMax: number,
  longest: number,
  slice: ByteSource,
  entries: number,
  to: Uint8Array,
  at: number,
): number {
  // Lengths take no more room than in the slice, and a byte at least.
  const least = PACKED_HEADER_BYTES + slice.remaining - 3 * perEntry * entries;
  if (packedForm(limits, true, entries, entriesMax, least, 0, entries) < 0) return -1;
  let p = at + PACKED_HEADER_BYTES;
  let isSmall = true;
  for (let i = entries * perEntry; i > 0; i--) {
    const len = slice.blob();
    if (len > longest) isSmall = false;
    p = putElement(to, p, slice.bytes, slice.blobAt, len);
  }
  return packed(to, at, p, kind, entries, packedForm(limits, isSmall, entries, entriesMax, p - at, 0, entries));
}

/** As packElements, for a list's slice. */
export function packList(limits: PackedLimits, slice: ByteSource, entries: number, to: Uint8Array, at: number): number {
  const least = PACKED_HEADER_BYTES + slice.remaining - 3 * entries;
  if (packedListForm(limits, true, entries, least) < 0) return -1;
  let p = at + PACKED_HEADER_BYTES;
  for (let i = entries; i > 0; i--) {
    const len = slice.blob();
    p = putElement(to, p, slice.bytes, slice.blobAt, len);
  }
  return packed(to, at, p, PACKED_PLAIN, entries, packedListForm(limits, true, entries, p - at));
}

/** As packElements, for a sorted set's slice; -1 also when it is not in order. */
export function packScores(
  limits: PackedLimits,
  slice: ByteSource,
  entries: number,
  to: Uint8Array,
  at: number,
): number {
  // A score of 8 bytes may be one of 2 here, with its length.
  const least = PACKED_HEADER_BYTES + slice.remaining - 9 * entries;
  if (packedForm(limits, true, entries, limits.zsetEntries, least, 0, entries) < 0) return -1;
  let p = at + PACKED_HEADER_BYTES;
  let last = -1;
  let isSmall = true;
  for (let i = entries; i > 0; i--) {
    const score = slice.f64();
    const len = slice.blob();
    if (Number.isNaN(score)) return -1;
    if (len > limits.zsetValueBytes) isSmall = false;
    if (last >= 0 && compareEntry(to, last, score, slice.bytes, slice.blobAt, len) >= 0) return -1;
    last = p;
    p = putScore(to, putElement(to, p, slice.bytes, slice.blobAt, len), score);
  }
  return packed(
    to,
    at,
    p,
    PACKED_SCORES,
    entries,
    packedForm(limits, isSmall, entries, limits.zsetEntries, p - at, 0, entries),
  );
}

/** Writes the header of what was packed at `at` and ends at `end`; returns its length, or -1 where its form (see packedForm) is none. */
function packed(to: Uint8Array, at: number, end: number, kind: number, entries: number, form: number): number {
  if (form < 0) return -1;
  putPackedHeader(to, at, kind | form);
  addEntries(to, at, entries);
  setPackedEnd(to, at, end - at);
  return end - at;
}

/** Bytes that a score takes as an element. */
export function scoreBytes(score: number): number {
  return 1 + scoreLength(score);
}

function scoreLength(score: number): 1 | 2 | 4 | 8 {
  const integer = score | 0;
  // -0 has a sign to keep.
  if (!Object.is(integer, score)) return 8;
  if (integer === (integer << 24) >> 24) return 1;
  return integer === (integer << 16) >> 16 ? 2 : 4;
}

/** Writes a score as an element; returns the position behind it. */
export function putScore(to: Uint8Array, p: number, score: number): number {
  const length = scoreLength(score);
  to[p] = length;
  if (length === 8) {
    SCORE[0] = score;
    for (let i = 0; i < 8; i++) to[p + 1 + i] = SCORE_BYTES[i];
  } else {
    for (let i = 0; i < length; i++) to[p + 1 + i] = score >> (8 * i);
  }
  return p + 1 + length;
}

/** The score that is the element at `p`. */
export function scoreAt(bytes: Uint8Array, p: number): number {
  switch (bytes[p]) {
    case 1:
      return (bytes[p + 1] << 24) >> 24;
    case 2:
      return ((bytes[p + 1] << 16) | (bytes[p + 2] << 24)) >> 16;
    case 4:
      return bytes[p + 1] | (bytes[p + 2] << 8) | (bytes[p + 3] << 16) | (bytes[p + 4] << 24);
    default:
      for (let i = 0; i < 8; i++) SCORE_BYTES[i] = bytes[p + 1 + i];
      return SCORE[0];
  }
}

const SCORE = new Float64Array(1);
const SCORE_BYTES = new Uint8Array(SCORE.buffer);

/** Order of the member at `p` with its score, and another: by score, then as memcmp. Below 0, 0 or above 0. */
export function compareEntry(
  bytes: Uint8Array,
  p: number,
  score: number,
  buf: Uint8Array,
  off: number,
  len: number,
): number {
  const own = scoreAt(bytes, nextElement(bytes, p));
  if (own !== score) return own < score ? -1 : 1;
  return compareBytes(bytes, elementStart(bytes, p), elementLength(bytes, p), buf, off, len);
}

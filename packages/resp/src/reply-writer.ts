import { formatHumanLongDouble } from "./long-double.js";
import { formatDouble } from "./numbers.js";

/*
 *               RESP2                RESP3
 *   simple      +OK\r\n              +OK\r\n
 *   error       -ERR text\r\n        -ERR text\r\n
 *   int         :12\r\n              :12\r\n
 *   bulk        $3\r\nabc\r\n        $3\r\nabc\r\n
 *   array       *2\r\n ...           *2\r\n ...
 *   nil         $-1\r\n              _\r\n
 *   nilArray    *-1\r\n              _\r\n
 *   map(n)      *2n\r\n ...          %n\r\n ...
 *   set, push   *n\r\n ...           ~n\r\n ...   >n\r\n ...
 *   double      $3\r\n3.5\r\n        ,3.5\r\n
 *   bool        :1\r\n               #t\r\n
 *   verbatim    $3\r\nabc\r\n        =7\r\ntxt:abc\r\n
 */

const INITIAL_BYTES = 65_536;
const TRIM_ABOVE_BYTES = 1024 * 1024;
/** Below this a loop over bytes beats the native call. */
const LOOP_COPY_BYTES = 32;
/** Below this a loop beats copyWithin. */
const SHORT_MOVE_BYTES = 16;
/** The same for chars. */
const LOOP_COPY_CHARS = 100;
/** Sign, 20 digits of a 64-bit number, prefix and CRLF, rounded up. */
const HEADER_BYTES_MAX = 32;
/** Room kept for a count that is not known yet: the header of a count below ten. */
const DEFERRED_BYTES = 4;

/** Dollar sign and two line ends. */
const BULK_FRAME_BYTES = 5;

const CR = 13;
const LF = 10;
const ZERO = 48;
const PLUS = 43;
const MINUS = 45;
const COLON = 58;
const DOLLAR = 36;
const STAR = 42;
const PERCENT = 37;
const TILDE = 126;
const GREATER = 62;
const COMMA = 44;
const EQUALS = 61;

const OK = Buffer.from("+OK\r\n");
const PONG = Buffer.from("+PONG\r\n");
const QUEUED = Buffer.from("+QUEUED\r\n");
const NULL_BULK = Buffer.from("$-1\r\n");
const NULL_ARRAY = Buffer.from("*-1\r\n");
const NULL = Buffer.from("_\r\n");
const TRUE = Buffer.from("#t\r\n");
const FALSE = Buffer.from("#f\r\n");

/** Writes replies one after the other into a buffer that grows by doubling. One writer serves all connections in turn. */
export class ReplyWriter {
  /** Replies are `bytes[0, length)`; replaced by a larger buffer when full, so do not keep it across calls. */
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  /** Bytes written. */
  length = 0;
  /** Protocol version of the client being answered. */
  proto: 2 | 3 = 2;
  #isGivenAway = false;

  /** Forgets what was written; buffer and protocol stay. */
  reset(): void {
    this.cut(0);
  }

  /** Forgets what was written from `length` on. */
  cut(length: number): void {
    this.length = length;
    if (this.#isGivenAway) this.#resize(Math.max(INITIAL_BYTES, length));
  }

  /** Its bytes are now somebody else's, too: what is written stays as it is, and after the next cut or reset another buffer is written to. */
  giveAway(): void {
    this.#isGivenAway = true;
  }

  /** Gives back a buffer that grew beyond 1 MB, as far as what was written allows. Call it now and then, after a reset. */
  trim(): void {
    if (this.bytes.length <= TRIM_ABOVE_BYTES) return;
    const capacity = Math.max(INITIAL_BYTES, this.length);
    if (capacity < this.bytes.length) this.#resize(capacity);
  }

  /** +OK */
  ok(): void {
    this.raw(OK);
  }

  /** +PONG */
  pong(): void {
    this.raw(PONG);
  }

  /** +QUEUED */
  queued(): void {
    this.raw(QUEUED);
  }

  /** A status line. `text` is latin1 without line ends. */
  simple(text: string): void {
    this.#line(PLUS, text);
  }

  /** An error reply. `text` is latin1 and begins with its code ("ERR ..."); line ends inside become spaces. */
  error(text: string): void {
    this.#line(MINUS, /[\r\n]/.test(text) ? text.replace(/[\r\n]+$/, "").replace(/[\r\n]/g, " ") : text);
  }

  /** An integer within int64. */
  int(n: number | bigint): void {
    if (typeof n === "bigint") this.#line(COLON, String(n));
    else this.#header(COLON, n);
  }

  /** The null reply. */
  nil(): void {
    this.raw(this.proto === 3 ? NULL : NULL_BULK);
  }

  /** The null reply of commands that otherwise give an array. */
  nilArray(): void {
    this.raw(this.proto === 3 ? NULL : NULL_ARRAY);
  }

  /** The bytes `buf[off, off + len)`. */
  bulk(buf: Uint8Array, off: number, len: number): void {
    this.#reserve(len + HEADER_BYTES_MAX);
    this.#putHeader(DOLLAR, len);
    this.#putBytes(buf, off, len);
    this.#putLineEnd();
  }

  /**
   * A run of elements `source[off, end)` as bulks. Each element has its length before and behind it, and what lengths look like the caller
   * tells: `lengthAt` reads one, `lengthBytes` is how many bytes it takes (at most 5 on each side, and no more than decimal digits and
   * line ends do). The run is copied once, to where its last reply will end, and taken apart there from its begin on.
   */
  bulkRun(
    source: Uint8Array,
    off: number,
    end: number,
    lengthAt: (bytes: Uint8Array, at: number) => number,
    lengthBytes: (length: number) => number,
  ): void {
    let total = 0;
    for (let at = off; at < end; ) {
      const len = lengthAt(source, at);
      total += BULK_FRAME_BYTES + digitCount(len) + len;
      at += len + 2 * lengthBytes(len);
    }
    this.#reserve(total);
    const bytes = this.bytes;
    const stop = this.length + total;
    let from = stop - (end - off);
    bytes.set(new Uint8Array(source.buffer, source.byteOffset + off, end - off), from);
    while (from < stop) {
      const len = lengthAt(bytes, from);
      const width = lengthBytes(len);
      const start = this.length;
      const to = start + BULK_FRAME_BYTES - 2 + digitCount(len);
      // Into the place of what is done with, or, behind a longer length, a byte or two to the right.
      if (len < SHORT_MOVE_BYTES) for (let i = 0; i < len; i++) bytes[to + i] = bytes[from + width + i];
      else bytes.copyWithin(to, from + width, from + width + len);
      this.#putHeader(DOLLAR, len);
      this.length = to + len;
      this.#putLineEnd();
      from += len + 2 * width;
    }
  }

  /** A binary string, one byte per char. */
  bulkString(latin1: string): void {
    this.#reserve(latin1.length + HEADER_BYTES_MAX);
    this.#putHeader(DOLLAR, latin1.length);
    this.#putLatin1(latin1);
    this.#putLineEnd();
  }

  /** A text, sent as UTF-8. */
  bulkUtf8(text: string): void {
    const size = Buffer.byteLength(text, "utf8");
    this.#reserve(size + HEADER_BYTES_MAX);
    this.#putHeader(DOLLAR, size);
    this.bytes.write(text, this.length, size, "utf8");
    this.length += size;
    this.#putLineEnd();
  }

  /** Header of an array of `count` replies. */
  array(count: number): void {
    this.#header(STAR, count);
  }

  /** Header of a map of `pairs` keys, each followed by its value. */
  map(pairs: number): void {
    if (this.proto === 3) this.#header(PERCENT, pairs);
    else this.#header(STAR, 2 * pairs);
  }

  /** Header of a set of `count` members. */
  set(count: number): void {
    this.#header(this.proto === 3 ? TILDE : STAR, count);
  }

  /** Header of an out-of-band message of `count` replies. */
  push(count: number): void {
    this.#header(this.proto === 3 ? GREATER : STAR, count);
  }

  /** A floating point number. */
  double(x: number): void {
    if (this.proto === 3) this.#line(COMMA, formatDouble(x));
    else this.bulkString(formatDouble(x));
  }

  /** A finite double with the digits that Redis gives coordinates: 17 decimals at most, without an exponent. */
  longDouble(x: number): void {
    if (this.proto === 3) this.#line(COMMA, formatHumanLongDouble(x));
    else this.bulkString(formatHumanLongDouble(x));
  }

  /** A truth value; 1 or 0 in RESP2. */
  bool(value: boolean): void {
    if (this.proto === 3) this.raw(value ? TRUE : FALSE);
    else this.int(value ? 1 : 0);
  }

  /** A text with a format of three chars ("txt", "mkd"), both latin1; a plain bulk in RESP2. */
  verbatim(format: string, latin1: string): void {
    if (this.proto === 2) {
      this.bulkString(latin1);
      return;
    }
    const size = latin1.length + 4;
    this.#reserve(size + HEADER_BYTES_MAX);
    this.#putHeader(EQUALS, size);
    this.#putLatin1(`${format}:`);
    this.#putLatin1(latin1);
    this.#putLineEnd();
  }

  /** Bytes that already are a reply. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#putBytes(bytes, 0, bytes.length);
  }

  /** Begins an array whose count is given later to `setArray`. Returns the mark to give with it. */
  deferArray(): number {
    return this.#defer(STAR);
  }

  /** Begins a map; `setArray` then takes its number of pairs. */
  deferMap(): number {
    return this.#defer(PERCENT);
  }

  /** Begins a set; `setArray` then takes its number of members. */
  deferSet(): number {
    return this.#defer(TILDE);
  }

  /** Ends what `deferArray`, `deferMap` or `deferSet` began. Nested ones end first. Ten elements or more move once. */
  setArray(mark: number, count: number): void {
    const kind = this.bytes[mark];
    const elements = kind === PERCENT && this.proto === 2 ? 2 * count : count;
    const prefix = this.proto === 3 ? kind : STAR;
    const bodyFrom = mark + DEFERRED_BYTES;
    const extra = digitCount(elements) + 3 - DEFERRED_BYTES;
    const end = this.length + extra;
    if (extra > 0) {
      this.#reserve(extra);
      this.bytes.copyWithin(bodyFrom + extra, bodyFrom, this.length);
    }
    this.length = mark;
    this.#putHeader(prefix, elements);
    this.length = end;
  }

  #defer(kind: number): number {
    this.#reserve(DEFERRED_BYTES);
    const mark = this.length;
    this.bytes[mark] = kind;
    this.length += DEFERRED_BYTES;
    return mark;
  }

  #header(prefix: number, n: number): void {
    this.#reserve(HEADER_BYTES_MAX);
    this.#putHeader(prefix, n);
  }

  #line(prefix: number, latin1: string): void {
    this.#reserve(latin1.length + HEADER_BYTES_MAX);
    this.bytes[this.length++] = prefix;
    this.#putLatin1(latin1);
    this.#putLineEnd();
  }

  #putHeader(prefix: number, n: number): void {
    const bytes = this.bytes;
    let at = this.length;
    bytes[at++] = prefix;
    if (n >= 0 && n < 10) {
      bytes[at++] = ZERO + n;
    } else if (n >= 10 && n <= 0x7fff_ffff) {
      at = putDigits(bytes, at, n);
    } else {
      const text = String(n);
      for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    }
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.length = at;
  }

  #putBytes(source: Uint8Array, off: number, len: number): void {
    const at = this.length;
    if (len < LOOP_COPY_BYTES) {
      const bytes = this.bytes;
      for (let i = 0; i < len; i++) bytes[at + i] = source[off + i];
    } else {
      this.bytes.set(new Uint8Array(source.buffer, source.byteOffset + off, len), at);
    }
    this.length = at + len;
  }

  #putLatin1(text: string): void {
    const at = this.length;
    if (text.length < LOOP_COPY_CHARS) {
      const bytes = this.bytes;
      for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    } else {
      this.bytes.write(text, at, text.length, "latin1");
    }
    this.length = at + text.length;
  }

  #putLineEnd(): void {
    this.bytes[this.length++] = CR;
    this.bytes[this.length++] = LF;
  }

  #reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed > this.bytes.length) this.#resize(Math.max(needed, 2 * this.bytes.length));
  }

  #resize(capacity: number): void {
    const resized = Buffer.allocUnsafeSlow(capacity);
    this.bytes.copy(resized, 0, 0, this.length);
    this.bytes = resized;
    this.#isGivenAway = false;
  }
}

/** Writes the digits of `n`, an integer from 1 to 2^31 - 1, from the back; returns the position after them. */
function putDigits(bytes: Buffer, at: number, n: number): number {
  const end = at + digitCount(n);
  let rest = n | 0;
  for (let p = end - 1; p >= at; p--) {
    const tenth = (rest / 10) | 0;
    bytes[p] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}

function digitCount(n: number): number {
  let count = 1;
  for (let power = 10; n >= power; power *= 10) count++;
  return count;
}

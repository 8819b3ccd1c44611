import { splitInline } from "./inline.js";
import type { DecoderLimits } from "./limits.js";
import {
  MAX_ARGS_UNAUTHENTICATED,
  MAX_BULK_BYTES_UNAUTHENTICATED,
  MAX_QUERY_BYTES_HARD,
  MAX_QUERY_BYTES_UNAUTHENTICATED,
  protocolErrors,
  silentCloses,
} from "./limits.js";
import { parseInt64, parseSafeInt } from "./numbers.js";
import type { Request } from "./request.js";

/*
 *   *2\r\n  $3\r\n  GET\r\n  $3\r\n  key\r\n        or a line:   GET key\r\n
 *   COUNT   LENGTH  BODY     LENGTH  BODY                        INLINE
 *
 * The resumable half of the decoder: it takes exactly the bytes of one request out of as many chunks as it needs and keeps the
 * arguments only (length lines and line ends are dropped once read). Every byte is looked at once and copied once at most, plus the
 * doublings of the buffer, so a request costs time linear in its size however it is cut.
 *
 * As in Redis: the byte after a CR is skipped unseen, and a NUL hides the rest of a line, which then never ends.
 */

/** More bytes are needed; everything offered was taken. */
export const TAKE_MORE = 0;
/** `request` is complete. */
export const TAKE_REQUEST = 1;
/** Protocol error: `error` is the reply. */
export const TAKE_ERROR = 2;
/** Close without a reply: `error` is the log line. */
export const TAKE_CLOSE = 3;
/** An empty request (blank line, `*0`, `*-10`) has ended; there is nothing to run. */
export const TAKE_NOTHING = 4;

const START = 0;
const COUNT = 1;
const LENGTH = 2;
const BODY = 3;
const INLINE = 4;

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const ZERO = 48;
/** A length of so many digits has not come whole in a chunk. */
const DIGITS_MAX = 10;

/** A buffer up to this size stays with the connection; a larger one is given up when its request is done. */
const KEEP_BYTES = 16_384;
/** One that was given up waits for the next request of any connection, if it is no larger: a new one for each would keep the garbage collector busy. */
const SPARE_BYTES = 1_048_576;
/** And for one that needs a part of it at least: so what has arrived holds no more than so many times its bytes. */
const SPARE_TIMES = 8;
const FIRST_BYTES = 256;
/** Below this a loop beats Buffer.copy. */
const LOOP_COPY_BYTES = 64;
const NO_BYTES = Buffer.alloc(0);
let spare: Buffer = NO_BYTES;

/** The request of one connection that has not arrived completely, or that is not plain enough for the fast path. */
export class PendingRequest {
  /** Whether a request has begun. */
  active = false;
  /** Bytes held for it. */
  length = 0;
  /** End of the bytes taken from the chunk given to `take`. */
  taken = 0;
  /** Error reply or log line after TAKE_ERROR and TAKE_CLOSE. */
  error = "";
  /** All bytes ever copied, growing the buffer included: the measure of work in tests. */
  copiedBytes = 0;
  #buf: Buffer = NO_BYTES;
  #request: Request;
  #limits: DecoderLimits;
  #state = START;
  #argsLeft = 0;
  #bodyEnd = 0;
  #lineStart = 0;
  /** End of the current line, the byte after its CR included; -1 until the end of the line is seen. */
  #lineEnd = -1;
  #lineHidden = false;

  constructor(request: Request, limits: DecoderLimits) {
    this.#request = request;
    this.#limits = limits;
  }

  /** Size of the buffer in bytes. */
  get capacity(): number {
    return this.#buf.length;
  }

  /** Forgets the request in hand; a large buffer is released. */
  reset(): void {
    this.active = false;
    this.length = 0;
    this.#state = START;
    if (this.#buf.length > KEEP_BYTES) {
      if (this.#buf.length <= SPARE_BYTES && this.#buf.length > spare.length) spare = this.#buf;
      this.#buf = NO_BYTES;
    }
    this.#request.clear();
  }

  /** Takes what belongs to the request from `chunk[from, to)`; `taken` tells how far. Returns one of TAKE_*. */
  take(chunk: Buffer, from: number, to: number, authenticated: boolean): number {
    this.taken = from;
    let outcome = TAKE_MORE;
    do {
      if (this.#state === LENGTH && this.length === this.#lineStart) this.#takeWholeBulks(chunk, to, authenticated);
      outcome = this.#step(chunk, to, authenticated);
    } while (outcome === TAKE_MORE && this.taken < to);
    if (outcome === TAKE_MORE && this.length > queryBytesMax(this.#limits, authenticated)) {
      this.error = silentCloses.queryBuffer;
      return TAKE_CLOSE;
    }
    return outcome;
  }

  #step(chunk: Buffer, to: number, authenticated: boolean): number {
    switch (this.#state) {
      case START:
        this.#start(chunk[this.taken]);
        return TAKE_MORE;
      case COUNT:
        return this.#takeLine(chunk, to, CR) ? this.#readCount(authenticated) : this.#lineOutcome();
      case LENGTH:
        return this.#takeLine(chunk, to, CR) ? this.#readLength(authenticated) : this.#lineOutcome();
      case BODY:
        return this.#takeBody(chunk, to);
      default:
        return this.#takeLine(chunk, to, LF) ? this.#readInline() : this.#lineOutcome();
    }
  }

  /** Takes the bulks that are plain and lie whole in the chunk, but for the request's last one; what is left is for the steps. */
  #takeWholeBulks(chunk: Buffer, to: number, authenticated: boolean): void {
    const max = authenticated ? this.#limits.maxBulkBytes : MAX_BULK_BYTES_UNAUTHENTICATED;
    let at = this.taken;
    while (this.#argsLeft > 1 && at < to && chunk[at] === DOLLAR) {
      let p = at + 1;
      let length = 0;
      for (let digit = chunk[p] - ZERO; p < to && digit >= 0 && digit <= 9; digit = chunk[++p] - ZERO) {
        length = length * 10 + digit;
      }
      const digits = p - at - 1;
      const end = p + 2 + length + 2;
      const isPlain = digits > 0 && digits < DIGITS_MAX && (digits === 1 || chunk[at + 1] !== ZERO);
      if (!isPlain || end > to || chunk[p] !== CR || length > max) break;
      this.#append(chunk, p + 2, p + 2 + length);
      this.#request.push(this.length - length, length);
      this.#argsLeft--;
      at = end;
    }
    this.taken = at;
    this.#beginLine(LENGTH);
  }

  #start(firstByte: number): void {
    this.active = true;
    this.#request.argc = 0;
    this.#beginLine(firstByte === STAR ? COUNT : INLINE);
  }

  #beginLine(state: number): void {
    this.#state = state;
    this.#lineStart = this.length;
    this.#lineEnd = -1;
    this.#lineHidden = false;
  }

  /** Takes bytes up to the end of the line; true when it is complete. Looks no further than the longest line allowed. */
  #takeLine(chunk: Buffer, to: number, terminator: number): boolean {
    const from = this.taken;
    if (this.#lineEnd < 0) {
      const stop = Math.min(to, from + this.#limits.maxInlineBytes + 1 - (this.length - this.#lineStart));
      let at = from;
      if (!this.#lineHidden) {
        while (at < stop && chunk[at] !== terminator && chunk[at] !== 0) at++;
        if (at < stop && chunk[at] === 0) this.#lineHidden = true;
      }
      if (this.#lineHidden || at === stop) {
        this.#append(chunk, from, stop);
        return false;
      }
      this.#lineEnd = this.length + (at - from) + (terminator === CR ? 2 : 1);
    }
    this.#append(chunk, from, Math.min(to, from + this.#lineEnd - this.length));
    return this.length === this.#lineEnd;
  }

  #lineOutcome(): number {
    if (this.#lineEnd >= 0 || this.length - this.#lineStart <= this.#limits.maxInlineBytes) return TAKE_MORE;
    if (this.#state === COUNT) return this.#fail(protocolErrors.bigMultibulkLine);
    return this.#fail(this.#state === LENGTH ? protocolErrors.bigBulkLine : protocolErrors.bigInline);
  }

  #readCount(authenticated: boolean): number {
    const start = this.#lineStart + 1;
    const length = this.#lineEnd - 2 - start;
    const count = parseSafeInt(this.#buf, start, length);
    if (Number.isNaN(count)) {
      // Far below zero is still "nothing to do", as any count below one.
      const big = parseInt64(this.#buf, start, length);
      return big !== null && big < 0n ? TAKE_NOTHING : this.#fail(protocolErrors.multibulkLength);
    }
    if (count > this.#limits.maxArgs) return this.#fail(protocolErrors.multibulkLength);
    if (count > MAX_ARGS_UNAUTHENTICATED && !authenticated) return this.#fail(protocolErrors.unauthenticatedMultibulk);
    if (count <= 0) return TAKE_NOTHING;
    this.#argsLeft = count;
    this.length = this.#lineStart;
    this.#beginLine(LENGTH);
    return TAKE_MORE;
  }

  #readLength(authenticated: boolean): number {
    const start = this.#lineStart;
    const marker = this.#buf[start];
    if (marker !== DOLLAR) return this.#fail(protocolErrors.expectedBulk(marker));
    const length = parseSafeInt(this.#buf, start + 1, this.#lineEnd - 3 - start);
    const valid = length >= 0 && length <= this.#limits.maxBulkBytes;
    if (!valid) return this.#fail(protocolErrors.bulkLength);
    if (length > MAX_BULK_BYTES_UNAUTHENTICATED && !authenticated)
      return this.#fail(protocolErrors.unauthenticatedBulk);
    this.length = start;
    this.#bodyEnd = start + length + 2;
    this.#state = BODY;
    return TAKE_MORE;
  }

  #takeBody(chunk: Buffer, to: number): number {
    this.#append(chunk, this.taken, Math.min(to, this.taken + this.#bodyEnd - this.length));
    if (this.length < this.#bodyEnd) return TAKE_MORE;
    this.length -= 2;
    this.#request.push(this.#lineStart, this.length - this.#lineStart);
    if (--this.#argsLeft > 0) {
      this.#beginLine(LENGTH);
      return TAKE_MORE;
    }
    this.#request.buf = this.#buf;
    return TAKE_REQUEST;
  }

  #readInline(): number {
    let end = this.#lineEnd - 1;
    if (end > 0 && this.#buf[end - 1] === CR) end--;
    if (!splitInline(this.#buf, 0, end, this.#request)) return this.#fail(protocolErrors.unbalancedQuotes);
    return this.#request.argc === 0 ? TAKE_NOTHING : TAKE_REQUEST;
  }

  #append(chunk: Buffer, from: number, to: number): void {
    const count = to - from;
    this.#ensure(this.length + count);
    const buf = this.#buf;
    let at = this.length;
    if (count < LOOP_COPY_BYTES) for (let i = from; i < to; i++) buf[at++] = chunk[i];
    else chunk.copy(buf, at, from, to);
    this.length += count;
    this.taken = to;
    this.copiedBytes += count;
  }

  /** Doubles, so never more than twice of what has arrived, or is the spare one; the last argument gets no more than it announced. */
  #ensure(needed: number): void {
    if (needed <= this.#buf.length) return;
    let capacity = Math.max(needed, 2 * this.#buf.length, FIRST_BYTES);
    if (this.#state === BODY && this.#argsLeft === 1) capacity = Math.max(needed, Math.min(capacity, this.#bodyEnd));
    let larger = spare;
    if (capacity > KEEP_BYTES && capacity <= spare.length && spare.length <= SPARE_TIMES * capacity) spare = NO_BYTES;
    else larger = Buffer.allocUnsafeSlow(capacity);
    this.#buf.copy(larger, 0, 0, this.length);
    this.copiedBytes += this.length;
    this.#buf = larger;
  }

  #fail(text: string): number {
    this.error = text;
    return TAKE_ERROR;
  }
}

/** Most bytes a connection may have waiting. */
export function queryBytesMax(limits: DecoderLimits, authenticated: boolean): number {
  return authenticated ? Math.min(limits.maxQueryBytes, MAX_QUERY_BYTES_HARD) : MAX_QUERY_BYTES_UNAUTHENTICATED;
}

import type { DecoderLimits } from "./limits.js";
import { MAX_ARGS_UNAUTHENTICATED, MAX_BULK_BYTES_UNAUTHENTICATED, silentCloses } from "./limits.js";
import { PendingRequest, queryBytesMax, TAKE_CLOSE, TAKE_ERROR, TAKE_MORE, TAKE_NOTHING } from "./pending.js";
import { Request } from "./request.js";

/*
 *   *3\r\n  $3\r\n SET\r\n  $3\r\n key\r\n  $5\r\n value\r\n      one request of three arguments
 *
 *   count: 1 to maxArgs;  length: 0 to maxBulkBytes;  both strict decimal numbers without sign or leading zero
 *
 * A plain request that lies whole in the fed chunk is only measured: its argument offsets are noted and nothing is copied.
 * Everything else (cut at the end of the chunk, inline, empty, wrong) goes to PendingRequest, which reads it once more from
 * its first byte with all of Redis's rules. The fast path therefore never has to report anything.
 */

/** `next()`: nothing complete is left. */
export const MORE = 0;
/** `next()`: `request` holds a request. */
export const REQUEST = 1;
/** `next()`: send `error` as error reply after the replies before it, then close. */
export const ERROR = 2;
/** `next()`: close without a reply; `error` is a line for the log (write it at most once a minute). */
export const SECURITY = 3;

/** What `RequestDecoder.next` returns. */
export type DecoderStatus = typeof MORE | typeof REQUEST | typeof ERROR | typeof SECURITY;

const CR = 13;
const STAR = 42;
const DOLLAR = 36;
const ZERO = 48;
/** "$0\r\n\r\n": no argument takes fewer bytes. */
const ARG_BYTES_MIN = 6;
const NO_BYTES = Buffer.alloc(0);
/** lookAhead() finds so many requests at most, and no further one once they have so many arguments. */
const AHEAD_MAX = 32;
const AHEAD_ARGS_MAX = 96;
/**
 * The requests that lookAhead() has found, and where each ends. One set for all decoders: who looks ahead runs them, or forgets them (`stash`), before
 * another one is fed.
 */
const AHEAD: readonly Request[] = Array.from({ length: AHEAD_MAX }, () => new Request());
const AHEAD_ENDS = new Float64Array(AHEAD_MAX);

/**
 * Turns the bytes of one connection into requests: `feed` a chunk, then call `next` until it stops returning REQUEST.
 * After ERROR or SECURITY every further call of `next` returns the same.
 */
export class RequestDecoder {
  /** The request that `next` found; valid until the next call of `next`. */
  request = new Request();
  /** The requests behind it that `lookAhead` found; `next` finds them again, one by one. */
  readonly ahead = AHEAD;
  /** Error reply after ERROR, log line after SECURITY. */
  error = "";
  /** Whether the client has authenticated, or came when the server was open; set it on AUTH. Others may send only a few small arguments. */
  authenticated: boolean;
  #limits: DecoderLimits;
  #pending: PendingRequest;
  #pendingDone = false;
  #failed: typeof MORE | typeof ERROR | typeof SECURITY = MORE;
  #chunk: Buffer = NO_BYTES;
  #pos = 0;
  #end = 0;
  /** The chunk is a stash of our own and outlives the call of `feed`. */
  #owned = false;
  #stashCopiedBytes = 0;
  readonly #own = this.request;
  #aheadCount = 0;
  #aheadAt = 0;

  /** @param limits read at every request, so changes of a shared object apply at once, but to those that were found ahead. */
  constructor(limits: DecoderLimits) {
    this.#limits = limits;
    this.authenticated = limits.open;
    this.#pending = new PendingRequest(this.request, limits);
  }

  /** Nothing more is taken from the client: `next` says ERROR or SECURITY. */
  get failed(): boolean {
    return this.#failed !== MORE;
  }

  get #trusted(): boolean {
    return this.authenticated || this.#limits.open;
  }

  /** Bytes kept for this connection: an unfinished request, and what was stashed. */
  get bufferedBytes(): number {
    return (this.#pendingDone ? 0 : this.#pending.length) + (this.#owned ? this.#end - this.#pos : 0);
  }

  /** Size in bytes of the buffers behind `bufferedBytes`. */
  get bufferCapacity(): number {
    return this.#pending.capacity + (this.#owned ? this.#chunk.length : 0);
  }

  /** All bytes copied so far, a measure of work: linear in what was received, and near zero for whole requests. */
  get copiedBytes(): number {
    return this.#pending.copiedBytes + this.#stashCopiedBytes;
  }

  /**
   * Hands over newly arrived bytes `chunk[0, length)`. They are read in place: do not touch the chunk before `next` has returned
   * MORE or `stash` was called. Bytes stashed earlier stay in front of it.
   */
  feed(chunk: Buffer, length: number): void {
    this.#forgetAhead();
    if (this.#failed !== MORE) return;
    if (this.#pos < this.#end) {
      this.#appendToStash(chunk, length);
      return;
    }
    this.#chunk = chunk;
    this.#pos = 0;
    this.#end = length;
    this.#owned = false;
  }

  /** Finds the next request. */
  next(): DecoderStatus {
    if (this.#aheadCount > 0) {
      const i = this.#aheadAt++;
      // Who is not trusted any more (RESET) is read anew, with other limits.
      if (i < this.#aheadCount && this.#trusted) {
        this.request = AHEAD[i];
        this.#pos = AHEAD_ENDS[i];
        return REQUEST;
      }
      this.#forgetAhead();
    }
    if (this.#failed !== MORE) return this.#failed;
    if (this.#pendingDone) this.#endPending();
    if (this.#pending.active || !this.#scanNext()) {
      const outcome = this.#takePending();
      if (outcome !== REQUEST) return outcome;
    }
    return isHttp(this.request) ? this.#fail(SECURITY, silentCloses.httpRequest) : REQUEST;
  }

  /**
   * Finds the plain requests that follow the one that `next` found, so that what they need can be prepared. Returns how many stand in `ahead` now; -1 where
   * that one was found by this itself. They are valid until `next` does not return one of them.
   */
  lookAhead(): number {
    if (this.#aheadCount > 0) return -1;
    if (this.#pos >= this.#end || this.#pendingDone || !this.#trusted) return 0;
    let count = 0;
    let args = 0;
    for (let p = this.#pos; count < AHEAD_MAX && args < AHEAD_ARGS_MAX; count++) {
      const request = AHEAD[count];
      p = this.#scan(p, request);
      if (p < 0 || isHttp(request)) {
        request.clear();
        break;
      }
      AHEAD_ENDS[count] = p;
      args += request.argc;
    }
    this.#aheadCount = count;
    this.#aheadAt = 0;
    return count;
  }

  /**
   * Keeps a copy of the bytes not consumed yet, so that the chunk's buffer may be reused and `next` called later.
   * A request that was found ahead is forgotten; any other stays valid as long as its own bytes do.
   */
  stash(): void {
    this.#forgetAhead();
    if (this.#owned || this.#pos >= this.#end) return;
    this.#moveToStash(this.#end - this.#pos);
  }

  #scanNext(): boolean {
    const end = this.#scan(this.#pos, this.request);
    if (end < 0) return false;
    this.#pos = end;
    return true;
  }

  #forgetAhead(): void {
    if (this.#aheadCount === 0) return;
    // The chunk may be large, and one of them may have had many arguments.
    for (let i = 0; i < this.#aheadCount; i++) AHEAD[i].clear();
    this.#aheadCount = 0;
    this.request = this.#own;
  }

  /**
   * The fast path: measures one plain request that lies whole in the chunk from `from` on. Returns where it ends; -1 leaves it to PendingRequest.
   */
  #scan(from: number, request: Request): number {
    const buf = this.#chunk;
    const end = this.#end;
    let p = from;
    if (p >= end || buf[p] !== STAR) return -1;
    const trusted = this.#trusted;
    const argsMax = trusted ? this.#limits.maxArgs : MAX_ARGS_UNAUTHENTICATED;
    const bulkBytesMax = trusted ? this.#limits.maxBulkBytes : MAX_BULK_BYTES_UNAUTHENTICATED;

    let argc = 0;
    let digitsFrom = ++p;
    for (; p < end; p++) {
      const digit = buf[p] - ZERO;
      if (digit < 0 || digit > 9) break;
      argc = argc * 10 + digit;
      if (argc > argsMax) return -1;
    }
    // A first digit of zero is a count of zero or a leading zero. The size check also keeps `reserve` below what has arrived.
    if (p === digitsFrom || buf[p] !== CR || buf[digitsFrom] === ZERO) return -1;
    p += 2;
    if (argc * ARG_BYTES_MIN > end - p) return -1;

    if (argc > request.off.length) request.reserve(argc);
    const off = request.off;
    const len = request.len;
    for (let i = 0; i < argc; i++) {
      if (p >= end || buf[p] !== DOLLAR) return -1;
      let length = 0;
      digitsFrom = ++p;
      for (; p < end; p++) {
        const digit = buf[p] - ZERO;
        if (digit < 0 || digit > 9) break;
        length = length * 10 + digit;
        if (length > bulkBytesMax) return -1;
      }
      if (p >= end || p === digitsFrom || buf[p] !== CR || (buf[digitsFrom] === ZERO && p > digitsFrom + 1)) return -1;
      p += 2;
      off[i] = p;
      len[i] = length;
      p += length + 2;
      if (p > end) return -1;
    }
    request.buf = buf;
    request.argc = argc;
    return p;
  }

  /** The slow path: goes on with the pending request, or begins one. */
  #takePending(): DecoderStatus {
    const pending = this.#pending;
    while (this.#pos < this.#end) {
      const outcome = pending.take(this.#chunk, this.#pos, this.#end, this.#trusted);
      this.#pos = pending.taken;
      if (outcome === TAKE_MORE) break;
      if (outcome === TAKE_ERROR) return this.#fail(ERROR, pending.error);
      if (outcome === TAKE_CLOSE) return this.#fail(SECURITY, pending.error);
      if (outcome !== TAKE_NOTHING) {
        this.#pendingDone = true;
        return REQUEST;
      }
      pending.reset();
      if (this.#scanNext()) return REQUEST;
    }
    this.#dropChunk();
    if (!pending.active) this.request.clear();
    return MORE;
  }

  #endPending(): void {
    this.#pendingDone = false;
    this.#pending.reset();
  }

  #fail(status: typeof ERROR | typeof SECURITY, text: string): typeof ERROR | typeof SECURITY {
    this.#failed = status;
    this.error = text;
    this.#pendingDone = false;
    this.#pending.reset();
    this.#dropChunk();
    return status;
  }

  #dropChunk(): void {
    this.#chunk = NO_BYTES;
    this.#pos = 0;
    this.#end = 0;
    this.#owned = false;
  }

  #appendToStash(chunk: Buffer, length: number): void {
    if (!this.#owned) throw new Error("RequestDecoder.feed: the chunk before was neither consumed nor stashed");
    const held = this.#end - this.#pos;
    if (held + length > queryBytesMax(this.#limits, this.#trusted)) {
      this.#fail(SECURITY, silentCloses.queryBuffer);
      return;
    }
    // A new buffer rather than a shift in place: the request in hand may still point into the old one.
    if (this.#end + length > this.#chunk.length) this.#moveToStash(2 * (held + length));
    chunk.copy(this.#chunk, this.#end, 0, length);
    this.#end += length;
    this.#stashCopiedBytes += length;
  }

  #moveToStash(capacity: number): void {
    const held = this.#end - this.#pos;
    const stash = Buffer.allocUnsafeSlow(capacity);
    this.#chunk.copy(stash, 0, this.#pos, this.#end);
    this.#chunk = stash;
    this.#pos = 0;
    this.#end = held;
    this.#owned = true;
    this.#stashCopiedBytes += held;
  }
}

/** Whether a browser was tricked into talking to us: the first word of an HTTP request or header. */
function isHttp(request: Request): boolean {
  const length = request.len[0];
  if (length === 4) return (request.buf[request.off[0]] | 32) === 112 && request.is(0, "post");
  return length === 5 && (request.buf[request.off[0]] | 32) === 104 && request.is(0, "host:");
}

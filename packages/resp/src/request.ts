const INITIAL_ARGS = 8;
/** Arrays that grew beyond this for one huge request are given back after it. 64 KB hold at most 10,922 arguments. */
const KEEP_ARGS = 16_384;
const NO_BYTES = Buffer.alloc(0);

/**
 * One request: argument `i` is `buf[off[i], off[i] + len[i])`.
 * A decoder reuses its Requests: one is valid until the next call of `next`, `feed` or `stash`. Use `copy()` to keep it longer.
 */
export class Request {
  /** The bytes the offsets point into; not owned by the request. */
  buf: Buffer = NO_BYTES;
  /** Number of arguments, the command name included. */
  argc = 0;
  /** Start of each argument in `buf`; entries at `argc` and above are left over from earlier requests. */
  off: Int32Array;
  /** Length of each argument in bytes. */
  len: Int32Array;

  /** @param capacity arguments to make room for at once. */
  constructor(capacity = INITIAL_ARGS) {
    this.off = new Int32Array(capacity);
    this.len = new Int32Array(capacity);
  }

  /** A request of its own bytes; strings are taken as latin1. For tests, and for tools that run commands without a socket. */
  static of(...args: (string | Uint8Array)[]): Request {
    const parts = args.map((arg) => (typeof arg === "string" ? Buffer.from(arg, "latin1") : arg));
    const request = new Request(parts.length);
    request.buf = Buffer.concat(parts);
    let offset = 0;
    for (const part of parts) {
      request.push(offset, part.length);
      offset += part.length;
    }
    return request;
  }

  /** Argument `i` as a binary string, one char per byte. */
  str(i: number): string {
    const start = this.off[i];
    return this.buf.toString("latin1", start, start + this.len[i]);
  }

  /** Argument `i` read as UTF-8; bytes that are not valid UTF-8 become U+FFFD. */
  utf8(i: number): string {
    const start = this.off[i];
    return this.buf.toString("utf8", start, start + this.len[i]);
  }

  /** Argument `i` as a view of `buf`, not a copy. */
  bytes(i: number): Buffer {
    const start = this.off[i];
    return this.buf.subarray(start, start + this.len[i]);
  }

  /** Whether argument `i` equals `lowerAscii`, which must be in lower case, ignoring the case of A-Z. Allocates nothing. */
  is(i: number, lowerAscii: string): boolean {
    const length = this.len[i];
    if (length !== lowerAscii.length) return false;
    const buf = this.buf;
    const start = this.off[i];
    for (let k = 0; k < length; k++) {
      const byte = buf[start + k];
      const lower = byte >= 65 && byte <= 90 ? byte + 32 : byte;
      if (lower !== lowerAscii.charCodeAt(k)) return false;
    }
    return true;
  }

  /** The same request with bytes of its own, for the queue of MULTI and for blocked clients. */
  copy(): Request {
    let total = 0;
    for (let i = 0; i < this.argc; i++) total += this.len[i];
    const copied = new Request(this.argc);
    copied.buf = Buffer.allocUnsafeSlow(total);
    let offset = 0;
    for (let i = 0; i < this.argc; i++) {
      const start = this.off[i];
      this.buf.copy(copied.buf, offset, start, start + this.len[i]);
      copied.push(offset, this.len[i]);
      offset += this.len[i];
    }
    return copied;
  }

  /** Appends an argument; the arrays grow by doubling. */
  push(offset: number, length: number): void {
    this.reserve(this.argc + 1);
    this.off[this.argc] = offset;
    this.len[this.argc++] = length;
  }

  /** Makes room for `count` arguments in all. */
  reserve(count: number): void {
    if (count <= this.off.length) return;
    const capacity = Math.max(count, 2 * this.off.length);
    this.off = grown(this.off, capacity);
    this.len = grown(this.len, capacity);
  }

  /** Forgets the arguments and the bytes, and gives back arrays that one huge request made large. */
  clear(): void {
    this.buf = NO_BYTES;
    this.argc = 0;
    if (this.off.length > KEEP_ARGS) {
      this.off = new Int32Array(INITIAL_ARGS);
      this.len = new Int32Array(INITIAL_ARGS);
    }
  }
}

function grown(array: Int32Array, capacity: number): Int32Array {
  const larger = new Int32Array(capacity);
  larger.set(array);
  return larger;
}

/**
 * The mutations of one log entry, written as bytes at the place from which they are logged.
 *
 *   one mutation      [ body ]                                   the entry's operation type is the mutation's
 *   several           [ op:1 | bodyBytes:4 | body ]*             the entry's operation type is OP_BATCH
 *   every body        [ db:1 | keyBytes:4 | key | ... ]          little endian (others, as OP_MSET: see operations.ts)
 *
 * The owner (the server's log channel) lends a target: a region of its ring with room before `start` and behind `limit` for the
 * entry's frame, so a SET is encoded once, where it is read from. What does not fit moves to a private buffer (`spilled`).
 * A frame is put around the mutations of one command only when it turned out to have more than one.
 *
 * Every mutator has one order: look, begin, change, end. begin() may throw, and then nothing has changed yet. A mutation counts when it is
 * ended: one whose change threw half way is either ended by its mutator with what was done, or the next begin() writes over it.
 *
 * begin() is also where an entry that would become too large is refused, whatever command brings it: an entry holds all that one command
 * changes, or all commands of a transaction, and has an end.
 */
import { copyBytes } from "./copy-bytes.js";
import { OP_BATCH } from "./ops.js";

/** Room kept free before the first byte in a spilled buffer, and behind the last: the log entry's frame fits in both. */
export const EFFECT_HEADROOM_BYTES = 64;

const FRAME_BYTES = 5;
const SPILL_KEEP_BYTES = 1 << 20;
/** Until an owner lends a target everything spills. */
const NO_TARGET = new Uint8Array(0);

/** The running command, or the transaction that it belongs to, would log more than one entry holds. It has changed nothing. */
export class EntryTooLargeError extends Error {
  /** What the entry may hold. */
  readonly bytesMax: number;

  constructor(bytesMax: number) {
    super(`a log entry would be larger than ${bytesMax} bytes`);
    this.name = "EntryTooLargeError";
    this.bytesMax = bytesMax;
  }
}

/** Collects the log bytes of the running command. Not reentrant: there is one per keyspace. */
export class EffectLog {
  /** Off: mutators change memory and log nothing (replay, or persistence disabled). */
  enabled = false;
  /** Where the bytes are: the lent target, or the private buffer when `spilled`. */
  bytes: Uint8Array = NO_TARGET;
  /** Offset of the first byte of the entry's payload. */
  start = 0;
  /** Offset behind the last ended mutation: here the entry's payload ends. */
  pos = 0;
  /** Offset behind the last byte of the open mutation. */
  at = 0;
  /** How many ended mutations the entry has; 0 = nothing to log. */
  count = 0;
  /** True when the entry outgrew the lent target and lies in a private buffer, EFFECT_HEADROOM_BYTES from its start. */
  spilled = false;

  #limit = 0;
  #payloadBytesMax = Number.MAX_SAFE_INTEGER;
  /** Operation of the open mutation, and of the entry's first. */
  #openOp = 0;
  #firstOp = 0;
  #spill: Uint8Array = NO_TARGET;

  /** Operation type of the entry. */
  get op(): number {
    return this.count === 1 ? this.#firstOp : OP_BATCH;
  }

  /** Bytes that the entry holds so far. */
  get payloadBytes(): number {
    return this.pos - this.start;
  }

  /** Bytes that an entry may hold: what the format of its owner's log allows. From the next target() on. */
  set payloadBytesMax(bytes: number) {
    this.#payloadBytesMax = bytes;
  }

  /** Lends the region [start, limit) of `bytes` for the next entry and forgets the last one. */
  target(bytes: Uint8Array, start: number, limit: number): void {
    if (this.spilled) {
      this.spilled = false;
      if (this.#spill.length > SPILL_KEEP_BYTES) this.#spill = NO_TARGET;
    }
    this.bytes = bytes;
    this.start = start;
    this.pos = start;
    this.at = start;
    this.#limit = Math.min(limit, start + this.#payloadBytesMax);
    this.count = 0;
  }

  /**
   * Opens a mutation; `bodyBytes` is at least what will be written until end(). To be called before memory changes.
   * @throws EntryTooLargeError where the entry has no room for so much, RangeError where there is no memory for it; the entry is as it was
   */
  begin(op: number, bodyBytes: number): void {
    // The second one leaves room for two frames: the first mutation gets its own when there really are two.
    const frameBytes = this.count === 0 ? 0 : this.count === 1 ? 2 * FRAME_BYTES : FRAME_BYTES;
    this.#reserve(frameBytes + bodyBytes);
    this.at = this.pos + frameBytes;
    this.#openOp = op;
  }

  /**
   * For a command of more than one mutation, before the first: `bodyBytes` of bodies, two at most, will find room, so that no begin() of theirs throws.
   * @throws as begin(); nothing has changed
   */
  require(bodyBytes: number): void {
    this.#reserve(bodyBytes + 3 * FRAME_BYTES);
  }

  /** Opens a mutation of one key: its body begins with the database and the key. `extraBytes` follow. */
  beginKey(op: number, db: number, kbuf: Uint8Array, koff: number, klen: number, extraBytes: number): void {
    this.begin(op, 5 + klen + extraBytes);
    this.bytes[this.at++] = db;
    this.blob(kbuf, koff, klen);
  }

  /** Ends the mutation: it is what memory is now. */
  end(): void {
    if (this.count === 0) this.#firstOp = this.#openOp;
    else this.#frame();
    this.pos = this.at;
    this.count++;
  }

  u8(value: number): void {
    this.bytes[this.at++] = value;
  }

  u32(value: number): void {
    putU32(this.bytes, this.at, value);
    this.at += 4;
  }

  /** A safe integer from -2^53 to 2^53, as a signed 64-bit value. */
  i64(value: number): void {
    putU32(this.bytes, this.at, value);
    putU32(this.bytes, this.at + 4, Math.floor(value / 4294967296));
    this.at += 8;
  }

  big64(value: bigint): void {
    const v = BigInt.asUintN(64, value);
    this.u32(Number(v & 0xffffffffn));
    this.u32(Number(v >> 32n));
  }

  f64(value: number): void {
    F64[0] = value;
    for (let i = 0; i < 8; i++) this.bytes[this.at + i] = F64_BYTES[i];
    this.at += 8;
  }

  /** Bytes without a length: the rest of the body. */
  raw(buf: Uint8Array, off: number, len: number): void {
    copyBytes(buf, off, this.bytes, this.at, len);
    this.at += len;
  }

  /** Bytes behind their length. */
  blob(buf: Uint8Array, off: number, len: number): void {
    this.u32(len);
    this.raw(buf, off, len);
  }

  /** Puts a frame around the open mutation. The first of several gets its own now: its body moves up by the frame's bytes. */
  #frame(): void {
    if (this.count === 1) {
      this.bytes.copyWithin(this.start + FRAME_BYTES, this.start, this.pos);
      this.bytes[this.start] = this.#firstOp;
      putU32(this.bytes, this.start + 1, this.pos - this.start);
      this.pos += FRAME_BYTES;
    }
    this.bytes[this.pos] = this.#openOp;
    putU32(this.bytes, this.pos + 1, this.at - this.pos - FRAME_BYTES);
  }

  #reserve(n: number): void {
    if (this.pos + n > this.#limit) this.#moveToSpill(n);
  }

  #moveToSpill(n: number): void {
    const used = this.payloadBytes;
    const most = this.#payloadBytesMax;
    if (used + n > most) throw new EntryTooLargeError(most);
    const need = EFFECT_HEADROOM_BYTES * 2 + used + n;
    if (this.#spill.length < need) {
      const grown = new Uint8Array(Math.max(need, this.spilled ? this.#spill.length * 2 : 65536));
      grown.set(this.bytes.subarray(this.start, this.pos), EFFECT_HEADROOM_BYTES);
      this.#spill = grown;
    } else if (!this.spilled) {
      this.#spill.set(this.bytes.subarray(this.start, this.pos), EFFECT_HEADROOM_BYTES);
    }
    this.bytes = this.#spill;
    this.start = EFFECT_HEADROOM_BYTES;
    this.pos = this.start + used;
    this.#limit = Math.min(this.#spill.length - EFFECT_HEADROOM_BYTES, this.start + most);
    this.spilled = true;
  }
}

const F64 = new Float64Array(1);
const F64_BYTES = new Uint8Array(F64.buffer);

/** Little-endian, modulo 2^32. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

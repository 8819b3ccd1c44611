/**
 * Holds replies back until the log has reached the ack level.
 *
 *   [ sequence 7: A, B ] [ sequence 9: A ] [ sequence 12: C ]      oldest first; acked 9 releases the first two
 *
 * A reply waits for the last entry that existed when it was made, whoever wrote that entry: it must not show to anybody what a
 * crash could take back. Sequences only grow, so the queue is in order and each client's replies stay in order.
 *
 * Nobody waits for a log that fails. As soon as writes are refused, refuse() lets go of all, in order: a reply to a write whose entry has not
 * reached the ack level becomes the error that new writes get (an EXEC is one reply), every other reply leaves as it is: reads, what was
 * acknowledged, messages in between. The entry stays where it is and is written when the disk is well again, so its outcome is unknown to
 * the client. A reply is held whole or has left whole, so none is torn.
 */
import type { WriteMarks } from "./write-marks.js";

/** Who sends the bytes in the end. */
export interface GateTarget {
  /** Called once for every hold(), in order: `heldBytes` were held, and `bytes[from, to)` is what leaves in their place. */
  transmit(bytes: Buffer, from: number, to: number, heldBytes: number): void;
}

const COMPACT_ABOVE = 1024;

/** First in, first out. */
export class ReplyGate<T extends GateTarget = GateTarget> {
  #sequences: number[] = [];
  #targets: T[] = [];
  #bytes: Buffer[] = [];
  #from: number[] = [];
  #to: number[] = [];
  #marks: (WriteMarks | null)[] = [];
  #head = 0;

  /** Number of replies held. */
  get size(): number {
    return this.#sequences.length - this.#head;
  }

  /**
   * Keeps `bytes[from, to)`, which several may share, until `sequence` is acknowledged; not lower than in the call before. `marks` tells
   * which of `bytes` are replies to writes; null: none is.
   */
  hold(sequence: number, target: T, bytes: Buffer, from: number, to: number, marks: WriteMarks | null): void {
    this.#sequences.push(sequence);
    this.#targets.push(target);
    this.#bytes.push(bytes);
    this.#from.push(from);
    this.#to.push(to);
    this.#marks.push(marks);
  }

  /** Lets go of everything up to `acked`. */
  release(acked: number): void {
    while (this.#head < this.#sequences.length && (this.#sequences[this.#head] as number) <= acked) {
      this.#transmit(this.#head++);
    }
    if (this.#head === this.#sequences.length) this.#drop();
    else if (this.#head > COMPACT_ABOVE && this.#head * 2 > this.#sequences.length) this.#drop();
  }

  /** Lets go of everything held for those targets that need not wait; the others keep their order. */
  releaseOf(mayPass: (target: T) => boolean): void {
    this.#drop();
    const passes = this.#targets.map(mayPass);
    for (let i = 0; i < passes.length; i++) if (passes[i] === true) this.#transmit(i);
    const stays = (_: unknown, i: number): boolean => passes[i] !== true;
    this.#sequences = this.#sequences.filter(stays);
    this.#targets = this.#targets.filter(stays);
    this.#bytes = this.#bytes.filter(stays);
    this.#from = this.#from.filter(stays);
    this.#to = this.#to.filter(stays);
    this.#marks = this.#marks.filter(stays);
  }

  /** Lets go of everything, with `error` (a whole reply) in place of what must not be acknowledged. Returns how often. */
  refuse(acked: number, error: Buffer): number {
    let count = 0;
    while (this.#head < this.#sequences.length) {
      const i = this.#head++;
      const from = this.#from[i] as number;
      const to = this.#to[i] as number;
      const refused = this.#marks[i]?.refuse(this.#bytes[i] as Buffer, from, to, acked, error) ?? null;
      if (refused === null) {
        this.#transmit(i);
        continue;
      }
      count += refused.count;
      (this.#targets[i] as T).transmit(refused.bytes, 0, refused.bytes.length, to - from);
    }
    this.#drop();
    return count;
  }

  #transmit(i: number): void {
    const from = this.#from[i] as number;
    const to = this.#to[i] as number;
    (this.#targets[i] as T).transmit(this.#bytes[i] as Buffer, from, to, to - from);
  }

  /** Forgets what has left; until then the arrays keep it. */
  #drop(): void {
    if (this.#head === 0) return;
    this.#sequences = this.#sequences.slice(this.#head);
    this.#targets = this.#targets.slice(this.#head);
    this.#bytes = this.#bytes.slice(this.#head);
    this.#from = this.#from.slice(this.#head);
    this.#to = this.#to.slice(this.#head);
    this.#marks = this.#marks.slice(this.#head);
    this.#head = 0;
  }
}

/**
 * Holds replies back until the log has reached the ack level.
 *
 *   [ sequence 7: A, B ] [ sequence 9: A ] [ sequence 12: C ]      oldest first; acked 9 releases the first two
 *
 * A reply waits for the last entry that existed when it was made, whoever wrote that entry: it must not show to anybody what a
 * crash could take back. Sequences only grow, so the queue is in order and each client's replies stay in order.
 */

/** Who sends the bytes in the end. */
export interface GateTarget {
  /** Called once for every hold(), in order. */
  transmit(chunks: readonly Buffer[]): void;
}

const COMPACT_ABOVE = 1024;

/** First in, first out. */
export class ReplyGate<T extends GateTarget = GateTarget> {
  #sequences: number[] = [];
  #targets: T[] = [];
  #chunks: (readonly Buffer[])[] = [];
  #head = 0;

  /** Number of replies held. */
  get size(): number {
    return this.#sequences.length - this.#head;
  }

  /** Keeps the chunks until `sequence` is acknowledged; not lower than in the call before. */
  hold(sequence: number, target: T, chunks: readonly Buffer[]): void {
    this.#sequences.push(sequence);
    this.#targets.push(target);
    this.#chunks.push(chunks);
  }

  /** Lets go of everything up to `acked`. */
  release(acked: number): void {
    while (this.#head < this.#sequences.length && (this.#sequences[this.#head] as number) <= acked) {
      const target = this.#targets[this.#head] as T;
      const chunks = this.#chunks[this.#head] as readonly Buffer[];
      this.#head++;
      target.transmit(chunks);
    }
    if (this.#head === this.#sequences.length) this.#drop();
    else if (this.#head > COMPACT_ABOVE && this.#head * 2 > this.#sequences.length) this.#drop();
  }

  /** Lets go of everything held for those targets that need not wait; the others keep their order. */
  releaseOf(mayPass: (target: T) => boolean): void {
    const sequences = this.#sequences.slice(this.#head);
    const targets = this.#targets.slice(this.#head);
    const chunks = this.#chunks.slice(this.#head);
    this.#sequences = [];
    this.#targets = [];
    this.#chunks = [];
    this.#head = 0;
    const passes = targets.map(mayPass);
    targets.forEach((target, i) => {
      if (passes[i] === true) target.transmit(chunks[i] as readonly Buffer[]);
      else this.hold(sequences[i] as number, target, chunks[i] as readonly Buffer[]);
    });
  }

  /** Forgets what has left; until then the arrays keep it. */
  #drop(): void {
    if (this.#head === 0) return;
    this.#sequences = this.#sequences.slice(this.#head);
    this.#targets = this.#targets.slice(this.#head);
    this.#chunks = this.#chunks.slice(this.#head);
    this.#head = 0;
  }
}

/**
 * How far the log is synced, as the worker keeps it.
 *
 *   durable  <=  synced  <=  written          durable < synced: only from a failed fdatasync until the snapshot that mends it
 *
 * Main makes quick fdatasyncs, too, and tells of them by SYNCED_SEQUENCE alone: that slot is what is durable, and it only grows. So it is stored here only
 * while main cannot (FSYNC_IN_FLIGHT or MENDS is 1, or with the lock).
 */
import * as slot from "./slots.js";

export class SyncedMark {
  readonly #control: Int32Array;
  /** Highest sequence up to which this thread has synced the present segment, and each before it, unless a sync failed. */
  #syncedHere: number;
  /** SYNCED_SEQUENCE whole, as it was last seen. */
  #durable: number;
  /** A snapshot that contains everything up to here mends the failure; -1 = none is needed. */
  #mendedFrom = -1;

  /** `durable` is below `synced` where an fdatasync had failed in the run before, and nothing mended it. */
  constructor(control: Int32Array, synced: number, durable: number) {
    this.#control = control;
    this.#syncedHere = synced;
    this.#durable = durable;
    if (durable < synced) this.needSnapshot(synced);
  }

  /** Up to here everything is durable, whatever happens, and main was told so. Main may raise it at any time. */
  get durable(): number {
    this.#durable += (Atomics.load(this.#control, slot.SYNCED_SEQUENCE) - this.#durable) >>> 0;
    return this.#durable;
  }

  /** Highest sequence up to which the present segment is synced, by whom it ever was. */
  get synced(): number {
    return Math.max(this.#syncedHere, this.durable);
  }

  /** A failed fdatasync waits for the snapshot that mends it. */
  get mends(): boolean {
    return this.#mendedFrom >= 0;
  }

  /** This thread has synced everything up to `sequence`. While main makes no fdatasync. */
  raise(sequence: number): void {
    this.#syncedHere = Math.max(this.#syncedHere, sequence);
    if (!this.mends) Atomics.store(this.#control, slot.SYNCED_SEQUENCE, this.#syncedHere | 0);
  }

  /** Nothing more is durable before a snapshot that contains everything up to `sequence`. While FAILED is 1, or before main listens. */
  needSnapshot(sequence: number): void {
    this.#mendedFrom = sequence;
    Atomics.store(this.#control, slot.MENDS, 1);
  }

  /** The sequence that needSnapshot() was given; -1 = no snapshot is needed. */
  get mendedFrom(): number {
    return this.#mendedFrom;
  }

  /** That snapshot is there: what is synced is durable. */
  mended(): void {
    this.#mendedFrom = -1;
    this.raise(this.#syncedHere);
    // Last: from now on main may raise it.
    Atomics.store(this.#control, slot.MENDS, 0);
  }
}

import { ENTRY_OVERHEAD_BYTES, OP_PROOF, sealEntry } from "./wal-format.js";

/*
 * What was synced is proven by what stands behind it: the SyncedLag of a later entry, or the header of a later segment. Behind the last entries of a burst
 * there is nothing, and damage to them would look like a torn end. So a log that goes quiet ends in a proof:
 *
 *   ... | entry 300 | proof 300, up to the end of the sector | proof 300 |
 *
 * A proof has the shape of an entry, OpType 255 and the sequence of the entry before it: it uses none of its own, and readers pass over it. Its
 * SyncedLag is what it is there for. It is written twice, the first time with zeros as payload up to the end of the sector, so that a
 * sector that is lost never holds both an entry and all that proves it. A proof itself is not proven by anything: what is torn of one, or damaged,
 * is cut, and nothing is lost with it. A file that is cut short, its proofs with it, is another matter: synced-claim.ts.
 */
/** What a disk loses at the least. */
const SECTOR_BYTES = 512;
/** Behind a sync that nothing follows for so long comes a proof ... */
const QUIET_MS = 200;
/** ... and in any case so long after one, unless as many bytes have followed as prove it by themselves. */
const LATEST_MS = 600;
const STREAM_BYTES = 2 * SECTOR_BYTES;
/** When the disk has not taken one. */
const RETRY_MS = 1000;

/**
 * The bytes of a proof for the end of a file: that everything up to `synced` is durable. `sequence` is that of the last entry in the file, `fileBytes` its
 * length.
 */
export function encodeProof(
  fileBytes: number,
  sequence: number,
  synced: number,
  timestampMs: number,
  generation: number,
): Uint8Array {
  const used = fileBytes % SECTOR_BYTES;
  let first = used === 0 ? 0 : SECTOR_BYTES - used;
  if (first > 0 && first < ENTRY_OVERHEAD_BYTES) first += SECTOR_BYTES;
  const bytes = new Uint8Array(first + ENTRY_OVERHEAD_BYTES);
  const seal = (at: number, payloadBytes: number) =>
    sealEntry(bytes, at, payloadBytes, sequence, timestampMs, OP_PROOF, sequence - synced, generation);
  if (first > 0) seal(0, first - ENTRY_OVERHEAD_BYTES);
  seal(first, 0);
  return bytes;
}

/** When a log owes a proof. Times are milliseconds of a monotonic clock. */
export class ProofSchedule {
  #proven: number;
  /** End of the first sync that nothing proves yet, and of the last one; -1 = nothing is owed. */
  #sinceMs = -1;
  #lastMs = -1;
  /** Length of the file at the first. */
  #bytes = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  /** `proven`: what the segment's header says. */
  constructor(proven: number) {
    this.#proven = proven;
  }

  /** Everything up to `sequence` is durable, in a file of so many bytes. */
  synced(sequence: number, fileBytes: number, nowMs: number): void {
    if (sequence <= this.#proven) return;
    if (this.#sinceMs < 0 || fileBytes - this.#bytes >= STREAM_BYTES) {
      this.#sinceMs = nowMs;
      this.#bytes = fileBytes;
    }
    this.#lastMs = nowMs;
  }

  /** A proof, or the header of the next segment, says that everything up to `sequence` is durable. */
  proven(sequence: number): void {
    this.#proven = sequence;
    this.#sinceMs = -1;
  }

  /** It could not be written. */
  failed(nowMs: number): void {
    this.#notBeforeMs = nowMs + RETRY_MS;
  }

  /** Milliseconds until a proof is due, 0 or less when it is; Infinity where none is owed. `quiet`: nothing has been written since the last sync. */
  msUntilDue(nowMs: number, quiet: boolean): number {
    if (this.#sinceMs < 0) return Number.POSITIVE_INFINITY;
    const latestMs = this.#sinceMs + LATEST_MS;
    const dueMs = quiet ? Math.min(latestMs, this.#lastMs + QUIET_MS) : latestMs;
    return Math.max(dueMs, this.#notBeforeMs) - nowMs;
  }

  /** Something is durable that nothing proves. */
  get owed(): boolean {
    return this.#sinceMs >= 0;
  }
}

import { getU32, getU64, putU32, putU64 } from "./bytes.js";
import { crc32 } from "./crc.js";
import { type Directory, type FileIdentity, identityOf, openToRead, readFully, writeFullyAt } from "./disk.js";
import { StorageError } from "./errors.js";
import { SYNCED } from "./file-names.js";
import type { SegmentHeader } from "./wal-format.js";
import type { WalWriter } from "./wal-writer.js";

/*
 * A log that is cut short has lost its proofs with its entries (proof.ts). So what is synced is said once more in a file of its own, `synced`: that
 * everything up to a sequence is durable, and which file held it as the segment being written. Recovery takes it like a proof behind the last entry
 * of that file, and of that file only: a copy of the directory, a restored one, a segment of another run have another identity or generation.
 *
 * It is written in place, after the sync that it tells of has returned, and says no more than the SyncedLag of an entry written then. So it may be
 * old, torn, lost or removed at any time: then it says less, or nothing. No error of it is anybody's concern.
 *
 *   0         8              12                20           28         36        44        52
 *   [Magic:8 | Generation:4 | SegmentNumber:8 | Sequence:8 | Device:8 | Inode:8 | Birth:8 | CRC32:4]
 */
const MAGIC = "HEARTHSY";
const DEVICE_AT = 28;
const CRC_AT = 52;
/** Less than a sector, so that it is hardly ever torn. */
const CLAIM_BYTES = 56;
/** So long after the first sync that is not claimed ... */
const CLAIM_MS = 500;
/** ... or so long after an attempt that the disk did not take. */
const RETRY_MS = 1000;

/** Everything up to `sequence` was durable when `file` was that segment. */
export interface SyncedClaim {
  readonly generation: number;
  readonly segmentNumber: number;
  readonly sequence: number;
  readonly file: FileIdentity;
}

/** What the file says; null where it is missing, cannot be read, or holds anything else. */
export function readClaim(dir: Directory): SyncedClaim | null {
  const bytes = new Uint8Array(CLAIM_BYTES);
  try {
    const fd = openToRead(dir, SYNCED);
    try {
      if (readFully(dir, fd, SYNCED, bytes, 0, CLAIM_BYTES, 0) < CLAIM_BYTES) return null;
    } finally {
      dir.close(fd);
    }
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
  return decodeClaim(bytes);
}

/** Up to which sequence the claim proves what the open file, with this header, holds; 0 where it speaks of another one. */
export function claimedIn(
  claim: SyncedClaim | undefined,
  dir: Directory,
  fd: number,
  name: string,
  header: SegmentHeader,
): number {
  if (claim === undefined) return 0;
  if (claim.generation !== header.generation || claim.segmentNumber !== header.segmentNumber) return 0;
  const file = identityOf(dir, fd, name);
  if (file === null) return 0;
  const { device, inode, birthNs } = claim.file;
  return file.device === device && file.inode === inode && file.birthNs === birthNs ? claim.sequence : 0;
}

/** Keeps the claim of a log near what is synced. Times are milliseconds of a monotonic clock. */
export class ClaimKeeper {
  readonly #dir: Directory;
  #synced: number;
  /** End of the first sync that is not claimed; -1 = all are. */
  #sinceMs = -1;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #syncing = false;

  /** `proven`: what the segment's header says. */
  constructor(dir: Directory, proven: number) {
    this.#dir = dir;
    this.#synced = proven;
  }

  /** Everything up to `sequence` is durable, whatever happens. */
  synced(sequence: number, nowMs: number): void {
    if (sequence <= this.#synced) return;
    this.#synced = sequence;
    if (this.#sinceMs < 0) this.#sinceMs = nowMs;
  }

  /** Milliseconds until `write` should be called, 0 or less when it is due; Infinity where nothing is to be said. */
  msUntilDue(nowMs: number): number {
    if (this.#sinceMs < 0) return Number.POSITIVE_INFINITY;
    return Math.max(this.#sinceMs + CLAIM_MS, this.#notBeforeMs) - nowMs;
  }

  /** Writes what is to be said; `segment`, not poisoned, is the one in which it was synced. Its own sync goes on when this returns. Throws nothing. */
  write(segment: WalWriter, nowMs: number): void {
    if (this.#sinceMs < 0) return;
    const sequence = this.#synced;
    try {
      // What lies before the segment is proven by its header.
      if (sequence >= segment.firstSequence) this.#put(segment, sequence);
      this.#sinceMs = -1;
    } catch {
      this.#notBeforeMs = nowMs + RETRY_MS;
    }
  }

  #put({ fd, generation, segmentNumber }: WalWriter, sequence: number): void {
    const dir = this.#dir;
    const file = dir.identity(fd);
    if (file === null) return;
    // Not kept open: whoever removes it gets another one.
    const to = dir.open(SYNCED, dir.exists(SYNCED) ? "update" : "create");
    try {
      writeFullyAt(dir, to, SYNCED, encodeClaim({ generation, segmentNumber, sequence, file }), 0);
    } catch (error) {
      dir.close(to);
      throw error;
    }
    // One that is under way on a slow disk is not waited for: the death of the process does not take what is written.
    if (this.#syncing) {
      dir.close(to);
      return;
    }
    this.#syncing = true;
    dir
      .fdatasyncAsync(to)
      .finally(() => {
        this.#syncing = false;
        dir.close(to);
      })
      .catch(() => {});
  }
}

function encodeClaim({ generation, segmentNumber, sequence, file }: SyncedClaim): Uint8Array {
  const bytes = new Uint8Array(CLAIM_BYTES);
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i);
  putU32(bytes, 8, generation);
  putU64(bytes, 12, segmentNumber);
  putU64(bytes, 20, sequence);
  const numbers = new DataView(bytes.buffer);
  for (const [i, number] of [file.device, file.inode, file.birthNs].entries()) {
    numbers.setBigUint64(DEVICE_AT + 8 * i, number, true);
  }
  putU32(bytes, CRC_AT, crc32(0, bytes, 0, CRC_AT));
  return bytes;
}

function decodeClaim(bytes: Uint8Array): SyncedClaim | null {
  if (String.fromCharCode(...bytes.subarray(0, MAGIC.length)) !== MAGIC) return null;
  if (crc32(0, bytes, 0, CRC_AT) !== getU32(bytes, CRC_AT)) return null;
  const numbers = new DataView(bytes.buffer);
  const number = (i: number) => numbers.getBigUint64(DEVICE_AT + 8 * i, true);
  return {
    generation: getU32(bytes, 8),
    segmentNumber: getU64(bytes, 12),
    sequence: getU64(bytes, 20),
    file: { device: number(0), inode: number(1), birthNs: number(2) },
  };
}

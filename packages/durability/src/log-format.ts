import { getU32, putU32 } from "./bytes.js";
import { StorageError } from "./errors.js";

/*
 * What the entries of a WriteAheadLog and a RecordLog hold (the frame around it: wal-format.ts):
 *
 *   OpType  name         payload
 *   1       append       one entry, as the codec encoded it
 *   2       group        [Count:4] and Count times [Length:4 | entry]
 *   3       batchFirst   one entry ...
 *   4       batchMiddle  one entry ...  a batch of two or more: one batchFirst, any number of batchMiddle, one batchLast
 *   5       batchLast    one entry ...
 *
 * A batch counts only with its batchLast. One without it was refused by the disk or stopped by a power loss; its entries keep their
 * sequence numbers and are passed over. So nothing that was written ever needs to be taken back, which no disk does reliably: bytes behind
 * a cut may come back after a power loss, whole and with the right checksum.
 */
export const OP_APPEND = 1;
export const OP_GROUP = 2;
export const OP_BATCH_FIRST = 3;
export const OP_BATCH_MIDDLE = 4;
export const OP_BATCH_LAST = 5;

/** How an entry came into the log. */
export type LogOperation = "append" | "batch" | "group";

/** An entry with where it stands, before it is decoded. */
export interface LoggedEntry {
  /** The entries of a group have the same one. */
  readonly sequence: number;
  /** Milliseconds since 1970 at which it was given to the log. */
  readonly timestampMs: number;
  readonly operation: LogOperation;
  readonly bytes: Uint8Array;
}

/** Payload of a group. */
export function encodeGroup(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 4 + entry.length, 4));
  putU32(bytes, 0, entries.length);
  let at = 4;
  for (const entry of entries) {
    putU32(bytes, at, entry.length);
    bytes.set(entry, at + 4);
    at += 4 + entry.length;
  }
  return bytes;
}

/** Gathers what belongs together: gets the log's entries in order, gives out those that count. */
export class EntryAssembler {
  /** Entries of batches that were never completed. */
  incomplete = 0;
  #batch: LoggedEntry[] = [];

  /** The entries that this one completes. Throws StorageError newer-format, corrupt-entry. */
  take(
    opType: number,
    sequence: number,
    timestampMs: number,
    bytes: Uint8Array,
    off: number,
    len: number,
  ): LoggedEntry[] {
    const payload = bytes.slice(off, off + len);
    if (opType === OP_BATCH_MIDDLE || opType === OP_BATCH_LAST) {
      this.#batch.push({ sequence, timestampMs, operation: "batch", bytes: payload });
      return opType === OP_BATCH_LAST ? this.#batch.splice(0) : [];
    }
    this.finish();
    switch (opType) {
      case OP_APPEND:
        return [{ sequence, timestampMs, operation: "append", bytes: payload }];
      case OP_GROUP:
        return decodeGroup(payload, sequence).map((entry) => {
          return { sequence, timestampMs, operation: "group", bytes: entry };
        });
      case OP_BATCH_FIRST:
        this.#batch.push({ sequence, timestampMs, operation: "batch", bytes: payload });
        return [];
      default:
        throw new StorageError("newer-format", `an entry has the unknown operation ${opType}`, {
          sequence,
          expected: "an operation from 1 to 5",
          hint: "It was written by a newer version, or by a program that does not use this log",
        });
    }
  }

  /** Nothing follows: a batch that is still open was never completed. */
  finish(): void {
    this.incomplete += this.#batch.length;
    this.#batch = [];
  }
}

function decodeGroup(bytes: Uint8Array, sequence: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  const count = bytes.length < 4 ? -1 : getU32(bytes, 0);
  let at = 4;
  while (at + 4 <= bytes.length) {
    const end = at + 4 + getU32(bytes, at);
    entries.push(bytes.subarray(at + 4, end));
    at = end;
  }
  if (at === bytes.length && entries.length === count) return entries;
  throw new StorageError("corrupt-entry", "a group does not have the entries that it counts", {
    sequence,
    expected: `${count} entries in ${bytes.length} bytes`,
    found: `${entries.length} entries in ${at} bytes`,
  });
}

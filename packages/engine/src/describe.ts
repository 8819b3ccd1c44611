/** Logged mutations and snapshot entries as plain data, for people and for other formats. What each holds is said by its row (operations.ts, types/value-types.ts). */
import { MutationReader } from "./mutations.js";
import { type DescribedMutation, describeMutation } from "./operations.js";
import { ENTRY_CONTINUES, readSnapshotEntries } from "./snapshot.js";
import { type Described, describeValue, typeName } from "./types/value-types.js";

/** One entry of a snapshot. Buffers are copies. */
export interface DescribedEntry {
  readonly key: Buffer;
  readonly type: string;
  /** Milliseconds since 1970; 0 = never. */
  readonly expireAt: number;
  /** A further part of the collection that an earlier entry began. */
  readonly continues: boolean;
  readonly value: Described;
}

/** The mutations of one log entry, in their order. Throws RangeError where it is malformed. */
export function describeMutations(op: number, bytes: Uint8Array, off: number, len: number): DescribedMutation[] {
  const all: DescribedMutation[] = [];
  const m = new MutationReader();
  m.open(op, 0, bytes, off, len);
  while (m.next()) all.push(describeMutation(m));
  return all;
}

/** Visits the entries of one section of a snapshot; returns how many. Throws RangeError where they are malformed. */
export function describeEntries(
  bytes: Uint8Array,
  off: number,
  len: number,
  visit: (entry: DescribedEntry) => void,
): number {
  return readSnapshotEntries(bytes, off, len, (type, flags, koff, klen, expireAt, voff, vlen) => {
    const key = Buffer.from(bytes.subarray(koff, koff + klen));
    const continues = (flags & ENTRY_CONTINUES) !== 0;
    visit({ key, type: typeName(type), expireAt, continues, value: describeValue(type, bytes, voff, vlen) });
  });
}

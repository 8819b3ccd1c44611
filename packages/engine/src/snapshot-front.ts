/**
 * What moves from shard to shard while a snapshot is made, and the rule that makes an entry of the log enough that names both keys. (What is told of
 * RENAME holds for MOVE as well, whose shards are those of two databases.)
 *
 * A snapshot copies one shard after the other, and replay applies an entry to a shard only above that shard's stamp. RENAME takes a value
 * from key `src` in shard A to key `dst` in shard B by an entry that does not hold the value: replay finds it in shard A, which then stands
 * right before the entry. Had A been copied after the move and B before it, the value would be in neither copy, and in no entry:
 *
 *            A copied before the move   A copied after it
 *   B before          move                  LOST
 *   B after    only src is to go           nothing to do
 *
 * So **a move does not cross the front**: where one of the two shards has been copied and the other has not, that one is copied first, now,
 * before anything changes. Then the move is above both stamps or above neither. This forbids the upper right, for which it is there, and
 * the lower left, too: so a collection is in the copy of one shard, however often it moves while its elements are still being written,
 * and is never frozen twice at a time. A copy of a value (COPY) lets its source be: only the upper right is forbidden. BITOP with a long result has several such sources.
 *
 * The copy may be wanted in the middle of an entry, when EXEC or a script has changed something already. Then the stamp is that
 * entry's sequence, and the snapshot says beside it how many of the entry's mutations the copy contains (`Keyspace.setPartial`): a position in
 * the log is a sequence and a number of mutations. (To log the value there instead, as everywhere before format version 2, would make a
 * RENAME in EXEC long again, or fail for its size, but only while a snapshot is made.)
 *
 * A small value is worth neither: it is logged with its deletion and its bytes, which any order of stamps bears. Otherwise a client that
 * renames small keys in a hurry would have all shards copied at once.
 */

/** Values up to this many bytes are logged whole where the rule would ask for a copy. What is packed is smaller, as CONFIG stands by default. */
const SMALL_VALUE_BYTES = 64 * 1024;

/** How far the snapshot that is being made has come. Sections: database * 256 + shard. */
export interface SnapshotFront {
  /** Whether what the snapshot will have of a section is settled: it has been copied, or came to be after the snapshot was begun. */
  isBehind(section: number): boolean;
  /** Copies a section that is not behind the front. Never inside of a mutation. */
  capture(section: number): void;
}

/**
 * To be called before a value goes from one section to another. True: the entry may name the keys alone. False: it has to hold the value, which is
 * small.
 * @param leaves the source is gone afterwards (RENAME), or stays (COPY)
 */
export function mayNameKeys(
  front: SnapshotFront | null,
  from: number,
  to: number,
  leaves: boolean,
  valueBytes: number,
): boolean {
  if (front === null || from === to) return true;
  const fromBehind = front.isBehind(from);
  const toBehind = front.isBehind(to);
  if (fromBehind === toBehind || (fromBehind && !leaves)) return true;
  if (valueBytes <= SMALL_VALUE_BYTES) return false;
  front.capture(fromBehind ? to : from);
  return true;
}

/*
 * What recovery does about one segment. A "hole" is a sequence whose entry is missing or bad.
 *
 *  header  hole                              strict   torn-tail   skip-corrupt
 *  ------  --------------------------------  -------  ----------  ------------
 *  newer   any                               refuse   refuse      refuse
 *  bad     any                               refuse   refuse      skip
 *  ok      none                              accept   accept      accept
 *  ok      none, other bytes at the end      refuse   accept      accept
 *  ok      before the segment, proven        refuse   refuse      skip
 *  ok      before the segment, not proven    refuse   cutTail     skip
 *  ok      in it, proven                     refuse   refuse      skip
 *  ok      in it, not proven                 refuse   cutTail     skip; cutTail where nothing valid follows
 *
 * "Proven": something says that the missing entry had been synced, so that this is damage and not what a power loss
 * leaves behind: a later valid entry's watermark, a later segment's SyncedSequence, a snapshot's stamp, or the file `synced`. A hole that
 * is not proven lies above everything that was ever acknowledged as durable. A rotation syncs the old segment first and
 * its successor's header proves it: so holes that are not proven lie in the last segment, or in one whose fsync failed.
 *
 * "Other bytes at the end": where the next segment begins with the sequence that should come there, nothing is missing.
 * They are an entry that was not written whole, and cut off to be written again in the next segment; the cut was lost. The same
 * holds for whole entries where the next segment is of a later run and begins with the sequence of one of them: an earlier
 * recovery had cut them off, and they are cut once more; or their writer had lost the lock and did not know it yet. They are counted, and
 * prove nothing.
 *
 * cutTail: everything from the hole on goes (a copy is kept). skip: count what is missing and go on behind it.
 */
export type RecoveryMode = "torn-tail" | "strict" | "skip-corrupt";
export type RecoveryAction = "accept" | "cutTail" | "skip" | "refuse";

export const RECOVERY_MODES = ["torn-tail", "strict", "skip-corrupt"] as const satisfies readonly RecoveryMode[];

export interface SegmentFindings {
  readonly mode: RecoveryMode;
  readonly header: "ok" | "bad" | "newer";
  /** Its first sequence does not follow the one before it. */
  readonly gapBefore: boolean;
  /**
   * Entries end at the end of the file (clean), or in bytes without any valid entry (torn), or valid entries follow bad bytes (bad);
   * continued where the next segment goes on behind the last entry that counts, whatever follows it here.
   */
  readonly tail: "clean" | "continued" | "torn" | "bad";
  /** No other segment follows. */
  readonly isLastSegment: boolean;
  /** The entry missing in the hole is known to have been synced. */
  readonly proven: boolean;
}

/** The table above. Pure. */
export function decide(f: SegmentFindings): RecoveryAction {
  if (f.header === "newer") return "refuse";
  if (f.header === "bad") return f.mode === "skip-corrupt" ? "skip" : "refuse";
  if (!f.gapBefore && f.tail === "clean") return "accept";
  if (f.mode === "strict") return "refuse";
  if (!f.gapBefore && f.tail === "continued") return "accept";
  if (f.mode === "torn-tail") return f.proven ? "refuse" : "cutTail";
  const nothingFollows = !f.gapBefore && f.tail === "torn" && f.isLastSegment;
  return nothingFollows && !f.proven ? "cutTail" : "skip";
}

import { StorageError, type StorageErrorCode } from "./errors.js";
import { decide, type RecoveryAction, type RecoveryMode } from "./recovery-table.js";
import type { DecodedHeader } from "./wal-format.js";
import type { SegmentScan } from "./wal-reader.js";

/*
 * From what was found to what is done, without touching a file: which segments are read and how far, what is cut or
 * set aside, or the refusal. The table (recovery-table.ts) decides on each segment; this walks them in order.
 */

/** A snapshot's part in it: replay starts after `walPos`, and the log must reach `highestStamp`. */
export interface SnapshotPosition {
  readonly walPos: number;
  readonly highestStamp: number;
}

/** A segment to replay. */
export interface ReplayStep {
  readonly name: string;
  readonly endOffset: number;
  readonly skipBad: boolean;
}

/** A place from which on a segment's bytes are taken away. */
export interface Cut {
  readonly name: string;
  readonly offset: number;
  readonly reason: string;
  /** Whole entries that go, where that is known. */
  readonly entries: number | null;
}

export interface RecoveryPlan {
  readonly steps: readonly ReplayStep[];
  /** Where the tail is cut. */
  readonly cut: Cut | null;
  /** Where entries are cut once more that a later run has replaced. */
  readonly replaced: readonly Cut[];
  /** Segments after the cut: they go aside whole. */
  readonly setAside: readonly string[];
  readonly lastSequence: number;
  /** Up to here everything is durable; below lastSequence where an fsync had failed and no snapshot mended it. */
  readonly syncedSequence: number;
  /** Up to here something in the files proves that it was synced. */
  readonly provenSequence: number;
  readonly corruptedEntries: number;
  /** The log ends in damage, behind which nobody knows what stood: more may be missing. */
  readonly corruptedMayBeMore: boolean;
}

/**
 * Index of the segment at which replay after `walPos` starts: the last one that begins at or below the sequence after
 * it. Earlier ones are not needed and not looked at. 0 where none qualifies.
 */
export function firstNeededSegment(headers: readonly DecodedHeader[], walPos: number): number {
  for (let i = headers.length - 1; i > 0; i--) {
    const header = headers[i]!;
    if (header.state === "ok" && header.header.firstSequence <= walPos + 1) return i;
  }
  return 0;
}

/**
 * Sequence from which on the next segment may replace entries of this one, because another run wrote it: no run writes one twice. Infinity where
 * it cannot.
 */
export function replacedFrom(header: DecodedHeader, next: DecodedHeader | undefined): number {
  if (header.state !== "ok" || next?.state !== "ok") return Number.POSITIVE_INFINITY;
  const sameRun = next.header.generation === header.header.generation;
  return sameRun ? Number.POSITIVE_INFINITY : next.header.firstSequence;
}

/**
 * Makes the plan for `scans`, the segments from the first needed one on; each has located the entry from which the next one may replace it. Throws
 * the refusal as a StorageError.
 */
export function planRecovery(
  mode: RecoveryMode,
  snapshot: SnapshotPosition | null,
  scans: readonly SegmentScan[],
): RecoveryPlan {
  const planner = new Planner(mode, snapshot, scans);
  for (let i = 0; i < scans.length && !planner.stopped; i++) planner.segment(i);
  return planner.finish();
}

class Planner {
  stopped = false;
  readonly #mode: RecoveryMode;
  readonly #snapshot: SnapshotPosition | null;
  readonly #scans: readonly SegmentScan[];
  readonly #steps: ReplayStep[] = [];
  #cut: Cut | null = null;
  readonly #replaced: Cut[] = [];
  #setAside: string[] = [];
  #last: number;
  #corrupted = 0;
  #mayBeMore = false;

  constructor(mode: RecoveryMode, snapshot: SnapshotPosition | null, scans: readonly SegmentScan[]) {
    this.#mode = mode;
    this.#snapshot = snapshot;
    this.#scans = scans;
    this.#last = snapshot?.walPos ?? 0;
  }

  segment(i: number): void {
    const scan = this.#scans[i]!;
    const gapBefore = this.#gapBefore(i);
    const hole = gapBefore ? this.#last + 1 : (scan.hole?.sequence ?? 0);
    const action = decide({
      mode: this.#mode,
      header: scan.header.state,
      gapBefore,
      tail: this.#continued(i) || this.#replacedFrom(i) !== null ? "continued" : scan.tail,
      isLastSegment: i === this.#scans.length - 1,
      proven: (gapBefore && this.#mustFollow(i)) || this.#provenUpTo(i, gapBefore) >= hole,
    });
    this.#apply(i, action, gapBefore);
  }

  finish(): RecoveryPlan {
    const stamp = this.#snapshot?.highestStamp ?? 0;
    const logMissing = this.#snapshot !== null && this.#scans.length === 0;
    if (this.#last < stamp || logMissing) {
      if (this.#mode !== "skip-corrupt") throw this.#endsEarly(stamp);
      this.#corrupted += stamp - this.#last;
      this.#last = stamp;
    }
    return {
      steps: this.#steps,
      cut: this.#cut,
      replaced: this.#replaced,
      setAside: this.#setAside,
      lastSequence: this.#last,
      syncedSequence: this.#syncedSequence(),
      provenSequence: this.#provenUpTo(0, true),
      corruptedEntries: this.#corrupted,
      corruptedMayBeMore: this.#mayBeMore,
    };
  }

  /** A header that claims less than all before it tells of a failed fsync: what can be read there may be on no disk. */
  #syncedSequence(): number {
    const walPos = this.#snapshot?.walPos ?? 0;
    let synced = this.#last;
    for (const { header } of this.#scans) {
      if (header.state !== "ok") continue;
      const { firstSequence, syncedSequence } = header.header;
      if (walPos < firstSequence - 1 && syncedSequence < firstSequence - 1) synced = Math.min(synced, syncedSequence);
    }
    return Math.max(synced, walPos);
  }

  #gapBefore(i: number): boolean {
    const { header } = this.#scans[i]!;
    if (header.state !== "ok") return false;
    const first = header.header.firstSequence;
    return i === 0 ? first > this.#last + 1 : first !== this.#last + 1;
  }

  /** What lies before the first segment was removed under a snapshot, or lost; and no run ever writes a sequence twice. */
  #mustFollow(i: number): boolean {
    const { header } = this.#scans[i]!;
    return i === 0 || (header.state === "ok" && header.header.firstSequence <= this.#last);
  }

  /** The next segment begins where this one's entries end, whatever bytes lie between. */
  #continued(i: number): boolean {
    const scan = this.#scans[i]!;
    const next = this.#scans[i + 1]?.header;
    return scan.tail === "torn" && next?.state === "ok" && next.header.firstSequence === scan.validLastSequence + 1;
  }

  /**
   * The next segment, of a later run, begins with an entry that stands (or is bad) in this one. Either an earlier recovery had cut it off here, and
   * the cut was lost, as it is when its fsync fails and the next start finds it done. Or the owner of this one stood still, was succeeded, and wrote
   * on when it woke. The later run counts: it began with what there was, and its owner had the lock. Null where that is not so.
   */
  #replacedFrom(i: number): number | null {
    const scan = this.#scans[i]!;
    const from = replacedFrom(scan.header, this.#scans[i + 1]?.header);
    return from <= scan.lastSequence && from <= scan.validLastSequence + 1 ? from : null;
  }

  /** Highest sequence that snapshot, valid entries and later headers show to have been synced. */
  #provenUpTo(i: number, gapBefore: boolean): number {
    let proof = this.#snapshot?.highestStamp ?? 0;
    for (let j = i; j < this.#scans.length; j++) {
      const { header, watermark } = this.#scans[j]!;
      proof = Math.max(proof, watermark);
      if (header.state === "ok" && (j > i || gapBefore)) proof = Math.max(proof, header.header.syncedSequence);
    }
    return proof;
  }

  #apply(i: number, action: RecoveryAction, gapBefore: boolean): void {
    switch (action) {
      case "refuse":
        throw this.#refusal(i, gapBefore);
      case "accept":
        this.#accept(i);
        return;
      case "skip":
        this.#skip(i);
        return;
      case "cutTail":
        this.#cutAt(i, gapBefore);
        return;
    }
  }

  #accept(i: number): void {
    const scan = this.#scans[i]!;
    const { name } = scan;
    let endOffset = scan.validEnd;
    let last = scan.validLastSequence;
    const from = this.#replacedFrom(i);
    if (from !== null) {
      if (from <= last) endOffset = scan.located;
      last = from - 1;
      this.#replace(scan, from, endOffset);
    }
    this.#steps.push({ name, endOffset, skipBad: false });
    this.#last = Math.max(this.#last, last);
  }

  #replace(scan: SegmentScan, from: number, offset: number): void {
    const { name, lastSequence } = scan;
    const entries = Math.max(0, lastSequence - from + 1);
    const reason = `${entries} entries from ${from} on are not of the run that wrote the next segment, which begins with ${from}`;
    this.#replaced.push({ name, offset, reason, entries });
  }

  #skip(i: number): void {
    const scan = this.#scans[i]!;
    const isLast = i === this.#scans.length - 1;
    if (scan.header.state !== "ok") {
      this.#mayBeMore ||= isLast;
      return;
    }
    const first = scan.header.header.firstSequence;
    this.#corrupted += Math.max(0, first - this.#last - 1) + scan.missing;
    // Of an earlier segment the next one's first sequence tells whether an entry is missing.
    if (scan.tail === "torn" && isLast) {
      // A claim has counted those it knows of.
      if (scan.missing === 0) this.#corrupted++;
      this.#mayBeMore = true;
    }
    const from = replacedFrom(scan.header, this.#scans[i + 1]?.header);
    const isReplaced = from <= scan.lastSequence;
    if (isReplaced) this.#replace(scan, from, scan.located);
    this.#steps.push({ name: scan.name, endOffset: isReplaced ? scan.located : scan.fileBytes, skipBad: true });
    this.#last = Math.max(this.#last, isReplaced ? from - 1 : scan.lastSequence);
  }

  #cutAt(i: number, gapBefore: boolean): void {
    const scan = this.#scans[i]!;
    this.stopped = true;
    this.#setAside = this.#scans.slice(gapBefore ? i : i + 1).map((later) => later.name);
    if (gapBefore || scan.hole === null) return;
    const { expected, found } = scan.hole;
    const reason = `expected ${expected}, found ${found}`;
    this.#cut = { name: scan.name, offset: scan.validEnd, reason, entries: null };
    this.#steps.push({ name: scan.name, endOffset: scan.validEnd, skipBad: false });
    this.#last = Math.max(this.#last, scan.validLastSequence);
  }

  #refusal(i: number, gapBefore: boolean): StorageError {
    const { header, hole, name: file, lastSequence } = this.#scans[i]!;
    if (header.state === "newer") {
      return new StorageError("newer-format", "the segment was written by a newer version", {
        file,
        found: `version ${header.version}`,
        hint: "Start a newer HearthKV",
      });
    }
    if (header.state === "bad") {
      const { expected, found } = header;
      return refused("corrupt-header", "the segment's header is damaged", { file, offset: 0, expected, found });
    }
    if (!gapBefore && hole !== null) {
      return refused("corrupt-entry", "the log is damaged", { file, ...hole });
    }
    const from = this.#replacedFrom(i);
    if (!gapBefore && from !== null) {
      return new StorageError("sequence-gap", "entries stand in the log that a later run has written anew", {
        file,
        sequence: from,
        expected: `no entry after ${from - 1}`,
        found: `entries up to ${lastSequence}`,
        hint: "Start the server once in recovery mode torn-tail: it cuts them off and keeps a copy",
      });
    }
    const sequence = this.#last + 1;
    const found = `sequence ${header.header.firstSequence}`;
    const where = { file, offset: 0, sequence, expected: `sequence ${sequence}`, found };
    if (i > 0) return refused("sequence-gap", "a part of the log is missing", where);
    if (this.#snapshot === null) {
      return refused("missing-snapshot", "the log does not begin at its start, and no snapshot is usable", where);
    }
    return refused("missing-segment", "the log between the snapshot and the first segment is missing", where);
  }

  #endsEarly(stamp: number): StorageError {
    return refused("missing-segment", "the log ends before the snapshot", {
      file: this.#scans.at(-1)?.name,
      sequence: this.#last + 1,
      expected: `entries up to sequence ${stamp}, which had been synced`,
      found: this.#scans.length === 0 ? "no segment" : `the last one is ${this.#last}`,
    });
  }
}

function refused(
  code: StorageErrorCode,
  what: string,
  details: { file?: string | undefined; offset?: number; sequence?: number; expected: string; found: string },
): StorageError {
  const hint = "Restore a backup, or salvage what is valid with recovery mode skip-corrupt";
  return new StorageError(code, what, { ...details, hint });
}

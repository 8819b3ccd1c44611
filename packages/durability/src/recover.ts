import { setImmediate as nextTurn } from "node:timers/promises";
import type { Document } from "bson";
import { type Directory, listNames, realDisk, removeIfThere, sizeOf, syncParentDirectory } from "./disk.js";
import type { EntryBatch } from "./entry-batch.js";
import { isNoRoom, StorageError } from "./errors.js";
import { isTemporary, SYNCED, segmentNames, snapshotNames } from "./file-names.js";
import { firstNeededSegment, planRecovery, type RecoveryPlan, type ReplayStep, replacedFrom } from "./recovery-plan.js";
import type { RecoveryMode } from "./recovery-table.js";
import { cutTail, rewrite, setAside } from "./repair.js";
import {
  readMetadata,
  readSections,
  readSnapshotLayout,
  type SnapshotLayout,
  type VerifiedSnapshot,
  verifySnapshotAsync,
} from "./snapshot-reader.js";
import { type Found, survey } from "./survey.js";
import { readClaim, type SyncedClaim } from "./synced-claim.js";
import { parallelVerifier } from "./verifier.js";
import type { DecodedHeader } from "./wal-format.js";
import { type EntryVisitor, type ReadOptions, readInSteps, type SegmentScan } from "./wal-reader.js";

/*
 * From a directory to the state it holds. The directory's lock must be held.
 *
 *   1. leftover temporary files are removed
 *   2. the newest snapshot whose SHA-256 holds is chosen, else the one before it; its sections are delivered. Of a large one they are
 *      delivered while another thread computes the SHA-256: when it does not hold, they are void
 *   3. the segments from its WalPos on are read: every CRC, every sequence. The entries above WalPos are delivered in the same
 *      reading, up to the first place that is in doubt
 *   4. plan or refusal (recovery-plan.ts); until here no data file was touched, and after a refusal what was delivered is void
 *   5. what the plan accepts behind the doubtful place is delivered in a second reading
 *   6. repairs: torn tail cut and unusable files set aside (a copy of all of it is kept; without room for it the tail stays)
 *   7. what was recovered, and may be acknowledged from now on, is made as durable as what follows: the entries that
 *      nothing proves to have been synced are written again and fdatasynced (repair.ts says why), the directory fsynced
 *
 * The caller then opens a NEW segment (WalWriter.create): nothing is ever appended to one of an earlier run.
 */
/** What `recover` tells about: at level "warn" something was lost, repaired or set aside. */
export type RecoveryLog = (level: "info" | "warn", message: string) => void;

/**
 * Where the data goes. All calls are synchronous and in order; byte ranges are valid only during the call. What was delivered counts only
 * when `recover` resolves: a place that makes it refuse may come after entries that were delivered already.
 */
export interface RecoveryOptions {
  readonly mode: RecoveryMode;
  /** Once, before the sections, when a snapshot is used; again after `onVoid`. */
  readonly onMetadata: (metadata: Document) => void;
  /**
   * What was delivered so far is void, because the snapshot that it came from is damaged: everything begins anew. A receiver that has
   * this gets the sections of a large snapshot (64 MB) while another thread still checks it. They may hold anything, then, and make it throw:
   * that is told only when the snapshot is whole.
   */
  readonly onVoid?: () => void;
  /** Before each section of the snapshot. `sequence` is its stamp. */
  readonly beginSection: (sectionId: number, sequence: number, entryCount: number) => void;
  /**
   * The entries of the section: whole ones, `entryCount` of them. For a large section the receiver may return steps (a generator): they are
   * run to their end, with turns of the event loop between them, and the bytes are valid until then.
   */
  readonly onSnapshotEntries: (
    sectionId: number,
    bytes: Uint8Array,
    off: number,
    len: number,
    entryCount: number,
    // biome-ignore lint/suspicious/noConfusingVoidType: most receivers take a section at once, and return nothing
  ) => Iterable<undefined> | void;
  /** Each log entry above WalPos, in sequence order. The receiver drops what its section's stamp already contains. */
  readonly onEntry: (
    opType: number,
    sequence: number,
    timestampMs: number,
    bytes: Uint8Array,
    off: number,
    len: number,
  ) => void;
  /** Entries that `onEntry` is about to get, some at a time, so that what they need can be loaded before: it may get fewer of them, but no others between. */
  readonly onAhead?: (batch: EntryBatch) => void;
  /** Share of the work done, 0 to 1, and all of it in bytes to be read (a snapshot is read twice). */
  readonly onProgress?: (fraction: number, totalBytes: number) => void;
  /** Gives up where that still leaves the directory as it was, and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly log?: RecoveryLog;
  /** Clock in milliseconds, for the names of `.broken` files. Default Date.now. */
  readonly now?: () => number;
}

export interface RecoveryResult {
  /** Highest sequence recovered: the next entry gets the one after it. */
  readonly lastSequence: number;
  /**
   * Up to here everything was durable already. Below lastSequence when the files tell of an fsync that failed before the stop: what lies
   * above was read from memory that the disk may not have had, and recovery has written it again. Who would rather not build on that
   * gives it to WalWriter.create as `syncedSequence` and makes a snapshot.
   */
  readonly syncedSequence: number;
  readonly nextSegmentNumber: number;
  readonly snapshot: { readonly name: string; readonly createdMs: number; readonly walPos: number } | null;
  readonly snapshotEntries: number;
  /** Entries given to `onEntry`. */
  readonly walEntries: number;
  readonly segments: number;
  /** skip-corrupt: entries known to be missing (by sequence numbers). */
  readonly corruptedEntries: number;
  /** The log ends in damage, behind which nobody knows what stood: more may be missing. */
  readonly corruptedMayBeMore: boolean;
  /** Entries left out because a later run, whose owner had the lock, has written others in their place. A `.broken` file has them. */
  readonly foreignEntries: number;
  /** torn-tail: bytes cut, a copy of which is in a `.broken` file. */
  readonly bytesCut: number;
  /** Bytes of snapshot and segments read. */
  readonly bytes: number;
  readonly durationMs: number;
}

/**
 * Brings a directory's content back through the callbacks of `options`. Refuses with a StorageError (code, file, offset,
 * sequence, expected, found, hint) where something is missing that had been made durable. A directory without data
 * gives lastSequence 0. After an unclean stop, and after mode skip-corrupt, a fresh snapshot should be written soon.
 */
export async function recover(where: string | Directory, options: RecoveryOptions): Promise<RecoveryResult> {
  return await new Recovery(where, options).run();
}

/** From this size on a snapshot is checked in a thread of its own, which takes 50 ms to start: SHA-256 takes as long for it. */
const PARALLEL_FROM_BYTES = 64 * 1024 * 1024;

/** The event loop gets a turn so often (timers, signals, the checking thread, whoever asks how far we are), give or take one step. */
const TURN_MS = 10;

interface FileRange {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

class Recovery {
  readonly #dir: Directory;
  /** Null where other threads could not read the same files. */
  readonly #path: string | null;
  readonly #options: RecoveryOptions;
  readonly #log: RecoveryLog;
  readonly #now: () => number;
  readonly #started = performance.now();
  #workBytes = 0;
  #doneBytes = 0;
  /** Sequence of the last entry given to `onEntry`; WalPos before the first. */
  #delivered = 0;
  /** From this sequence on the next segment may replace what is being read. */
  #doubtful = Number.POSITIVE_INFINITY;
  #walEntries = 0;
  /** The delivery of the snapshot that is used, where it began before it was known to be whole. */
  #loading: Promise<void> | null = null;
  #turnedMs = performance.now();

  constructor(where: string | Directory, options: RecoveryOptions) {
    this.#dir = typeof where === "string" ? realDisk(where) : where;
    this.#path = this.#dir.path;
    this.#options = options;
    this.#log = options.log ?? (() => {});
    this.#now = options.now ?? Date.now;
  }

  async run(): Promise<RecoveryResult> {
    for (const name of listNames(this.#dir).filter(isTemporary)) {
      removeIfThere(this.#dir, name);
      this.#log("info", `removed the leftover ${name}`);
    }
    const names = listNames(this.#dir);
    // Before any segment: one that is being written may only be longer than that, when it is read.
    const claim = names.includes(SYNCED) ? readClaim(this.#dir) : null;
    const segments = segmentNames(names);
    const found = await this.#survey(segments, snapshotNames(names).reverse());
    const { snapshot, headers } = found;
    const walPos = snapshot?.header.walPos ?? 0;
    if (snapshot !== null) await (this.#loading ?? this.#loadSnapshot(snapshot));
    this.#delivered = walPos;
    const first = firstNeededSegment(headers, walPos);
    const scans = await this.#scan(segments.slice(first), headers.slice(first), claim);
    const plan = planRecovery(this.#options.mode, snapshot && { walPos, highestStamp: snapshot.highestStamp }, scans);
    await this.#deliverRest(plan, scans);
    const unproven = await this.#unproven(plan, scans);
    // From here on the directory is changed, in steps that belong together.
    this.#options.signal?.throwIfAborted();
    const bytesCut = this.#repair(plan, found);
    for (const { name, from, to } of unproven) rewrite(this.#dir, name, from, to);
    syncParentDirectory(this.#dir);
    this.#options.onProgress?.(1, this.#workBytes);
    const numbers = headers.map((header) => (header.state === "ok" ? header.header.segmentNumber : 0));
    return {
      lastSequence: plan.lastSequence,
      syncedSequence: plan.syncedSequence,
      nextSegmentNumber: Math.max(0, ...numbers) + 1,
      snapshot: snapshot && { name: snapshot.name, createdMs: snapshot.header.createdMs, walPos },
      snapshotEntries: snapshot?.header.totalEntries ?? 0,
      walEntries: this.#walEntries,
      segments: plan.steps.length,
      corruptedEntries: plan.corruptedEntries,
      corruptedMayBeMore: plan.corruptedMayBeMore,
      foreignEntries: plan.replaced.reduce((sum, { entries }) => sum + (entries ?? 0), 0),
      bytesCut,
      bytes: (snapshot?.fileBytes ?? 0) + plan.steps.reduce((sum, step) => sum + step.endOffset, 0),
      durationMs: performance.now() - this.#started,
    };
  }

  async #survey(segments: readonly string[], newestFirst: readonly string[]): Promise<Found> {
    const bytes = (names: readonly string[]) => names.reduce((sum, name) => sum + sizeOf(this.#dir, name), 0);
    // A snapshot is read twice: once to check it, once to deliver it.
    this.#workBytes = 2 * bytes(newestFirst.slice(0, 1)) + bytes(segments);
    return await survey(this.#dir, segments, newestFirst, this.#options.mode, this.#log, (name) => this.#verify(name));
  }

  /** Throws StorageError corrupt-snapshot when it is damaged. A large one has been delivered when this resolves. */
  async #verify(name: string): Promise<VerifiedSnapshot> {
    const { onVoid } = this.#options;
    const bytes = sizeOf(this.#dir, name);
    if (this.#path !== null && onVoid !== undefined && bytes >= PARALLEL_FROM_BYTES) {
      return await this.#verifyWhileLoading(name, this.#path, onVoid);
    }
    const snapshot = await verifySnapshotAsync(this.#dir, name);
    this.#options.signal?.throwIfAborted();
    this.#progress(bytes);
    return snapshot;
  }

  async #verifyWhileLoading(name: string, path: string, onVoid: () => void): Promise<VerifiedSnapshot> {
    const { signal } = this.#options;
    const doneBytes = this.#doneBytes;
    const loading = this.#loadSnapshot(readSnapshotLayout(this.#dir, name), 2);
    const verifier = parallelVerifier(path, 1);
    try {
      const verifying = verifier.snapshot(name, signal).catch((error) => {
        if (error instanceof StorageError || signal?.aborted === true) throw error;
        this.#log("warn", `no other thread could check ${name} (${error}): it is checked in this one`);
        return verifySnapshotAsync(this.#dir, name);
      });
      const [verified] = await Promise.allSettled([verifying, loading]);
      if (verified.status === "fulfilled") {
        // What the receiver thought of it is its own affair, which `run` awaits.
        this.#loading = loading;
        return verified.value;
      }
      signal?.throwIfAborted();
      onVoid();
      this.#doneBytes = doneBytes;
      throw verified.reason;
    } finally {
      await verifier.close();
    }
  }

  /** @param readings that the bytes delivered count for in the progress */
  async #loadSnapshot(snapshot: SnapshotLayout, readings = 1): Promise<void> {
    const { onMetadata, beginSection, onSnapshotEntries, signal } = this.#options;
    onMetadata(readMetadata(this.#dir, snapshot));
    for (const [section, bytes] of readSections(this.#dir, snapshot)) {
      beginSection(section.id, section.sequence, section.entryCount);
      try {
        if (section.entryCount > 0) {
          const steps = onSnapshotEntries(section.id, bytes, 0, section.bytes, section.entryCount) ?? [];
          for (const _ of steps) await this.#turnIfDue();
        }
      } catch (error) {
        throw error instanceof StorageError && signal?.aborted !== true ? error.at(snapshot.name) : error;
      }
      this.#progress(readings * section.bytes);
      await this.#turnIfDue();
    }
  }

  /**
   * Scans the segments, and delivers while nothing is in doubt: the entries that follow one another without a hole, in segments that
   * do. Whatever the plan will be, it begins with these, or it is a refusal.
   */
  async #scan(
    names: readonly string[],
    headers: readonly DecodedHeader[],
    claim: SyncedClaim | null,
  ): Promise<SegmentScan[]> {
    const scans: SegmentScan[] = [];
    let sound = true;
    for (const [i, name] of names.entries()) {
      this.#doubtful = replacedFrom(headers[i]!, headers[i + 1]);
      const scan = await this.#readSegment(name, sound ? this.#deliver : null, {
        afterSequence: this.#delivered,
        locateAfter: this.#doubtful - 1,
        // Of the others the header of the next one tells.
        claim: i === names.length - 1 && claim !== null ? claim : undefined,
        onBytes: (bytes) => this.#progress(bytes),
      });
      scans.push(scan);
      // Where a segment does not follow the one before it, nothing of it was delivered.
      sound = sound && scan.header.state === "ok" && scan.tail === "clean" && scan.lastSequence <= this.#delivered;
    }
    return scans;
  }

  readonly #deliver: EntryVisitor = (opType, sequence, timestampMs, bytes, off, len) => {
    if (sequence !== this.#delivered + 1 || sequence >= this.#doubtful) return;
    this.#delivered = sequence;
    this.#walEntries++;
    this.#options.onEntry(opType, sequence, timestampMs, bytes, off, len);
  };

  /** Delivers what the plan accepts and the scan left out, in a second reading: what lies behind the first doubtful place. */
  async #deliverRest(plan: RecoveryPlan, scans: readonly SegmentScan[]): Promise<void> {
    for (const step of plan.steps) {
      if (lastOf(step, scans) <= this.#delivered) continue;
      const scan = await this.#readAgain(step, {
        afterSequence: this.#delivered,
        visit: (opType, sequence, timestampMs, bytes, off, len) => {
          this.#walEntries++;
          this.#options.onEntry(opType, sequence, timestampMs, bytes, off, len);
        },
      });
      this.#delivered = Math.max(this.#delivered, scan.lastSequence);
    }
  }

  /** Where the entries lie that nothing proves to have been synced; and the proof behind those that are, which proves everything but itself. */
  async #unproven(plan: RecoveryPlan, scans: readonly SegmentScan[]): Promise<FileRange[]> {
    const ranges: FileRange[] = [];
    for (const step of plan.steps) {
      if (lastOf(step, scans) < plan.provenSequence) continue;
      const marks = scans.find((scan) => scan.name === step.name)?.marks ?? [];
      const from = marks.findLast((mark) => mark.sequence <= plan.provenSequence && mark.offset < step.endOffset);
      const { located } = await this.#readAgain(step, { locateAfter: plan.provenSequence, ...(from && { from }) });
      if (located >= 0) ranges.push({ name: step.name, from: located, to: step.endOffset });
    }
    return ranges;
  }

  async #readAgain(step: ReplayStep, options: ReadOptions & { readonly visit?: EntryVisitor }): Promise<SegmentScan> {
    const { name, endOffset, skipBad } = step;
    const scan = await this.#readSegment(name, options.visit ?? null, {
      ...options,
      endOffset,
      visitAfterHole: skipBad,
    });
    if (scan.header.state !== "ok" || (scan.hole !== null && !skipBad)) throw changed(name, scan);
    return scan;
  }

  async #readSegment(name: string, visit: EntryVisitor | null, options: ReadOptions): Promise<SegmentScan> {
    const steps = readInSteps(this.#dir, name, visit, { ...options, ahead: this.#options.onAhead });
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
      // Given up: the reading ends, too, and closes its file.
      await this.#turnIfDue().catch((error: unknown) => steps.throw(error));
    }
  }

  /** Gives up where that was asked for, too. */
  async #turnIfDue(): Promise<void> {
    if (performance.now() - this.#turnedMs < TURN_MS) return;
    await nextTurn();
    this.#turnedMs = performance.now();
    this.#options.signal?.throwIfAborted();
  }

  #repair(plan: RecoveryPlan, found: Found): number {
    const nowMs = this.#now();
    for (const name of found.unusable) {
      this.#log("warn", `set the damaged ${name} aside as ${setAside(this.#dir, name, nowMs)}`);
    }
    let bytesCut = 0;
    // From the end: should this be interrupted, what is left still ends in the same hole.
    for (const name of plan.setAside.toReversed()) {
      bytesCut += sizeOf(this.#dir, name);
      const aside = setAside(this.#dir, name, nowMs);
      this.#log("warn", `${name} follows entries that were never synced and are lost: set aside as ${aside}`);
    }
    for (const { name, offset, reason, entries } of plan.cut === null ? plan.replaced : [...plan.replaced, plan.cut]) {
      const bytes = sizeOf(this.#dir, name) - offset;
      const copy = this.#cutTail(name, offset, nowMs);
      if (copy === null) continue;
      const what = entries === null ? "torn tail" : "end";
      this.#log("warn", `cut the ${what} of ${name} at ${offset}: ${bytes} bytes (${reason}); a copy is in ${copy}`);
      bytesCut += bytes;
    }
    return bytesCut;
  }

  /**
   * Null where a full disk has no room for the copy: then the tail stays, which is as if the cut had been lost. The next segment goes on behind what
   * counts of this one, and so tells every later start what of it does not (recovery-table.ts, "continued").
   */
  #cutTail(name: string, offset: number, nowMs: number): string | null {
    try {
      return cutTail(this.#dir, name, offset, nowMs);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      this.#log("warn", `the torn tail of ${name} at ${offset} stays: there is no room for a copy of it`);
      return null;
    }
  }

  #progress(bytes: number): void {
    this.#doneBytes += bytes;
    this.#options.onProgress?.(Math.min(1, this.#doneBytes / Math.max(1, this.#workBytes)), this.#workBytes);
  }
}

/** Sequence of the last entry that a step delivers. */
function lastOf(step: ReplayStep, scans: readonly SegmentScan[]): number {
  const scan = scans.find(({ name }) => name === step.name);
  if (scan === undefined) return 0;
  return step.skipBad ? scan.lastSequence : scan.validLastSequence;
}

function changed(file: string, scan: SegmentScan): StorageError {
  return new StorageError("corrupt-entry", "the segment changed between two readings", {
    file,
    offset: scan.hole?.offset,
    sequence: scan.hole?.sequence,
    hint: "The disk or the memory of this machine is faulty, or another process writes here",
  });
}

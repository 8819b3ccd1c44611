import { getU32 } from "./bytes.js";
import { crc32 } from "./crc.js";
import { type Directory, openToRead, readFully, sizeOf } from "./disk.js";
import { EntryBatch } from "./entry-batch.js";
import { StorageError } from "./errors.js";
import { SYNCED } from "./file-names.js";
import { SegmentWindow } from "./segment-window.js";
import { claimedIn, type SyncedClaim } from "./synced-claim.js";
import {
  type DecodedHeader,
  decodeSegmentHeader,
  ENTRY_HEADER_BYTES,
  ENTRY_OVERHEAD_BYTES,
  ENTRY_TRAILER_BYTES,
  entryLength,
  entryOpType,
  entryPosition,
  entrySequence,
  entryTimestamp,
  entryWatermark,
  hex,
  MAX_ENTRY_BYTES,
  SEGMENT_HEADER_BYTES,
} from "./wal-format.js";

/** Gets one entry; the bytes are valid only during the call. */
export type EntryVisitor = (
  opType: number,
  sequence: number,
  timestampMs: number,
  bytes: Uint8Array,
  payloadOff: number,
  payloadLength: number,
) => void;

export interface ReadOptions {
  /** Begin here, at what a scan of the same segment has noted; its result tells of what follows only. Default: behind the header. */
  readonly from?: Mark;
  /** Entries up to this sequence are checked but not visited. Default: none. */
  readonly afterSequence?: number;
  /** Read no further than this offset. Default: the end of the file. */
  readonly endOffset?: number;
  /**
   * The scan tells where the first entry above this sequence begins, or the proof before it. What lies there proves nothing, and lacks nothing.
   * Default: it does not.
   */
  readonly locateAfter?: number;
  /** Visit the valid entries after a bad place, too. Default: only those before the first one. */
  readonly visitAfterHole?: boolean;
  /** Stop at the first bad place, without looking for valid entries after it: `tail` is then never bad. Default: go on. */
  readonly untilHole?: boolean;
  /** What the file `synced` says: where it speaks of this very file it counts like a proof behind the last entry. Default: nothing. */
  readonly claim?: SyncedClaim | undefined;
  /** Gets the entries that are visited next, some at a time. Default: each is visited as soon as it is read. */
  readonly ahead?: ((batch: EntryBatch) => void) | undefined;
  /** Called with the number of bytes passed, now and then. */
  readonly onBytes?: (count: number) => void;
}

/** A place between two entries, before the first hole. */
export interface Mark {
  readonly offset: number;
  /** Of the entry that begins here. */
  readonly sequence: number;
}

/** The first place where an entry should be and is not. */
export interface Hole {
  readonly offset: number;
  /** Sequence of the entry that should be there. */
  readonly sequence: number;
  readonly expected: string;
  readonly found: string;
}

/** What one pass over a segment found. Plain data: it may cross threads. */
export interface SegmentScan {
  readonly name: string;
  readonly fileBytes: number;
  readonly header: DecodedHeader;
  /** Valid entries, those after a hole included. Proofs are none. */
  readonly entries: number;
  /** Sequence of the last valid entry; FirstSequence - 1 where there is none. */
  readonly lastSequence: number;
  /** End of the last entry before the first hole. */
  readonly validEnd: number;
  /** Sequence of the entry that ends at `validEnd`; FirstSequence - 1 where there is none. */
  readonly validLastSequence: number;
  /**
   * clean: no hole. torn: no valid entry after it (a claim may say that there were some), or only proofs of what stands before it. bad: valid
   * entries after it, or a proof of some.
   */
  readonly tail: "clean" | "torn" | "bad";
  readonly hole: Hole | null;
  /** Highest watermark of all valid entries up to `locateAfter`: up to it, everything had been synced. */
  readonly watermark: number;
  /** Sequences missing between valid entries, up to `locateAfter`. */
  readonly missing: number;
  /** Offset of the first valid entry above `locateAfter`, or of the proof before it; -1 where there is neither. */
  readonly located: number;
  /** One for every few megabytes of valid entries, in their order. */
  readonly marks: readonly Mark[];
}

/** A jump of more than this is not taken for a later entry: it is chance, or damage. */
const RESYNC_SEQUENCE_SPAN = 2 ** 32;
/** Zero in every entry, as sequences are below 2^53: in garbage it is seldom, which makes looking for entries faster. */
const SEQUENCE_TOP_BYTE = 11;
/** So often progress is told, and a place noted. */
const PROGRESS_BYTES = 4 * 1024 * 1024;
/** Read at once: a few milliseconds of replay. */
const STEP_BYTES = 256 * 1024;

/** Only the header of a segment. Throws StorageError io. */
export function readSegmentHeader(dir: Directory, name: string): DecodedHeader {
  const fd = openToRead(dir, name);
  try {
    return headerAt(dir, fd, name);
  } finally {
    dir.close(fd);
  }
}

/**
 * Reads a segment once, in windows of some megabytes, checks every entry and visits the valid ones. Damage is told in
 * the result, not thrown. Throws StorageError io, and what `visit` throws: a StorageError that names no file gets the entry's place.
 */
export function readSegment(
  dir: Directory,
  name: string,
  visit: EntryVisitor | null,
  options: ReadOptions = {},
): SegmentScan {
  const steps = readInSteps(dir, name, visit, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** As readSegment, in steps of STEP_BYTES (or one entry): between two of them the caller may do what it likes, or give up. */
export function* readInSteps(
  dir: Directory,
  name: string,
  visit: EntryVisitor | null,
  options: ReadOptions,
): Generator<undefined, SegmentScan> {
  const fileBytes = sizeOf(dir, name);
  const fd = openToRead(dir, name);
  try {
    const header = headerAt(dir, fd, name);
    if (header.state !== "ok") return unreadable(name, fileBytes, header);
    const end = Math.min(fileBytes, options.endOffset ?? fileBytes);
    const { generation, firstSequence } = header.header;
    const from = options.from ?? { offset: SEGMENT_HEADER_BYTES, sequence: firstSequence };
    const pass = new Pass(new SegmentWindow(dir, fd, name, end), generation, from, visit, options);
    const step = () => {
      try {
        return pass.step(STEP_BYTES);
      } catch (error) {
        throw error instanceof StorageError ? error.at(name, pass.visited) : error;
      }
    };
    while (step()) yield;
    pass.claimed(claimedIn(options.claim, dir, fd, name, header.header));
    return { name, fileBytes, header, ...pass.result() };
  } finally {
    dir.close(fd);
  }
}

function headerAt(dir: Directory, fd: number, name: string): DecodedHeader {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  return decodeSegmentHeader(bytes.subarray(0, readFully(dir, fd, name, bytes, 0, bytes.length, 0)));
}

function unreadable(name: string, fileBytes: number, header: DecodedHeader): SegmentScan {
  return {
    name,
    fileBytes,
    header,
    entries: 0,
    lastSequence: 0,
    validEnd: 0,
    validLastSequence: 0,
    tail: "clean",
    hole: null,
    watermark: 0,
    missing: 0,
    located: -1,
    marks: [],
  };
}

/** State of one pass over the entries of a segment. */
class Pass {
  readonly #window: SegmentWindow;
  readonly #generation: number;
  readonly #visit: EntryVisitor | null;
  readonly #options: ReadOptions;
  readonly #locateAfter: number;
  #entries = 0;
  #expected: number;
  #validEnd: number;
  #validLast: number;
  #hole: Hole | null = null;
  /** Entries after the hole, and proofs of some. */
  #afterHole = 0;
  #watermark = 0;
  #missing = 0;
  #located = -1;
  /** Offset of the entry that was visited last. */
  visited = 0;
  #at: number;
  #reported: number;
  readonly #marks: Mark[] = [];
  /** Entries that are still to be visited, where someone wants to know them before. */
  readonly #batch = new EntryBatch();

  constructor(window: SegmentWindow, generation: number, from: Mark, visit: EntryVisitor | null, options: ReadOptions) {
    this.#window = window;
    this.#generation = generation;
    this.#at = this.#reported = from.offset;
    this.#expected = from.sequence;
    this.#validEnd = from.offset;
    this.#validLast = from.sequence - 1;
    this.#visit = visit;
    this.#options = options;
    this.#locateAfter = options.locateAfter ?? Number.POSITIVE_INFINITY;
    window.beforeMove = () => this.#visitBatch();
  }

  /** Goes on until `bytes` more were passed, with the entry that lies there. False: this was the rest. */
  step(bytes: number): boolean {
    const end = this.#window.end;
    const until = Math.min(end, this.#at + bytes);
    let at = this.#at;
    let ended = false;
    while (at < until && !ended) {
      const length = this.#validLength(at, this.#expected, this.#expected);
      if (length > 0) {
        this.#take(at, length);
        at += length;
      } else {
        this.#hole ??= this.#describe(at);
        if (this.#options.untilHole === true) ended = true;
        else at = this.#nextValid(at, until);
      }
      if (at - this.#reported >= PROGRESS_BYTES) {
        if (this.#hole === null) this.#marks.push({ offset: at, sequence: this.#expected });
        this.#report(at);
      }
    }
    this.#at = at;
    this.#visitBatch();
    if (!ended && at < end) return true;
    this.#report(at);
    return false;
  }

  /** Everything up to this sequence was durable here, says another file. */
  claimed(sequence: number): void {
    this.#watermark = Math.max(this.#watermark, sequence);
    if (sequence < this.#expected) return;
    const { offset, found } = this.#hole ?? { offset: this.#window.end, found: "the end of the file" };
    if (this.#afterHole === 0) {
      const expected = `entries up to sequence ${sequence}, which the file ${SYNCED} says had been synced`;
      this.#hole = { offset, sequence: this.#expected, expected, found };
    }
    this.#goTo(sequence + 1);
  }

  result(): Omit<SegmentScan, "name" | "fileBytes" | "header"> {
    const tail = this.#hole === null ? "clean" : this.#afterHole === 0 ? "torn" : "bad";
    return {
      entries: this.#entries,
      lastSequence: this.#expected - 1,
      validEnd: this.#validEnd,
      validLastSequence: this.#validLast,
      tail,
      hole: this.#hole,
      watermark: this.#watermark,
      missing: this.#missing,
      located: this.#located,
      marks: this.#marks,
    };
  }

  #report(at: number): void {
    this.#options.onBytes?.(at - this.#reported);
    this.#reported = at;
  }

  #take(at: number, length: number): void {
    const window = this.#window;
    const p = window.index(at, length);
    const bytes = window.bytes;
    const sequence = entrySequence(bytes, p);
    const position = entryPosition(bytes, p);
    const isProof = position > sequence;
    this.#goTo(position);
    this.#expected = sequence + 1;
    if (!isProof) this.#entries++;
    if (sequence <= this.#locateAfter) this.#watermark = Math.max(this.#watermark, entryWatermark(bytes, p));
    if (this.#located < 0 && position > this.#locateAfter) this.#located = at;
    if (this.#hole === null) {
      this.#validEnd = at + length;
      this.#validLast = sequence;
    } else {
      if (!isProof || sequence >= this.#hole.sequence) this.#afterHole++;
      if (this.#options.visitAfterHole !== true) return;
    }
    const visit = this.#visit;
    if (isProof || visit === null || sequence <= (this.#options.afterSequence ?? 0)) return;
    const payloadLength = length - ENTRY_OVERHEAD_BYTES;
    const opType = entryOpType(bytes, p);
    const timestampMs = entryTimestamp(bytes, p);
    if (this.#options.ahead === undefined) {
      this.visited = at;
      visit(opType, sequence, timestampMs, bytes, p + ENTRY_HEADER_BYTES, payloadLength);
      return;
    }
    const isFull = this.#batch.add(at, opType, sequence, timestampMs, bytes, p + ENTRY_HEADER_BYTES, payloadLength);
    if (isFull) this.#visitBatch();
  }

  #visitBatch(): void {
    const batch = this.#batch;
    if (batch.count === 0 || this.#visit === null) return;
    this.#options.ahead?.(batch);
    batch.visit(this.#visit, this.#comesTo);
  }

  readonly #comesTo = (place: number): void => {
    this.visited = place;
  };

  /** Counts what is missing before the entry, or proof, that was found at this position. */
  #goTo(position: number): void {
    this.#missing += Math.max(0, Math.min(position, this.#locateAfter + 1) - this.#expected);
    this.#expected = position;
  }

  /** Length of the valid entry, or proof, at `at` whose position is from `lowest` to `highest`, or 0. */
  #validLength(at: number, lowest: number, highest: number): number {
    const window = this.#window;
    let p = window.index(at, ENTRY_OVERHEAD_BYTES);
    if (p < 0 || window.bytes[p + SEQUENCE_TOP_BYTE] !== 0) return 0;
    const length = entryLength(window.bytes, p);
    if (length < ENTRY_OVERHEAD_BYTES || length > MAX_ENTRY_BYTES || at + length > window.end) return 0;
    const position = entryPosition(window.bytes, p);
    if (position < lowest || position > highest) return 0;
    p = window.index(at, length);
    if (p < 0) return 0; // the file was cut meanwhile
    const crcAt = p + length - ENTRY_TRAILER_BYTES;
    return crc32(this.#generation, window.bytes, p, crcAt) === getU32(window.bytes, crcAt) ? length : 0;
  }

  /**
   * Offset of the next valid entry, or proof, in [from, until) with a sequence still to come; `until`, or the file's end, where there is none.
   */
  #nextValid(from: number, until: number): number {
    const window = this.#window;
    const highest = this.#expected + RESYNC_SEQUENCE_SPAN;
    for (let at = from; at < until; at++) {
      if (at + ENTRY_OVERHEAD_BYTES > window.end) return window.end;
      if (this.#validLength(at, this.#expected, highest) === 0) continue;
      const p = window.index(at, ENTRY_OVERHEAD_BYTES);
      this.#goTo(entryPosition(window.bytes, p));
      return at;
    }
    return until;
  }

  #describe(at: number): Hole {
    const window = this.#window;
    const left = window.end - at;
    const hole = (expected: string, found: string): Hole => {
      return { offset: at, sequence: this.#expected, expected, found };
    };
    const p = window.index(at, ENTRY_OVERHEAD_BYTES);
    if (p < 0) return hole(`an entry of at least ${ENTRY_OVERHEAD_BYTES} bytes`, `${left} bytes before the end`);
    const length = entryLength(window.bytes, p);
    if (length < ENTRY_OVERHEAD_BYTES || length > MAX_ENTRY_BYTES) {
      return hole(`a length of ${ENTRY_OVERHEAD_BYTES} to ${MAX_ENTRY_BYTES}`, `length ${length}`);
    }
    const sequence = entrySequence(window.bytes, p);
    if (entryPosition(window.bytes, p) !== this.#expected)
      return hole(`sequence ${this.#expected}`, `sequence ${sequence}`);
    if (length > left) return hole(`an entry of ${length} bytes`, `${left} bytes before the end`);
    const q = window.index(at, length);
    if (q < 0) return hole(`an entry of ${length} bytes`, "a file that was cut while it was read");
    const crcAt = q + length - ENTRY_TRAILER_BYTES;
    const crc = hex(crc32(this.#generation, window.bytes, q, crcAt));
    return hole(`CRC ${crc}`, hex(getU32(window.bytes, crcAt)));
  }
}

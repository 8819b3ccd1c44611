import { type Directory, listNames } from "./disk.js";
import { errnoOf, StorageError } from "./errors.js";
import { segmentNames } from "./file-names.js";
import { EntryAssembler, type LoggedEntry } from "./log-format.js";
import { replacedFrom } from "./recovery-plan.js";
import type { DecodedHeader } from "./wal-format.js";
import { type Hole, readSegment, readSegmentHeader, type SegmentScan } from "./wal-reader.js";

/*
 * The entries of a log as a stream, a few megabytes at a time. The log may be appended to, rotated and truncated meanwhile: a segment is
 * known by its number, and looked for again where its file has got another name.
 */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** Which entries. */
export interface ReplayRange {
  /** Only those with a higher sequence. */
  readonly after: number;
  /** Only those up to this sequence. */
  readonly through: number;
}

/** A place between two entries. */
interface Position {
  readonly segmentNumber: number;
  readonly offset: number;
  readonly sequence: number;
}

interface Segment {
  readonly name: string;
  readonly segmentNumber: number;
  readonly firstSequence: number;
  /** What stands above it is of a run that had lost the lock, and does not count: the next segment, of another run, begins here. */
  readonly lastSequence: number;
}

/**
 * Streams the entries that count (those of batches that were never completed do not), in their order. Throws StorageError io,
 * corrupt-entry, missing-segment: also where the log is truncated while it is read.
 */
export async function* replayEntries(dir: Directory, range: ReplayRange): AsyncGenerator<LoggedEntry, void> {
  const assembler = new EntryAssembler();
  let chunkBytes = CHUNK_BYTES;
  let at = range.through > range.after ? startOf(dir, range.after + 1) : null;
  while (at !== null && at.sequence <= range.through) {
    const ready: LoggedEntry[] = [];
    const { segment, scan } = readChunk(dir, at, chunkBytes, range, assembler, ready);
    yield* ready;
    const last = Math.min(scan.validLastSequence, segment.lastSequence);
    if (last >= at.sequence) {
      at = { ...at, offset: scan.validEnd, sequence: last + 1 };
      chunkBytes = CHUNK_BYTES;
      if (last === segment.lastSequence) at = next(dir, at, segment.name, null);
    } else if (at.offset + chunkBytes < scan.fileBytes) {
      // The entry is larger than the chunk.
      chunkBytes *= 2;
    } else {
      at = next(dir, at, segment.name, scan.hole);
    }
  }
}

/** The segment with entry `sequence`. */
function startOf(dir: Directory, sequence: number): Position {
  const segments = segmentsOf(dir);
  const segment = segments.findLast(({ firstSequence }) => firstSequence <= sequence);
  if (segment === undefined) throw missing(sequence, segments[0]);
  return begin(segment);
}

/** The segment after `at`, where all of that one is read. */
function next(dir: Directory, at: Position, name: string, hole: Hole | null): Position {
  const segments = segmentsOf(dir);
  const segment = segments.find(({ segmentNumber }) => segmentNumber > at.segmentNumber);
  if (segment?.firstSequence === at.sequence) return begin(segment);
  if (hole !== null) throw new StorageError("corrupt-entry", "the log is damaged", { file: name, ...hole });
  throw missing(at.sequence, segment);
}

function begin({ segmentNumber, firstSequence }: Segment): Position {
  return { segmentNumber, offset: 0, sequence: firstSequence };
}

function readChunk(
  dir: Directory,
  at: Position,
  chunkBytes: number,
  range: ReplayRange,
  assembler: EntryAssembler,
  into: LoggedEntry[],
): { segment: Segment; scan: SegmentScan } {
  const segment = segmentsOf(dir).find(({ segmentNumber }) => segmentNumber === at.segmentNumber);
  if (segment === undefined) throw missing(at.sequence, undefined);
  const through = Math.min(range.through, segment.lastSequence);
  const scan = readSegment(
    dir,
    segment.name,
    (opType, sequence, timestampMs, bytes, off, len) => {
      if (sequence <= through) into.push(...assembler.take(opType, sequence, timestampMs, bytes, off, len));
    },
    {
      afterSequence: range.after,
      endOffset: at.offset + chunkBytes,
      untilHole: true,
      ...(at.offset > 0 && { from: { offset: at.offset, sequence: at.sequence } }),
    },
  );
  return { segment, scan };
}

/** Segments with a header that can be read, in the order of their numbers. */
function segmentsOf(dir: Directory): Segment[] {
  const names = segmentNames(listNames(dir));
  const headers = names.map((name) => headerOf(dir, name));
  return headers.flatMap((header, i) => {
    if (header.state !== "ok") return [];
    const { segmentNumber, firstSequence } = header.header;
    return [{ name: names[i]!, segmentNumber, firstSequence, lastSequence: replacedFrom(header, headers[i + 1]) - 1 }];
  });
}

/** One that went meanwhile cannot be read, either. */
function headerOf(dir: Directory, name: string): DecodedHeader {
  try {
    return readSegmentHeader(dir, name);
  } catch (error) {
    if (errnoOf(error instanceof StorageError ? error.cause : error) !== "ENOENT") throw error;
    return { state: "bad", expected: "a segment", found: "nothing" };
  }
}

function missing(sequence: number, first: Segment | undefined): StorageError {
  return new StorageError("missing-segment", "an entry is not in the log any more", {
    file: first?.name,
    sequence,
    expected: `an entry with sequence ${sequence}`,
    found: first === undefined ? "no segment" : `a segment that begins with ${first.firstSequence}`,
    hint: "A checkpoint has made its segment superfluous: recover from the checkpoint, or replay after a higher sequence",
  });
}

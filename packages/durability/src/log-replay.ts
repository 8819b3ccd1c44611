import { type Directory, listNames } from "./disk.js";
import { errnoOf, StorageError } from "./errors.js";
import { segmentNames } from "./file-names.js";
import { EntryAssembler, type LoggedEntry } from "./log-format.js";
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
    const { name, scan } = readChunk(dir, at, chunkBytes, range, assembler, ready);
    yield* ready;
    if (scan.validLastSequence >= at.sequence) {
      at = { ...at, offset: scan.validEnd, sequence: scan.validLastSequence + 1 };
      chunkBytes = CHUNK_BYTES;
    } else if (at.offset + chunkBytes < scan.fileBytes) {
      // The entry is larger than the chunk.
      chunkBytes *= 2;
    } else {
      at = next(dir, at, name, scan.hole);
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
): { name: string; scan: SegmentScan } {
  const segment = segmentsOf(dir).find(({ segmentNumber }) => segmentNumber === at.segmentNumber);
  if (segment === undefined) throw missing(at.sequence, undefined);
  const scan = readSegment(
    dir,
    segment.name,
    (opType, sequence, timestampMs, bytes, off, len) => {
      if (sequence <= range.through) into.push(...assembler.take(opType, sequence, timestampMs, bytes, off, len));
    },
    {
      afterSequence: range.after,
      endOffset: at.offset + chunkBytes,
      untilHole: true,
      ...(at.offset > 0 && { from: { offset: at.offset, sequence: at.sequence } }),
    },
  );
  return { name: segment.name, scan };
}

/** Segments with a header that can be read, in the order of their numbers. */
function segmentsOf(dir: Directory): Segment[] {
  return segmentNames(listNames(dir)).flatMap((name) => {
    try {
      const header = readSegmentHeader(dir, name);
      if (header.state !== "ok") return [];
      const { segmentNumber, firstSequence } = header.header;
      return [{ name, segmentNumber, firstSequence }];
    } catch (error) {
      if (errnoOf(error instanceof StorageError ? error.cause : error) === "ENOENT") return [];
      throw error;
    }
  });
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

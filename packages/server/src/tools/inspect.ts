/**
 * Reads the entries of snapshots and segments one after the other and hands them out as plain data: nothing is kept, nothing changed. It looks
 * past damage where that is possible, and says where it is.
 */
import { statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { Glob } from "@hearthkv/commands";
import {
  type Directory,
  fileNames,
  readSections,
  readSegment,
  readSegmentHeader,
  rehearsalDisk,
  StorageError,
  verifySnapshot,
} from "@hearthkv/durability";
import {
  type DescribedEntry,
  type DescribedMutation,
  describeEntries,
  describeMutations,
  SHARDS,
} from "@hearthkv/engine";
import { dataFolderNames, ToolError } from "./data-folder.js";

/** What to leave out. Numbers are inclusive; times are milliseconds since 1970. */
export interface InspectOptions {
  /** Glob over the bytes of keys (latin1, one char a byte); a flush names none and is always shown. */
  readonly keyPattern?: string;
  readonly fromSequence?: number;
  readonly toSequence?: number;
  readonly fromTimeMs?: number;
  readonly toTimeMs?: number;
  /** How many entries, of log and snapshots together. */
  readonly limit?: number;
}

/** One thing found. */
export type InspectRecord =
  | {
      readonly kind: "segment";
      readonly file: string;
      readonly segmentNumber: number;
      readonly firstSequence: number;
      readonly createdMs: number;
      readonly generation: number;
    }
  | {
      readonly kind: "entry";
      readonly file: string;
      readonly sequence: number;
      readonly timeMs: number;
      /** Those that the key filter lets through. */
      readonly mutations: readonly DescribedMutation[];
    }
  | {
      readonly kind: "snapshot";
      readonly file: string;
      readonly createdMs: number;
      readonly entries: number;
      readonly walPos: number;
    }
  | {
      readonly kind: "value";
      readonly file: string;
      readonly db: number;
      /** The value is that after this entry of the log. */
      readonly stamp: number;
      readonly entry: DescribedEntry;
    }
  | { readonly kind: "damage"; readonly file: string; readonly message: string };

/** Thrown through the readers to end them early. */
class Enough extends Error {}

/**
 * Inspects a data directory (all snapshots, then all segments, oldest first; with a filter by sequence or time only segments) or one
 * segment or snapshot, whatever its name. `emit` is called for each record; when it returns false the reading ends. Throws ToolError.
 */
export function inspect(path: string, options: InspectOptions, emit: (record: InspectRecord) => boolean): void {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  const dir = rehearsalDisk(isFile ? dirname(path) : path);
  const inspection = new Inspection(dir, options, emit);
  try {
    if (isFile) inspection.file(basename(path));
    else inspection.directory(dataFolderNames(path));
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
}

class Inspection {
  readonly #dir: Directory;
  readonly #options: InspectOptions;
  /** Null matches every key. */
  readonly #keyGlob: Glob | null;
  readonly #emit: (record: InspectRecord) => boolean;
  #left: number;

  constructor(dir: Directory, options: InspectOptions, emit: (record: InspectRecord) => boolean) {
    const { keyPattern } = options;
    this.#dir = dir;
    this.#keyGlob = keyPattern === undefined || keyPattern === "*" ? null : new Glob(keyPattern);
    this.#options = options;
    this.#emit = emit;
    this.#left = options.limit ?? Number.POSITIVE_INFINITY;
  }

  directory(names: readonly string[]): void {
    if (!this.#filtersLog()) for (const name of fileNames.snapshotNames(names)) this.#snapshot(name);
    for (const name of fileNames.segmentNames(names)) this.#segment(name);
  }

  file(name: string): void {
    const magic = this.#magicOf(name);
    if (magic === "HEARTHWL") this.#segment(name);
    else if (magic !== "HEARTHSN") throw new ToolError(`${name} is neither a segment nor a snapshot`);
    else if (this.#filtersLog())
      throw new ToolError(`${name} is a snapshot: its entries have neither sequences nor times`);
    else this.#snapshot(name);
  }

  #filtersLog(): boolean {
    const { fromSequence, toSequence, fromTimeMs, toTimeMs } = this.#options;
    return [fromSequence, toSequence, fromTimeMs, toTimeMs].some((bound) => bound !== undefined);
  }

  #magicOf(name: string): string {
    const fd = this.#dir.open(name, "read");
    try {
      const bytes = new Uint8Array(8);
      this.#dir.pread(fd, bytes, 0, bytes.length, 0);
      return Buffer.from(bytes).toString("latin1");
    } finally {
      this.#dir.close(fd);
    }
  }

  #snapshot(file: string): void {
    try {
      const snapshot = verifySnapshot(this.#dir, file);
      const { createdMs, totalEntries, walPos } = snapshot.header;
      this.#out({ kind: "snapshot", file, createdMs, entries: totalEntries, walPos });
      for (const [section, bytes] of readSections(this.#dir, snapshot)) {
        describeEntries(bytes, 0, section.bytes, (entry) => {
          if (!this.#wantsKey(entry.key)) return;
          this.#count({ kind: "value", file, db: Math.floor(section.id / SHARDS), stamp: section.sequence, entry });
        });
      }
    } catch (error) {
      this.#damage(file, error);
    }
  }

  #segment(file: string): void {
    const { fromSequence = 0 } = this.#options;
    let announced = false;
    const announce = () => {
      announced = true;
      this.#announceSegment(file);
    };
    try {
      const scan = readSegment(
        this.#dir,
        file,
        (opType, sequence, timeMs, bytes, off, len) => {
          if (!announced) announce();
          this.#entry(file, opType, sequence, timeMs, bytes, off, len);
        },
        { afterSequence: fromSequence - 1, visitAfterHole: true },
      );
      if (!announced && !this.#filtersLog()) announce();
      const { header, hole } = scan;
      if (header.state === "bad") this.#out({ kind: "damage", file, message: `no header: found ${header.found}` });
      if (header.state === "newer")
        this.#out({ kind: "damage", file, message: `written by version ${header.version}` });
      if (hole === null) return;
      const where = `offset ${hole.offset}, sequence ${hole.sequence}`;
      const message = `${where}: expected ${hole.expected}, found ${hole.found}; ${scan.missing} sequences are missing`;
      this.#out({ kind: "damage", file, message });
    } catch (error) {
      this.#damage(file, error);
    }
  }

  #announceSegment(file: string): void {
    const decoded = readSegmentHeader(this.#dir, file);
    if (decoded.state !== "ok") return;
    const { segmentNumber, firstSequence, createdMs, generation } = decoded.header;
    this.#out({ kind: "segment", file, segmentNumber, firstSequence, createdMs, generation });
  }

  #entry(
    file: string,
    opType: number,
    sequence: number,
    timeMs: number,
    bytes: Uint8Array,
    off: number,
    len: number,
  ): void {
    const { toSequence, fromTimeMs, toTimeMs } = this.#options;
    if (toSequence !== undefined && sequence > toSequence) throw new Enough();
    if ((fromTimeMs !== undefined && timeMs < fromTimeMs) || (toTimeMs !== undefined && timeMs > toTimeMs)) return;
    const mutations = this.#describe(file, sequence, () => describeMutations(opType, bytes, off, len)).filter(
      ({ keys }) => {
        return keys.length === 0 || keys.some((key) => this.#wantsKey(key));
      },
    );
    if (mutations.length > 0) this.#count({ kind: "entry", file, sequence, timeMs, mutations });
  }

  /** An entry whose checksum holds and that cannot be read all the same does not end the reading. */
  #describe(file: string, sequence: number, read: () => DescribedMutation[]): DescribedMutation[] {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#out({ kind: "damage", file, message: `sequence ${sequence}: ${error.message}` });
      return [];
    }
  }

  #wantsKey(key: Buffer): boolean {
    return this.#keyGlob === null || this.#keyGlob.matches(key, 0, key.length);
  }

  #count(record: InspectRecord): void {
    if (this.#left <= 0) throw new Enough();
    this.#left--;
    this.#out(record);
  }

  #out(record: InspectRecord): void {
    if (!this.#emit(record)) throw new Enough();
  }

  /** Files of a directory in use may go while they are read; bytes that hold their checksum may be those of a newer version. */
  #damage(file: string, error: unknown): void {
    if (error instanceof Enough) throw error;
    const isKnown =
      error instanceof StorageError || error instanceof RangeError || (error instanceof Error && "code" in error);
    if (!isKnown) throw error;
    this.#out({ kind: "damage", file, message: error.message });
  }
}

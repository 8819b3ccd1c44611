/**
 * Checks a whole data directory and changes nothing in it.
 *
 *   every snapshot    header, structure, counts, SHA-256             every segment    header, CRC and sequence of each entry
 *   all segments      each continues the one before it               the whole        recovery rehearsed, and the digest of its result
 *
 * The directory may be in use: then all of it is as it was at one moment (durability's frozen disk), and an unfinished end of the current segment
 * was just being written. Threads open files by their names; what they find wrong, and the current segment, are read through the frozen disk.
 */
import {
  fileNames,
  frozenDisk,
  inlineVerifier,
  type LockOwner,
  livingLockOwner,
  loadOrCreateManifest,
  parallelVerifier,
  type RecoveryResult,
  type RehearsalDirectory,
  readLockOwner,
  recover,
  rehearsalDisk,
  replacedFrom,
  type SegmentScan,
  StorageError,
  type Verifier,
} from "@hearthkv/durability";
import type { Document } from "bson";
import { requireSeed } from "../persistence/recover-into.js";
import { describeChanges } from "./changes.js";
import { dataFolderNames } from "./data-folder.js";
import { countKeys, loadDirectory } from "./load.js";

/** From this size on threads are worth their start. */
const PARALLEL_FROM_BYTES_DEFAULT = 32 * 1024 * 1024;

export interface CheckOptions {
  /** Forgive nothing, not even an unfinished end of the log (ignored while the directory is in use). Default false. */
  readonly strict?: boolean;
  /** Load the data and give its digest; needs the memory that the server would. Default true. */
  readonly digest?: boolean;
  /** Share of the work done, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  /** Directories of at least this size are checked by several threads. Default 32 MiB. */
  readonly parallelFromBytes?: number;
}

/** One thing that is wrong. */
export interface Problem {
  /** File name inside the directory; null where it is not about one. */
  readonly file: string | null;
  readonly message: string;
}

/** What a start of the server would find. */
export interface RecoveredSummary {
  readonly lastSequence: number;
  readonly snapshot: string | null;
  readonly snapshotEntries: number;
  readonly logEntries: number;
  /** Null without the digest. */
  readonly keys: number | null;
  /** Of all data, expired keys that were not deleted yet included; null where it was not asked for. */
  readonly digest: string | null;
}

export interface CheckReport {
  readonly path: string;
  /** The process that uses the directory. */
  readonly holder: { readonly pid: number; readonly host: string } | null;
  /** A line for each file that holds. */
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
  /** What is no damage but worth knowing. */
  readonly notes: readonly string[];
  /** Null where recovery refuses. */
  readonly recovered: RecoveredSummary | null;
}

/** Checks the directory. Throws ToolError where there is none; damage is told in the report. */
export async function checkDirectory(path: string, options: CheckOptions = {}): Promise<CheckReport> {
  dataFolderNames(path);
  const living = await livingLockOwner(path);
  if (living === null) return await new Check(path, rehearsalDisk(path), options).run(null);
  const frozen = frozenDisk(path);
  try {
    return await new Check(path, frozen, options).run(living);
  } finally {
    frozen.release();
  }
}

class Check {
  readonly #path: string;
  readonly #options: CheckOptions;
  readonly #disk: RehearsalDirectory;
  readonly #inline: Verifier;
  readonly #files: string[] = [];
  readonly #problems: Problem[] = [];
  readonly #notes: string[] = [];

  constructor(path: string, disk: RehearsalDirectory, options: CheckOptions) {
    this.#path = path;
    this.#disk = disk;
    this.#inline = inlineVerifier(disk);
    this.#options = options;
  }

  async run(living: LockOwner | null): Promise<CheckReport> {
    const holder = this.#noteHolder(living);
    await this.#verifyFiles();
    const recovered = await this.#rehearse(holder !== null);
    for (const line of describeChanges(this.#disk.changes)) {
      this.#notes.push(`a start of the server would ${line}`);
    }
    return {
      path: this.#path,
      holder,
      files: this.#files,
      problems: this.#problems,
      notes: this.#notes,
      recovered,
    };
  }

  #noteHolder(living: LockOwner | null): CheckReport["holder"] {
    if (living !== null) {
      this.#notes.push(
        `process ${living.pid} on ${living.host} uses the directory: what it writes from now on is not checked`,
      );
      return { pid: living.pid, host: living.host };
    }
    const dead = readLockOwner(this.#path);
    if (dead !== null)
      this.#notes.push(`the lock of process ${dead.pid} on ${dead.host} was left behind: it is not alive`);
    return null;
  }

  async #verifyFiles(): Promise<void> {
    const names = this.#disk.list();
    const snapshots = fileNames.snapshotNames(names);
    const segments = fileNames.segmentNames(names);
    const sizes = new Map([...snapshots, ...segments].map((name) => [name, this.#disk.size(name)]));
    const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    let done = 0;
    const pass = (name: string) => {
      done += sizes.get(name) ?? 0;
      this.#options.onProgress?.((done / Math.max(1, total)) * 0.5);
    };
    const verifier = this.#verifier(sizes.size, total);
    try {
      const scans = segments.map((name) => this.#verifySegment(verifier, name).finally(() => pass(name)));
      await Promise.all(snapshots.map((name) => this.#verifySnapshot(verifier, name).finally(() => pass(name))));
      this.#followSegments(await Promise.all(scans));
    } finally {
      await verifier.close();
    }
  }

  #verifier(files: number, bytes: number): Verifier {
    const parallel = bytes >= (this.#options.parallelFromBytes ?? PARALLEL_FROM_BYTES_DEFAULT);
    return parallel ? parallelVerifier(this.#path, files) : this.#inline;
  }

  async #verifySnapshot(verifier: Verifier, name: string): Promise<void> {
    try {
      const { header, fileBytes } = await verifier.snapshot(name).catch(() => this.#inline.snapshot(name));
      const what = `${header.totalEntries} entries in ${header.sectionCount} sections, log position ${header.walPos}`;
      this.#files.push(`${name}: ${fileBytes} bytes, ${what}`);
    } catch (error) {
      this.#report(error, name);
    }
  }

  async #verifySegment(verifier: Verifier, name: string): Promise<SegmentScan | null> {
    try {
      if (name === fileNames.WAL_CURRENT) return await this.#inline.segment(name);
      return await verifier.segment(name).catch(() => this.#inline.segment(name));
    } catch (error) {
      this.#report(error, name);
      return null;
    }
  }

  /** Of the last segment's end, and of entries that a later run wrote anew, recovery decides; anything else that is not an entry is damage. */
  #followSegments(scans: readonly (SegmentScan | null)[]): void {
    let next: number | null = null;
    scans.forEach((scan, i) => {
      const expected = next;
      next = null;
      if (scan === null) return;
      const replaced = replacedFrom(scan.header, scans[i + 1]?.header);
      const { header, name, hole } = scan;
      if (header.state !== "ok") {
        const found = header.state === "bad" ? `found ${header.found}` : `found version ${header.version}`;
        this.#problems.push({ file: name, message: `file ${name}: its header cannot be read; ${found}` });
        return;
      }
      const { firstSequence } = header.header;
      if (expected !== null && firstSequence !== expected) {
        const message = `file ${name}: begins at sequence ${firstSequence}, but ${expected} should follow the segment before it`;
        this.#problems.push({ file: name, message });
      }
      next = Math.min(scan.lastSequence + 1, replaced);
      const isTornEnd = i === scans.length - 1 && scan.tail === "torn";
      if (hole === null || isTornEnd || replaced <= hole.sequence) {
        const range = scan.entries === 0 ? "no entries" : `sequences ${firstSequence} to ${scan.lastSequence}`;
        this.#files.push(`${name}: ${scan.fileBytes} bytes, ${range}`);
        return;
      }
      const { offset, sequence } = hole;
      const where = `file ${name}, offset ${offset}, sequence ${sequence}`;
      this.#problems.push({ file: name, message: `${where}: expected ${hole.expected}, found ${hole.found}` });
    });
  }

  #summary(result: RecoveryResult, keys: number | null, digest: string | null): RecoveredSummary {
    const left = result.foreignEntries;
    if (left > 0)
      this.#notes.push(
        `${left} entries are left out: a later run, which had the lock, has written others in their place`,
      );
    return summary(result, keys, digest);
  }

  async #rehearse(inUse: boolean): Promise<RecoveredSummary | null> {
    const mode = this.#options.strict === true && !inUse ? "strict" : "torn-tail";
    const onProgress = (fraction: number) => this.#options.onProgress?.(0.5 + fraction * 0.5);
    try {
      if (this.#options.digest === false) {
        const { hashSeed } = loadOrCreateManifest(this.#disk);
        const onMetadata = (metadata: Document) => requireSeed(metadata, hashSeed);
        const ignore = () => {};
        const callbacks = { onMetadata, beginSection: ignore, onSnapshotEntries: ignore, onEntry: ignore };
        return this.#summary(await recover(this.#disk, { mode, onProgress, ...callbacks }), null, null);
      }
      const { keyspace, result } = await loadDirectory(this.#disk, mode, { onProgress });
      return this.#summary(result, countKeys(keyspace), keyspace.digest());
    } catch (error) {
      this.#report(error, null);
      return null;
    }
  }

  /** Damage that a file's own check has found already is not told twice. */
  #report(error: unknown, name: string | null): void {
    if (!(error instanceof StorageError)) throw error;
    const file = error.file ?? name;
    const known = this.#problems.some((problem) => problem.file !== null && problem.file === file);
    if (name === null && known && error.code !== "corrupt-manifest") return;
    this.#problems.push({ file, message: error.message });
  }
}

function summary(result: RecoveryResult, keys: number | null, digest: string | null): RecoveredSummary {
  return {
    lastSequence: result.lastSequence,
    snapshot: result.snapshot?.name ?? null,
    snapshotEntries: result.snapshotEntries,
    logEntries: result.walEntries,
    keys,
    digest,
  };
}

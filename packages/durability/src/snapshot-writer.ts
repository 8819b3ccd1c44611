import { createHash, type Hash } from "node:crypto";
import { type Document, serialize } from "bson";
import { atomicRenameDurable, type Directory, listNames, removeIfThere, writeFully, writeFullyAt } from "./disk.js";
import { ioError, StorageError } from "./errors.js";
import { nextSnapshotTimestamp, snapshotName, snapshotTemporaryName } from "./file-names.js";
import {
  encodeSectionHeader,
  encodeSnapshotHeader,
  MAX_SECTION_BYTES,
  METADATA_SECTION_ID,
  SECTION_HEADER_BYTES,
  SNAPSHOT_HASHED_HEADER_BYTES,
  SNAPSHOT_HEADER_BYTES,
} from "./snapshot-format.js";
import { verifySnapshotAsync } from "./snapshot-reader.js";

/*
 * Writes one snapshot. The order that makes it safe:
 *
 *   1. snapshot-{timestamp}.tmp: sections, metadata, then the header over the space kept for it
 *   2. fdatasync of the file
 *   3. the caller makes sure that the log is synced up to the highest stamp: otherwise a power loss could leave a
 *      snapshot whose shards know of writes that the log does not
 *   4. the file is read again and its SHA-256 compared
 *   5. rename to .snap, fsync of the directory: published
 *   6. only then may older snapshots and segments be removed (prune.ts)
 */
const STAGE_BYTES = 256 * 1024;

/** What was published. */
export interface PublishedSnapshot {
  readonly name: string;
  readonly bytes: number;
  readonly totalEntries: number;
  readonly sectionCount: number;
  readonly walPos: number;
  readonly highestStamp: number;
}

export class SnapshotWriter {
  /** Name it will have when it is published. */
  readonly name: string;
  readonly #dir: Directory;
  readonly #temporary: string;
  readonly #createdMs: number;
  readonly #fd: number;
  readonly #hash: Hash = createHash("sha256");
  readonly #stage = new Uint8Array(STAGE_BYTES);
  #staged = 0;
  #bytes = SNAPSHOT_HEADER_BYTES;
  #sectionCount = 0;
  #totalEntries = 0;
  #lowestStamp = Number.POSITIVE_INFINITY;
  #highestStamp = 0;
  #walPos = 0;
  #state: "sections" | "finished" | "failed" | "published" | "aborted" = "sections";

  /** Opens the temporary file. The name's timestamp is `createdMs`, raised where it would not be the newest. */
  static create(dir: Directory, createdMs: number): SnapshotWriter {
    return new SnapshotWriter(dir, createdMs);
  }

  private constructor(dir: Directory, createdMs: number) {
    const timestampMs = nextSnapshotTimestamp(listNames(dir), createdMs);
    this.#dir = dir;
    this.#createdMs = createdMs;
    this.name = snapshotName(timestampMs);
    this.#temporary = snapshotTemporaryName(timestampMs);
    removeIfThere(dir, this.#temporary);
    try {
      this.#fd = dir.open(this.#temporary, "create");
    } catch (error) {
      throw ioError("cannot open a new snapshot", this.#temporary, error);
    }
    this.#write(new Uint8Array(SNAPSHOT_HEADER_BYTES));
  }

  /** Bytes so far, those still to be written to the file included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Highest sequence that a section is stamped with. */
  get highestStamp(): number {
    return this.#highestStamp;
  }

  /**
   * Adds a section: `entryCount` opaque entries, the concatenation of `chunks`, stamped with `sequence`. The chunks
   * may be reused when it returns. A shard that is empty needs a section too, unless its stamp is WalPos: recovery
   * knows no other stamp for what has none. Throws StorageError too-large, io; then only `abort` may follow.
   */
  addSection(id: number, sequence: number, entryCount: number, chunks: readonly Uint8Array[]): void {
    this.#expect("sections");
    if (id === METADATA_SECTION_ID) throw new RangeError("this section id is that of the metadata");
    this.#sectionCount++;
    this.#totalEntries += entryCount;
    this.#lowestStamp = Math.min(this.#lowestStamp, sequence);
    this.#highestStamp = Math.max(this.#highestStamp, sequence);
    this.#section(id, sequence, entryCount, chunks);
  }

  /**
   * Makes what was written so far durable without holding up this thread: so that the last fdatasync is short. Throws
   * StorageError io; then only `abort` may follow.
   */
  async flush(): Promise<void> {
    this.#flushStage();
    await this.#fdatasync();
  }

  /**
   * Adds the metadata document and the header. `walPos`: the log position that everything contains; by default (and at
   * most) the lowest stamp. Needed where there are no sections.
   */
  finish(metadata: Document, walPos?: number): void {
    this.#expect("sections");
    const lowest = Math.min(this.#lowestStamp, walPos ?? Number.POSITIVE_INFINITY);
    if (!Number.isFinite(lowest)) throw new RangeError("a snapshot without sections needs walPos");
    this.#walPos = lowest;
    this.#highestStamp = Math.max(this.#highestStamp, lowest);
    this.#section(METADATA_SECTION_ID, lowest, 1, [serialize(metadata)]);
    this.#flushStage();
    const header = encodeSnapshotHeader({
      createdMs: this.#createdMs,
      sectionCount: this.#sectionCount,
      totalEntries: this.#totalEntries,
      walPos: lowest,
    });
    const whole = new Uint8Array(SNAPSHOT_HEADER_BYTES);
    whole.set(header);
    whole.set(this.#hash.update(header).digest(), SNAPSHOT_HASHED_HEADER_BYTES);
    this.#patch(whole);
    this.#state = "finished";
  }

  /**
   * Steps 2 to 5 above. `logSyncedUpTo` must return (or resolve) only when the log is synced up to that sequence, and
   * throw when it cannot be. On any error the temporary file is removed and the error thrown on.
   */
  async publish(logSyncedUpTo: (sequence: number) => Promise<void> | void): Promise<PublishedSnapshot> {
    this.#expect("finished");
    try {
      await this.#fdatasync();
      await logSyncedUpTo(this.#highestStamp);
      await verifySnapshotAsync(this.#dir, this.#temporary);
      atomicRenameDurable(this.#dir, this.#temporary, this.name);
    } catch (error) {
      this.abort();
      throw ioError("cannot publish the snapshot", this.#temporary, error);
    }
    this.#state = "published";
    this.#dir.close(this.#fd);
    return {
      name: this.name,
      bytes: this.#bytes,
      totalEntries: this.#totalEntries,
      sectionCount: this.#sectionCount,
      walPos: this.#walPos,
      highestStamp: this.#highestStamp,
    };
  }

  /** Gives up and removes the temporary file. Not while `flush` or `publish` is under way. */
  abort(): void {
    if (this.#state === "aborted" || this.#state === "published") return;
    this.#state = "aborted";
    this.#dir.close(this.#fd);
    removeIfThere(this.#dir, this.#temporary);
  }

  #section(id: number, sequence: number, entryCount: number, chunks: readonly Uint8Array[]): void {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    if (bytes > MAX_SECTION_BYTES) {
      throw new StorageError("too-large", `a section of ${bytes} bytes`, {
        file: this.#temporary,
        expected: `at most ${MAX_SECTION_BYTES} bytes`,
      });
    }
    this.#hashAndWrite(encodeSectionHeader({ id, entryCount, sequence, bytes }));
    for (const chunk of chunks) this.#hashAndWrite(chunk);
    this.#bytes += SECTION_HEADER_BYTES + bytes;
  }

  #hashAndWrite(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#write(bytes);
  }

  /** Small pieces are gathered, large ones written as they are. */
  #write(bytes: Uint8Array): void {
    if (this.#staged + bytes.length > STAGE_BYTES) this.#flushStage();
    if (bytes.length > STAGE_BYTES) {
      writeFully(this.#dir, this.#fd, this.#temporary, bytes, 0, bytes.length);
      return;
    }
    this.#stage.set(bytes, this.#staged);
    this.#staged += bytes.length;
  }

  #flushStage(): void {
    const count = this.#staged;
    this.#staged = 0;
    if (count > 0) writeFully(this.#dir, this.#fd, this.#temporary, this.#stage, 0, count);
  }

  #patch(header: Uint8Array): void {
    writeFullyAt(this.#dir, this.#fd, this.#temporary, header, 0);
  }

  async #fdatasync(): Promise<void> {
    try {
      await this.#dir.fdatasyncAsync(this.#fd);
    } catch (error) {
      // A second fdatasync would succeed, and the check read from memory what is on no disk.
      this.#state = "failed";
      throw ioError("fdatasync failed", this.#temporary, error);
    }
  }

  #expect(state: "sections" | "finished"): void {
    if (this.#state !== state) throw new Error(`the snapshot writer is ${this.#state}`);
  }
}

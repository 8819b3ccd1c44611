import type { Directory, FileIdentity, OpenMode } from "./disk.js";
import { FaultyFile, type Flush } from "./faulty-file.js";

/*
 * A directory in memory that does to a program what the worst disk may do, for tests of crash safety:
 *
 *   - After a power loss there is what was synced, any choice of the 512-byte sectors that were not (faulty-file.ts),
 *     any size the file had since its last sync, and any choice of the creations, renames and removals since the last
 *     fsync of the directory: a later one may be there without an earlier one. A file whose creation was not synced is
 *     lost whole, even if its bytes were. This is stricter than ext4 and XFS.
 *   - A failed fdatasync loses the bytes it was for, although the process still reads them, and the next fdatasync
 *     succeeds (Rebello et al., "Can Applications Recover from fsync Failures?", 2020). A failed fsync of the directory
 *     leaves its changes unsynced, for the next one.
 *   - Any operation fails on demand, and writes may take only a part of what they are given.
 *
 * Everything is decided by the random source: with the same one, and the same operations, the same happens again.
 */

/**
 * "power loss": the operation and all after it throw PowerLoss, until `crash`. "short write": a write takes only a part,
 * without an error. The others are errors of node:fs, thrown only by operations that can fail so: EMFILE by what opens
 * something, ENOSPC by what changes or syncs something, EIO by all (but `close`).
 */
export type DiskFault = "EIO" | "ENOSPC" | "EMFILE" | "short write" | "power loss";

export interface FaultyDiskOptions {
  /** Share of the writes that take only a part. Default 0. */
  readonly shortWrites?: number;
  /** Syncs of this kind return at once and make nothing durable: a test that then still passes tests nothing. */
  readonly lies?: "fdatasync" | "directory" | "both" | undefined;
}

export interface FaultyDirectory extends Directory {
  /** Operations so far, failed ones included. */
  readonly operations: number;
  /** The power is gone: only `crash` works. */
  readonly powerLost: boolean;
  /** The `count`-th operation from now (1 is the next) fails, or with `forGood` that one and all after it. */
  failAfter(count: number, fault: DiskFault, forGood?: boolean): void;
  /** No fault happens any more, unless it is asked for again. (The power stays lost.) */
  heal(): void;
  /** One of the directories that may be left when the power fails now. This one stays as it is: ask again for another. */
  crash(): FaultyDirectory;
}

/** What operations throw when the power is lost; the program under test may wrap it. `powerLost` tells for sure. */
export class PowerLoss extends Error {
  override readonly name = "PowerLoss";

  constructor() {
    super("the power is lost");
  }
}

/** An empty faulty directory. `random` returns numbers from 0 to below 1. */
export function faultyDisk(random: () => number, options: FaultyDiskOptions = {}): FaultyDirectory {
  return new FaultyDisk(random, options, new Map(), [], 1);
}

/** A change of the directory that is not synced yet. */
interface Change {
  readonly file: FaultyFile;
  /** Name that no longer stands for the file. */
  readonly from: string | null;
  /** Name that does now. */
  readonly to: string | null;
}

interface Descriptor {
  readonly file: FaultyFile;
  readonly append: boolean;
  position: number;
}

interface Planned {
  readonly operation: number;
  readonly fault: DiskFault;
  readonly forGood: boolean;
}

/** What kind of operation it is: it decides which faults it can have. */
type Kind = "read" | "list" | "open" | "create" | "write" | "change" | "sync" | "sync directory";

const FAULTS: Readonly<Record<Kind, readonly DiskFault[]>> = {
  read: ["EIO"],
  list: ["EIO", "EMFILE"],
  open: ["EIO", "EMFILE"],
  create: ["EIO", "EMFILE", "ENOSPC"],
  write: ["EIO", "ENOSPC", "short write"],
  change: ["EIO", "ENOSPC"],
  sync: ["EIO", "ENOSPC"],
  "sync directory": ["EIO", "EMFILE", "ENOSPC"],
};

/** So many removed, replaced and cut files are remembered, whose sectors others may get. */
const RECYCLED_FILES = 8;

class FaultyDisk implements FaultyDirectory {
  readonly path = null;
  operations = 0;
  powerLost = false;
  readonly #random: () => number;
  readonly #options: FaultyDiskOptions;
  readonly #durable: Map<string, FaultyFile>;
  readonly #files: Map<string, FaultyFile>;
  readonly #recycled: Uint8Array[];
  readonly #open = new Map<number, Descriptor>();
  #changes: Change[] = [];
  #planned: Planned[] = [];
  #nextFd = 1;
  #nextInode: number;

  constructor(
    random: () => number,
    options: FaultyDiskOptions,
    files: ReadonlyMap<string, FaultyFile>,
    recycled: readonly Uint8Array[],
    nextInode: number,
  ) {
    this.#random = random;
    this.#options = options;
    this.#durable = new Map(files);
    this.#files = new Map(files);
    this.#recycled = recycled.slice(-RECYCLED_FILES);
    this.#nextInode = nextInode;
  }

  failAfter(count: number, fault: DiskFault, forGood = false): void {
    this.#planned.push({ operation: this.operations + count, fault, forGood });
  }

  heal(): void {
    this.#planned = [];
  }

  crash(): FaultyDirectory {
    const names = new Map(this.#durable);
    const done = this.#random();
    for (const change of this.#changes) if (this.#random() < done) apply(names, change);
    const files = new Map<string, FaultyFile>();
    for (const [name, file] of names) {
      files.set(name, new FaultyFile(this.#random, file.inode, file.afterPowerLoss(this.#recycled)));
    }
    const gone = [...this.#files.values()].filter((file) => ![...names.values()].includes(file));
    const recycled = [...this.#recycled, ...gone.map((file) => file.contents())];
    return new FaultyDisk(this.#random, this.#options, files, recycled, this.#nextInode);
  }

  list(): string[] {
    this.#operation("list");
    return [...this.#files.keys()];
  }

  exists(name: string): boolean {
    this.#operation("read");
    return this.#files.has(name);
  }

  size(name: string): number {
    this.#operation("read");
    return this.#file(name).size;
  }

  open(name: string, mode: OpenMode): number {
    const creates = mode === "create" || mode === "append";
    this.#operation(creates ? "create" : "open");
    if (creates) {
      if (this.#files.has(name)) throw failure("EEXIST", name);
      this.#change({ file: new FaultyFile(this.#random, this.#nextInode++), from: null, to: name });
    }
    const fd = this.#nextFd++;
    this.#open.set(fd, { file: this.#file(name), append: mode === "append", position: 0 });
    return fd;
  }

  identity(fd: number): FileIdentity {
    this.#operation("read");
    const inode = BigInt(this.#descriptor(fd).file.inode);
    return { device: 0n, inode, birthNs: inode };
  }

  close(fd: number): void {
    if (this.powerLost) throw new PowerLoss();
    if (!this.#open.delete(fd)) throw failure("EBADF", String(fd));
  }

  pread(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number {
    this.#operation("read");
    return this.#descriptor(fd).file.read(buffer, off, len, position);
  }

  write(fd: number, buffer: Uint8Array, off: number, len: number): number {
    const descriptor = this.#descriptor(fd);
    const at = descriptor.append ? descriptor.file.size : descriptor.position;
    const count = this.pwrite(fd, buffer, off, len, at);
    descriptor.position = at + count;
    return count;
  }

  pwrite(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number {
    const short = this.#operation("write") || this.#random() < (this.#options.shortWrites ?? 0);
    const count = short ? Math.max(Math.min(1, len), Math.floor(len * this.#random())) : len;
    this.#descriptor(fd).file.write(buffer.subarray(off, off + count), position);
    return count;
  }

  fdatasync(fd: number): void {
    const { file } = this.#descriptor(fd);
    this.#sync(file, file.beginSync());
  }

  async fdatasyncAsync(fd: number): Promise<void> {
    const { file } = this.#descriptor(fd);
    const flush = file.beginSync();
    await Promise.resolve(); // What the caller writes meanwhile is not covered.
    this.#sync(file, flush);
  }

  truncate(fd: number, length: number): void {
    this.#operation("change");
    const { file } = this.#descriptor(fd);
    this.#recycle(file);
    file.truncate(length);
  }

  rename(from: string, to: string): void {
    this.#operation("change");
    const file = this.#file(from);
    const replaced = this.#files.get(to);
    if (replaced !== undefined) this.#recycle(replaced);
    this.#change({ file, from, to });
  }

  unlink(name: string): void {
    this.#operation("change");
    const file = this.#file(name);
    this.#recycle(file);
    this.#change({ file, from: name, to: null });
  }

  syncDirectory(): void {
    this.#operation("sync directory");
    if (this.#lies("directory")) return;
    for (const change of this.#changes) apply(this.#durable, change);
    this.#changes = [];
  }

  #sync(file: FaultyFile, flush: Flush): void {
    try {
      this.#operation("sync");
    } catch (error) {
      if (!this.powerLost) file.failSync(flush);
      throw error;
    }
    if (this.#lies("fdatasync")) file.failSync(flush);
    else file.endSync(flush);
  }

  /** Its sectors may turn up in other files. */
  #recycle(file: FaultyFile): void {
    this.#recycled.push(file.contents());
    if (this.#recycled.length > RECYCLED_FILES) this.#recycled.shift();
  }

  #lies(about: "fdatasync" | "directory"): boolean {
    return this.#options.lies === about || this.#options.lies === "both";
  }

  #change(change: Change): void {
    apply(this.#files, change);
    this.#changes.push(change);
  }

  /** Counts an operation and throws the fault it has. True for a short write. */
  #operation(kind: Kind): boolean {
    this.operations++;
    const due = this.#planned
      .filter(({ operation, forGood }) => (forGood ? this.operations >= operation : this.operations === operation))
      .map(({ fault }) => fault);
    this.powerLost ||= due.includes("power loss");
    if (this.powerLost) throw new PowerLoss();
    const fault = due.find((candidate) => FAULTS[kind].includes(candidate));
    if (fault === undefined) return false;
    if (fault === "short write") return true;
    throw failure(fault, kind);
  }

  #file(name: string): FaultyFile {
    const file = this.#files.get(name);
    if (file === undefined) throw failure("ENOENT", name);
    return file;
  }

  #descriptor(fd: number): Descriptor {
    if (this.powerLost) throw new PowerLoss();
    const descriptor = this.#open.get(fd);
    if (descriptor === undefined) throw failure("EBADF", String(fd));
    return descriptor;
  }
}

function apply(names: Map<string, FaultyFile>, { file, from, to }: Change): void {
  if (from !== null && names.get(from) === file) names.delete(from);
  if (to !== null) names.set(to, file);
}

function failure(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

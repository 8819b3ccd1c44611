import * as fs from "node:fs";
import { join } from "node:path";
import { type Directory, type FileIdentity, identityOfDescriptor, type OpenMode } from "./disk.js";
import { errnoOf, StorageError } from "./errors.js";
import { isPersistent, WAL_CURRENT } from "./file-names.js";

/*
 * A real directory that is only read. What would change it is noted instead of done, so that recovery can be rehearsed
 * on a directory that belongs to somebody else: it delivers the same data and comes to the same decisions.
 *
 * That holds because recovery changes files only after it has read them, and never reads what it wrote.
 *
 * A frozen one is, beyond that, the directory at one moment: all files are open, so that they can be read to the length that they had
 * whatever their owner appends, renames and removes. The moment is found by opening all of them and looking whether their names are
 * still the same, and the current segment still that file.
 */

/** What would have been done, in its order. */
export type RehearsedChange =
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  /** `name` would be cut to `length` bytes. */
  | { readonly kind: "cut"; readonly name: string; readonly length: number; readonly bytesCut: number }
  | { readonly kind: "create"; readonly name: string };

/** A directory that nothing changes, with what would have changed. */
export interface RehearsalDirectory extends Directory {
  readonly changes: readonly RehearsedChange[];
}

/** One that is held open; `release` it. */
export interface FrozenDirectory extends RehearsalDirectory {
  release(): void;
}

/** Descriptor of files that would have been made: nothing stands behind it. */
const UNREAL_FD = -1;
const FREEZE_ATTEMPTS = 100;

/** The existing directory at `path`, to be read only. Nothing is made, not even the directory. Errors are those of node:fs. */
export function rehearsalDisk(path: string): RehearsalDirectory {
  return new Rehearsal(path);
}

/** The data files of the directory at `path` as they are at this moment. Throws StorageError io where they never hold still. */
export function frozenDisk(path: string): FrozenDirectory {
  for (let attempt = 0; attempt < FREEZE_ATTEMPTS; attempt++) {
    const files = openAll(path);
    if (files === null) continue;
    if (unchanged(path, files)) return new Frozen(path, files);
    for (const fd of files.values()) fs.closeSync(fd);
  }
  throw new StorageError("io", "the files of the directory change too fast to be read");
}

/** Every data file, open; null where one went meanwhile. */
function openAll(path: string): Map<string, number> | null {
  const files = new Map<string, number>();
  try {
    for (const name of fs.readdirSync(path).filter(isPersistent)) files.set(name, fs.openSync(join(path, name), "r"));
    return files;
  } catch (error) {
    for (const fd of files.values()) fs.closeSync(fd);
    if (errnoOf(error) === "ENOENT" && fs.existsSync(path)) return null;
    throw error;
  }
}

function unchanged(path: string, files: ReadonlyMap<string, number>): boolean {
  const names = fs.readdirSync(path).filter(isPersistent);
  if (names.length !== files.size || !names.every((name) => files.has(name))) return false;
  const current = files.get(WAL_CURRENT);
  return (
    current === undefined ||
    fs.fstatSync(current).ino === fs.statSync(join(path, WAL_CURRENT), { throwIfNoEntry: false })?.ino
  );
}

class Rehearsal implements RehearsalDirectory {
  /** Null where the files are not those that another thread would open. */
  readonly path: string | null;
  readonly changes: RehearsedChange[] = [];
  readonly #root: string;
  readonly #names = new Map<number, string>();

  constructor(root: string, path: string | null = root) {
    this.#root = root;
    this.path = path;
  }

  list(): string[] {
    return fs.readdirSync(this.#root);
  }

  exists(name: string): boolean {
    return fs.existsSync(join(this.#root, name));
  }

  size(name: string): number {
    return fs.statSync(join(this.#root, name)).size;
  }

  open(name: string, mode: OpenMode): number {
    if (mode === "create" || mode === "append") {
      this.changes.push({ kind: "create", name });
      return UNREAL_FD;
    }
    const fd = this.openToRead(name);
    this.#names.set(fd, name);
    return fd;
  }

  identity(fd: number): FileIdentity | null {
    return fd === UNREAL_FD ? null : identityOfDescriptor(fd);
  }

  close(fd: number): void {
    if (fd === UNREAL_FD) return;
    this.#names.delete(fd);
    this.closeRead(fd);
  }

  pread(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number {
    if (fd === UNREAL_FD) throw new StorageError("io", "a file that is only rehearsed cannot be read");
    return fs.readSync(fd, buffer, off, len, position);
  }

  write(_fd: number, _buffer: Uint8Array, _off: number, len: number): number {
    return len;
  }

  pwrite(_fd: number, _buffer: Uint8Array, _off: number, len: number): number {
    return len;
  }

  fdatasync(): void {}

  async fdatasyncAsync(): Promise<void> {}

  truncate(fd: number, length: number): void {
    const name = this.#names.get(fd);
    if (name === undefined) return;
    this.changes.push({ kind: "cut", name, length, bytesCut: this.size(name) - length });
  }

  rename(from: string, to: string): void {
    this.changes.push({ kind: "rename", from, to });
  }

  unlink(name: string): void {
    if (this.exists(name)) this.changes.push({ kind: "remove", name });
  }

  syncDirectory(): void {}

  protected openToRead(name: string): number {
    return fs.openSync(join(this.#root, name), "r");
  }

  protected closeRead(fd: number): void {
    fs.closeSync(fd);
  }
}

class Frozen extends Rehearsal implements FrozenDirectory {
  readonly #files: ReadonlyMap<string, number>;
  readonly #sizes: ReadonlyMap<string, number>;

  constructor(path: string, files: ReadonlyMap<string, number>) {
    super(path, null);
    this.#files = files;
    this.#sizes = new Map([...files].map(([name, fd]) => [name, fs.fstatSync(fd).size]));
  }

  override list(): string[] {
    return [...this.#files.keys()];
  }

  override exists(name: string): boolean {
    return this.#files.has(name);
  }

  override size(name: string): number {
    const size = this.#sizes.get(name);
    if (size === undefined) throw missing(name);
    return size;
  }

  release(): void {
    for (const fd of this.#files.values()) fs.closeSync(fd);
  }

  protected override openToRead(name: string): number {
    const fd = this.#files.get(name);
    if (fd === undefined) throw missing(name);
    return fd;
  }

  /** They stay open until the release. */
  protected override closeRead(): void {}
}

function missing(file: string): StorageError {
  return new StorageError("io", "the file was not there when the directory was opened", { file, errno: "ENOENT" });
}

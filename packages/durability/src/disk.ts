import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, ioError } from "./errors.js";
import { temporaryName } from "./file-names.js";

/*
 * One flat directory of files, as narrow as durability needs it, so that tests can put a faulty one underneath.
 * Everything else in this package reaches files only through it. (The lock is the exception: it needs hard links and a socket.)
 *
 * The safe order of a file that must be there whole or not at all:
 *   write tmp -> fdatasync(tmp) -> rename -> fsync(directory)
 */

/**
 * "read": existing, read only. "update": existing, read and write. "create": must not exist, read and write.
 * "append": must not exist, every write goes to the end whatever another thread wrote through the same descriptor.
 */
export type OpenMode = "read" | "update" | "create" | "append";

/** Which file it is, whatever its name. No other one has all three: an inode number may be given again, but at another time. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
  /** When it was made, in nanoseconds since 1970. */
  readonly birthNs: bigint;
}

export interface Directory {
  /** Path that another thread can open with `realDisk`, or null where there is none (tests). */
  readonly path: string | null;
  list(): string[];
  /** Throws where it cannot be told. */
  exists(name: string): boolean;
  /** Bytes. Throws where the file is missing. */
  size(name: string): number;
  open(name: string, mode: OpenMode): number;
  /** Null where the file system does not tell. */
  identity(fd: number): FileIdentity | null;
  close(fd: number): void;
  /** Number of bytes read, 0 at the end of the file. */
  pread(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number;
  /** Number of bytes written: may be fewer than asked (disk full), without an error. */
  write(fd: number, buffer: Uint8Array, off: number, len: number): number;
  /** As `write`, at a position. Not for files opened with "append". */
  pwrite(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number;
  fdatasync(fd: number): void;
  /** The same in another thread, so that the caller's can go on writing. */
  fdatasyncAsync(fd: number): Promise<void>;
  truncate(fd: number, length: number): void;
  rename(from: string, to: string): void;
  unlink(name: string): void;
  /** Makes creations, renames and removals durable, where the file system can (`syncsDirectories`). */
  syncDirectory(): void;
}

/** What the fsync of a directory is refused with where the file system has none; each makes names durable in its own time then. */
const NO_DIRECTORY_SYNC = new Set(["EINVAL", "EBADF", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  update: O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
  append: O_RDWR | O_CREAT | O_EXCL | O_APPEND,
};

/** The directory at `path`, made (mode 0700) where it is missing. Files are 0600. Errors are those of node:fs. */
export function realDisk(path: string): Directory {
  makeDirectory(path);
  return new RealDirectory(path);
}

/**
 * Makes the directory (mode 0700) and those above it, where they are missing. Errors are those of node:fs, whose own recursive mkdir never
 * ends where the system says ENOENT below a directory that is there, as in /proc.
 */
export function makeDirectory(path: string): void {
  try {
    fs.mkdirSync(path, { mode: DIRECTORY_MODE });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && fs.statSync(path).isDirectory()) return;
    const above = dirname(path);
    if (code !== "ENOENT" || fs.existsSync(above)) throw error;
    makeDirectory(above);
    makeDirectory(path);
  }
}

class RealDirectory implements Directory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  list(): string[] {
    return fs.readdirSync(this.path);
  }

  exists(name: string): boolean {
    // Not existsSync: it takes every error for absence, and what is absent may be replaced.
    return fs.statSync(join(this.path, name), { throwIfNoEntry: false }) !== undefined;
  }

  size(name: string): number {
    return fs.statSync(join(this.path, name)).size;
  }

  open(name: string, mode: OpenMode): number {
    return fs.openSync(join(this.path, name), OPEN_FLAGS[mode], FILE_MODE);
  }

  identity(fd: number): FileIdentity | null {
    return identityOfDescriptor(fd);
  }

  close(fd: number): void {
    fs.closeSync(fd);
  }

  pread(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number {
    return fs.readSync(fd, buffer, off, len, position);
  }

  write(fd: number, buffer: Uint8Array, off: number, len: number): number {
    return fs.writeSync(fd, buffer, off, len);
  }

  pwrite(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number {
    return fs.writeSync(fd, buffer, off, len, position);
  }

  fdatasync(fd: number): void {
    fs.fdatasyncSync(fd);
  }

  fdatasyncAsync(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  truncate(fd: number, length: number): void {
    fs.ftruncateSync(fd, length);
  }

  rename(from: string, to: string): void {
    fs.renameSync(join(this.path, from), join(this.path, to));
  }

  unlink(name: string): void {
    fs.unlinkSync(join(this.path, name));
  }

  syncDirectory(): void {
    try {
      syncDirectoryAt(this.path);
    } catch (error) {
      if (!NO_DIRECTORY_SYNC.has(errnoOf(error) ?? "")) throw error;
    }
  }
}

/** Of an open file. Errors are those of node:fs. */
export function identityOfDescriptor(fd: number): FileIdentity | null {
  const { dev, ino, birthtimeNs } = fs.fstatSync(fd, { bigint: true });
  return ino > 0n && birthtimeNs > 0n ? { device: dev, inode: ino, birthNs: birthtimeNs } : null;
}

/** Whether the file system can make names durable. Where it cannot, a power loss may take the newest file. Errors are those of node:fs. */
export function syncsDirectories(path: string): boolean {
  try {
    syncDirectoryAt(path);
    return true;
  } catch (error) {
    if (NO_DIRECTORY_SYNC.has(errnoOf(error) ?? "")) return false;
    throw error;
  }
}

function syncDirectoryAt(path: string): void {
  const fd = fs.openSync(path, O_RDONLY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Writes all of `buffer[off, off + len)`, going on after short writes. On an error throws a StorageError whose
 * `bytesWritten` says how many bytes reached the file.
 */
export function writeFully(
  dir: Directory,
  fd: number,
  name: string,
  buffer: Uint8Array,
  off: number,
  len: number,
): void {
  let done = 0;
  while (done < len) {
    try {
      const written = dir.write(fd, buffer, off + done, len - done);
      if (written === 0) throw new Error("the disk took no bytes");
      done += written;
    } catch (error) {
      throw ioError("write failed", name, error, done);
    }
  }
}

/** The same at a position, for all of `buffer`. */
export function writeFullyAt(dir: Directory, fd: number, name: string, buffer: Uint8Array, position: number): void {
  for (let done = 0; done < buffer.length; ) {
    const at = done;
    const written = namingErrors("write", name, () => dir.pwrite(fd, buffer, at, buffer.length - at, position + at));
    if (written === 0) throw ioError("write failed", name, new Error("the disk took no bytes"), done);
    done += written;
  }
}

/** Reads exactly `len` bytes, or fewer where the file ends; returns how many. Throws StorageError io. */
export function readFully(
  dir: Directory,
  fd: number,
  name: string,
  buffer: Uint8Array,
  off: number,
  len: number,
  position: number,
): number {
  let done = 0;
  while (done < len) {
    const at = done;
    const count = namingErrors("read", name, () => dir.pread(fd, buffer, off + at, len - at, position + at));
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Opens an existing file to read it. Throws StorageError io. */
export function openToRead(dir: Directory, name: string): number {
  return namingErrors("open", name, () => dir.open(name, "read"));
}

/** Size of an existing file in bytes. Throws StorageError io. */
export function sizeOf(dir: Directory, name: string): number {
  return namingErrors("stat", name, () => dir.size(name));
}

/** Of an open file. Throws StorageError io. */
export function identityOf(dir: Directory, fd: number, name: string): FileIdentity | null {
  return namingErrors("stat", name, () => dir.identity(fd));
}

/** Names of all files. Throws StorageError io. */
export function listNames(dir: Directory): string[] {
  return namingErrors("listing", "the data directory", () => dir.list());
}

/**
 * Makes the bytes of an existing file durable. Not for one whose sync has failed before: it would succeed, and mean nothing. Throws
 * StorageError io.
 */
export function syncFile(dir: Directory, name: string): void {
  const fd = openToRead(dir, name);
  try {
    namingErrors("fdatasync", name, () => dir.fdatasync(fd));
  } finally {
    dir.close(fd);
  }
}

/**
 * Makes the creations, renames and removals of files in their (one, flat) directory durable: all of them, whoever made them. Throws
 * StorageError io.
 */
export function syncParentDirectory(dir: Directory): void {
  namingErrors("fsync", "the data directory", () => dir.syncDirectory());
}

function namingErrors<T>(what: string, name: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw ioError(`${what} failed`, name, error);
  }
}

/** A whole (small) file. Throws StorageError io. */
export function readFile(dir: Directory, name: string): Uint8Array {
  const fd = openToRead(dir, name);
  try {
    const bytes = new Uint8Array(sizeOf(dir, name));
    return bytes.subarray(0, readFully(dir, fd, name, bytes, 0, bytes.length, 0));
  } finally {
    dir.close(fd);
  }
}

/** Removes a file where it exists. */
export function removeIfThere(dir: Directory, name: string): void {
  try {
    dir.unlink(name);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw ioError("remove failed", name, error);
  }
}

/**
 * Gives a file another name for good; one that has that name is replaced. The content must be durable before (`syncFile`): a power loss
 * leaves the old state of both names, or the new one. On an error the rename may have been made or not. Throws StorageError io.
 */
export function atomicRenameDurable(dir: Directory, from: string, to: string): void {
  namingErrors("rename", from, () => dir.rename(from, to));
  syncParentDirectory(dir);
}

/** Makes `name` hold exactly `bytes`, or leaves it as it was: tmp -> fdatasync -> rename -> fsync directory. Throws StorageError io. */
export function atomicWriteDurable(dir: Directory, name: string, bytes: Uint8Array): void {
  const temporary = temporaryName(name);
  removeIfThere(dir, temporary);
  try {
    const fd = dir.open(temporary, "create");
    try {
      writeFully(dir, fd, temporary, bytes, 0, bytes.length);
      dir.fdatasync(fd);
    } finally {
      dir.close(fd);
    }
    atomicRenameDurable(dir, temporary, name);
  } catch (error) {
    throw ioError("durable write failed", name, error);
  }
}

import * as fs from "node:fs";
import { join } from "node:path";
import type { Directory, OpenMode } from "./disk.js";
import { StorageError } from "./errors.js";

/*
 * A real directory that is only read. What would change it is noted instead of done, so that recovery can be rehearsed
 * on a directory that belongs to somebody else: it delivers the same data and comes to the same decisions.
 *
 * That holds because recovery changes files only after it has read them, and never reads what it wrote.
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
  readonly path: string;
  readonly changes: readonly RehearsedChange[];
}

/** Descriptor of files that would have been made: nothing stands behind it. */
const UNREAL_FD = -1;

/** The existing directory at `path`, to be read only. Nothing is made, not even the directory. Errors are those of node:fs. */
export function rehearsalDisk(path: string): RehearsalDirectory {
  return new Rehearsal(path);
}

class Rehearsal implements RehearsalDirectory {
  readonly path: string;
  readonly changes: RehearsedChange[] = [];
  readonly #names = new Map<number, string>();

  constructor(path: string) {
    this.path = path;
  }

  list(): string[] {
    return fs.readdirSync(this.path);
  }

  exists(name: string): boolean {
    return fs.existsSync(join(this.path, name));
  }

  size(name: string): number {
    return fs.statSync(join(this.path, name)).size;
  }

  open(name: string, mode: OpenMode): number {
    if (mode === "create" || mode === "append") {
      this.changes.push({ kind: "create", name });
      return UNREAL_FD;
    }
    const fd = fs.openSync(join(this.path, name), "r");
    this.#names.set(fd, name);
    return fd;
  }

  close(fd: number): void {
    if (fd === UNREAL_FD) return;
    this.#names.delete(fd);
    fs.closeSync(fd);
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
}

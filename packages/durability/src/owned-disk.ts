import type { Directory, FileIdentity, OpenMode } from "./disk.js";

/*
 * The directory of somebody who holds its lock: asks, before it changes anything, whether that is still so. An owner that stood still and was
 * succeeded must not write into, cut, rename or remove what is another's by then: a segment, an old snapshot, the files that recovery repairs.
 */

/** `requireOwner` throws where nothing may be changed any more. */
export function ownedDisk(dir: Directory, requireOwner: () => void): Directory {
  return new OwnedDirectory(dir, requireOwner);
}

class OwnedDirectory implements Directory {
  readonly path: string | null;
  readonly #disk: Directory;
  readonly #requireOwner: () => void;

  constructor(disk: Directory, requireOwner: () => void) {
    this.path = disk.path;
    this.#disk = disk;
    this.#requireOwner = requireOwner;
  }

  list(): string[] {
    return this.#disk.list();
  }

  exists(name: string): boolean {
    return this.#disk.exists(name);
  }

  size(name: string): number {
    return this.#disk.size(name);
  }

  open(name: string, mode: OpenMode): number {
    if (mode === "create" || mode === "append") this.#requireOwner();
    return this.#disk.open(name, mode);
  }

  identity(fd: number): FileIdentity | null {
    return this.#disk.identity(fd);
  }

  close(fd: number): void {
    this.#disk.close(fd);
  }

  pread(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number {
    return this.#disk.pread(fd, buffer, off, len, position);
  }

  write(fd: number, buffer: Uint8Array, off: number, len: number): number {
    this.#requireOwner();
    return this.#disk.write(fd, buffer, off, len);
  }

  pwrite(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number {
    this.#requireOwner();
    return this.#disk.pwrite(fd, buffer, off, len, position);
  }

  fdatasync(fd: number): void {
    this.#disk.fdatasync(fd);
  }

  fdatasyncAsync(fd: number): Promise<void> {
    return this.#disk.fdatasyncAsync(fd);
  }

  truncate(fd: number, length: number): void {
    this.#requireOwner();
    this.#disk.truncate(fd, length);
  }

  rename(from: string, to: string): void {
    this.#requireOwner();
    this.#disk.rename(from, to);
  }

  unlink(name: string): void {
    this.#requireOwner();
    this.#disk.unlink(name);
  }

  syncDirectory(): void {
    this.#disk.syncDirectory();
  }
}

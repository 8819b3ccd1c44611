import type { Directory, FileIdentity, OpenMode } from "./disk.js";

/** A directory in memory: nothing survives the process. For tests, and for trying things out without a disk. */
export function memoryDisk(): Directory {
  return new MemoryDirectory();
}

interface MemoryFile {
  readonly inode: number;
  bytes: Uint8Array;
  size: number;
}

interface Descriptor {
  readonly file: MemoryFile;
  readonly append: boolean;
  position: number;
}

class MemoryDirectory implements Directory {
  readonly path = null;
  readonly #files = new Map<string, MemoryFile>();
  readonly #open = new Map<number, Descriptor>();
  #nextFd = 1;
  #nextInode = 1;

  list(): string[] {
    return [...this.#files.keys()];
  }

  exists(name: string): boolean {
    return this.#files.has(name);
  }

  size(name: string): number {
    return this.#file(name).size;
  }

  open(name: string, mode: OpenMode): number {
    const creates = mode === "create" || mode === "append";
    if (creates && this.#files.has(name)) throw failure("EEXIST", name);
    if (creates) this.#files.set(name, { inode: this.#nextInode++, bytes: new Uint8Array(0), size: 0 });
    const fd = this.#nextFd++;
    this.#open.set(fd, { file: this.#file(name), append: mode === "append", position: 0 });
    return fd;
  }

  identity(fd: number): FileIdentity {
    const inode = BigInt(this.#descriptor(fd).file.inode);
    return { device: 0n, inode, birthNs: inode };
  }

  close(fd: number): void {
    if (!this.#open.delete(fd)) throw failure("EBADF", String(fd));
  }

  pread(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number {
    const { file } = this.#descriptor(fd);
    const count = Math.max(0, Math.min(len, file.size - position));
    buffer.set(file.bytes.subarray(position, position + count), off);
    return count;
  }

  write(fd: number, buffer: Uint8Array, off: number, len: number): number {
    const descriptor = this.#descriptor(fd);
    const at = descriptor.append ? descriptor.file.size : descriptor.position;
    descriptor.position = at + len;
    return this.pwrite(fd, buffer, off, len, at);
  }

  pwrite(fd: number, buffer: Uint8Array, off: number, len: number, position: number): number {
    const { file } = this.#descriptor(fd);
    resize(file, Math.max(file.size, position + len));
    file.bytes.set(buffer.subarray(off, off + len), position);
    return len;
  }

  fdatasync(fd: number): void {
    this.#descriptor(fd);
  }

  async fdatasyncAsync(fd: number): Promise<void> {
    this.#descriptor(fd);
  }

  truncate(fd: number, length: number): void {
    resize(this.#descriptor(fd).file, length);
  }

  rename(from: string, to: string): void {
    const file = this.#file(from);
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  unlink(name: string): void {
    if (!this.#files.delete(name)) throw failure("ENOENT", name);
  }

  syncDirectory(): void {}

  #file(name: string): MemoryFile {
    const file = this.#files.get(name);
    if (file === undefined) throw failure("ENOENT", name);
    return file;
  }

  #descriptor(fd: number): Descriptor {
    const descriptor = this.#open.get(fd);
    if (descriptor === undefined) throw failure("EBADF", String(fd));
    return descriptor;
  }
}

/** Sets the size; bytes that appear are zero. */
function resize(file: MemoryFile, size: number): void {
  if (size > file.bytes.length) {
    const bytes = new Uint8Array(Math.max(size, 2 * file.bytes.length));
    bytes.set(file.bytes.subarray(0, file.size));
    file.bytes = bytes;
  }
  if (size < file.size) file.bytes.fill(0, size, file.size);
  file.size = size;
}

function failure(code: string, name: string): Error {
  return Object.assign(new Error(`${code}: ${name}`), { code });
}

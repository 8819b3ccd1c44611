import {
  atomicRenameDurable,
  type Directory,
  readFully,
  removeIfThere,
  syncParentDirectory,
  writeFully,
  writeFullyAt,
} from "./disk.js";
import { ioError } from "./errors.js";
import { brokenName } from "./file-names.js";

/*
 * Nothing is taken away without a copy:
 *
 *   cut:       copy the tail to X.at-{offset}.{timestamp}.broken -> fdatasync -> fsync directory -> truncate -> fdatasync
 *   set aside: rename X to X.{timestamp}.broken -> fsync directory
 *
 * After a failed fdatasync the operating system serves bytes that are not on the disk, and says nothing any more: not to
 * the process that follows one that was killed, either. So bytes that nothing proves to be there are written once more
 * before they are synced: with the same content, in place, which can harm them no more than appending behind them can.
 */
const COPY_BYTES = 1024 * 1024;

/** Cuts a segment at `offset`. Returns the name of the copy of what was cut. */
export function cutTail(dir: Directory, name: string, offset: number, nowMs: number): string {
  const copy = brokenName(name, nowMs, offset);
  try {
    const from = dir.open(name, "update");
    try {
      copyTail(dir, name, from, offset, copy);
      syncParentDirectory(dir);
      dir.truncate(from, offset);
      dir.fdatasync(from);
    } finally {
      dir.close(from);
    }
  } catch (error) {
    throw ioError("cannot cut the torn tail", name, error);
  }
  return copy;
}

/** Moves a file out of recovery's sight. Returns its new name. */
export function setAside(dir: Directory, name: string, nowMs: number): string {
  const aside = brokenName(name, nowMs);
  atomicRenameDurable(dir, name, aside);
  return aside;
}

/** Makes the bytes from `offset` to `end` durable, whether or not a sync of them failed before. */
export function rewrite(dir: Directory, name: string, offset: number, end: number): void {
  try {
    const fd = dir.open(name, "update");
    try {
      const buffer = new Uint8Array(Math.min(COPY_BYTES, end - offset));
      for (let at = offset; at < end; ) {
        const count = readFully(dir, fd, name, buffer, 0, Math.min(buffer.length, end - at), at);
        if (count === 0) throw new Error("the file ended early");
        writeFullyAt(dir, fd, name, buffer.subarray(0, count), at);
        at += count;
      }
      dir.fdatasync(fd);
    } finally {
      dir.close(fd);
    }
  } catch (error) {
    throw ioError("cannot make the recovered entries durable", name, error);
  }
}

function copyTail(dir: Directory, name: string, from: number, offset: number, copy: string): void {
  removeIfThere(dir, copy);
  const to = dir.open(copy, "create");
  try {
    const buffer = new Uint8Array(Math.min(COPY_BYTES, dir.size(name) - offset));
    for (let at = offset; ; ) {
      const count = readFully(dir, from, name, buffer, 0, buffer.length, at);
      if (count === 0) break;
      writeFully(dir, to, copy, buffer, 0, count);
      at += count;
    }
    dir.fdatasync(to);
  } catch (error) {
    // Half a copy helps nobody, and takes what room there is.
    removeIfThere(dir, copy);
    throw error;
  } finally {
    dir.close(to);
  }
}

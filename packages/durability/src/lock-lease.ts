import * as fs from "node:fs";
import { join } from "node:path";
import { errnoOf } from "./errors.js";
import { LOCK } from "./file-names.js";
import { readOwner } from "./lock-owner.js";

/*
 * For how long an owner may believe that a lock is its own.
 *
 * Others give an owner up that shows no sign of life for SILENCE_MEANS_DEATH_MS. So one whose last sign is older than SILENCE_ALLOWED_MS, because
 * it was stopped, its machine slept, or its disk takes none, looks at LOCK before it writes or acknowledges anything. The rest is the time
 * that may pass between that look and the write.
 */
export const HEARTBEAT_MS = 1_000;
export const SILENCE_ALLOWED_MS = 3_000;
export const SILENCE_MEANS_DEATH_MS = 10_000;

/** A record that was made the LOCK of a directory. Plain data: another thread can look at the lock with it. */
export interface HeldRecord {
  readonly path: string;
  readonly token: string;
  /** Of the file LOCK, which is kept open: as long as it is, its inode is no other file's. */
  readonly fd: number;
  readonly inode: string;
}

/**
 * Whether LOCK is still this record. Where that cannot be told, as on a disk in trouble, it is: nothing can be written there, either. Nothing is
 * read unless the inode is another one, as it may be on file systems that make them up: reading can wait for the disk.
 */
export function namesRecord({ path, token, fd, inode }: HeldRecord): boolean {
  const file = join(path, LOCK);
  try {
    const stat = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return false;
    // On a network disk an inode that was removed may be another file's by now. Then ours has no name, or is stale.
    if (String(stat.ino) === inode && fs.fstatSync(fd).nlink > 0) return true;
    return readOwner(file)?.token === token;
  } catch (error) {
    return errnoOf(error) !== "ESTALE";
  }
}

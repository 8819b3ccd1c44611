import { type Directory, realDisk } from "./disk.js";
import type { StorageError } from "./errors.js";
import { type DirectoryLock, lockDirectory } from "./lock.js";

/** A directory that nobody else writes to: locked where it has a path. */
export class HeldDirectory {
  readonly dir: Directory;
  /** Another process has taken the lock: nothing may be written any more. */
  lost: StorageError | null = null;
  readonly #lock: DirectoryLock | null;

  /** `where`: a path, made where it is missing, or a Directory. Throws StorageError locked, io. */
  constructor(where: string | Directory) {
    this.dir = typeof where === "string" ? realDisk(where) : where;
    const { path } = this.dir;
    const onLost = (error: StorageError) => {
      this.lost = error;
    };
    this.#lock = path === null ? null : lockDirectory(path, { onLost });
  }

  release(): void {
    this.#lock?.release();
  }
}

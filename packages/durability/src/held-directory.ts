import { type Directory, realDisk } from "./disk.js";
import type { StorageError } from "./errors.js";
import { type DirectoryLock, lockDirectory } from "./lock.js";

/** A directory that nobody else writes to: locked where it has a path. */
export class HeldDirectory {
  readonly dir: Directory;
  readonly #lock: DirectoryLock | null;

  /** `where`: a path, made where it is missing, or a Directory. Throws StorageError locked, io, and the reason of `signal`. */
  static async open(where: string | Directory, signal?: AbortSignal): Promise<HeldDirectory> {
    const path = typeof where === "string" ? where : where.path;
    if (path === null) return new HeldDirectory(where as Directory, null); // a string has a path
    const lock = await lockDirectory(path, { signal });
    return new HeldDirectory(lock.guard(typeof where === "string" ? realDisk(where) : where), lock);
  }

  private constructor(dir: Directory, lock: DirectoryLock | null) {
    this.dir = dir;
    this.#lock = lock;
  }

  /** Another process has taken the lock: nothing may be written or acknowledged any more. Looks, where this one stood still. */
  get lost(): StorageError | null {
    return this.#lock?.confirm() === false ? this.#lock.lost : null;
  }

  /** Gives a sign of life if it is time: for those who keep the event loop busy. */
  keepAlive(): void {
    this.#lock?.keepAlive();
  }

  release(): void {
    this.#lock?.release();
  }
}

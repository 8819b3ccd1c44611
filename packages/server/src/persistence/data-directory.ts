import {
  type Directory,
  type DirectoryLock,
  type LockOwner,
  loadOrCreateManifest,
  lockDirectory,
  newGeneration,
  realDisk,
  StorageError,
  syncsDirectories,
} from "@hearthkv/durability";

/** What to do where the system does not let us use the directory. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "It, and all in it, must belong to the user that runs the server",
  EPERM: "It, and all in it, must belong to the user that runs the server",
  ENOENT: "The system makes no directory there: choose another one",
  EEXIST: "Something else than a directory has that name: choose another one",
  ENOTDIR: "Something else than a directory is in its path: choose another one",
  EROFS: "It must be on a file system that can be written",
  ENOSPC: "The disk has no room for another file: make some",
};

/** A locked data directory whose hash seed is known, so that a keyspace can be made for it. */
export interface DataDirectory {
  readonly path: string;
  /** Its files; once the lock is lost nothing is changed in it any more. */
  readonly disk: Directory;
  readonly lock: DirectoryLock;
  /** 8 bytes: what `new Keyspace({ hashSeed })` needs. */
  readonly hashSeed: Uint8Array;
  /** Seed of the entry checksums of this run. */
  readonly generation: number;
  /** What its file system lacks, for the log. */
  readonly warnings: readonly string[];
  /** Gives the directory back when openPersistence was not reached; afterwards Persistence.close() does it. */
  release(): void;
}

/**
 * Makes (mode 0700), locks and identifies a data directory. Takes up to ten seconds, of which `tell` is told, where LOCK names an owner of which
 * nothing tells whether it lives. Throws durability's StorageError: locked, missing-manifest, corrupt-manifest, newer-format, io.
 */
export async function openDataDirectory(
  path: string,
  tell: (message: string) => void = () => {},
): Promise<DataDirectory> {
  try {
    return await open(path, tell);
  } catch (error) {
    throw withAdvice(path, error);
  }
}

async function open(path: string, tell: (message: string) => void): Promise<DataDirectory> {
  const lock = await lockDirectory(path, { onWatch: (owner, ms) => tell(watching(owner, ms)) });
  const disk = lock.guard(realDisk(path));
  try {
    return {
      ...{ path, disk, lock },
      hashSeed: loadOrCreateManifest(disk).hashSeed,
      generation: newGeneration(),
      warnings: syncsDirectories(path) ? [] : [NO_DIRECTORY_SYNC],
      release: () => lock.release(),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

const NO_DIRECTORY_SYNC =
  "the file system of the data directory cannot sync directories: when the power fails it may forget the newest files, and what was synced in them";

function watching(owner: LockOwner | null, ms: number): string {
  const who = owner === null ? "somebody whom it does not name" : `process ${owner.pid} on ${owner.host}`;
  return `LOCK belongs to ${who}, of which nothing tells whether it lives: watching for ${ms / 1000} s whether it touches LOCK`;
}

function withAdvice(path: string, error: unknown): unknown {
  const errno = error instanceof StorageError ? error.errno : (error as NodeJS.ErrnoException).code;
  const hint = ADVICE[errno ?? ""];
  if (!(error instanceof Error) || hint === undefined) return error;
  return new StorageError("io", `cannot use the data directory ${path}: ${error.message}`, {
    ...{ errno, hint, cause: error },
  });
}

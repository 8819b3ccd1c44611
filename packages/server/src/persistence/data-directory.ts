import { loadOrCreateManifest, lockDirectory, newGeneration, realDisk, StorageError } from "@hearthkv/durability";

/** What to do where the system does not let us use the directory. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "It, and all in it, must belong to the user that runs the server",
  EPERM: "It, and all in it, must belong to the user that runs the server",
  EROFS: "It must be on a file system that can be written",
};

/** A locked data directory whose hash seed is known, so that a keyspace can be made for it. */
export interface DataDirectory {
  readonly path: string;
  /** 8 bytes: what `new Keyspace({ hashSeed })` needs. */
  readonly hashSeed: Uint8Array;
  /** Seed of the entry checksums of this run. */
  readonly generation: number;
  /** Called when another process took the lock: nothing may be written any more. openPersistence sets it. */
  onLost: (error: Error) => void;
  /** Gives the directory back when openPersistence was not reached; afterwards Persistence.close() does it. */
  release(): void;
}

/**
 * Makes (mode 0700), locks and identifies a data directory. Throws durability's StorageError: locked, missing-manifest,
 * corrupt-manifest, newer-format, io.
 */
export function openDataDirectory(path: string): DataDirectory {
  try {
    return open(path);
  } catch (error) {
    throw withAdvice(path, error);
  }
}

function open(path: string): DataDirectory {
  const disk = realDisk(path);
  const lock = lockDirectory(path, { onLost: (error) => directory.onLost(error) });
  const directory: DataDirectory = {
    path,
    hashSeed: new Uint8Array(0),
    generation: newGeneration(),
    onLost: () => {},
    release: () => lock.release(),
  };
  try {
    return Object.assign(directory, { hashSeed: loadOrCreateManifest(disk).hashSeed });
  } catch (error) {
    lock.release();
    throw error;
  }
}

function withAdvice(path: string, error: unknown): unknown {
  const errno = error instanceof StorageError ? error.errno : (error as NodeJS.ErrnoException).code;
  const hint = ADVICE[errno ?? ""];
  if (!(error instanceof Error) || hint === undefined) return error;
  return new StorageError("io", `cannot use the data directory ${path}: ${error.message}`, {
    ...{ errno, hint, cause: error },
  });
}

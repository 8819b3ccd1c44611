import { loadOrCreateManifest, lockDirectory, newGeneration, realDisk } from "@hearthkv/durability";

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

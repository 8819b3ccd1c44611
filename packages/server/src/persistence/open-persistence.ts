import type { PersistedKeyspace, Persistence, PersistenceLogger, PersistenceOptions } from "./persistence.js";

/** A locked data directory whose hash seed is known, so that a keyspace can be made for it. */
export interface DataDirectory {
  readonly path: string;
  /** 8 bytes: what `new Keyspace({ hashSeed })` needs. */
  readonly hashSeed: Uint8Array;
  /** Seed of the entry checksums of this run. */
  readonly generation: number;
  /** Gives the directory back when openPersistence was not reached or failed; otherwise Persistence.close() does it. */
  release(): void;
}

/**
 * Makes (mode 0700), locks and identifies a data directory. Throws durability's StorageError: locked, missing-manifest,
 * corrupt-manifest, newer-format, io.
 */
export function openDataDirectory(path: string): DataDirectory {
  throw new Error(`cannot open ${path}`);
}

/**
 * Recovers the directory into `keyspace` (made with its hash seed, and empty), starts the worker and turns effects on.
 * Throws durability's StorageError when recovery refuses; the directory is then released.
 */
export function openPersistence(
  directory: DataDirectory,
  options: PersistenceOptions,
  keyspace: PersistedKeyspace,
  logger: PersistenceLogger,
): Promise<Persistence> {
  return Promise.reject(
    new Error(`cannot open ${directory.path} ${typeof options} ${typeof keyspace} ${typeof logger}`),
  );
}

/**
 * Persistence of the server: log channel, worker thread, snapshots, recovery.
 *
 *   const directory = openDataDirectory(path);                    // lock, manifest
 *   const keyspace = new Keyspace({ hashSeed: directory.hashSeed, ... });
 *   const persistence = openPersistence(directory, options, keyspace, logger);
 *   await persistence.load();                                     // recovered, running
 */

export { type DataDirectory, openDataDirectory } from "./data-directory.js";
export { NullPersistence } from "./null-persistence.js";
export { openPersistence } from "./open-persistence.js";
export type {
  AckLevel,
  LoadingProgress,
  PersistedKeyspace,
  Persistence,
  PersistenceInfo,
  PersistenceLogger,
  PersistenceOptions,
  RecoveryMode,
  SavePoint,
} from "./persistence.js";

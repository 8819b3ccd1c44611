/**
 * Persistence of the server: log channel, worker thread, snapshots, recovery.
 *
 *   const directory = openDataDirectory(path);                    // lock, manifest
 *   const keyspace = new Keyspace({ hashSeed: directory.hashSeed, ... });
 *   const persistence = await openPersistence(directory, options, keyspace, logger);   // recovered, running
 */

export { type DataDirectory, openDataDirectory } from "./data-directory.js";
export { NullPersistence } from "./null-persistence.js";
export { openPersistence } from "./open-persistence.js";
export type {
  AckLevel,
  PersistedKeyspace,
  Persistence,
  PersistenceInfo,
  PersistenceLogger,
  PersistenceOptions,
  RecoveryMode,
} from "./persistence.js";

/**
 * Persistence of the server: log channel, worker thread, snapshots, recovery.
 *
 *   const persistence = openPersistence(path, options, keyspace, logger);   // nothing is touched yet
 *   await persistence.load();                                               // locked, recovered, running
 */

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

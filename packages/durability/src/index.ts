/**
 * Durability for any in-memory state: a write-ahead log of opaque entries, checked snapshots, recovery, a directory lock.
 * README.md says what is promised, FORMAT.md what the files hold.
 */
export type { PublishedCheckpoint } from "./checkpoint.js";
export { bsonCodec, type Codec } from "./codec.js";
export { crc32 } from "./crc.js";
export {
  atomicRenameDurable,
  atomicWriteDurable,
  type Directory,
  type OpenMode,
  realDisk,
  syncFile,
  syncParentDirectory,
  syncsDirectories,
  writeFully,
} from "./disk.js";
export type { EntryBatch } from "./entry-batch.js";
export { isNoRoom, StorageError, type StorageErrorCode, type StorageErrorDetails } from "./errors.js";
export {
  type DiskFault,
  type FaultyDirectory,
  type FaultyDiskOptions,
  faultyDisk,
  PowerLoss,
} from "./faulty-disk.js";
export * as fileNames from "./file-names.js";
export { DirectoryLock, type LockOptions, livingLockOwner, lockDirectory } from "./lock.js";
export { type HeldRecord, namesRecord, SILENCE_ALLOWED_MS } from "./lock-lease.js";
export { type LockOwner, readLockOwner } from "./lock-owner.js";
export type { LogOperation } from "./log-format.js";
export type { LogGroup } from "./log-group.js";
export type { Durability, LogStatistics, Replayed, ResumeOptions, WriteAheadLogOptions } from "./log-options.js";
export { loadOrCreateManifest, loadOrOweManifest, type Manifest, newGeneration, writeManifest } from "./manifest.js";
export { memoryDisk } from "./memory-disk.js";
export { ownedDisk } from "./owned-disk.js";
export { ProofSchedule } from "./proof.js";
export { type Pruned, pruneSegments, pruneSnapshots } from "./prune.js";
export {
  type LoggedRecord,
  RecordLog,
  type RecordLogOptions,
  type RecordReplay,
  replayRecords,
} from "./record-log.js";
export { type RecoveryLog, type RecoveryOptions, type RecoveryResult, recover } from "./recover.js";
export { type ApplyFailure, type RecoveredState, recoverState, type StateRecoveryOptions } from "./recover-state.js";
export { firstNeededSegment, replacedFrom } from "./recovery-plan.js";
export {
  decide,
  RECOVERY_MODES,
  type RecoveryAction,
  type RecoveryMode,
  type SegmentFindings,
} from "./recovery-table.js";
export {
  type FrozenDirectory,
  frozenDisk,
  type RehearsalDirectory,
  type RehearsedChange,
  rehearsalDisk,
} from "./rehearsal-disk.js";
export { cutTail, setAside } from "./repair.js";
export type { SectionHeader, SnapshotHeader } from "./snapshot-format.js";
export { MAX_SECTION_BYTES } from "./snapshot-format.js";
export {
  readMetadata,
  readSections,
  readSnapshotHeader,
  type SnapshotLayout,
  type SnapshotSection,
  type VerifiedSnapshot,
  verifySnapshot,
  verifySnapshotAsync,
} from "./snapshot-reader.js";
export { type PublishedSnapshot, SnapshotWriter } from "./snapshot-writer.js";
export { ClaimKeeper } from "./synced-claim.js";
export { inlineVerifier, parallelVerifier, type Verifier } from "./verifier.js";
export {
  ENTRY_HEADER_BYTES,
  ENTRY_OVERHEAD_BYTES,
  ENTRY_TRAILER_BYTES,
  MAX_ENTRY_BYTES,
  MAX_PAYLOAD_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  sealEntry,
} from "./wal-format.js";
export {
  type EntryVisitor,
  type Hole,
  type ReadOptions,
  readSegment,
  readSegmentHeader,
  type SegmentScan,
} from "./wal-reader.js";
export { WAL_MAX_BYTES_DEFAULT, WalWriter, type WalWriterOptions } from "./wal-writer.js";
export { type Appended, type LogReceiver, WriteAheadLog } from "./write-ahead-log.js";

/*
 * Every name that may stand in a data directory.
 *
 *   wal-current.log          the segment being written
 *   wal-{timestamp13}.log    a finished segment; names sort in the order of their content
 *   wal-next.tmp             a segment being prepared
 *   snapshot-{timestamp13}.tmp / .snap    a snapshot being written / a published one
 *   manifest.bson            what the directory is; manifest.bson.tmp while it is replaced
 *   synced                   how far the segment being written is known to be synced (synced-claim.ts)
 *   LOCK                     who writes here; LOCK.*.sock: it lives; LOCK.* while it changes hands
 *   *.broken                 bytes that recovery took away, kept for a human; never read again
 *
 * {timestamp13} is milliseconds since 1970 in 13 digits, raised where needed so that it is unique and grows.
 */
export const WAL_CURRENT = "wal-current.log";
export const WAL_NEXT = "wal-next.tmp";
export const MANIFEST = "manifest.bson";
export const SYNCED = "synced";
export const LOCK = "LOCK";

const TIMESTAMP_DIGITS = 13;
const ROTATED_PATTERN = /^wal-(\d{13})\.log$/;
const SNAPSHOT_PATTERN = /^snapshot-(\d{13})\.snap$/;
const TEMPORARY_PATTERN = /^(wal-next|snapshot-\d{13}|manifest\.bson)\.tmp$/;

export function rotatedName(timestampMs: number): string {
  return `wal-${digits(timestampMs)}.log`;
}

export function snapshotName(timestampMs: number): string {
  return `snapshot-${digits(timestampMs)}.snap`;
}

export function snapshotTemporaryName(timestampMs: number): string {
  return `snapshot-${digits(timestampMs)}.tmp`;
}

export function temporaryName(name: string): string {
  return `${name}.tmp`;
}

/** Name for bytes cut from `name` at `offset`, or for the whole file when no offset is given. */
export function brokenName(name: string, timestampMs: number, offset?: number): string {
  return offset === undefined
    ? `${name}.${digits(timestampMs)}.broken`
    : `${name}.at-${offset}.${digits(timestampMs)}.broken`;
}

/** Segments in the order of their content: finished ones by name, then the current one. */
export function segmentNames(names: readonly string[]): string[] {
  const rotated = names.filter((name) => ROTATED_PATTERN.test(name)).sort();
  return names.includes(WAL_CURRENT) ? [...rotated, WAL_CURRENT] : rotated;
}

/** Published snapshots, oldest first. */
export function snapshotNames(names: readonly string[]): string[] {
  return names.filter((name) => SNAPSHOT_PATTERN.test(name)).sort();
}

/** Files that a crash may leave half done and that recovery removes. (Not those of the lock: they may be in use.) */
export function isTemporary(name: string): boolean {
  return TEMPORARY_PATTERN.test(name);
}

/** What holds data for good: segments, published snapshots, the manifest. */
export function isPersistent(name: string): boolean {
  return name === WAL_CURRENT || name === MANIFEST || ROTATED_PATTERN.test(name) || SNAPSHOT_PATTERN.test(name);
}

/** A timestamp for the next finished segment: `nowMs`, or one more than the highest in use. */
export function nextRotatedTimestamp(names: readonly string[], nowMs: number): number {
  return nextTimestamp(names, ROTATED_PATTERN, nowMs);
}

/** A timestamp for the next snapshot: `nowMs`, or one more than the highest in use. */
export function nextSnapshotTimestamp(names: readonly string[], nowMs: number): number {
  return nextTimestamp(names, SNAPSHOT_PATTERN, nowMs);
}

function nextTimestamp(names: readonly string[], pattern: RegExp, nowMs: number): number {
  let next = Math.max(1, Math.floor(nowMs));
  for (const name of names) {
    const match = pattern.exec(name);
    if (match) next = Math.max(next, Number(match[1]) + 1);
  }
  return next;
}

function digits(timestampMs: number): string {
  return String(timestampMs).padStart(TIMESTAMP_DIGITS, "0");
}

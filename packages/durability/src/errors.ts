/** What went wrong. Stable: programs may switch on it, messages may change. */
export type StorageErrorCode =
  | "io" // the operating system refused; `errno` says why
  | "poisoned" // an fdatasync of this file failed once: it is never synced again
  | "locked" // another process holds the directory
  | "lock-lost" // the lock file no longer names this process
  | "log-exists" // a log was to be begun where there is one
  | "too-large" // a limit of the format
  | "newer-format" // written by a newer version
  | "corrupt-header" // header of a segment
  | "corrupt-entry" // entry of a segment
  | "sequence-gap" // sequence numbers do not follow each other
  | "missing-segment" // the log needed after the snapshot is not there
  | "missing-snapshot" // segments exist, but not from sequence 1, and no snapshot is usable
  | "corrupt-snapshot"
  | "missing-manifest"
  | "corrupt-manifest";

/** Where and what: every field that is known is given. */
export interface StorageErrorDetails {
  /** File name inside the data directory. */
  file?: string | undefined;
  /** Byte offset in that file. */
  offset?: number | undefined;
  /** Sequence number of the entry in question. */
  sequence?: number | undefined;
  expected?: string | undefined;
  found?: string | undefined;
  /** What the operator can do. */
  hint?: string | undefined;
  /** Name of the operating system's error, as "ENOSPC". */
  errno?: string | undefined;
  /** Of a failed write: bytes of it that reached the file, so that the caller can retry the rest. */
  bytesWritten?: number | undefined;
  cause?: unknown;
}

/** The only error this package throws on purpose. Anything else is a bug. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly code: StorageErrorCode;
  /** The message without the details. */
  readonly what: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly sequence: number | undefined;
  readonly expected: string | undefined;
  readonly found: string | undefined;
  readonly hint: string | undefined;
  readonly errno: string | undefined;
  readonly bytesWritten: number | undefined;

  constructor(code: StorageErrorCode, what: string, details: StorageErrorDetails = {}) {
    super(describe(what, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.what = what;
    this.file = details.file;
    this.offset = details.offset;
    this.sequence = details.sequence;
    this.expected = details.expected;
    this.found = details.found;
    this.hint = details.hint;
    this.errno = details.errno;
    this.bytesWritten = details.bytesWritten;
  }

  /** The same error with its place; one that has a place keeps it. For what a receiver threw who knows no files. */
  at(file: string, offset?: number): StorageError {
    if (this.file !== undefined) return this;
    const { code, what, sequence, expected, found, hint, errno, bytesWritten, cause } = this;
    return new StorageError(code, what, { file, offset, sequence, expected, found, hint, errno, bytesWritten, cause });
  }
}

function describe(what: string, d: StorageErrorDetails): string {
  const where: string[] = [];
  if (d.file !== undefined) where.push(`file ${d.file}`);
  if (d.offset !== undefined) where.push(`offset ${d.offset}`);
  if (d.sequence !== undefined) where.push(`sequence ${d.sequence}`);
  let text = where.length > 0 ? `${what} (${where.join(", ")})` : what;
  if (d.expected !== undefined) text += `; expected ${d.expected}`;
  if (d.found !== undefined) text += `; found ${d.found}`;
  if (d.hint !== undefined) text += `. ${d.hint}`;
  return text;
}

/** Name of an operating system error ("ENOSPC"), undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Whether there was no room for it, to this user at least. */
export function isNoRoom(error: unknown): boolean {
  const errno = error instanceof StorageError ? error.errno : errnoOf(error);
  return errno === "ENOSPC" || errno === "EDQUOT";
}

/** Wraps what a file operation threw. A StorageError passes through unchanged. */
export function ioError(what: string, file: string, cause: unknown, bytesWritten?: number): StorageError {
  if (cause instanceof StorageError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new StorageError("io", `${what}: ${text}`, { file, cause, errno: errnoOf(cause), bytesWritten });
}

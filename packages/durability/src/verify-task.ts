import type { StorageError, StorageErrorCode, StorageErrorDetails } from "./errors.js";
import type { VerifiedSnapshot } from "./snapshot-reader.js";
import type { SegmentScan } from "./wal-reader.js";

/** What a checking thread is asked. */
export interface VerifyTask {
  readonly kind: "snapshot" | "segment";
  /** Of the directory. */
  readonly path: string;
  readonly name: string;
}

/** What it answers. Errors travel as data: a thrown one would lose its class and fields. */
export type VerifyAnswer =
  | { readonly snapshot: VerifiedSnapshot }
  | { readonly segment: SegmentScan }
  | {
      readonly error: { readonly code: StorageErrorCode; readonly what: string; readonly details: StorageErrorDetails };
    };

/** The part of an error that can be sent. */
export function errorAnswer(error: StorageError): VerifyAnswer {
  const { code, what, file, offset, sequence, expected, found, hint, errno } = error;
  return { error: { code, what, details: { file, offset, sequence, expected, found, hint, errno } } };
}

import { statfsSync } from "node:fs";

/** Bytes that are free, to this user, on the disk of a directory; Infinity where the file system does not tell. */
export function freeBytesAt(path: string): number {
  try {
    const { bavail, blocks, bsize } = statfsSync(path);
    // Some do not know, and say 0 of 0.
    return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

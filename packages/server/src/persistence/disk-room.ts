import { statfsSync } from "node:fs";

/** Bytes that are free, to this user, on the disk of a directory; Infinity where the file system does not know. Throws what the system says. */
export function freeBytesAt(path: string): number {
  const { bavail, blocks, bsize } = statfsSync(path);
  // Some do not know, and say 0 of 0.
  return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
}

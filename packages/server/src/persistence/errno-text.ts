import { getSystemErrorMap } from "node:util";

/** The C library's words, as Redis prints them, where libuv has others or only lower case. */
const TEXTS: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EDQUOT: "Disk quota exceeded",
  EFBIG: "File too large",
  EIO: "Input/output error",
  EMFILE: "Too many open files",
  ENFILE: "Too many open files in system",
  ENOENT: "No such file or directory",
  ENOSPC: "No space left on device",
  EPERM: "Operation not permitted",
  EROFS: "Read-only file system",
};

/** What the operating system calls an error, given its name ("ENOSPC"); `otherwise` where it has none. */
export function errnoText(errno: string | undefined, otherwise: string): string {
  if (errno === undefined) return otherwise;
  const known = TEXTS[errno];
  if (known !== undefined) return known;
  for (const [name, text] of getSystemErrorMap().values()) if (name === errno) return text;
  return errno;
}

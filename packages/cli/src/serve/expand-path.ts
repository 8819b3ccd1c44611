/**
 * The files that a path with wildcards names, as `include` of redis.conf has them (glob(3), in the order of their names):
 *
 *     *   any characters      ?   one character      [a-z]   one of them      [!a-z]   none of them      \x   x itself
 *
 * None of them stands for "/", nor for the "." that a name begins with. (fs.globSync needs Node 22.)
 */
import { readdirSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";

const WILDCARD = /[*?[]/;
const TOKEN = /\\([\s\S])|\[([!^]?)(\]?[^\]]*)\]|[\s\S]/g;
const SPECIAL = /[\\^$.*+?()[\]{}|/]/g;

/** A path without wildcards as it is; else the files, which may be none. Throws the system's error for a folder that cannot be read. */
export function expandPath(path: string): string[] {
  if (!WILDCARD.test(path)) return [path];
  let found = [isAbsolute(path) ? "/" : ""];
  for (const part of path.split("/").filter((name) => name !== "")) {
    found = found.flatMap((folder) => namesLike(part, folder).map((name) => join(folder, name)));
  }
  return found.filter((file) => statSync(file, { throwIfNoEntry: false })?.isDirectory() === false);
}

function namesLike(part: string, folder: string): string[] {
  if (!WILDCARD.test(part)) return [part];
  const pattern = toRegExp(part);
  return namesIn(folder)
    .filter((name) => pattern.test(name) && (part.startsWith(".") || !name.startsWith(".")))
    .sort();
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder === "" ? "." : folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

function toRegExp(part: string): RegExp {
  const body = part.replaceAll(TOKEN, (token, escaped?: string, not?: string, set?: string) => {
    if (set !== undefined) return `[${not === "" ? "" : "^"}${set.replaceAll(/[\\\]^]/g, "\\$&")}]`;
    if (token === "*") return ".*";
    return token === "?" ? "." : (escaped ?? token).replaceAll(SPECIAL, "\\$&");
  });
  return new RegExp(`^${body}$`, "s");
}

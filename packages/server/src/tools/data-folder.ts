/** What every tool asks of a folder before it works on it. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileNames, lockDirectory, realDisk, syncParentDirectory } from "@hearthkv/durability";

/** The tool was asked for something that makes no sense: no such folder, nothing in it, a target that is in use. */
export class ToolError extends Error {
  override readonly name = "ToolError";
}

/** The data does not allow what was asked. */
export class DataError extends Error {
  override readonly name = "DataError";
  readonly code = "data";
}

/** Names in a folder that holds data of HearthKV. Throws ToolError where it does not. */
export function dataFolderNames(path: string): string[] {
  const names = folderNames(path);
  const { MANIFEST, segmentNames, snapshotNames } = fileNames;
  if (names.includes(MANIFEST) || segmentNames(names).length > 0 || snapshotNames(names).length > 0) return names;
  throw new ToolError(`${path} holds no data of HearthKV`);
}

/**
 * Makes a data directory, whole or not at all: `fill` works in a folder beside the target, which then gets the target's name; in an empty
 * folder that was there (a mount point, say) `fill` works in a folder inside it, and the files move up, the manifest last: without one nobody starts.
 * Where anything fails, or the process exits, what was made is removed again. Throws ToolError where the target is in use, and what `fill` throws.
 */
export async function makeDataFolder<T>(target: string, fill: (path: string) => Promise<T>): Promise<T> {
  const isThere = requireEmptyTarget(target);
  // Nobody starts on the folder meanwhile; the name of one that is not there yet nobody knows.
  const lock = isThere ? await lockDirectory(target) : null;
  const parent = dirname(resolve(target));
  const firstMade = mkdirSync(parent, { recursive: true });
  const work = mkdtempSync(isThere ? join(target, "making-") : `${resolve(target)}.making-`);
  const remove = () => rmSync(work, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    const result = await fill(work);
    if (isThere) moveUp(work, target);
    else renameSync(work, target);
    syncFolder(parent);
    return result;
  } catch (error) {
    remove();
    if (firstMade !== undefined) removeEmpty(parent, firstMade);
    throw error;
  } finally {
    process.off("exit", remove);
    lock?.release();
  }
}

function moveUp(from: string, to: string): void {
  const { MANIFEST } = fileNames;
  for (const name of readdirSync(from)) if (name !== MANIFEST) renameSync(join(from, name), join(to, name));
  syncFolder(to);
  renameSync(join(from, MANIFEST), join(to, MANIFEST));
  rmdirSync(from);
  syncFolder(to);
}

function syncFolder(path: string): void {
  syncParentDirectory(realDisk(path));
}

/** Removes folders from `path` up to `last`, as long as they are empty. */
function removeEmpty(path: string, last: string): void {
  try {
    for (let at = path; ; at = dirname(at)) {
      rmdirSync(at);
      if (at === last) return;
    }
  } catch {
    // Somebody else has put something there.
  }
}

/** True for an empty folder, false where there is nothing. Throws ToolError for anything else. */
function requireEmptyTarget(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (!stat.isDirectory()) throw new ToolError(`${path} exists and is not a folder`);
  if (readdirSync(path).length > 0) throw new ToolError(`${path} is not empty: give a new folder`);
  return true;
}

function folderNames(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new ToolError(`${path} does not exist`);
  if (!stat.isDirectory()) throw new ToolError(`${path} is not a folder`);
  return readdirSync(path);
}

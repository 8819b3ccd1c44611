/** What every tool asks of a folder before it works on it. */
import { readdirSync, statSync } from "node:fs";
import { fileNames } from "@hearthkv/durability";

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

/** Throws ToolError unless there is nothing at `path`, or an empty folder. */
export function requireEmptyTarget(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) throw new ToolError(`${path} exists and is not a folder`);
  if (readdirSync(path).length > 0) throw new ToolError(`${path} is not empty: give a new folder`);
}

function folderNames(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new ToolError(`${path} does not exist`);
  if (!stat.isDirectory()) throw new ToolError(`${path} is not a folder`);
  return readdirSync(path);
}

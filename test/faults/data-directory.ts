/** What lies in a data directory, for the tests of disks. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileNames } from "@hearthkv/durability";
import { expect } from "vitest";
import { launcher, runProcess } from "../support/index.js";

export function snapshotNames(dataDir: string): string[] {
  return fileNames.snapshotNames(readdirSync(dataDir));
}

/** Bytes of these files, all by default; those that have gone meanwhile have none. */
export function bytesOf(dataDir: string, names: readonly string[] = readdirSync(dataDir)): number {
  return names.reduce(
    (bytes, name) => bytes + (statSync(join(dataDir, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/** Fails where `hearthkv check` finds something. */
export async function checkDirectory(dataDir: string): Promise<void> {
  const { code, output } = await runProcess(process.execPath, [launcher, "check", dataDir]);
  expect(code, output).toBe(0);
}

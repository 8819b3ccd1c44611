/** Temporary folders, removed when the test file has ended. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const made: string[] = [];

// Hooks run last defined first: the processes that write into the folders (processes.ts) have ended by then.
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** A new empty folder. */
export function temporaryFolder(purpose = "test"): string {
  const folder = mkdtempSync(join(tmpdir(), `hearthkv-${purpose}-`));
  made.push(folder);
  return folder;
}

/** The root of the checkout. */
export const projectRoot = fileURLToPath(new URL("../..", import.meta.url));

/** What `node` is to run for the command line. */
export const launcher = fileURLToPath(new URL("../../bin/hearthkv.js", import.meta.url));

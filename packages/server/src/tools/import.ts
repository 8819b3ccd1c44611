/**
 * Makes a new data directory of a file:
 *
 *   lock and manifest -> the file is read into a keyspace -> its snapshot is published -> a segment begins -> the directory is checked
 *
 * Where that fails the manifest is taken away again, so that nobody starts on an empty directory by mistake.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileNames, loadOrCreateManifest, lockDirectory, realDisk } from "@hearthkv/durability";
import { Keyspace } from "@hearthkv/engine";
import { checkDirectory } from "./check.js";
import { CommandReplay } from "./command-replay.js";
import { DataError, requireEmptyTarget } from "./data-folder.js";
import { readDump } from "./dump-formats.js";
import { type DumpHeader, putRecord } from "./dump-records.js";
import { countKeys } from "./load.js";
import { writeState } from "./write-state.js";

export interface ImportResult {
  readonly keys: number;
  /** Of the data; a server that starts on the directory has the same until keys expire. */
  readonly digest: string;
}

/** Imports what `exportDirectory` wrote. Throws ToolError for a target in use, DataError for a file that cannot be read, StorageError io. */
export async function importDump(file: string, target: string, format: "jsonl" | "bson"): Promise<ImportResult> {
  return await importInto(target, async (keyspace) => {
    const onHeader = (header: DumpHeader) => {
      keyspace.lastFence = header.lastFence;
    };
    await readDump(file, format, onHeader, (record) => putRecord(keyspace, record));
  });
}

/**
 * Imports the effects of commands, as an append-only file holds them. Nothing expires meanwhile: what did is in the file as a deletion. A
 * transaction without its end is left out. Throws as `importDump`; DataError also names the first command that cannot be replayed.
 */
export async function importCommands(
  target: string,
  commands: AsyncIterable<readonly Buffer[]>,
): Promise<ImportResult> {
  return await importInto(target, async (keyspace) => {
    const replay = new CommandReplay(keyspace);
    for await (const command of commands) replay.run(command);
  });
}

async function importInto(target: string, fill: (keyspace: Keyspace) => Promise<void>): Promise<ImportResult> {
  requireEmptyTarget(target);
  const dir = realDisk(target);
  const lock = lockDirectory(target);
  try {
    const { hashSeed } = loadOrCreateManifest(dir);
    const keyspace = new Keyspace({ hashSeed, random: Math.random });
    keyspace.effects.enabled = false;
    await fill(keyspace);
    await writeState(dir, { keyspace, hashSeed, sequence: 0, segmentNumber: 1 });
    const digest = keyspace.digest();
    const { problems, recovered } = await checkDirectory(target, { strict: true });
    if (recovered?.digest !== digest || problems.length > 0) {
      throw new DataError(`the new directory is not whole: ${problems.map(({ message }) => message).join("; ")}`);
    }
    return { keys: countKeys(keyspace), digest };
  } catch (error) {
    rmSync(join(target, fileNames.MANIFEST), { force: true });
    throw error;
  } finally {
    lock.release();
  }
}

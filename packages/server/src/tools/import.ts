/**
 * Makes a new data directory of a file:
 *
 *   manifest -> the file is read into a keyspace -> its snapshot is published -> a segment begins -> the directory is checked
 *
 * All that happens in a folder of its own, which becomes the target at the end: where anything fails there is none.
 */
import { loadOrCreateManifest, realDisk } from "@hearthkv/durability";
import { Keyspace } from "@hearthkv/engine";
import { keyspaceMemory } from "../keyspace-memory.js";
import { checkDirectory } from "./check.js";
import { CommandReplay } from "./command-replay.js";
import { DataError, makeDataFolder } from "./data-folder.js";
import { readDump } from "./dump-reader.js";
import { type DumpHeader, putRecord } from "./dump-records.js";
import { countKeys } from "./load.js";
import { writeState } from "./write-state.js";

export interface ImportResult {
  readonly keys: number;
  /** Of the data; a server that starts on the directory has the same until keys expire. */
  readonly digest: string;
}

/** One file of commands. Each begins in database 0. */
export interface CommandFile {
  readonly file: string;
  readonly commands: AsyncIterable<{ readonly offset: number; readonly args: readonly Buffer[] }>;
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
 * Imports the effects of commands, as append-only files hold them. Nothing expires meanwhile: what did is in the file as a deletion. Relative
 * times count from now, as when redis-server loads them. Throws as `importDump`; DataError names file and offset of the first command that
 * cannot be replayed.
 */
export async function importCommands(target: string, files: AsyncIterable<CommandFile>): Promise<ImportResult> {
  return await importInto(target, async (keyspace) => {
    const nowMs = Date.now();
    for await (const { file, commands } of files) {
      const replay = new CommandReplay(keyspace, nowMs);
      for await (const { offset, args } of commands) {
        try {
          replay.run(args);
        } catch (error) {
          if (!(error instanceof DataError)) throw error;
          throw new DataError(`${file}, offset ${offset}: ${error.message}`);
        }
      }
    }
  });
}

async function importInto(target: string, fill: (keyspace: Keyspace) => Promise<void>): Promise<ImportResult> {
  return await makeDataFolder(target, async (path) => {
    const dir = realDisk(path);
    const { hashSeed } = loadOrCreateManifest(dir);
    const keyspace = new Keyspace({ hashSeed, random: Math.random, ...keyspaceMemory });
    keyspace.effects.enabled = false;
    await fill(keyspace);
    await writeState(dir, { keyspace, sequence: 0, segmentNumber: 1 });
    const digest = keyspace.digest();
    const { problems, recovered } = await checkDirectory(path, { strict: true });
    if (recovered?.digest !== digest || problems.length > 0) {
      throw new DataError(`the new directory is not whole: ${problems.map(({ message }) => message).join("; ")}`);
    }
    return { keys: countKeys(keyspace), digest };
  });
}

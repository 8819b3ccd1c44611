/** Brings the content of a directory into a keyspace of its own, as a start of the server would. */
import { type Directory, loadOrCreateManifest, type RecoveryMode, type RecoveryResult } from "@hearthkv/durability";
import { Keyspace } from "@hearthkv/engine";
import { keyspaceMemory } from "../keyspace-memory.js";
import { recoverInto } from "../persistence/recover-into.js";

/** What a directory holds. */
export interface Loaded {
  /** Its clock stands at 0: keys are there whether or not their time has come. */
  readonly keyspace: Keyspace;
  readonly result: RecoveryResult;
}

export interface LoadOptions {
  readonly onProgress?: (fraction: number) => void;
  /** In place of the manifest's, where that is lost. */
  readonly hashSeed?: Uint8Array;
}

/** Recovers `dir`; through a rehearsal disk nothing is changed. Throws StorageError wherever a start would. */
export async function loadDirectory(dir: Directory, mode: RecoveryMode, options: LoadOptions = {}): Promise<Loaded> {
  const { hashSeed = loadOrCreateManifest(dir).hashSeed, ...rest } = options;
  const keyspace = new Keyspace({ hashSeed, random: () => 0, ...keyspaceMemory });
  const result = await recoverInto(keyspace, dir, { mode, ...rest });
  return { keyspace, result };
}

/** How many keys there are in all databases. */
export function countKeys(keyspace: Keyspace): number {
  return keyspace.databases().reduce((sum, db) => sum + db.keys.size, 0);
}

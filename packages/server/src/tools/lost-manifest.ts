import { randomBytes } from "node:crypto";
import {
  type Directory,
  fileNames,
  loadOrCreateManifest,
  readMetadata,
  StorageError,
  verifySnapshot,
} from "@hearthkv/durability";
import { Binary } from "bson";

/** What a manifest would be made of again. */
export interface LostManifest {
  readonly hashSeed: Uint8Array;
  /** Where the seed comes from, in words. */
  readonly source: string;
}

const HASH_SEED_BYTES = 8;

/**
 * Null where the manifest is there. Otherwise the hash seed that the newest whole snapshot remembers; where no snapshot can be read none depends
 * on the seed, and any will do. `dir` is only read. Throws StorageError for a manifest of a newer version.
 */
export function findLostManifest(dir: Directory): LostManifest | null {
  try {
    loadOrCreateManifest(dir);
    return null;
  } catch (error) {
    const lost =
      error instanceof StorageError && (error.code === "missing-manifest" || error.code === "corrupt-manifest");
    if (!lost) throw error;
  }
  for (const name of fileNames.snapshotNames(dir.list()).reverse()) {
    const hashSeed = rememberedSeed(dir, name);
    if (hashSeed !== null) return { hashSeed, source: `the hash seed that ${name} remembers` };
  }
  return {
    hashSeed: new Uint8Array(randomBytes(HASH_SEED_BYTES)),
    source: "a new hash seed, as no snapshot can be read",
  };
}

function rememberedSeed(dir: Directory, name: string): Uint8Array | null {
  try {
    const { hashSeed } = readMetadata(dir, verifySnapshot(dir, name));
    return hashSeed instanceof Binary && hashSeed.length() === HASH_SEED_BYTES
      ? new Uint8Array(hashSeed.value())
      : null;
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
}

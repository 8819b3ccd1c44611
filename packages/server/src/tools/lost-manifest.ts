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
 * Null where the manifest is there and its hash seed is that of the newest whole snapshot. Otherwise the seed that the snapshot remembers; where
 * none can be read nothing depends on the seed, and any will do. `dir` is only read. Throws StorageError for a manifest of a newer version.
 */
export function findLostManifest(dir: Directory): LostManifest | null {
  const present = presentSeed(dir);
  for (const name of fileNames.snapshotNames(dir.list()).reverse()) {
    const hashSeed = rememberedSeed(dir, name);
    if (hashSeed === null) continue;
    if (present !== null && Buffer.compare(present, hashSeed) === 0) return null;
    return { hashSeed, source: `the hash seed that ${name} remembers` };
  }
  if (present !== null) return null;
  return {
    hashSeed: new Uint8Array(randomBytes(HASH_SEED_BYTES)),
    source: "a new hash seed, as no snapshot can be read",
  };
}

/** The seed of the manifest; null where it is missing or damaged. */
function presentSeed(dir: Directory): Uint8Array | null {
  try {
    return loadOrCreateManifest(dir).hashSeed;
  } catch (error) {
    const lost =
      error instanceof StorageError && (error.code === "missing-manifest" || error.code === "corrupt-manifest");
    if (!lost) throw error;
    return null;
  }
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

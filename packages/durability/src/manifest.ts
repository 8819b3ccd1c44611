import { randomBytes, randomInt } from "node:crypto";
import { Binary, deserialize, serialize } from "bson";
import { crc32 } from "./crc.js";
import { atomicWriteDurable, type Directory, listNames, readFile, syncParentDirectory } from "./disk.js";
import { isNoRoom, StorageError } from "./errors.js";
import { MANIFEST, segmentNames, snapshotNames } from "./file-names.js";

/*
 * manifest.bson: one BSON document {format: "hearthkv-data", version: int32, createdMs: double, hashSeed: binary(8),
 * crc32: number}. crc32 is that of the same document without it; the file must be byte for byte what this code
 * would write. It is written once, when the directory is new, before any segment. (On a full disk that may be later than the start.)
 */
const FORMAT = "hearthkv-data";
const VERSION = 1;
const HASH_SEED_BYTES = 8;

export interface Manifest {
  readonly version: number;
  readonly createdMs: number;
  /** 8 random bytes of this directory: the seed of key hashes, and with them of the split into shards. */
  readonly hashSeed: Uint8Array;
}

/**
 * The manifest of a directory; a new one is made (durably) only where there is no data yet: without its seed, existing
 * snapshots could not be read rightly. Throws StorageError missing-manifest, corrupt-manifest, newer-format, io.
 */
export function loadOrCreateManifest(dir: Directory, nowMs: number = Date.now()): Manifest {
  const found = loadManifest(dir);
  if (found !== null) return found;
  const manifest = { version: VERSION, createdMs: nowMs, hashSeed: new Uint8Array(randomBytes(HASH_SEED_BYTES)) };
  atomicWriteDurable(dir, MANIFEST, encodeManifest(manifest));
  return manifest;
}

/** The same where a full disk forbids nothing. `isOwed`: before any segment is begun, `writeManifest` must write the seed. */
export function loadOrOweManifest(dir: Directory): { readonly hashSeed: Uint8Array; readonly isOwed: boolean } {
  const found = loadManifest(dir);
  if (found !== null) return { hashSeed: found.hashSeed, isOwed: false };
  const hashSeed = new Uint8Array(randomBytes(HASH_SEED_BYTES));
  try {
    writeManifest(dir, hashSeed);
    return { hashSeed, isOwed: false };
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    return { hashSeed, isOwed: true };
  }
}

/** Null where there is no data yet. */
function loadManifest(dir: Directory): Manifest | null {
  const names = listNames(dir);
  const hasData = segmentNames(names).length > 0 || snapshotNames(names).length > 0;
  if (names.includes(MANIFEST)) {
    const manifest = decodeManifest(readFile(dir, MANIFEST));
    // Whoever made it may have been stopped before its name was durable. (A segment has made it so.)
    if (!hasData) syncParentDirectory(dir);
    return manifest;
  }
  if (hasData) {
    throw new StorageError("missing-manifest", "the data directory holds data but no manifest", {
      file: MANIFEST,
      hint: "Restore manifest.bson from a backup: without its hash seed the snapshots cannot be read",
    });
  }
  return null;
}

/** Writes the manifest of a hash seed that is known (durably): a lost one again, or one that there was no room for. Throws StorageError io. */
export function writeManifest(dir: Directory, hashSeed: Uint8Array, nowMs: number = Date.now()): void {
  atomicWriteDurable(dir, MANIFEST, encodeManifest({ version: VERSION, createdMs: nowMs, hashSeed }));
}

/** A generation for a new run: random, 32 bits, not 0. */
export function newGeneration(): number {
  return randomInt(1, 2 ** 32);
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const body = {
    format: FORMAT,
    version: manifest.version,
    createdMs: manifest.createdMs,
    hashSeed: new Binary(manifest.hashSeed),
  };
  const bytes = serialize(body);
  return serialize({ ...body, crc32: crc32(0, bytes, 0, bytes.length) });
}

export function decodeManifest(bytes: Uint8Array): Manifest {
  let document: Record<string, unknown>;
  try {
    document = deserialize(bytes);
  } catch (cause) {
    throw corrupt("a BSON document", cause instanceof Error ? cause.message : String(cause));
  }
  const { format, version, createdMs, hashSeed } = document;
  if (format !== FORMAT || typeof version !== "number") throw corrupt(`format "${FORMAT}"`, JSON.stringify(format));
  if (version > VERSION) {
    throw new StorageError("newer-format", `the data directory has format version ${version}`, {
      file: MANIFEST,
      expected: `version ${VERSION} or lower`,
      found: `version ${version}`,
      hint: "Start a newer HearthKV",
    });
  }
  if (typeof createdMs !== "number" || !(hashSeed instanceof Binary))
    throw corrupt("createdMs and hashSeed", "neither");
  const manifest: Manifest = { version, createdMs, hashSeed: new Uint8Array(hashSeed.value()) };
  const again = encodeManifest(manifest);
  if (hashSeed.length() !== HASH_SEED_BYTES || Buffer.compare(again, bytes) !== 0) {
    throw corrupt("a matching crc32", "other bytes");
  }
  return manifest;
}

function corrupt(expected: string, found: string): StorageError {
  return new StorageError("corrupt-manifest", "the manifest is damaged", {
    file: MANIFEST,
    expected,
    found,
    hint: "Restore manifest.bson from a backup",
  });
}

import { type Directory, writeManifest } from "@hearthkv/durability";

/**
 * The manifest that a full disk had no room for at the start. Without the hash seed in it, what a segment or a snapshot holds could not be read
 * again: it is written before the first segment, and no snapshot is published before there is a segment.
 */
export class OwedManifest {
  readonly #dir: Directory;
  #hashSeed: Uint8Array | null;

  /** `hashSeed`: null where the manifest is there. */
  constructor(dir: Directory, hashSeed: Uint8Array | null) {
    this.#dir = dir;
    this.#hashSeed = hashSeed;
  }

  /** Durably, unless it is there. Throws StorageError io. */
  write(): void {
    if (this.#hashSeed === null) return;
    writeManifest(this.#dir, this.#hashSeed);
    this.#hashSeed = null;
  }
}

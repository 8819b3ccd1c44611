import type { Codec } from "./codec.js";
import { encodeGroup } from "./log-format.js";

/** Entries that come into the log together or not at all: one entry of the log holds them. Made by `WriteAheadLog.begin`. */
export class LogGroup<T> {
  readonly #codec: Codec<T>;
  readonly #commit: (payload: Uint8Array) => Promise<number>;
  #entries: Uint8Array[] = [];
  #ended = false;

  constructor(codec: Codec<T>, commit: (payload: Uint8Array) => Promise<number>) {
    this.#codec = codec;
    this.#commit = commit;
  }

  /** Adds an entry, encoded as it is now. */
  add(entry: T): void {
    this.#refuseEnded();
    this.#entries.push(this.#codec.encode(entry));
  }

  /**
   * Appends the group, as `append` does an entry, and resolves with its sequence. The whole group must keep to the log's
   * `maxEntryBytes`. A group that was refused is gone: begin another. An empty one cannot be committed.
   */
  async commit(): Promise<number> {
    this.#refuseEnded();
    if (this.#entries.length === 0) throw new Error("the group is empty");
    this.#ended = true;
    return await this.#commit(encodeGroup(this.#entries));
  }

  /** Forgets the entries. Harmless after it has ended. */
  abort(): void {
    this.#ended = true;
    this.#entries = [];
  }

  #refuseEnded(): void {
    if (this.#ended) throw new Error("the group has ended");
  }
}

/**
 * What is done for the requests of a pipeline before the first of them runs: their rows are found, their keys and elements hashed, and what the lookups of
 * these will read is loaded into the processor's cache, all at once (engine's key-hashes.ts tells why).
 *
 * Loading changes nothing, so it need not be right: a SELECT among them, or an expired key, only makes it useless.
 */
import type { CommandTable, TableRow } from "@hearthkv/commands";
import type { KeyHashes, Shard } from "@hearthkv/engine";
import type { Request } from "@hearthkv/resp";

/** A request of so many arguments may have several keys or elements. */
const MANY_ARGS = 5;

export class LookAhead {
  readonly #commands: CommandTable;
  readonly #hashes: KeyHashes;
  /** The requests, in the order in which they will run, and their rows: `#count` of them, those before `#next` have run. The arrays only ever grow. */
  readonly #requests: Request[] = [];
  readonly #rows: (TableRow | undefined)[] = [];
  #count = 0;
  #next = 0;

  constructor(commands: CommandTable, hashes: KeyHashes) {
    this.#commands = commands;
    this.#hashes = hashes;
  }

  /** Prepares `first`, and the first `count` of `ahead`, which lie in the same buffer. A request that comes alone and has one key is left: there is nothing to overlap. */
  prepare(shards: readonly Shard[], first: Request, ahead: readonly Request[], count: number): void {
    this.forget();
    if (count === 0 && first.argc < MANY_ARGS) return;
    const hashes = this.#hashes;
    hashes.begin(first.buf);
    let hasElements = this.#add(first);
    for (let i = 0; i < count; i++) if (this.#add(ahead[i] as Request)) hasElements = true;
    hashes.touch(shards);
    if (hasElements) this.#touchElements(shards);
  }

  /** The row of a request: as it was found ahead, where this is the next of those. */
  rowOf(request: Request): TableRow | undefined {
    const i = this.#next;
    if (i >= this.#count || this.#requests[i] !== request) return this.#commands.resolve(request);
    this.#next = i + 1;
    return this.#rows[i];
  }

  /** Other requests come next, or other bytes. */
  forget(): void {
    this.#hashes.clear();
    this.#count = 0;
    this.#next = 0;
  }

  /** Hashes the keys of a request; returns whether it may have elements. */
  #add(request: Request): boolean {
    const row = this.#commands.resolve(request);
    this.#requests[this.#count] = request;
    this.#rows[this.#count++] = row;
    if (row === undefined || row.firstKey === 0) return false;
    const { argc, off, len } = request;
    const end = row.lastKey < 0 ? argc + row.lastKey : Math.min(row.lastKey, argc - 1);
    for (let i = row.firstKey; i <= end; i += row.keyStep) {
      if (!this.#hashes.add(off[i] as number, len[i] as number)) break;
    }
    return row.elements !== null;
  }

  #touchElements(shards: readonly Shard[]): void {
    const hashes = this.#hashes;
    for (let i = 0; i < this.#count; i++) {
      const elements = this.#rows[i]?.elements ?? null;
      if (elements === null) continue;
      const { off, len, argc } = this.#requests[i] as Request;
      hashes.addElements(shards, off[1] as number, len[1] as number, off, len, elements[0], argc, elements[1]);
    }
    hashes.touchElements();
  }
}

/** WATCH: which clients want to know whether a key was changed. */
import type { ClientState } from "../clients/client-state.js";
import { type KeyListener, watchKey } from "../waiting/key-observer.js";

/** A key that a client watches. */
export interface WatchedKey {
  readonly db: number;
  /** latin1 */
  readonly key: string;
  /** Whether it existed when WATCH was called: FLUSHALL changes only those. */
  readonly existed: boolean;
}

/** The watched keys of all clients. */
export class Watches implements KeyListener {
  #watchers = new Map<string, Set<ClientState>>();
  /** What those watch who watch anything. */
  readonly #watched = new Map<ClientState, WatchedKey[]>();
  /** Called when the first key is watched and when the last no longer is. */
  #interestChanged: () => void;

  constructor(interestChanged: () => void) {
    this.#interestChanged = interestChanged;
  }

  get interested(): boolean {
    return this.#watchers.size > 0;
  }

  /** Number of keys that somebody watches. */
  get size(): number {
    return this.#watchers.size;
  }

  add(client: ClientState, watched: WatchedKey): void {
    const id = watchKey(watched.db, watched.key);
    const watchers = this.#watchers.get(id);
    if (watchers?.has(client)) return;
    const own = this.#watched.get(client);
    if (own === undefined) this.#watched.set(client, [watched]);
    else own.push(watched);
    if (watchers !== undefined) {
      watchers.add(client);
      return;
    }
    this.#watchers.set(id, new Set([client]));
    if (this.#watchers.size === 1) this.#interestChanged();
  }

  /** What the client watches. */
  of(client: ClientState): readonly WatchedKey[] {
    return this.#watched.get(client) ?? [];
  }

  /** Forgets all that the client watches. */
  clear(client: ClientState): void {
    client.watchFailed = false;
    if (this.#watched.size === 0) return;
    for (const watched of this.of(client)) this.#remove(watchKey(watched.db, watched.key), client);
    if (!this.#watched.delete(client)) return;
    if (this.#watchers.size === 0) this.#interestChanged();
  }

  changed(key: string): void {
    const watchers = this.#watchers.get(key);
    if (watchers !== undefined) for (const client of watchers) client.watchFailed = true;
  }

  /** By clients, not by keys: each thing that anybody watches is looked at once, however many a client watches. */
  flushed(db: number): void {
    for (const [client, watchedKeys] of this.#watched) {
      if (watchedKeys.some((watched) => watched.db === db && watched.existed)) client.watchFailed = true;
    }
  }

  /** A key that is in neither database has not changed. */
  swapped(db: number, other: number, exists: (db: number, key: string) => boolean): void {
    for (const [client, watchedKeys] of this.#watched) {
      client.watchFailed ||= watchedKeys.some(
        (watched) =>
          (watched.db === db || watched.db === other) && (watched.existed || exists(watched.db, watched.key)),
      );
    }
  }

  #remove(id: string, client: ClientState): void {
    const watchers = this.#watchers.get(id);
    watchers?.delete(client);
    if (watchers?.size === 0) this.#watchers.delete(id);
  }
}

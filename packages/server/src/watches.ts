/** WATCH: which clients want to know whether a key was changed. */
import type { ClientState } from "./client-state.js";
import { type KeyListener, watchKey } from "./key-observer.js";

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
  /** Those who watch anything. */
  #clients = new Set<ClientState>();
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
    client.watched.push(watched);
    this.#clients.add(client);
    if (watchers !== undefined) {
      watchers.add(client);
      return;
    }
    this.#watchers.set(id, new Set([client]));
    if (this.#watchers.size === 1) this.#interestChanged();
  }

  /** Forgets all that the client watches. */
  clear(client: ClientState): void {
    client.watchFailed = false;
    if (client.watched.length === 0) return;
    for (const watched of client.watched) this.#remove(watchKey(watched.db, watched.key), client);
    client.watched = [];
    this.#clients.delete(client);
    if (this.#watchers.size === 0) this.#interestChanged();
  }

  changed(key: string): void {
    const watchers = this.#watchers.get(key);
    if (watchers !== undefined) for (const client of watchers) client.watchFailed = true;
  }

  /** By clients, not by keys: each thing that anybody watches is looked at once, however many a client watches. */
  flushed(db: number): void {
    for (const client of this.#clients) {
      if (client.watched.some((watched) => watched.db === db && watched.existed)) client.watchFailed = true;
    }
  }

  #remove(id: string, client: ClientState): void {
    const watchers = this.#watchers.get(id);
    watchers?.delete(client);
    if (watchers?.size === 0) this.#watchers.delete(id);
  }
}

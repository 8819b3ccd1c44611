/** Passes changes of keys on to WATCH and to blocked calls, and costs nothing while nobody waits for any. */
import type { Keyspace, KeyspaceObserver } from "@hearthkv/engine";

/** Wants to know of changed keys, named as `watchKey` does. */
export interface KeyListener {
  /** Whether it waits for anything just now. */
  readonly interested: boolean;
  changed(key: string): void;
  flushed(db: number): void;
}

/** One string for a key in a database; the key is latin1. */
export function watchKey(db: number, key: string): string {
  return `${db}:${key}`;
}

/** Sits on the keyspace while one of its listeners is interested. */
export class KeyWatch implements KeyspaceObserver {
  #keyspace: Keyspace;
  #listeners: readonly KeyListener[] = [];

  constructor(keyspace: Keyspace) {
    this.#keyspace = keyspace;
  }

  /** Who is told; given once, while the server is put together. */
  listen(...listeners: KeyListener[]): void {
    this.#listeners = listeners;
  }

  /** Call it when a listener's interest may have changed. */
  update(): void {
    const wanted = this.#listeners.some((listener) => listener.interested);
    this.#keyspace.observer = wanted ? this : null;
  }

  modified(db: number, buf: Uint8Array, off: number, len: number): void {
    const key = watchKey(db, Buffer.from(buf.buffer, buf.byteOffset + off, len).toString("latin1"));
    for (const listener of this.#listeners) if (listener.interested) listener.changed(key);
  }

  flushed(db: number): void {
    for (const listener of this.#listeners) if (listener.interested) listener.flushed(db);
  }
}

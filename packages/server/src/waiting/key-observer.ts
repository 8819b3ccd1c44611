/** Passes changes of keys on to WATCH and to blocked calls, and what no command tells to keyspace notifications. It costs nothing while nobody waits for any. */
import type { Keyspace, KeyspaceObserver } from "@hearthkv/engine";

/** Wants to know of changed keys, named as `watchKey` does. */
export interface KeyListener {
  /** Whether it waits for anything just now. */
  readonly interested: boolean;
  changed(key: string): void;
  flushed(db: number): void;
  /** The two databases have exchanged all keys. `exists` tells of a key (latin1) whether it is there now. */
  swapped(db: number, other: number, exists: (db: number, key: string) => boolean): void;
}

/** Wants to know what happens to keys without a command that says so. The bytes are valid during the call. */
export interface EventListener {
  readonly interested: boolean;
  expired(db: number, buf: Uint8Array, off: number, len: number): void;
  missed(db: number, buf: Uint8Array, off: number, len: number): void;
}

/** One string for a key in a database; the key is latin1. */
export function watchKey(db: number, key: string): string {
  return `${db}:${key}`;
}

/** Sits on the keyspace while one of its listeners is interested. */
export class KeyWatch implements KeyspaceObserver {
  readonly #keyspace: Keyspace;
  #listeners: readonly KeyListener[] = [];
  #events: EventListener | null = null;
  /** Whether one of the listeners to changes is interested: only then a key is made a string. */
  #wantsChanges = false;

  constructor(keyspace: Keyspace) {
    this.#keyspace = keyspace;
  }

  /** Who is told; given once, while the server is put together. */
  listen(listeners: readonly KeyListener[], events: EventListener | null = null): void {
    this.#listeners = listeners;
    this.#events = events;
  }

  /** Call it when a listener's interest may have changed. */
  update(): void {
    this.#wantsChanges = this.#listeners.some((listener) => listener.interested);
    this.#keyspace.observer = this.#wantsChanges || this.#events?.interested ? this : null;
  }

  modified(db: number, buf: Uint8Array, off: number, len: number): void {
    if (!this.#wantsChanges) return;
    const key = watchKey(db, Buffer.from(buf.buffer, buf.byteOffset + off, len).toString("latin1"));
    for (const listener of this.#listeners) if (listener.interested) listener.changed(key);
  }

  expired(db: number, buf: Uint8Array, off: number, len: number): void {
    this.#events?.expired(db, buf, off, len);
  }

  missed(db: number, buf: Uint8Array, off: number, len: number): void {
    this.#events?.missed(db, buf, off, len);
  }

  flushed(db: number): void {
    for (const listener of this.#listeners) if (listener.interested) listener.flushed(db);
  }

  swapped(db: number, other: number): void {
    const exists = (at: number, key: string) => {
      const bytes = Buffer.from(key, "latin1");
      return this.#keyspace.db(at).keys.locate(bytes, 0, bytes.length) !== 0;
    };
    for (const listener of this.#listeners) if (listener.interested) listener.swapped(db, other, exists);
  }
}

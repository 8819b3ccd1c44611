/** Publishes keyspace notifications (commands/src/events.ts tells of the classes). */
import {
  type CommandContext,
  EVENT_EXPIRED,
  EVENT_KEY_MISS,
  EVENT_KEYEVENT,
  EVENT_KEYSPACE,
  EVENT_NEW,
  type KeyEvents,
  keysOf,
  type TableRow,
} from "@hearthkv/commands";
import { type Keyspace, TYPE_NONE } from "@hearthkv/engine";
import { type EventListener, watchKey } from "../waiting/key-observer.js";
import type { PubSub } from "./pubsub.js";

const CHANNELS = EVENT_KEYSPACE | EVENT_KEYEVENT;

/** One per server. */
export class PublishedEvents implements KeyEvents, EventListener {
  /** As notify-keyspace-events says, channels included. */
  #asked = 0;
  classes = 0;
  readonly #keyspace: Keyspace;
  readonly #pubsub: PubSub;
  readonly #interestChanged: () => void;
  /** Keys that the running command may make: those it names that were not there before it. */
  readonly #absent = new Set<string>();

  constructor(keyspace: Keyspace, pubsub: PubSub, interestChanged: () => void) {
    this.#keyspace = keyspace;
    this.#pubsub = pubsub;
    this.#interestChanged = interestChanged;
  }

  /** Classes and channels that are asked for. */
  get asked(): number {
    return this.#asked;
  }

  set asked(asked: number) {
    this.#asked = asked;
    this.classes = (asked & CHANNELS) === 0 ? 0 : asked & ~CHANNELS;
    this.#absent.clear();
    this.#interestChanged();
  }

  /** Whether the engine is to tell what no command sees. */
  get interested(): boolean {
    return (this.classes & (EVENT_EXPIRED | EVENT_KEY_MISS)) !== 0;
  }

  /** To be called before a command that writes, while EVENT_NEW is wanted. */
  before({ db, request }: CommandContext, row: TableRow): void {
    this.#absent.clear();
    for (const { index } of keysOf(row, request)) {
      const [off, len] = [request.off[index] as number, request.len[index] as number];
      if (db.keys.lookup(request.buf, off, len) === TYPE_NONE) this.#absent.add(watchKey(db.index, request.str(index)));
    }
  }

  tell(eventClass: number, event: string, db: number, buf: Uint8Array, off: number, len: number): void {
    if (this.#absent.size > 0) this.#tellNew(eventClass, db, buf, off, len);
    if ((this.classes & eventClass) !== 0) this.#publish(event, db, buf, off, len);
  }

  expired(db: number, buf: Uint8Array, off: number, len: number): void {
    this.tell(EVENT_EXPIRED, "expired", db, buf, off, len);
  }

  missed(db: number, buf: Uint8Array, off: number, len: number): void {
    this.tell(EVENT_KEY_MISS, "keymiss", db, buf, off, len);
  }

  /** In front of a key's first event: "new", if the command made it, unless that is what it tells by itself. */
  #tellNew(eventClass: number, db: number, buf: Uint8Array, off: number, len: number): void {
    const id = watchKey(db, latin1(buf, off, len));
    if (!this.#absent.has(id) || this.#keyspace.db(db).keys.locate(buf, off, len) === 0) return;
    this.#absent.delete(id);
    if (eventClass !== EVENT_NEW) this.#publish("new", db, buf, off, len);
  }

  #publish(event: string, db: number, buf: Uint8Array, off: number, len: number): void {
    if ((this.#asked & EVENT_KEYSPACE) !== 0) {
      const name = Buffer.from(event, "latin1");
      this.#pubsub.publish(`__keyspace@${db}__:${latin1(buf, off, len)}`, name, 0, name.length);
    }
    if ((this.#asked & EVENT_KEYEVENT) !== 0) this.#pubsub.publish(`__keyevent@${db}__:${event}`, buf, off, len);
  }
}

function latin1(buf: Uint8Array, off: number, len: number): string {
  return Buffer.from(buf.buffer, buf.byteOffset + off, len).toString("latin1");
}

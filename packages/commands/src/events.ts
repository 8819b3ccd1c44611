/**
 * Keyspace notifications: a command tells of what it did to each key, right behind the change, in the order and with the words of Redis.
 *
 *   notify(ctx, EVENT_STRING, "set", 1);                  the key at argument 1
 *   notifyTaken(ctx, EVENT_LIST, "lpop", 1);              the same, and "del" where the key went with its last element
 *
 * It costs two loads and a branch while nobody has asked (notify-keyspace-events). Who expires or misses a key need not tell: the engine does.
 */
import { TYPE_NONE } from "@hearthkv/engine";
import { lookupAt } from "./arguments/arguments.js";
import type { CommandContext } from "./context.js";

/** Classes of events, one bit each, with their letters in notify-keyspace-events, in the order in which CONFIG GET shows them. */
export const EVENT_GENERIC = 1;
export const EVENT_STRING = 2;
export const EVENT_LIST = 4;
export const EVENT_SET = 8;
export const EVENT_HASH = 16;
export const EVENT_ZSET = 32;
export const EVENT_EXPIRED = 64;
export const EVENT_EVICTED = 128;
export const EVENT_STREAM = 256;
export const EVENT_MODULE = 512;
export const EVENT_KEY_MISS = 1024;
/** A key was made: told in front of the event that made it. Not among A. */
export const EVENT_NEW = 2048;
/** Not classes but channels: __keyspace@0__:key, and __keyevent@0__:event. */
export const EVENT_KEYSPACE = 4096;
export const EVENT_KEYEVENT = 8192;

const ALL_LETTERS = "g$lshzxetd";
const ALL = (1 << ALL_LETTERS.length) - 1;
const OTHER_LETTERS: readonly (readonly [string, number])[] = [
  ["K", EVENT_KEYSPACE],
  ["E", EVENT_KEYEVENT],
  ["m", EVENT_KEY_MISS],
];

/** Who wants to know of events; the server publishes them. */
export interface KeyEvents {
  /** Classes that are published; 0 where none are, or on no channel. */
  readonly classes: number;
  /** Publishes one event, if its class is wanted. */
  tell(eventClass: number, event: string, db: number, buf: Uint8Array, off: number, len: number): void;
}

/** For keyspaces that nobody listens to. */
export const NO_EVENTS: KeyEvents = { classes: 0, tell: () => {} };

/** Tells that `event` has happened to the key at argument `i`, in the current database or in `db`. */
export function notify(ctx: CommandContext, eventClass: number, event: string, i: number, db = -1): void {
  const { events } = ctx;
  if ((events.classes & (eventClass | EVENT_NEW)) === 0) return;
  const r = ctx.request;
  events.tell(eventClass, event, db < 0 ? ctx.db.index : db, r.buf, r.off[i], r.len[i]);
}

/**
 * Tells that the key at argument `i` was made where another one may have been: what RENAME, COPY or RESTORE replaces is deleted first, so the key is new. All other keys
 * that a command makes in the current database need not be told: they are those it names that were not there before.
 */
export function notifyNew(ctx: CommandContext, i: number, db = -1): void {
  notify(ctx, EVENT_NEW, "new", i, db);
}

/** As notify, for elements that were taken from a collection: behind it comes "del" where the key is gone. */
export function notifyTaken(ctx: CommandContext, eventClass: number, event: string, i: number): void {
  if (ctx.events.classes === 0) return;
  notify(ctx, eventClass, event, i);
  if (lookupAt(ctx, i) === TYPE_NONE) notify(ctx, EVENT_GENERIC, "del", i);
}

/** As notify, for a result that was stored in place of what the key held; an empty one deletes it. @param existed whether it held something */
export function notifyStored(ctx: CommandContext, eventClass: number, i: number, size: number, existed: boolean): void {
  if (size > 0) notify(ctx, eventClass, ctx.row.name, i);
  else if (existed) notify(ctx, EVENT_GENERIC, "del", i);
}

/** Reads notify-keyspace-events; null where a letter means nothing. "n" is taken and, as in Redis, not shown. */
export function parseEventClasses(text: string): number | null {
  let classes = 0;
  for (const letter of text) {
    const nth = ALL_LETTERS.indexOf(letter);
    const other = OTHER_LETTERS.find(([name]) => name === letter);
    if (letter === "A") classes |= ALL;
    else if (letter === "n") classes |= EVENT_NEW;
    else if (nth >= 0) classes |= 1 << nth;
    else if (other !== undefined) classes |= other[1];
    else return null;
  }
  return classes;
}

/** The text that CONFIG GET shows for these classes. */
export function formatEventClasses(classes: number): string {
  const single = [...ALL_LETTERS].filter((_, nth) => (classes & (1 << nth)) !== 0).join("");
  const others = OTHER_LETTERS.filter(([, bit]) => (classes & bit) !== 0).map(([letter]) => letter);
  return ((classes & ALL) === ALL ? "A" : single) + others.join("");
}

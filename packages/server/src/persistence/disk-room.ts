import { statfsSync } from "node:fs";
import { type Directory, fileNames } from "@hearthkv/durability";
import * as slot from "./slots.js";

/** While the log grows, so often is looked how much room there is. */
const ROOM_LOOK_MS = 100;

/** Bytes that are free, to this user, on the disk of a directory; Infinity where the file system does not tell. */
export function freeBytesAt(path: string): number {
  try {
    const { bavail, blocks, bsize } = statfsSync(path);
    // Some do not know, and say 0 of 0.
    return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Tells main how much room the log takes, and how much there is. Times are milliseconds of a monotonic clock. */
export class RoomTeller {
  readonly #path: string;
  readonly #dir: Directory;
  readonly #control: Int32Array;
  readonly #post: (message: slot.FromWorker) => void;
  #toldMs = Number.NEGATIVE_INFINITY;

  /** `path`: of the data directory. */
  constructor(path: string, dir: Directory, control: Int32Array, post: (message: slot.FromWorker) => void) {
    this.#path = path;
    this.#dir = dir;
    this.#control = control;
    this.#post = post;
  }

  /** How many segments there are, how long those are that are finished, and the room. */
  tellSegments(nowMs: number): void {
    let finishedBytes = 0;
    // Where others keep a hundred thousand files in the directory, listing it takes longer than a worker may stand still.
    Atomics.add(this.#control, slot.IN_LONG_CALL, 1);
    try {
      const names = fileNames.segmentNames(this.#dir.list());
      for (const name of names) if (name !== fileNames.WAL_CURRENT) finishedBytes += this.#dir.size(name);
      this.#post({ type: "segments", count: names.length, finishedBytes });
      this.tellRoom(nowMs);
    } catch {
      // Only figures for INFO: the next time will do.
    } finally {
      Atomics.sub(this.#control, slot.IN_LONG_CALL, 1);
    }
  }

  /** The log has grown. */
  grown(nowMs: number): void {
    if (nowMs - this.#toldMs >= ROOM_LOOK_MS) this.tellRoom(nowMs);
  }

  tellRoom(nowMs: number): void {
    this.#toldMs = nowMs;
    const freeBytes = freeBytesAt(this.#path);
    // Where nothing is told the last figure stands: at first that is none.
    if (freeBytes !== Number.POSITIVE_INFINITY) this.#post({ type: "room", freeBytes });
  }
}

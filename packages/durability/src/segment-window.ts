import { type Directory, readFully } from "./disk.js";

const WINDOW_BYTES = 4 * 1024 * 1024;

/** A range of a file in memory that follows a reader forward; it grows only for an entry larger than itself. */
export class SegmentWindow {
  bytes: Uint8Array;
  /** Nothing is read from here on. Lower than it was given when the file turned out to be shorter. */
  end: number;
  /** Called before other bytes take the place of these. */
  beforeMove: () => void = () => {};
  readonly #dir: Directory;
  readonly #fd: number;
  readonly #name: string;
  #start = 0;
  #filled = 0;

  constructor(dir: Directory, fd: number, name: string, end: number) {
    this.#dir = dir;
    this.#fd = fd;
    this.#name = name;
    this.end = end;
    this.bytes = new Uint8Array(Math.min(WINDOW_BYTES, Math.max(end, 1)));
  }

  /** Index in `bytes` at which `length` bytes of the file from `at` lie; -1 where the file ends before. */
  index(at: number, length: number): number {
    if (at >= this.#start && at + length <= this.#start + this.#filled) return at - this.#start;
    return this.#load(at, length);
  }

  #load(at: number, length: number): number {
    if (at + length > this.end) return -1;
    this.beforeMove();
    if (length > this.bytes.length) this.bytes = new Uint8Array(Math.max(length, WINDOW_BYTES));
    const count = Math.min(this.bytes.length, this.end - at);
    this.#start = at;
    this.#filled = readFully(this.#dir, this.#fd, this.#name, this.bytes, 0, count, at);
    if (this.#filled < count) this.end = at + this.#filled;
    return this.#filled < length ? -1 : 0;
  }
}

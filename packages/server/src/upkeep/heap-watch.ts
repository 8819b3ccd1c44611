/**
 * How full the JavaScript heap is. A process whose heap reaches its limit is ended by V8, with all its clients; so a server warns before, and
 * near the end refuses what may add data, as Redis does at maxmemory. Data lies outside of this heap, except for the objects of open collections; on
 * it are clients and what they subscribe to.
 *
 * Nobody counts what goes to the heap: V8 is asked, which costs half a microsecond, ten times a second and after some thousands of commands, and from
 * WARN_SHARE on before each batch of them. Between two looks the heap then grows by what one batch adds there.
 *
 * What is used includes garbage. V8 marks at the latest when half of what the last collection left free is used, so at WARN_SHARE three fifths
 * are not garbage. At FULL_SHARE the heap is collected first, and only what is left counts: that takes up to a second for each GB, a
 * quarter of it where V8 has begun already, as it has so near its limit as a rule. While commands are refused little is allocated, so V8 has no reason to collect what is
 * deleted: it is done here again after a while, sooner when much of the data is gone.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Logger } from "pino";
import type { Clock } from "../clock.js";

const WARN_SHARE = 0.8;
/** It is told again after it has fallen below this part of what it was told at. */
const CALM_SHARE = 0.9;
const FULL_SHARE = 0.95;
const MIB = 1024 * 1024;
/** But so much stays free at least: V8 counts whole pages, and needs room for all young objects whenever it moves them. */
const RESERVE_BYTES = 16 * MIB;
/** Who was refused is served again when a fiftieth of the limit has become free. */
const FREE_SHARE = 0.02;
/** Between two collections so many times the length of one passes: a twentieth of the time goes into them at most. */
const REST = 20;
/** While commands are refused, so long at least, unless this share of the limit has been deleted. */
const REFUSING_REST_MS = 5000;
const DELETED_SHARE = 0.01;
/**
 * V8's limit is that of old objects and of young ones together, and what ends the process is the former. It does not tell them apart: unless a flag
 * says so, the young ones have 48 of 4144 MB (Node 20, 22) or 192 of 4288 (Node 24).
 */
const OLD_SHARE = 4096 / 4288;

/** One per server. */
export class HeapWatch {
  /** Bytes that V8 may use for objects that have lived for a while, as all may that are not garbage. */
  readonly limit = oldLimit();
  readonly #fullAt = Math.min(this.limit * FULL_SHARE, this.limit - RESERVE_BYTES);
  readonly #warnAt = this.#fullAt * (WARN_SHARE / FULL_SHARE);
  /** Bytes of all objects when the server was made. */
  readonly startupBytes = getHeapStatistics().used_heap_size;
  /** What may add data is to be refused. */
  full = false;
  /** Called when it has become full. */
  onFull: () => void = () => {};

  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #dataBytes: () => number;
  /** Bytes of all objects, garbage included, at the last look. */
  #used = 0;
  /** What was told since it was last calm: 1 = it is nearly full, 2 = it is full. */
  #told = 0;
  #young: Collection | null = null;
  #all: Collection | null = null;
  #deletedFrom = 0;

  /** @param dataBytes what all keys and values take */
  constructor(logger: Logger, clock: Clock, dataBytes: () => number) {
    this.#logger = logger;
    this.#clock = clock;
    this.#dataBytes = dataBytes;
    // Near the limit V8 also ends a process that spends most of its time in collections, be there memory left or not.
    setFlagsFromString("--no-detect-ineffective-gcs-near-heap-limit");
  }

  /** It is to be looked at before each batch of commands. */
  get near(): boolean {
    return this.#used >= this.#warnAt;
  }

  /** Takes the present figure and decides. */
  look(): void {
    this.#used = getHeapStatistics().used_heap_size;
    const mark = this.full ? this.#fullAt - this.limit * FREE_SHARE : this.#fullAt;
    if (this.#used >= mark) this.#collect(mark);
    const wasFull = this.full;
    this.full = this.#used >= mark;
    if (this.full && !wasFull) this.onFull();
    if (this.near) this.#tell();
    else if (this.#used < this.#warnAt * CALM_SHARE) this.#told = 0;
  }

  /** First the young objects, in about a millisecond: what is used for a reply is garbage soon. Then all, where that is worth its time. */
  #collect(mark: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#young ??= new Collection(this.#clock, "minor");
    this.#all ??= new Collection(this.#clock, "major");
    if (this.#young.hasRested(nowMs, 0)) this.#used = this.#young.run();
    if (this.#used < mark || !this.#all.hasRested(nowMs, this.#restMs())) return;
    this.#used = this.#all.run();
    this.#deletedFrom = this.#dataBytes();
  }

  #restMs(): number {
    const deleted = this.#deletedFrom - this.#dataBytes();
    return this.full && deleted < this.limit * DELETED_SHARE ? REFUSING_REST_MS : 0;
  }

  #tell(): void {
    const level = this.full ? 2 : 1;
    if (level <= this.#told) return;
    this.#told = level;
    const figures = { used: this.#used, limit: this.limit };
    const size = `${Math.round(this.#used / MIB)} of ${Math.round(this.limit / MIB)} MB are used`;
    const advice = "start with NODE_OPTIONS=--max-old-space-size=MB for a larger one";
    if (this.full) {
      this.#logger.error(
        figures,
        `the JavaScript heap is full: ${size}; commands that may add data are refused with OOM until something is deleted; ${advice}`,
      );
    } else {
      const mark = `at ${Math.round(this.#fullAt / MIB)} MB commands that may add data are refused`;
      this.#logger.warn(figures, `the JavaScript heap is nearly full: ${size}; ${mark}; ${advice}`);
    }
  }
}

/** What the flag --expose-gc gives, which is the only door to it. */
class Collection {
  #endMs = Number.NEGATIVE_INFINITY;
  #lengthMs = 0;
  readonly #clock: Clock;
  readonly #run: () => void;

  constructor(clock: Clock, type: "minor" | "major") {
    this.#clock = clock;
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as (options?: { type: "minor" }) => void;
    // Without options: Node 20 takes any for those of a minor one.
    this.#run = type === "minor" ? () => gc({ type }) : () => gc();
  }

  /** Whether REST times its length, and `leastMs`, have passed since it ended. */
  hasRested(nowMs: number, leastMs: number): boolean {
    return nowMs - this.#endMs >= Math.max(leastMs, this.#lengthMs * REST);
  }

  /** Collects, and returns the bytes of all objects that are left. */
  run(): number {
    const startMs = this.#clock.monotonicMs();
    this.#run();
    this.#endMs = this.#clock.monotonicMs();
    this.#lengthMs = this.#endMs - startMs;
    return getHeapStatistics().used_heap_size;
  }
}

function oldLimit(): number {
  const flags = [process.env.NODE_OPTIONS ?? "", ...process.execArgv].join(" ");
  const given = [...flags.matchAll(/--max[-_]old[-_]space[-_]size[= ](\d+)/g)].at(-1)?.[1];
  const all = getHeapStatistics().heap_size_limit;
  return given === undefined ? Math.floor(all * OLD_SHARE) : Math.min(all, Number(given) * MIB);
}

/**
 * The serving thread's end of the log: seals entries in the ring, writes them to the segment when that is free, hands them to the
 * worker otherwise. slots.ts has the picture.
 *
 * What keeps it right:
 *   - an entry is encoded and sealed behind HEAD, where no drainer looks, and HEAD moves only to the edge of an entry;
 *   - only the holder of DRAIN_LOCK moves TAIL; main tries the lock and never waits for it;
 *   - main writes only what it can write whole, now: not while the file failed or is to be rotated, nor while an fsync of it takes long;
 *   - order is kept by never putting an entry into the ring while an earlier one still waits beside it (`#aside`).
 */
import { writeSync } from "node:fs";
import { ENTRY_HEADER_BYTES, ENTRY_TRAILER_BYTES, MAX_PAYLOAD_BYTES, sealEntry } from "@hearthkv/durability";
import type { EffectLog } from "@hearthkv/engine";
import { AsideQueue } from "./aside-queue.js";
import { QuickSync } from "./quick-sync.js";
import { DrainRange, nextRange } from "./ring.js";
import * as slot from "./slots.js";

/** Nearer to a lap's end than this the next entry goes to the next lap: most would have to be moved there anyway. */
const LAP_REST_BYTES_MAX = 4096;
const LAP_REST_SHARE = 1 / 16;
/** Once it is empty the ring begins anew beyond this share of it: what is never touched never becomes resident. */
const REWIND_SHARE = 1 / 16;
/** A write(2) slower than this means that the kernel is holding writers back: the worker writes for a while. */
const SLOW_WRITE_MS = 20;
const HAND_OVER_MS = 1000;
/**
 * An fdatasync that takes longer than this gets the file for itself. A short one does not hold up write(2), and handing over for it would cost
 * more than it: five percent of the time at pipeline 1.
 */
const FSYNC_QUICK_MS = 10;

export interface ChannelOptions {
  readonly control: Int32Array;
  readonly ring: SharedArrayBuffer;
  readonly effects: EffectLog;
  readonly generation: number;
  readonly walMaxBytes: number;
  /** Sends a message to the worker, without waking it. */
  readonly post: (message: slot.ToWorker, transfer: ArrayBuffer[]) => void;
  /** Whether the directory is still this process's at `nowMs`: nothing may be written otherwise. */
  readonly mayWrite: (nowMs: number) => boolean;
  /** Milliseconds of a monotonic clock, by which main's fdatasyncs are quick or slow. Default performance.now. */
  readonly syncClock?: () => number;
}

export class LogChannel {
  /** Bytes of entries committed since the start. */
  committedBytes = 0;
  readonly #control: Int32Array;
  readonly #ring: Uint8Array;
  readonly #effects: EffectLog;
  readonly #options: ChannelOptions;
  readonly #generation: number;
  readonly #highWater: number;
  readonly #lowWater: number;
  readonly #oversizeAbove: number;
  readonly #lapRest: number;
  readonly #rewindAbove: number;
  readonly #range = new DrainRange();
  readonly #aside = new AsideQueue();
  readonly #quickSync: QuickSync;
  #level = slot.ACK_WRITTEN;
  /** Sequence of the last committed entry, of the last one in the ring (or in flight beside it), of the last published one. */
  #last = 0;
  #placed = 0;
  #published = 0;
  #head = 0;
  #publishedHead = 0;
  /** Highest synced sequence, as of the first entry of this turn: entries carry it. */
  #synced = 0;
  /** Offset behind the region lent to the effects. */
  #regionEnd = 0;
  #congested = false;
  #failed = false;
  #handOverUntilMs = 0;
  /** When the fdatasync that is under way was first seen, and how many had ended then; 0 = none is. */
  #fsyncSeenMs = 0;
  #fsyncsSeen = 0;

  constructor(options: ChannelOptions) {
    const ringBytes = options.ring.byteLength;
    this.#options = options;
    this.#control = options.control;
    this.#quickSync = new QuickSync(options.control, options.syncClock);
    this.#ring = new Uint8Array(options.ring);
    this.#effects = options.effects;
    // What would not fit one entry is refused before it changes anything.
    options.effects.payloadBytesMax = MAX_PAYLOAD_BYTES;
    this.#generation = options.generation;
    this.#highWater = ringBytes * slot.HIGH_WATER;
    this.#lowWater = ringBytes * slot.LOW_WATER;
    this.#oversizeAbove = ringBytes * slot.OVERSIZE_SHARE;
    this.#rewindAbove = ringBytes * REWIND_SHARE;
    this.#lapRest = Math.min(LAP_REST_BYTES_MAX, ringBytes * LAP_REST_SHARE);
  }

  /** The first commit may come: `lastSequence` was recovered, and the control slots say where the log stands. */
  begin(lastSequence: number): void {
    this.#last = this.#placed = this.#published = lastSequence;
    this.#synced = this.syncedSequence();
    this.#head = this.#publishedHead = Atomics.load(this.#control, slot.HEAD);
    this.#lend();
  }

  get lastSequence(): number {
    return this.#last;
  }

  /** Bytes committed that the file does not have yet. */
  get waitingBytes(): number {
    return this.#used() + this.#aside.bytes;
  }

  /** Entries wait outside the ring. */
  get hasAside(): boolean {
    return this.#aside.length > 0;
  }

  get ackLevel(): number {
    return this.#level;
  }

  set ackLevel(level: number) {
    this.#level = level;
    Atomics.store(this.#control, slot.ACK_LEVEL, level);
    this.turn();
    this.wake(true);
  }

  writtenSequence(): number {
    return slot.widenSequence(Atomics.load(this.#control, slot.WRITTEN_SEQUENCE), this.#last);
  }

  syncedSequence(): number {
    return slot.widenSequence(Atomics.load(this.#control, slot.SYNCED_SEQUENCE), this.#last);
  }

  ackedSequence(): number {
    if (this.#level === slot.ACK_WRITTEN) return this.writtenSequence();
    return this.#level === slot.ACK_SYNCED ? this.syncedSequence() : this.#last;
  }

  /**
   * Makes one entry of what the effects hold. Hot: some 100 ns besides the checksum, nothing allocated. The first entry of a turn looks what is synced:
   * the last turn's end may be long ago, and all that was synced since is proven by what this entry says.
   */
  commit(nowMs: number): void {
    const effects = this.#effects;
    if (effects.count === 0) return;
    if (effects.spilled) {
      this.#commitSpilled(nowMs);
      return;
    }
    const bytes = this.#ring;
    const payload = effects.start;
    const start = payload - ENTRY_HEADER_BYTES;
    const sequence = this.#last + 1;
    if (this.#placed === this.#published) this.#synced = this.syncedSequence();
    const lag = sequence - this.#synced;
    const end = sealEntry(bytes, start, effects.pos - payload, sequence, nowMs, effects.op, lag, this.#generation);
    this.#last = sequence;
    this.#placed = sequence;
    this.#head = (this.#head + end - start) | 0;
    this.committedBytes += end - start;
    if (end + this.#lapRest <= this.#regionEnd) {
      effects.target(bytes, end + ENTRY_HEADER_BYTES, this.#regionEnd - ENTRY_TRAILER_BYTES);
    } else {
      if (end === bytes.length) Atomics.store(this.#control, slot.WRAP_AT, this.#head);
      this.#lend();
    }
  }

  /**
   * The end of a turn. With level "synced" a quick fdatasync is made at once. What is written during one of the worker's would only wait for the next: it
   * stays in the ring, and the word of the fdatasync's end writes it all at once. So there are fewer and larger groups.
   */
  endTurn(): void {
    const synced = this.#level === slot.ACK_SYNCED;
    if (synced && !this.#congested && !this.#failed && this.#aside.length === 0 && this.#waitsForFsync()) return;
    this.#write(synced);
  }

  /** Writes or hands over what was committed, and asks for word of what still waits. */
  turn(): void {
    this.#write(false);
  }

  /** Whether an fdatasync of the worker's is under way, of whose end there will be word. */
  #waitsForFsync(): boolean {
    const control = this.#control;
    if (Atomics.load(control, slot.FSYNC_IN_FLIGHT) === 0) return false;
    // The wish first, then the look: the worker does it the other way round, so one of the two sees the other.
    this.#synced = this.syncedSequence();
    if (this.#synced < this.#last) this.#want(slot.PROGRESS_SYNCED);
    return Atomics.load(control, slot.FSYNC_IN_FLIGHT) === 1;
  }

  /** For turn(). `syncs`: an fdatasync may follow, if it is quick. */
  #write(syncs: boolean): void {
    if (this.#aside.length > 0) this.#placeAside();
    if (this.#head !== this.#publishedHead || this.#placed !== this.#published) {
      if (this.#level !== slot.ACK_MEMORY && this.#drain(syncs)) {
        this.wake(this.#level === slot.ACK_SYNCED && this.syncedSequence() < this.#last);
      } else {
        this.#publish();
        this.wake(this.#level !== slot.ACK_MEMORY);
      }
    }
    if (this.#level === slot.ACK_WRITTEN) {
      if (this.writtenSequence() < this.#last) this.#want(slot.PROGRESS_WRITTEN);
    } else if (this.#level === slot.ACK_SYNCED && this.syncedSequence() < this.#last) {
      this.#want(slot.PROGRESS_SYNCED);
    }
    if (this.#congested || this.#aside.length > 0) {
      this.#congested = true;
      this.#relieve();
    }
  }

  /**
   * Too much waits for the disk. While the disk fails this is false: writes are refused then, and reads shall go on.
   */
  get congested(): boolean {
    if (!this.#congested) {
      if (this.#hasRoom(this.#highWater)) return false;
      this.#congest();
    }
    return this.#congested && !this.#failed;
  }

  /** Whether the disk fails at present. */
  set failed(failed: boolean) {
    this.#failed = failed;
  }

  /** Asks for an fdatasync of everything committed, and for word of it. */
  requestSync(): void {
    Atomics.store(this.#control, slot.SYNC_WANTED, 1);
    this.turn();
    this.#want(slot.PROGRESS_SYNCED);
    this.wake(true);
  }

  /** Ends the worker's sleep. `urgent`: it has to write or sync at once; otherwise only a sleep without an end is ended. */
  wake(urgent: boolean): void {
    const control = this.#control;
    const sleep = Atomics.load(control, slot.SLEEPING);
    const idle = sleep === slot.SLEEP_IDLE || sleep === slot.SLEEP_LOOP_IDLE;
    if (sleep === slot.SLEEP_NONE || (!urgent && !idle)) return;
    if (Atomics.compareExchange(control, slot.SLEEPING, sleep, slot.SLEEP_NONE) !== sleep) return;
    if (sleep === slot.SLEEP_LOOP || sleep === slot.SLEEP_LOOP_IDLE) {
      this.#options.post({ type: "wake" }, []);
    } else {
      Atomics.add(control, slot.WAKE, 1);
      Atomics.notify(control, slot.WAKE);
    }
  }

  #used(): number {
    return (this.#head - Atomics.load(this.#control, slot.TAIL)) >>> 0;
  }

  #want(progress: number): void {
    Atomics.or(this.#control, slot.PROGRESS_WANTED, progress);
  }

  #hasRoom(usedMax: number): boolean {
    return (
      this.#used() <= usedMax && this.#aside.length === 0 && Atomics.load(this.#control, slot.OVERSIZE_PENDING) === 0
    );
  }

  #congest(): void {
    if (this.#level !== slot.ACK_MEMORY) this.turn();
    if (this.#hasRoom(this.#lowWater)) return;
    this.#congested = true;
    this.#publish();
    this.#relieve();
    this.wake(true);
  }

  #relieve(): void {
    // The wish first, then the look: the worker does it the other way round, so one of the two sees the other.
    this.#want(slot.PROGRESS_ROOM);
    if (this.#hasRoom(this.#lowWater)) this.#congested = false;
  }

  #publish(): void {
    const control = this.#control;
    const sequence = this.#placed | 0;
    this.#publishedHead = this.#head;
    this.#published = this.#placed;
    Atomics.store(control, slot.HEAD_SEQUENCE_BEFORE, sequence);
    Atomics.store(control, slot.HEAD, this.#head);
    Atomics.store(control, slot.HEAD_SEQUENCE_AFTER, sequence);
  }

  /** Publishes and writes everything, if that needs no waiting. False: it is the worker's. `syncs`: as with #write. */
  #drain(syncs: boolean): boolean {
    const control = this.#control;
    if (Atomics.compareExchange(control, slot.DRAIN_LOCK, 0, 1) !== 0) return false;
    let done = false;
    const free =
      !this.#fsyncIsLong() &&
      Atomics.load(control, slot.FAILED) === 0 &&
      Atomics.load(control, slot.SYNC_ERRNO) === 0 &&
      Atomics.load(control, slot.OVERSIZE_PENDING) === 0 &&
      Atomics.load(control, slot.TAIL_PARTIAL) === 0 &&
      Atomics.load(control, slot.PAUSED) === 0;
    if (free) {
      this.#publish();
      const bytes = this.#used();
      done = this.#writeOut();
      if (done && syncs) this.#quickSync.run(this.#placed, bytes);
    }
    Atomics.store(control, slot.DRAIN_LOCK, 0);
    return done;
  }

  /** Whether an fdatasync has been under way for long. */
  #fsyncIsLong(): boolean {
    if (Atomics.load(this.#control, slot.FSYNC_IN_FLIGHT) === 0) {
      this.#fsyncSeenMs = 0;
      return false;
    }
    const nowMs = performance.now();
    const fsyncs = Atomics.load(this.#control, slot.FSYNCS);
    // Another one than at the last look: it began since.
    if (this.#fsyncSeenMs === 0 || fsyncs !== this.#fsyncsSeen) this.#fsyncSeenMs = nowMs;
    this.#fsyncsSeen = fsyncs;
    return nowMs - this.#fsyncSeenMs > FSYNC_QUICK_MS;
  }

  #writeOut(): boolean {
    const control = this.#control;
    const range = this.#range;
    const startMs = performance.now();
    if (startMs < this.#handOverUntilMs || !this.#options.mayWrite(startMs)) return false;
    const fd = Atomics.load(control, slot.SEGMENT_FD);
    let tail = Atomics.load(control, slot.TAIL);
    while (tail !== this.#head) {
      if (!nextRange(control, this.#ring.length, tail, this.#head, range)) return false;
      if (range.bytes > 0 && !this.#writeRange(fd, range)) return false;
      tail = range.next;
      Atomics.store(control, slot.TAIL, tail);
    }
    Atomics.store(control, slot.WRITTEN_SEQUENCE, this.#placed | 0);
    if ((this.#head & (this.#ring.length - 1)) > this.#rewindAbove) this.#rewind();
    const nowMs = performance.now();
    if (nowMs - startMs > SLOW_WRITE_MS) this.#handOverUntilMs = nowMs + HAND_OVER_MS;
    return true;
  }

  #writeRange(fd: number, range: DrainRange): boolean {
    const control = this.#control;
    const segmentBytes = Atomics.load(control, slot.SEGMENT_BYTES) >>> 0;
    if (segmentBytes + range.bytes > this.#options.walMaxBytes) return false;
    let written = 0;
    try {
      written = writeSync(fd, this.#ring, range.offset, range.bytes);
    } catch {
      // The worker will meet the same error, report it, and go on trying.
      return false;
    }
    Atomics.store(control, slot.SEGMENT_BYTES, segmentBytes + written);
    if (written === range.bytes) return true;
    Atomics.store(control, slot.TAIL_PARTIAL, written);
    return false;
  }

  /** Lends the effects the region behind HEAD for the next entry: an empty one (all spills) while entries wait aside. */
  #lend(): void {
    const ringBytes = this.#ring.length;
    if (this.#aside.length > 0) {
      this.#regionEnd = 0;
      this.#effects.target(this.#ring, 0, -1);
      return;
    }
    let free = ringBytes - this.#used();
    const lapLeft = ringBytes - (this.#head & (ringBytes - 1));
    if (lapLeft < this.#lapRest && free > lapLeft) {
      this.#nextLap(lapLeft);
      free -= lapLeft;
    }
    const offset = this.#head & (ringBytes - 1);
    this.#regionEnd = Math.min(ringBytes, offset + free);
    this.#effects.target(this.#ring, offset + ENTRY_HEADER_BYTES, this.#regionEnd - ENTRY_TRAILER_BYTES);
  }

  /** The ring is empty: goes on at its beginning. With the lock. */
  #rewind(): void {
    // An entry that is being made right now stays where it is.
    if (this.#aside.length > 0 || this.#effects.count > 0) return;
    const ringBytes = this.#ring.length;
    this.#nextLap(ringBytes - (this.#head & (ringBytes - 1)));
    this.#publish();
    Atomics.store(this.#control, slot.TAIL, this.#head);
    this.#lend();
  }

  #nextLap(lapLeft: number): void {
    Atomics.store(this.#control, slot.WRAP_AT, this.#head);
    this.#head = (this.#head + lapLeft) | 0;
  }

  /** An entry that outgrew the lent region: it is in a buffer of the effects', with room around it for the frame. */
  #commitSpilled(nowMs: number): void {
    const effects = this.#effects;
    const payloadBytes = effects.pos - effects.start;
    const sequence = this.#last + 1;
    const start = effects.start - ENTRY_HEADER_BYTES;
    const lag = sequence - this.syncedSequence();
    const end = sealEntry(effects.bytes, start, payloadBytes, sequence, nowMs, effects.op, lag, this.#generation);
    this.#last = sequence;
    this.committedBytes += end - start;
    const entry = effects.bytes.subarray(start, end);
    if (this.#aside.length > 0 || entry.length > this.#oversizeAbove || !this.#copyIn(entry)) {
      this.#aside.push(entry, sequence);
      this.#placeAside();
    } else {
      this.#placed = sequence;
    }
    this.#lend();
  }

  /** Moves what waits aside into the ring, or on its way as a message, as far as there is room. */
  #placeAside(): void {
    const aside = this.#aside;
    while (aside.length > 0) {
      const entry = aside.first;
      if (!(entry.length > this.#oversizeAbove ? this.#sendOversize(entry) : this.#copyIn(entry))) break;
      this.#placed = aside.firstSequence;
      aside.shift();
    }
    // An entry that is being made right now stays where it is.
    if (aside.length === 0 && this.#effects.count === 0) this.#lend();
  }

  #copyIn(entry: Uint8Array): boolean {
    const ringBytes = this.#ring.length;
    const free = ringBytes - this.#used();
    const lapLeft = ringBytes - (this.#head & (ringBytes - 1));
    const skip = entry.length > lapLeft ? lapLeft : 0;
    if (skip + entry.length > free) return false;
    if (skip > 0) this.#nextLap(skip);
    this.#ring.set(entry, this.#head & (ringBytes - 1));
    this.#head = (this.#head + entry.length) | 0;
    if ((this.#head & (ringBytes - 1)) === 0) Atomics.store(this.#control, slot.WRAP_AT, this.#head);
    return true;
  }

  #sendOversize(entry: Uint8Array): boolean {
    const control = this.#control;
    if (Atomics.load(control, slot.OVERSIZE_PENDING) === 1) return false;
    Atomics.store(control, slot.OVERSIZE_AT, this.#head);
    Atomics.store(control, slot.OVERSIZE_PENDING, 1);
    this.#options.post({ type: "oversize", bytes: entry }, [entry.buffer as ArrayBuffer]);
    return true;
  }
}

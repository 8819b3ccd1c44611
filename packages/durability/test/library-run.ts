import { vi } from "vitest";
import type { Codec } from "../src/codec.js";
import { crc32 } from "../src/crc.js";
import type { Directory } from "../src/disk.js";
import { StorageError, type StorageErrorCode } from "../src/errors.js";
import type { Durability } from "../src/log-options.js";
import { recoverState } from "../src/recover-state.js";
import { WriteAheadLog } from "../src/write-ahead-log.js";
import type { Subject } from "./power-loss.js";
import { intercepted } from "./support.js";

const MAX_ENTRY_BYTES = 900;
const QUIET_MS = 1000;
const LEVELS: readonly Durability[] = [{ level: "immediate" }, { level: "batched", writes: 5 }, { level: "eventual" }];
const text: Codec<string> = { encode: (entry) => Buffer.from(entry), decode: (bytes) => Buffer.from(bytes).toString() };

/** What a program keeps in memory: how many entries it has applied, and a digest of them in their order. */
class State {
  count = 0;
  digest = 0;

  apply(entry: string): void {
    const bytes = Buffer.from(entry);
    this.count++;
    this.digest = crc32(this.digest, bytes, 0, bytes.length);
  }

  copy(): State {
    return Object.assign(new State(), this);
  }

  /** In several parts, of several sizes. */
  *parts(): Generator<Uint8Array> {
    yield Buffer.from(String(this.count));
    yield Buffer.from("x".repeat((this.count * 37) % 700));
    yield Buffer.from(String(this.digest));
  }

  static of(parts: readonly Uint8Array[]): State {
    const state = new State();
    if (parts.length === 0) return state;
    const [count, filler, digest] = parts.map((part) => Buffer.from(part).toString());
    state.count = Number(count);
    state.digest = Number(digest);
    if (parts.length !== 3 || filler !== "x".repeat((state.count * 37) % 700)) throw new Error("other parts came back");
    return state;
  }
}

/** What was appended in one call: all of it is recovered, or nothing. */
interface Unit {
  readonly entries: readonly string[];
  /** Its last sequence; Infinity as long as the call has not come back. */
  last: number;
  /** The disk has refused a write while the call was under way: it may have been refused, and what came behind it not. */
  doubtful: boolean;
}

/** What a recovery must give: the effect of the first units, at least `required` of them; a doubtful one may be missing. */
interface Promised {
  readonly units: readonly Unit[];
  readonly required: number;
}

/** How to see that the campaign looks: each makes it fail. */
export interface LibraryControl {
  /** What has been accepted is taken for durable. */
  readonly acceptedIsDurable?: boolean;
  /** The entries of a batch are applied as they come, whether or not it is complete. */
  readonly countsBatchesOneByOne?: boolean;
}

/**
 * Stops the clock by which a log proves what is durable (proof.ts): a step of the program advances it. So each seed gives the same run.
 */
export function stopTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
}

/** Programs on a WriteAheadLog with batches, groups and checkpoints; judged by what they were told. */
export class Library implements Subject<Promised> {
  #units: Unit[] = [];
  #required = 0;
  readonly #control: LibraryControl;

  constructor(control: LibraryControl = {}) {
    this.#control = control;
  }

  get units(): readonly Unit[] {
    return this.#units;
  }

  expectation(): Promised {
    return { units: [...this.#units], required: this.#required };
  }

  add(unit: Unit): void {
    this.#units.push(unit);
  }

  /** It was refused, and is not in the log. */
  remove(unit: Unit): void {
    this.#units = this.#units.filter((other) => other !== unit);
  }

  /** The disk refused a write: whose it was will be told only when the log has gone on. */
  noteRefusal(): void {
    for (const unit of this.#units) unit.doubtful ||= unit.last === Number.POSITIVE_INFINITY;
  }

  /** Everything up to this sequence was said to be durable. */
  noteDurable(sequence: number): void {
    while (this.#required < this.#units.length && this.#units[this.#required]!.last <= sequence) this.#required++;
  }

  noteAccepted(): void {
    if (this.#control.acceptedIsDurable === true) this.noteDurable(Number.MAX_SAFE_INTEGER);
  }

  async recover(disk: Directory, expected: Promised, nowMs: number) {
    const { log, state, recovery } = await open(disk, { level: "immediate" }, () => nowMs, this.#control);
    const units = unitsOf(state, expected);
    await log.close();
    return {
      expected: { units, required: units.length },
      // The number of what it holds, not of what was written: a batch that was not completed has sequences, too.
      lastSequence: state.count,
      bytesCut: recovery.bytesCut,
    };
  }

  run(disk: Directory, random: () => number, run: number): LibraryRun {
    return new LibraryRun(this, disk, random, run, this.#control);
  }

  /** What has been recovered is there for good. */
  goOnWith(state: State): void {
    this.#units = [...unitsOf(state, this.expectation())];
    this.#required = this.#units.length;
    // Also those whose call never came back.
    for (const unit of this.#units) {
      unit.last = Math.min(unit.last, Number.MAX_SAFE_INTEGER);
      unit.doubtful = false;
    }
  }
}

/** The units whose effect the state is. Throws where there are none, or too few. */
function unitsOf(state: State, { units, required }: Promised): readonly Unit[] {
  const held: Unit[] = [];
  if (!isEffectOf(state, units, new State(), held)) {
    throw new Error(`a state of ${state.count} entries is that of no number of the ${units.length} units`);
  }
  if (held.length >= required) return held;
  throw new Error(`${held.length} units were recovered, but ${required} of ${units.length} were durable`);
}

/** Whether some of `units`, added to `held`, make the state out of `model`. */
function isEffectOf(state: State, units: readonly Unit[], model: State, held: Unit[], from = 0): boolean {
  for (let i = from; ; i++) {
    if (model.count === state.count && model.digest === state.digest) return true;
    const unit = units[i];
    if (unit === undefined || model.count > state.count) return false;
    if (unit.doubtful) {
      const mark = held.length;
      if (isEffectOf(state, units, model.copy(), held, i + 1)) return true;
      held.length = mark;
    }
    for (const entry of unit.entries) model.apply(entry);
    held.push(unit);
  }
}

async function open(disk: Directory, durability: Durability, now: () => number, control: LibraryControl) {
  const parts: Uint8Array[] = [];
  let state: State | null = null;
  const loaded = () => {
    state ??= State.of(parts);
    return state;
  };
  const options = {
    codec: text,
    durability,
    maxSegmentBytes: 3000,
    maxSegmentEntries: 25,
    maxEntryBytes: 100_000,
    now,
  };
  if (control.countsBatchesOneByOne === true) {
    const receiver = {
      onMetadata() {},
      beginSection() {},
      onSnapshotEntries: (_id: number, bytes: Uint8Array, off: number, len: number) => {
        for (let at = off; at < off + len; ) {
          const length = Buffer.from(bytes.buffer, bytes.byteOffset + at, 4).readUInt32LE();
          parts.push(bytes.slice(at + 4, at + 4 + length));
          at += 4 + length;
        }
      },
      onEntry: (opType: number, _s: number, _t: number, bytes: Uint8Array, off: number, len: number) => {
        if (opType !== 2) loaded().apply(text.decode(bytes.slice(off, off + len)));
      },
    };
    const { log, recovery } = await WriteAheadLog.resumeInto(disk, options, receiver);
    return { log, state: loaded(), recovery };
  }
  const { log, applied, failed, checkpointSequence, recovery } = await recoverState({
    ...options,
    dir: disk,
    load: (part) => parts.push(part),
    apply: (entry) => loaded().apply(entry),
  });
  if (failed > 0) throw new Error(`${failed} entries could not be applied`);
  let replayed = 0;
  for await (const _ of log.replay(checkpointSequence)) replayed++;
  if (replayed !== applied) throw new Error(`recovery applied ${applied} entries, a replay gives ${replayed}`);
  return { log, state: loaded(), recovery };
}

/** One run of a program, which does what README.md asks of it. */
class LibraryRun {
  readonly #library: Library;
  readonly #disk: Directory;
  readonly #random: () => number;
  readonly #run: number;
  readonly #control: LibraryControl;
  #log: WriteAheadLog<string> | null = null;
  #state = new State();
  /** Sequence of the last entry that the state contains. */
  #sequence = 0;
  /** Of the newest checkpoint. The log below it may be damaged, where a failed sync was mended by it. */
  #checkpointSequence = 0;
  #made = 0;

  constructor(library: Library, disk: Directory, random: () => number, run: number, control: LibraryControl) {
    this.#library = library;
    this.#disk = intercepted(disk, (real) => ({
      write: (...write) => {
        try {
          return real.write(...write);
        } catch (error) {
          library.noteRefusal();
          throw error;
        }
      },
    }));
    this.#random = random;
    this.#run = run;
    this.#control = control;
  }

  async start(): Promise<boolean> {
    // The run before is dead: nothing of it writes a proof any more.
    vi.clearAllTimers();
    const level = LEVELS[Math.floor(this.#random() * LEVELS.length)]!;
    return await this.#attempt(async () => {
      const { log, state, recovery } = await open(this.#disk, level, () => this.#nowMs(), this.#control);
      this.#library.goOnWith(state);
      this.#log = log;
      this.#state = state;
      this.#sequence = log.lastSequence;
      this.#checkpointSequence = recovery.snapshot?.walPos ?? 0;
    });
  }

  async step(): Promise<void> {
    const log = this.#log;
    if (log === null) throw new Error("not started");
    const choice = this.#random();
    if (log.wounded || choice < 0.12) await this.#checkpoint(log);
    else if (choice < 0.4) await this.#together(log, 1 + Math.floor(this.#random() * 4));
    else if (choice < 0.6) await this.#batch(log);
    else if (choice < 0.75) await this.#group(log);
    else if (choice < 0.85) await this.#attempt(() => log.flush());
    else if (choice < 0.92) await this.#attempt(() => log.flushAndSync());
    // So long nothing happens: what is durable is proven.
    else if (choice < 0.97) await vi.advanceTimersByTimeAsync(QUIET_MS);
    else await this.#checkReplay(log);
    this.#library.noteDurable(log.syncedSequence);
  }

  /** Some milliseconds of every run; now and then the clock jumps back. */
  #nowMs(): number {
    const jump = this.#random() < 0.05 ? 3_600_000 : 0;
    return 1_700_000_000_000 + this.#run * 10 + Math.floor(this.#random() ** 2 * 5) - jump;
  }

  /** Several appends at once: they share a sync, and may have different fates. */
  async #together(log: WriteAheadLog<string>, count: number): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, () => {
        const entry = this.#entry();
        return this.#unit(log, [entry], () => log.append(entry));
      }),
    );
  }

  async #batch(log: WriteAheadLog<string>): Promise<void> {
    const entries = Array.from({ length: 1 + Math.floor(this.#random() * 6) }, () => this.#entry());
    await this.#unit(log, entries, async () => (await log.appendBatch(entries))!.lastSequence);
  }

  async #group(log: WriteAheadLog<string>): Promise<void> {
    const group = log.begin();
    const entries = Array.from({ length: 1 + Math.floor(this.#random() * 4) }, () => this.#entry());
    for (const entry of entries) group.add(entry);
    if (this.#random() < 0.2) group.abort();
    else await this.#unit(log, entries, () => group.commit());
  }

  async #unit(log: WriteAheadLog<string>, entries: readonly string[], append: () => Promise<number>): Promise<void> {
    const unit: Unit = { entries, last: Number.POSITIVE_INFINITY, doubtful: false };
    this.#library.add(unit);
    try {
      unit.last = await append();
      unit.doubtful = false;
    } catch (error) {
      // After a failed sync nobody knows, before a checkpoint decides.
      if (isStorageError(error, "poisoned")) return;
      if (!isStorageError(error, "io")) throw error;
      this.#library.remove(unit);
      return;
    }
    for (const entry of entries) this.#state.apply(entry);
    this.#sequence = unit.last;
    this.#library.noteDurable(log.syncedSequence);
    this.#library.noteAccepted();
  }

  async #checkpoint(log: WriteAheadLog<string>): Promise<void> {
    const keep = this.#random() < 0.5 ? 1 : 2;
    const publishing = this.#attempt(async () => {
      const { walPos } = await log.publishCheckpoint(this.#sequence, this.#state.parts(), { keep });
      this.#checkpointSequence = walPos;
    });
    const meanwhile = !log.wounded && this.#random() < 0.5 ? this.#together(log, 1) : null;
    await Promise.all([publishing, meanwhile]);
    // Published: what a failed sync had left open is in neither the state nor the log.
    if (!log.wounded) {
      for (const unit of this.#library.units.filter(({ last }) => last === Number.POSITIVE_INFINITY)) {
        this.#library.remove(unit);
      }
    }
  }

  /** The log tells the same as the state, as far as it goes back. */
  async #checkReplay(log: WriteAheadLog<string>): Promise<void> {
    await this.#attempt(async () => {
      const replayed: string[] = [];
      const after = Math.max(this.#checkpointSequence, this.#sequence - 10);
      for await (const { entry } of log.replay(after)) replayed.push(entry);
      const all = this.#library.units.flatMap(({ entries }) => entries);
      const end = all.slice(all.length - replayed.length);
      if (replayed.join() !== end.join()) throw new Error(`replay after ${after} gives other entries`);
    });
  }

  #entry(): string {
    const length = Math.floor(this.#random() ** 6 * MAX_ENTRY_BYTES);
    return `run ${this.#run} entry ${++this.#made} `.padEnd(length, "x");
  }

  async #attempt(action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (isStorageError(error, "io") || isStorageError(error, "poisoned")) return false;
      throw error;
    }
  }
}

function isStorageError(error: unknown, code: StorageErrorCode): boolean {
  return error instanceof StorageError && error.code === code;
}

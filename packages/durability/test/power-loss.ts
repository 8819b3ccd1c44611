import type { Directory } from "../src/disk.js";
import { type DiskFault, type FaultyDirectory, type FaultyDiskOptions, faultyDisk } from "../src/faulty-disk.js";
import { intercepted, wideRandom } from "./support.js";

/*
 * The machinery of the power loss campaigns. Random programs work on a disk that forgets what was not synced and fails now and then; they
 * are killed, and started again; the power goes at any operation, and most often just before a sync. The possible remains of the disk are
 * recovered, with a power loss in the middle of the recovery, and another one; the program then goes on with one of them.
 */
/** How many states a campaign tries, unless HEARTHKV_CRASH_STATES says another number. */
export function crashStates(byDefault: number): number {
  return Number(process.env.HEARTHKV_CRASH_STATES ?? byDefault);
}

export const SEED = Number(process.env.HEARTHKV_CRASH_SEED ?? Date.now());
export const CONTROL_STATES = 20_000;

const LIVES = 3;
const REMAINS = 3;
/** How often it is tried what would remain if the power went just before a sync of a file, or of the directory. */
const FILE_SYNC_SHARE = 0.05;
const DIRECTORY_SYNC_SHARE = 0.3;
/** How often a sync fails, in programs whose disk has faults: what follows is the weakest time of all. */
const SYNC_FAULT_SHARE = 0.05;
const LIFE_OPERATIONS = 250;
const RECOVERY_OPERATIONS = 40;
const FAULTS = ["EIO", "EIO", "ENOSPC", "EMFILE", "short write"] as const satisfies readonly DiskFault[];

export interface Conditions {
  readonly disk?: FaultyDiskOptions;
  /** What the program sees of the disk. */
  readonly seen?: (disk: Directory) => Directory;
}

/** What is tested, with its memory of what was promised. `E`: what a recovery must give at this moment. */
export interface Subject<E> {
  expectation(): E;
  /** Recovers and judges. Throws where it is not what was promised, and where recovery refuses. Returns what it must give from now on. */
  recover(
    disk: Directory,
    expected: E,
    nowMs: number,
  ): Promise<{ readonly expected: E; readonly lastSequence: number; readonly bytesCut: number }>;
  /** A program from its start on. */
  run(disk: Directory, random: () => number, run: number): SubjectRun;
}

export interface SubjectRun {
  /** False where the disk refused it. */
  start(): Promise<boolean>;
  /** One random step, whatever the disk makes of it. */
  step(): Promise<unknown>;
}

/** Controls that make any campaign fail: so it does look. */
export const CONTROLS: Readonly<Record<string, Conditions>> = {
  "fdatasync does nothing": { disk: { lies: "fdatasync" } },
  "fsync of the directory does nothing": { disk: { lies: "directory" } },
  "both do nothing": { disk: { lies: "both" } },
  "a short write is taken for a whole one": {
    disk: { shortWrites: 0.1 },
    seen: (disk) =>
      intercepted(disk, (real) => ({
        write: (fd, buffer, off, len) => {
          real.write(fd, buffer, off, len);
          return len;
        },
      })),
  },
  "a failed fdatasync is tried again on the same file": {
    seen: (disk) =>
      intercepted(disk, (real) => ({
        fdatasync: (fd) => {
          try {
            real.fdatasync(fd);
          } catch {
            real.fdatasync(fd);
          }
        },
        fdatasyncAsync: (fd) => real.fdatasyncAsync(fd).catch(() => real.fdatasyncAsync(fd)),
      })),
  },
};

/** States recovered until the first failure, which names its own seed. */
export async function campaign<E>(
  newSubject: () => Subject<E>,
  seed: number,
  statesWanted: number,
  conditions: Conditions,
): Promise<{ states: number; failure: string | null }> {
  let states = 0;
  for (let workload = 0; states < statesWanted; workload++) {
    const program = new Program(newSubject(), seed + workload, conditions);
    try {
      await program.run();
    } catch (error) {
      const text = error instanceof Error ? error.stack : String(error);
      return { states, failure: `HEARTHKV_CRASH_SEED=${seed + workload} HEARTHKV_CRASH_STATES=1\n${text}` };
    } finally {
      states += program.states;
    }
  }
  return { states, failure: null };
}

/** A program, over several power losses. */
class Program<E> {
  /** Remains recovered so far. */
  states = 0;
  /** Remains to be recovered, with what had been promised. */
  #remains: { readonly disk: FaultyDirectory; readonly expected: E }[] = [];
  readonly #random: () => number;
  readonly #seen: (disk: Directory) => Directory;
  readonly #subject: Subject<E>;
  readonly #faultShare: number;
  readonly #killShare: number;
  #disk: FaultyDirectory;
  #runs = 0;
  #nowMs = 1_800_000_000_000;

  constructor(subject: Subject<E>, seed: number, conditions: Conditions) {
    const random = wideRandom(seed);
    this.#subject = subject;
    this.#random = random;
    this.#seen = conditions.seen ?? ((disk) => disk);
    this.#faultShare = random() < 0.5 ? 0 : 0.1;
    this.#killShare = random() < 0.5 ? 0 : 0.05;
    this.#disk = faultyDisk(random, { shortWrites: random() < 0.5 ? 0 : 0.1, ...conditions.disk });
  }

  async run(): Promise<void> {
    for (let life = 0; life < LIVES; life++) {
      this.#disk.failAfter(1 + Math.floor(this.#random() * LIFE_OPERATIONS), "power loss");
      while (!this.#disk.powerLost) await this.#untilItEnds();
      for (let i = 0; i < REMAINS; i++) this.#keepRemains();
      await this.#judgeRemains();
      this.#disk = this.#disk.crash();
    }
  }

  /** One run of the process: until the power is lost, or it cannot start, or it is killed. */
  async #untilItEnds(): Promise<void> {
    const disk = this.#disk;
    const random = this.#random;
    const run = this.#subject.run(this.#watched(this.#seen(disk)), random, ++this.#runs);
    try {
      if (random() < 5 * this.#faultShare) this.#planFault(RECOVERY_OPERATIONS);
      if (!(await run.start())) return;
      while (!disk.powerLost) {
        if (random() < this.#faultShare) this.#planFault(10);
        await run.step();
        await this.#judgeRemains();
        if (random() < this.#killShare) return;
      }
    } catch (error) {
      if (!disk.powerLost) throw error;
    }
  }

  /** A fault, sometimes another one and the power loss soon after it: what was just got over is the weakest moment. */
  #planFault(operations: number): void {
    const random = this.#random;
    let at = 1 + Math.floor(random() * operations);
    do {
      this.#disk.failAfter(at, FAULTS[Math.floor(random() * FAULTS.length)]!);
      at += 1 + Math.floor(random() * 10);
    } while (random() < 0.4);
    if (random() < 0.1) this.#disk.failAfter(at, "power loss");
  }

  /** Keeps what would remain before some of the syncs, and lets some fail. */
  #watched(disk: Directory): Directory {
    const before = <T>(share: number, sync: () => T) => {
      if (!this.#disk.powerLost && this.#random() < share) this.#keepRemains();
      if (this.#faultShare > 0 && this.#random() < SYNC_FAULT_SHARE) this.#disk.failAfter(1, "EIO");
      return sync();
    };
    return intercepted(disk, (real) => ({
      fdatasync: (fd) => before(FILE_SYNC_SHARE, () => real.fdatasync(fd)),
      fdatasyncAsync: (fd) => before(FILE_SYNC_SHARE, () => real.fdatasyncAsync(fd)),
      syncDirectory: () => before(DIRECTORY_SYNC_SHARE, () => real.syncDirectory()),
    }));
  }

  #keepRemains(): void {
    this.#remains.push({ disk: this.#disk.crash(), expected: this.#subject.expectation() });
  }

  async #judgeRemains(): Promise<void> {
    for (const { disk, expected } of this.#remains.splice(0)) await this.#judge(disk, expected);
  }

  /** Recovers remains, twice with a power loss in the middle or right after it; then whole, and once more for nothing. */
  async #judge(remains: FaultyDirectory, promised: E): Promise<void> {
    let disk = remains;
    let expected = promised;
    for (let interruption = 0; interruption < 2; interruption++) {
      this.states++;
      disk.failAfter(1 + Math.floor(this.#random() * RECOVERY_OPERATIONS), "power loss");
      try {
        expected = (await this.#subject.recover(disk, expected, ++this.#nowMs)).expected;
      } catch (error) {
        if (!disk.powerLost) throw error;
      }
      disk = disk.crash();
    }
    this.states++;
    const whole = await this.#subject.recover(disk, expected, ++this.#nowMs);
    const again = await this.#subject.recover(disk, whole.expected, ++this.#nowMs);
    if (again.lastSequence !== whole.lastSequence || again.bytesCut > 0)
      throw new Error("recovered twice, with two results");
  }
}

import { expect, test } from "vitest";
import { type DiskFault, type FaultyDirectory, type FaultyDiskOptions, faultyDisk } from "../src/faulty-disk.js";
import { loadOrCreateManifest, type Manifest } from "../src/manifest.js";
import { CommitOrder, recoverAndJudge } from "./commit-order.js";
import { ProcessRun } from "./process-run.js";
import { wideRandom } from "./support.js";

/*
 * Operation N fails, for every N until the program comes to its end without a failure: once, or from then on. Whatever
 * fails, only StorageErrors come out; a power loss right then leaves a directory that recovers, with all that was
 * acknowledged as synced; and when the disk is well again the same process goes on, and gets everything durable.
 * HEARTHKV_IO_STORIES: how many programs (default 1), each with a failure at every one of its operations.
 */
const SEED = Number(process.env.HEARTHKV_CRASH_SEED ?? Date.now());
const STORIES = Number(process.env.HEARTHKV_IO_STORIES ?? 1);
const REMAINS = 3;
const NOW_MS = 1_800_000_000_000;

/** Breaks the disk from its `n`-th operation on. */
type Breaking = (disk: FaultyDirectory, n: number) => void;

const BREAKINGS: Readonly<Record<string, Breaking>> = {
  ...Object.fromEntries(
    (["EIO", "ENOSPC", "EMFILE", "short write"] as const satisfies readonly DiskFault[]).flatMap((fault) => [
      [`${fault} once`, (disk: FaultyDirectory, n: number) => disk.failAfter(n, fault)],
      [`${fault} for good`, (disk: FaultyDirectory, n: number) => disk.failAfter(n, fault, true)],
    ]),
  ),
  "a disk that runs full": (disk, n) => {
    disk.failAfter(n, "short write");
    disk.failAfter(n + 1, "ENOSPC", true);
  },
  "two errors in a row": (disk, n) => {
    disk.failAfter(n, "EIO");
    disk.failAfter(n + 1, "EIO");
  },
};

for (const [what, breaking] of Object.entries(BREAKINGS)) {
  test(`operation N: ${what}`, async () => {
    console.log(`I/O error sweep seed ${SEED}`);
    let points = 0;
    for (let seed = SEED; seed < SEED + STORIES; seed++) points += await sweep(seed, breaking);
    console.log(`${what}: ${points} points in ${STORIES} stories`);
    expect(points).toBeGreaterThan(100 * STORIES);
  });
}

test("control: a disk whose fdatasync does nothing is found out", async () => {
  const lying = (n: number) => sweep(SEED + n, (disk) => disk.failAfter(1, "EIO"), { lies: "fdatasync" });
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => lying(n)));
  expect(outcomes.some(({ status }) => status === "rejected")).toBe(true);
});

/** Lets each operation of one program fail. Returns how many there were. */
async function sweep(seed: number, breaking: Breaking, options: FaultyDiskOptions = {}): Promise<number> {
  for (let n = 1; ; n++) {
    const story = new Story(seed, options);
    breaking(story.disk, n);
    try {
      await story.tell();
      const done = story.disk.operations < n;
      await story.checkPowerLoss();
      story.disk.heal();
      await story.goOn();
      if (done) return n;
    } catch (cause) {
      throw new Error(`operation ${n} (HEARTHKV_CRASH_SEED=${seed})`, { cause });
    }
  }
}

/** A program's two runs on one disk. */
class Story {
  readonly disk: FaultyDirectory;
  readonly #order = new CommitOrder();
  readonly #random: () => number;
  #run: ProcessRun | null = null;
  #runs = 0;
  #manifest: Manifest | null = null;

  constructor(seed: number, options: FaultyDiskOptions) {
    this.#random = wideRandom(seed);
    this.disk = faultyDisk(this.#random, options);
  }

  async tell(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      await this.#run?.stop();
      await this.#start();
      const run = this.#run;
      if (run === null) continue;
      await run.attempt(() => run.append(5));
      await run.attempt(() => run.sync());
      await run.attempt(() => run.prove());
      await run.attempt(() => run.claim());
      await run.attempt(() => run.append(3));
      await run.attempt(() => run.rotate());
      await run.attempt(() => run.syncWhileWriting());
      await run.attempt(() => run.snapshotAndPrune());
      await run.attempt(() => run.append(4));
      await run.attempt(() => run.rotate());
      await run.attempt(() => run.append(2));
      await run.attempt(() => run.snapshotAndPrune());
      await run.attempt(() => run.append(1));
    }
  }

  /** What a power loss would leave now. */
  async checkPowerLoss(): Promise<void> {
    for (let i = 0; i < REMAINS; i++) {
      const remains = this.disk.crash();
      const manifest = loadOrCreateManifest(remains);
      if (this.#manifest !== null) expect(manifest).toEqual(this.#manifest);
      await recoverAndJudge(remains, this.#order, this.#order.synced, NOW_MS);
    }
  }

  /** The disk is well again: so must the process be; and after it the next one. */
  async goOn(): Promise<void> {
    if (this.#run === null) await this.#start();
    const run = this.#run;
    if (run === null) throw new Error("it cannot be started");
    run.append(2);
    await run.snapshotAndPrune();
    run.sync();
    if (this.#order.synced < this.#order.last) throw new Error(`only ${this.#order.synced} are durable`);
    await this.checkPowerLoss();
    await run.stop();
    const { last } = this.#order;
    await this.#start();
    if (this.#order.last < last) throw new Error(`${last} were durable, ${this.#order.last} were recovered`);
  }

  async #start(): Promise<void> {
    const run = new ProcessRun(this.disk, this.#order, this.#random, ++this.#runs);
    const started = await run.attempt(async () => {
      this.#manifest = loadOrCreateManifest(this.disk, NOW_MS);
      await run.start();
    });
    this.#run = started ? run : null;
  }
}

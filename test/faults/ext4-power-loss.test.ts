/**
 * Power losses of a real file system under load, while segments are rotated and snapshots published, each on what the last one left. After
 * each: what is there is a prefix of every writer's commands and of the common order of all (I1, I5); it has all that was acknowledged with
 * --ack synced before the cut, or that a WAITAOF which returned covers (I2); with --ack written only the last moments are gone (I3, printed: its bound is
 * the sync interval and two fdatasyncs, which a test cannot know the length of).
 *
 * The ioctl is not quite a power loss: an fdatasync that is under way in that moment may return 0 although what it was for is lost (a program
 * that does nothing but write, sync and count shows it in some of a hundred cuts). So replies that came after the cut began do not count.
 *
 * Control: with an fdatasync that does nothing acknowledged writes must be lost. HEARTHKV_EXT4_CYCLES sets how many power losses there are.
 */
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CrashRun } from "../crash/crash-run.js";
import { printedSeed } from "../crash/random.js";
import { requirePeer, type ServerProcess, startHearth } from "../support/index.js";
import { faultArguments } from "./disk-fault.js";
import { LoopDisk } from "./loop-disk.js";

const CYCLES = Number(process.env.HEARTHKV_EXT4_CYCLES ?? 4);
const WRITERS = 8;
const CYCLE_MS_MAX = 60_000;
/** Only a log that is not synced at all loses more than this. */
const LOST_MS_MAX = 5000;
const FLAGS = ["--wal-max-bytes", "256kb", "--snapshot-interval-s", "0.2", "--snapshot-keep", "2"];

function runOn(disk: LoopDisk, what: string, level: string): CrashRun {
  const dataDir = join(disk.path, "data");
  mkdirSync(dataDir);
  // What comes between the cut and the kill is refused: the disk gives EIO.
  return new CrashRun(printedSeed(what), WRITERS, [...FLAGS, "--ack", level], { dataDir, mayBeRefused: true });
}

/** Where nothing is synced the lock file may be left without content; a start would refuse for a minute, and says that it may be removed. */
function removeEmptyLock(dataDir: string): void {
  const lock = join(dataDir, "LOCK");
  if (statSync(lock, { throwIfNoEntry: false })?.size === 0) rmSync(lock);
}

/** Asks again and again for everything to be synced, and remembers what each writer had acknowledged before a request that was answered. */
class SyncedMarks {
  marks: number[] = [];
  readonly #run: CrashRun;

  constructor(run: CrashRun, server: ServerProcess) {
    this.#run = run;
    void this.#ask(server).catch(() => {}); // until the connection ends
  }

  async #ask(server: ServerProcess): Promise<void> {
    const client = await server.connect();
    for (;;) {
      const before = this.#run.acknowledgedEach;
      await client.ok("SET", "mark", "");
      const [local] = (await client.ok("WAITAOF", 1, 0, 0)) as number[];
      if (local === 1) this.marks = before;
    }
  }
}

for (const level of ["written", "synced"]) {
  const cycles = Math.max(1, Math.round(CYCLES / 2));
  test(`${cycles} power losses, --ack ${level}`, { timeout: 600_000 + cycles * CYCLE_MS_MAX }, async (context) => {
    const disk = LoopDisk.mount(context);
    const run = runOn(disk, `power loss of ext4, ${level}`, level);
    let lostMsMost = 0;
    let marked = 0;
    for (let cycle = 0; cycle < cycles; cycle++) {
      const server = await startHearth(run.options);
      const marks = new SyncedMarks(run, server);
      let cutMs = 0;
      await run.load(server, async () => {
        cutMs = await disk.cut();
        await server.kill();
      });
      disk.restore();
      const again = await startHearth(run.options);
      const survivals = await run.check(again);
      await again.kill();
      for (const [id, { kept, lostSinceMs }] of survivals.entries()) {
        expect(kept, `writer ${id}`).toBeGreaterThanOrEqual(marks.marks[id] ?? 0);
        if (lostSinceMs === null) continue;
        lostMsMost = Math.max(lostMsMost, Math.ceil(cutMs - lostSinceMs));
      }
      marked += marks.marks.reduce((sum, count) => sum + count, 0);
      run.totals.cycles++;
      expect(run.totals.faults.map((fault) => fault.slice(0, 600))).toEqual([]);
    }
    console.log(`power loss of ext4, ${level}: ${JSON.stringify({ ...run.totals, marked, lostMsMost })}`);
    // Nothing that was acknowledged while there was power.
    if (level === "synced") expect(lostMsMost).toBe(0);
    expect(lostMsMost).toBeLessThan(LOST_MS_MAX);
    expect(run.totals.acknowledged).toBeGreaterThan(cycles * 50);
  });
}

test("control: with an fdatasync that does nothing, acknowledged writes are lost", async (context) => {
  requirePeer(context, "strace");
  const disk = LoopDisk.mount(context);
  const run = runOn(disk, "lying disk", "synced");
  await (await startHearth(run.options)).stop();
  const lies = faultArguments({ calls: "fdatasync,fsync", effect: "retval=0" });
  const server = await startHearth({ ...run.options, wrapper: ["strace", "--seccomp-bpf", ...lies] });
  await run.startWriters(server.port);
  while (run.acknowledged < 500) await new Promise((resolve) => setTimeout(resolve, 5));
  await disk.cut();
  await server.kill();
  await run.writersEnded();
  disk.restore();
  removeEmptyLock(run.dataDir);
  const again = await startHearth(run.options);
  await run.check(again);
  await again.kill();
  console.log(`lying disk: ${JSON.stringify(run.totals)}`);
  expect(run.totals.lost).toBeGreaterThan(0);
});

/**
 * SIGKILL before the Nth system call that changes the data directory: while a server starts, rotates its log, makes a snapshot, and stops.
 * After each: the next start has everything that was acknowledged, and nothing half done stands in its way or stays.
 *
 * The calls are told apart by file, so that each thread's come in turn. HEARTHKV_SYSCALL_POINTS=30 walks N = 1 to 30 for each call and
 * kind of file, or until the server comes through without reaching it: those it makes more often are all alike.
 * Negative controls: crash/oracle.test.ts, and by hand: with segments pruned before the snapshot is published (#publish of
 * server/src/persistence/worker-snapshots.ts) a start refused, for missing log.
 */
import { appendFileSync, existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileNames, readLockOwner } from "@hearthkv/durability";
import { expect, test } from "vitest";
import { CrashRun } from "../crash/crash-run.js";
import { printedSeed } from "../crash/random.js";
import { launcher, requirePeer, type ServerProcess, startHearth, startProcess, waitUntil } from "../support/index.js";
import { DiskFault, faultArguments } from "./disk-fault.js";
import { persistenceNumber } from "./server-info.js";

const WRITERS = 2;
const DEPTH = 8;
const COMMANDS = 60;
/** 0 = only the samples. */
const POINTS = Number(process.env.HEARTHKV_SYSCALL_POINTS ?? 0);

/** Names are raised above what is there: so those of the next segments and snapshots are known, and strace can be told them. */
const FIRST_TIMESTAMP = 9_000_000_000_000;
const NAMES_AHEAD = 6;

type Phase = "start" | "first start" | "work";
type Files = "log" | "snapshot" | "manifest" | "directory" | "any";

interface Walk {
  readonly phase: Phase;
  readonly call: string;
  readonly files: Files;
  /** Which N a short run tries. */
  readonly sample: readonly number[];
}

const walks: readonly Walk[] = [
  { phase: "first start", call: "openat", files: "manifest", sample: [] },
  { phase: "first start", call: "write", files: "manifest", sample: [1] },
  { phase: "first start", call: "fdatasync", files: "any", sample: [] },
  { phase: "first start", call: "fsync", files: "any", sample: [] },
  { phase: "first start", call: "rename", files: "any", sample: [1] },
  { phase: "first start", call: "unlink", files: "any", sample: [] },
  { phase: "start", call: "openat", files: "log", sample: [3] },
  { phase: "start", call: "openat", files: "directory", sample: [] },
  { phase: "start", call: "write", files: "log", sample: [1] },
  { phase: "start", call: "ftruncate", files: "any", sample: [1] },
  { phase: "start", call: "fdatasync", files: "any", sample: [1] },
  { phase: "start", call: "fsync", files: "any", sample: [1, 3] },
  { phase: "start", call: "rename", files: "any", sample: [1] },
  { phase: "start", call: "unlink", files: "any", sample: [] },
  { phase: "work", call: "write", files: "log", sample: [5] },
  { phase: "work", call: "openat", files: "log", sample: [] },
  { phase: "work", call: "fdatasync", files: "log", sample: [2] },
  { phase: "work", call: "openat", files: "snapshot", sample: [] },
  { phase: "work", call: "write", files: "snapshot", sample: [] },
  { phase: "work", call: "pwrite64", files: "snapshot", sample: [1] },
  { phase: "work", call: "fdatasync", files: "snapshot", sample: [1] },
  { phase: "work", call: "openat", files: "directory", sample: [] },
  { phase: "work", call: "fsync", files: "any", sample: [3] },
  { phase: "work", call: "rename", files: "any", sample: [1, 3] },
  { phase: "work", call: "unlink", files: "any", sample: [1] },
  { phase: "work", call: "ftruncate", files: "any", sample: [] },
];

/** A directory that goes from kill to kill. */
class KillRun {
  readonly run: CrashRun;
  readonly reached: Record<string, number> = {};

  constructor(seed: number) {
    const flags = [
      "--wal-max-bytes",
      "32kb",
      "--snapshot-interval-s",
      "0",
      "--snapshot-ops",
      "0",
      "--snapshot-keep",
      "1",
    ];
    // One thread for what is asynchronous, so that its calls are counted in one row.
    this.run = new CrashRun(seed, WRITERS, flags, { env: { UV_THREADPOOL_SIZE: "1" } });
  }

  /** Whether the server made so many of these calls, and so was killed. */
  async point({ phase, call, files }: Walk, n: number): Promise<boolean> {
    const effect = `signal=SIGKILL:when=${n}`;
    const killed =
      phase === "work"
        ? await this.#killedWork({ call, effect, files })
        : await this.#killedStart(phase, { call, effect, files });
    const name = `${phase}: ${call}, ${files}`;
    if (killed) this.reached[name] = (this.reached[name] ?? 0) + 1;
    await this.checked(await startHearth(this.run.options)).then((server) => server.kill());
    expect(this.run.totals, `${name} ${n}`).toMatchObject({ lost: 0, faults: [] });
    return killed;
  }

  /** Counts the kills of another directory as its own. */
  add(other: KillRun): void {
    for (const [name, kills] of Object.entries(other.reached)) this.reached[name] = (this.reached[name] ?? 0) + kills;
  }

  /** What a server has after its start is right, and it left nothing half done. */
  async checked(server: ServerProcess): Promise<ServerProcess> {
    await this.run.check(server);
    const { dataDir } = this.run;
    const isHalfDone = (name: string): boolean =>
      fileNames.isTemporary(name) || (/^LOCK\./.test(name) && name !== `LOCK.${readLockOwner(dataDir)?.token}.sock`);
    const halfDone = (): string[] => readdirSync(dataDir).filter(isHalfDone);
    // A snapshot that mends a torn tail may just be made.
    await waitUntil(`no ${halfDone()} left`, () => halfDone().length === 0);
    this.run.totals.cycles++;
    return server;
  }

  /** Something to recover: a snapshot, and a log that goes on behind it. */
  async fill(): Promise<void> {
    const server = await startHearth(this.run.options);
    await this.#work(server);
    await server.kill();
    await this.run.writersEnded();
    await this.checked(await startHearth(this.run.options)).then((next) => next.kill());
  }

  async #killedStart(phase: Phase, fault: { call: string; effect: string; files: Files }): Promise<boolean> {
    const { dataDir } = this.run;
    const current = join(dataDir, fileNames.WAL_CURRENT);
    if (phase === "start" && existsSync(current)) appendFileSync(current, Buffer.alloc(100, 1)); // a torn tail
    this.#raiseNames();
    const { env = {}, flags = [] } = this.run.options;
    const serve = [launcher, "serve", "--port", "0", "--data-dir", dataDir, "--log-level", "warn", ...flags];
    const args = faultArguments({ calls: fault.call, effect: fault.effect, files: this.#paths(fault.files) });
    const child = startProcess("strace", [...args, process.execPath, ...serve], { stdin: "", env });
    const banner = child.waitFor(/ready on .*pid (\d+)$/m).catch(() => null);
    const pid = (await banner)?.[1];
    if (pid !== undefined) process.kill(Number(pid), "SIGKILL");
    await child.exited;
    return pid === undefined;
  }

  async #killedWork(fault: { call: string; effect: string; files: Files }): Promise<boolean> {
    const server = await startHearth(this.run.options);
    this.#raiseNames();
    const files = this.#paths(fault.files);
    const strace = await DiskFault.begin(server, { calls: fault.call, effect: fault.effect, files });
    await Promise.race([server.child.exited, this.#work(server).catch(() => {})]);
    const exit = await server.stop();
    await this.run.writersEnded();
    await strace.end();
    expect(exit.code === 0 || exit.signal === "SIGKILL", `${JSON.stringify(exit)} ${server.child.output}`).toBe(true);
    return exit.signal === "SIGKILL";
  }

  /** Rotations under load, and a snapshot; the stop, with another snapshot, follows. */
  async #work(server: ServerProcess): Promise<void> {
    const client = await server.connect();
    await this.run.startWriters(server.port, DEPTH);
    const { run } = this;
    const writtenMore = (from: number): Promise<boolean> =>
      Promise.race([
        server.child.exited.then(() => true as const),
        waitUntil("commands are taken", () => run.acknowledged >= from + COMMANDS),
      ]);
    await writtenMore(0);
    await client.ok("BGSAVE");
    await waitUntil("a snapshot", async () => (await persistenceNumber(client, "snapshot_count")) > 0);
    await writtenMore(run.acknowledged);
    client.close();
  }

  /** Gives the newest segment and snapshot names above every clock; those made later are numbered on from there. */
  #raiseNames(): void {
    const { dataDir } = this.run;
    if (!existsSync(dataDir)) return;
    const names = readdirSync(dataDir);
    for (const [pattern, prefix, suffix] of [
      [/^wal-(\d{13})\.log$/, "wal-", ".log"],
      [/^snapshot-(\d{13})\.snap$/, "snapshot-", ".snap"],
    ] as const) {
      const low = names.filter((name) => Number(pattern.exec(name)?.[1] ?? Number.POSITIVE_INFINITY) < FIRST_TIMESTAMP);
      low.sort().forEach((name, at) => {
        renameSync(join(dataDir, name), join(dataDir, `${prefix}${FIRST_TIMESTAMP + at}${suffix}`));
      });
    }
  }

  #paths(files: Files): string[] {
    const { dataDir } = this.run;
    const names = existsSync(dataDir) ? readdirSync(dataDir) : [];
    const ahead = (of: (timestampMs: number) => string): string[] => {
      const newest = Math.max(FIRST_TIMESTAMP, ...names.map((name) => Number(/(\d{13})/.exec(name)?.[1] ?? 0)));
      return Array.from({ length: NAMES_AHEAD }, (_, i) => of(newest + i + 1));
    };
    const { WAL_CURRENT, WAL_NEXT, MANIFEST } = fileNames;
    const paths = (some: readonly string[]): string[] => some.map((name) => join(dataDir, name));
    switch (files) {
      case "any":
        return [];
      case "directory":
        return [dataDir];
      case "manifest":
        return paths([MANIFEST, `${MANIFEST}.tmp`]);
      case "log":
        return paths([WAL_CURRENT, WAL_NEXT, ...fileNames.segmentNames(names), ...ahead(fileNames.rotatedName)]);
      case "snapshot":
        return paths(ahead(fileNames.snapshotTemporaryName).concat(ahead(fileNames.snapshotName)));
    }
  }
}

test("killed before a system call", { timeout: POINTS > 0 ? 7_200_000 : 600_000 }, async (context) => {
  requirePeer(context, "strace");
  const seed = printedSeed("system calls");
  const run = new KillRun(seed);
  await run.fill();
  let points = 0;
  let kills = 0;
  for (const walk of walks) {
    const tried = POINTS > 0 ? Array.from({ length: POINTS }, (_, i) => i + 1) : walk.sample;
    for (const n of tried) {
      const point = walk.phase === "first start" ? new KillRun(seed) : run;
      const killed = await point.point(walk, n);
      if (point !== run) run.add(point);
      if (!killed && POINTS > 0) break; // the walk's end
      points++;
      if (killed) kills++;
    }
  }
  await (await run.checked(await startHearth(run.run.options))).stop();
  const { acknowledged, sent, lost } = run.run.totals;
  console.log(
    `killed before system calls: ${JSON.stringify({ points, kills, sent, acknowledged, lost, ...run.reached })}`,
  );
  // Else the names or the counts have changed, and this would prove less than it says.
  expect(kills).toBeGreaterThanOrEqual(points * 0.6);
  expect(acknowledged).toBeGreaterThan(kills);
});

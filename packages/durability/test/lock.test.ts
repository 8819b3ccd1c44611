import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, type TestContext, test, vi } from "vitest";
import { bsonCodec } from "../src/codec.js";
import { type DirectoryLock, lockDirectory } from "../src/lock.js";
import { SILENCE_ALLOWED_MS, SILENCE_MEANS_DEATH_MS } from "../src/lock-lease.js";
import { readLockOwner } from "../src/lock-owner.js";
import { WriteAheadLog } from "../src/write-ahead-log.js";
import { temporaryDirectory } from "./support.js";

const LIBRARY = new URL("../dist/index.js", import.meta.url).href;
/** Takes the lock once its input says so, reports, and stays until it is killed. */
const CONTENDER = `
  import { lockDirectory } from ${JSON.stringify(LIBRARY)};
  console.log("ready");
  process.stdin.once("data", async () => {
    try { const lock = await lockDirectory(process.argv[1]); console.log("held"); lock.onLost = () => console.log("lost"); }
    catch (error) { console.log(error.code + " " + error.message); }
  });`;
/** As a container has it: its own pids, the same kernel. `exec` alone would leave the shell as the process that is killed. */
const CONTAINER = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

interface Contender {
  readonly child: ChildProcess;
  next(): Promise<string>;
}

async function contender(path: string, wrapper: readonly string[] = []): Promise<Contender> {
  const [command = "", ...args] = [...wrapper, process.execPath, "--input-type=module", "-e", CONTENDER, path];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value as string;
  expect(await next()).toBe("ready");
  return { child, next };
}

function go({ child, next }: Contender): Promise<string> {
  child.stdin!.write("go\n");
  return next();
}

async function killed({ child }: Contender): Promise<void> {
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exit;
}

function requireContainers(context: Pick<TestContext, "skip">): void {
  const [command = "", ...args] = [...CONTAINER, "true"];
  if (spawnSync(command, args).status === 0) return;
  if (process.env.HEARTHKV_REQUIRE_PEERS === "1")
    throw new Error("namespaces cannot be made: run as root, with unshare");
  console.log("skipped: run as root, with unshare");
  context.skip("skipped: run as root, with unshare");
}

/** Files of the lock, the sockets of its owners left out. */
function lockFiles(path: string): string[] {
  return readdirSync(path)
    .filter((name) => !name.endsWith(".sock"))
    .sort();
}

function plant(path: string, owner: object, name = "LOCK"): void {
  writeFileSync(join(path, name), JSON.stringify(owner));
}

/** A foreign owner: of another kernel, whatever its host is called. */
function foreign(lock: DirectoryLock): object {
  return { ...lock.owner, boot: "11111111-2222-3333-4444-555555555555", token: "foreign" };
}

/** Moves the clock, by which an owner is watched, until it would be given up. */
async function sleepThrough<T>(taking: Promise<T>): Promise<T> {
  let done = false;
  const mark = () => {
    done = true;
  };
  taking.then(mark, mark);
  for (let ms = 0; !done && ms < 2 * SILENCE_MEANS_DEATH_MS; ms += 100) {
    await vi.advanceTimersByTimeAsync(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await taking;
}

function fakeClock(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

test("a second process is refused and told who holds it; a killed one's lock is taken over by exactly one", async () => {
  const path = temporaryDirectory();
  const first = await contender(path);
  expect(await go(first)).toBe("held");
  await expect(lockDirectory(path)).rejects.toThrow(new RegExp(`in use by process ${first.child.pid} on `));
  expect(readLockOwner(path)?.pid).toBe(first.child.pid);

  const rivals = await Promise.all([1, 2, 3, 4, 5].map(() => contender(path)));
  expect(await go(rivals.pop()!)).toMatch(/^locked the data directory is in use by process/);
  await killed(first);
  const answers = await Promise.all(rivals.map(go));
  expect(answers.filter((answer) => answer === "held")).toHaveLength(1);
  expect(answers.filter((answer) => answer.startsWith("locked"))).toHaveLength(3);
  expect(lockFiles(path)).toEqual(["LOCK"]);
});

test("released, it can be taken again; releasing twice harms nobody", async () => {
  const path = temporaryDirectory();
  const first = await lockDirectory(path);
  await expect(lockDirectory(path)).rejects.toThrow(/in use/);
  first.release();
  const second = await lockDirectory(path);
  first.release();
  expect(second.isHeld()).toBe(true);
  second.release();
  expect(readdirSync(path)).toEqual([]);
});

test("a pid that now belongs to another process does not hold the lock", async () => {
  const path = temporaryDirectory();
  for (const change of [{ startTime: "1" }, { pid: 2 ** 22 + 1 }]) {
    const lock = await lockDirectory(path);
    plant(path, { ...lock.owner, ...change, token: "dead" });
    const onWatch = vi.fn();
    const next = await lockDirectory(path, { onWatch });
    expect(onWatch).not.toHaveBeenCalled();
    expect(next.isHeld()).toBe(true);
    lock.release();
    expect(next.isHeld()).toBe(true);
    next.release();
  }
});

test("an owner that died while taking over is succeeded, too", async () => {
  const path = temporaryDirectory();
  const lock = await lockDirectory(path);
  plant(path, { ...lock.owner, startTime: "1", token: "dead" });
  plant(path, { ...lock.owner, startTime: "2", token: "dead2" }, "LOCK.after-dead");
  const next = await lockDirectory(path);
  expect(next.isHeld()).toBe(true);
  expect(lockFiles(path)).toEqual(["LOCK"]);
  plant(path, { ...lock.owner, startTime: "1", token: "dead" });
  plant(path, { ...lock.owner, token: "alive" }, "LOCK.after-dead");
  await expect(lockDirectory(path)).rejects.toThrow(/in use/);
  lock.release();
  next.release();
});

// Control: with lifeOf() telling "dead" for a refused connection whatever the boot, or for another boot of the same host, the first half is red.
test("of an owner of another kernel only signs of life tell: one that gives them keeps the lock, one that does not loses it", async () => {
  const path = temporaryDirectory();
  const lock = await lockDirectory(path);
  plant(path, foreign(lock));
  let beats = 0;
  const beating = setInterval(() => utimesSync(join(path, "LOCK"), new Date(0), new Date(++beats)), 300);
  await expect(lockDirectory(path)).rejects.toThrow(/in use by process/);
  clearInterval(beating);

  fakeClock();
  const onWatch = vi.fn();
  const next = await sleepThrough(lockDirectory(path, { onWatch }));
  expect(onWatch).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ token: "foreign" }),
    SILENCE_MEANS_DEATH_MS,
  );
  expect(next.isHeld()).toBe(true);
  lock.release();
  next.release();
});

// Control: with ageMs() of the wall clock, as it was, the far past is "dead" at once and the far future never.
test.for([0, 4e12])("the time in LOCK (%s) is compared with no clock", async (mtimeMs) => {
  const path = temporaryDirectory();
  const lock = await lockDirectory(path);
  plant(path, foreign(lock));
  utimesSync(join(path, "LOCK"), new Date(mtimeMs), new Date(mtimeMs));
  fakeClock();
  const taken = vi.fn();
  const taking = lockDirectory(path);
  taking.then(taken, taken);
  for (let ms = 0; ms < SILENCE_MEANS_DEATH_MS - 1000; ms += 100) await vi.advanceTimersByTimeAsync(100);
  expect(taken).not.toHaveBeenCalled();
  const next = await sleepThrough(taking);
  next.release();
  lock.release();
});

// Control: with processExists() asked where no start time is known, as it was, the lock is refused for ever.
test("without /proc a pid that somebody has again does not hold the lock for ever", async () => {
  const path = temporaryDirectory();
  const lock = await lockDirectory(path);
  plant(path, { ...lock.owner, startTime: null, boot: null, namespace: null, token: "old" });
  fakeClock();
  const next = await sleepThrough(lockDirectory(path));
  expect(next.isHeld()).toBe(true);
  next.release();
  lock.release();
});

// Control: without the comparison of directories in lifeOf() the copy is refused.
test("a copy of a directory that is in use can be locked beside it", async () => {
  const path = join(temporaryDirectory(), "original");
  mkdirSync(path);
  const lock = await lockDirectory(path);
  const copy = join(temporaryDirectory(), "copy");
  cpSync(path, copy, { recursive: true, filter: (source) => !source.endsWith(".sock") });
  const beside = await lockDirectory(copy);
  expect(beside.isHeld() && lock.isHeld()).toBe(true);
  await expect(lockDirectory(path)).rejects.toThrow(/in use/);
  // Another way to the same directory leads to the same lock.
  const link = join(temporaryDirectory(), "link");
  symlinkSync(path, link);
  await expect(lockDirectory(link)).rejects.toThrow(/in use/);
  beside.release();
  lock.release();
});

// Control: with LockWitness.open() giving null, as on a file system without sockets, the killed one is watched first, and the test is red.
test("across containers of one kernel: a living owner is known at once, one that stands still, too, and a killed one", async (context) => {
  requireContainers(context);
  const path = temporaryDirectory();
  const first = await contender(path, CONTAINER);
  expect(await go(first)).toBe("held");
  const onWatch = vi.fn();
  await expect(lockDirectory(path, { onWatch })).rejects.toThrow(/in use by process 1 on/);
  const inside = Number(spawnSync("pgrep", ["-P", String(first.child.pid)], { encoding: "utf8" }).stdout);
  process.kill(inside, "SIGSTOP");
  await expect(lockDirectory(path, { onWatch })).rejects.toThrow(/in use by process 1 on/);
  const exit = new Promise((resolve) => first.child.once("exit", resolve));
  process.kill(inside, "SIGKILL");
  await exit;
  const next = await lockDirectory(path, { onWatch });
  expect(onWatch).not.toHaveBeenCalled();
  next.release();
});

test("a directory with a path that is too long for a socket has one all the same", async () => {
  const path = join(temporaryDirectory(), "d".repeat(200));
  const lock = await lockDirectory(path);
  expect(readdirSync(path).filter((name) => name.endsWith(".sock"))).toHaveLength(1);
  plant(path, { ...foreign(lock), token: lock.owner.token });
  await expect(lockDirectory(path)).rejects.toThrow(/in use/); // its socket answers, whatever LOCK says
  lock.release();
});

test("an owner whose LOCK another has taken learns of it within a heartbeat", async () => {
  const path = temporaryDirectory();
  const lock = await lockDirectory(path);
  const lost = vi.fn();
  lock.onLost = lost;
  succeed(path);
  await vi.waitFor(() => expect(lost).toHaveBeenCalled(), 20_000);
  expect(lost).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "lock-lost" }));
  lock.release();
  expect(readLockOwner(path)?.token).toBe("another");
});

/** Another takes the lock, as it is taken: by renaming its record over LOCK. */
function succeed(path: string): void {
  plant(path, { pid: 1, host: "elsewhere", token: "another", sinceMs: 0 }, "LOCK.after-x");
  renameSync(join(path, "LOCK.after-x"), join(path, "LOCK"));
}

/** As after a SIGSTOP of this process: its clock has gone on, and no timer has run yet. */
function stoodStill(): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + SILENCE_ALLOWED_MS + 1000);
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
}

// Control: with SILENCE_ALLOWED_MS = Infinity the log writes and acknowledges.
test("a log whose process stood still and was succeeded writes and acknowledges nothing more", async () => {
  const path = temporaryDirectory();
  const log = await WriteAheadLog.create(path, { codec: bsonCodec() });
  await log.append({ number: 1 });
  succeed(path);
  stoodStill();
  const { segmentBytes } = log.statistics();
  const files = readdirSync(path).sort();
  for (const action of [
    () => log.append({ number: 2 }),
    () => log.appendBatch([{ number: 2 }, { number: 3 }]),
    () => log.flushAndSync(),
    () => log.publishCheckpoint(1, []),
  ]) {
    await expect(action()).rejects.toMatchObject({ code: "lock-lost" });
  }
  expect(log.statistics().segmentBytes).toBe(segmentBytes);
  await log.close();
  expect(
    readdirSync(path)
      .sort()
      .filter((name) => !name.endsWith(".sock")),
  ).toEqual(files.filter((name) => !name.endsWith(".sock")));
  expect(readLockOwner(path)?.token).toBe("another");
});

test("what was succeeded while it was being written is not acknowledged, either", async () => {
  const path = temporaryDirectory();
  const log = await WriteAheadLog.create(path, { codec: bsonCodec() });
  const appending = log.append({ number: 1 });
  succeed(path);
  stoodStill();
  await expect(appending).rejects.toMatchObject({ code: "lock-lost" });
  await log.close();
});

// Control: with HeldDirectory giving the bare directory to recovery, the torn tail of the successor's log is cut.
test("a lock lost while data is loaded: recovery changes nothing, and the log is not opened", async () => {
  const path = temporaryDirectory();
  const before = await WriteAheadLog.create(path, { codec: bsonCodec() });
  for (let i = 0; i < 10; i++) await before.append({ number: i });
  await before.close();
  writeFileSync(join(path, "wal-current.log"), "torn", { flag: "a" });
  const bytes = readFileSync(join(path, "wal-current.log"));
  const resuming = WriteAheadLog.resumeInto(
    path,
    { codec: bsonCodec() },
    {
      onMetadata() {},
      beginSection() {},
      onSnapshotEntries() {},
      onEntry(_op, sequence) {
        if (sequence !== 5) return;
        succeed(path);
        stoodStill();
      },
    },
  );
  await expect(resuming).rejects.toMatchObject({ code: "lock-lost" });
  expect(readFileSync(join(path, "wal-current.log"))).toEqual(bytes);
});

test("the lock file can be read by a human", async () => {
  const path = temporaryDirectory();
  const lock = await lockDirectory(path);
  expect(JSON.parse(readFileSync(join(path, "LOCK"), "utf8"))).toMatchObject({ pid: process.pid });
  lock.release();
});

test("a LOCK that names nobody is watched like one of another kernel", async () => {
  const path = temporaryDirectory();
  writeFileSync(join(path, "LOCK"), "");
  let beats = 0;
  const beating = setInterval(() => utimesSync(join(path, "LOCK"), new Date(0), new Date(++beats)), 300);
  await expect(lockDirectory(path)).rejects.toThrow(/something touches its lock file, which names nobody/);
  clearInterval(beating);
  fakeClock();
  const next = await sleepThrough(lockDirectory(path));
  expect(readLockOwner(path)?.token).toBe(next.owner.token);
  next.release();
});

// Control: showsLife without the signal takes the lock in the end.
test("the watch of a silent owner can be given up, by the log as well: the directory is as it was", async () => {
  const path = temporaryDirectory();
  writeFileSync(join(path, "LOCK"), "");
  const reason = new Error("no more");
  for (const open of [
    (signal: AbortSignal) => lockDirectory(path, { signal }),
    (signal: AbortSignal) => WriteAheadLog.create(path, { codec: bsonCodec(), signal }),
    (signal: AbortSignal) => WriteAheadLog.resume(path, { codec: bsonCodec(), signal }),
  ]) {
    const giveUp = new AbortController();
    const opening = open(giveUp.signal);
    await new Promise((resolve) => setTimeout(resolve, 50));
    giveUp.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await expect(open(giveUp.signal)).rejects.toBe(reason);
    expect(readdirSync(path)).toEqual(["LOCK"]);
    expect(readFileSync(join(path, "LOCK"), "utf8")).toBe("");
  }
});

test("what one left who died while he took the lock is removed by the next; one of whom nothing tells keeps his", async () => {
  const path = temporaryDirectory();
  const first = await contender(path);
  expect(await go(first)).toBe("held");
  await killed(first);
  linkSync(join(path, "LOCK"), join(path, "LOCK.aaaa"));
  writeFileSync(join(path, "LOCK.bbbb"), "");
  const socket = createServer().listen(join(path, "LOCK.cccc.sock"));
  onTestFinished(() => {
    socket.close();
  });

  const lock = await lockDirectory(path);
  expect(readdirSync(path).sort()).toEqual(
    ["LOCK", "LOCK.bbbb", "LOCK.cccc.sock", `LOCK.${lock.owner.token}.sock`].sort(),
  );
  lock.release();
});

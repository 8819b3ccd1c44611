import { type ChildProcess, spawn } from "node:child_process";
import { linkSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { bsonCodec } from "../src/codec.js";
import { lockDirectory, readLockOwner } from "../src/lock.js";
import { WriteAheadLog } from "../src/write-ahead-log.js";
import { temporaryDirectory } from "./support.js";

const LIBRARY = new URL("../dist/index.js", import.meta.url).href;
/** Takes the lock once its input says so, reports, and stays until it is killed. */
const CONTENDER = `
  import { lockDirectory } from ${JSON.stringify(LIBRARY)};
  console.log("ready");
  process.stdin.once("data", () => {
    try { lockDirectory(process.argv[1]); console.log("held"); } catch (error) { console.log(error.code + " " + error.message); }
  });`;

interface Contender {
  readonly child: ChildProcess;
  next(): Promise<string>;
}

async function contender(path: string): Promise<Contender> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", CONTENDER, path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
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

test("a second process is refused and told who holds it; a killed one's lock is taken over by exactly one", async () => {
  const path = temporaryDirectory();
  const first = await contender(path);
  expect(await go(first)).toBe("held");
  expect(() => lockDirectory(path)).toThrow(new RegExp(`in use by process ${first.child.pid} on `));
  expect(readLockOwner(path)?.pid).toBe(first.child.pid);

  const rivals = await Promise.all([1, 2, 3, 4, 5].map(() => contender(path)));
  expect(await go(rivals.pop()!)).toMatch(/^locked the data directory is in use by process/);
  await killed(first);
  const answers = await Promise.all(rivals.map(go));
  expect(answers.filter((answer) => answer === "held")).toHaveLength(1);
  expect(answers.filter((answer) => answer.startsWith("locked"))).toHaveLength(3);
  expect(readdirSync(path)).toEqual(["LOCK"]);
});

test("released, it can be taken again; releasing twice harms nobody", () => {
  const path = temporaryDirectory();
  const first = lockDirectory(path);
  expect(() => lockDirectory(path)).toThrow(/in use/);
  first.release();
  const second = lockDirectory(path);
  first.release();
  expect(second.isHeld()).toBe(true);
  second.release();
  expect(readdirSync(path)).toEqual([]);
});

test("a pid that now belongs to another process, or another boot, does not hold the lock", () => {
  const path = temporaryDirectory();
  for (const change of [{ startTime: "1" }, { boot: "another" }, { pid: 2 ** 22 + 1 }]) {
    const lock = lockDirectory(path);
    plant(path, { ...lock.owner, ...change, token: "dead" });
    const next = lockDirectory(path);
    expect(next.isHeld()).toBe(true);
    lock.release();
    expect(next.isHeld()).toBe(true);
    next.release();
  }
});

test("an owner that died while taking over is succeeded, too", () => {
  const path = temporaryDirectory();
  const lock = lockDirectory(path);
  plant(path, { ...lock.owner, startTime: "1", token: "dead" });
  plant(path, { ...lock.owner, startTime: "2", token: "dead2" }, "LOCK.after-dead");
  const next = lockDirectory(path);
  expect(next.isHeld()).toBe(true);
  expect(readdirSync(path)).toEqual(["LOCK"]);
  plant(path, { ...lock.owner, startTime: "1", token: "dead" });
  plant(path, { ...lock.owner, token: "alive" }, "LOCK.after-dead");
  expect(() => lockDirectory(path)).toThrow(/in use/);
  lock.release();
  next.release();
});

test("an owner in another container holds it as long as it gives signs of life", () => {
  const path = temporaryDirectory();
  const lock = lockDirectory(path);
  plant(path, { ...lock.owner, namespace: "pid:[1]", host: "elsewhere", token: "foreign" });
  expect(() => lockDirectory(path)).toThrow(/on elsewhere/);
  const old = new Date(Date.now() - 120_000);
  utimesSync(join(path, "LOCK"), old, old);
  const next = lockDirectory(path);
  expect(next.isHeld()).toBe(true);
  lock.release();
  next.release();
});

function plant(path: string, owner: object, name = "LOCK"): void {
  writeFileSync(join(path, name), JSON.stringify(owner));
}

test("an owner that was frozen while another took over learns of it, and a log of it writes nothing more", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const path = temporaryDirectory();
  const lost = vi.fn();
  const lock = lockDirectory(path, { onLost: lost });
  vi.advanceTimersByTime(10_000);
  expect(lost).not.toHaveBeenCalled();
  plant(path, { ...lock.owner, token: "another" });
  vi.advanceTimersByTime(10_000);
  expect(lost).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "lock-lost" }));
  lock.release();
  expect(readLockOwner(path)?.token).toBe("another");

  const logged = temporaryDirectory();
  const log = await WriteAheadLog.create(logged, { codec: bsonCodec() });
  await log.append({ number: 1 });
  plant(logged, { ...lock.owner, token: "another" });
  vi.advanceTimersByTime(10_000);
  const { segmentBytes } = log.statistics();
  for (const action of [
    () => log.append({ number: 2 }),
    () => log.flushAndSync(),
    () => log.publishCheckpoint(1, []),
  ]) {
    await expect(action()).rejects.toMatchObject({ code: "lock-lost" });
  }
  expect(log.statistics().segmentBytes).toBe(segmentBytes);
  await log.close();
  expect(readLockOwner(logged)?.token).toBe("another");
});

test("the lock file can be read by a human", () => {
  const path = temporaryDirectory();
  const lock = lockDirectory(path);
  expect(JSON.parse(readFileSync(join(path, "LOCK"), "utf8"))).toMatchObject({ pid: process.pid });
  expect(fileURLToPath(LIBRARY)).toContain("dist");
  lock.release();
});

test("the record of one who died while he took the lock is removed by the next; one that is just being written stays", async () => {
  const path = temporaryDirectory();
  const first = await contender(path);
  expect(await go(first)).toBe("held");
  await killed(first);
  linkSync(join(path, "LOCK"), join(path, "LOCK.aaaa"));
  writeFileSync(join(path, "LOCK.bbbb"), "");
  writeFileSync(join(path, "LOCK.cccc"), "");
  utimesSync(join(path, "LOCK.cccc"), new Date(0), new Date(0));

  const lock = lockDirectory(path);
  expect(readdirSync(path).sort()).toEqual(["LOCK", "LOCK.bbbb"]);
  lock.release();
});

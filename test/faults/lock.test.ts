/**
 * Whose a data directory is: containers and machines that come and go, stand still, are copied, or lack something. A machine of its own is here a
 * process that sees another boot id; a container one with a pid namespace. Each test says what turned it red.
 */
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lockDirectory, readLockOwner } from "@hearthkv/durability";
import { expect, type TestContext, test } from "vitest";
import {
  launcher,
  RespClient,
  requirePeer,
  runProcess,
  type ServerProcess,
  skipOrFail,
  startHearth,
  startProcess,
  temporaryFolder,
  waitUntil,
} from "../support/index.js";
import { contentOf } from "../tools/directories.js";
import { SmallDisk } from "./small-disk.js";

const CONTAINER = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const WITHOUT_PROC = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "-"];
const QUEUED = 200;

/** As on another machine of the same name, which has the same disk. */
function otherMachine(): string[] {
  const boot = join(temporaryFolder("boot"), "boot_id");
  writeFileSync(boot, "11111111-2222-3333-4444-555555555555\n");
  const mount = `mount --bind ${boot} /proc/sys/kernel/random/boot_id && exec "$@"`;
  return ["unshare", "--mount", "sh", "-c", mount, "-"];
}

function requireNamespaces(context: Pick<TestContext, "skip">): void {
  if (spawnSync("unshare", ["--pid", "--fork", "--mount", "true"]).status === 0) return;
  skipOrFail(context, "run as root, with unshare", "namespaces cannot be made");
}

/** Starts a server that is to refuse; what it says last. */
async function refusal(dataDir: string, wrapper: readonly string[]): Promise<string> {
  const serve = [launcher, "serve", "--port", "0", "--data-dir", dataDir, "--log-level", "silent"];
  const [command = "", ...args] = [...wrapper, process.execPath, ...serve];
  const { code, stderr } = await runProcess(command, args);
  expect(code, stderr).toBe(1);
  return stderr;
}

/** The server itself, seen from here: in its container it is process 1. */
function outerPid(server: ServerProcess): number {
  const { stdout } = spawnSync("pgrep", ["-P", String(server.child.pid)], { encoding: "utf8" });
  return Number(stdout.trim());
}

/** An owner of which nothing tells from here. */
async function plantForeignLock(dataDir: string): Promise<void> {
  const lock = await lockDirectory(dataDir);
  lock.release();
  const owner = { ...lock.owner, boot: "11111111-2222-3333-4444-555555555555", token: "foreign" };
  writeFileSync(join(dataDir, "LOCK"), JSON.stringify(owner));
}

async function killContainer(server: ServerProcess): Promise<void> {
  process.kill(outerPid(server), "SIGKILL");
  await server.child.exited;
}

async function keysOf(server: ServerProcess, pattern: string): Promise<number> {
  const client = await server.connect();
  const keys = await client.ok("KEYS", pattern);
  client.close();
  return (keys as unknown[]).length;
}

/*
 * Controls: with HEARTBEAT_MS a minute and SILENCE_ALLOWED_MS = Infinity in lock-lease.ts the first server goes on. (With the latter alone the heartbeat that is
 * due when it wakes mostly comes first; with the former alone all is well.)
 */
test("a server that stood still and was succeeded acknowledges and writes nothing more, and ends", async (context) => {
  requireNamespaces(context);
  const first = await startHearth();
  const { dataDir } = first;
  const client = await first.connect();
  for (let i = 0; i < 100; i++) await client.ok("SET", `first:${i}`, i);
  process.kill(first.pid, "SIGSTOP");
  const late = Array.from({ length: QUEUED }, (_, i) => client.send("SET", `late:${i}`, i).catch((error) => error));
  const reading = client.send("GET", "first:1").catch((error) => error);

  // From another machine its socket tells nothing.
  for (const name of readdirSync(dataDir)) if (name.endsWith(".sock")) rmSync(join(dataDir, name));
  const second = await startHearth({ dataDir, wrapper: otherMachine() });
  expect(second.child.output).toMatch(/nothing tells whether it lives: watching for 10 s/);
  const writer = await second.connect();
  for (let i = 0; i < 50; i++) await writer.ok("SET", `second:${i}`, i);
  const log = readdirSync(dataDir).filter((name) => name.startsWith("wal-"));
  const closed = log.find((name) => name !== "wal-current.log") as string;
  const closedBytes = statSync(join(dataDir, closed)).size;

  process.kill(first.pid, "SIGCONT");
  expect((await first.child.exited).code).toBe(1);
  expect(first.child.stderr).toMatch(/another process took the lock .*process \d+ on .* has it/);
  expect((await Promise.all(late)).filter((reply) => reply === "OK")).toEqual([]);
  expect(await reading).not.toBe("1");
  expect(statSync(join(dataDir, closed)).size).toBe(closedBytes);
  client.close();
  for (let i = 50; i < 60; i++) await writer.ok("SET", `second:${i}`, i);
  writer.close();
  await second.kill();

  const third = await startHearth({ dataDir });
  expect([await keysOf(third, "first:*"), await keysOf(third, "second:*"), await keysOf(third, "late:*")]).toEqual([
    100, 60, 0,
  ]);
  expect((await third.stop()).code).toBe(0);
});

// Control: the watch without its signal goes on to its end, takes the lock and gives it back, and LOCK is gone.
test("while the lock of another machine is watched, clients are told LOADING, and SIGTERM leaves all as it was", async () => {
  const dataDir = temporaryFolder("watched");
  await plantForeignLock(dataDir);
  const before = contentOf(dataDir);
  const serve = ["serve", "--port", "0", "--data-dir", dataDir, "--log-format", "json"];
  const child = startProcess(process.execPath, [launcher, ...serve], { stdin: "" });
  const [, port] = await child.waitFor(/listening on 127\.0\.0\.1:(\d+)/);
  await child.waitFor(/nothing tells whether it lives: watching for 10 s/);
  const client = await RespClient.connect(Number(port));
  await expect(client.ok("GET", "key")).rejects.toThrow(/LOADING/);
  expect(await client.ok("INFO", "persistence")).toMatch(/loading:1\r\n/);
  client.close();
  expect(await child.stop()).toEqual({ code: 0, signal: null });
  expect(child.stdout).toMatch(/goodbye/);
  expect(contentOf(dataDir)).toEqual(before);
});

// Control: LockWitness.open() giving null makes it wait for ten seconds, of which it tells.
test("a container that was killed is succeeded at once; while it lives, even standing still, it is not", async (context) => {
  requireNamespaces(context);
  const dataDir = temporaryFolder("volume");
  const first = await startHearth({ dataDir, wrapper: CONTAINER });
  const client = await first.connect();
  await client.ok("SET", "key", "value");
  client.close();
  expect(await refusal(dataDir, CONTAINER)).toMatch(/in use by process 1 on/);
  process.kill(outerPid(first), "SIGSTOP");
  expect(await refusal(dataDir, CONTAINER)).toMatch(/in use by process 1 on/);
  await killContainer(first);
  const second = await startHearth({ dataDir, wrapper: CONTAINER });
  expect(second.child.output).not.toMatch(/watching/);
  expect(await keysOf(second, "*")).toBe(1);
  await killContainer(second);
});

// Control: whatever /proc still shows taken for alive, as it was: the second server refuses, "in use".
test("a server whose parent has not asked for its end is succeeded at once", async () => {
  const dataDir = temporaryFolder("data");
  const first = await startHearth({ dataDir, wrapper: ["sh", "-c", '"$@" & exec sleep 1000', "-"] });
  const client = await first.connect();
  await client.ok("SET", "key", "value");
  client.close();
  expect(await refusal(dataDir, [])).toMatch(/in use by process/);
  process.kill(first.pid, "SIGKILL");
  const state = () => /\) (\w)/.exec(readFileSync(`/proc/${first.pid}/stat`, "latin1"))?.[1];
  await waitUntil("it has ended", () => state() === "Z");
  const second = await startHearth({ dataDir });
  expect(state()).toBe("Z");
  expect(second.child.output).not.toMatch(/watching/);
  expect(await keysOf(second, "*")).toBe(1);
  await second.stop();
  first.child.kill("SIGKILL");
  await first.child.exited;
});

// Control: another boot of the same host taken for a dead owner, as it was: the second server starts.
test("a machine of the same name does not take the lock of one that gives signs of life", async (context) => {
  requireNamespaces(context);
  const first = await startHearth();
  expect(await refusal(first.dataDir, otherMachine())).toMatch(/in use by process \d+ on/);
  const client = await first.connect();
  await client.ok("SET", "key", "value");
  client.close();
  expect((await first.stop()).code).toBe(0);
});

test("a copy of a running directory starts beside it", async () => {
  const first = await startHearth();
  const client = await first.connect();
  await client.ok("SET", "key", "value");
  const copy = `${first.dataDir}.copy`;
  expect(spawnSync("cp", ["-a", first.dataDir, copy]).status).toBe(0);
  const second = await startHearth({ dataDir: copy });
  expect(second.child.output).not.toMatch(/watching/);
  expect(await keysOf(second, "*")).toBe(1);
  await client.ok("SET", "key", "again");
  client.close();
  expect([(await second.stop()).code, (await first.stop()).code]).toEqual([0, 0]);
});

// Control: process.memoryUsage() called for InfoCollector's first figure, as it was, ends the start with ENOENT.
test("without /proc a server runs, and what it left when it was killed does not lock for ever", async (context) => {
  requireNamespaces(context);
  const first = await startHearth({ wrapper: WITHOUT_PROC });
  const client = await first.connect();
  await client.ok("SET", "key", "value");
  expect(await client.ok("INFO", "memory")).toMatch(/used_memory_rss:[1-9]/);
  client.close();
  await first.kill();
  const { dataDir } = first;
  const second = await startHearth({ dataDir, wrapper: WITHOUT_PROC });
  expect(await keysOf(second, "*")).toBe(1);
  expect((await second.stop()).code).toBe(0);
});

// Controls, each seen red: NO_HARD_LINKS empty; NO_DIRECTORY_SYNC empty. The start is refused.
test("a file system without hard links and without fsync of directories", async (context) => {
  requirePeer(context, "strace");
  const dataDir = temporaryFolder("poor");
  const calls = ["-e", "inject=link,linkat:error=EPERM", "-e", "inject=fsync:error=EINVAL"]; // of files it is fdatasync
  const wrapper = [
    "strace",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "--seccomp-bpf",
    "-e",
    "trace=link,linkat,fsync",
    ...calls,
  ];
  const first = await startHearth({ dataDir, wrapper });
  expect(first.child.output).toMatch(/cannot sync directories: when the power fails it may forget the newest files/);
  // Whoever else is on this machine has no business with it. Control: without the mode it is the umask's.
  expect(statSync(join(dataDir, "LOCK")).mode & 0o777).toBe(0o600);
  const client = await first.connect();
  await client.ok("SET", "key", "value");
  client.close();
  expect(await refusal(dataDir, [])).toMatch(/in use by process \d+ on/);
  await first.kill();
  const second = await startHearth({ dataDir, wrapper });
  expect(await keysOf(second, "*")).toBe(1);
  expect((await second.stop()).code).toBe(0);
});

// Control, seen red: isNoRoom false. The lock is refused with ENOSPC.
test("a full disk has room for a lock: an empty one, which is written when there is room", async (context) => {
  const disk = SmallDisk.mount(context, 4 * 1024 * 1024);
  const path = join(disk.path, "data");
  cpSync(temporaryFolder("empty"), path, { recursive: true });
  disk.fill(0);
  const lock = await lockDirectory(path);
  expect(lock.isHeld()).toBe(true);
  expect(readLockOwner(path)).toBeNull();
  await expect(lockDirectory(path)).rejects.toThrow(/something touches its lock file, which names nobody/);
  disk.free();
  await waitUntil("the record is written", async () => readLockOwner(path)?.token === lock.owner.token);
  expect(lock.isHeld()).toBe(true);
  lock.release();
  expect(readdirSync(path)).toEqual([]);
});

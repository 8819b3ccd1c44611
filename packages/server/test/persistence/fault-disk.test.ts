/** A disk that fails: writes are refused with the reason, nothing acknowledged is lost, and it heals by itself. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { realDisk, WalWriter } from "@hearthkv/durability";
import { afterAll, expect, test } from "vitest";
import { freshDirectory, openAt, removeDirectories, set, until } from "./open.js";
import { checkWritten, WriterProcess } from "./writer.js";

afterAll(removeDirectories);

function installed(command: string): boolean {
  return spawnSync("which", [command]).status === 0;
}

function currentBytes(path: string): number {
  return statSync(join(path, "wal-current.log")).size;
}

/** Writes on until the disk fails, heals it, and lets it write on. */
async function healed(writer: WriterProcess, error: string, heal: () => void): Promise<void> {
  expect(await writer.line("error")).toBe(`error MISCONF Errors writing to the AOF file: ${error}`);
  const { acked } = writer;
  await new Promise((resolve) => setTimeout(resolve, 300));
  heal();
  await writer.line("healed");
  while (writer.acked <= acked + 100) await new Promise((resolve) => setTimeout(resolve, 20));
}

for (const ackLevel of ["memory", "written", "synced"] as const) {
  test.skipIf(!installed("prlimit"))(`ack ${ackLevel}: writes that fail, then work again`, async () => {
    const path = freshDirectory();
    const writer = new WriterProcess(path, { ackLevel, paceMs: 1 });
    await writer.line("ready");
    const limit = currentBytes(path) + 200_001;
    execFileSync("prlimit", ["--pid", String(writer.pid), `--fsize=${limit}:unlimited`]);
    await healed(writer, "File too large", () => {
      expect(currentBytes(path)).toBe(limit);
      execFileSync("prlimit", ["--pid", String(writer.pid), "--fsize=unlimited:unlimited"]);
    });
    await writer.end("SIGKILL");
    await checkWritten(path, ackLevel === "memory" ? 0 : writer.acked);
  });

  test.skipIf(!installed("prlimit"))(`ack ${ackLevel}: killed while writes fail`, async () => {
    const path = freshDirectory();
    const writer = new WriterProcess(path, { ackLevel, paceMs: 1 });
    await writer.line("ready");
    execFileSync("prlimit", ["--pid", String(writer.pid), `--fsize=${currentBytes(path) + 100_003}:unlimited`]);
    await writer.line("error");
    await writer.end("SIGKILL");
    await checkWritten(path, ackLevel === "memory" ? 0 : writer.acked);
  });

  test.skipIf(!installed("prlimit"))(`ack ${ackLevel}: asked to end while writes fail`, async () => {
    const path = freshDirectory();
    const writer = new WriterProcess(path, { ackLevel, paceMs: 1 });
    await writer.line("ready");
    execFileSync("prlimit", ["--pid", String(writer.pid), `--fsize=${currentBytes(path) + 200_003}:unlimited`]);
    await writer.line("error");
    const endedMs = performance.now();
    await writer.end("SIGTERM");
    expect(performance.now() - endedMs).toBeLessThan(15_000);
    await checkWritten(path, ackLevel === "memory" ? 0 : writer.acked);
  });

  test.skipIf(!installed("strace"))(`ack ${ackLevel}: one fdatasync fails`, async () => {
    const path = freshDirectory();
    const inject = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=3"];
    const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-P", join(path, "wal-current.log")];
    const writer = new WriterProcess(path, { ackLevel, paceMs: 2, fsyncIntervalMs: 30 }, [...strace, ...inject]);
    await writer.line("ready");
    await healed(writer, "Input/output error", () => {});
    const { acked } = writer;
    await writer.end("SIGKILL");
    expect(readdirSync(path).some((name) => name.endsWith(".snap"))).toBe(true);
    await checkWritten(path, ackLevel === "memory" ? 0 : acked);
  });
}

test.skipIf(!installed("strace"))("every fdatasync fails, and the process is killed", async () => {
  for (const ackLevel of ["written", "synced"] as const) {
    const path = freshDirectory();
    const inject = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=4+"];
    const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-P", join(path, "wal-current.log")];
    const writer = new WriterProcess(path, { ackLevel, paceMs: 2, fsyncIntervalMs: 30 }, [...strace, ...inject]);
    await writer.line("error");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await writer.end("SIGKILL");
    await checkWritten(path, writer.acked);
  }
});

test.skipIf(!installed("prlimit"))("a snapshot that fails is told, the log goes on, the next one works", async () => {
  const path = freshDirectory();
  const options = { snapshotIntervalS: 0.2, walMaxBytes: 1024 * 1024, padBytes: 5000, paceMs: 1 };
  const writer = new WriterProcess(path, options);
  await writer.line("ready");
  execFileSync("prlimit", ["--pid", String(writer.pid), `--fsize=${3 * 1024 * 1024}:unlimited`]);
  expect(await writer.line("log snapshot failed")).toContain("EFBIG");
  const { acked } = writer;
  await until(() => writer.acked > acked + 100);
  expect(writer.has("error")).toBe(false);
  // The log goes on, and rotates: only of snapshots nothing unfinished may be left.
  expect(readdirSync(path).some((name) => name.startsWith("snapshot-") && name.endsWith(".tmp"))).toBe(false);
  execFileSync("prlimit", ["--pid", String(writer.pid), "--fsize=unlimited:unlimited"]);
  const published = (): number => writer.lines.filter((line) => line.endsWith("published")).length;
  const before = published();
  expect(await writer.end("SIGTERM")).toBe(0);
  expect(published()).toBe(before + 1);
  await checkWritten(path, writer.acked);
});

test("a log whose fdatasync had failed in the run before is not relied on", async () => {
  const path = freshDirectory();
  const disk = realDisk(path);
  const first = await openAt(path);
  set(first.keyspace, "a", "1");
  first.persistence.commit(Date.now());
  set(first.keyspace, "b", "1");
  first.persistence.commit(Date.now());
  await first.persistence.close({ snapshot: false });
  // As a run leaves it that begins a segment after the failure, and dies before its snapshot is published.
  const generation = 1;
  WalWriter.create(disk, { generation, firstSequence: 3, segmentNumber: 9, syncedSequence: 1 }).close();

  const second = await openAt(path);
  expect(second.persistence.lastSequence).toBe(2);
  expect(second.persistence.writeError).toBe(null);
  expect(second.persistence.syncedSequence()).toBe(1);
  await second.persistence.waitSynced(2);
  expect(readdirSync(path).some((name) => name.endsWith(".snap"))).toBe(true);
  await second.persistence.close({ snapshot: false });
});

/**
 * With --ack synced the serving thread makes quick fdatasyncs itself. Here its own, and only those, fail, take long, or last so long that another process
 * takes the directory meanwhile. (strace without -f sees one thread of the server: that one.)
 *
 * Negative controls, by hand: with SYNCED_SEQUENCE stored although the call failed, the unsynced write was acknowledged; without the
 * hand-over after a slow call there were many of them; without the look at the lock at the end of a turn (endTick) the write was acknowledged.
 */
import { readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  type Reply,
  type RespClient,
  requirePeer,
  type ServerProcess,
  startHearth,
  waitUntil,
} from "../support/index.js";
import { DiskFault } from "./disk-fault.js";
import { persistenceNumber } from "./server-info.js";
import { SmallDisk } from "./small-disk.js";
import { tryWrite } from "./try-write.js";

const SYNCED = ["--ack", "synced"];
/** In memory, where an fdatasync is quick on any machine. */
const DISK_BYTES = 64 * 1024 * 1024;
const REFUSAL = "MISCONF Errors writing to the AOF file: Input/output error";
const FAILURES = 3;
const WRITES_BETWEEN = 200;
const SLOW_MS = 1000;
const WRITES_AFTER_A_SLOW_ONE = 50;
/** Longer than who has the lock may go without looking at it. */
const STOOD_STILL_MS = 5000;

/** A fault of the serving thread's fdatasyncs of the log. Nothing happens when it makes none: whoever waits for `injected` finds that. */
function faultOf(server: ServerProcess, effect: string): Promise<DiskFault> {
  const files = [join(server.dataDir, "wal-current.log")];
  return DiskFault.begin(server, { calls: "fdatasync", effect, files, servingThread: true });
}

/** Writes, one after the other, until the fault has hit; what is answered, the last time by the write that it hit. */
async function untilHit(fault: DiskFault, client: RespClient): Promise<Reply[]> {
  const answers: Reply[] = [];
  await waitUntil("the serving thread makes an fdatasync", async () => {
    answers.push(await client.send("INCR", "n"));
    return fault.injected > 0;
  });
  return answers;
}

/** The file that is the present segment: the number of an inode is used again, its time of birth is not. */
function segmentOf(dataDir: string): string {
  const { ino, birthtimeNs } = statSync(join(dataDir, "wal-current.log"), { bigint: true });
  return `${ino} ${birthtimeNs}`;
}

/** Whether the serving thread is inside a system call whose first argument is this open file. */
function isInCallOf(server: ServerProcess, file: string): boolean {
  const [, first = ""] = readFileSync(`/proc/${server.pid}/syscall`, "utf8").split(" ");
  try {
    return readlinkSync(`/proc/${server.pid}/fd/${Number(first)}`) === file;
  } catch {
    return false; // no descriptor
  }
}

test("it fails: what it covers is refused, the file is never synced again, and it heals", async (context) => {
  requirePeer(context, "strace");
  const dataDir = join(SmallDisk.mount(context, DISK_BYTES).path, "data");
  const options = { dataDir, flags: [...SYNCED, "--wal-max-bytes", "64kb"] };
  const server = await startHearth(options);
  const client = await server.connect();
  let acknowledged = 0;
  for (let i = 1; i <= FAILURES; i++) {
    for (let k = 0; k < WRITES_BETWEEN; k++) acknowledged = (await client.ok("INCR", "n")) as number;
    const segment = segmentOf(dataDir);
    const fault = await faultOf(server, "error=EIO:when=1");
    const answers = await untilHit(fault, client);
    // The last one waited for the call that failed, and no other client can have brought about another.
    expect((answers.pop() as Error).message).toBe(REFUSAL);
    for (const answer of answers) acknowledged = answer as number;
    await fault.end();
    await waitUntil("writes are taken again", async () => (await tryWrite(server)) === "OK");
    expect(await persistenceNumber(client, "wal_errors")).toBe(i);
    expect(segmentOf(dataDir)).not.toBe(segment);
  }
  acknowledged = (await client.ok("INCR", "n")) as number;
  await server.kill();
  const last = await startHearth(options);
  const reader = await last.connect();
  // Refused ones are there as well: they were in memory, and in the snapshot that healed it.
  expect(await reader.ok("GET", "n")).toBe(String(acknowledged));
  expect(acknowledged).toBeGreaterThan(FAILURES * WRITES_BETWEEN);
  await last.stop();
});

test("it takes long: the worker makes those that follow", async (context) => {
  requirePeer(context, "strace");
  const dataDir = join(SmallDisk.mount(context, DISK_BYTES).path, "data");
  const server = await startHearth({ dataDir, flags: SYNCED });
  const [writer, other] = [await server.connect(), await server.connect()];
  const fault = await faultOf(server, `delay_enter=${SLOW_MS * 1000}`);
  expect((await untilHit(fault, writer)).find((answer) => answer instanceof Error)).toBeUndefined();
  const fsyncs = await persistenceNumber(other, "wal_fsyncs");
  for (let i = 0; i < WRITES_AFTER_A_SLOW_ONE; i++) {
    expect(await writer.send("SET", "k", i)).toBe("OK");
    expect(await other.send("PING")).toBe("PONG");
  }
  expect(fault.injected).toBe(1);
  expect(await persistenceNumber(other, "wal_fsyncs")).toBeGreaterThanOrEqual(fsyncs + WRITES_AFTER_A_SLOW_ONE);
  await fault.end();
  await server.stop();
});

test("the lock is lost during one that takes long: what it covers is not acknowledged", async (context) => {
  requirePeer(context, "strace");
  const dataDir = join(SmallDisk.mount(context, DISK_BYTES).path, "data");
  const server = await startHearth({ dataDir, flags: SYNCED });
  const client = await server.connect();
  const fault = await faultOf(server, `delay_exit=${STOOD_STILL_MS * 1000}`);
  let answered = 0;
  const writing = (async () => {
    for (;;) {
      await client.send("INCR", "n");
      answered++;
    }
  })().catch(() => {}); // until the connection ends
  await waitUntil("the serving thread is held up in it", () => isInCallOf(server, join(dataDir, "wal-current.log")));
  const before = answered;
  const lock = join(dataDir, "LOCK");
  rmSync(lock);
  writeFileSync(lock, '{"token":"another"}\n');
  await writing;
  expect(answered).toBe(before);
  expect((await server.child.exited).code).toBe(1);
  expect(server.child.output).toContain("another process took the lock");
  await fault.end();
});

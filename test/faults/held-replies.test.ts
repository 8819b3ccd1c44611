/**
 * Clients that have a write in flight when the log fails or stands still: nobody waits. The write is refused with the reason, and what the
 * client asked for behind it is answered, in order; the write may be there after all. A disk that is only slow refuses nothing.
 *
 * Negative controls, by hand: with the rejection of `waitSynced` taken out of log-persistence.ts WAITAOF waits for ever; with a limit of two
 * looks in hang-watch.ts's long call the slow disk is refused. reply-gate.test.ts has those of the held replies.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import {
  type Reply,
  type RespClient,
  requirePeer,
  type ServerProcess,
  startHearth,
  temporaryFolder,
  waitUntil,
} from "../support/index.js";
import { DiskFault } from "./disk-fault.js";
import { persistenceNumber } from "./server-info.js";
import { startSlow } from "./slow-disk.js";
import { SmallDisk } from "./small-disk.js";
import { tryWrite } from "./try-write.js";

const hook = pathToFileURL(fileURLToPath(new URL("worker-fault-hook.mjs", import.meta.url))).href;
const PREFIX = "-MISCONF Errors writing to the AOF file: ";
const DISK_BYTES = 32 * 1024 * 1024;
const LARGE = "x".repeat(100_000);
const CLIENTS = 20;

/** A write and what comes behind it, in one pipeline of each client. */
function pipelineOf(i: number): string[][] {
  return [
    ["SET", `k${i}`, LARGE],
    ["STRLEN", `k${i}`],
    ["MULTI"],
    ["INCR", `n${i}`],
    ["GET", `n${i}`],
    ["EXEC"],
    ["PING"],
    ["EXISTS", "nothing"],
  ];
}

/** Error replies as "-" and their text: two errors are equal only when they are of one class. */
function plain(replies: readonly Reply[]): Reply[] {
  return replies.map((reply) => (reply instanceof Error ? `-${reply.message}` : reply));
}

/** What must come of it when `set` was refused: the transaction by its EXEC, or while it was queued where the failure was known before. */
function checkAnswers(replies: readonly Reply[], refusal: string): void {
  const [set, , multi, incr, get, exec, ping, exists] = plain(replies);
  expect(set).toBe(refusal);
  expect([multi, get, ping, exists]).toEqual(["OK", "QUEUED", "PONG", 0]);
  const reason = refusal.slice("-".length);
  const refused = [refusal, `-EXECABORT Transaction discarded because of: ${reason}`];
  if (incr === "QUEUED") expect(refused).toContain(exec);
  else expect([incr, exec]).toEqual([refusal, "-EXECABORT Transaction discarded because of previous errors."]);
}

/** Clients send until one of their writes is refused; then what each of them had under way is answered, all of it. */
async function allAnswered(server: ServerProcess, refusal: string): Promise<void> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => server.connect()));
  await Promise.all(
    clients.map(async (client, i) => {
      for (;;) {
        const replies = await client.pipeline(pipelineOf(i));
        if (!(replies[0] instanceof Error)) continue;
        checkAnswers(replies, refusal);
        return;
      }
    }),
  );
  for (const client of clients) client.close();
}

async function goesOn(server: ServerProcess): Promise<void> {
  await waitUntil("writes are taken again", async () => (await tryWrite(server)) === "OK");
}

test.for(["written", "synced"])("a full disk, --ack %s", { timeout: 120_000 }, async (level, context) => {
  const disk = SmallDisk.mount(context, DISK_BYTES);
  // Without snapshots by the log's size: they would keep room for it.
  const flags = ["--ack", level, "--snapshot-wal-bytes", "0"];
  const server = await startHearth({ dataDir: join(disk.path, "data"), flags });
  const blocked = await server.connect();
  const popped = blocked.send("BLPOP", "q", 0).catch(() => null);
  await allAnswered(server, `${PREFIX}No space left on device`);
  const other = await server.connect();
  expect(await other.send("PING")).toBe("PONG");
  disk.fill(0);
  expect(plain([await other.send("SET", "a", "1")])).toEqual([`${PREFIX}No space left on device`]);
  await server.kill();
  await popped;
  disk.unmount();
});

test("every write to the log fails, --ack written: a blocked call that was served is refused as well", async (context) => {
  requirePeer(context, "strace");
  const server = await startHearth();
  const [blocked, writer, reader] = [await server.connect(), await server.connect(), await server.connect()];
  const popped = blocked.send("BLPOP", "q", 0);
  await waitUntil("it blocks", async () =>
    ((await reader.ok("INFO", "clients")) as string).includes("blocked_clients:1"),
  );
  const files = [join(server.dataDir, "wal-current.log")];
  const fault = await DiskFault.begin(server, { calls: "write,pwrite64", effect: "error=EROFS", files });
  const refusal = `${PREFIX}Read-only file system`;
  const push = [["RPUSH", "q", "x", "y"], ["LRANGE", "q", "0", "-1"], ["PING"]];
  expect(plain(await writer.pipeline(push))).toEqual([refusal, ["y"], "PONG"]);
  expect(plain([await popped])).toEqual([refusal]);
  await fault.end();
  await goesOn(server);
  expect(await reader.ok("LRANGE", "q", "0", "-1")).toEqual(["y"]);
  await server.stop();
  const again = await startHearth({ dataDir: server.dataDir });
  const client = await again.connect();
  expect(await client.ok("LRANGE", "q", "0", "-1")).toEqual(["y"]);
  await again.stop();
});

test.for(["written", "synced"])("fdatasync fails, --ack %s: WAITAOF is refused", async (level, context) => {
  requirePeer(context, "strace");
  const server = await startHearth({ flags: ["--ack", level, "--fsync-interval-ms", "1000"] });
  const client = await server.connect();
  const fault = await DiskFault.begin(server, { calls: "fdatasync", effect: "error=EIO" });
  const refusal = `${PREFIX}Input/output error`;
  const requests = [["SET", "a", "1"], ["GET", "a"], ["WAITAOF", 1, 0, 0], ["PING"]];
  expect(plain(await client.pipeline(requests))).toEqual([level === "synced" ? refusal : "OK", "1", refusal, "PONG"]);
  expect(plain([await client.send("WAITAOF", 1, 0, 0)])).toEqual([refusal]);
  await fault.end();
  await goesOn(server);
  expect(await client.send("WAITAOF", 1, 0, 0)).toEqual([1, 0]);
  await server.stop();
});

test.for(["written", "synced"])("the worker stands still, --ack %s", async (level) => {
  const order = join(temporaryFolder("fault"), "order");
  const env = { NODE_OPTIONS: `--import=${hook}`, WORKER_FAULT_ORDER: order };
  const server = await startHearth({ flags: ["--ack", level, "--wal-max-bytes", "1mb"], env });
  const waits = await server.connect();
  await waits.ok("SET", "a", "1");
  writeFileSync(order, "stall");
  const waited = waits.pipeline([["SET", "a", "2"], ["WAITAOF", 1, 0, 0], ["PING"]]);
  await allAnswered(server, `${PREFIX}the persistence worker does not answer`);
  const [, aof, ping] = plain(await waited);
  expect([aof, ping]).toEqual([`${PREFIX}the persistence worker does not answer`, "PONG"]);
  rmSync(order);
  await goesOn(server);
  await server.stop();
});

test("an fdatasync of 5 s, --ack synced: the write waits and is acknowledged, nothing is refused", async (context) => {
  requirePeer(context, "strace");
  const server = await startSlow(5000, ["--ack", "synced"]);
  const client: RespClient = await server.connect();
  const other = await server.connect();
  const replies = client.pipeline([
    ["SET", "a", "1"],
    ["GET", "a"],
    ["WAITAOF", 1, 0, 0],
  ]);
  await waitUntil("it is in the log", async () => (await persistenceNumber(other, "wal_written_sequence")) > 0);
  expect(await replies).toEqual(["OK", "1", [1, 0]]);
  expect(await persistenceNumber(other, "wal_errors")).toBe(0);
  await server.stop();
});

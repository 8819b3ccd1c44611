/** The worker's end of the log, driven step by step over a disk that fails when the test says so. */
import { type Directory, readSegmentHeader, realDisk } from "@hearthkv/durability";
import { EffectLog } from "@hearthkv/engine";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { LogChannel } from "../../src/persistence/channel.js";
import * as slot from "../../src/persistence/slots.js";
import { WorkerLog } from "../../src/persistence/worker-log.js";
import { freshDirectory, removeDirectories } from "./open.js";

afterAll(removeDirectories);

const WAL_MAX_BYTES = 4096;
const GENERATION = 7;
/** The disk of these tests asks nobody. */
const NO_LOCK = { path: "", token: "", fd: -1, inode: "" };

let dir: Directory;
let failsToSync: boolean;
let control: Int32Array<SharedArrayBuffer>;
let channel: LogChannel;
let effects: EffectLog;
let log: WorkerLog;
let messages: slot.FromWorker[];
let nowMs: number;

beforeEach(() => {
  dir = Object.create(realDisk(freshDirectory())) as Directory;
  failsToSync = false;
  const { fdatasync, fdatasyncAsync } = dir;
  dir.fdatasync = (fd) => {
    if (failsToSync) throw Object.assign(new Error("EIO"), { code: "EIO" });
    fdatasync.call(dir, fd);
  };
  dir.fdatasyncAsync = (fd) => {
    if (failsToSync) return Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" }));
    return fdatasyncAsync.call(dir, fd);
  };
  control = new Int32Array(new SharedArrayBuffer(slot.CONTROL_SLOTS * 4));
  const ring = new SharedArrayBuffer(65536);
  control[slot.ACK_LEVEL] = slot.ACK_WRITTEN;
  control[slot.FSYNC_INTERVAL_MS] = 10;
  messages = [];
  // Ahead of the real clock, by which the log notes when an fdatasync began.
  nowMs = performance.now() + 1_000_000;
  const start = { directory: "", lastSequence: 0, syncedSequence: 0, segmentNumber: 1, snapshotKeep: 3, lock: NO_LOCK };
  log = new WorkerLog(
    { ...start, control: control.buffer, ring, generation: GENERATION, walMaxBytes: WAL_MAX_BYTES },
    dir,
    (message) => messages.push(message),
  );
  effects = new EffectLog();
  effects.enabled = true;
  channel = new LogChannel({
    ...{ control, ring, effects, generation: GENERATION, walMaxBytes: WAL_MAX_BYTES, lastSequence: 0 },
    post: () => {},
    mayWrite: () => true,
    onTooLarge: () => {},
  });
});

function commit(entries: number): void {
  for (let i = 0; i < entries; i++) {
    effects.begin(1, 500);
    effects.raw(new Uint8Array(500), 0, 500);
    effects.end();
    channel.commit(nowMs);
  }
}

function write(entries: number): void {
  commit(entries);
  channel.turn();
}

async function steps(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    nowMs += 200;
    log.step(nowMs);
    while (log.syncing) await new Promise((resolve) => setImmediate(resolve));
  }
}

function syncedInHeader(): number {
  const header = readSegmentHeader(dir, "wal-current.log");
  if (header.state !== "ok") throw new Error("the header is damaged");
  return header.header.syncedSequence;
}

async function failOnce(): Promise<void> {
  write(2);
  await steps(2);
  expect(channel.syncedSequence()).toBe(2);
  write(2);
  failsToSync = true;
  await steps(2);
  failsToSync = false;
}

describe("after a failed fdatasync", () => {
  test("no header claims more than was durable, until a snapshot mends it", async () => {
    await failOnce();
    await steps(1);
    expect(messages).toContainEqual({ type: "snapshotNeeded", sequence: 4 });
    expect(syncedInHeader()).toBe(2);
    for (let i = 0; i < 5; i++) {
      write(4);
      await steps(4);
    }
    const rotated = readSegmentHeader(dir, "wal-current.log");
    expect(rotated.state === "ok" && rotated.header.firstSequence).toBeGreaterThan(5);
    expect(syncedInHeader()).toBe(2);
    log.snapshotPublished(24);
    expect(channel.syncedSequence()).toBe(24);
    write(10);
    await steps(6);
    expect(syncedInHeader()).toBeGreaterThanOrEqual(24);
  });

  test("nobody waits for a sync that will not come", async () => {
    write(2);
    const { open } = dir;
    dir.open = () => {
      throw Object.assign(new Error("EMFILE"), { code: "EMFILE" });
    };
    failsToSync = true;
    await steps(2);
    await expect(log.synced(2)).rejects.toThrow();
    dir.open = open;
    failsToSync = false;
    await steps(2);
    await log.synced(2);
  });
});

test("what main writes after a step is not slept through", async () => {
  await steps(1);
  expect(log.msUntilStep(nowMs)).toBe(Number.POSITIVE_INFINITY);
  write(1);
  expect(channel.writtenSequence()).toBe(1);
  expect(log.msUntilStep(nowMs)).toBe(0);
});

test("a segment that is full waits for the fdatasync that is under way, and does not ask again and again", async () => {
  write(1);
  log.step(nowMs);
  nowMs += 200;
  log.step(nowMs);
  expect(log.syncing).toBe(true);
  write(20);
  log.step(nowMs);
  expect(channel.writtenSequence()).toBeLessThan(21);
  expect(log.msUntilStep(nowMs)).toBe(Number.POSITIVE_INFINITY);
  await steps(8);
  expect(channel.writtenSequence()).toBe(21);
});

describe("with ack level synced", () => {
  beforeEach(() => {
    channel.ackLevel = slot.ACK_SYNCED;
  });

  test("a quick fdatasync is made by the worker itself, a slow one in the background", async () => {
    write(1);
    log.step(nowMs);
    expect(log.syncing).toBe(false);
    expect(channel.ackedSequence()).toBe(1);
    expect(control[slot.UNSYNCED_SINCE_MS]).toBe(0);
    control[slot.LAST_FSYNC_US] = 5000;
    write(1);
    log.step(nowMs);
    expect(log.syncing).toBe(true);
    expect(channel.ackedSequence()).toBe(1);
    await steps(1);
    expect(channel.ackedSequence()).toBe(2);
  });

  test("what comes during an fdatasync is written at its end, of which main is told", async () => {
    control[slot.LAST_FSYNC_US] = 5000;
    write(1);
    log.step(nowMs);
    expect(log.syncing).toBe(true);
    messages.length = 0;
    control[slot.PROGRESS_WANTED] = 0;
    commit(3);
    channel.endTurn();
    expect(channel.writtenSequence()).toBe(1);
    await steps(1);
    expect(messages).toContainEqual({ type: "progress" });
    channel.endTurn();
    expect(channel.writtenSequence()).toBe(4);
    await steps(1);
    expect(channel.ackedSequence()).toBe(4);
  });

  test("main is told of the end of an fdatasync although a snapshot has yet to mend an earlier one", async () => {
    await failOnce();
    await steps(1);
    control[slot.LAST_FSYNC_US] = 5000;
    write(1);
    log.step(nowMs);
    messages.length = 0;
    commit(1);
    channel.endTurn();
    await steps(1);
    expect(messages).toContainEqual({ type: "progress" });
    expect(channel.syncedSequence()).toBe(2);
  });

  test("an fdatasync that fails in the worker itself is as bad as any other", async () => {
    write(2);
    await steps(1);
    control[slot.LAST_FSYNC_US] = 100;
    failsToSync = true;
    write(2);
    log.step(nowMs);
    expect(log.failure).toBe("Input/output error");
    failsToSync = false;
    await steps(2);
    expect(messages).toContainEqual({ type: "snapshotNeeded", sequence: 4 });
    expect(channel.ackedSequence()).toBe(2);
    log.snapshotPublished(4);
    expect(log.failure).toBeNull();
    expect(channel.ackedSequence()).toBe(4);
  });
});

// Control: without IN_LONG_CALL in tellSegments() a start beside 200,000 foreign files refused writes for a while: "the worker does not answer".
test("listing the directory, which others may have filled, does not count as standing still", () => {
  const { list } = dir;
  let inLongCall = 0;
  dir.list = () => {
    inLongCall = Atomics.load(control, slot.IN_LONG_CALL);
    return list.call(dir);
  };
  log.begin();
  expect(inLongCall).toBe(1);
  expect(Atomics.load(control, slot.IN_LONG_CALL)).toBe(0);
});

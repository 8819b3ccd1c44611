/**
 * Quick fdatasyncs that main makes itself, beside the worker's end of the log, which is driven step by step.
 *
 * Controls, each tried by hand. Without noteFailureOfMain() the file whose fdatasync had failed was synced again by the worker, and all of it
 * acknowledged; without the look at SYNC_ERRNO in #drain() the same by main. Without the look at MENDS what a failure of the run before had left was
 * acknowledged; without that at FSYNC_IN_FLIGHT there were two at once. Without #msUntilLook() proofs came late; without the look at `durable` in step() none
 * came, and who waited in the worker waited for ever. Without isMainsTurn() the worker waited for a lock that it had no use for, and main found it taken.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Directory, fileNames, readSegment, readSegmentHeader, realDisk } from "@hearthkv/durability";
import { EffectLog } from "@hearthkv/engine";
import { afterAll, beforeEach, expect, test } from "vitest";
import { LogChannel } from "../../src/persistence/channel.js";
import * as slot from "../../src/persistence/slots.js";
import { WorkerLog } from "../../src/persistence/worker-log.js";
import { freshDirectory, removeDirectories } from "./open.js";

afterAll(removeDirectories);

const WAL_MAX_BYTES = 16_384;
const RING_BYTES = 16_384;
const QUICK_US = 100;
const SLOW_US = 5000;

let path: string;
let dir: Directory;
let control: Int32Array<SharedArrayBuffer>;
let channel: LogChannel;
let effects: EffectLog;
let log: WorkerLog;
let messages: slot.FromWorker[];
let nowMs: number;
/** So much later is each look at the clock of main's fdatasyncs. */
let stepMs: number;
/** The descriptors that the worker has synced. */
let syncedByWorker: number[];

beforeEach(() => {
  path = freshDirectory();
  dir = Object.create(realDisk(path)) as Directory;
  const { fdatasync, fdatasyncAsync } = dir;
  syncedByWorker = [];
  dir.fdatasync = (fd) => {
    syncedByWorker.push(fd);
    fdatasync.call(dir, fd);
  };
  dir.fdatasyncAsync = (fd) => {
    syncedByWorker.push(fd);
    return fdatasyncAsync.call(dir, fd);
  };
  control = new Int32Array(new SharedArrayBuffer(slot.CONTROL_SLOTS * 4));
  control[slot.FSYNC_INTERVAL_MS] = 10;
  effects = new EffectLog();
  effects.enabled = true;
  messages = [];
  nowMs = 1_000_000;
  stepMs = 0;
  begin(0, 0);
});

/** Both ends of a log, as after a recovery of so much. */
function begin(lastSequence: number, syncedSequence: number): void {
  const ring = new SharedArrayBuffer(RING_BYTES);
  const shared = { ring, generation: 7, walMaxBytes: WAL_MAX_BYTES };
  for (const at of [slot.HEAD_SEQUENCE_BEFORE, slot.HEAD_SEQUENCE_AFTER, slot.WRITTEN_SEQUENCE]) {
    control[at] = lastSequence;
  }
  control[slot.SYNCED_SEQUENCE] = syncedSequence;
  log = new WorkerLog(
    {
      ...{ ...shared, control: control.buffer, directory: "", lock: { path: "", token: "", fd: -1, inode: "" } },
      ...{ owedManifest: null, lastSequence, syncedSequence, segmentNumber: 1, snapshotKeep: 3 },
    },
    dir,
    (message) => messages.push(message),
    () => nowMs,
  );
  // By this clock a call takes what the test says, however busy the machine.
  const syncClock = () => (nowMs += stepMs);
  channel = new LogChannel({ ...shared, control, effects, post: () => {}, mayWrite: () => true, syncClock });
  channel.begin(lastSequence);
  channel.ackLevel = slot.ACK_SYNCED;
}

function commit(entries: number): void {
  for (let i = 0; i < entries; i++) {
    effects.begin(1, 200);
    effects.raw(new Uint8Array(200), 0, 200);
    effects.end();
    channel.commit(nowMs);
  }
}

async function steps(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    nowMs += 200;
    log.step();
    while (log.syncing) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The end of a turn. */
function turn(entries: number): void {
  commit(entries);
  channel.endTurn();
}

/** The worker has made one, and it was quick. */
async function begun(): Promise<void> {
  turn(1);
  expect(channel.ackedSequence()).toBe(0);
  await steps(1);
  expect(channel.ackedSequence()).toBe(1);
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  syncedByWorker = [];
}

test("a quick fdatasync of main's covers the turn, and the worker finds nothing to do", async () => {
  await begun();
  const fsyncs = control[slot.FSYNCS]!;
  turn(2);
  expect(channel.ackedSequence()).toBe(3);
  expect(control[slot.FSYNCS]).toBe(fsyncs + 1);
  expect(control[slot.PROGRESS_WANTED]! & slot.PROGRESS_SYNCED).toBe(0);
  const synced = log.synced(3);
  log.step();
  expect(control[slot.UNSYNCED_SINCE_MS]).toBe(0);
  expect([log.msUntilStep(), log.settled, syncedByWorker]).toEqual([50, true, []]);
  await synced;
});

test("a quick fdatasync of main's is proven and claimed like any other", async () => {
  await begun();
  turn(2);
  for (let i = 0; i < 12; i++) {
    log.step();
    nowMs += Math.min(log.msUntilStep(), log.msUntilProof());
  }
  expect(readSegment(dir, "wal-current.log", null)).toMatchObject({ lastSequence: 3, watermark: 3, tail: "clean" });
  expect(readFileSync(join(path, fileNames.SYNCED)).readBigUInt64LE(20)).toBe(3n);
  expect([log.msUntilStep(), log.msUntilProof()]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  // The next entry is behind a proof that this thread has not heard of.
  turn(1);
  expect(channel.ackedSequence()).toBe(4);
  expect(readSegment(dir, "wal-current.log", null)).toMatchObject({ lastSequence: 4, tail: "clean" });
});

test("a quick fdatasync of main's is not waited for by the worker", async () => {
  await begun();
  commit(1);
  channel.turn();
  control[slot.DRAIN_LOCK] = 1;
  log.step();
  expect(log.msUntilStep()).toBeGreaterThan(0);
  control[slot.DRAIN_LOCK] = 0;
  expect(log.msUntilStep()).toBe(0);
  log.step();
  expect(channel.ackedSequence()).toBe(2);
});

test("a quick fdatasync of main's settles who waits in the worker", async () => {
  await begun();
  commit(1);
  const synced = log.synced(2);
  channel.endTurn();
  expect(channel.ackedSequence()).toBe(2);
  log.step();
  await synced;
  expect(syncedByWorker).toEqual([]);
});

test("a quick fdatasync of main's is made neither at another level, nor before the turn's end, nor where one takes long", async () => {
  await begun();
  commit(1);
  channel.turn();
  expect(channel.syncedSequence()).toBe(1);
  await steps(1);
  control[slot.USUAL_FSYNC_US] = SLOW_US;
  turn(1);
  expect(channel.syncedSequence()).toBe(2);
  await steps(1);
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  channel.ackLevel = slot.ACK_WRITTEN;
  turn(1);
  expect([channel.syncedSequence(), channel.writtenSequence()]).toEqual([3, 4]);
  await steps(2);
  channel.ackLevel = slot.ACK_SYNCED;
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  turn(1);
  expect(channel.syncedSequence()).toBe(5);
});

/** Control: without the hand-over the second turn is synced at once. */
test("a quick fdatasync of main's that took long hands over to the worker for twenty times as long", async () => {
  await begun();
  // The clock goes on by 11 ms from one look at it to the next.
  stepMs = 11;
  turn(1);
  stepMs = 0;
  expect(channel.ackedSequence()).toBe(2);
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  nowMs += 200;
  turn(1);
  expect(channel.ackedSequence()).toBe(2);
  log.step();
  expect(channel.ackedSequence()).toBe(3);
  nowMs += 31;
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  turn(1);
  expect(channel.ackedSequence()).toBe(4);
});

test("a quick fdatasync of main's is not made while the worker makes one: what comes stays in the ring, and there is word of its end", async () => {
  await begun();
  control[slot.USUAL_FSYNC_US] = SLOW_US;
  turn(1);
  log.step();
  expect(log.syncing).toBe(true);
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  commit(1);
  channel.turn();
  expect([channel.writtenSequence(), channel.syncedSequence()]).toEqual([3, 1]);
  turn(1);
  expect([channel.writtenSequence(), channel.syncedSequence()]).toEqual([3, 1]);
  messages.length = 0;
  await steps(1);
  expect(messages).toContainEqual({ type: "progress" });
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  channel.endTurn();
  expect(channel.ackedSequence()).toBe(4);
});

test("a quick fdatasync of main's is not made then by one either who writes because too much waits", async () => {
  await begun();
  control[slot.PAUSED] = 1;
  commit(40);
  expect(channel.congested).toBe(true);
  control[slot.PAUSED] = 0;
  control[slot.FSYNC_IN_FLIGHT] = 1;
  turn(1);
  expect([channel.writtenSequence(), channel.syncedSequence()]).toEqual([42, 1]);
});

test("a quick fdatasync of main's goes on through rotations, which the worker makes", async () => {
  await begun();
  for (let i = 0; i < 200; i++) {
    turn(1);
    if (channel.ackedSequence() === channel.lastSequence) continue;
    await steps(3);
    control[slot.USUAL_FSYNC_US] = QUICK_US;
  }
  expect(channel.ackedSequence()).toBe(201);
  expect(control[slot.ROTATIONS]).toBeGreaterThan(1);
  let entries = 0;
  for (const name of dir.list().filter((each) => each.startsWith("wal-")))
    entries += readSegment(dir, name, null).entries;
  expect(entries).toBe(201);
});

test("a quick fdatasync of main's that fails is as bad as the worker's: the file is never synced again, and a snapshot mends it", async () => {
  await begun();
  const bad = control[slot.SEGMENT_FD]!;
  // It takes what is written, and refuses fdatasync (EINVAL).
  const device = openSync("/dev/null", "a");
  control[slot.SEGMENT_FD] = device;
  turn(2);
  expect(channel.syncedSequence()).toBe(1);
  control[slot.SEGMENT_FD] = bad;
  closeSync(device);
  turn(1);
  // Nobody touches the file: neither main, nor a worker that is in the midst of something.
  expect([channel.syncedSequence(), channel.writtenSequence()]).toEqual([1, 3]);
  log.step();
  expect(log.failure).toBe("invalid argument");
  expect([control[slot.FAILED], control[slot.ERRORS], control[slot.SYNC_ERRNO]]).toEqual([1, 1, 0]);
  await steps(2);
  expect(messages).toContainEqual({ type: "snapshotNeeded", sequence: 3 });
  expect(syncedByWorker).not.toContain(bad);
  expect(readSegmentHeader(dir, "wal-current.log")).toMatchObject({ header: { syncedSequence: 1 } });
  turn(1);
  await steps(2);
  expect(channel.ackedSequence()).toBe(1);
  log.snapshotPublished(3);
  expect(log.failure).toBeNull();
  await steps(1);
  expect(channel.ackedSequence()).toBe(5);
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  turn(1);
  expect(channel.ackedSequence()).toBe(6);
});

test("a quick fdatasync of main's says nothing of what a failed one of the run before has left", async () => {
  log.close();
  control.fill(0);
  begin(8, 5);
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  turn(1);
  expect([channel.writtenSequence(), channel.syncedSequence()]).toEqual([9, 5]);
  await steps(1);
  expect(channel.syncedSequence()).toBe(5);
  log.snapshotPublished(8);
  expect(channel.syncedSequence()).toBe(9);
  control[slot.USUAL_FSYNC_US] = QUICK_US;
  turn(1);
  expect(channel.syncedSequence()).toBe(10);
});

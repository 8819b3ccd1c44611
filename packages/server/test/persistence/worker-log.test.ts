/** The worker's end of the log, driven step by step over a disk that fails when the test says so. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Directory, fileNames, readSegment, readSegmentHeader, realDisk } from "@hearthkv/durability";
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

let path: string;
let dir: Directory;
let failsToSync: boolean;
let control: Int32Array<SharedArrayBuffer>;
let channel: LogChannel;
let effects: EffectLog;
let log: WorkerLog;
let messages: slot.FromWorker[];
let nowMs: number;

beforeEach(() => {
  path = freshDirectory();
  dir = Object.create(realDisk(path)) as Directory;
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
  nowMs = 1_000_000;
  log = newLog(ring);
  effects = new EffectLog();
  effects.enabled = true;
  channel = new LogChannel({
    ...{ control, ring, effects, generation: GENERATION, walMaxBytes: WAL_MAX_BYTES },
    post: () => {},
    mayWrite: () => true,
  });
  channel.begin(0);
});

function newLog(ring: SharedArrayBuffer): WorkerLog {
  const start = {
    directory: "",
    owedManifest: null,
    lastSequence: 0,
    syncedSequence: 0,
    segmentNumber: 1,
    snapshotKeep: 3,
    lock: NO_LOCK,
  };
  return new WorkerLog(
    { ...start, control: control.buffer, ring, generation: GENERATION, walMaxBytes: WAL_MAX_BYTES },
    dir,
    (message) => messages.push(message),
    () => nowMs,
  );
}

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
    log.step();
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
  expect(log.msUntilStep()).toBe(Number.POSITIVE_INFINITY);
  write(1);
  expect(channel.writtenSequence()).toBe(1);
  expect(log.msUntilStep()).toBe(0);
});

test("a segment that is full waits for the fdatasync that is under way, and does not ask again and again", async () => {
  write(1);
  log.step();
  nowMs += 200;
  log.step();
  expect(log.syncing).toBe(true);
  write(20);
  log.step();
  expect(channel.writtenSequence()).toBeLessThan(21);
  expect(log.msUntilStep()).toBe(Number.POSITIVE_INFINITY);
  await steps(8);
  expect(channel.writtenSequence()).toBe(21);
});

/** Control: with what was synced at the last turn's end it is 0. */
test("an entry says what is synced when it is sealed, though main has had no turn since the sync", async () => {
  write(2);
  await steps(2);
  write(1);
  expect(readSegment(dir, "wal-current.log", null)).toMatchObject({ lastSequence: 3, watermark: 2 });
});

/**
 * Controls, each tried by hand: with #prove empty the first of these is red; without the fdatasync of a proof the same; without the look
 * at endsInProof the last.
 */
describe("a log that goes quiet", () => {
  const look = () => readSegment(dir, "wal-current.log", null);
  /** All that can be seen of the log from outside. */
  const figures = () => [slot.WRITTEN_SEQUENCE, slot.SYNCED_SEQUENCE, slot.ERRORS, slot.FAILED, slot.UNSYNCED_SINCE_MS];
  const values = () => figures().map((at) => control[at]);

  async function quiet(): Promise<void> {
    write(2);
    log.step();
    nowMs += 20;
    log.step();
    while (log.syncing) await new Promise((resolve) => setImmediate(resolve));
    expect(channel.syncedSequence()).toBe(2);
  }

  test("proves its end once, 200 ms after the sync, and syncs that; no figure tells", async () => {
    await quiet();
    const before = values();
    messages.length = 0;
    expect(log.msUntilStep()).toBe(Number.POSITIVE_INFINITY);
    expect(log.msUntilProof()).toBe(200);
    nowMs += 199;
    log.step();
    expect(look().watermark).toBe(0);
    nowMs += 1;
    log.step();
    expect(look()).toMatchObject({ entries: 2, lastSequence: 2, watermark: 2, tail: "clean" });
    const { fileBytes } = look();
    const fsyncs = control[slot.FSYNCS]!;
    expect(log.msUntilStep()).toBe(10);
    await steps(5);
    expect(control[slot.FSYNCS]).toBe(fsyncs + 1);
    expect([log.msUntilStep(), log.msUntilProof()]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect(look().fileBytes).toBe(fileBytes);
    expect(control[slot.SEGMENT_BYTES]).toBe(fileBytes);
    expect(values()).toEqual(before);
    expect(messages).toEqual([]);
  });

  test("goes on behind it", async () => {
    await quiet();
    await steps(2);
    write(3);
    await steps(4);
    expect(look()).toMatchObject({ entries: 5, lastSequence: 5, watermark: 5, tail: "clean" });
  });

  test("a trickle that never stops for 200 ms gets one all the same, within 600 ms", async () => {
    for (let i = 0; i < 40 && look().watermark === 0; i++) {
      effects.begin(1, 8);
      effects.raw(new Uint8Array(8), 0, 8);
      effects.end();
      // Entries that say nothing of what is synced: only a proof does.
      const synced = control[slot.SYNCED_SEQUENCE]!;
      control[slot.SYNCED_SEQUENCE] = 0;
      channel.commit(nowMs);
      control[slot.SYNCED_SEQUENCE] = synced;
      channel.turn();
      nowMs += 50;
      log.step();
      while (log.syncing) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(look().watermark).toBeGreaterThan(0);
    expect(look().lastSequence).toBeLessThanOrEqual(14);
  });

  test("proves it also where the segment is about to end, and nothing comes that would begin the next", async () => {
    write(8);
    log.step();
    expect(log.syncing).toBe(true);
    expect(channel.writtenSequence()).toBe(8);
    await steps(4);
    expect(look()).toMatchObject({ lastSequence: 8, watermark: 8 });
  });

  test("closing, it does not wait for that", async () => {
    await quiet();
    log.beginClosing();
    log.step();
    expect(look().watermark).toBe(2);
  });

  test("does not touch a disk that fails, nor tells of one that does not take it", async () => {
    await quiet();
    messages.length = 0;
    const before = values();
    const { fileBytes } = look();
    const { write: realWrite } = dir;
    dir.write = () => {
      throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    };
    await steps(20);
    expect([log.failure, look().fileBytes, messages]).toEqual([null, fileBytes, []]);
    expect(values()).toEqual(before);
    dir.write = realWrite;
    await steps(6);
    expect(look().watermark).toBe(2);

    write(1);
    failsToSync = true;
    await steps(2);
    failsToSync = false;
    expect(log.failure).toBe("Input/output error");
    expect(log.msUntilProof()).toBe(Number.POSITIVE_INFINITY);
  });

  /** Control: with #writeClaim empty it is red. */
  test("says in the file synced how far it is durable, twice a second while it writes, and at its end; not while it fails", async () => {
    const claimed = () => {
      const file = join(path, fileNames.SYNCED);
      return existsSync(file) ? Number(readFileSync(file).readBigUInt64LE(20)) : 0;
    };
    await quiet();
    expect(claimed()).toBe(0);
    await steps(3);
    expect(claimed()).toBe(2);
    for (let i = 0; i < 4; i++) {
      write(1);
      await steps(1);
    }
    await steps(1);
    expect(claimed()).toBeGreaterThan(3);
    write(1);
    failsToSync = true;
    await steps(1);
    const before = claimed();
    expect(log.failure).not.toBeNull();
    failsToSync = false;
    await steps(10);
    expect([claimed(), log.msUntilProof()]).toEqual([before, Number.POSITIVE_INFINITY]);
    log.snapshotPublished(channel.writtenSequence());
    await steps(1);
    write(1);
    await steps(1);
    log.close();
    expect(claimed()).toBe(8);
  });

  test("what a disk took of one is cut before anybody writes behind it", async () => {
    await quiet();
    const { write: realWrite, truncate } = dir;
    let left = 10;
    dir.write = (fd, buffer, off, len) => {
      if (left === 0) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
      const taken = Math.min(len, left);
      left -= taken;
      return realWrite.call(dir, fd, buffer, off, taken);
    };
    dir.truncate = () => {
      throw Object.assign(new Error("EIO"), { code: "EIO" });
    };
    nowMs += 200;
    log.step();
    expect(control[slot.FAILED]).toBe(1);
    write(1);
    expect(channel.writtenSequence()).toBe(2);
    dir.write = realWrite;
    dir.truncate = truncate;
    await steps(3);
    expect(log.failure).toBeNull();
    expect(look()).toMatchObject({ lastSequence: 3, tail: "clean" });
  });
});

describe("with ack level synced", () => {
  beforeEach(() => {
    channel.ackLevel = slot.ACK_SYNCED;
  });

  test("a quick fdatasync is made by the worker itself, a slow one in the background", async () => {
    write(1);
    log.step();
    expect(log.syncing).toBe(false);
    expect(channel.ackedSequence()).toBe(1);
    expect(control[slot.UNSYNCED_SINCE_MS]).toBe(0);
    control[slot.USUAL_FSYNC_US] = 5000;
    write(1);
    log.step();
    expect(log.syncing).toBe(true);
    expect(channel.ackedSequence()).toBe(1);
    await steps(1);
    expect(channel.ackedSequence()).toBe(2);
  });

  test("what comes during an fdatasync is written at its end, of which main is told", async () => {
    control[slot.USUAL_FSYNC_US] = 5000;
    write(1);
    log.step();
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
    control[slot.USUAL_FSYNC_US] = 5000;
    write(1);
    log.step();
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
    control[slot.USUAL_FSYNC_US] = 100;
    failsToSync = true;
    write(2);
    log.step();
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
// The control, seen red: the pause counted from the begin of the step.
test("what failed slowly is tried again a while after its end, not at once", async () => {
  write(2);
  const { open } = dir;
  let tries = 0;
  dir.open = () => {
    tries++;
    nowMs += 150;
    throw Object.assign(new Error("EIO"), { code: "EIO" });
  };
  failsToSync = true;
  await steps(3);
  expect(tries).toBeGreaterThan(0);
  const before = tries;
  nowMs += 50;
  log.step();
  expect(tries).toBe(before);
  expect(log.msUntilStep()).toBeGreaterThan(0);
  nowMs += 60;
  log.step();
  expect(tries).toBe(before + 1);
  dir.open = open;
  failsToSync = false;
  await steps(2);
  expect(messages).toContainEqual({ type: "snapshotNeeded", sequence: 2 });
});

// The control, seen red: that nothing can be begun before the message came counts as an error.
test("a segment that waits for the message with a large entry is no error, and no client is told of one", async () => {
  write(2);
  effects.begin(1, 70_000);
  effects.raw(new Uint8Array(70_000), 0, 70_000);
  effects.end();
  channel.commit(nowMs);
  channel.turn();
  failsToSync = true;
  await steps(2);
  const errors = Atomics.load(control, slot.ERRORS);
  const { failure } = log;
  expect(failure).toBe("Input/output error");
  failsToSync = false;
  await steps(5);
  expect([Atomics.load(control, slot.ERRORS), log.failure]).toEqual([errors, failure]);
});

// The control, seen red: without a look at how many have ended, the second is taken for the first.
test("an fdatasync that has only begun is not taken for the one before it, which was long", async () => {
  write(1);
  await steps(2);
  const written = () => Atomics.load(control, slot.TAIL) === Atomics.load(control, slot.HEAD);
  Atomics.store(control, slot.FSYNC_IN_FLIGHT, 1);
  write(1);
  expect(written()).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 30));
  write(1);
  expect(written()).toBe(false);
  // It ended, and another one began, between two turns.
  Atomics.add(control, slot.FSYNCS, 1);
  write(1);
  expect(written()).toBe(true);
  Atomics.store(control, slot.FSYNC_IN_FLIGHT, 0);
});

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

// Control: with a constructor that throws (WalWriter.create alone) a full disk forbade the start.
test("a disk that is full at the start is refused writes until there is room for the first segment; no snapshot is asked for", async () => {
  log.close();
  const { open } = dir;
  dir.open = () => {
    throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
  };
  const ring = new SharedArrayBuffer(65536);
  log = newLog(ring);
  expect(log.failure).toBe("No space left on device");
  await steps(3);
  expect(Atomics.load(control, slot.FAILED)).toBe(1);
  expect(Atomics.load(control, slot.SEGMENT_FD)).toBe(-1);
  await expect(log.synced(1)).rejects.toThrow("No space left on device");

  dir.open = open;
  await steps(1);
  expect(log.failure).toBeNull();
  expect(Atomics.load(control, slot.FAILED)).toBe(0);
  const header = readSegmentHeader(dir, "wal-current.log");
  expect(header).toMatchObject({ state: "ok", header: { segmentNumber: 1, firstSequence: 1, syncedSequence: 0 } });
  expect(messages.filter(({ type }) => type === "snapshotNeeded")).toEqual([]);
  log.close();
});

test("a start that fails for another reason than room is refused", () => {
  log.close();
  dir.open = () => {
    throw Object.assign(new Error("EACCES"), { code: "EACCES" });
  };
  expect(() => newLog(new SharedArrayBuffer(65536))).toThrow("EACCES");
});

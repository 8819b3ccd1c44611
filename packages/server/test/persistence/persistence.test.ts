import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadOrCreateManifest, realDisk } from "@hearthkv/durability";
import { Keyspace } from "@hearthkv/engine";
import { Request } from "@hearthkv/resp";
import { afterAll, describe, expect, test } from "vitest";
import {
  freshDirectory,
  nextTurn,
  type Opened,
  openAt,
  readLog,
  removeDirectories,
  seededRandom,
  set,
  until,
} from "./open.js";

afterAll(removeDirectories);

// Control: without the look at the lock in #updateWriteError the loss is told as a failing log, and that lets go of held reads.
test("a lost lock is no write error: nothing that is held may leave", async () => {
  const path = freshDirectory();
  let lost: Error | null = null;
  const { keyspace, persistence } = await openAt(path, {
    onFatal: (error) => {
      lost = error;
    },
  });
  const told: (string | null)[] = [];
  persistence.onWriteError = (text) => told.push(text);
  // Another one's, as after a takeover.
  writeFileSync(join(path, "other"), "{}");
  renameSync(join(path, "other"), join(path, "LOCK"));
  persistence.pauseForTest(true);
  set(keyspace, "a", "1");
  persistence.commit(Date.now());
  persistence.endTick();
  await until(() => lost !== null);
  expect(lost).toMatchObject({ code: "lock-lost" });
  expect(told).toEqual([]);
  expect(persistence.writeError).toBeNull();
  expect(persistence.ackedSequence()).toBeLessThan(0);
  await persistence.close({ snapshot: false }).catch(() => {});
});

// Control, seen red: without the look at the lock behind the loading, both serve.
test("a lock lost while the data is loaded is no start", async () => {
  const path = freshDirectory();
  const { keyspace, persistence } = await openAt(path);
  set(keyspace, "a", "1");
  persistence.commit(Date.now());
  await persistence.close({ snapshot: false });
  const { replay } = Keyspace.prototype;
  Keyspace.prototype.replay = function (...entry) {
    writeFileSync(join(path, "other"), "{}");
    renameSync(join(path, "other"), join(path, "LOCK"));
    replay.apply(this, entry);
  };
  const opened = await openAt(path).catch((error: unknown) => error);
  Keyspace.prototype.replay = replay;
  if (opened instanceof Error) expect(opened).toMatchObject({ code: "lock-lost" });
  else await (opened as Opened).persistence.close({ snapshot: false });
  expect(opened).toBeInstanceOf(Error);
});

// Control: asked for the write error alone, close() never ends.
test("a lost lock lets close() end, though entries wait outside the ring", async () => {
  const path = freshDirectory();
  let lost = false;
  const { keyspace, persistence } = await openAt(path, {
    ringBytes: 4096,
    onFatal: () => {
      lost = true;
    },
  });
  persistence.pauseForTest(true);
  for (let i = 0; i < 100; i++) {
    set(keyspace, `key:${i}`, "v".repeat(200));
    persistence.commit(Date.now());
  }
  writeFileSync(join(path, "other"), "{}");
  renameSync(join(path, "other"), join(path, "LOCK"));
  await until(() => lost);
  await expect(persistence.close({ snapshot: false })).rejects.toThrow("another process took the lock");
});

describe("ack levels", () => {
  test("memory: acknowledged at once, on disk soon", async () => {
    const { keyspace, persistence } = await openAt(freshDirectory(), { ackLevel: "memory", fsyncIntervalMs: 20 });
    set(keyspace, "a", "1");
    persistence.commit(Date.now());
    expect(persistence.ackedSequence()).toBe(1);
    persistence.endTick();
    await until(() => persistence.syncedSequence() === 1);
    await persistence.close({ snapshot: false });
  });

  test("written: by the end of the tick, synced within the interval", async () => {
    const { keyspace, persistence } = await openAt(freshDirectory(), { ackLevel: "written", fsyncIntervalMs: 20 });
    for (let i = 1; i <= 20; i++) {
      set(keyspace, `key:${i}`, "value");
      persistence.commit(Date.now());
      persistence.endTick();
      await until(() => persistence.ackedSequence() === i);
    }
    await until(() => persistence.syncedSequence() === 20);
    await persistence.close({ snapshot: false });
  });

  test("synced: not before an fdatasync, and one covers many", async () => {
    const { keyspace, persistence } = await openAt(freshDirectory(), { ackLevel: "synced" });
    let acks = 0;
    persistence.onAcked = () => {
      acks++;
    };
    const before = Number(persistence.info().wal_fsyncs);
    for (let i = 1; i <= 1000; i++) {
      set(keyspace, `key:${i}`, "value");
      persistence.commit(Date.now());
    }
    persistence.endTick();
    // Asked in this order: what is acknowledged was synced before.
    expect(persistence.ackedSequence()).toBeLessThanOrEqual(persistence.syncedSequence());
    // Where all was synced before the turn had ended, nobody is told later.
    const atOnce = persistence.ackedSequence() === 1000;
    await until(() => persistence.ackedSequence() === 1000 && (atOnce || acks > 0));
    expect(Number(persistence.info().wal_fsyncs) - before).toBeLessThan(10);
    await persistence.close({ snapshot: false });
  });

  test("a wait for one sequence brings a sync at once, whatever the interval", async () => {
    for (const ackLevel of ["memory", "written"] as const) {
      const { keyspace, persistence } = await openAt(freshDirectory(), { ackLevel, fsyncIntervalMs: 60_000 });
      set(keyspace, "a", "1");
      persistence.commit(Date.now());
      persistence.endTick();
      const startedMs = performance.now();
      await persistence.waitSynced(1);
      expect(performance.now() - startedMs).toBeLessThan(30_000);
      expect(persistence.syncedSequence()).toBe(1);
      await persistence.close({ snapshot: false });
    }
  });

  test("changing the level releases what waits", async () => {
    const { keyspace, persistence } = await openAt(freshDirectory(), { ackLevel: "synced" });
    persistence.pauseForTest(true);
    set(keyspace, "a", "1");
    persistence.commit(Date.now());
    persistence.endTick();
    let acked = 0;
    persistence.onAcked = () => {
      acked = persistence.ackedSequence();
    };
    persistence.ackLevel = "memory";
    await until(() => acked === 1);
    persistence.pauseForTest(false);
    await persistence.close({ snapshot: false });
  });
});

test("with a paused worker memory stays bounded, and nothing is lost", async () => {
  for (const ackLevel of ["memory", "written", "synced"] as const) {
    const ringBytes = 64 * 1024;
    const path = freshDirectory();
    const { keyspace, persistence } = await openAt(path, { ackLevel, ringBytes });
    persistence.pauseForTest(true);
    const value = "x".repeat(1000);
    let committed = 0;
    for (let turn = 0; turn < 1000; turn++) {
      while (!persistence.congested && committed < 500) {
        set(keyspace, `key:${committed++}`, value);
        persistence.commit(Date.now());
      }
      persistence.endTick();
      if (turn % 100 === 0) await nextTurn();
    }
    expect(persistence.congested).toBe(true);
    expect(committed).toBeLessThan(40);
    expect(Number(persistence.info().ring_bytes)).toBeLessThan(ringBytes / 2 + 2000);
    let drained = false;
    persistence.onDrained = () => {
      drained = true;
    };
    persistence.pauseForTest(false);
    await until(() => drained);
    expect(persistence.congested).toBe(false);
    await persistence.close({ snapshot: false });
    expect((await readLog(path)).length).toBe(committed);
  }
});

test("segments are rotated at their size, by both writers", async () => {
  for (const ackLevel of ["memory", "written", "synced"] as const) {
    const path = freshDirectory();
    const { keyspace, persistence } = await openAt(path, { ackLevel, walMaxBytes: 65_536, ringBytes: 65_536 });
    for (let i = 0; i < 4000; i++) {
      set(keyspace, `key:${i}`, "x".repeat(i % 200));
      persistence.commit(Date.now());
      if (i % 10 === 0) persistence.endTick();
      if (persistence.congested) await until(() => !persistence.congested);
      if (i % 100 === 0) await nextTurn();
    }
    await persistence.close({ snapshot: false });
    const segments = readdirSync(path).filter((name) => name.startsWith("wal-"));
    expect(segments.length).toBeGreaterThanOrEqual(6);
    // A share more while it is synced for its rotation, and the proof of a moment of quiet.
    const most = 65_536 * 1.25 + 1024;
    for (const name of segments) expect(statSync(join(path, name)).size).toBeLessThanOrEqual(most);
    const entries = await readLog(path);
    expect(entries.map((entry) => entry.sequence)).toEqual(Array.from({ length: 4000 }, (_, i) => i + 1));
  }
});

test("what a stopped server held is there again, and goes on", async () => {
  const path = freshDirectory();
  let digest = "";
  for (let round = 0; round < 4; round++) {
    const { keyspace, persistence } = await openAt(path);
    if (round > 0) expect(keyspace.digest()).toBe(digest);
    expect(persistence.lastSequence).toBe(round * 100);
    for (let i = 0; i < 100; i++) {
      set(keyspace, `key:${round}:${i}`, String(i));
      persistence.commit(Date.now());
    }
    persistence.endTick();
    digest = keyspace.digest();
    await persistence.close({ snapshot: round % 2 === 1 });
  }
});

describe("snapshots", () => {
  test("of a serving keyspace, with the log behind it, give its digest", async () => {
    const seed = Date.now() % 1_000_000;
    const random = seededRandom(seed);
    const path = freshDirectory();
    const { keyspace, persistence } = await openAt(path, { snapshotIntervalS: 0.02, walMaxBytes: 256 * 1024 });
    const endMs = performance.now() + 3000;
    const change = (): void => {
      const key = Buffer.from(`key:${Math.floor(random() * 5000)}`);
      const db = keyspace.db(random() < 0.9 ? 0 : 1);
      const kind = random();
      const type = db.keys.lookup(key, 0, key.length);
      if (kind < 0.1) db.keys.remove(key, 0, key.length);
      else if (kind < 0.6) {
        const value = Buffer.alloc(Math.floor(random() * 300), "v");
        db.strings.set(key, 0, key.length, value, 0, value.length, random() < 0.1 ? Date.now() + 1e9 : 0);
      } else if (type === 0 || type === 5) {
        const pairs: string[] = [];
        for (let i = 0; i < 20; i++) pairs.push(`field${Math.floor(random() * 500)}`, "y".repeat(random() * 50));
        const request = Request.of(...pairs);
        db.hashes.set(key, 0, key.length, request.buf, request.off, request.len, 0, 20);
      }
    };
    let commits = 0;
    const enough = (): boolean => performance.now() >= endMs && Number(persistence.info().snapshot_count) > 2;
    while (!enough() && performance.now() < endMs + 30_000) {
      keyspace.nowMs = Date.now();
      for (let i = 0; i < 20 && !persistence.congested; i++) {
        change();
        if (keyspace.effects.count > 0) persistence.commit(keyspace.nowMs);
        commits++;
      }
      persistence.endTick();
      await nextTurn();
    }
    const info = persistence.info();
    const digest = keyspace.digest();
    const { lastSequence } = persistence;
    await persistence.close({ snapshot: false });
    expect(Number(info.snapshot_count), `${commits} commits, seed ${seed}`).toBeGreaterThan(2);
    expect(Number(info.snapshot_failures)).toBe(0);
    const again = await openAt(path);
    expect(again.persistence.lastSequence).toBe(lastSequence);
    expect(again.keyspace.digest(), `seed ${seed}`).toBe(digest);
    expect(Number(again.persistence.info().recovery_snapshot_entries)).toBeGreaterThan(0);
    await again.persistence.close({ snapshot: false });
  });

  test("replace old ones and the segments that nobody needs", async () => {
    const path = freshDirectory();
    const { keyspace, persistence } = await openAt(path, { snapshotKeep: 2, walMaxBytes: 8192 });
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 100; i++) {
        set(keyspace, `key:${i}`, "x".repeat(100));
        persistence.commit(Date.now());
      }
      persistence.endTick();
      await persistence.snapshotNow();
    }
    expect(persistence.changesSinceSave).toBe(0);
    const names = readdirSync(path);
    expect(names.filter((name) => name.endsWith(".snap")).length).toBe(2);
    expect(names.filter((name) => name.startsWith("wal-")).length).toBeLessThanOrEqual(4);
    await persistence.close({ snapshot: true });
  });

  test("asked for while one is running are made once, after it", async () => {
    const { keyspace, persistence } = await openAt(freshDirectory());
    set(keyspace, "a", "1");
    const first = persistence.snapshotNow();
    expect(persistence.snapshotRunning).toBe(true);
    await Promise.all([first, persistence.snapshotNow(), persistence.snapshotNow()]);
    expect(persistence.info().snapshot_count).toBe(2);
    await persistence.close({ snapshot: false });
  });

  test("are made by count", async () => {
    const { keyspace, persistence } = await openAt(freshDirectory(), { snapshotOps: 50 });
    for (let i = 0; i < 60; i++) {
      set(keyspace, `key:${i}`, "x");
      persistence.commit(Date.now());
    }
    persistence.endTick();
    await until(() => persistence.info().snapshot_count === 1);
    await persistence.close({ snapshot: false });
  });

  test("of an empty keyspace work", async () => {
    const path = freshDirectory();
    const first = await openAt(path);
    await first.persistence.snapshotNow();
    await first.persistence.close({ snapshot: false });
    const second = await openAt(path);
    expect(second.keyspace.digest()).toBe(first.keyspace.digest());
    await second.persistence.close({ snapshot: true });
  });
});

test("a second opener is refused while the first one holds the directory", async () => {
  const path = freshDirectory();
  const { persistence } = await openAt(path);
  await expect(openAt(path)).rejects.toThrow(/lock|held|use/i);
  await persistence.close({ snapshot: false });
  const { persistence: again } = await openAt(path);
  await again.close({ snapshot: false });
});

test("a manifest that is not that of the snapshots is refused", async () => {
  const path = freshDirectory();
  const { keyspace, persistence } = await openAt(path);
  set(keyspace, "a", "1");
  persistence.commit(Date.now());
  await persistence.close({ snapshot: true });
  rmSync(join(path, "manifest.bson"));
  const other = freshDirectory();
  loadOrCreateManifest(realDisk(other));
  copyFileSync(join(other, "manifest.bson"), join(path, "manifest.bson"));
  await expect(openAt(path)).rejects.toMatchObject({ code: "corrupt-manifest" });
});

// Control: redisLeftAside giving nothing.
test.for([
  ["dump.rdb", /dump\.rdb of redis-server, which is not read: .*CONFIG SET appendonly yes/],
  ["appendonly.aof", /hearthkv import \S+\/appendonly\.aof NEW-DIRECTORY/],
  ["appendonlydir", /hearthkv import \S+\/appendonlydir\/appendonly\.aof\.manifest NEW-DIRECTORY/],
] as const)(
  "a directory of redis-server without data of ours is named at the first start (%s)",
  async ([name, hint]) => {
    const path = freshDirectory();
    if (name === "appendonlydir") mkdirSync(join(path, name));
    else writeFileSync(join(path, name), "REDIS");
    const first = await openAt(path);
    expect(first.messages.filter((message) => hint.test(message))).toHaveLength(1);
    await first.persistence.close({ snapshot: false });
    const second = await openAt(path);
    expect(second.messages.join("\n")).not.toMatch(/redis-server/);
    await second.persistence.close({ snapshot: false });
  },
);

import { expect, test } from "vitest";
import { bsonCodec, type Codec } from "../src/codec.js";
import { type Directory, readFile } from "../src/disk.js";
import { faultyDisk } from "../src/faulty-disk.js";
import { memoryDisk } from "../src/memory-disk.js";
import { RecordLog, type RecordReplay, replayRecords } from "../src/record-log.js";
import type { RecoveryMode } from "../src/recovery-table.js";
import { directoryWith, range, wideRandom } from "./support.js";

const seed = Date.now();
console.log(`record log seed ${seed}`);

const text: Codec<string> = {
  encode: (record) => Buffer.from(record),
  decode: (bytes) => Buffer.from(bytes).toString(),
};
const NAME = "audit.log";

function records(dir: Directory, mode: RecoveryMode = "strict"): { found: string[]; replay: RecordReplay } {
  const found: string[] = [];
  const replay = replayRecords(dir, NAME, text, mode, ({ sequence, record }) => found.push(`${sequence} ${record}`));
  return { found, replay };
}

function withRecords(count: number): Directory {
  const dir = memoryDisk();
  const log = RecordLog.open(dir, NAME, { codec: text });
  for (const i of range(1, count)) log.append(`record ${i}`);
  log.close();
  return dir;
}

test("records come back, over several openings, with their numbers and times", async () => {
  const dir = memoryDisk();
  const codec = bsonCodec<{ user: string }>();
  for (const i of range(1, 3)) {
    const log = RecordLog.open(dir, NAME, { codec, now: () => 1000 * i });
    expect(log.append({ user: `user ${i}` })).toBe(i);
    expect(log.syncedSequence).toBe(i - 1);
    await log.sync();
    expect(log).toMatchObject({ lastSequence: i, syncedSequence: i });
    log.close();
  }
  const found: unknown[] = [];
  expect(replayRecords(dir, NAME, codec, "strict", (record) => found.push(record))).toEqual({
    records: 3,
    lost: 0,
    tornAt: null,
  });
  expect(found).toEqual(
    range(1, 3).map((i) => ({ sequence: i, timestampMs: 1000 * i, record: { user: `user ${i}` } })),
  );
  expect(dir.list()).toEqual([NAME]);
});

test("cut at every byte: strict refuses, torn-tail and opening give what is whole, and keep a copy of the rest", () => {
  const whole = readFile(withRecords(3), NAME);
  const ends = [0, 1, 2, 3].map((count) => 56 + count * (29 + "record 1".length));
  expect(whole.length).toBe(ends[3]);
  for (const cut of range(ends[0]!, whole.length)) {
    const dir = directoryWith({ [NAME]: whole.slice(0, cut) });
    const count = ends.findLastIndex((end) => end <= cut);
    const expected = range(1, count).map((i) => `${i} record ${i}`);
    const clean = ends[count] === cut;
    if (clean) expect(records(dir).found).toEqual(expected);
    else expect(() => records(dir)).toThrow(/the log is damaged/);
    expect(records(dir, "torn-tail")).toEqual({
      found: expected,
      replay: { records: count, lost: 0, tornAt: clean ? null : ends[count] },
    });
    const log = RecordLog.open(dir, NAME, { codec: text });
    expect(log.append("next")).toBe(count + 1);
    log.close();
    expect(records(dir).found).toEqual([...expected, `${count + 1} next`]);
    expect(dir.list().filter((name) => name.endsWith(".broken"))).toHaveLength(clean ? 0 : 1);
  }
});

test("damage in the middle: refused by all but skip-corrupt, which gives the others and counts what is lost", () => {
  const dir = withRecords(5);
  const fd = dir.open(NAME, "update");
  dir.pwrite(fd, Uint8Array.of(255), 0, 1, 56 + 37 + 26);
  dir.close(fd);
  expect(() => records(dir, "strict")).toThrow(/offset 93, sequence 2/);
  expect(records(dir, "skip-corrupt")).toEqual({
    found: [1, 3, 4, 5].map((i) => `${i} record ${i}`),
    replay: { records: 4, lost: 1, tornAt: null },
  });
});

test("what cannot be decoded is an error, and lost in skip-corrupt", () => {
  const dir = withRecords(3);
  const picky: Codec<string> = {
    encode: text.encode,
    decode: (bytes) => {
      if (text.decode(bytes) === "record 2") throw new Error("not today");
      return text.decode(bytes);
    },
  };
  expect(() => replayRecords(dir, NAME, picky, "strict", () => {})).toThrow("not today");
  expect(replayRecords(dir, NAME, picky, "skip-corrupt", () => {})).toEqual({ records: 2, lost: 1, tornAt: null });
});

test("a record that the disk refuses leaves no trace; after a failed sync nothing is written any more", async () => {
  const disk = faultyDisk(wideRandom(seed));
  const log = RecordLog.open(disk, NAME, { codec: text });
  log.append("a");
  disk.failAfter(1, "short write");
  disk.failAfter(2, "ENOSPC");
  expect(() => log.append("refused")).toThrow("ENOSPC");
  expect(log.append("b")).toBe(2);
  await log.sync();
  expect(records(disk.crash()).found).toEqual(["1 a", "2 b"]);
  disk.failAfter(1, "EIO");
  await expect(log.sync()).rejects.toMatchObject({ code: "io", errno: "EIO" });
  await expect(log.sync()).rejects.toMatchObject({ code: "poisoned" });
  expect(() => log.append("c")).toThrow(/fdatasync of this segment failed/);
  log.close();
  const again = RecordLog.open(disk, NAME, { codec: text });
  expect(again.append("c")).toBe(3);
  again.close();
});

/*
 * Control: opening without the copy of a new generation (appending to the file as it is) brings back records behind a cut tail, after
 * some hundred of these.
 */
test("power losses: what was synced stays, what follows is a prefix, at any operation of opening, too", async () => {
  const random = wideRandom(seed);
  for (const _ of range(1, 300)) {
    let disk = faultyDisk(random);
    let promised: string[] = [];
    for (let life = 0; life < 4; life++) {
      disk.failAfter(1 + Math.floor(random() * 40), "power loss");
      const written = [...promised];
      try {
        const log = RecordLog.open(disk, NAME, { codec: text });
        for (;;) {
          // All of one length: so that entries of different lives fit into each other's places.
          const record = `life ${life} ${Math.floor(random() * 10)}`;
          written.push(record);
          log.append(record);
          if (random() < 0.3) {
            await log.sync();
            promised = [...written];
          }
        }
      } catch (error) {
        if (!disk.powerLost) throw error;
      }
      disk = disk.crash();
      const found = disk.exists(NAME) ? records(disk, "torn-tail").found : [];
      const expected = written.map((record, i) => `${i + 1} ${record}`);
      expect(found).toEqual(expected.slice(0, Math.max(found.length, promised.length)));
      promised = written.slice(0, found.length);
      if (disk.exists(NAME)) {
        // What was read may be built on only when it has been opened: that makes it durable.
        RecordLog.open(disk, NAME, { codec: text }).close();
      }
    }
  }
});

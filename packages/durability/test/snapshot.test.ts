import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { readFile } from "../src/disk.js";
import { faultyDisk } from "../src/faulty-disk.js";
import { memoryDisk } from "../src/memory-disk.js";
import { readMetadata, readSections, verifySnapshot } from "../src/snapshot-reader.js";
import { SnapshotWriter } from "../src/snapshot-writer.js";
import { failure, intercepted, recorded, seededRandom, shortWrites, writeSnapshot } from "./support.js";

test("the file is laid out as FORMAT.md says", async () => {
  const dir = memoryDisk();
  const name = await writeSnapshot(dir, 1_700_000_000_000, [7, 5]);
  expect(name).toBe("snapshot-1700000000000.snap");
  const bytes = Buffer.from(readFile(dir, name));
  expect(bytes.toString("latin1", 0, 8)).toBe("HEARTHSN");
  expect(bytes.readUInt32LE(8)).toBe(3);
  expect(bytes.readBigUInt64LE(12)).toBe(1_700_000_000_000n);
  expect(bytes.readUInt32LE(20)).toBe(2);
  expect(bytes.readBigUInt64LE(24)).toBe(4n);
  expect(bytes.readBigUInt64LE(32)).toBe(5n);
  const hash = createHash("sha256").update(bytes.subarray(72)).update(bytes.subarray(0, 40)).digest();
  expect(bytes.subarray(40, 72).equals(hash)).toBe(true);
  expect([bytes.readUInt32LE(72), bytes.readUInt32LE(76)]).toEqual([0, 2]);
  expect([bytes.readBigUInt64LE(80), bytes.readBigUInt64LE(88)]).toEqual([7n, 12n]);
  expect(bytes.toString("latin1", 96, 108)).toBe("shard 0 at 7");
  expect(bytes.readUInt32LE(108 + 24 + 12)).toBe(0xffffffff);
});

test("large and small chunks, empty sections and short writes come back as they were", async () => {
  const seed = Date.now() >>> 0;
  console.log(`snapshot seed ${seed}`);
  const random = seededRandom(seed);
  const memory = memoryDisk();
  const writer = SnapshotWriter.create(shortWrites(memory, random), 1);
  const written: Buffer[] = [];
  for (let id = 0; id < 20; id++) {
    const chunks = Array.from({ length: Math.floor(random() * 4) }, () =>
      Uint8Array.from({ length: Math.floor(random() * (id === 7 ? 700_000 : 3000)) }, () => random() * 256),
    );
    writer.addSection(id, 100 + id, chunks.length, chunks);
    written.push(Buffer.concat(chunks));
    if (id === 10) await writer.flush();
  }
  writer.finish({ hello: "there" }, 90);
  const published = await writer.publish(() => {});
  expect(published).toMatchObject({
    sectionCount: 20,
    walPos: 90,
    highestStamp: 119,
    bytes: memory.size(published.name),
  });
  const snapshot = verifySnapshot(memory, published.name);
  expect(readMetadata(memory, snapshot)).toEqual({ hello: "there" });
  const read: Buffer[] = [];
  for (const [section, bytes] of readSections(memory, snapshot))
    read.push(Buffer.from(bytes.subarray(0, section.bytes)));
  expect(read.map((bytes, id) => bytes.equals(written[id]!))).not.toContain(false);
});

test("a snapshot is published in the safe order", async () => {
  const operations: string[] = [];
  const dir = recorded(memoryDisk(), operations);
  const writer = SnapshotWriter.create(dir, 5);
  writer.addSection(0, 9, 1, [Buffer.from("x")]);
  writer.finish({});
  await writer.publish((sequence) => {
    operations.push(`log synced up to ${sequence}`);
  });
  expect(operations).toEqual([
    "open snapshot-0000000000005.tmp",
    "write snapshot-0000000000005.tmp",
    "pwrite snapshot-0000000000005.tmp",
    "fdatasync snapshot-0000000000005.tmp",
    "log synced up to 9",
    "rename snapshot-0000000000005.tmp snapshot-0000000000005.snap",
    "fsync directory",
  ]);
});

test("a snapshot without sections says its position itself", async () => {
  const dir = memoryDisk();
  const writer = SnapshotWriter.create(dir, 5);
  expect(() => writer.finish({})).toThrow(RangeError);
  writer.finish({}, 12);
  expect(await writer.publish(() => {})).toMatchObject({ walPos: 12, highestStamp: 12, totalEntries: 0 });
});

test("nothing is published, and nothing left, when the disk, the log or the written bytes fail", async () => {
  const faults: Record<string, Parameters<typeof intercepted>[1]> = {
    fdatasync: () => ({ fdatasyncAsync: () => Promise.reject(failure("ENOSPC")) }),
    rename: () => ({
      rename: () => {
        throw failure("EIO");
      },
    }),
    "a disk that changes a byte": (real) => ({
      pread: (fd, buffer, off, len, position) => {
        const count = real.pread(fd, buffer, off, len, position);
        if (position <= 97 && position + count > 97) buffer[off + 97 - position]! ^= 1;
        return count;
      },
    }),
  };
  for (const [what, fault] of Object.entries(faults)) {
    const memory = memoryDisk();
    const writer = SnapshotWriter.create(intercepted(memory, fault), 5);
    writer.addSection(0, 9, 1, [Buffer.from("some bytes")]);
    writer.finish({});
    await expect(
      writer.publish(() => {}),
      what,
    ).rejects.toMatchObject({ name: "StorageError" });
    expect(memory.list(), what).toEqual([]);
  }
  const memory = memoryDisk();
  const writer = SnapshotWriter.create(memory, 5);
  writer.finish({}, 1);
  await expect(writer.publish(() => Promise.reject(new Error("log is down")))).rejects.toThrow(/log is down/);
  expect(memory.list()).toEqual([]);
});

test("after a failed fdatasync a snapshot can only be given up: a second one would succeed, and prove nothing", async () => {
  const disk = faultyDisk(seededRandom(1));
  const writer = SnapshotWriter.create(disk, 1000);
  writer.addSection(0, 3, 1, [Buffer.from("entries")]);
  disk.failAfter(2, "EIO"); // after the write
  await expect(writer.flush()).rejects.toMatchObject({ code: "io", errno: "EIO" });
  expect(() => writer.finish({})).toThrow(/failed/);
  writer.abort();
  expect(disk.list()).toEqual([]);
});

import { expect, test } from "vitest";
import { type Directory, readFile } from "../src/disk.js";
import { errnoOf } from "../src/errors.js";
import { type FaultyDirectory, faultyDisk, PowerLoss } from "../src/faulty-disk.js";
import { range, wideRandom } from "./support.js";

const seed = Date.now();
console.log(`faulty disk seed ${seed}`);

function newDisk(options = {}): FaultyDirectory {
  return faultyDisk(wideRandom(seed), options);
}

/** Makes a file of `length` bytes, synced in a synced directory; returns its descriptor. */
function syncedFile(disk: Directory, name: string, length: number): number {
  const fd = disk.open(name, "create");
  disk.write(fd, filled(1, length), 0, length);
  disk.fdatasync(fd);
  disk.syncDirectory();
  return fd;
}

function filled(value: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

/** What a power loss leaves, many times. */
function remains<T>(disk: FaultyDirectory, look: (dir: FaultyDirectory) => T): T[] {
  return range(1, 300).map(() => look(disk.crash()));
}

test("what was synced stays, byte for byte", () => {
  const disk = newDisk();
  const fd = syncedFile(disk, "a", 700);
  disk.pwrite(fd, filled(2, 700), 0, 700, 700);
  for (const bytes of remains(disk, (dir) => readFile(dir, "a"))) {
    expect(bytes.subarray(0, 700)).toEqual(filled(1, 700));
    expect(bytes.length).toBeLessThanOrEqual(1400);
  }
});

test("sectors that were not synced are old, new, zero or garbage, one by one, and the file has any size", () => {
  const disk = newDisk();
  const fd = syncedFile(disk, "a", 1024);
  disk.pwrite(fd, filled(2, 2048), 0, 2048, 0);
  const images = remains(disk, (dir) => readFile(dir, "a"));
  const firstBytes = new Set(images.map((bytes) => bytes[0]!));
  expect([...firstBytes]).toEqual(expect.arrayContaining([0, 1, 2]));
  expect(firstBytes.size).toBeGreaterThan(3);
  expect(images.some((bytes) => bytes[0] === 2 && bytes[512] === 1)).toBe(true);
  expect(images.some((bytes) => bytes[0] === 1 && bytes[512] === 2)).toBe(true);
  const sizes = new Set(images.map((bytes) => bytes.length));
  expect(Math.min(...sizes)).toBe(1024);
  expect(Math.max(...sizes)).toBe(2048);
  expect(sizes.size).toBeGreaterThan(10);
});

test("names: any choice of the changes since the directory was synced", () => {
  const disk = newDisk();
  disk.close(syncedFile(disk, "a", 1));
  disk.close(disk.open("b", "create"));
  disk.rename("a", "c");
  const lists = new Set(remains(disk, (dir) => dir.list().sort().join(" ")));
  expect([...lists].sort()).toEqual(["a", "a b", "b c", "c"]);
  disk.syncDirectory();
  expect(new Set(remains(disk, (dir) => dir.list().sort().join(" ")))).toEqual(new Set(["b c"]));
});

test("a file whose name was not synced is lost, even if its bytes were", () => {
  const disk = newDisk();
  disk.fdatasync(disk.open("a", "create"));
  expect(remains(disk, (dir) => dir.exists("a"))).toContain(false);
});

test("a failed fdatasync loses its bytes: they are still read, and the next one succeeds", () => {
  const disk = newDisk();
  const fd = syncedFile(disk, "a", 10);
  disk.pwrite(fd, filled(2, 10), 0, 10, 0);
  disk.failAfter(1, "EIO");
  expect(() => disk.fdatasync(fd)).toThrow("EIO");
  disk.fdatasync(fd);
  expect(readFile(disk, "a")).toEqual(filled(2, 10));
  expect(remains(disk, (dir) => readFile(dir, "a")[0])).toContain(1);
  disk.pwrite(fd, filled(2, 10), 0, 10, 0);
  disk.fdatasync(fd);
  expect(new Set(remains(disk, (dir) => readFile(dir, "a")[0]))).toEqual(new Set([2]));
});

test("an asynchronous sync covers what was written before it, not what comes meanwhile", async () => {
  const disk = newDisk();
  const fd = syncedFile(disk, "a", 512);
  disk.pwrite(fd, filled(2, 512), 0, 512, 0);
  const synced = disk.fdatasyncAsync(fd);
  // Garbage can begin with any byte, but is not the same byte all through.
  const filling = (dir: Directory): number => {
    const bytes = readFile(dir, "a");
    return bytes.every((byte) => byte === bytes[0]) ? (bytes[0] ?? -1) : -1;
  };
  expect(remains(disk, filling)).toContain(1);
  disk.pwrite(fd, filled(3, 512), 0, 512, 0);
  await synced;
  const first = remains(disk, filling);
  expect(first).not.toContain(1);
  expect(first).toEqual(expect.arrayContaining([2, 3]));
});

test("faults: at an operation, once or for good, only where they can be; and the power", () => {
  const disk = newDisk();
  const fd = syncedFile(disk, "a", 10);
  disk.failAfter(2, "ENOSPC");
  disk.write(fd, filled(1, 1), 0, 1);
  expect(() => disk.write(fd, filled(1, 1), 0, 1)).toThrow("ENOSPC");
  disk.write(fd, filled(1, 1), 0, 1);
  disk.failAfter(1, "EMFILE", true);
  disk.write(fd, filled(1, 1), 0, 1);
  for (let i = 0; i < 2; i++) expect(() => disk.open("a", "read")).toThrow("EMFILE");
  disk.heal();
  disk.close(disk.open("a", "read"));
  disk.failAfter(1, "short write", true);
  expect(disk.write(fd, filled(1, 100), 0, 100)).toBeLessThan(100);
  disk.failAfter(1, "power loss");
  expect(() => disk.write(fd, filled(1, 1), 0, 1)).toThrow(PowerLoss);
  expect(() => disk.close(fd)).toThrow(PowerLoss);
  expect(disk.powerLost).toBe(true);
  expect(disk.crash().powerLost).toBe(false);
});

test.each(
  (["EIO", "ENOSPC", "EMFILE", "short write"] as const).flatMap((fault) => [
    [fault, "once"] as const,
    [fault, "for good"] as const,
  ]),
)("%s at operation N, %s, for every N", (fault, duration) => {
  const open = (disk: FaultyDirectory) => disk.close(disk.open("a", "read"));
  for (const n of range(1, 6)) {
    const disk = newDisk();
    const fd = syncedFile(disk, "a", 10);
    disk.failAfter(n, fault, duration === "for good");
    const failed = range(1, 8).filter(() => {
      try {
        if (fault === "EMFILE") open(disk);
        else return disk.write(fd, filled(1, 100), 0, 100) < 100;
      } catch (error) {
        return errnoOf(error) === fault;
      }
      return false;
    });
    expect(failed).toEqual(duration === "once" ? [n] : range(n, 8));
    disk.heal();
    open(disk);
    expect(disk.write(fd, filled(1, 100), 0, 100)).toBe(100);
  }
});

test("a lying disk keeps nothing", () => {
  const disk = newDisk({ lies: "both" });
  syncedFile(disk, "a", 600);
  expect(remains(disk, (dir) => dir.exists("a"))).toContain(false);
});

test("the same random source makes the same happen", () => {
  const images = [0, 1].map(() => {
    const disk = newDisk({ shortWrites: 0.5 });
    const fd = syncedFile(disk, "a", 100);
    disk.write(fd, filled(7, 5000), 0, 5000);
    return remains(disk, (dir) => Buffer.from(readFile(dir, "a")).toString("latin1"));
  });
  expect(images[0]).toEqual(images[1]);
});

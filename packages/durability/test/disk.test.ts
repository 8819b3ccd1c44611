import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  atomicRenameDurable,
  atomicWriteDurable,
  type Directory,
  makeDirectory,
  readFile,
  realDisk,
  syncFile,
  syncParentDirectory,
} from "../src/disk.js";
import { faultyDisk } from "../src/faulty-disk.js";
import { memoryDisk } from "../src/memory-disk.js";
import { range, recorded, temporaryDirectory, wideRandom } from "./support.js";

const seed = Date.now();
console.log(`disk seed ${seed}`);

const DISKS: Readonly<Record<string, () => Directory>> = {
  "real files": () => realDisk(temporaryDirectory()),
  memory: memoryDisk,
  "a faulty disk": () => faultyDisk(wideRandom(seed)),
};

function write(dir: Directory, name: string, text: string): void {
  const fd = dir.open(name, "create");
  dir.write(fd, Buffer.from(text), 0, text.length);
  dir.close(fd);
}

function read(dir: Directory, name: string): string {
  return Buffer.from(readFile(dir, name)).toString();
}

test.each(Object.entries(DISKS))("%s: the durable steps, and the same errors", (_what, newDisk) => {
  const operations: string[] = [];
  const dir = recorded(newDisk(), operations);
  write(dir, "a", "first");
  syncFile(dir, "a");
  atomicRenameDurable(dir, "a", "b");
  expect(operations).toEqual(["open a", "write a", "fdatasync a", "rename a b", "fsync directory"]);
  atomicWriteDurable(dir, "b", Buffer.from("second"));
  atomicWriteDurable(dir, "c", Buffer.from(""));
  expect([...dir.list()].sort()).toEqual(["b", "c"]);
  expect([read(dir, "b"), dir.size("c"), dir.exists("a")]).toEqual(["second", 0, false]);
  // A rename over an existing name replaces it.
  atomicRenameDurable(dir, "b", "c");
  expect([dir.list(), read(dir, "c")]).toEqual([["c"], "second"]);
  for (const action of [() => syncFile(dir, "none"), () => atomicRenameDurable(dir, "none", "c")]) {
    expect(action).toThrow(expect.objectContaining({ code: "io", errno: "ENOENT", file: "none" }));
  }
  expect(() => dir.open("c", "create")).toThrow("EEXIST");
  expect(read(dir, "c")).toBe("second");
});

/** Control: without either sync, some of the remains have no file, or an empty one. */
test("what the durable steps have done, no power loss takes back; what was not synced may be lost", () => {
  const synced = (disk: Directory) => {
    write(disk, "a", "text");
    syncFile(disk, "a");
    syncParentDirectory(disk);
  };
  const renamed = (disk: Directory) => {
    write(disk, "b", "text");
    syncFile(disk, "b");
    atomicRenameDurable(disk, "b", "a");
  };
  const written = (disk: Directory) => atomicWriteDurable(disk, "a", Buffer.from("text"));
  const unsynced = (disk: Directory) => {
    write(disk, "a", "text");
    syncParentDirectory(disk);
  };
  const unnamed = (disk: Directory) => {
    write(disk, "a", "text");
    syncFile(disk, "a");
  };
  const remains = (action: (disk: Directory) => void) => {
    const disk = faultyDisk(wideRandom(seed));
    action(disk);
    return new Set(
      range(1, 200).map(() => {
        const left = disk.crash();
        return left.exists("a") ? read(left, "a") : "no file";
      }),
    );
  };
  for (const action of [synced, renamed, written]) expect(remains(action)).toEqual(new Set(["text"]));
  expect(remains(unsynced).size).toBeGreaterThan(3);
  expect(remains(unnamed)).toEqual(new Set(["no file", "text"]));
});

test("a directory is made with those above it; where the system makes none, its error comes", () => {
  const path = join(temporaryDirectory(), "a", "b", "c");
  makeDirectory(path);
  makeDirectory(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  writeFileSync(join(path, "file"), "");
  expect(() => makeDirectory(join(path, "file"))).toThrow("EEXIST");
  expect(() => makeDirectory(join(path, "file", "d"))).toThrow("ENOTDIR");
  // With mkdir's own `recursive` this never ended.
  if (process.platform === "linux") expect(() => makeDirectory("/proc/none/d")).toThrow("ENOENT");
});

import { expect, test } from "vitest";
import { StorageError } from "../src/errors.js";
import { faultyDisk } from "../src/faulty-disk.js";
import { MANIFEST } from "../src/file-names.js";
import { encodeManifest, loadOrCreateManifest, newGeneration } from "../src/manifest.js";
import { memoryDisk } from "../src/memory-disk.js";
import { directoryWith, failure, intercepted, recorded, seededRandom, startLog } from "./support.js";

test("is made once, durably, and read from then on", () => {
  const operations: string[] = [];
  const dir = recorded(memoryDisk(), operations);
  const made = loadOrCreateManifest(dir, 5);
  expect(made.hashSeed.length).toBe(8);
  expect(operations.slice(1)).toEqual([
    "write manifest.bson.tmp",
    "fdatasync manifest.bson.tmp",
    "rename manifest.bson.tmp manifest.bson",
    "fsync directory",
  ]);
  expect(loadOrCreateManifest(dir, 6)).toEqual(made);
});

test("is never made over existing data, and a newer one is refused", () => {
  const dir = memoryDisk();
  startLog(dir);
  expect(() => loadOrCreateManifest(dir)).toThrow(/holds data but no manifest/);
  const newer = encodeManifest({ version: 2, createdMs: 1, hashSeed: new Uint8Array(8) });
  expect(() => loadOrCreateManifest(directoryWith({ [MANIFEST]: newer }))).toThrow(/format version 2.*newer HearthKV/);
});

test("generations are 32 bits and not 0", () => {
  for (let i = 0; i < 1000; i++) {
    const generation = newGeneration();
    expect(generation).toBe(generation >>> 0);
    expect(generation).toBeGreaterThan(0);
  }
});

test("a manifest whose name could not be made durable is not returned before it is", () => {
  const disk = faultyDisk(seededRandom(1));
  const failing = intercepted(disk, () => ({
    syncDirectory: () => {
      throw failure("EIO");
    },
  }));
  for (let i = 0; i < 2; i++) expect(() => loadOrCreateManifest(failing)).toThrow(StorageError);
  const manifest = loadOrCreateManifest(disk);
  for (let i = 0; i < 20; i++) expect(loadOrCreateManifest(disk.crash())).toEqual(manifest);
});

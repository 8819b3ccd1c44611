/** `hearthkv backup` and `restore`: copies of a directory that is being written to, and of what it held before. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileNames } from "@hearthkv/durability";
import { backupDirectory, checkDirectory, restoreDirectory } from "@hearthkv/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OwnServer, startOwn } from "../recovery/in-process.js";
import { temporaryFolder } from "../support/index.js";
import {
  contentOf,
  copyOf,
  digestOfServer,
  FINISHED,
  flipByte,
  hearthkv,
  type MadeDirectory,
  makeDirectory,
  namesIn,
  SNAPSHOTS,
  shorten,
} from "./directories.js";

function newFolder(): string {
  return join(temporaryFolder("target"), "copy");
}

describe("backup", () => {
  let whole: MadeDirectory;

  beforeAll(async () => {
    whole = await makeDirectory();
  });

  test("of a directory that no server uses: the same bytes", async () => {
    const target = newFolder();
    const { code, stdout, stderr } = await hearthkv("backup", whole.path, target);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      new RegExp(`^\\d+ files, \\d+ bytes, up to sequence \\d+\nkeys: \\d+\ndigest: ${whole.digest}\n$`),
    );
    const { [fileNames.SYNCED]: _claim, ...copied } = contentOf(whole.path);
    expect(contentOf(target)).toEqual(copied);
  });

  test("of one that is written to, rotated and snapshotted: whole, with everything acknowledged before", async () => {
    const dataDir = temporaryFolder("live");
    const own = await startOwn(dataDir, { walMaxBytes: 8192, snapshotKeep: 1 });
    let writing = true;
    let acknowledged = 0;
    const writes = (async () => {
      for (let i = 1; writing; i++) {
        await own.client.ok("MSET", "counter", i, `key:${i % 100}`, "v".repeat(150));
        acknowledged = i;
        if (i % 300 === 0) await own.client.ok("SAVE");
      }
    })();
    for (let i = 0; i < 4; i++) {
      const target = newFolder();
      const before = acknowledged;
      await backupDirectory(dataDir, target, { digest: false });
      const copy = await startOwn(target);
      expect(Number(await copy.client.ok("GET", "counter"))).toBeGreaterThanOrEqual(before);
      await copy.close();
    }
    writing = false;
    await writes;
    const target = newFolder();
    const { recovered } = await backupDirectory(dataDir, target);
    expect(recovered.digest).toBe(own.server.digest());
    await own.close();
  });

  test("an unfinished end is not copied", async () => {
    const path = copyOf(whole);
    shorten(path, "wal-current.log", 3);
    const { recovered } = await backupDirectory(path, newFolder());
    expect(recovered.digest).toBe(await digestOfServer(path));
  });

  test("damage, a target in use, no data", async () => {
    const path = copyOf(whole);
    const name = namesIn(path, FINISHED).at(-1)!;
    flipByte(path, name, 100);
    const damaged = await hearthkv("backup", path, newFolder());
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toMatch(new RegExp(`^hearthkv: the copy is not whole: [^\n]*${name}[^\n]*\n$`));
    const full = temporaryFolder();
    await backupDirectory(whole.path, full, { digest: false });
    const again = await hearthkv("backup", whole.path, full);
    expect(again).toMatchObject({ code: 2, stderr: `hearthkv: ${full} is not empty: give a new folder\n` });
    expect((await hearthkv("backup", temporaryFolder(), newFolder())).code).toBe(2);
  });
});

describe("restore", () => {
  /** What the directory held after each step; `sequence` is that of its last entry, `timeMs` a moment after it and before the next. */
  const points: { sequence: number; timeMs: number; digest: string }[] = [];
  let own: OwnServer;
  let dataDir: string;

  beforeAll(async () => {
    dataDir = temporaryFolder("history");
    own = await startOwn(dataDir, { walMaxBytes: 4096, snapshotKeep: 10 });
    for (let step = 0; step < 6; step++) {
      for (let i = 0; i < 20; i++) await own.client.ok("SET", `key:${i}:${step % 2}`, `${step} ${"x".repeat(100)}`);
      await own.client.ok("RPUSH", "steps", step);
      await new Promise((resolve) => setTimeout(resolve, 5));
      points.push({
        sequence: Number((await own.persistence()).wal_sequence),
        timeMs: Date.now(),
        digest: own.server.digest(),
      });
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (step % 2 === 1) await own.client.ok("SAVE");
    }
  });

  afterAll(() => own.close());

  test.each([1, 2, 3, 4, 5])("of a server that runs, to the sequence and to the time of step %i", async (step) => {
    const { sequence, timeMs, digest } = points[step]!;
    // The server may write `synced` meanwhile.
    const names = () =>
      readdirSync(dataDir)
        .filter((name) => name !== fileNames.SYNCED)
        .sort();
    const before = names();
    const bySequence = await restoreDirectory(dataDir, newFolder(), { sequence });
    expect(bySequence.recovered.digest).toBe(digest);
    const target = newFolder();
    const byTime = await restoreDirectory(dataDir, target, { timeMs });
    expect(byTime).toMatchObject({ sequence, recovered: { digest } });
    expect(names()).toEqual(before);
    if (step % 2 === 0) expect(await digestOfServer(target)).toBe(digest);
  });

  test("to each entry around a snapshot", async () => {
    const { sequence } = points[3]!;
    for (let at = sequence - 2; at <= sequence + 2; at++) {
      expect((await restoreDirectory(dataDir, newFolder(), { sequence: at })).sequence).toBe(at);
    }
  });

  test("to the very beginning, where the log goes back so far", async () => {
    const young = temporaryFolder("young");
    const server = await startOwn(young);
    await server.client.ok("SET", "a", 1);
    await server.client.ok("SET", "a", 2);
    expect((await restoreDirectory(young, newFolder(), { sequence: 0 })).recovered.keys).toBe(0);
    expect((await restoreDirectory(young, newFolder(), { sequence: 1 })).recovered.keys).toBe(1);
    await server.close();
  });

  test("on the command line", async () => {
    const { sequence, timeMs, digest } = points[2]!;
    const time = new Date(timeMs).toISOString();
    const { code, stdout } = await hearthkv("restore", dataDir, newFolder(), "--to-time", time);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(new RegExp(`^restored to sequence ${sequence}\nkeys: \\d+\ndigest: ${digest}\n$`));
    for (const flags of [[], ["--to-sequence", "1", "--to-time", "1"], ["--to-sequence", "x"]]) {
      expect((await hearthkv("restore", dataDir, newFolder(), ...flags)).code).toBe(2);
    }
  });

  test("with entries that a later run replaced, as a power loss may leave them: they are not part of the past", async () => {
    // Recovery had cut off 3 to 5 and the cut was lost; the run after it wrote 3 and 4.
    const oldDir = temporaryFolder("old-run");
    const old = await startOwn(oldDir, { fsyncIntervalMs: 60_000 });
    for (const key of ["a", "b"]) await old.client.ok("SET", key, "kept");
    const path = newFolder();
    await backupDirectory(oldDir, path, { digest: false });
    for (const key of ["c", "d", "e"]) await old.client.ok("SET", key, "replaced");
    const segment = readFileSync(join(oldDir, fileNames.WAL_CURRENT));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const betweenMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await old.close();
    const later = await startOwn(path);
    for (const key of ["f", "g"]) await later.client.ok("SET", key, "new");
    const digest = later.server.digest();
    await later.close();
    writeFileSync(join(path, namesIn(path, FINISHED).at(-1)!), segment);

    expect(await restoreDirectory(path, newFolder(), { timeMs: betweenMs })).toMatchObject({
      sequence: 2,
      recovered: { keys: 2 },
    });
    expect(await checkDirectory(path)).toMatchObject({ problems: [], recovered: { lastSequence: 4, digest } });
    // What a start has not cut yet is not copied, either.
    const copies = [restoreDirectory(path, newFolder(), { sequence: 3 }), backupDirectory(path, newFolder())];
    for (const copy of copies) await expect(copy).rejects.toThrow("Start the server once");
    expect(await digestOfServer(path)).toBe(digest);
    expect((await restoreDirectory(path, newFolder(), { sequence: 3 })).recovered.keys).toBe(3);
    await expect(restoreDirectory(path, newFolder(), { sequence: 5 })).rejects.toThrow("the log ends at 4");
  });

  test("a point that is not there any more, or not yet, is refused and nothing is made", async () => {
    const copy = newFolder();
    await backupDirectory(dataDir, copy, { digest: false });
    const { sequence } = points[5]!;
    const target = newFolder();
    await expect(restoreDirectory(copy, target, { sequence: sequence + 1 })).rejects.toThrow(
      `the log ends at ${sequence}`,
    );
    rmSync(join(copy, namesIn(copy, FINISHED).at(0)!));
    await expect(restoreDirectory(copy, target, { sequence: 3 })).rejects.toThrow("the earliest one is");
    await expect(restoreDirectory(copy, target, { timeMs: 1000 })).rejects.toThrow("the log that is kept begins at");
    for (const name of namesIn(copy, SNAPSHOTS)) flipByte(copy, name, 100);
    await expect(restoreDirectory(copy, target, { sequence })).rejects.toThrow("no snapshot can be read");
    expect(existsSync(target)).toBe(false);
  });
});

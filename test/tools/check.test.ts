/** `hearthkv check`: what is whole is clean, what was damaged is named, and nothing is ever changed. */
import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENTRY_OVERHEAD_BYTES, loadOrCreateManifest, realDisk, sealEntry, WalWriter } from "@hearthkv/durability";
import { checkDirectory } from "@hearthkv/server";
import { beforeAll, describe, expect, test } from "vitest";
import { startOwn } from "../recovery/in-process.js";
import { launcher, requirePeer, runProcess, temporaryFolder } from "../support/index.js";
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

let whole: MadeDirectory;

beforeAll(async () => {
  whole = await makeDirectory();
});

describe("a directory that is whole", () => {
  test("is clean: exit code 0, each file named, the digest is that of the server", async () => {
    const before = contentOf(whole.path);
    const { code, stdout, stderr } = await hearthkv("check", whole.path);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const name of [...namesIn(whole.path, SNAPSHOTS), ...namesIn(whole.path, /\.log$/)]) {
      expect(stdout).toContain(`${name}: `);
    }
    expect(stdout).toContain(`\ndigest: ${whole.digest}\nclean\n`);
    expect(contentOf(whole.path)).toEqual(before);
  });

  test("several threads find the same", async () => {
    const inline = await checkDirectory(whole.path);
    const parallel = await checkDirectory(whole.path, { parallelFromBytes: 0 });
    expect({ ...parallel, files: [...parallel.files].sort() }).toEqual({ ...inline, files: [...inline.files].sort() });
  });

  test("without the digest nothing is loaded", async () => {
    const { problems, recovered } = await checkDirectory(whole.path, { digest: false });
    expect(problems).toEqual([]);
    expect(recovered).toMatchObject({ keys: null, digest: null });
  });

  test("shows its progress at a terminal", async (context) => {
    requirePeer(context, "script");
    const command = `${process.execPath} ${launcher} check ${whole.path}`;
    const { code, stdout } = await runProcess("script", ["-qec", command, "/dev/null"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/checking \[[#.]{30}\] \d+ %/);
  });
});

describe("damage is exit code 1, with file and place", () => {
  test.each<[string, (path: string) => string, RegExp]>([
    ["a flipped bit in a snapshot that is not used any more", (path) => flip(path, SNAPSHOTS, 0, 300), /SHA-256/],
    ["a flipped bit in the newest snapshot", (path) => flip(path, SNAPSHOTS, -1, 300), /SHA-256/],
    ["a flipped bit in the oldest segment", (path) => flip(path, FINISHED, 0, 100), /sequence \d+/],
    ["a flipped bit in the header of a segment", (path) => flip(path, FINISHED, -1, 20), /header/],
    ["a missing segment", (path) => removeOne(path), /should follow|missing/],
    ["a cut segment with others behind it", (path) => cutOne(path), /before the end/],
    ["a damaged manifest", (path) => flip(path, /^manifest/, 0, 20), /manifest/],
  ])("%s", async (_what, damage, expected) => {
    const path = copyOf(whole);
    const name = damage(path);
    const before = contentOf(path);
    const { problems } = await checkDirectory(path);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.map(({ message }) => message).join("\n")).toMatch(expected);
    if (name !== "") expect(problems.map(({ file }) => file)).toContain(name);
    expect(contentOf(path)).toEqual(before);
  });

  test("on the command line", async () => {
    const path = copyOf(whole);
    const name = flip(path, FINISHED, -1, 100);
    const { code, stdout } = await hearthkv("check", path);
    expect(code).toBe(1);
    expect(stdout).toContain("a start of the server would refuse\n");
    expect(stdout).toContain(`damage: file ${name}, offset`);
    expect(stdout).toMatch(/\ndamaged: 1 found\n$/);
  });
});

test("an entry of an unknown kind, its checksum whole: check says what the start says, in one line", async () => {
  const path = temporaryFolder("unknown");
  const dir = realDisk(path);
  loadOrCreateManifest(dir);
  const writer = WalWriter.create(dir, { generation: 7, firstSequence: 1, segmentNumber: 1 });
  const entry = new Uint8Array(ENTRY_OVERHEAD_BYTES + 8);
  writer.write(entry, 0, sealEntry(entry, 0, 8, 1, Date.now(), 200, 1, 7));
  writer.close();
  const { problems } = await checkDirectory(path);
  expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(/operation type 200 .*newer version/)]);
  const { code, stderr } = await hearthkv("serve", "--port", "0", "--data-dir", path, "--log-level", "silent");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^hearthkv: [^\n]+\n$/);
  expect(stderr).toContain(problems[0]!.message);
});

test("an unfinished end of the log is no damage, unless nothing is forgiven", async () => {
  const path = copyOf(whole);
  shorten(path, "wal-current.log", 3);
  const before = contentOf(path);
  const { problems, notes, recovered } = await checkDirectory(path);
  expect(problems).toEqual([]);
  expect(notes).toEqual([expect.stringMatching(/^a start of the server would cut wal-current\.log at \d+/)]);
  expect((await hearthkv("check", "--strict", path)).code).toBe(1);
  expect(contentOf(path)).toEqual(before);
  expect(await digestOfServer(path)).toBe(recovered?.digest);
});

test("a directory in use may be checked, while its files change", async () => {
  const dataDir = temporaryFolder("live");
  const own = await startOwn(dataDir, { walMaxBytes: 4096, snapshotKeep: 1 });
  let writing = true;
  const writes = (async () => {
    for (let i = 0; writing; i++) {
      await own.client.ok("SET", `key:${i % 50}`, "v".repeat(200));
      if (i % 200 === 199) await own.client.ok("SAVE");
    }
  })();
  for (let i = 0; i < 6; i++) {
    const { problems, notes, holder } = await checkDirectory(dataDir, i % 2 === 0 ? {} : { parallelFromBytes: 0 });
    expect(problems).toEqual([]);
    expect(holder?.pid).toBe(process.pid);
    expect(notes.join("\n")).toContain(`process ${process.pid} `);
  }
  writing = false;
  await writes;
  await own.close();
});

test("a lock that was left behind is told", async () => {
  const path = copyOf(whole);
  writeFileSync(
    join(path, "LOCK"),
    `${JSON.stringify({ pid: 999_999_999, host: "old", boot: null, token: "t", sinceMs: 0 })}\n`,
  );
  const past = new Date(0);
  utimesSync(join(path, "LOCK"), past, past);
  const { code, stdout } = await hearthkv("check", path);
  expect(code).toBe(0);
  expect(stdout).toContain("note: the lock of process 999999999 on old was left behind");
});

test("asked wrongly: exit code 2 and one line", async () => {
  for (const args of [
    ["check"],
    ["check", "/no/such/folder"],
    ["check", temporaryFolder()],
    ["check", "--x", whole.path],
  ]) {
    const { code, stdout, stderr } = await hearthkv(...args);
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
    expect(stderr).toMatch(/^hearthkv: [^\n]+\n$/);
  }
});

function flip(path: string, pattern: RegExp, index: number, offset: number): string {
  const name = namesIn(path, pattern).at(index)!;
  flipByte(path, name, offset);
  return name;
}

function removeOne(path: string): string {
  rmSync(join(path, namesIn(path, FINISHED).at(-1)!));
  return "";
}

function cutOne(path: string): string {
  const name = namesIn(path, FINISHED).at(-1)!;
  shorten(path, name, 3);
  return name;
}

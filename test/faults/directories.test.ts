/**
 * Data directories that a server cannot or must not use: of another user, read-only, in use, of a newer version. Each time one line that says
 * what, where and what to do, an exit code that is not 0, and nothing changed. The control is the start that succeeds once the reason is gone.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, SEGMENT_HEADER_BYTES } from "@hearthkv/durability";
import { expect, type TestContext, test } from "vitest";
import { launcher, runProcess, skipOrFail, startHearth, temporaryFolder } from "../support/index.js";
import { contentOf, FINISHED, makeDirectory, namesIn, SNAPSHOTS } from "../tools/directories.js";
import { SmallDisk } from "./small-disk.js";

const NOBODY = 65_534;
/** Root without its privileges is a user like any other. */
const UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];

/** Starts a server that is to refuse; its last line. */
async function refusal(dataDir: string, wrapper: readonly string[] = []): Promise<string> {
  const serve = [launcher, "serve", "--port", "0", "--data-dir", dataDir, "--log-level", "silent"];
  const [command = "", ...args] = [...wrapper, process.execPath, ...serve];
  const { code, stderr } = await runProcess(command, args);
  expect(code, stderr).toBe(1);
  expect(stderr).toMatch(/^hearthkv: [^\n]+\n$/);
  return stderr;
}

function requireRoot(context: Pick<TestContext, "skip">): void {
  if (process.getuid?.() === 0 && spawnSync(UNPRIVILEGED[0] as string, [...UNPRIVILEGED.slice(1), "true"]).status === 0)
    return;
  skipOrFail(context, "run as root, with setpriv", "nothing can be run as another user");
}

test("a directory, or a file in it, that belongs to someone else", async (context) => {
  requireRoot(context);
  const { path } = await makeDirectory();
  const before = contentOf(path);
  const said = new RegExp(`cannot use the data directory ${path}: .*permission denied.*must belong to the user`);
  chownSync(path, NOBODY, NOBODY);
  expect(await refusal(path, UNPRIVILEGED)).toMatch(said);
  chownSync(path, 0, 0);
  chownSync(join(path, "manifest.bson"), NOBODY, NOBODY);
  expect(await refusal(path, UNPRIVILEGED)).toMatch(said);
  chownSync(join(path, "manifest.bson"), 0, 0);
  expect(contentOf(path)).toEqual(before);
  const server = await startHearth({ dataDir: path, wrapper: UNPRIVILEGED });
  expect((await server.stop()).code).toBe(0);
});

// Control: without these two lines of advice the refusal named neither the setting nor what to do.
test("a file where the directory should be, or on the way to it", async () => {
  const file = join((await makeDirectory()).path, "manifest.bson");
  expect(await refusal(file)).toMatch(
    /cannot use the data directory .*manifest\.bson: .*has that name: choose another/,
  );
  expect(await refusal(join(file, "data"))).toMatch(/cannot use the data directory .*is in its path: choose another/);
});

test("a directory that may not be written, or is on a file system that is read-only", async (context) => {
  requireRoot(context);
  const { path } = await makeDirectory();
  const disk = SmallDisk.mount(context, 16 * 1024 * 1024);
  const dataDir = join(disk.path, "data");
  cpSync(path, dataDir, { recursive: true });
  const before = contentOf(dataDir);
  chmodSync(dataDir, 0o500);
  expect(await refusal(dataDir, UNPRIVILEGED)).toMatch(/permission denied.*must belong to the user/);
  chmodSync(dataDir, 0o700);
  disk.remount("ro");
  expect(await refusal(dataDir)).toMatch(/read-only file system.*on a file system that can be written/);
  disk.remount("rw");
  expect(contentOf(dataDir)).toEqual(before);
  const server = await startHearth({ dataDir });
  expect((await server.stop()).code).toBe(0);
  disk.unmount();
});

test("two servers that start at once on one directory: one serves, the other names it", async () => {
  const dataDir = join(temporaryFolder("two"), "data");
  mkdirSync(dataDir);
  const starts = await Promise.allSettled([startHearth({ dataDir }), startHearth({ dataDir })]);
  const served = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const refused = starts.flatMap((start) => (start.status === "rejected" ? [String(start.reason)] : []));
  expect(served).toHaveLength(1);
  expect(refused.join()).toContain(`in use by process ${served[0]?.pid} on`);
  await served[0]?.kill();
  const next = await startHearth({ dataDir });
  expect((await next.stop()).code).toBe(0);
});

test.for([
  ["the manifest", /^manifest\.bson$/, /format version 99.*Start a newer HearthKV/],
  [
    "the last segment",
    /^wal-current\.log$/,
    /newer version.*file wal-current\.log.*version 99.*Start a newer HearthKV/,
  ],
  ["a segment before it", FINISHED, /newer version.*version 99.*Start a newer HearthKV/],
  ["the newest snapshot", SNAPSHOTS, /newer version.*Start a newer HearthKV/],
] as const)("%s is of a newer version", async ([, pattern, said]) => {
  const { path } = await makeDirectory();
  const file = join(path, namesIn(path, pattern).at(-1) as string);
  const old = readFileSync(file);
  writeFileSync(file, ofVersion(99, old));
  const before = contentOf(path);
  expect(await refusal(path)).toMatch(said);
  expect(contentOf(path)).toEqual(before);
  writeFileSync(file, old);
  const server = await startHearth({ dataDir: path });
  expect((await server.stop()).code).toBe(0);
});

/**
 * Segments and snapshots have the version behind their magic, and the segment's header a checksum of its own; in the manifest, a BSON
 * document, the version follows its name.
 */
function ofVersion(version: number, bytes: Buffer): Uint8Array {
  const changed = Buffer.from(bytes);
  const magic = bytes.toString("latin1", 0, 8);
  changed[magic.startsWith("HEARTH") ? 8 : bytes.indexOf("version\0") + 8] = version;
  const crcAt = SEGMENT_HEADER_BYTES - 4;
  if (magic === "HEARTHWL") changed.writeUInt32LE(crc32(0, changed, 0, crcAt), crcAt);
  return changed;
}

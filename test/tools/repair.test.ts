/** `hearthkv repair`: says first, does only when told, keeps what it takes away, and leaves a directory that a server starts on. */
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { realDisk, writeManifest } from "@hearthkv/durability";
import { checkDirectory, planRepair, repairDirectory } from "@hearthkv/server";
import { beforeAll, describe, expect, test } from "vitest";
import { printedSeed, Random } from "../crash/random.js";
import { startOwn } from "../recovery/in-process.js";
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

let whole: MadeDirectory;

beforeAll(async () => {
  whole = await makeDirectory();
});

test("nothing to do for a directory that is whole", async () => {
  const before = contentOf(whole.path);
  const { code, stdout } = await hearthkv("repair", whole.path, "--yes");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "nothing to repair\n" });
  expect(contentOf(whole.path)).toEqual(before);
});

test("without --yes it only says what it would do: exit code 1", async () => {
  const path = copyOf(whole);
  shorten(path, "wal-current.log", 3);
  const before = contentOf(path);
  const said = await hearthkv("repair", path);
  expect(said.code).toBe(1);
  expect(said.stdout).toMatch(/^would cut wal-current\.log at \d+ [^\n]+\nnothing was changed: --yes does it\n$/);
  expect(contentOf(path)).toEqual(before);

  const done = await hearthkv("repair", path, "--yes");
  expect(done.code).toBe(0);
  const [copy] = namesIn(path, /^wal-current\.log\.at-\d+\.\d+\.broken$/);
  const cut = Buffer.concat([readFileSync(join(path, "wal-current.log")), readFileSync(join(path, copy!))]);
  expect(cut.toString("latin1")).toBe(before["wal-current.log"]);
  expect((await checkDirectory(path, { strict: true })).problems).toEqual([]);
  expect(await digestOfServer(path)).toBe(/digest (\w+)/.exec(done.stdout)?.[1]);
});

describe("damage that recovery refuses is salvaged, and everything old is kept", () => {
  test.each<[string, RegExp, (path: string) => void]>([
    [
      "a flipped bit in an entry",
      /^1 entry of the log cannot be read$/,
      (path) => flipByte(path, namesIn(path, FINISHED).at(-1)!, 100),
    ],
    [
      "a flipped bit in a header",
      /^\d+ entries of the log cannot be read$/,
      (path) => flipByte(path, namesIn(path, FINISHED).at(-1)!, 20),
    ],
    [
      "a flipped bit in the last header",
      /^\d+ or more entries of the log cannot be read$/,
      (path) => flipByte(path, "wal-current.log", 20),
    ],
    [
      "a missing segment",
      /^\d+ entries of the log cannot be read$/,
      (path) => rmSync(join(path, namesIn(path, FINISHED).at(-1)!)),
    ],
    [
      "every snapshot gone, and with them the beginning",
      /^\d+ entries of the log cannot be read, and no snapshot: what only they held is lost$/,
      (path) => {
        for (const name of namesIn(path, SNAPSHOTS)) flipByte(path, name, 200);
        rmSync(join(path, namesIn(path, FINISHED).at(0)!));
      },
    ],
  ])("%s", async (_what, loss, damage) => {
    const path = copyOf(whole);
    damage(path);
    const before = contentOf(path);
    const plan = await planRepair(path);
    expect(plan.kind).toBe("salvage");
    expect(plan.loss).toMatch(loss);
    expect(contentOf(path)).toEqual(before);

    const { report } = await repairDirectory(path);
    expect(report.problems).toEqual([]);
    expect((await checkDirectory(path, { strict: true })).problems).toEqual([]);
    const kept = Object.entries(contentOf(path)).filter(([name]) => name.endsWith(".broken"));
    const old = Object.entries(before).filter(([name]) => /\.(snap|log)$/.test(name));
    expect(kept.map(([, content]) => content).sort()).toEqual(old.map(([, content]) => content).sort());
    expect(await digestOfServer(path)).toBe(report.recovered?.digest);
  });
});

describe("damage to what recovery does not need is set aside, and all data stays", () => {
  test.each<[string, RegExp, number]>([
    ["an old snapshot", SNAPSHOTS, 0],
    ["the newest snapshot, where the one before it will do", SNAPSHOTS, -1],
    ["an old segment", FINISHED, 0],
  ])("%s", async (_what, pattern, index) => {
    const path = copyOf(whole);
    const name = namesIn(path, pattern).at(index)!;
    flipByte(path, name, 300);
    const plan = await planRepair(path);
    expect(plan).toMatchObject({ kind: "tidy", loss: null });
    const { report } = await repairDirectory(path);
    expect(report.problems).toEqual([]);
    expect(report.recovered?.digest).toBe(whole.digest);
    expect(namesIn(path, /\.broken$/).some((broken) => broken.startsWith(name))).toBe(true);
    expect(await digestOfServer(path)).toBe(whole.digest);
  });
});

test.each<[string, (path: string) => void]>([
  ["missing", (path) => rmSync(join(path, "manifest.bson"))],
  ["damaged", (path) => flipByte(path, "manifest.bson", 30)],
  ["of another directory", (path) => writeManifest(realDisk(path), Buffer.from("another!"))],
])("a manifest that is %s is made again from what a snapshot remembers", async (what, damage) => {
  const path = copyOf(whole);
  damage(path);
  // What a start refuses, check must not call clean; nor without the digest.
  await expect(startOwn(path)).rejects.toMatchObject({ code: expect.stringMatching(/^(missing|corrupt)-manifest$/) });
  for (const digest of [true, false]) {
    const { problems, recovered } = await checkDirectory(path, { digest });
    expect({ problems: problems.length, recovered }).toEqual({ problems: 1, recovered: null });
  }
  const { report } = await repairDirectory(path);
  expect(report.problems).toEqual([]);
  expect(await digestOfServer(path)).toBe(whole.digest);
  expect(namesIn(path, /^manifest\.bson\..*broken$/)).toHaveLength(what === "missing" ? 0 : 1);
});

test("what cannot be repaired is left alone: exit code 1", async () => {
  const path = copyOf(whole);
  const snapshot = namesIn(path, SNAPSHOTS).at(-1)!;
  const bytes = readFileSync(join(path, snapshot));
  bytes[8] = 99; // the format's version
  writeFileSync(join(path, snapshot), bytes);
  const before = contentOf(path);
  const { code, stderr } = await hearthkv("repair", path, "--yes");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^hearthkv: cannot be repaired: [^\n]*newer version[^\n]*\n$/);
  expect(contentOf(path)).toEqual(before);
});

test("a server that refuses to start names the command that repairs", async () => {
  const path = copyOf(whole);
  flipByte(path, namesIn(path, FINISHED).at(-1)!, 100);
  const { code, stderr } = await hearthkv("serve", "--port", "0", "--data-dir", path, "--log-level", "silent");
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^hearthkv: [^\n]*offset \d+, sequence \d+[^\n]*hearthkv repair \S+ says what can be saved, and how\n$/,
  );
  expect(stderr).toContain(`hearthkv repair ${path} `);
});

test("a directory in use is not repaired, nor one that is none", async () => {
  const dataDir = temporaryFolder("live");
  const own = await startOwn(dataDir);
  await own.client.ok("SET", "a", "1");
  await expect(repairDirectory(dataDir)).rejects.toMatchObject({ code: "locked" });
  await own.close();
  expect((await hearthkv("repair", "/no/such/folder")).code).toBe(2);
  const other = temporaryFolder();
  writeFileSync(join(other, "notes.txt"), "mine");
  expect((await hearthkv("repair", other, "--yes")).code).toBe(2);
  expect(Object.keys(contentOf(other))).toEqual(["notes.txt"]);
});

test("random damage: none goes unseen, and all of it is repaired", async () => {
  const random = new Random(printedSeed("repair"));
  const names = Object.keys(contentOf(whole.path));
  for (let i = 0; i < 24; i++) {
    const path = copyOf(whole);
    const name = names[i % names.length]!;
    const what = damageAtRandom(random, join(path, name));
    const { problems, notes, recovered } = await checkDirectory(path);
    const seen = problems.length + notes.length > 0 || recovered?.digest === whole.digest;
    expect(seen, `${name}: ${what}`).toBe(true);
    const { plan, report } = await repairDirectory(path);
    // A damaged version number looks like a newer version, which nobody may guess at.
    if (plan.kind === "impossible" && plan.steps.join().includes("version")) continue;
    expect({ kind: plan.kind, problems: report.problems }, `${name}: ${what}`).toEqual({
      kind: expect.stringMatching(/^(tidy|salvage|nothing)$/),
      problems: [],
    });
    expect((await checkDirectory(path, { strict: true })).problems, `${name}: ${what}`).toEqual([]);
    if (i % 8 === 0) expect(await digestOfServer(path)).toBe(report.recovered?.digest);
  }
});

/** A flipped bit, a sector of zeros, or a file that ends too early. */
function damageAtRandom(random: Random, file: string): string {
  const bytes = readFileSync(file);
  const at = random.whole(0, bytes.length - 1);
  const kind = random.pick(["flip", "zeros", "end"] as const);
  if (kind === "flip") bytes[at] = bytes[at]! ^ (1 << random.whole(0, 7));
  if (kind === "zeros") bytes.fill(0, at, Math.min(bytes.length, at + 512));
  writeFileSync(file, kind === "end" ? bytes.subarray(0, at) : bytes);
  return `${kind} at ${at} of ${bytes.length}`;
}

// Control: with the watermark asked about in replacedFrom() (durability's recovery-plan.ts), as it was, this is a salvage that keeps the 20 and drops the 5.
test("what an owner wrote that had lost the lock is left out and counted, and all of its successor stays", async () => {
  const first = temporaryFolder("first");
  const owner = await startOwn(first);
  for (let i = 0; i < 10; i++) await owner.client.ok("SET", `both:${i}`, i);
  const path = join(temporaryFolder("second"), "data");
  cpSync(first, path, { recursive: true, filter: (source) => !source.endsWith(".sock") });
  for (let i = 0; i < 20; i++) await owner.client.ok("SET", `late:${i}`, i);
  await owner.client.ok("WAITAOF", 1, 0, 0);
  await owner.client.ok("SET", "late:20", "behind what was synced");
  await owner.server.close({ snapshot: false });
  const successor = await startOwn(path);
  for (let i = 0; i < 5; i++) await successor.client.ok("SET", `rightful:${i}`, i);
  const digest = successor.server.digest();
  await successor.server.close({ snapshot: false });
  copyFileSync(join(first, "wal-current.log"), join(path, namesIn(path, FINISHED)[0]!));

  const plan = await planRepair(path);
  expect(plan).toMatchObject({ kind: "tidy", loss: null, problems: [] });
  expect(plan.steps[0]).toBe("leave out 21 entries in whose place a later run has written others");
  expect((await checkDirectory(path)).notes.join("\n")).toMatch(/^21 entries are left out/m);
  const { report } = await repairDirectory(path);
  expect(report.recovered?.digest).toBe(digest);
  expect(await digestOfServer(path)).toBe(digest);
});

/** `hearthkv import` of JSON lines and BSON: every field is right, or the file is refused with one line; and a folder is whole or not there. */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { backupDirectory, DataError, exportDirectory, importDump, restoreDirectory } from "@hearthkv/server";
import { beforeAll, describe, expect, test } from "vitest";
import { printedSeed, Random } from "../crash/random.js";
import { startOwn } from "../recovery/in-process.js";
import { launcher, startProcess, temporaryFolder, waitUntil } from "../support/index.js";
import { copyOf, FINISHED, flipByte, hearthkv, type MadeDirectory, makeDirectory, namesIn } from "./directories.js";

type Value = string | number | boolean | null | Value[] | { [name: string]: Value };
type Line = { [name: string]: Value };

const header: Line = { format: "hearthkv-export", version: 1, lastFence: 5 };
const far = 4_000_000_000_000;

function valid(): Line[] {
  return [
    { ...header },
    { db: 0, key: "text", type: "string", expireAt: far, value: "v" },
    { db: 15, key: { base64: "/w==" }, type: "string", value: { base64: "AP8=" } },
    { db: 0, key: "list", type: "list", value: ["a", "b", "a"] },
    { db: 0, key: "list", type: "list", continues: true, value: ["c"] },
    { db: 0, key: "set", type: "set", value: ["m", "n"] },
    { db: 0, key: "hash", type: "hash", expireAt: far, value: [["f", "v"]] },
    { db: 0, key: "hash", type: "hash", expireAt: far, continues: true, value: [["g", "w"]] },
    {
      db: 0,
      key: "zset",
      type: "zset",
      value: [
        ["low", "-inf"],
        ["one", 1.5],
      ],
    },
  ];
}

/** What JSON.stringify has no way of writing. */
const HUGE = "a number like 1e999";

const garbage: readonly Value[] = [
  ...[0, -1, 0.5, 1, 2, 15, 16, 255, 1e300, 2 ** 53, 2 ** 53 - 1, -(2 ** 60), true, false, null, HUGE, 1, far, far + 1],
  ...["", "x", "1", "\ud800", "list", "zset", "type 0", "none", "nan", "inf", "hearthkv-export", "\0"],
  ...[
    [],
    {},
    [[]],
    ["m"],
    [["f", "v"]],
    [["f"]],
    [["f", "v", "w"]],
    [["m", 1]],
    [["m", HUGE]],
    [
      ["m", 1],
      ["m", 2],
    ],
  ],
  ...[{ base64: "YQ" }, { base64: "!!!!" }, { base64: "YQ==" }, { base64: 1 }, { base64: "YQ==", more: 1 }, ["a", 1]],
  nested(200),
];

function nested(depth: number): Value {
  return depth === 0 ? "x" : [nested(depth - 1)];
}

function textOf(lines: readonly Line[]): string {
  return lines.map((line) => `${JSON.stringify(line).replaceAll(JSON.stringify(HUGE), "1e999")}\n`).join("");
}

function newTarget(): string {
  return join(temporaryFolder("import"), "data");
}

async function exported(path: string): Promise<Line[]> {
  const chunks: Buffer[] = [];
  await exportDirectory(path, "jsonl", (chunk) => chunks.push(chunk));
  return Buffer.concat(chunks)
    .toString("utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** What the lines mean: for each key its type, time and elements, whatever their order where that does not count. */
function meaning(lines: readonly Line[]): Record<string, unknown> {
  const [first, ...records] = lines;
  const keys: Record<string, unknown> = { lastFence: first?.lastFence ?? 0 };
  for (const { db, key, type, expireAt = 0, value } of records) {
    // An export leaves out what has expired.
    if (Number(expireAt) > 0 && Number(expireAt) < Date.now()) continue;
    const name = JSON.stringify([db, bytesOf(key!)]);
    const before = keys[name] as { elements: string[] } | undefined;
    const more = Array.isArray(value)
      ? value.map((element) => JSON.stringify(plain(element)))
      : [JSON.stringify(plain(value!))];
    const elements = [...(before?.elements ?? []), ...more];
    keys[name] = { type, expireAt, elements: type === "list" ? elements : elements.sort() };
  }
  return keys;
}

function plain(value: Value): Value {
  return Array.isArray(value) ? value.map(plain) : typeof value === "number" ? value : bytesOf(value);
}

function bytesOf(value: Value): string {
  const base64 = typeof value === "object" && value !== null && "base64" in value ? value.base64 : undefined;
  return (base64 === undefined ? Buffer.from(String(value)) : Buffer.from(String(base64), "base64")).toString("hex");
}

/** Changes one thing; says what. */
function spoil(random: Random, lines: Line[]): string {
  const at = random.whole(0, lines.length - 1);
  const line = lines[at]!;
  const bad = random.pick(garbage);
  const name = random.pick([...Object.keys(line), "expireAt", "continues", "more", "value"]);
  const kind = random.pick(["field", "field", "field", "element", "part", "drop", "twice"] as const);
  if (kind === "drop") delete line[name];
  else if (kind === "twice") lines.splice(at, 0, { ...line });
  else if (kind === "field" || !Array.isArray(line.value)) line[name] = bad;
  else {
    const i = random.whole(0, line.value.length - 1);
    const element = line.value[i]!;
    if (kind === "element" || !Array.isArray(element)) line.value[i] = bad;
    else element[random.whole(0, 1)] = bad;
  }
  return `line ${at + 1}: ${kind} ${name} ${JSON.stringify(bad)}`;
}

test("garbage in any field: refused with one line, or taken as it stands", async () => {
  const random = new Random(printedSeed("import garbage"));
  let taken = 0;
  for (let i = 0; i < 250; i++) {
    const lines = valid();
    const what = spoil(random, lines);
    const target = newTarget();
    const file = join(dirname(target), "dump.jsonl");
    writeFileSync(file, textOf(lines));
    try {
      await importDump(file, target, "jsonl");
    } catch (error) {
      expect(error, what).toBeInstanceOf(DataError);
      expect((error as Error).message, what).toMatch(/^[^\n]*, line \d+: [^\n]+$/);
      expect(readdirSync(dirname(target)), what).toEqual(["dump.jsonl"]);
      continue;
    }
    taken++;
    expect(meaning(await exported(target)), what).toEqual(meaning(lines));
  }
  expect(taken).toBeGreaterThan(0);
});

describe("refused with its place", () => {
  const line = (more: Line) => `${JSON.stringify({ db: 0, key: "k", type: "string", value: "v", ...more })}\n`;
  const start = `${JSON.stringify(header)}\n`;
  test.each<[string, string, string]>([
    ["half a database", line({ db: 0.5 }), "line 2: there is no database 0.5"],
    ["base64 that is none", line({ value: { base64: "YQ" } }), "line 2: a value holds neither text nor bytes"],
    ["half a surrogate pair", line({ value: "\ud800" }), "line 2: a value holds neither"],
    ["bytes that are no UTF-8", line({ value: "\xff" }).replace("ÿ", "\xff"), "line 2: is not UTF-8"],
    ["a field that is not known", line({ expiresAt: 5 }), 'line 2: there is no field "expiresAt"'],
    ["a key that comes twice", line({}) + line({ value: "w" }), "line 3: the key was there already"],
    ["a member twice", line({ type: "set", value: ["m", "m"] }), "line 2: a member or field is there twice"],
    [
      "another time in a second part",
      line({}) + line({ continues: true, expireAt: far }),
      "line 3: expireAt is another",
    ],
    [
      "a score that no double holds",
      line({ type: "zset", value: [["m", 5]] }).replace("5", "1e999"),
      "line 2: a score must",
    ],
  ])("%s", async (_what, content, message) => {
    const target = newTarget();
    const file = join(dirname(target), "dump.jsonl");
    writeFileSync(file, start + content, "latin1");
    await expect(importDump(file, target, "jsonl")).rejects.toThrow(message);
    expect(existsSync(target)).toBe(false);
  });

  test.each([1e300, -1, 0.5, 2 ** 53, "7"])("lastFence %s", async (lastFence) => {
    const target = newTarget();
    const file = join(dirname(target), "dump.jsonl");
    writeFileSync(file, textOf([{ ...header, lastFence }]));
    await expect(importDump(file, target, "jsonl")).rejects.toThrow("line 1: lastFence must be a whole number");
  });

  test("a line longer than a string can be: one line on the command line, no folder", async () => {
    const target = newTarget();
    const file = join(dirname(target), "dump.jsonl");
    const fd = openSync(file, "w");
    ftruncateSync(fd, writeSync(fd, start) + 600 * 1024 * 1024); // a hole: zeros without a line end
    closeSync(fd);
    const { code, stdout, stderr } = await hearthkv("import", file, target);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^hearthkv: [^\n]*dump\.jsonl, line 2: is longer than \d+ bytes\n$/);
    expect(readdirSync(dirname(target))).toEqual(["dump.jsonl"]);
  });
});

test("BSON with a changed byte or a cut end: refused with one line, or taken", async () => {
  const random = new Random(printedSeed("import bson"));
  const source = newTarget();
  const text = join(dirname(source), "dump.jsonl");
  writeFileSync(text, textOf(valid()));
  await importDump(text, source, "jsonl");
  const chunks: Buffer[] = [];
  await exportDirectory(source, "bson", (chunk) => chunks.push(chunk));
  const whole = Buffer.concat(chunks);
  for (let i = 0; i < 150; i++) {
    const bytes = Buffer.from(whole);
    const at = random.whole(0, bytes.length - 1);
    const cut = random.whole(0, 2) === 0;
    bytes[at] = random.whole(0, 255);
    const target = newTarget();
    const file = join(dirname(target), "dump.bson");
    writeFileSync(file, cut ? bytes.subarray(0, at) : bytes);
    const error: unknown = await importDump(file, target, "bson").then(
      () => null,
      (reason) => reason,
    );
    if (error === null) continue;
    expect(error, `byte ${at}`).toBeInstanceOf(DataError);
    expect((error as Error).message).toMatch(/^[^\n]*(, offset \d+: [^\n]+|is empty)$/);
    expect(readdirSync(dirname(target))).toEqual(["dump.bson"]);
  }
});

describe("a folder that is made is whole, or not there", () => {
  let whole: MadeDirectory;
  beforeAll(async () => {
    whole = await makeDirectory();
  });

  test("backup and restore of what is damaged leave nothing", async () => {
    const path = copyOf(whole);
    flipByte(path, namesIn(path, FINISHED).at(-1)!, 100);
    const above = temporaryFolder("target");
    for (const target of [join(above, "copy"), join(above, "new", "deep", "copy")]) {
      await expect(backupDirectory(path, target)).rejects.toThrow("the copy is not whole");
      await expect(restoreDirectory(path, target, { sequence: 10_000_000 })).rejects.toThrow("cannot be restored");
      expect(readdirSync(above)).toEqual([]);
    }
  });

  test("an empty folder that was there stays, as a mount point must, and gets the data", async () => {
    const target = temporaryFolder("mount");
    const file = join(temporaryFolder("dump"), "dump.jsonl");
    writeFileSync(file, `${textOf(valid())}oops\n`);
    await expect(importDump(file, target, "jsonl")).rejects.toThrow(DataError);
    expect(readdirSync(target)).toEqual([]);
    writeFileSync(file, textOf(valid()));
    const { digest } = await importDump(file, target, "jsonl");
    expect(readdirSync(target).filter((name) => !/\.(bson|snap|log)$/.test(name))).toEqual([]);
    const own = await startOwn(target);
    expect(own.server.digest()).toBe(digest);
    await own.close();
  });

  test("a folder that is in use is not touched", async () => {
    const target = temporaryFolder("used");
    mkdirSync(join(target, "mine"));
    await expect(backupDirectory(whole.path, target)).rejects.toThrow("is not empty");
    expect(readdirSync(target)).toEqual(["mine"]);
  });

  test("a signal ends an import, and nothing is left", async () => {
    const target = newTarget();
    const file = join(dirname(target), "dump.jsonl");
    const lines = Array.from({ length: 200_000 }, (_, i) => ({
      db: 0,
      key: `k${i}`,
      type: "string",
      value: "v".repeat(100),
    }));
    writeFileSync(file, textOf([header, ...lines]));
    const child = startProcess(process.execPath, [launcher, "import", file, target]);
    await waitUntil("the folder that is being made", () => readdirSync(dirname(target)).length > 1);
    child.kill("SIGINT");
    const { code } = await child.exited;
    // It may have been done before the signal came.
    if (code !== 0) {
      expect(code).toBe(130);
      expect(readdirSync(dirname(target))).toEqual(["dump.jsonl"]);
    }
  });
});

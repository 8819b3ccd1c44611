/** `hearthkv inspect`: what a real server logged, as text and as JSON lines, filtered and past damage. */
import { join } from "node:path";
import { type InspectOptions, type InspectRecord, inspect } from "@hearthkv/server";
import { beforeAll, describe, expect, test } from "vitest";
import { launcher, runProcess } from "../support/index.js";
import {
  binary,
  contentOf,
  copyOf,
  FINISHED,
  flipByte,
  hearthkv,
  type MadeDirectory,
  makeDirectory,
  namesIn,
  SNAPSHOTS,
} from "./directories.js";

type Entry = Extract<InspectRecord, { kind: "entry" }>;

let whole: MadeDirectory;

beforeAll(async () => {
  whole = await makeDirectory();
});

function records(path: string, options: InspectOptions = {}): InspectRecord[] {
  const all: InspectRecord[] = [];
  inspect(path, options, (record) => all.push(record) > 0);
  return all;
}

function entries(path: string, options: InspectOptions = {}): Entry[] {
  return records(path, options).filter((record) => record.kind === "entry");
}

test("JSON lines give every entry once, in order, with what its command did", async () => {
  const before = contentOf(whole.path);
  const { code, stdout, stderr } = await hearthkv("inspect", whole.path, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const sequences = lines.filter(({ kind }) => kind === "entry").map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.map((_, i) => sequences[0] + i));
  const mutations = lines.flatMap((line) => (line.kind === "entry" ? line.mutations : []));
  const encoded = { base64: binary.toString("base64") };
  expect(mutations).toContainEqual({
    op: "set",
    db: 3,
    keys: ["ключ"],
    value: "значение",
    expireAt: expect.any(Number),
  });
  expect(mutations).toContainEqual({ op: "set", db: 3, keys: [encoded], value: encoded });
  expect(mutations).toContainEqual({
    op: "mset",
    db: 3,
    keys: ["m1", "m2"],
    pairs: [
      ["m1", "1"],
      ["m2", "2"],
    ],
  });
  expect(mutations).toContainEqual({ op: "list-pop", db: 0, keys: ["list"], side: "head", count: 1 });
  const values = lines.filter(({ kind, key }) => kind === "value" && key === "zset");
  expect(values).toContainEqual(
    expect.objectContaining({
      type: "zset",
      value: [
        ["low", "-inf"],
        ["one", 1.5],
        ["high", 1e300],
      ],
    }),
  );
  expect(contentOf(whole.path)).toEqual(before);
});

test("text is for people", async () => {
  const { stdout } = await hearthkv("inspect", whole.path, "--key", "counter");
  expect(stdout).toMatch(/^\d+ \d{4}-\d\d-\d\dT[\d:.]+Z db 3 \w+ "counter" /m);
  expect(stdout).toMatch(/^# wal-current\.log: segment \d+ from sequence \d+, made /m);
  expect(stdout).not.toContain('"late');
});

describe("filters", () => {
  test("by sequence", () => {
    const all = entries(whole.path);
    const from = all.at(10)!.sequence;
    const picked = entries(whole.path, { fromSequence: from, toSequence: from + 4 });
    expect(picked).toEqual(all.slice(10, 15));
    expect(records(whole.path, { fromSequence: from }).some(({ kind }) => kind === "snapshot")).toBe(false);
  });

  test("by time", () => {
    const all = entries(whole.path);
    const middle = all.at(all.length >> 1)!.timeMs;
    expect(entries(whole.path, { toTimeMs: middle })).toEqual(all.filter(({ timeMs }) => timeMs <= middle));
    expect(entries(whole.path, { fromTimeMs: middle })).toEqual(all.filter(({ timeMs }) => timeMs >= middle));
    expect(entries(whole.path, { fromTimeMs: Date.now() + 1e6 })).toEqual([]);
  });

  test("by key, in the log and in snapshots, and no more than the limit", () => {
    const found = records(whole.path, { keyPattern: "late:1?" });
    expect(found.filter(({ kind }) => kind === "entry")).toHaveLength(10);
    const values = records(whole.path, { keyPattern: "h[ab]sh" }).filter(({ kind }) => kind === "value");
    expect(values).toHaveLength(1);
    expect(entries(whole.path, { keyPattern: "late:*", limit: 7 })).toHaveLength(7);
  });

  test("as flags", async () => {
    const { sequence } = entries(whole.path).at(-1)!;
    const range = ["--from-seq", String(sequence - 1), "--to-time", new Date(Date.now() + 1000).toISOString()];
    const { stdout } = await hearthkv("inspect", whole.path, "--json", ...range, "--limit", "5");
    expect(stdout.match(/"kind":"entry"/g)).toHaveLength(2);
  });
});

test("one file, whatever it is called", () => {
  const [snapshot] = namesIn(whole.path, SNAPSHOTS);
  const kinds = new Set(records(join(whole.path, snapshot!)).map(({ kind }) => kind));
  expect(kinds).toEqual(new Set(["snapshot", "value"]));
  const [segment] = namesIn(whole.path, FINISHED);
  expect(records(join(whole.path, segment!)).at(0)).toMatchObject({ kind: "segment", file: segment });
});

test("damage is said where it is, and the entries behind it are shown", () => {
  const path = copyOf(whole);
  const name = namesIn(path, FINISHED).at(-1)!;
  flipByte(path, name, 100);
  const snapshot = namesIn(path, SNAPSHOTS).at(0)!;
  flipByte(path, snapshot, 500);
  const found = records(path);
  const damaged = found.filter((record) => record.kind === "damage");
  expect(damaged.map(({ file }) => file)).toEqual([snapshot, name]);
  expect(entries(path)).toHaveLength(entries(whole.path).length - 1);
});

test("its reader may go away early", async () => {
  const pipe = `${process.execPath} ${launcher} inspect ${whole.path} | head -n 1`;
  const { code, stdout, stderr } = await runProcess("sh", ["-c", pipe]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^# snapshot/);
});

describe("asked wrongly", () => {
  test("flags: exit code 2 and one line", async () => {
    const wrong: [string[], string][] = [
      [[whole.path, "--from-seq", "x"], '--from-seq must be a whole number of at least 0, not "x"'],
      [[whole.path, "--to-time", "soon"], "--to-time must be milliseconds since 1970 or a time such as"],
    ];
    for (const [args, message] of wrong) {
      const { code, stdout, stderr } = await hearthkv("inspect", ...args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
      expect(stderr).toMatch(/^hearthkv: [^\n]+\n$/);
      expect(stderr).toContain(message);
    }
  });

  test("files", () => {
    const snapshot = join(whole.path, namesIn(whole.path, SNAPSHOTS).at(0)!);
    expect(() => records(join(whole.path, "manifest.bson"))).toThrow("is neither a segment nor a snapshot");
    expect(() => records(snapshot, { fromSequence: 1 })).toThrow("its entries have neither sequences nor times");
    expect(() => records("/no/such/folder")).toThrow("/no/such/folder does not exist");
  });
});

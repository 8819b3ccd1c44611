import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type CutEnd, readAppendOnlyFile } from "../src/append-only-file.js";

const folder = mkdtempSync(join(tmpdir(), "hearthkv-aof-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content, "latin1");
  return file;
}

async function commands(file: string, cuts: CutEnd[] = []): Promise<string[][]> {
  const all: string[][] = [];
  for await (const part of readAppendOnlyFile(file, (cut) => cuts.push(cut))) {
    for await (const { args } of part.commands) all.push(args.map((arg) => arg.toString("latin1")));
  }
  return all;
}

const SET = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\xff\n\r\n";
const DEL = "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";
const EXEC = "*1\r\n$4\r\nexec\r\n";
const MULTI = "*1\r\n$5\r\nMulti\r\n";

test("commands come in their order, with every byte, those of a transaction at its end", async () => {
  const all = [
    ["SET", "k", "\xff\n"],
    ["DEL", "k"],
  ];
  expect(await commands(write("plain.aof", SET + DEL))).toEqual(all);
  expect(await commands(write("multi.aof", SET + MULTI + DEL + EXEC))).toEqual(all);
  expect(await commands(write("empty.aof", ""))).toEqual([]);
});

test("wherever the file is cut, what is whole comes, and the rest is told to the byte", async () => {
  const pieces = [`#TS:1\r\n${SET}`, DEL, MULTI + DEL + SET + EXEC, SET];
  const content = pieces.join("");
  const ends = pieces.map((_, i) => pieces.slice(0, i + 1).join("").length);
  const whole = [0, 1, 2, 4, 5];
  for (let bytes = 0; bytes <= content.length; bytes++) {
    const cuts: CutEnd[] = [];
    const found = await commands(write("cut.aof", content.slice(0, bytes)), cuts);
    const pieceCount = ends.filter((at) => at <= bytes).length;
    expect(found.length, `cut at ${bytes}`).toBe(whole[pieceCount]);
    const left = cuts.reduce((sum, cut) => sum + cut.bytes, 0);
    // An annotation is no data: whole ones are passed over.
    const start = bytes >= 7 && bytes < ends[0]! ? 7 : [0, ...ends][pieceCount]!;
    expect(left, `cut at ${bytes}`).toBe(bytes - start);
    if (left > 0) expect(cuts).toMatchObject([{ offset: start, bytes: left }]);
  }
});

test("an argument longer than a piece of the file that is read at once", async () => {
  const long = "x".repeat(40_000_000);
  const file = write("long.aof", `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${long.length}\r\n${long}\r\n${DEL}`);
  expect((await commands(file)).map((args) => args.map((arg) => arg.length))).toEqual([
    [3, 1, long.length],
    [3, 1],
  ]);
});

test("a manifest names the parts: base, then increments, without the history", async () => {
  write("a.1.base.aof", SET);
  write("a.1.incr.aof", DEL);
  const lines = ["file a.1.incr.aof seq 1 type i", "file a.1.base.aof seq 1 type b", "file gone.incr.aof seq 1 type h"];
  const manifest = write("a.manifest", `${lines.join("\n")}\n`);
  expect((await commands(manifest)).map(([name]) => name)).toEqual(["SET", "DEL"]);
});

test.each([
  [
    "a snapshot",
    "REDIS0010\xfa",
    "holds a snapshot of Redis (RDB), which cannot be read. CONFIG SET aof-use-rdb-preamble no",
  ],
  ["a reply", "+OK\r\n", 'offset 0: expected *, found "+"'],
  ["no argument", "*0\r\n", "offset 0: expected a number from 1 to 2147483647 after *"],
  ["an endless length", `*1\r\n$${"1".repeat(2000)}\r\n`, "offset 4: a line is longer than 1024 bytes"],
  ["a length of 512 MB and a byte", "*1\r\n$536870913\r\n", "offset 4: expected a number from 0 to 536870912 after $"],
  ["a negative length", "*1\r\n$-1\r\n", "offset 4: expected a number"],
  ["a request in a request, 100,000 deep", "*1\r\n".repeat(100_000), 'offset 4: expected $, found "*"'],
])("%s is refused with the file's name", async (_what, content, message) => {
  const file = write("bad.aof", content);
  await expect(commands(file)).rejects.toThrow(file);
  await expect(commands(file)).rejects.toThrow(message);
});

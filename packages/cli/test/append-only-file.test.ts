import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readAppendOnlyFile } from "../src/append-only-file.js";

const folder = mkdtempSync(join(tmpdir(), "hearthkv-aof-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content, "latin1");
  return file;
}

async function commands(file: string): Promise<string[][]> {
  const all: string[][] = [];
  for await (const command of readAppendOnlyFile(file)) all.push(command.map((part) => part.toString("latin1")));
  return all;
}

const SET = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\xff\n\r\n";
const DEL = "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";

test("commands come in their order, with every byte; an unfinished one at the end is left out", async () => {
  expect(await commands(write("plain.aof", SET + DEL))).toEqual([
    ["SET", "k", "\xff\n"],
    ["DEL", "k"],
  ]);
  expect(await commands(write("cut.aof", SET + DEL.slice(0, -3)))).toEqual([["SET", "k", "\xff\n"]]);
  expect(await commands(write("empty.aof", ""))).toEqual([]);
});

test("a manifest names the parts: base, then increments, without the history", async () => {
  write("a.1.base.aof", SET);
  write("a.0.incr.aof", "hello");
  write("a.1.incr.aof", DEL);
  const lines = ["file a.1.base.aof seq 1 type b", "file a.0.incr.aof seq 0 type h", "file a.1.incr.aof seq 1 type i"];
  const manifest = write("a.manifest", `${lines.join("\n")}\n`);
  expect((await commands(manifest)).map(([name]) => name)).toEqual(["SET", "DEL"]);
  await expect(commands(write("b.manifest", "what is this\n"))).rejects.toThrow("this line is none of a manifest");
});

test.each([
  [
    "a snapshot",
    "REDIS0010\xfa",
    "holds a snapshot of Redis (RDB), which cannot be read. CONFIG SET aof-use-rdb-preamble no",
  ],
  ["a reply", "+OK\r\n", "something else than a command"],
  ["an error", "-ERR no\r\n", "an error stands among the commands"],
  ["text", "hello\r\n", "Protocol error"],
])("%s is refused with the file's name", async (_what, content, message) => {
  const file = write("bad.aof", content);
  await expect(commands(file)).rejects.toThrow(file);
  await expect(commands(file)).rejects.toThrow(message);
});

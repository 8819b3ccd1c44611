import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readLockOwner } from "../src/lock.js";
import { recovered, temporaryDirectory } from "./support.js";

test("the README's example runs, and twice in a row", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const library = new URL("../dist/index.js", import.meta.url).href;
  const path = temporaryDirectory();
  const script = join(path, "example.mjs");
  writeFileSync(script, example.replace('"@hearthkv/durability"', JSON.stringify(library)));
  for (let run = 0; run < 2; run++) execFileSync(process.execPath, [script], { cwd: path });
  const words: string[] = [];
  const { result } = await recovered(join(path, "my-data"), {
    onEntry: (_op, _sequence, _time, bytes, off, len) =>
      words.push(Buffer.from(bytes.slice(off, off + len)).toString()),
  });
  expect(words).toEqual(["hello", "hello"]);
  expect(result).toMatchObject({ lastSequence: 2, nextSegmentNumber: 3 });
  expect(readLockOwner(join(path, "my-data"))).toBeNull();
});

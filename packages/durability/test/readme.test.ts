import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readLockOwner } from "../src/lock.js";
import { recovered, temporaryDirectory } from "./support.js";

test("the README's example runs, and twice in a row", async () => {
  const path = temporaryDirectory();
  for (let run = 0; run < 2; run++) runExample(0, path);
  const words: string[] = [];
  const { result } = await recovered(join(path, "my-data"), {
    onEntry: (_op, _sequence, _time, bytes, off, len) =>
      words.push(Buffer.from(bytes.slice(off, off + len)).toString()),
  });
  expect(words).toEqual(["hello", "hello"]);
  expect(result).toMatchObject({ lastSequence: 2, nextSegmentNumber: 3 });
  expect(readLockOwner(join(path, "my-data"))).toBeNull();
});

test("the faulty disk's example runs", () => {
  expect(runExample(1, temporaryDirectory())).toMatch(/^ENOSPC\n(true|false)\n$/);
});

/** Runs the `index`-th example in `path` and returns what it prints. */
function runExample(index: number, path: string): string {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const example = [...readme.matchAll(/```js\n([\s\S]*?)```/g)][index]?.[1] ?? "";
  const library = new URL("../dist/index.js", import.meta.url).href;
  const script = join(path, "example.mjs");
  writeFileSync(script, example.replace('"@hearthkv/durability"', JSON.stringify(library)));
  return execFileSync(process.execPath, [script], { cwd: path, encoding: "utf8" });
}

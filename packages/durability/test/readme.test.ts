import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readLockOwner } from "../src/lock-owner.js";
import { recovered, temporaryDirectory } from "./support.js";

/** What each example prints when it runs in an empty directory, and again after itself. */
const EXAMPLES: Readonly<Record<string, readonly [RegExp, RegExp]>> = {
  "A log": [/^1 apple\n2 pear\n3 plum\n3\n$/, /^1 apple\n2 pear\n3 plum\n4 apple\n5 pear\n6 plum\n6\n$/],
  Groups: [/^1 group a\n1 group b\n$/, /^1 group a\n1 group b\n2 group a\n2 group b\n$/],
  "Checkpoint and recovery": [/^0 0 0 \[\]\ntrue null 3\n$/, /^0 0 0 \[\]\ntrue null 6\n$/],
  "Records in one file": [/^ann\n0\n$/, /^ann\nann\n0\n$/],
  "The parts": [/^$/, /^$/],
  "A faulty disk for your tests": [/^ENOSPC\n(true|false)\n$/, /^ENOSPC\n(true|false)\n$/],
};

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const sections = new Map(
  readme.split(/^## /m).flatMap((section) => {
    const example = /```js\n([\s\S]*?)```/.exec(section)?.[1];
    return example === undefined ? [] : [[section.slice(0, section.indexOf("\n")), example] as const];
  }),
);

test("every example has its test", () => {
  expect([...sections.keys()]).toEqual(Object.keys(EXAMPLES));
  expect(readme.match(/^```\w/gm)).toHaveLength(sections.size);
});

test.each(Object.entries(EXAMPLES))("example: %s", (title, [first, second]) => {
  const path = temporaryDirectory();
  expect(runExample(title, path)).toMatch(first);
  expect(runExample(title, path)).toMatch(second);
  for (const name of readdirSync(path)) expect(readLockOwner(join(path, name))).toBeNull();
});

test("what the example of the parts wrote can be recovered", async () => {
  const path = temporaryDirectory();
  for (let run = 0; run < 2; run++) runExample("The parts", path);
  const words: string[] = [];
  const { result } = await recovered(join(path, "my-data"), {
    onEntry: (_op, _sequence, _time, bytes, off, len) =>
      words.push(Buffer.from(bytes.slice(off, off + len)).toString()),
  });
  expect(words).toEqual(["hello", "hello"]);
  expect(result).toMatchObject({ lastSequence: 2, nextSegmentNumber: 3 });
});

/** Runs the example of a section in `path` and returns what it prints. */
function runExample(title: string, path: string): string {
  const library = new URL("../dist/index.js", import.meta.url).href;
  const script = join(path, "example.mjs");
  writeFileSync(script, (sections.get(title) ?? "").replace('"@hearthkv/durability"', JSON.stringify(library)));
  try {
    return execFileSync(process.execPath, [script], { cwd: path, encoding: "utf8" });
  } finally {
    rmSync(script);
  }
}

/** What set-up makes of built modules: bin/bind-imports.js. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

// Without types: it is a script.
const script: unknown = await import(new URL("../bin/bind-imports.js", import.meta.url).href);
const { bindImports } = script as { bindImports(folder: string): void };

const folder = mkdtempSync(join(tmpdir(), "bind-imports-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The text of a module after it. */
function boundText(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  bindImports(folder);
  return readFileSync(join(folder, name), "utf8");
}

// Control, seen red: names behind `as` not taken apart.
test("imported names become constants, in their own lines, and once", () => {
  const text = [
    'import { readFileSync } from "node:fs";',
    'import { a, B as c, } from "./b.js";',
    'import * as all from "./b.js";',
    'export { d } from "./b.js";',
    "export const e = a(c, all, readFileSync);",
  ].join("\n");
  const made = [
    'import { readFileSync as $readFileSync } from "node:fs"; const readFileSync = $readFileSync;',
    'import { a as $a, B as $c } from "./b.js"; const a = $a, c = $c;',
    'import * as all from "./b.js";',
    'export { d } from "./b.js";',
    "export const e = a(c, all, readFileSync);",
  ].join("\n");
  mkdirSync(join(folder, "in"));
  expect(boundText("in/a.js", text)).toBe(made);
  expect(boundText("in/a.js", made)).toBe(made);
  expect(boundText("in/a.d.ts", text)).toBe(text);
});

test("what is built has them: a module of the hot path imports nothing that is not its constant", () => {
  const shard = readFileSync(new URL("../packages/engine/dist/shard.js", import.meta.url), "utf8");
  const imports = shard.split("\n").filter((line) => line.startsWith("import {"));
  expect(imports.length).toBeGreaterThan(2);
  for (const line of imports) expect(line).toMatch(/\$(\w+) \} from "[^"]+"; const .*\b\1 = \$\1;$/);
});

/** Holds the project to its house rules; a failure names file and line. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { projectRoot } from "./support/index.js";
import {
  allowedImports,
  blankCommentsAndStrings,
  checkAnywhere,
  checkCircles,
  checkSizes,
  checkSource,
  importsOf,
  type SourceFile,
} from "./tidy-rules.js";

const packageNames = readdirSync(join(projectRoot, "packages"));

/** Files that git knows or would add: what is built or installed is none of our business. */
function listFiles(...patterns: string[]): SourceFile[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...patterns];
  const paths = execFileSync("git", args, { cwd: projectRoot, encoding: "utf8" }).split("\n");
  return paths
    .filter((path) => path !== "" && existsSync(join(projectRoot, path)))
    .map((path) => ({ path, text: readFileSync(join(projectRoot, path), "utf8") }));
}

const sources = listFiles("packages/*/src/**.ts");

describe("the project", () => {
  test("sources keep the import directions, the banned words and the other rules", () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.flatMap(checkSource)).toEqual([]);
  });

  test("tests, scripts and benches have nothing unfinished", () => {
    const others = listFiles("packages/*/test/**.ts", "test/**.ts", "bench/**", "bin/**", ".ci/**");
    const rulesThemselves = /^test\/tidy/;
    expect(others.filter(({ path }) => !rulesThemselves.test(path)).flatMap(checkAnywhere)).toEqual([]);
  });

  test("modules import each other in no circle", () => {
    expect(checkCircles(sources)).toEqual([]);
  });

  test("files are of a readable size", () => {
    expect(checkSizes(sources)).toEqual([]);
  });

  test("every package has an index, a manifest that exports only it, a page, and a place in ARCHITECTURE.md", () => {
    const architecture = readFileSync(join(projectRoot, "ARCHITECTURE.md"), "utf8");
    for (const name of packageNames) {
      const folder = join(projectRoot, "packages", name);
      expect(Object.keys(allowedImports), `rules for ${name}`).toContain(name);
      expect(readFileSync(join(folder, "src/index.ts"), "utf8"), `${name}/src/index.ts`).toMatch(/^export /m);
      expect(existsSync(join(folder, "README.md")), `${name}/README.md`).toBe(true);
      expect(architecture, `ARCHITECTURE.md names ${name}`).toContain(`packages/${name}`);
      const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      expect(Object.keys(manifest.exports), `${name}/package.json exports`).toEqual(["."]);
      const dependsOn = Object.keys(manifest.dependencies).flatMap((key) => /^@hearthkv\/(.*)/.exec(key)?.[1] ?? []);
      expect(allowedImports[name], `${name}/package.json dependencies`).toEqual(expect.arrayContaining(dependsOn));
    }
  });
});

describe("each rule finds its bad sample", () => {
  const findings = (path: string, text: string) => checkSource({ path, text });

  test("engine and durability in one file of the server", () => {
    const text = 'import type { Keyspace } from "@hearthkv/engine";\nimport { recover } from "@hearthkv/durability";';
    expect(findings("packages/server/src/a.ts", text)).toEqual([
      "packages/server/src/a.ts:1: engine and durability meet only in persistence and tools",
    ]);
    for (const folder of ["persistence", "tools"])
      expect(findings(`packages/server/src/${folder}/a.ts`, text)).toEqual([]);
  });

  test.each([
    [
      "packages/engine/src/a.ts",
      '\nimport { x } from "@hearthkv/resp";',
      "packages/engine/src/a.ts:2: engine must not import resp",
    ],
    [
      "packages/resp/src/a.ts",
      'export * from "@hearthkv/engine";',
      "packages/resp/src/a.ts:1: resp must not import engine",
    ],
    [
      "packages/commands/src/a.ts",
      'type S = import("@hearthkv/server").S;',
      "packages/commands/src/a.ts:1: commands must not import server",
    ],
    [
      "packages/commands/src/table/a.ts",
      'import { x } from "../errors.js";\nimport { y } from "../lists/lists.js";',
      "packages/commands/src/table/a.ts:2: table must not import lists",
    ],
    [
      "packages/durability/src/a.ts",
      'await import("@hearthkv/commands")',
      "packages/durability/src/a.ts:1: durability must not import commands",
    ],
    ["packages/cli/src/a.ts", 'import "@hearthkv/engine";', "packages/cli/src/a.ts:1: cli must not import engine"],
    [
      "packages/server/src/a.ts",
      'import {\n  x,\n} from "@hearthkv/resp/dist/x.js";',
      "packages/server/src/a.ts:3: import the package's index, not /dist/x.js",
    ],
    [
      "packages/server/src/b/a.ts",
      'import "../../../resp/src/x.js";',
      "packages/server/src/b/a.ts:1: ../../../resp/src/x.js leads out of the package",
    ],
    [
      "packages/engine/src/a.ts",
      'import fs from "node:fs/promises";',
      "packages/engine/src/a.ts:1: engine must not import node:fs/promises",
    ],
    [
      "packages/commands/src/a.ts",
      'import net from "node:net";',
      "packages/commands/src/a.ts:1: commands must not import node:net",
    ],
    [
      "packages/engine/src/a.ts",
      "\n\nconst now = Date.now();",
      "packages/engine/src/a.ts:3: Date: the engine's clock is passed in",
    ],
    [
      "packages/engine/src/a.ts",
      "const x = `${Math.random()}`;",
      "packages/engine/src/a.ts:1: Math.random: the engine's random source is passed in",
    ],
    [
      "packages/engine/src/a.ts",
      "performance.now()",
      "packages/engine/src/a.ts:1: performance: the engine's clock is passed in",
    ],
    [
      "packages/commands/src/a.ts",
      "async function x() {}",
      "packages/commands/src/a.ts:1: async: a command runs to its end synchronously",
    ],
    [
      "packages/server/src/a.ts",
      "const x = y as any;",
      "packages/server/src/a.ts:1: any: `any` switches the type checker off",
    ],
    [
      "packages/server/src/a.ts",
      "// @ts-ignore because",
      "packages/server/src/a.ts:1: @ts-ignore: use @ts-expect-error with a reason",
    ],
    [
      "packages/server/src/a.ts",
      "// @ts-expect-error",
      "packages/server/src/a.ts:1: @ts-expect-error: @ts-expect-error needs a reason",
    ],
    [
      "packages/server/src/a.ts",
      "// TODO: all of it",
      "packages/server/src/a.ts:1: TODO: unfinished work belongs in an issue",
    ],
    ["packages/server/src/utils/a.ts", "", "packages/server/src/utils/a.ts:1: name it after what it is for"],
    ["packages/server/src/helper.ts", "", "packages/server/src/helper.ts:1: name it after what it is for"],
  ])("%s %j", (path, text, expected) => {
    expect(findings(path, text)).toEqual([expected]);
  });

  test("what is allowed is not flagged", () => {
    const text = [
      'import { a } from "./b.js";',
      'import type { Keyspace } from "@hearthkv/engine";',
      'import { performance } from "node:perf_hooks";',
      "// any of Date.now() and await, in a comment",
      "const text = 'any Date await' + `any ${text} await`;",
      "const pattern = /[\"'] any/;",
      "// @ts-expect-error the types of the library forget this overload",
    ].join("\n");
    expect(findings("packages/server/src/a.ts", text)).toEqual([]);
    expect(findings("packages/commands/src/commons.ts", text.replaceAll("performance", "x"))).toEqual([]);
  });

  test("sizes", () => {
    const sized = (lines: number, path = `packages/x/src/${lines}.ts`) => ({ path, text: "x\n".repeat(lines) });
    expect(checkSizes([sized(600), ...Array.from({ length: 9 }, () => sized(400))])).toEqual([]);
    expect(checkSizes([sized(601), ...Array.from({ length: 9 }, () => sized(1))])).toEqual([
      "packages/x/src/601.ts:601: longer than 600 lines: is it one thing?",
    ]);
    expect(checkSizes([sized(401)])[0]).toContain(
      "one file in ten is longer than 400 lines: packages/x/src/401.ts:401",
    );
  });

  test("circles", () => {
    const file = (name: string, ...lines: string[]) => ({ path: `packages/x/src/${name}.ts`, text: lines.join("\n") });
    const b = file("b", 'export { c } from "./in/c.js";');
    const c = file("in/c", "import {", "  type A,", "  a,", '} from "../a.js";');
    expect(checkCircles([file("a", 'import { b } from "./b.js";'), b, c])).toEqual([
      "packages/x/src/a.ts:1: imports itself: packages/x/src/a.ts -> packages/x/src/b.ts -> packages/x/src/in/c.ts -> packages/x/src/a.ts",
    ]);
    const types = file("a", 'import type { b } from "./b.js";', 'import { type B, type C } from "./b.js";');
    expect(checkCircles([types, b, c])).toEqual([]);
  });

  test("comments and strings are blanked, code and lines are kept", () => {
    const text = "a /* 'b'\n c */ = 'd//e', /f'g/ // h\ni";
    const kept = "a       \n      =       ,           \ni";
    expect(blankCommentsAndStrings(text)).toBe(kept);
    expect(importsOf('// from "a"\nexport { x } from "b";\nimport(\n"c")')).toEqual([
      { name: "b", line: 2 },
      { name: "c", line: 3 },
    ]);
  });
});

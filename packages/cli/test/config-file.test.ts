import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configProblem } from "@hearthkv/server";
import { afterAll, expect, test } from "vitest";
import { readConfigFile } from "../src/serve/config-file.js";

const folder = mkdtempSync(join(tmpdir(), "hearthkv-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function place(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function read(content: string | Buffer) {
  const path = place("f", content);
  const { values, config, problems } = readConfigFile(path, configProblem);
  return {
    values: Object.fromEntries([...values].map(([key, { text }]) => [key, text])),
    config,
    problems: problems.map((problem) => problem.replaceAll(path, "f")),
  };
}

test("JSON takes names in camelCase and as flags, and keeps numbers and switches", () => {
  const json =
    '\n{ "port": 7000, "dataDir": "/x y", "wal-max-bytes": "1mb", "enableDebugCommand": true, "timeout": 5 }';
  const { values, config, problems } = read(json);
  expect(values).toEqual({ port: "7000", dataDir: "/x y", walMaxBytes: "1mb", enableDebugCommand: "yes" });
  expect(config).toEqual([["timeout", "5"]]);
  expect(problems).toEqual([]);
});

test("Redis style takes comments, quotes, names of redis.conf and several addresses; the last line holds", () => {
  const lines =
    "# hello\r\n\r\nport 7000\r\nDIR \"/x y\"\nappendfsync always\nloglevel notice\nbind 127.0.0.1 -::1\nrequirepass ''\nport 7001\n";
  const { values, problems } = read(lines);
  expect(values).toEqual({
    port: "7001",
    dataDir: "/x y",
    ack: "always",
    logLevel: "notice",
    host: "127.0.0.1 -::1",
    requirepass: "",
  });
  expect(problems).toEqual([]);
});

// What redis-server 7.0.15 makes of the same lines (CONFIG GET requirepass; "Unbalanced quotes in configuration line").
test.each<[line: string, password: string | null]>([
  ["requirepass secret", "secret"],
  ['requirepass "a b"', "a b"],
  ["requirepass 'it\\'s'", "it's"],
  ['requirepass "a\\x41\\n"', "aA\n"],
  ['requirepass "caf\\xc3\\xa9"', "café"],
  ["requirepass a\\b", "a\\b"],
  ["requirepass filé", "filé"],
  ['requirepass abc"', null],
  ['requirepass "secret', null],
  ["requirepass 'secret", null],
  ['requirepass "a"b', null],
  ['requirepass "\\xff"', null],
])("%s", (line, password) => {
  const { values, problems } = read(line);
  expect(values.requirepass ?? null).toBe(password);
  expect(problems.length).toBe(password === null ? 1 : 0);
});

test("all problems are told, each with its line", () => {
  const lines = 'port\n\nport 1 2\nprot 1\nconstructor 1\nrequirepass "x\ntimeout x\nmaxmemory 1gb\ndaemonize yes\n';
  expect(read(lines).problems).toEqual([
    "f:1: port needs exactly one value",
    "f:3: port needs exactly one value",
    "f:4: prot: no such setting",
    "f:5: constructor: no such setting",
    "f:6: requirepass has quotes that do not match",
    "f:7: timeout: argument couldn't be parsed into an integer",
    "f:8: maxmemory: this version has no memory limit, only 0 is supported",
  ]);
  expect(
    read('{"port": [1], "prot": 1, "requirepass": 12345678901234567890, "snapshotOps": 12345678901234567890}').problems,
  ).toEqual([
    "f: port must be a string, a number, true or false",
    "f: prot: no such setting",
    "f: requirepass must be a string in quotes",
    "f: snapshotOps must be a string, a number, true or false",
  ]);
  expect(read("{port: 1}").problems[0]).toContain("f: not valid JSON");
  expect(read(Buffer.from("requirepass \xe9", "latin1")).problems).toEqual(["f: not UTF-8"]);
});

test("files include others, where they stand; one that is not there, or includes itself, is a problem with its place", () => {
  const more = place("more", "port 2\ntimeout 5\n");
  expect(read(`port 1\ninclude ${more}\n`)).toEqual({
    values: { port: "2" },
    config: [["timeout", "5"]],
    problems: [],
  });
  expect(read(`include ${more}\nport 1\n`).values).toEqual({ port: "1" });
  // As redis-server has it.
  for (const words of ["", ` ${more} ${more}`])
    expect(read(`include${words}`).problems).toEqual(["f:1: include needs the name of one file"]);
  expect(read("\ninclude /none/x").problems).toEqual([expect.stringContaining("f:2: include cannot be read: ENOENT")]);
  // In the order of their names; hidden ones and folders are none. None at all is no error, as for redis-server 7.0.15.
  const confD = join(folder, "conf.d");
  mkdirSync(join(confD, "c.conf"), { recursive: true });
  for (const [name, port] of Object.entries({ "b.conf": 12, "a.conf": 11, ".z.conf": 13, "a+.txt": 14 }))
    place(join("conf.d", name), `port ${port}\n`);
  for (const [pattern, port] of [
    ["*.conf", "12"],
    ["[ac].conf", "11"],
    ["[!a].conf", "12"],
    ["?.conf", "12"],
    [".*.conf", "13"],
    ["a+.*", "14"],
    ["\\a+.*", "14"],
    ["x*.conf", "1"],
    ["../*.d/a.conf", "11"],
    ["../none*/*.conf", "1"],
  ] as const) {
    expect(read(`port 1\ninclude ${confD}/${pattern}\n`), pattern).toEqual({
      values: { port },
      config: [],
      problems: [],
    });
  }
  expect(read(`include ${join(folder, "f")}`).problems).toEqual(["f:1: include is more than 16 files deep"]);
});

// Controls: each of the three problems with the line, or V8's message, in it.
test("what is wrong is named by file, line and name; a password is never shown", () => {
  const lines = Buffer.from(
    'port 1\nrequirepass "secret\nmasterauth sec\\x65t\nrequirepass a secret\n"requirepass secret\n',
    "latin1",
  );
  const problems = read(lines).problems;
  expect(problems).toEqual([
    "f:2: requirepass has quotes that do not match",
    "f:4: requirepass needs exactly one value",
    "f:5: a line has quotes that do not match",
  ]);
  expect(read('requirepass "\\xffsecret"\n').problems).toEqual(["f:1: requirepass is not UTF-8"]);
  for (const json of [
    '{"requirepass": secret}',
    '{"requirepass": "secret}',
    '{"requirepass": "secret" x}',
    '{"a":secret',
  ]) {
    expect(read(json).problems).toEqual([expect.stringMatching(/^f: not valid JSON: \w/)]);
    expect(read(json).problems.join()).not.toMatch(/sec|ret/);
  }
  expect(read("appendfsync sometimes").values).toEqual({ ack: "sometimes" });
});

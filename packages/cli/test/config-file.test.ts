import { expect, test } from "vitest";
import { parseConfigFile } from "../src/serve/config-file.js";

function values(content: string): Record<string, string> {
  return Object.fromEntries([...parseConfigFile(content, "f")].map(([key, { text }]) => [key, text]));
}

test("JSON takes names in camelCase and as flags, and keeps numbers and switches", () => {
  const json = '\n{ "port": 7000, "dataDir": "/x y", "wal-max-bytes": "1mb", "enableDebugCommand": true }';
  expect(values(json)).toEqual({ port: "7000", dataDir: "/x y", walMaxBytes: "1mb", enableDebugCommand: "true" });
});

test("Redis style takes comments, quotes, names of redis.conf and several addresses", () => {
  const lines =
    "# hello\r\n\r\nport 7000\r\nDIR \"/x y\"\nappendfsync always\nloglevel notice\nbind 127.0.0.1 -::1\nrequirepass ''\n";
  expect(values(lines)).toEqual({
    port: "7000",
    dataDir: "/x y",
    ack: "always",
    logLevel: "notice",
    host: "127.0.0.1 -::1",
    requirepass: "",
  });
});

test.each([
  ["port", "f:1: port needs exactly one value"],
  ["\nport 1 2", "f:2: port needs exactly one value"],
  ["prot 1", "f:1: prot: no such setting"],
  ["constructor 1", "f:1: constructor: no such setting"],
  ["port 1\nport 2", "f:2: port: set twice"],
  ["dir a\ndata-dir b", "f:2: data-dir: set twice"],
  ['{"port": [1]}', "f: port must be a string, a number, true or false"],
  ['{"prot": 1}', "f: prot: no such setting"],
  ["{port: 1}", "f: not valid JSON"],
])("%j is refused with its place", (content, message) => {
  expect(() => parseConfigFile(content, "f")).toThrow(message);
});

/** `hearthkv import` of append-only files beside a start of redis-server on the same files: nothing that it keeps is lost, and nothing silently. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { startOwn } from "../recovery/in-process.js";
import { type RespClient, requirePeer, startRedis, temporaryFolder } from "../support/index.js";
import { hearthkv } from "./directories.js";

function command(...args: (string | number)[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${String(arg).length}\r\n${arg}\r\n`).join("")}`;
}

const select = command("SELECT", 0);
const setA = command("SET", "a", 1);
const setB = command("SET", "b", 2);
const begin = command("MULTI");
const end = command("EXEC");
const both = "file a.aof seq 1 type b\nfile b.aof seq 1 type i\n";
/** A second long past. */
const past = 1000;

interface Case {
  readonly base?: string;
  readonly increment?: string;
  readonly manifest?: string;
  readonly names?: readonly [string, string];
  /** What import says: a part of its one line on stderr. Absent: it takes all, silently. */
  readonly says?: string | RegExp;
  /** It takes what is whole all the same, with exit code 0. */
  readonly takesRest?: boolean;
  /** redis-server starts where import refuses, because we would rather be asked than lose something. */
  readonly redisTakes?: boolean;
}

const cases: Record<string, Case> = {
  "relative times count from now": {
    increment:
      select +
      command("SETEX", "a", 100, "v") +
      command("PSETEX", "b", 100_000, "v") +
      command("SET", "c", "v", "EX", 100) +
      command("SET", "d", "v", "PX", 100_000) +
      ["e", "f", "g"].map((key) => command("SET", key, "v")).join("") +
      command("EXPIRE", "e", 100) +
      command("PEXPIRE", "f", 100_000) +
      command("GETEX", "g", "EX", 100),
  },
  "nothing expires meanwhile": {
    increment:
      select +
      // A key that the next command has changed before its time came; one that got a new time; one that lives for ever.
      command("SET", "a", 1, "PXAT", past) +
      command("INCR", "a") +
      command("PERSIST", "a") +
      command("SET", "b", "v", "PXAT", past) +
      command("EXPIRE", "b", 100, "GT") +
      command("SET", "c", "v") +
      command("EXPIRE", "c", -1) +
      command("PERSIST", "c") +
      command("SET", "d", "v") +
      command("EXPIREAT", "d", 1) +
      command("SET", "e", "v", "EX", 100) +
      command("EXPIRE", "e", 10, "GT") +
      command("EXPIRE", "e", 1000, "LT"),
  },
  "annotations are no data": {
    base: `#TS:1600000000\r\n${select}${setA}#TS:1600000001\r\n`,
    increment: `#anything else\r\n${select}${begin}#TS:1600000002\r\n${command("SETEX", "b", 100, "v")}${end}`,
  },
  "line ends after * and $ may be LF": { base: "*3\n$3\nSET\r\n$1\na\r\n$1\n1\r\n" },
  "each file begins in database 0": { base: command("SELECT", 5) + setA, increment: setB },
  "a manifest in another order, with words that are not known": {
    base: setA,
    increment: command("APPEND", "a", 2),
    manifest:
      "# made by hand\nTYPE i SEQ 1 FILE b.aof later yes\n  file a.aof seq 1 type b\r\nfile gone.aof seq 1 type h\n",
  },
  "a name in quotes": {
    base: setA,
    increment: setB,
    names: ["my a.aof", 'ключ"b.aof'],
    manifest: 'file "my a.aof" seq 1 type b\nfile "\\xd0\\xba\\xd0\\xbb\\xd1\\x8e\\xd1\\x87\\"b.aof" seq 1 type i\n',
  },
  "the last file ends inside a command": {
    base: setA,
    increment: select + setB + setA.slice(0, -3),
    says: /b\.aof ends inside a command: its last 24 bytes, from offset 50 on, are left out/,
    takesRest: true,
  },
  "the last file ends inside a length": {
    increment: `${setA}*3\r\n$1`,
    says: /its last 6 bytes, from offset 27 on/,
    takesRest: true,
  },
  "the last file ends inside a transaction": {
    base: setA,
    increment: begin + setB,
    says: /b\.aof ends inside a transaction: its last 42 bytes, from offset 0 on/,
    takesRest: true,
  },
  "a file in the middle ends inside a command": {
    base: setA.slice(0, -1),
    increment: setB,
    says: /a\.aof ends inside a command .*offset 0/,
  },
  "a file in the middle ends inside a transaction": {
    base: begin + setA,
    increment: end,
    says: /a\.aof ends inside a transaction/,
  },
  "LF for CRLF": { base: setA.replaceAll("\r\n", "\n"), says: /a\.aof, offset 9: an argument does not end with/ },
  "zeros at the end": { increment: setA + "\0".repeat(100), says: /b\.aof, offset 27: expected \*/ },
  "a blank line between commands": { base: `${setA}\r\n${setB}`, says: /offset 27: expected \*/ },
  "no file of commands": { base: "hello\r\n", says: /a\.aof, offset 0: expected \*/ },
  "an endless annotation": { base: `#${"x".repeat(3000)}\r\n`, says: /offset 0: a line is longer than 1024 bytes/ },
  "an empty manifest": { manifest: "", says: /manifest names no file/ },
  "a manifest of comments": { manifest: "# nothing\n", says: /manifest names no file/, redisTakes: true },
  "a blank line in the manifest": { manifest: both.replace("\n", "\n\n"), says: /manifest, line 2: is none/ },
  "a manifest without its last line end": {
    manifest: both.slice(0, -1),
    says: /manifest, line 2: the file ends inside/,
  },
  "a path in the manifest": { manifest: "file ../../etc/passwd seq 1 type b\n", says: /line 1: names a path/ },
  "a sequence of 0": { manifest: "file a.aof seq 0 type b\n", says: /line 1: is none/ },
  "two bases": { manifest: "file a.aof seq 1 type b\nfile b.aof seq 2 type b\n", says: /line 2: names a second base/ },
  "increments out of order": {
    manifest: "file a.aof seq 2 type i\nfile b.aof seq 1 type i\n",
    says: /line 2: increment 1 follows 2/,
  },
  "an open quote": { manifest: 'file "a.aof seq 1 type b\n', says: /line 1: is none/ },
  "a file that is not there": { manifest: "file c.aof seq 1 type b\n", says: /ENOENT.*c\.aof/ },
  "an unknown command": {
    base: command("NOPE", 1),
    says: /a\.aof, offset 0: NOPE cannot be replayed: ERR unknown command/,
  },
  "a command that fails": {
    base: setA + command("LPUSH", "a", 1),
    says: /offset 27: LPUSH cannot be replayed: WRONGTYPE/,
    redisTakes: true,
  },
  "EXEC without MULTI": { base: setA + end, says: /offset 27: exec is out of place/, redisTakes: true },
  "MULTI inside MULTI": {
    base: begin + setA + begin + end,
    says: /offset 42: multi is out of place/,
    redisTakes: true,
  },
};

test.for(Object.entries(cases))("%s", async ([, { base = "", increment = "", manifest = both, ...one }], context) => {
  const folder = join(temporaryFolder("aof"), "appendonlydir");
  mkdirSync(folder);
  const [first, second] = one.names ?? ["a.aof", "b.aof"];
  writeFileSync(join(folder, first), base, "latin1");
  writeFileSync(join(folder, second), increment, "latin1");
  const file = join(folder, "appendonly.aof.manifest");
  writeFileSync(file, manifest);

  const target = join(temporaryFolder("import"), "new", "data");
  const { code, stderr } = await hearthkv("import", file, target);
  if (one.says === undefined) expect(stderr).toBe("");
  else expect(stderr).toMatch(/^hearthkv: [^\n]+\n$/);
  expect(stderr).toMatch(one.says ?? "");
  const taken = one.says === undefined || one.takesRest === true;
  expect(code).toBe(taken ? 0 : 1);
  // Whole or not at all: neither the folder, nor the one above it, nor the one beside it.
  expect(readdirSync(dirname(dirname(target)))).toEqual(taken ? ["new"] : []);

  requirePeer(context, "redis-server");
  const redis = await startRedis([], dirname(folder)).catch(() => null);
  expect(redis !== null).toBe(taken || one.redisTakes === true);
  if (redis === null || !taken) return;
  const own = await startOwn(target);
  expect(await contentOf(own.client)).toEqual(await contentOf(await redis.connect()));
  await own.close();
  await redis.stop();
});

/** Every string, and about how long it lives. */
async function contentOf(client: RespClient): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (let db = 0; db < 16; db++) {
    await client.ok("SELECT", db);
    for (const key of (await client.ok("KEYS", "*")) as string[]) {
      const ttl = Number(await client.ok("TTL", key));
      const lives = ttl < 0 ? "for ever" : `up to ${10 ** Math.ceil(Math.log10(ttl))} s`;
      content[`${db} ${key}`] = `${await client.ok("GET", key)} ${lives}`;
    }
  }
  return content;
}

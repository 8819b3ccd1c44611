/** `hearthkv export` and `import`: there and back in every form, and to redis-server and back. */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { exportDirectory, importCommands, importDump } from "@hearthkv/server";
import { beforeAll, describe, expect, test } from "vitest";
import { startOwn } from "../recovery/in-process.js";
import { requirePeer, startRedis, temporaryFolder, waitUntil } from "../support/index.js";
import {
  binary,
  contentOf,
  digestOfServer,
  hearthkv,
  type MadeDirectory,
  makeDirectory,
  namesIn,
} from "./directories.js";

let whole: MadeDirectory;

beforeAll(async () => {
  whole = await makeDirectory(async ({ client }) => {
    await client.ok("LOCK", "lock", "owner", 100_000_000);
    await client.ok("RPUSH", "long", ...Array.from({ length: 2500 }, (_, i) => i));
    await client.ok("SET", "big", "b".repeat(5_000_000), "PX", 100_000_000);
    await client.ok("SET", "empty", "");
    await client.ok("SET", "gone", "soon", "PX", 1);
  });
  // The expired key may be deleted, or be there still: an export leaves it out.
  const own = await startOwn(whole.path);
  await own.client.ok("GET", "gone");
  whole = { path: whole.path, digest: own.server.digest() };
  await own.close();
});

function newPath(name: string): string {
  return join(temporaryFolder("export"), name);
}

/** Imports a file and gives the digest that the command line tells, after a server has found the same. */
async function importedDigest(file: string, ...flags: string[]): Promise<string> {
  const target = newPath("data");
  const { code, stdout, stderr } = await hearthkv("import", file, target, ...flags);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const digest = /^digest: (\w+)$/m.exec(stdout)?.[1] ?? "";
  expect(await digestOfServer(target)).toBe(digest);
  expect(namesIn(target, /^LOCK/)).toEqual([]);
  return digest;
}

describe.each(["jsonl", "bson", "aof"] as const)("%s", (format) => {
  test("there and back gives the same data; the directory is only read", async () => {
    const before = contentOf(whole.path);
    const file = newPath(`dump.${format}`);
    const { code, stdout, stderr } = await hearthkv("export", whole.path, file, "--format", format);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toMatch(/^\d+ keys, up to sequence \d+\n$/);
    expect(contentOf(whole.path)).toEqual(before);
    expect(await importedDigest(file)).toBe(whole.digest);
  });
});

test("JSON lines are plain: standard output, a header, one key a line", async () => {
  const { code, stdout } = await hearthkv("export", whole.path);
  expect(code).toBe(0);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines[0]).toEqual({ format: "hearthkv-export", version: 1, lastFence: expect.any(Number) });
  expect(lines[0].lastFence).toBeGreaterThan(0);
  const base64 = binary.toString("base64");
  expect(lines).toContainEqual({ db: 3, key: { base64 }, type: "string", value: { base64 } });
  expect(lines).toContainEqual({ db: 0, key: "list", type: "list", value: ["b", "c", "a"] });
  const scores = [
    ["low", "-inf"],
    ["one", 1.5],
    ["high", 1e300],
  ];
  expect(lines).toContainEqual({ db: 0, key: "zset", type: "zset", value: scores });
  expect(lines.filter(({ key }) => key === "long").map(({ continues }) => continues)).toEqual([undefined, true, true]);
  expect(lines.some(({ key }) => key === "gone")).toBe(false);
});

test.each(["jsonl", "bson"] as const)("%s: the fencing token goes on where it was", async (format) => {
  const file = newPath(`dump.${format}`);
  const original = await exported(whole.path, format);
  writeFileSync(file, original);
  const target = newPath("data");
  await importDump(file, target, format);
  const copy = await exported(target, format);
  const headerBytes = format === "jsonl" ? copy.indexOf("\n") : copy.readUInt32LE(0);
  expect(copy.subarray(0, headerBytes)).toEqual(original.subarray(0, headerBytes));
  expect(copy.length).toBe(original.length);
});

async function exported(path: string, format: "jsonl" | "bson"): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await exportDirectory(path, format, (chunk) => chunks.push(chunk));
  return Buffer.concat(chunks);
}

describe("Redis", () => {
  const plain = ["--aof-use-rdb-preamble", "no"];

  test("redis-server loads what is exported, and what it writes then comes back the same", async (context) => {
    requirePeer(context, "redis-server");
    const folder = temporaryFolder("redis");
    await exportToFile(join(folder, "appendonly.aof"));
    const redis = await startRedis(["--dir", folder, ...plain]);
    const client = await redis.connect();
    expect(await client.ok("GET", "early:7")).toBe("x".repeat(100));
    expect(await client.ok("LRANGE", "list", 0, -1)).toEqual(["b", "c", "a"]);
    expect(await client.ok("PTTL", "big")).toBeGreaterThan(0);
    await client.ok("BGREWRITEAOF");
    await expect
      .poll(async () => String(await client.ok("INFO", "persistence")))
      .toContain("aof_rewrite_in_progress:0");
    await waitUntil("the end of the rewrite", async () => {
      const text = String(await client.ok("INFO", "persistence"));
      return text.includes("aof_rewrite_in_progress:0") && text.includes("aof_rewrite_scheduled:0");
    });
    await redis.stop();
    expect(await importedDigest(join(folder, "appendonlydir", "appendonly.aof.manifest"))).toBe(whole.digest);
  });

  test("what redis-server logged of commands of all kinds is read: data, times, transactions", async (context) => {
    requirePeer(context, "redis-server");
    const folder = temporaryFolder("redis");
    const redis = await startRedis(["--dir", folder, ...plain]);
    const mirror = await startOwn(newPath("mirror"));
    for (const client of [await redis.connect(), mirror.client]) {
      await client.ok("SET", "a", 1, "EX", 100_000);
      await client.ok("INCRBYFLOAT", "float", "1.5");
      await client.ok("SET", "short", "lived", "PX", 1);
      await client.ok("APPEND", "text", "abc");
      await client.ok("SETRANGE", "text", 5, "x");
      await client.ok("SADD", "set", "only");
      await client.ok("SPOP", "set");
      await client.ok("ZADD", "zset", 1, "a", 2, "b");
      await client.ok("ZINCRBY", "zset", "0.1", "a");
      await client.ok("HSET", "hash", "f", "v");
      await client.ok("LPUSH", "list", "a", "b", "c");
      await client.ok("SELECT", 5);
      await client.ok("MULTI");
      await client.ok("SET", binary, binary);
      await client.ok("RENAME", binary, "renamed");
      await client.ok("EXEC");
      await client.ok("SELECT", 0);
      await new Promise((resolve) => setTimeout(resolve, 10));
      await client.ok("GET", "short");
      await client.ok("PEXPIREAT", "a", 4_000_000_000_000);
    }
    const expected = mirror.server.digest();
    await mirror.close();
    await redis.stop();
    const manifest = join(folder, "appendonlydir", "appendonly.aof.manifest");
    expect(await importedDigest(manifest)).toBe(expected);

    const [increment] = namesIn(join(folder, "appendonlydir"), /incr\.aof$/);
    const cut = newPath("cut.aof");
    writeFileSync(cut, readFileSync(join(folder, "appendonlydir", increment!)).subarray(0, -5));
    const { code, stdout, stderr } = await hearthkv("import", cut, newPath("data"));
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/ends inside a command: its last \d+ bytes/),
    });
    expect(stdout).not.toContain(expected);
  });

  async function exportToFile(file: string): Promise<void> {
    const exported = newPath("dump.aof");
    expect((await hearthkv("export", whole.path, exported, "--format", "aof")).code).toBe(0);
    copyFileSync(exported, file);
  }
});

describe("what cannot be read is named, and no directory is left that a server would start on", () => {
  const header = '{"format":"hearthkv-export","version":1,"lastFence":0}\n';
  test.each<[string, string, string]>([
    ["a.jsonl", "", "is empty"],
    ["b.jsonl", '{"db":0}\n', 'line 1: does not begin with the format "hearthkv-export"'],
    ["c.jsonl", `${header}{"db":0,\n`, "line 2: "],
    ["d.jsonl", `${header}{"db":0,"key":"k","type":"zset","value":[["m","x"]]}\n`, "line 2: a score must be a number"],
    ["e.jsonl", `${header}{"db":99,"key":"k","type":"string","value":"v"}\n`, "there is no database 99"],
    ["f.jsonl", header.replace("1", "9"), "line 1: written by a newer version (format 9)"],
    ["g.bson", "\u0020\0\0\0", "offset 0: the file ends inside a document"],
  ])("%s", async (name, content, message) => {
    const file = newPath(name);
    writeFileSync(file, content, "latin1");
    const target = join(dirname(file), "data");
    await expect(importDump(file, target, name.endsWith("bson") ? "bson" : "jsonl")).rejects.toThrow(message);
    expect(readdirSync(dirname(target))).toEqual([name]);
  });

  test.each([
    [["GET", "k"], "x.aof, offset 7: GET cannot be replayed: it changes no data"],
    [["NOPE"], "x.aof, offset 7: NOPE cannot be replayed: ERR unknown command"],
    [["SET", "k"], "x.aof, offset 7: SET cannot be replayed: wrong number of arguments"],
    [["LPUSH", "string", "x"], "x.aof, offset 7: LPUSH cannot be replayed: WRONGTYPE"],
  ])("command %j", async (command, message) => {
    const target = newPath("data");
    async function* commands() {
      for (const [i, one] of [["SET", "string", "x"], command].entries()) {
        yield { offset: 7 * i, args: one.map((word) => Buffer.from(word)) };
      }
    }
    async function* files() {
      yield { file: "x.aof", commands: commands() };
    }
    await expect(importCommands(target, files())).rejects.toThrow(message);
    expect(existsSync(target)).toBe(false);
  });

  test("on the command line: one line, exit code 1", async () => {
    const file = newPath("bad.aof");
    writeFileSync(file, "hello\r\n");
    const { code, stdout, stderr } = await hearthkv("import", file, newPath("data"));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^hearthkv: [^\n]*bad\.aof, offset 0: expected[^\n]*\n$/);
  });

  test("asked wrongly: exit code 2", async () => {
    const existing = newPath("dump.jsonl");
    writeFileSync(existing, "mine");
    const wrong = [
      ["export", whole.path, existing],
      ["export", "/no/such/folder", newPath("dump")],
      ["import", existing, whole.path],
      ["import", "/dump", newPath("data")],
    ];
    for (const args of wrong) expect({ args, code: (await hearthkv(...args)).code }).toEqual({ args, code: 2 });
    expect(readFileSync(existing, "utf8")).toBe("mine");
    expect(existsSync(wrong[1]![2]!)).toBe(false);
  });
});

/**
 * Data directories that earlier versions of the server wrote load for ever: a server started on a copy gives every key as it was.
 * `test/fixtures/vN` is of format version N, `vN.json` what it holds. None is ever written again; a new format version adds one, with
 * HEARTHKV_WRITE_FIXTURES=1.
 */
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Arg, projectRoot, type Reply, temporaryFolder } from "../support/index.js";
import { type OwnServer, startOwn } from "./in-process.js";

const FIXTURES = join(projectRoot, "test/fixtures");
const NEWEST = "v3";
const YEAR_3000 = 32_503_680_000_000;
const DATABASES = [0, 1, 15];
const LONGEST = 10_000;

interface Key {
  readonly type: Reply;
  readonly expiresAtMs: Reply;
  readonly value: Reply;
}

type Contents = Record<string, Record<string, Key>>;

const READ: Readonly<Record<string, (key: string) => Arg[]>> = {
  string: (key) => ["GET", key],
  hash: (key) => ["HGETALL", key],
  list: (key) => ["LRANGE", key, 0, -1],
  set: (key) => ["SMEMBERS", key],
  zset: (key) => ["ZRANGE", key, 0, -1, "WITHSCORES"],
};

/** Every key of every database; what has no order is sorted. */
async function contentsOf({ client }: OwnServer): Promise<Contents> {
  const contents: Contents = {};
  for (let db = 0; db < 16; db++) {
    await client.ok("SELECT", db);
    const keys = ((await client.ok("KEYS", "*")) as string[]).sort();
    for (const key of keys) {
      const type = String(await client.ok("TYPE", key));
      const value = shortened(await client.ok(...READ[type]!(key)));
      contents[db] ??= {};
      contents[db][key] = {
        type,
        expiresAtMs: await client.ok("PEXPIRETIME", key),
        value: type === "set" ? (value as string[]).sort() : type === "hash" ? sortedPairs(value as string[]) : value,
      };
    }
  }
  return contents;
}

/** A long string is told by its length and its digest: the files here would be as long. */
function shortened(value: Reply): Reply {
  if (typeof value !== "string" || value.length <= LONGEST) return value;
  return `${value.length} bytes, SHA-256 ${createHash("sha256").update(value, "latin1").digest("hex")}`;
}

function sortedPairs(flat: readonly string[]): string[][] {
  return flat.flatMap((field, i) => (i % 2 === 0 ? [[field, flat[i + 1]!]] : [])).sort();
}

/** All types in several forms, in several databases, with and without an end; a snapshot, and a log with more. */
async function writeFixture(path: string): Promise<Contents> {
  rmSync(path, { recursive: true, force: true });
  const own = await startOwn(path, { walMaxBytes: 4096 });
  const all = async (...requests: Arg[][]) => {
    for (const request of requests) await own.client.ok(...request);
  };
  for (const [round, half] of ["snapshot", "log"].entries()) {
    for (const db of DATABASES) {
      const name = (what: string) => `${half}:${what}:${db}`;
      // Large ones have a form of their own in memory, and their own entries in a snapshot.
      const many = Array.from({ length: db === 0 ? 150 : 4 }, (_, i) => `element ${i}`);
      await all(
        ["SELECT", db],
        ["SET", name("text"), `a text of ${half}`],
        ["SET", name("number"), 41],
        ["INCR", name("number")],
        ["SET", name("bytes"), Uint8Array.from({ length: 256 }, (_, i) => i)],
        ["SET", name("empty"), ""],
        ["SET", name("long"), "x".repeat(3000)],
        ["SET", name("ends"), "in the year 3000", "PXAT", YEAR_3000],
        ["SET", name("ended"), "long ago", "PX", 60],
        ["HSET", name("hash"), "field", "value", "", "empty field"],
        ["HSET", name("large hash"), ...many],
        ["RPUSH", name("list"), "b", "c"],
        ["LPUSH", name("list"), "a"],
        ["RPUSH", name("large list"), ...many],
        ["SADD", name("set"), "a", "b", "1"],
        ["SADD", name("large set"), ...many],
        ["ZADD", name("zset"), "-inf", "low", 1.5, "middle", "inf", "high"],
        ["PEXPIREAT", name("zset"), YEAR_3000 + round],
        ["ZADD", name("large zset"), ...many.flatMap((element, i) => [i / 7, element])],
        ["LOCK", name("lock"), "owner", YEAR_3000],
        ["SET", name("deleted"), "x"],
        ["DEL", name("deleted")],
        ["MULTI"],
        ["SET", name("in a transaction"), "1"],
        ["APPEND", name("in a transaction"), "2"],
        ["EXEC"],
      );
    }
    // A pause: the log proves what is synced.
    await new Promise((resolve) => setTimeout(resolve, 600));
    if (half === "snapshot") await all(["SWAPDB", 0, 15], ["SAVE"]);
    else
      await all(
        ["SELECT", 1],
        ["DEL", "snapshot:text:1"],
        ["RENAME", "snapshot:large hash:1", "renamed hash"],
        ["RENAME", "snapshot:ends:1", "log:ends:1"],
        ["COPY", "snapshot:large zset:1", "copied zset", "DB", 15],
        ["MULTI"],
        ["RPUSH", "snapshot:large list:1", "last"],
        ["RENAME", "snapshot:large list:1", "renamed list"],
        ["COPY", "renamed list", "copied list"],
        ["EXEC"],
        ["RPOP", "snapshot:list:1"],
        ["SETBIT", "snapshot:text:0", 5, 0],
        ["SELECT", 0],
        ["SETBIT", "long bits", 8 * 262_145, 1],
        ["BITOP", "NOT", "not those", "long bits"],
        ["SETRANGE", "long bits", 262_000, "changed since"],
        ["PFADD", "sparse counter", "a", "b", "c"],
        ["PFADD", "sparse counter", "d"],
        ["PFCOUNT", "sparse counter"],
        ["PFMERGE", "dense counter", "sparse counter"],
        ["PFDEBUG", "TODENSE", "dense counter"],
        ["PFADD", "dense counter", "e", "f"],
        ["SELECT", 1],
        ["HSET", "snapshot:hash:1", "field", "new"],
        ["MOVE", "snapshot:set:1", 0],
        ["MULTI"],
        ["MOVE", "snapshot:large set:1", 15],
        ["SWAPDB", 0, 1],
        ["SET", "behind the swap", 1],
        ["EXEC"],
      );
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  const contents = await contentsOf(own);
  await own.close();
  for (const name of readdirSync(path).filter((entry) => entry.startsWith("LOCK"))) rmSync(join(path, name));
  return contents;
}

if (process.env.HEARTHKV_WRITE_FIXTURES === "1") {
  test("writes the fixture of the present version", async () => {
    const contents = await writeFixture(join(FIXTURES, NEWEST));
    writeFileSync(join(FIXTURES, `${NEWEST}.json`), `${JSON.stringify(contents)}\n`);
  });
}

/** Control: a byte changed in v1.json, or a segment left out of the copy, turns it red. */
test.each(["v1", "v2", NEWEST])("%s: every key is as it was", async (version) => {
  const dataDir = join(temporaryFolder("fixture"), "copy");
  cpSync(join(FIXTURES, version), dataDir, { recursive: true });
  const expected = JSON.parse(readFileSync(join(FIXTURES, `${version}.json`), "utf8")) as Contents;
  expect(Object.keys(expected)).toEqual(DATABASES.map(String));
  expect(Object.values(expected).flatMap((keys) => Object.values(keys).map(({ type }) => type))).toEqual(
    expect.arrayContaining(["string", "hash", "list", "set", "zset"]),
  );
  for (let start = 0; start < 2; start++) {
    const own = await startOwn(dataDir);
    const contents = await contentsOf(own);
    for (const [db, keys] of Object.entries(expected)) {
      expect(Object.keys(contents[db] ?? {})).toEqual(Object.keys(keys));
      for (const [key, value] of Object.entries(keys)) expect(contents[db]?.[key], `${key} in ${db}`).toEqual(value);
    }
    // The second start is from a snapshot of today.
    await own.close({ snapshot: true });
  }
});

/** What stands in the log: the operation types that are fixed for ever, and one entry for each command or transaction. */
import { fileNames, readSegment, realDisk } from "@hearthkv/durability";
import { describe, expect, test } from "vitest";
import { type Arg, temporaryFolder } from "../support/index.js";
import { type OwnServer, startOwn } from "./in-process.js";

/** By the log's contract. */
const SET = 1;
const DELETE = 2;
const INCR = 3;
const DECR = 4;
const MSET = 5;
const MDEL = 6;
const SETNX = 7;
const LOCK = 8;
const UNLOCK = 9;
const EXTEND_LOCK = 10;
const RENAME = 17;
/** Ours. */
const BATCH = 11;

interface Entry {
  readonly op: number;
  readonly sequence: number;
  readonly timestampMs: number;
  readonly payload: string;
}

/** Every entry of a directory, oldest first. */
function readLog(dataDir: string): Entry[] {
  const dir = realDisk(dataDir);
  const entries: Entry[] = [];
  for (const name of fileNames.segmentNames(dir.list())) {
    const scan = readSegment(dir, name, (op, sequence, timestampMs, bytes, off, len) => {
      const payload = Buffer.from(bytes.subarray(off, off + len)).toString("latin1");
      entries.push({ op, sequence, timestampMs, payload });
    });
    expect(scan).toMatchObject({ hole: null, missing: 0 });
  }
  return entries;
}

async function logged(own: OwnServer, dataDir: string, ...requests: Arg[][]): Promise<Entry[]> {
  const before = readLog(dataDir).length;
  for (const request of requests) await own.client.ok(...request);
  return readLog(dataDir).slice(before);
}

describe("a server's log", () => {
  const cases: [prepare: Arg[][], command: Arg[], op: number][] = [
    [[], ["SET", "k", "v"], SET],
    [[["SET", "k", "v"]], ["DEL", "k"], DELETE],
    [[], ["INCR", "k"], INCR],
    [[["SET", "k", 7]], ["INCRBY", "k", 5], INCR],
    [[], ["DECR", "k"], DECR],
    [[["SET", "k", 7]], ["DECRBY", "k", 5], DECR],
    [[], ["MSET", "k", "v", "k2", "v2"], MSET],
    [
      [
        ["SET", "k", "v"],
        ["SET", "k2", "v2"],
      ],
      ["MDEL", "k", "k2", "absent"],
      MDEL,
    ],
    [[], ["SETNX", "k", "v"], SETNX],
    [[], ["LOCK", "k", "owner", 60_000], LOCK],
    [[["LOCK", "k", "owner", 60_000]], ["UNLOCK", "k", "owner"], UNLOCK],
    [[["LOCK", "k", "owner", 60_000]], ["EXTENDLOCK", "k", "owner", 90_000], EXTEND_LOCK],
  ];

  test("has the fixed operation types, one entry for each command, numbered without gaps", async () => {
    const dataDir = temporaryFolder("log");
    const own = await startOwn(dataDir);
    for (const [prepare, command, op] of cases) {
      await own.client.ok("DEL", "k", "k2");
      for (const request of prepare) await own.client.ok(...request);
      const startedMs = Date.now();
      const entries = await logged(own, dataDir, command);
      expect(entries, command.join(" ")).toEqual([expect.objectContaining({ op })]);
      expect(entries[0]?.payload).toContain("k");
      expect(entries[0]?.timestampMs).toBeGreaterThanOrEqual(startedMs - 1000);
      expect(entries[0]?.timestampMs).toBeLessThanOrEqual(Date.now());
    }
    await own.close();
    const sequences = readLog(dataDir).map((entry) => entry.sequence);
    expect(sequences).toEqual(sequences.map((_, i) => i + 1));
  });

  test("has one entry for a transaction, and one that names two keys for a value that moves", async () => {
    const dataDir = temporaryFolder("log");
    const own = await startOwn(dataDir);
    const transaction: Arg[][] = [
      ["MULTI"],
      ["SET", "a", 1],
      ["INCR", "b"],
      ["RPUSH", "c", "x", "y"],
      ["HSET", "d", "f", "v"],
      ["DEL", "a"],
      ["EXEC"],
    ];
    expect(await logged(own, dataDir, ...transaction)).toEqual([expect.objectContaining({ op: BATCH })]);
    expect(await logged(own, dataDir, ["MULTI"], ["SET", "a", 1], ["EXEC"])).toEqual([
      expect.objectContaining({ op: SET }),
    ]);
    expect(await logged(own, dataDir, ["RENAME", "a", "e"])).toEqual([expect.objectContaining({ op: RENAME })]);
    await own.close();
  });

  test("has nothing of what changes nothing", async () => {
    const dataDir = temporaryFolder("log");
    const own = await startOwn(dataDir);
    await own.client.ok("SET", "k", "text");
    await own.client.ok("LOCK", "lock", "owner", 60_000);
    const before = readLog(dataDir).length;
    const nothing: Arg[][] = [
      ["GET", "k"],
      ["INCR", "k"],
      ["LPUSH", "k", "x"],
      ["DEL", "absent"],
      ["MDEL", "absent"],
      ["SETNX", "k", "x"],
      ["LOCK", "lock", "other", 1000],
      ["UNLOCK", "lock", "other"],
      ["EXTENDLOCK", "lock", "other", 1000],
      ["MULTI"],
      ["SET", "k", "x"],
      ["DISCARD"],
      ["MULTI"],
      ["GET", "k"],
      ["EXEC"],
    ];
    for (const request of nothing) await own.client.send(...request);
    expect(readLog(dataDir).length).toBe(before);
    await own.close();
  });
});

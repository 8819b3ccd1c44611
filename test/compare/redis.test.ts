/**
 * HearthKV and redis-server through the same mishaps, each with its defaults (log synced every 100 ms, append-only file synced every second):
 * kill -9, an fdatasync that fails for a moment, zeros behind the end of the log as a power loss leaves them, a flipped bit. Prints a table;
 * only ours is asserted. HEARTHKV_COMPARE_ROUNDS: how often each is done.
 */
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { printedSeed, Random } from "../crash/random.js";
import { DiskFault } from "../faults/disk-fault.js";
import { answerOf, tryWrite } from "../faults/try-write.js";
import {
  type RespClient,
  requirePeer,
  type ServerProcess,
  startHearth,
  startRedis,
  temporaryFolder,
} from "../support/index.js";

const ROUNDS = Number(process.env.HEARTHKV_COMPARE_ROUNDS ?? 1);
const KEYS = 2000;
const BATCH = 50;
/** Longer than either syncs at. */
const SYNCED_MS = 1500;
const FAILS_MS = 1500;
const HEALS_MS_MAX = 5000;
const ZEROS = 4096;

interface Contender {
  readonly name: "HearthKV" | "redis-server";
  start(dataDir: string): Promise<ServerProcess>;
  logOf(dataDir: string): string;
}

const contenders: readonly Contender[] = [
  {
    name: "HearthKV",
    start: (dataDir) => startHearth({ dataDir }),
    logOf: (dataDir) => join(dataDir, "wal-current.log"),
  },
  {
    name: "redis-server",
    start: (dataDir) => startRedis([], dataDir),
    logOf: (dataDir) => {
      const folder = join(dataDir, "appendonlydir");
      return join(folder, readdirSync(folder).find((name) => name.endsWith(".incr.aof")) as string);
    },
  },
];

const random = new Random(printedSeed("comparison"));
const table = new Map<string, Partial<Record<Contender["name"], string[]>>>();

afterAll(() => {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const lines = [...table].map(([what, of]) => {
    return line([what, ...contenders.map(({ name }) => [...new Set(of[name] ?? [])].join("; "))]);
  });
  console.log([line(["case", ...contenders.map(({ name }) => name)]), ...lines].join("\n"));
});

/** Notes what happened, once for each different outcome. */
function note(what: string, { name }: Contender, outcome: string): string {
  const row = table.get(what) ?? {};
  table.set(what, { ...row, [name]: [...(row[name] ?? []), outcome] });
  return outcome;
}

function contentOf(key: number): string {
  return `value-${key}-`.padEnd(60, "x");
}

/** Sets keys `from` to `to` - 1 in pipelines; returns how many were acknowledged before the connection ended. */
async function setKeys(client: RespClient, from: number, to: number): Promise<number> {
  let acknowledged = 0;
  for (let key = from; key < to; key += BATCH) {
    const requests = Array.from({ length: BATCH }, (_, i) => ["SET", `k${key + i}`, contentOf(key + i)]);
    const replies = await client.pipeline(requests).catch(() => []);
    acknowledged += replies.filter((reply) => reply === "OK").length;
    if (replies.length === 0) break;
  }
  return acknowledged;
}

/** What a start finds of the first `count` keys. */
async function foundAfterStart(contender: Contender, dataDir: string, count: number): Promise<string> {
  const server = await contender.start(dataDir).catch(() => null);
  if (server === null) return "refuses to start";
  const client = await server.connect();
  const values = (await client.pipeline(Array.from({ length: count }, (_, key) => ["GET", `k${key}`]))) as unknown[];
  client.close();
  await server.kill();
  const lost = values.filter((value) => value === null).length;
  const wrong = values.filter((value, key) => value !== null && value !== contentOf(key)).length;
  if (wrong > 0) return `serves ${wrong} wrong value`;
  return lost > 0 ? `lost ${lost} acknowledged writes` : "starts with everything acknowledged";
}

/** Writes, lets it be synced, writes on: so a log is more than its end. Then kill -9. */
async function written(contender: Contender): Promise<string> {
  const dataDir = temporaryFolder("compared");
  const server = await contender.start(dataDir);
  const client = await server.connect();
  await setKeys(client, 0, KEYS / 2);
  await sleep(SYNCED_MS);
  await setKeys(client, KEYS / 2, KEYS);
  client.close();
  await server.kill();
  return dataDir;
}

async function killed(contender: Contender): Promise<string> {
  const dataDir = temporaryFolder("compared");
  const server = await contender.start(dataDir);
  const client = await server.connect();
  const acknowledging = setKeys(client, 0, 1_000_000);
  await sleep(random.whole(50, 500));
  await server.kill();
  return note("kill -9 under load", contender, await foundAfterStart(contender, dataDir, await acknowledging));
}

async function failingSync(contender: Contender): Promise<string> {
  const dataDir = temporaryFolder("compared");
  const server = await contender.start(dataDir);
  const client = await server.connect();
  const acknowledged = await setKeys(client, 0, BATCH);
  const fault = await DiskFault.begin(server, { calls: "fdatasync,fsync", effect: "error=EIO" });
  const endMs = performance.now() + FAILS_MS;
  while (performance.now() < endMs && !/MISCONF/.test(String(await tryWrite(server)))) await sleep(20);
  await fault.end();
  const healingMs = performance.now();
  const probe = await server.connect();
  while ((await answerOf(probe)) !== "OK" && performance.now() - healingMs < HEALS_MS_MAX) await sleep(50);
  const tookMs = performance.now() - healingMs;
  probe.close();
  client.close();
  const healed =
    tookMs < HEALS_MS_MAX ? "takes writes again by itself" : `still refuses writes after ${HEALS_MS_MAX} ms`;
  await server.kill();
  const found = await foundAfterStart(contender, dataDir, acknowledged);
  return note("fdatasync gives EIO for a moment", contender, `${healed}; after kill -9 ${found}`);
}

async function zeroTail(contender: Contender): Promise<string> {
  const dataDir = await written(contender);
  appendFileSync(contender.logOf(dataDir), Buffer.alloc(ZEROS));
  return note(`${ZEROS} zero bytes behind the log`, contender, await foundAfterStart(contender, dataDir, KEYS));
}

async function flippedBit(contender: Contender): Promise<string> {
  const dataDir = await written(contender);
  const file = contender.logOf(dataDir);
  const bytes = readFileSync(file);
  const at = bytes.indexOf(contentOf(random.whole(0, KEYS / 2 - 1)));
  bytes[at + 30] = (bytes[at + 30] as number) ^ 1;
  writeFileSync(file, bytes);
  return note("one bit of a value in the log flipped", contender, await foundAfterStart(contender, dataDir, KEYS));
}

const EVERYTHING = "starts with everything acknowledged";

test.for([
  ["kill -9", killed, EVERYTHING],
  ["fdatasync fails", failingSync, `takes writes again by itself; after kill -9 ${EVERYTHING}`],
  ["zeros behind the log", zeroTail, EVERYTHING],
  ["a flipped bit", flippedBit, "refuses to start"],
] as const)("%s", { timeout: 600_000 + ROUNDS * 60_000 }, async ([, mishap, ours], context) => {
  requirePeer(context, "redis-server", "strace");
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of contenders) {
      const outcome = await mishap(contender);
      if (contender.name === "HearthKV") expect(outcome).toBe(ours);
    }
  }
});

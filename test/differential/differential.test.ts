/** Random commands to HearthKV and to redis-server 7.0: the same replies in RESP2 and RESP3, the same content. */
import { makeCommandTable } from "@hearthkv/commands";
import { beforeAll, describe, expect, test } from "vitest";
import { hasPeer, requirePeer, type ServerProcess, startHearth, startRedis } from "../support/index.js";
import { findEffectsOfErrors, runCampaign } from "./campaign.js";
import type { Ports } from "./comparison.js";
import { generatedRows } from "./generator.js";
import { chooseSeed } from "./random.js";

const commandTable = makeCommandTable();

/** In all, over both protocols. */
const commands = Number(process.env.HEARTHKV_DIFFERENTIAL_COMMANDS ?? 300_000);
const commandsWithDigests = Math.min(4000, commands);
const MS_PER_COMMAND_MAX = 2;
/** From so many on every command that can succeed has done so. */
const ENOUGH = 50_000;

const clusterRows = [...commandTable.allRows()].filter(({ group }) => group === "cluster");

/** Rows that the generator leaves out, and where they are looked at instead, or why not. */
const notGenerated: Readonly<Record<string, string>> = {
  subscribe: "changes what later replies mean: pubsub.test.ts",
  unsubscribe: "pubsub.test.ts",
  psubscribe: "pubsub.test.ts",
  punsubscribe: "pubsub.test.ts",
  lolwut: "the picture is another: lolwut.test.ts",
  ...Object.fromEntries(clusterRows.map(({ name }) => [name, "always refused: lolwut.txt"])),
  ssubscribe: "pubsub.test.ts",
  sunsubscribe: "pubsub.test.ts",
  spublish: "pubsub.test.ts",
  monitor: "changes what later replies mean: insight.test.ts",
  quit: "ends the connection: sessions.test.ts",
  waitaof: "Redis 7.0 does not have it: allow-list.test.ts",
  sunioncard: "Redis 7.0 does not have it: allow-list.test.ts",
  sdiffcard: "Redis 7.0 does not have it: allow-list.test.ts",
  ...Object.fromEntries(
    ["commandlog", "commandlog|get", "commandlog|help", "commandlog|len", "commandlog|reset"].map((name) => [
      name,
      "Redis 7.0 does not have it: insight.test.ts",
    ]),
  ),
  "client|setinfo": "Redis 7.0 does not have it: allow-list.test.ts",
};

/** Commands that the generator only lets fail. */
const onlyErrors: readonly string[] = [
  "bgsave",
  "shutdown",
  "config|rewrite",
  "config|set",
  "object|freq",
  "client|kill",
  "latency|graph",
];
/** Containers are counted by their subcommands. */
const containers = commandTable.rows().filter((row) => row.subcommands !== undefined && row.name !== "command");

test("every command is generated or left out with a reason", () => {
  const generated = generatedRows();
  const rows = [...commandTable.allRows()].map(({ name }) => name);
  for (const name of rows) expect(generated.has(name) !== name in notGenerated, name).toBe(true);
  for (const name of [...generated, ...Object.keys(notGenerated)]) expect(rows).toContain(name);
});

describe("random commands", () => {
  const flags = ["--enable-debug-command", "yes"];
  let ports: Ports;
  let hearth: ServerProcess;

  beforeAll(async () => {
    if (!hasPeer("redis-server")) return;
    const [started, redis] = await Promise.all([startHearth({ flags }), startRedis(["--appendonly", "no", ...flags])]);
    hearth = started;
    ports = { hearth: hearth.port, redis: redis.port };
  });

  /** What was acknowledged is written: SIGKILL takes nothing of it. Control: with pops that are logged as of no element it is red. */
  async function kill(): Promise<void> {
    const { dataDir, port } = hearth;
    await hearth.kill();
    hearth = await startHearth({ flags, dataDir, port });
  }

  test.for([2, 3] as const)(
    "have the same replies and leave the same content behind, in RESP%i",
    { timeout: 600_000 + commands * MS_PER_COMMAND_MAX },
    async (protocol, context) => {
      requirePeer(context, "redis-server");
      const seed = chooseSeed();
      const share = Math.ceil(commands / 2);
      console.log(`HEARTHKV_SEED=${seed} repeats this run of ${share} commands in RESP${protocol}`);
      const comparison = await runCampaign(ports, { seed, protocol, commands: share, kill });
      const allowed = [...comparison.allowed].map(([name, times]) => `${name}: ${times}`).join("; ");
      console.log(`${comparison.compared} commands compared; allowed differences: ${allowed || "none"}`);
      expect(comparison.differences.join("\n\n")).toBe("");
      if (share < ENOUGH) return;
      const left = [...generatedRows()].filter((name) => !comparison.succeeded.has(name) && !onlyErrors.includes(name));
      expect(left.filter((name) => !containers.some((row) => row.name === name))).toEqual([]);
    },
  );

  test("that fail change nothing", async (context) => {
    requirePeer(context, "redis-server");
    const seed = chooseSeed();
    console.log(`HEARTHKV_SEED=${seed} repeats this run of ${commandsWithDigests} commands with digests`);
    const { errors, effects } = await findEffectsOfErrors(ports, seed, commandsWithDigests);
    expect(effects).toEqual([]);
    expect(errors).toBeGreaterThan(commandsWithDigests / 100);
  });
});

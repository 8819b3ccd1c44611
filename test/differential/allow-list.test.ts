/** Every entry of the allow-list is a difference that is still there, and the only thing that makes the replies differ. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { hasPeer, requirePeer, startHearth, startRedis } from "../support/index.js";
import { differences, type Example } from "./allow-list.js";
import { Pair, type Ports } from "./comparison.js";
import { type Reply, showReply } from "./reply.js";

let ports: Ports;

beforeAll(async () => {
  if (!hasPeer("redis-server")) return;
  const flags = ["--enable-debug-command", "yes"];
  const [hearth, redis] = await Promise.all([startHearth({ flags }), startRedis(["--appendonly", "no", ...flags])]);
  ports = { hearth: hearth.port, redis: redis.port };
});

async function replies({ commands, protocol = 2 }: Example): Promise<[hearth: Reply, redis: Reply]> {
  const pair = await Pair.open(ports, protocol);
  await pair.both(["flushall"]);
  let last: [Reply, Reply] | undefined;
  for (const command of commands) last = await pair.both(command);
  pair.close();
  return last as [Reply, Reply];
}

describe("the allow-list", () => {
  test("names each difference once", () => {
    const names = differences.map(({ name }) => name);
    expect([...new Set(names)]).toEqual(names);
  });

  test.for(differences.map((entry) => [entry.name, entry] as const))(
    "%s",
    async ([, { name, reason, examples, shownIn }], context) => {
      requirePeer(context, "redis-server");
      expect(reason).toMatch(/\.$/);
      if (shownIn === undefined) expect(examples.length).toBeGreaterThan(0);
      else expect(readFileSync(new URL(shownIn, import.meta.url), "utf8")).toContain(`test("${name}"`);
      for (const example of examples) {
        const [hearth, redis] = (await replies(example)).map((reply) => showReply(reply));
        expect(hearth).not.toBe(redis);
        expect(hearth).toEqual(
          typeof example.hearth === "string" ? example.hearth : expect.stringMatching(example.hearth),
        );
        expect(redis).toEqual(typeof example.redis === "string" ? example.redis : expect.stringMatching(example.redis));
      }
    },
  );
});

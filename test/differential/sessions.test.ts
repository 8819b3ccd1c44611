/** What takes more than one connection, or ends one: waiting for lists, watched keys, QUIT. */
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { hasPeer, requirePeer, startHearth, startRedis, waitUntil } from "../support/index.js";
import { Pair, type Ports } from "./comparison.js";
import { chooseSeed, Random } from "./random.js";
import { type Reply, showReply } from "./reply.js";

const rounds = 100;
const lists = ["a", "b", "c"];
const writes = [
  [["rpush", "a", "1", "2", "3"]],
  [["lpush", "b", "1", "2"]],
  [["rpush", "c", "1"]],
  [["set", "c", "no list"]],
  [
    ["rpush", "x", "1", "2"],
    ["rename", "x", "b"],
  ],
  [
    ["rpush", "x", "1", "2"],
    ["copy", "x", "a"],
  ],
  [
    ["rpush", "a", "1"],
    ["del", "a"],
  ],
];
/** Longer than it takes a server to answer. */
const ANSWER_MS = 20;

/** Until so many clients wait on either server. */
async function waitUntilBlocked(pair: Pair, clients: number): Promise<void> {
  await waitUntil(`${clients} blocked clients`, async () => {
    const infos = await pair.both(["info", "clients"]);
    return infos.every(({ text }) => text.includes(`blocked_clients:${clients}\r\n`));
  });
}

describe("sessions", () => {
  let ports: Ports;

  beforeAll(async () => {
    if (!hasPeer("redis-server")) return;
    const [hearth, redis] = await Promise.all([startHearth(), startRedis(["--appendonly", "no"])]);
    ports = { hearth: hearth.port, redis: redis.port };
  });

  test.for([2, 3] as const)("wait for lists alike in RESP%i", async (protocol, context) => {
    requirePeer(context, "redis-server");
    const seed = chooseSeed();
    console.log(`HEARTHKV_SEED=${seed} repeats these waits in RESP${protocol}`);
    const random = new Random(seed);
    const waiters = await Promise.all([0, 1, 2].map(() => Pair.open(ports, protocol)));
    const writer = await Pair.open(ports, protocol);
    for (let round = 0; round < rounds; round++) {
      await writer.both(["flushall"]);
      const replies: Promise<[Reply, Reply]>[] = [];
      for (const waiter of waiters) {
        const keys = random.shuffle(lists).slice(0, random.int(1, 3));
        replies.push(waiter.both([random.pick(["blpop", "brpop"]), ...keys, "0"]));
        await waitUntilBlocked(writer, replies.length);
      }
      // A transaction fills one list at most: with two it matters which is looked at first (the test below).
      const write = random.pick(writes);
      const commands = random.chance(0.5) ? [["multi"], ...write, ["exec"]] : write;
      // Whoever still waits then is served in the order of arrival.
      const rest = [["del", ...lists], ...lists.map((list) => ["rpush", list, "4", "5", "6", "7"])];
      for (const command of [...commands, ...rest]) {
        const [hearth, redis] = await writer.both(command);
        expect(showReply(hearth), `HEARTHKV_SEED=${seed} ${command.join(" ")}`).toBe(showReply(redis));
      }
      for (const [hearth, redis] of await Promise.all(replies)) {
        expect(showReply(hearth), `HEARTHKV_SEED=${seed} round ${round}: ${JSON.stringify(write)}`).toBe(
          showReply(redis),
        );
      }
    }
    for (const pair of [...waiters, writer]) pair.close();
  });

  test("a transaction that fills two lists", async (context) => {
    requirePeer(context, "redis-server");
    const [waiter, writer] = [await Pair.open(ports, 2), await Pair.open(ports, 2)];
    await writer.both(["flushall"]);
    const reply = waiter.both(["blpop", "a", "b", "0"]);
    await waitUntilBlocked(writer, 1);
    for (const command of [["multi"], ["rpush", "b", "1"], ["rpush", "a", "2"], ["exec"]]) await writer.both(command);
    expect((await reply).map((one) => showReply(one))).toEqual(['*["a", "2"]', '*["b", "1"]']);
    for (const pair of [waiter, writer]) pair.close();
  });

  test("a wait ends alike", async (context) => {
    requirePeer(context, "redis-server");
    for (const protocol of [2, 3] as const) {
      const pair = await Pair.open(ports, protocol);
      const [hearth, redis] = await pair.both(["blpop", "nothing", "0.01"]);
      expect(showReply(hearth)).toBe(showReply(redis));
      pair.close();
    }
  });

  test("a watched key that expires ends the transaction", async (context) => {
    requirePeer(context, "redis-server");
    const pair = await Pair.open(ports, 2);
    await pair.both(["set", "brief", "v", "px", "10"]);
    await pair.both(["watch", "brief"]);
    await sleep(40);
    await pair.both(["multi"]);
    await pair.both(["ping"]);
    const [hearth, redis] = await pair.both(["exec"]);
    expect(showReply(hearth)).toBe(showReply(redis));
    pair.close();
  });

  test("QUIT is answered, what follows it is not", async (context) => {
    requirePeer(context, "redis-server");
    for (const before of [[], [["multi"]], [["subscribe", "c"]]] as string[][][]) {
      const pair = await Pair.open(ports, 2);
      for (const command of before) await pair.both(command);
      const [hearth, redis] = await Promise.all(
        [pair.hearth, pair.redis].map(async (connection) => {
          const [reply] = await connection.exchange([["quit"]]);
          await sleep(ANSWER_MS);
          const after = await connection.exchange([["ping"]]).then(showReply as never, () => "closed");
          return `${showReply(reply!)} ${String(after)}`;
        }),
      );
      expect(hearth).toBe(redis);
      expect(hearth).toBe("+OK closed");
    }
  });
});

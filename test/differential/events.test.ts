/** Keyspace notifications of random commands: the same events about the same keys, in the same order, as redis-server tells. */
import { beforeAll, expect, test } from "vitest";
import { hasPeer, requirePeer, startHearth, startRedis } from "../support/index.js";
import { Pair, type Ports, showArgs } from "./comparison.js";
import { Generator } from "./generator.js";
import { chooseSeed, Random } from "./random.js";
import type { Reply } from "./reply.js";

const commands = Number(process.env.HEARTHKV_DIFFERENTIAL_EVENTS ?? 30_000);
const MS_PER_COMMAND_MAX = 10;
const STEPS_MAX = 8;
const END = "end of batch";
/**
 * Our locks are scripts there, with events of their own; SORT misses keys in the order in which it meets the elements, which a set has from its hash table; BITCOUNT
 * and BITPOS miss a key in 7.0 before they judge the arguments, and LPOS where newer versions refuse the smallest integer.
 */
const without = ["lock", "sort", "sort_ro", "bitcount", "bitpos", "lpos"];

let ports: Ports;

beforeAll(async () => {
  if (!hasPeer("redis-server")) return;
  const flags = ["--enable-debug-command", "yes"];
  const [hearth, redis] = await Promise.all([startHearth({ flags }), startRedis(["--appendonly", "no", ...flags])]);
  ports = { hearth: hearth.port, redis: redis.port };
});

function isEnd(replies: readonly Reply[]): boolean {
  return replies.at(-1)?.items[1]?.text === END;
}

/** Channel and message of each event that came before END. */
function shown(replies: readonly Reply[]): string[] {
  return replies.slice(0, -1).map(({ items }) => `${JSON.stringify(items[2]?.text)} ${JSON.stringify(items[3]?.text)}`);
}

/** Negative control: without the "del" behind the last element of a collection (notifyTaken), and with rename_to before rename_from, it was red. */
test.for(["KEA", "KEAmn"])(
  "are the same with the classes %s",
  { timeout: 600_000 + commands * MS_PER_COMMAND_MAX },
  async (classes, context) => {
    requirePeer(context, "redis-server");
    const seed = chooseSeed();
    console.log(`HEARTHKV_SEED=${seed} repeats these events of ${commands} commands`);
    const random = new Random(seed);
    const generator = new Generator(random, 2, without);
    const [speaker, listener] = [await Pair.open(ports, 2), await Pair.open(ports, 2)];
    await speaker.both(["flushall"]);
    await speaker.both(["config", "set", "notify-keyspace-events", classes]);
    await listener.both(["psubscribe", "__key*__:*"]);
    let told = 0;
    for (let sent = 0; sent < commands; ) {
      const steps = generator.batch(random.int(1, STEPS_MAX), speaker.sent);
      sent += steps.length;
      await Promise.all([
        speaker.hearth.exchange(steps.map(({ args }) => args)),
        speaker.redis.exchange(steps.map(({ redisArgs }) => redisArgs)),
      ]);
      const ping = [["ping", END]];
      const [hearth, redis] = await Promise.all([
        listener.hearth.until(ping, isEnd),
        listener.redis.until(ping, isEnd),
      ]);
      const line = steps.map(({ args }) => showArgs(args)).join("\n");
      expect(shown(hearth), `HEARTHKV_SEED=${seed}\n${line}`).toEqual(shown(redis));
      told += hearth.length - 1;
    }
    console.log(`${told} messages compared`);
    expect(told).toBeGreaterThan(commands / 4);
    speaker.close();
    listener.close();
  },
);

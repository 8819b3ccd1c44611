/** Random subscriptions and messages: listeners see the same in the same order, as arrays in RESP2 and as pushes in RESP3. */
import { beforeAll, describe, expect, test } from "vitest";
import { hasPeer, requirePeer, startHearth, startRedis } from "../support/index.js";
import { Pair, type Ports, showArgs } from "./comparison.js";
import { chooseSeed, Random } from "./random.js";
import { type Reply, showReply } from "./reply.js";

const turnsPerRun = 800;
const channels = ["news", "news.a", "sport", "", "__proto__", "\u0000\u00ff", "[x]", "a b"];
const patterns = ["*", "news*", "n?ws", "[ns]*", "", "__proto__", "\\[x\\]", "*.*", "[^n]*", "\u0000*"];
const END = "end of turn";

/** Draws one command for a listener; none of them ends its being one. */
function listenerCommand(random: Random, protocol: 2 | 3): string[] {
  const some = (names: readonly string[], min: number) =>
    Array.from({ length: random.int(min, 3) }, () => random.pick(names));
  switch (random.int(0, 11)) {
    case 0:
    case 1:
    case 2:
      return ["subscribe", ...some(channels, 1)];
    case 3:
    case 4:
      return ["psubscribe", ...some(patterns, 1)];
    case 5:
      return ["unsubscribe", ...some(channels, 0)];
    case 6:
      return ["punsubscribe", ...some(patterns, 0)];
    case 10:
      return ["ssubscribe", ...some(channels, 1)];
    case 11:
      return ["sunsubscribe", ...some(channels, 0)];
    case 7:
      return ["ping", ...(random.chance(0.5) ? ["payload"] : [])];
    case 8:
      // In RESP2 refused while subscribed; in RESP3 a listener may do everything.
      return protocol === 3 ? ["echo", "text"] : ["get", "k"];
    default:
      return random.chance(0.3) && protocol === 2 ? ["reset"] : ["subscribe"];
  }
}

function speakerCommand(random: Random): string[] {
  switch (random.int(0, 10)) {
    case 0:
      return ["pubsub", "channels", ...(random.chance(0.5) ? [random.pick(patterns)] : [])];
    case 1:
      return ["pubsub", "numsub", random.pick(channels), random.pick(channels)];
    case 2:
      return ["pubsub", "numpat"];
    case 3:
      return ["pubsub", "shardchannels", ...(random.chance(0.5) ? [random.pick(patterns)] : [])];
    case 4:
      return ["pubsub", "shardnumsub", random.pick(channels), random.pick(channels)];
    case 5:
    case 6:
      return ["spublish", random.pick(channels), random.pick(["shard", "", "\u00ff"])];
    default:
      return ["publish", random.pick(channels), random.pick(["hello", "", "\r\n", "\u00ff\u0000"])];
  }
}

/**
 * Where the order is that of Redis's hash tables it is taken out: of the patterns that a message matches, of the channels that UNSUBSCRIBE without a
 * name leaves, of the names that PUBSUB CHANNELS gives.
 */
function inStableOrder(replies: readonly Reply[]): string[] {
  const texts: string[] = [];
  let alike: { like: string; texts: string[] } = { like: "", texts: [] };
  const flush = () => {
    texts.push(...alike.texts.sort());
    alike = { like: "", texts: [] };
  };
  for (const reply of replies) {
    const [kind, first, second, third] = [reply.kind, ...reply.items.map(({ text }) => text)];
    let like = "";
    let text = showReply(reply);
    if (first === "pmessage") like = `pmessage ${third} ${reply.items[3]?.text} ${kind}`;
    if (first?.endsWith("unsubscribe") === true) like = `${first} ${kind}`;
    if (
      reply.kind === "*" &&
      !["pong", "message", "pmessage", "smessage"].includes(first ?? "") &&
      second !== undefined
    ) {
      if (reply.items.every((item) => item.kind === "$"))
        text = JSON.stringify(reply.items.map((item) => item.text).sort());
    }
    if (like === "" || like !== alike.like) flush();
    alike.like = like;
    alike.texts.push(text);
  }
  flush();
  return texts;
}

/** The number of subscriptions left counts down in order whatever the order of the names. */
function withoutNames(texts: readonly string[], nameless: boolean): string[] {
  return nameless
    ? texts.map((text) => text.replace(/("[ps]?unsubscribe"), "(?:\\.|[^"\\])*", :\d+/, "$1"))
    : [...texts];
}

describe("subscriptions", () => {
  let ports: Ports;

  beforeAll(async () => {
    if (!hasPeer("redis-server")) return;
    const [hearth, redis] = await Promise.all([startHearth(), startRedis(["--appendonly", "no"])]);
    ports = { hearth: hearth.port, redis: redis.port };
  });

  test.for([2, 3] as const)("look the same in RESP%i", async (protocol, context) => {
    requirePeer(context, "redis-server");
    const seed = chooseSeed();
    console.log(`HEARTHKV_SEED=${seed} repeats these subscriptions in RESP${protocol}`);
    const random = new Random(seed);
    const listeners = [await Pair.open(ports, protocol), await Pair.open(ports, protocol)];
    const speaker = await Pair.open(ports, protocol);
    const done: string[] = [];

    /** Sends to one pair and collects what comes until the answer to a PING behind it. */
    const turn = async (pair: Pair, commands: readonly string[][]) => {
      const isEnd = (replies: readonly Reply[]) => {
        const last = replies.at(-1);
        return last?.text === END || last?.items[1]?.text === END;
      };
      const sent = [...commands, ["ping", END]];
      const [hearth, redis] = await Promise.all([pair.hearth.until(sent, isEnd), pair.redis.until(sent, isEnd)]);
      const nameless = commands.some((command) => command.length === 1 && /unsubscribe/.test(command[0] as string));
      const seen = withoutNames(inStableOrder(hearth), nameless);
      const wanted = withoutNames(inStableOrder(redis), nameless);
      expect(seen, `HEARTHKV_SEED=${seed}\n${done.slice(-12).join("\n")}`).toEqual(wanted);
    };

    for (let i = 0; i < turnsPerRun; i++) {
      const who = random.int(0, 2);
      const pair = listeners[who] ?? speaker;
      const commands = Array.from({ length: random.int(1, 3) }, () =>
        who < 2 ? listenerCommand(random, protocol) : speakerCommand(random),
      );
      done.push(`${who}: ${commands.map(showArgs).join("; ")}`);
      await turn(pair, commands);
      for (const listener of listeners) await turn(listener, []);
    }
    for (const pair of [...listeners, speaker]) pair.close();
  });
});

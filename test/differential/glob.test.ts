/**
 * Glob patterns match what they match in redis-server: random patterns against random texts, which are keys there (KEYS), and against the
 * names of its commands, whose case does not matter (COMMAND LIST FILTERBY PATTERN).
 *
 * Ranges reach no byte above 127: redis-server takes those as negative on x86 and as positive on ARM.
 *
 * Negative controls, each seen red: ranges that match only when they are written upwards; a ^ that is also content; the case of
 * a range made equal before its ends are put in order.
 */
import { Glob } from "@hearthkv/commands";
import { describe, expect, test } from "vitest";
import { type Arg, type Reply, requirePeer, startRedis } from "../support/index.js";
import { chooseSeed, Random } from "./random.js";

const TEXTS = 400;
const PATTERNS = 3000;
const letters = [..."aAbBcCzZ09-^]\\[*?_ \xe4\xff"];
const bounds = [..."aAbBcCzZ09-^]\\[*?_ "];
const nameLetters = [..."aAbBeEgGsStT|-"];

/** One element of a pattern; a bracket may have some hundreds of characters. */
function element(random: Random, own: readonly string[], ends: readonly string[]): string {
  const content = (max: number): string => {
    const one = () => {
      if (random.chance(0.2)) return `${random.pick(ends)}-${random.pick(ends)}`;
      return random.chance(0.2) ? `\\${random.pick(own)}` : random.pick(own);
    };
    return Array.from({ length: random.int(0, max) }, one).join("");
  };
  switch (random.int(0, 8)) {
    case 0:
      return "*";
    case 1:
      return "?";
    case 2:
      return `\\${random.pick(own)}`;
    case 3:
      return `[${content(3)}]`;
    case 4:
      return `[^${content(3)}]`;
    case 5:
      return `[${random.pick(["", "^"])}${content(300)}${random.pick(["]", "]", ""])}`;
    default:
      return random.pick(own);
  }
}

/** Elements, or the beginning of a text with some behind it, so that many patterns match something. */
function randomPattern(
  random: Random,
  texts: readonly string[],
  own: readonly string[],
  ends: readonly string[],
): string {
  const elements = Array.from({ length: random.int(0, 4) }, () => element(random, own, ends)).join("");
  if (random.chance(0.4)) return elements;
  const text = random.pick(texts);
  return text.slice(0, random.int(0, text.length)).replace(/[[\]\\*?^-]/g, "?") + elements + random.pick(["", "*"]);
}

/** Compares what each pattern finds among the texts with the reply to the request that `ask` makes of it. */
async function compare(
  pipeline: (requests: readonly Arg[][]) => Promise<Reply[]>,
  patterns: readonly string[],
  texts: readonly string[],
  { anyCase, seed, ask }: { anyCase: boolean; seed: number; ask: (pattern: string) => Arg[] },
): Promise<void> {
  const replies = await pipeline(patterns.map(ask));
  for (const [i, pattern] of patterns.entries()) {
    const glob = new Glob(pattern, anyCase);
    const ours = texts.filter((text) => glob.matchesText(text)).sort();
    expect(ours, `HEARTHKV_SEED=${seed} ${JSON.stringify(pattern)}`).toEqual((replies[i] as string[]).sort());
  }
}

describe("glob patterns", () => {
  const seed = chooseSeed();
  console.log(`glob patterns: HEARTHKV_SEED=${seed}`);

  test("find the keys that they find in redis-server", async (context) => {
    requirePeer(context, "redis-server");
    const redis = await (await startRedis()).connect();
    const random = new Random(seed);
    const text = () => Array.from({ length: random.int(1, 5) }, () => random.pick(letters)).join("");
    const texts = [...new Set(Array.from({ length: TEXTS }, text))];
    await redis.pipeline(texts.map((key) => ["SET", Buffer.from(key, "latin1"), ""]));
    const patterns = Array.from({ length: PATTERNS }, () => randomPattern(random, texts, letters, bounds));
    const ask = (pattern: string) => ["KEYS", Buffer.from(pattern, "latin1")];
    const pipeline = (requests: readonly Arg[][]) => redis.pipeline(requests);
    const proper = patterns.filter((pattern) => pattern !== "*" && !/[\x80-\xff]-|-[\x80-\xff]/.test(pattern));
    await compare(pipeline, proper, texts, { anyCase: false, seed, ask });
    redis.close();
  });

  test("find the commands that they find in redis-server", async (context) => {
    requirePeer(context, "redis-server");
    const redis = await (await startRedis()).connect();
    const random = new Random(seed);
    const names = (await redis.ok("COMMAND", "LIST", "FILTERBY", "PATTERN", "*")) as string[];
    const patterns = Array.from({ length: PATTERNS }, () => randomPattern(random, names, nameLetters, nameLetters));
    const ask = (pattern: string) => ["COMMAND", "LIST", "FILTERBY", "PATTERN", pattern];
    const pipeline = (requests: readonly Arg[][]) => redis.pipeline(requests);
    await compare(pipeline, patterns, names, { anyCase: true, seed, ask });
    redis.close();
  });
});

/** A run of the differential test: how many commands, in what portions, and when everything is compared. */
import { Comparison, Pair, type Ports, showArgs } from "./comparison.js";
import { Generator } from "./generator.js";
import { Random } from "./random.js";
import { type Step, step } from "./step.js";

/** Size of a run. */
export interface CampaignOptions {
  readonly seed: number;
  readonly protocol: 2 | 3;
  readonly commands: number;
  /** Differences after which a run gives up. */
  readonly differencesMax?: number;
  /** Kills HearthKV and starts it on what it left behind, at the same port; now and then this is done, and the run goes on. Absent: never. */
  readonly kill?: () => Promise<void>;
}

const CLIENTS = 3;
const BATCH_MAX = 200;
const BATCHES_PER_CHECK = 60;
const BATCHES_PER_LIMITS = 10;
const BATCHES_PER_KILL = 100;
/** Long enough for both servers to see that a key of some milliseconds has expired. */
const EXPIRY_WAIT_MS = 60;

/**
 * Runs random commands on both servers over three clients each, and compares.
 * Each client sends a portion at a time and waits for its replies, so both servers see the same order.
 */
export async function runCampaign(ports: Ports, options: CampaignOptions): Promise<Comparison> {
  const { seed, protocol, commands, differencesMax = 12, kill } = options;
  const random = new Random(seed);
  const generator = new Generator(random, protocol);
  const comparison = new Comparison(seed, protocol);
  let pairs = await openPairs(ports, protocol);
  await pairs[0].both(["flushall"]);
  for (let batch = 1; comparison.compared < commands && comparison.differences.length < differencesMax; batch++) {
    const client = random.int(0, CLIENTS - 1);
    const pair = pairs[client];
    if (batch % BATCHES_PER_LIMITS === 0) await changeLimits(ports, protocol, random);
    let same = await comparison.run(pair, client, generator.batch(random.int(1, BATCH_MAX), pair.sent));
    if (same && batch % BATCHES_PER_CHECK === 0) same = await checkEverything(ports, comparison, random);
    if (same && kill !== undefined && batch % BATCHES_PER_KILL === 0) {
      // What was acknowledged is there, and nothing else: transactions that were open, and keys that were watched, end on both.
      for (const old of pairs) old.close();
      await kill();
      pairs = await openPairs(ports, protocol);
      same = await checkEverything(ports, comparison, random);
    }
    if (same) continue;
    // What follows a difference would differ as well: both begin anew.
    for (const old of pairs) old.close();
    pairs = await openPairs(ports, protocol);
    await pairs[0].both(["flushall"]);
  }
  await checkEverything(ports, comparison, random);
  for (const pair of pairs) pair.close();
  return comparison;
}

function openPairs(ports: Ports, protocol: 2 | 3): Promise<Pair[]> {
  return Promise.all(Array.from({ length: CLIENTS }, () => Pair.open(ports, protocol)));
}

/** HearthKV alone packs fewer or more from now on: whatever form a value has, the replies are those of Redis. */
async function changeLimits(ports: Ports, protocol: 2 | 3, random: Random): Promise<void> {
  const limits = [
    ["hash-max-listpack-entries", 512],
    ["hash-max-listpack-value", 64],
    ["set-max-intset-entries", 512],
    ["set-max-listpack-entries", 128],
    ["set-max-listpack-value", 64],
    ["zset-max-listpack-entries", 128],
    ["zset-max-listpack-value", 64],
  ] as const;
  const few = random.int(0, 8);
  const pairs = limits.flatMap(([name, usual]) => [name, String(random.int(0, 1) === 0 ? usual : few)]);
  const pair = await Pair.open(ports, protocol);
  const [reply] = await pair.hearth.exchange([["config", "set", ...pairs]]);
  pair.close();
  if (reply.kind !== "+") throw new Error(`CONFIG SET ${pairs.join(" ")}: ${reply.text}`);
}

/** Compares the contents, over a client of its own, before and after some keys have expired. */
async function checkEverything(ports: Ports, comparison: Comparison, random: Random): Promise<boolean> {
  const before = comparison.differences.length;
  const pair = await Pair.open(ports, comparison.protocol);
  await comparison.compareContents(pair, random);
  await comparison.run(pair, -1, shortLived(random));
  await new Promise((resolve) => setTimeout(resolve, EXPIRY_WAIT_MS));
  await comparison.run(pair, -1, afterExpiry());
  pair.close();
  return comparison.differences.length === before;
}

const shortLivedKeys = ["brief:0", "brief:1", "brief:2", "brief:3"] as const;

/** Keys that live for some milliseconds, by every way to say so. Replies may already depend on the clock; only those that cannot are asked for. */
function shortLived(random: Random): Step[] {
  const ms = () => String(random.int(1, 20));
  const now = Date.now();
  return [
    step(["set", shortLivedKeys[0], "v", "px", ms()]),
    step(["psetex", shortLivedKeys[1], ms(), "v"]),
    step(["rpush", shortLivedKeys[2], "a", "b"]),
    step(["pexpire", shortLivedKeys[2], ms()]),
    step(["set", shortLivedKeys[3], "v", "pxat", String(now + 15)]),
  ];
}

/** The first to touch each is another command; none may see the key. */
function afterExpiry(): Step[] {
  const [first, second, third, fourth] = shortLivedKeys;
  return [
    step(["get", first]),
    step(["renamenx", second, "brief:4"]),
    step(["lpush", third, "new"]),
    step(["lrange", third, "0", "-1"]),
    step(["ttl", third]),
    step(["append", fourth, "new"]),
    step(["pttl", fourth]),
    step(["exists", ...shortLivedKeys]),
    step(["del", ...shortLivedKeys]),
    step(["dbsize"]),
  ];
}

/**
 * Runs random commands with a digest of everything before and after each, on both servers.
 * @returns how many commands failed, and those of them that changed something
 */
export async function findEffectsOfErrors(
  ports: Ports,
  seed: number,
  commands: number,
): Promise<{ errors: number; effects: string[] }> {
  const generator = new Generator(new Random(seed), 2, ["multi", "exec", "discard", "reset", "hello", "flushall"]);
  const pair = await Pair.open(ports, 2);
  await pair.both(["flushall"]);
  const effects: string[] = [];
  let errors = 0;
  for (let done = 0; done < commands; ) {
    const steps = generator.batch(BATCH_MAX, pair.sent);
    done += steps.length;
    const digest = ["debug", "digest"];
    const [hearth, redis] = await Promise.all([
      pair.hearth.exchange([digest, ...steps.flatMap(({ args }) => [args, digest])]),
      pair.redis.exchange([digest, ...steps.flatMap(({ redisArgs }) => [redisArgs, digest])]),
    ]);
    steps.forEach(({ args }, i) => {
      for (const [server, replies] of Object.entries({ HearthKV: hearth, Redis: redis })) {
        if (replies[2 * i + 1].kind !== "-") continue;
        errors++;
        if (replies[2 * i].text !== replies[2 * i + 2].text) effects.push(`${server}: ${showArgs(args)}`);
      }
    });
  }
  pair.close();
  return { errors, effects };
}

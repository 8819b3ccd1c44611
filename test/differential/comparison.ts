/** Two servers side by side: the same commands go to both, every reply is compared, and now and then everything they hold. */
import { explained } from "./allow-list.js";
import { Connection } from "./connection.js";
import type { Random } from "./random.js";
import { type Reply, showReply } from "./reply.js";
import { joined, memberScores, near, sorted } from "./rules.js";
import { agree, type Step, step } from "./step.js";

/** Where the two servers listen. */
export interface Ports {
  readonly hearth: number;
  readonly redis: number;
}

const HISTORY = 20_000;
const SHOWN_BEFORE = 12;
const DATABASES = 16;
const PTTL_MS_APART = 60_000;

interface Sent {
  readonly index: number;
  readonly connection: number;
  readonly args: readonly string[];
}

/** One client that has a connection to either server. */
export class Pair {
  readonly hearth: Connection;
  readonly redis: Connection;
  /** Steps that both servers have queued since MULTI. */
  queued: Step[] = [];
  /** What the generator knows of this client. */
  readonly sent = { inMulti: false };

  private constructor(hearth: Connection, redis: Connection) {
    this.hearth = hearth;
    this.redis = redis;
  }

  static async open(ports: Ports, protocol: 2 | 3): Promise<Pair> {
    const pair = new Pair(await Connection.open(ports.hearth), await Connection.open(ports.redis));
    await pair.both(["hello", String(protocol)]);
    return pair;
  }

  /** One command to both. */
  async both(args: readonly string[]): Promise<[hearth: Reply, redis: Reply]> {
    const [[hearth], [redis]] = await Promise.all([this.hearth.exchange([args]), this.redis.exchange([args])]);
    return [hearth, redis];
  }

  close(): void {
    this.hearth.close();
    this.redis.close();
  }
}

/** What a run compares with and what it finds. */
export class Comparison {
  /** Commands compared, each in both servers. */
  compared = 0;
  /** Names of commands that had a reply which was no error. */
  readonly succeeded = new Map<string, number>();
  /** How often an entry of the allow-list was needed. */
  readonly allowed = new Map<string, number>();
  /** Every difference, told in full. */
  readonly differences: string[] = [];
  readonly seed: number;
  readonly protocol: 2 | 3;
  readonly #history: Sent[] = [];
  #index = 0;

  constructor(seed: number, protocol: 2 | 3) {
    this.seed = seed;
    this.protocol = protocol;
  }

  /** Sends the steps over one client's connections in one write and compares the replies. False when some differ. */
  async run(pair: Pair, connection: number, steps: readonly Step[]): Promise<boolean> {
    const [hearth, redis] = await Promise.all([
      pair.hearth.exchange(steps.map(({ args }) => args)),
      pair.redis.exchange(steps.map(({ redisArgs }) => redisArgs)),
    ]);
    const before = this.differences.length;
    if (hearth.length !== redis.length) this.differences.push(`${hearth.length} replies here, ${redis.length} there`);
    for (let i = 0; i < steps.length; i++) {
      this.#remember({ index: this.#index++, connection, args: steps[i].args });
      if (this.differences.length === before) this.#judge(pair, steps[i], hearth[i], redis[i]);
    }
    return this.differences.length === before;
  }

  #judge(pair: Pair, current: Step, hearth: Reply, redis: Reply): void {
    this.compared++;
    const name = current.args[0].toLowerCase();
    const isQueued = (reply: Reply) => reply.kind === "+" && reply.text === "QUEUED";
    if (isQueued(hearth) && isQueued(redis)) {
      pair.queued.push(current);
      return;
    }
    const { queued } = pair;
    if (["exec", "discard", "reset", "multi"].includes(name) && hearth.kind !== "-") pair.queued = [];
    if (name === "exec" && hearth.kind === "-") pair.queued = [];
    if (name === "exec" && hearth.kind === "*" && redis.kind === "*" && hearth.items.length === queued.length) {
      if (redis.items.length !== queued.length) this.#differ(current, hearth, redis);
      else queued.forEach((inner, i) => void this.#compare(inner, hearth.items[i], redis.items[i]));
      return;
    }
    this.#compare(current, hearth, redis);
  }

  #compare(current: Step, hearth: Reply, redis: Reply): void {
    const { args } = current;
    if (hearth.kind !== "-") {
      const name = args[0].toLowerCase();
      this.succeeded.set(name, (this.succeeded.get(name) ?? 0) + 1);
      const withSubcommand = `${name}|${args[1]?.toLowerCase()}`;
      this.succeeded.set(withSubcommand, (this.succeeded.get(withSubcommand) ?? 0) + 1);
    }
    if (agree(current, hearth, redis)) return;
    const entry = explained(args, hearth, redis);
    if (entry === undefined) this.#differ(current, hearth, redis);
    else this.allowed.set(entry, (this.allowed.get(entry) ?? 0) + 1);
  }

  #differ(current: Step, hearth: Reply, redis: Reply): void {
    this.report(current.args, `HearthKV ${showReply(hearth)}\n  Redis    ${showReply(redis)}`);
  }

  /** Notes a difference with what is needed to find it again: the seed, the place, and what was done to the same keys before. */
  report(args: readonly string[], what: string): void {
    const related = this.#history.filter((sent) => sent.args.some((arg, i) => i > 0 && args.includes(arg, 1)));
    const last = this.#history.at(-1);
    const sameClient = this.#history.filter(({ connection }) => connection === last?.connection);
    const lines = [...related.slice(-SHOWN_BEFORE - 1, -1), ...sameClient.slice(-SHOWN_BEFORE)]
      .filter((sent, i, all) => all.indexOf(sent) === i)
      .sort((a, b) => a.index - b.index)
      .map((sent) => `    #${sent.index} connection ${sent.connection}: ${showArgs(sent.args)}`);
    const place = `HEARTHKV_SEED=${this.seed} RESP${this.protocol} command #${last?.index}`;
    this.differences.push([`${place}: ${showArgs(args)}`, `  ${what}`, "  before it:", ...lines].join("\n"));
  }

  #remember(sent: Sent): void {
    this.#history.push(sent);
    if (this.#history.length > 2 * HISTORY) this.#history.splice(0, HISTORY);
  }

  /** Compares all that the servers hold, and what SCAN and its kin find of it in steps. */
  async compareContents(pair: Pair, random: Random): Promise<void> {
    const [size, other] = await pair.both(["info", "keyspace"]);
    if (databasesIn(size) !== databasesIn(other)) this.report(["info", "keyspace"], `${size.text}\n${other.text}`);
    for (let db = 0; db < DATABASES; db++) {
      await pair.both(["select", String(db)]);
      await this.#compareDatabase(pair, random, db);
    }
    await pair.both(["select", "0"]);
  }

  async #compareDatabase(pair: Pair, random: Random, db: number): Promise<void> {
    const before = this.differences.length;
    const [h, r] = await pair.both(["keys", "*"]);
    const keys = sorted(h.items).map(({ text }) => text);
    if (joined(sorted(h.items)) !== joined(sorted(r.items))) {
      this.report(["keys", "*"], `the keys of database ${db}\n${showReply(h)}\n${showReply(r)}`);
      return;
    }
    const types = await pair.hearth.exchange(keys.map((key) => ["type", key]));
    const reads = keys.flatMap((key, i) => contentSteps(key, types[i].text));
    if (reads.length === 0) return;
    const [hearth, redis] = await Promise.all([
      pair.hearth.exchange(reads.map(({ args }) => args)),
      pair.redis.exchange(reads.map(({ args }) => args)),
    ]);
    reads.forEach((read, i) => {
      if (agree(read, hearth[i], redis[i]) || explained(read.args, hearth[i], redis[i]) !== undefined) return;
      this.report(
        read.args,
        `the content of database ${db}\n  HearthKV ${showReply(hearth[i])}\n  Redis    ${showReply(redis[i])}`,
      );
    });
    if (this.differences.length > before) return;
    const count = String(random.int(1, 20));
    await this.#compareScans(pair, ["scan"], count, keys);
    for (let i = 0; i < keys.length; i++) {
      const verb = { hash: "hscan", set: "sscan", zset: "zscan" }[types[i].text];
      if (verb !== undefined && random.chance(0.3)) await this.#compareScans(pair, [verb, keys[i]], count, null);
    }
  }

  /** The elements that a whole iteration gives, each once. `wanted` when they are known. */
  async #compareScans(pair: Pair, command: readonly string[], count: string, wanted: readonly string[] | null) {
    const [hearth, redis] = await Promise.all([
      scanAll(pair.hearth, command, count),
      scanAll(pair.redis, command, count),
    ]);
    const found = JSON.stringify([...new Set(hearth)].sort());
    const expected = JSON.stringify([...new Set(wanted ?? redis)].sort());
    if (found !== expected) this.report(command, `COUNT ${count} in steps\n  found  ${found}\n  wanted ${expected}`);
  }
}

/** Reads of everything about one key. */
function contentSteps(key: string, type: string): Step[] {
  const read = {
    string: step(["get", key]),
    list: step(["lrange", key, "0", "-1"]),
    hash: step(["hgetall", key], (h, r) => pairsOf(h) === pairsOf(r)),
    set: step(["smembers", key], (h, r) => joined(sorted(h.items)) === joined(sorted(r.items))),
    zset: step(["zrange", key, "0", "-1", "withscores"], memberScores),
  }[type];
  return [step(["type", key]), step(["pttl", key], near(PTTL_MS_APART)), ...(read === undefined ? [] : [read])];
}

function pairsOf({ items }: Reply): string {
  const pairs: string[] = [];
  for (let i = 0; i + 1 < items.length; i += 2) pairs.push(joined([items[i], items[i + 1]]));
  return pairs.sort().join("\n");
}

/** Elements of a whole iteration; fields and members, not what belongs to them. */
async function scanAll(connection: Connection, command: readonly string[], count: string): Promise<string[]> {
  const found: string[] = [];
  let cursor = "0";
  do {
    const reply = await connection.send(...command, cursor, "count", count);
    const [next, items] = reply.items;
    const every = command[0] === "hscan" || command[0] === "zscan" ? 2 : 1;
    for (let i = 0; i < items.items.length; i += every) found.push(items.items[i].text);
    cursor = next.text;
  } while (cursor !== "0");
  return found;
}

/** How many keys each database has, and how many of them expire, as INFO tells. */
function databasesIn(info: Reply): string {
  return [...info.text.matchAll(/db\d+:keys=\d+,expires=\d+/g)].join(" ");
}

/** A command on one line for people. */
export function showArgs(args: readonly string[]): string {
  const text = args.map((arg) => (/^[\w:.*-]+$/.test(arg) ? arg : JSON.stringify(arg))).join(" ");
  return text.length > 500 ? `${text.slice(0, 500)}... (${args.length} arguments)` : text;
}

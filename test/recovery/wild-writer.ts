/**
 * A client that writes anything: every type, commands that choose for themselves, short lives, moves between keys and databases, collections
 * that are encoded in slices. Many commands fail (the key holds another type), which must leave no trace either.
 */
import type { Random } from "../crash/random.js";
import { type Arg, RespClient, type ServerProcess } from "../support/index.js";

const KEYS = 150;
const BATCH = 32;
/** Elements of each of the large collections, enough for several slices. */
const LARGE = 12_000;
/** So large that a snapshot needs several turns for the list: it is written to meanwhile. */
const LARGE_ELEMENT_BYTES = 150;
const SHORT_LIFE_MS = 30;
const LONG_LIFE_S = 10_000;

/** Large collections and many small strings, so that a snapshot takes long enough to be written into. */
export async function fill(server: ServerProcess): Promise<void> {
  const client = await server.connect();
  const numbers = Array.from({ length: LARGE }, (_, i) => i);
  await client.ok("HSET", "large-hash", ...numbers.flatMap((i) => [`field-${i}`, `value-${i}`]));
  await client.ok("RPUSH", "large-list", ...numbers.map((i) => `element-${i}`.padEnd(LARGE_ELEMENT_BYTES, ".")));
  await client.ok("SADD", "large-set", ...numbers.map((i) => `member-${i}`));
  await client.ok("ZADD", "large-zset", ...numbers.flatMap((i) => [i / 7, `member-${i}`]));
  await client.ok("MSET", ...numbers.flatMap((i) => [`string-${i}`, `some value of a string, number ${i}`]));
  client.close();
}

/** Sends batches one after the other. */
export class WildWriter {
  readonly #random: Random;
  readonly #client: RespClient;
  #running: Promise<void> = Promise.resolve();
  #stopped = true;
  /** Commands that the server has answered. */
  answered = 0;

  private constructor(client: RespClient, random: Random) {
    this.#client = client;
    this.#random = random;
  }

  static async connect(port: number, random: Random): Promise<WildWriter> {
    return new WildWriter(await RespClient.connect(port), random);
  }

  /** Begins to write, or goes on. */
  start(): void {
    this.#stopped = false;
    this.#running = this.#run();
  }

  /** Resolves when everything that was sent is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  close(): void {
    this.#client.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const replies = await this.#client.pipeline(Array.from({ length: BATCH }, () => this.#command()));
      this.answered += replies.length;
    }
  }

  #key(): string {
    return `key-${this.#random.whole(0, KEYS - 1)}`;
  }

  #command(): Arg[] {
    const r = this.#random;
    const k = this.#key();
    const n = r.whole(0, LARGE * 2);
    const commands: (() => Arg[])[] = [
      () => ["SET", k, `${n}`.padEnd(r.whole(1, 400), "*")],
      () => ["SET", k, n, "PX", r.whole(1, SHORT_LIFE_MS)],
      () => ["SETEX", k, LONG_LIFE_S, n],
      () => ["SET", `string-${n}`, `changed ${n}`, "KEEPTTL"],
      () => ["GETSET", k, n],
      () => ["GETDEL", k],
      () => ["GETEX", k, "PX", r.whole(1, SHORT_LIFE_MS)],
      () => ["SETNX", k, n],
      () => ["MSET", k, n, this.#key(), n, this.#key(), n],
      () => ["MSETNX", k, n, `new-${n}`, n],
      () => ["INCRBY", k, r.whole(-9, 9)],
      () => ["DECR", k],
      () => ["INCRBYFLOAT", k, r.whole(-99, 99) / 8],
      () => ["APPEND", k, n],
      () => ["SETRANGE", k, r.whole(0, 600), n],
      () => ["DEL", k, this.#key()],
      () => ["MDEL", `string-${n}`, k],
      () => ["RENAME", k, this.#key()],
      () => ["RENAMENX", k, `new-${n}`],
      () => ["COPY", k, this.#key(), "REPLACE"],
      () => (r.whole(0, 50) === 0 ? ["COPY", "large-set", "copy", "DB", 1, "REPLACE"] : ["COPY", k, k, "DB", 1]),
      () => ["EXPIRE", k, LONG_LIFE_S],
      () => ["PEXPIRE", k, r.whole(1, SHORT_LIFE_MS)],
      () => ["PERSIST", k],
      () => ["HSET", k, n, n, "f", n],
      () => ["HDEL", k, "f"],
      () => ["HSET", "large-hash", `field-${n}`, `changed ${n}`],
      () => ["HDEL", "large-hash", `field-${n}`, `field-${n + 1}`],
      () => ["LPUSH", k, n, n],
      () => ["RPUSH", "large-list", n, `${n}`.padEnd(LARGE_ELEMENT_BYTES, ",")],
      () => ["LPUSH", "large-list", n, `${n}`.padEnd(LARGE_ELEMENT_BYTES, ";")],
      () => ["LPOP", "large-list", 2],
      () => ["RPOP", "large-list", 2],
      () => ["RPOP", k],
      () => ["SADD", k, n, r.whole(0, 20)],
      () => ["SPOP", k],
      () => ["SPOP", "large-set", 2],
      () => ["SADD", "large-set", `member-${n}`],
      () => ["SREM", "large-set", `member-${n}`],
      () => ["ZADD", k, r.whole(-50, 50) / 3, n, "inf", "top"],
      () => ["ZADD", "large-zset", r.next() * 1e6, `member-${n}`],
      () => ["ZADD", "large-zset", "INCR", 1 / 3, `member-${n}`],
      () => ["ZPOPMIN", "large-zset", 2],
      () => ["ZREM", k, "top"],
      () => ["LOCK", `lock-${n % 20}`, `owner-${n % 3}`, LONG_LIFE_S * 1000 + r.whole(0, 999)],
      () => ["EXTENDLOCK", `lock-${n % 20}`, `owner-${n % 3}`, LONG_LIFE_S * 1000 + r.whole(0, 999)],
      () => ["UNLOCK", `lock-${n % 20}`, `owner-${n % 3}`],
      () => ["SELECT", r.pick([0, 0, 0, 0, 2])],
      () => ["MULTI"],
      () => ["EXEC"],
      () => (r.whole(0, 400) === 0 ? ["FLUSHDB"] : ["GET", k]),
    ];
    return r.pick(commands)();
  }
}

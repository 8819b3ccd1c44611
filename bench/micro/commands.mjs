/** Every type's everyday commands, through the table, with the bytes that they log; without decoder, seal and socket. */
import { keyName, Runner, scattered, sized } from "./requests.mjs";

const REQUESTS = sized(8192);
const KEYS = sized(100_000);
/** Small collections have ten elements, as many of them as fill the cache; large ones have this many. */
const SMALL = 10;
const SMALL_KEYS = sized(10_000);
const LARGE = sized(100_000);
const PER_COMMAND = 100;
/** What SPOP takes from, and so many names to add that hardly one is still there when it is added again: each SADD then adds one. */
const POPPED = sized(10_000);
const POPPED_NAMES = 9 * POPPED;
const VALUE = "v".repeat(64);
const KB = "k".repeat(1024);
const range = (count, make) => Array.from({ length: count }, (_, i) => make(i));

/** Runs the requests in turn. `load`: commands before them; they must leave the data as large as they found it. */
function running(load, requests, hasLog = true) {
  const runner = new Runner();
  runner.load(load);
  runner.load(requests);
  runner.keyspace.effects.enabled = hasLog;
  const prepared = requests.map((words) => runner.prepare(words));
  const run = () => {
    for (const each of prepared) runner.execute(each);
  };
  return { operations: prepared.length, run };
}

const strings = range(KEYS, (i) => ["SET", keyName(i), VALUE]);
const some = (make, below = KEYS) => scattered(REQUESTS, below, make);
const pairs = (first, second) => some((i) => i).flatMap((i) => [first(i), second(i)]);

/** Ten elements for each small collection, and one large one, `element(i)` being the words of an element. */
const collections = (command, element) => [
  ...range(SMALL_KEYS, (k) => [command, keyName(k), ...range(SMALL, element).flat()]),
  ...range(LARGE / PER_COMMAND, (c) => {
    return [command, "large", ...range(PER_COMMAND, (i) => element(c * PER_COMMAND + i)).flat()];
  }),
];
const small = (make) => some((i) => make(keyName(i % SMALL_KEYS), i % SMALL));
const large = (make) => some((i) => make("large", i), LARGE);

const member = (i) => `member:${i}`;
const hashes = () => collections("HSET", (i) => [member(i), `value:${i}`]);
const lists = () => collections("RPUSH", (i) => [member(i)]);
const sets = () => collections("SADD", (i) => [member(i)]);
const integerSets = () => collections("SADD", (i) => [i]);
const zsets = () => collections("ZADD", (i) => [i, member(i)]);

const set64 = some((i) => ["SET", keyName(i), VALUE]);
const hset = (key, i) => ["HSET", key, member(i), `value:${i + 1}`];
const hget = (key, i) => ["HGET", key, member(i)];
const sismember = (key, i) => ["SISMEMBER", key, member(i)];
const zadd = (key, i) => ["ZADD", key, i + 1, member(i)];
const zscore = (key, i) => ["ZSCORE", key, member(i)];

/** By title; each makes what run.mjs measures: `run`, and how many `operations` that is. */
export const parts = {
  "SET 64 B": () => running(strings, set64),
  "SET 64 B, not logged": () => running(strings, set64, false),
  "SET 64 B with expiry": () =>
    running(
      strings,
      some((i) => ["SET", keyName(i), VALUE, "EX", "1000"]),
    ),
  "SET 1 KB": () =>
    running(
      strings,
      some((i) => ["SET", keyName(i), KB]),
    ),
  "GET 64 B": () =>
    running(
      strings,
      some((i) => ["GET", keyName(i)]),
    ),
  INCR: () =>
    running(
      [],
      some((i) => ["INCR", keyName(i)]),
    ),
  "MSET of 10": () =>
    running(
      strings,
      some((i) => ["MSET", ...range(10, (k) => [keyName((i + k * 7) % KEYS), VALUE]).flat()]),
    ),
  "SET and DEL": () =>
    running(
      [],
      pairs(
        (i) => ["SET", keyName(i), VALUE],
        (i) => ["DEL", keyName(i)],
      ),
    ),
  "HSET, small": () => running(hashes(), small(hset)),
  "HSET, large": () => running(hashes(), large(hset)),
  "HGET, small": () => running(hashes(), small(hget)),
  "HGET, large": () => running(hashes(), large(hget)),
  "HGETALL of 10": () =>
    running(
      hashes(),
      small((key) => ["HGETALL", key]),
    ),
  "LPUSH and RPOP, small": () => {
    return running(
      lists(),
      pairs(
        (i) => ["LPUSH", keyName(i % SMALL_KEYS), member(i)],
        (i) => ["RPOP", keyName(i % SMALL_KEYS)],
      ),
    );
  },
  "LPUSH and RPOP, large": () =>
    running(
      lists(),
      pairs(
        (i) => ["LPUSH", "large", member(i)],
        () => ["RPOP", "large"],
      ),
    ),
  "LRANGE of 100": () =>
    running(
      lists(),
      large((key) => ["LRANGE", key, 0, 99]),
    ),
  "SADD and SREM, small": () => {
    return running(
      sets(),
      pairs(
        (i) => ["SADD", keyName(i % SMALL_KEYS), "x"],
        (i) => ["SREM", keyName(i % SMALL_KEYS), "x"],
      ),
    );
  },
  "SADD and SREM, integers": () => {
    return running(
      integerSets(),
      pairs(
        (i) => ["SADD", keyName(i % SMALL_KEYS), 99],
        (i) => ["SREM", keyName(i % SMALL_KEYS), 99],
      ),
    );
  },
  "SADD and SPOP, of 10,000": () =>
    running(
      range(POPPED, (i) => ["SADD", "popped", member(i)]),
      range(POPPED_NAMES, (i) => [
        ["SADD", "popped", `new:${i}`],
        ["SPOP", "popped"],
      ]).flat(),
    ),
  "SISMEMBER, small": () => running(sets(), small(sismember)),
  "SISMEMBER, large": () => running(sets(), large(sismember)),
  "ZADD, small": () => running(zsets(), small(zadd)),
  "ZADD, large": () =>
    running(
      zsets(),
      large((key, i) => ["ZADD", key, (i * 7) % LARGE, member(i)]),
    ),
  "ZADD and ZPOPMIN, large": () =>
    running(
      zsets(),
      pairs(
        (i) => ["ZADD", "large", -1, `new:${i}`],
        () => ["ZPOPMIN", "large"],
      ),
    ),
  "ZSCORE, small": () => running(zsets(), small(zscore)),
  "ZSCORE, large": () => running(zsets(), large(zscore)),
  "ZRANGE of 10, large": () =>
    running(
      zsets(),
      large((key, i) => ["ZRANGE", key, i, i + 9]),
    ),
};

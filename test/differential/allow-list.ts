/**
 * The deliberate differences between HearthKV and redis-server 7.0. The differential test takes a difference for granted only when an entry explains
 * it, and allow-list.test.ts shows that each is still there.
 */
import type { Reply } from "./reply.js";

/** Commands that show a difference, and the replies to the last of them as `showReply` prints them. */
export interface Example {
  readonly commands: readonly (readonly string[])[];
  readonly protocol?: 2 | 3;
  readonly hearth: string | RegExp;
  readonly redis: string | RegExp;
}

export interface Difference {
  readonly name: string;
  readonly reason: string;
  readonly examples: readonly Example[];
  /** A file with a test of the entry's name, for what takes more than one connection. */
  readonly shownIn?: string;
  /** Whether this is what makes these replies differ. Absent: the generator does not run into it. */
  readonly explains?: (args: readonly string[], hearth: Reply, redis: Reply) => boolean;
}

const is = (args: readonly string[], ...names: readonly string[]) => names.includes(args[0].toLowerCase());

export const differences: readonly Difference[] = [
  {
    name: "ZRANK WITHSCORE",
    reason: "Redis 7.2 gave ZRANK and ZREVRANK the option WITHSCORE; for 7.0 a fourth argument is one too many.",
    examples: [
      {
        commands: [
          ["zadd", "z", "1.5", "a"],
          ["zrank", "z", "a", "withscore"],
        ],
        hearth: '*[:0, "1.5"]',
        redis: "-ERR wrong number of arguments for 'zrank' command",
      },
      {
        commands: [["zrevrank", "z", "a", "nope"]],
        hearth: "-ERR syntax error",
        redis: "-ERR wrong number of arguments for 'zrevrank' command",
      },
    ],
  },
  {
    name: "LREM and LPOS with the smallest integer",
    reason: "Its negative is none: newer versions refuse it, 7.0 takes it for itself.",
    examples: [
      {
        commands: [["lrem", "l", "-9223372036854775808", "a"]],
        hearth: "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        redis: ":0",
      },
      {
        commands: [["lpos", "l", "a", "rank", "-9223372036854775808"]],
        hearth: "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        redis: "$-1",
      },
    ],
    explains: (args, h) => is(args, "lrem", "lpos") && h.text.includes("value must between"),
  },
  {
    name: "SUNIONCARD and SDIFFCARD",
    reason: "Redis 8.10 has them.",
    examples: [
      {
        commands: [
          ["sadd", "s", "a", "b"],
          ["sunioncard", "2", "s", "t", "APPROX"],
        ],
        hearth: ":2",
        redis: /^-ERR unknown command 'sunioncard'/,
      },
      {
        commands: [
          ["sadd", "s", "a", "b"],
          ["sdiffcard", "1", "s", "LIMIT", "1"],
        ],
        hearth: ":1",
        redis: /^-ERR unknown command 'sdiffcard'/,
      },
    ],
  },
  {
    name: "AGGREGATE COUNT",
    reason: "Redis 8.8 has it: the weights are added, whatever the scores.",
    examples: [
      {
        commands: [
          ["zadd", "z", "5", "a"],
          ["zunion", "2", "z", "z", "weights", "2", "3", "aggregate", "count", "withscores"],
        ],
        hearth: '*["a", "5"]',
        redis: "-ERR syntax error",
      },
    ],
    explains: (args, _h, r) =>
      is(args, "zunion", "zinter") &&
      args.some((arg) => arg.toLowerCase() === "count") &&
      r.text === "ERR syntax error",
  },
  {
    name: "HSCAN NOVALUES",
    reason: "Redis 7.4 has it.",
    examples: [
      {
        commands: [
          ["hset", "h", "f", "v"],
          ["hscan", "h", "0", "novalues"],
        ],
        hearth: '*["0", *["f"]]',
        redis: "-ERR syntax error",
      },
      {
        commands: [["scan", "0", "novalues"]],
        hearth: "-ERR NOVALUES option can only be used in HSCAN",
        redis: "-ERR syntax error",
      },
    ],
  },
  {
    name: "COMMAND GETKEYS of a command without arguments",
    reason:
      "Redis 7.2 lowered the arity of COMMAND GETKEYS and GETKEYSANDFLAGS, so it looks at the command; 7.0 refuses at once.",
    examples: [
      {
        commands: [["command", "getkeys", "get"]],
        hearth: "-ERR Invalid number of arguments specified for command",
        redis: "-ERR wrong number of arguments for 'command|getkeys' command",
      },
    ],
  },
  {
    name: "SORT after a number that was out of range",
    reason:
      "7.0 does not clear errno before it reads a weight: a number that was out of range in whatever came before makes it refuse right ones.",
    examples: [
      {
        commands: [
          ["rpush", "out", "1e400"],
          ["rpush", "right", "1.5"],
          ["sort", "out"],
          ["sort", "right"],
        ],
        hearth: '*["1.5"]',
        redis: "-ERR One or more scores can't be converted into double",
      },
    ],
    explains: (args, hearth, redis) =>
      is(args, "sort", "sort_ro") && hearth.kind === "*" && redis.text.startsWith("ERR One or more scores"),
  },
  {
    name: "arguments of BITCOUNT and BITPOS",
    reason:
      "Redis 7.0 looks at the key first, and where there is no string at the arguments not at all; later versions judge them first.",
    examples: [
      {
        commands: [["bitcount", "none", "x", "y"]],
        hearth: "-ERR value is not an integer or out of range",
        redis: ":0",
      },
      { commands: [["bitcount", "none", "0"]], hearth: "-ERR syntax error", redis: ":0" },
      { commands: [["bitcount", "none", "0", "1", "bad"]], hearth: "-ERR syntax error", redis: ":0" },
      {
        commands: [["bitpos", "none", "1", "x"]],
        hearth: "-ERR value is not an integer or out of range",
        redis: ":-1",
      },
      {
        commands: [
          ["sadd", "s", "1"],
          ["bitpos", "s", "1", "x"],
        ],
        hearth: "-ERR value is not an integer or out of range",
        redis: "-WRONGTYPE Operation against a key holding the wrong kind of value",
      },
    ],
    explains: (args, hearth, redis) => {
      const isBad = ["ERR syntax error", "ERR value is not an integer or out of range"].includes(hearth.text);
      return is(args, "bitcount", "bitpos") && isBad && (redis.kind === ":" || redis.text.startsWith("WRONGTYPE"));
    },
  },
  {
    name: "BITFIELD #number beyond 2^63 bits",
    reason:
      "Redis multiplies the number by the width of the field without looking, so that some huge ones become small.",
    examples: [
      {
        commands: [["bitfield", "k", "get", "u32", "#-9223372036854775808"]],
        hearth: "-ERR bit offset is not an integer or out of range",
        redis: "*[:0]",
      },
    ],
  },
  {
    name: "BITOP DIFF, DIFF1, ANDOR and ONE",
    reason: "New in Redis 8.2.",
    examples: [
      { commands: [["bitop", "diff", "d", "x", "y"]], hearth: ":0", redis: "-ERR syntax error" },
      {
        commands: [["bitop", "andor", "d", "x"]],
        hearth: "-ERR BITOP ANDOR must be called with at least two source keys.",
        redis: "-ERR syntax error",
      },
    ],
  },
  {
    name: "endless timeout",
    reason:
      "Redis 7.0 multiplies a timeout in seconds without looking and calls what overflows negative; 7.2 says that it is out of range.",
    examples: [
      {
        commands: [["blpop", "l", "inf"]],
        hearth: "-ERR timeout is out of range",
        redis: "-ERR timeout is negative",
      },
    ],
    explains: (args, hearth, redis) => {
      return (
        is(args, "blpop", "brpop", "blmove", "brpoplpush", "blmpop", "bzpopmin", "bzpopmax", "bzmpop") &&
        hearth.text === "ERR timeout is out of range" &&
        redis.text === "ERR timeout is negative"
      );
    },
  },
  {
    name: "HELLO SETNAME before a wrong option",
    reason: "Redis 7.0 sets the name as soon as it reads it; 7.2 and HearthKV only when all of HELLO is right.",
    examples: [
      {
        commands: [
          ["client", "setname", "before"],
          ["hello", "2", "setname", "after", "nope"],
          ["client", "getname"],
        ],
        hearth: '"before"',
        redis: '"after"',
      },
    ],
  },
  {
    name: "expiry beyond 2^53 ms",
    reason: "A time is a number here: the year 287396 is the last, and what is later counts as that.",
    examples: [
      {
        commands: [
          ["set", "k", "v", "pxat", "9223372036854775807"],
          ["pexpiretime", "k"],
        ],
        hearth: ":9007199254740991",
        redis: ":9223372036854775807",
      },
    ],
    explains: (args, hearth, redis) => {
      const end = (2 ** 53 - 1) / (is(args, "ttl", "expiretime") ? 1000 : 1);
      const now = is(args, "ttl", "pttl") ? Date.now() / (is(args, "ttl") ? 1000 : 1) : 0;
      const isEnd = Math.abs(Number(hearth.text) - (end - now)) < 60_000;
      return is(args, "ttl", "pttl", "expiretime", "pexpiretime") && isEnd && Number(redis.text) >= Number(hearth.text);
    },
  },
  {
    name: "scores",
    reason: "Redis 7.2 prints the shortest text that reads back as the same double, 7.0 prints 17 digits.",
    examples: [
      {
        commands: [
          ["zadd", "z", "0.1", "a"],
          ["zscore", "z", "a"],
        ],
        hearth: '"0.1"',
        redis: '"0.10000000000000001"',
      },
      {
        commands: [
          ["zadd", "z", "1e17", "a"],
          ["zincrby", "z", "16", "a"],
        ],
        protocol: 3,
        hearth: ",100000000000000016",
        redis: ",1.0000000000000002e+17",
      },
    ],
  },
  {
    name: "LOCK, UNLOCK and EXTENDLOCK",
    reason: "Commands of our own; the generator has Redis run scripts that do the same.",
    examples: [
      { commands: [["lock", "k", "me", "1000"]], hearth: /^:[1-9]\d*$/, redis: /^-ERR unknown command/ },
      { commands: [["unlock", "k", "me"]], hearth: ":0", redis: /^-ERR unknown command/ },
      { commands: [["extendlock", "k", "me", "1000"]], hearth: ":0", redis: /^-ERR unknown command/ },
    ],
  },
  {
    name: "MDEL",
    reason: "A command of our own: DEL as one mutation of the log.",
    examples: [
      {
        commands: [
          ["mset", "a", "1", "b", "2"],
          ["mdel", "a", "b", "c"],
        ],
        hearth: ":2",
        redis: /^-ERR unknown command/,
      },
    ],
  },
  {
    name: "WAITAOF",
    reason: "New in Redis 7.2.",
    examples: [{ commands: [["waitaof", "1", "0", "0"]], hearth: "*[:1, :0]", redis: /^-ERR unknown command/ }],
  },
  {
    name: "CLIENT SETINFO",
    reason: "New in Redis 7.2.",
    examples: [
      { commands: [["client", "setinfo", "lib-name", "x"]], hearth: "+OK", redis: /^-ERR unknown subcommand/ },
    ],
  },
  {
    name: "INFO and HELLO say who answers",
    reason: "We say that we are like 7.2.4, and who we are.",
    examples: [
      {
        commands: [["info", "server"]],
        hearth: /redis_version:7\.2\.4.*hearthkv_version:/s,
        redis: /redis_version:7\.0/,
      },
      { commands: [["hello"]], hearth: /"version", "7\.2\.4"/, redis: /"version", "7\.0/ },
    ],
  },
  {
    name: "DEBUG DIGEST",
    reason: "The digests are computed in different ways; they tell equal from unequal data of one server only.",
    examples: [
      {
        commands: [
          ["set", "k", "v"],
          ["debug", "digest"],
        ],
        hearth: /^\+[0-9a-f]{40}$/,
        redis: /^\+[0-9a-f]{40}$/,
      },
    ],
  },
  {
    name: "COMMAND COUNT, LIST, DOCS and HELP",
    reason: "They tell of the commands that there are; ours are fewer, and described in our own words.",
    examples: [
      { commands: [["command", "count"]], hearth: /^:\d+$/, redis: /^:2\d\d$/ },
      { commands: [["command", "docs", "get"]], hearth: /summary/, redis: /summary/ },
      { commands: [["client", "help"]], hearth: /KILL/, redis: /CACHING/ },
    ],
  },
  {
    name: "OBJECT REFCOUNT, IDLETIME and ENCODING",
    reason:
      "Nothing is shared here, idle times are not kept, and encodings are those of 7.2; a string's follows from its bytes alone: what APPEND or SETRANGE has made is told as what SET would make (in Redis, too, after a restart).",
    examples: [
      {
        commands: [
          ["set", "k", "1"],
          ["object", "refcount", "k"],
        ],
        hearth: ":1",
        redis: ":2147483647",
      },
      {
        commands: [
          ["sadd", "k", "a"],
          ["object", "encoding", "k"],
        ],
        hearth: '"listpack"',
        redis: '"hashtable"',
      },
      {
        commands: [
          ["set", "k", "1"],
          ["append", "k", "2"],
          ["object", "encoding", "k"],
        ],
        hearth: '"int"',
        redis: '"raw"',
      },
    ],
  },
  {
    name: "a message to oneself",
    reason:
      "A client that publishes to itself in RESP3 has its reply first in 7.2, which keeps pushes back until then; in 7.0 the push comes first.",
    examples: [
      {
        commands: [
          ["subscribe", "c"],
          ["publish", "c", "m"],
        ],
        protocol: 3,
        hearth: ":1",
        redis: '>["message", "c", "m"]',
      },
    ],
  },
  {
    name: "a transaction that fills two lists",
    reason:
      "7.2 runs the command of a waiting client again, so the first of its keys that has something wins; 7.0 serves the key that was written first.",
    examples: [],
    shownIn: "sessions.test.ts",
  },
];

/** The name of the entry that explains a difference. */
export function explained(args: readonly string[], hearth: Reply, redis: Reply): string | undefined {
  return differences.find((entry) => entry.explains?.(args, hearth, redis))?.name;
}

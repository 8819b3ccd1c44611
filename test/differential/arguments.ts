/** Arguments of random commands: few keys, so that commands meet; and every value that a server in JavaScript might get wrong. */
import type { Random } from "./random.js";

/** Families of keys: commands mostly meet keys of their own family, now and then any. */
export type Family = "string" | "hash" | "list" | "set" | "zset";
export const families: readonly Family[] = ["string", "hash", "list", "set", "zset"];

/** A key that nothing creates. */
export const ABSENT_KEY = "absent";

/** Around every width of integer, and what only looks like a number. */
export const edgeIntegers: readonly string[] = [
  ...[
    "0",
    "1",
    "-1",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "-4294967296",
  ],
  ...["9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740992", "-9007199254740993"],
  ...[
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775809",
  ],
  ...[
    "18446744073709551615",
    "18446744073709551616",
    "1e3",
    "0x10",
    "",
    " 1",
    "1 ",
    "+1",
    "01",
    "-0",
    "-01",
    "inf",
    "nan",
    "1.0",
  ],
];

/** Integers that no command takes for a time, and times that have passed: what follows does not depend on the clock. */
export const edgeTimes: readonly string[] = [
  ...["0", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616"],
  ...["1e3", "0x10", "", " 1", "01", "-0", "inf", "nan", "1.5"],
];

export const edgeFloats: readonly string[] = [
  ...[
    "0",
    "-0",
    "0.0",
    "1",
    "-1",
    "1.5",
    "3.0",
    ".5",
    "5.",
    "1e3",
    "1E3",
    "1e-7",
    "1e17",
    "-1e17",
    "1e21",
    "1e400",
    "1e-400",
  ],
  ...[
    "inf",
    "-inf",
    "+inf",
    "Infinity",
    "-INFINITY",
    "nan",
    "NaN",
    "0x10",
    "0x1p3",
    "",
    " 1",
    "1 ",
    "+1",
    "01",
    "1e",
    "e1",
    "1_0",
  ],
  ...[
    "2147483648",
    "4294967296",
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
  ],
  ...["0.1", "0.30000000000000004", "3.141592653589793", "1.7976931348623157e308", "5e-324", "2.2250738585072014e-308"],
];

/** Names that mean something to JavaScript, to Unicode or to the protocol. */
export const traps: readonly string[] = [
  ...[
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "toString",
    "undefined",
    "null",
    "NaN",
    "[object Object]",
    "length",
  ],
  ...[
    "\u00c5\u00bfet",
    "\u00c4\u00b1nfo",
    "\u00ff\u00fe",
    "\u0000",
    "\r\n",
    "+OK\r\n",
    "$-1\r\n",
    "\u00e2\u0082\u00ac",
    "a b",
    "'\"\\",
    "%s%n",
  ],
];

export const patterns: readonly string[] = [
  ...[
    "*",
    "**",
    "?*",
    "s*",
    "*:1",
    "[sl]*",
    "[^s]*",
    "[a-m]*",
    "[z-a]*",
    "*[0-1]",
    "\\*",
    "\\s*",
    "z?et:?",
    "hash:[0-9]",
    "",
    "[",
  ],
  ...[
    "[]",
    "[^]",
    "[a",
    "[a-",
    "[\\]]",
    "*\\",
    "a*b*c*d",
    "__proto__",
    "[[]*",
    "*?*?*?",
    "[^-]*",
    "[!s]*",
    "{s}*",
    "\u00ff*",
    "(s)*",
    "s.*",
    "^s",
  ],
];

const longKey = "k".repeat(300);
const otherKeys: readonly string[] = ["k", "K", "", "1", "01", longKey, ...traps];
const keysPerFamily = 4;

/** Draws arguments. */
export class Arguments {
  readonly random: Random;
  #ladder = 0;

  constructor(random: Random) {
    this.random = random;
  }

  key(family?: Family): string {
    const { random } = this;
    if (random.chance(0.06)) return random.pick(otherKeys);
    const chosen = family === undefined || random.chance(0.15) ? random.pick(families) : family;
    return `${chosen}:${random.int(0, keysPerFamily - 1)}`;
  }

  /** What a key, a field or an element may hold. */
  value(): string {
    const { random } = this;
    const dice = random.next();
    if (dice < 0.25) return String(random.int(-20, 200));
    if (dice < 0.4) return random.pick(edgeIntegers);
    if (dice < 0.5) return random.pick(edgeFloats);
    if (dice < 0.6) return random.pick(traps);
    if (dice < 0.7) return this.bytes(random.int(0, 40));
    if (dice < 0.715) return this.bytes(random.int(41, 70));
    if (dice < 0.72) return "x".repeat(random.int(1000, 20_000));
    return random.pick(["a", "b", "foo", "hello world", "the quick brown fox", "value"]);
  }

  /** A member of a set or a sorted set, a field of a hash: one of a few, mostly. */
  member(): string {
    const { random } = this;
    if (random.chance(0.85)) return `m${random.int(0, 11)}`;
    return random.chance(0.5) ? String(random.int(-5, 40)) : this.value();
  }

  bytes(length: number): string {
    let text = "";
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.random.int(0, 255));
    return text;
  }

  /** An integer where a position, a count or a number is meant. */
  integer(): string {
    const { random } = this;
    if (random.chance(0.3)) return random.pick(edgeIntegers);
    return String(random.int(-12, 30));
  }

  /** How many: mostly a few. */
  count(): string {
    const { random } = this;
    return random.chance(0.15) ? random.pick(edgeIntegers) : String(random.int(0, 8));
  }

  float(): string {
    const { random } = this;
    if (random.chance(0.3)) return random.pick(edgeFloats);
    if (random.chance(0.4)) return String(random.int(-50, 50) / 4);
    return (random.next() * 10 ** random.int(0, 6) - 100).toFixed(random.int(0, 6));
  }

  score(): string {
    return this.random.chance(0.7) ? String(this.random.int(-5, 20)) : this.float();
  }

  scoreBound(): string {
    const { random } = this;
    const bound = random.chance(0.2) ? random.pick(["-inf", "+inf", "inf"]) : this.score();
    return random.chance(0.25) ? `(${bound}` : bound;
  }

  lexBound(): string {
    const { random } = this;
    const dice = random.next();
    if (dice < 0.25) return random.pick(["-", "+"]);
    if (dice < 0.3) return random.pick(["", "m", "(", "[", "-m", "+m", "inf"]);
    return random.pick(["[", "("]) + (random.chance(0.8) ? `m${random.int(0, 11)}` : this.value());
  }

  pattern(): string {
    return this.random.chance(0.9) ? this.random.pick(patterns) : this.value();
  }

  /**
   * Seconds from now, never the same within ten thousand draws and a thousand apart: how long a command took can decide neither which of two
   * is later nor whether a key is still there.
   */
  seconds(): string {
    this.#ladder = (this.#ladder + 1) % 10_007;
    return String(10_000 + 1000 * ((this.#ladder * 7919) % 10_007));
  }

  milliseconds(): string {
    return `${this.seconds()}000`;
  }

  /** Seconds since 1970, far away. */
  timestamp(): string {
    return String(4_000_000_000 + this.random.int(0, 50));
  }

  /** Seconds since 1970, now and then long ago: for commands that delete what has expired at once. */
  anyTimestamp(): string {
    const { random } = this;
    return random.chance(0.05) ? random.pick(["1", "1000000000"]) : this.timestamp();
  }

  timestampMs(): string {
    return `${this.timestamp()}${this.random.int(100, 999)}`;
  }

  database(): string {
    const { random } = this;
    if (random.chance(0.1)) return random.pick(edgeIntegers);
    return String(random.chance(0.7) ? 0 : random.int(0, 16));
  }

  /** A word in some mixture of cases. */
  casing(word: string): string {
    const { random } = this;
    const dice = random.next();
    if (dice < 0.6) return word;
    if (dice < 0.9) return word.toUpperCase();
    return [...word].map((letter) => (random.chance(0.5) ? letter.toUpperCase() : letter)).join("");
  }
}

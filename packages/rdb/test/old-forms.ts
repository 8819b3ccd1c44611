/** The forms in which older versions wrote values, made anew: redis-server 7.0 reads all of them (test/compare/dump.test.ts asks it). */
import { putLength } from "../src/index.js";

/** A value in some form, with its type byte, and what it stands for (see recorded.ts). */
export interface FormedValue {
  readonly name: string;
  readonly bytes: Buffer;
  readonly kind: string;
  readonly elements: readonly (string | number)[];
}

export function length(n: number): Buffer {
  const bytes = Buffer.alloc(5);
  return bytes.subarray(0, putLength(bytes, 0, n));
}

export function string(bytes: Uint8Array | string): Buffer {
  const raw = Buffer.from(bytes as string, "latin1");
  return Buffer.concat([length(raw.length), raw]);
}

/** Integers where the element is a number, strings otherwise. */
type Element = string | bigint;

function little(value: bigint, bytes: number): Buffer {
  const all = Buffer.alloc(8);
  all.writeBigInt64LE(value);
  return all.subarray(0, bytes);
}

/** Each integer in the narrowest encoding that holds it. */
export function ziplist(elements: readonly Element[]): Buffer {
  const parts: Buffer[] = [];
  let before = 0;
  let tail = 10;
  let at = 10;
  for (const element of elements) {
    const previous =
      before < 254 ? Buffer.from([before]) : Buffer.concat([Buffer.from([254]), little(BigInt(before), 4)]);
    const part = Buffer.concat([
      previous,
      typeof element === "string" ? ziplistString(element) : ziplistInteger(element),
    ]);
    tail = at;
    at += part.length;
    before = part.length;
    parts.push(part);
  }
  const head = Buffer.alloc(10);
  head.writeUInt32LE(at + 1, 0);
  head.writeUInt32LE(tail, 4);
  head.writeUInt16LE(elements.length, 8);
  return Buffer.concat([head, ...parts, Buffer.from([255])]);
}

function ziplistString(text: string): Buffer {
  const raw = Buffer.from(text, "latin1");
  const n = raw.length;
  if (n < 64) return Buffer.concat([Buffer.from([n]), raw]);
  if (n < 16384) return Buffer.concat([Buffer.from([0x40 | (n >> 8), n & 255]), raw]);
  const head = Buffer.from([0x80, 0, 0, 0, 0]);
  head.writeUInt32BE(n, 1);
  return Buffer.concat([head, raw]);
}

function ziplistInteger(value: bigint): Buffer {
  if (value >= 0n && value <= 12n) return Buffer.from([0xf1 + Number(value)]);
  const widths = [
    [0xfe, 1],
    [0xc0, 2],
    [0xf0, 3],
    [0xd0, 4],
    [0xe0, 8],
  ] as const;
  const [code, bytes] = widths.find(([, b]) => BigInt.asIntN(8 * b, value) === value) ?? [0xe0, 8];
  return Buffer.concat([Buffer.from([code]), little(value, bytes)]);
}

export function intset(width: 2 | 4 | 8, values: readonly bigint[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(width, 0);
  head.writeUInt32LE(values.length, 4);
  return Buffer.concat([head, ...values.map((value) => little(value, width))]);
}

export function zipmap(pairs: readonly (readonly [string, string])[], spare = 0): Buffer {
  const size = (n: number) => (n < 254 ? Buffer.from([n]) : Buffer.concat([Buffer.from([254]), little(BigInt(n), 4)]));
  const parts = pairs.map(([field, value]) =>
    Buffer.concat([
      size(field.length),
      Buffer.from(field),
      size(value.length),
      Buffer.from([spare]),
      Buffer.from(value),
      Buffer.alloc(spare),
    ]),
  );
  return Buffer.concat([Buffer.from([Math.min(pairs.length, 254)]), ...parts, Buffer.from([255])]);
}

const LONG = "l".repeat(300);
const VERY_LONG = "v".repeat(20000);
const INTEGERS = [0n, 12n, 13n, -1n, 127n, -128n, 128n, 32767n, -32769n, 8388607n, 8388608n, -(2n ** 31n), 2n ** 40n];
const MIXED: readonly Element[] = ["a", "", LONG, ...INTEGERS, VERY_LONG, "end", -(2n ** 63n), 2n ** 63n - 1n];
const texts = (elements: readonly Element[]) => elements.map(String);

function formed(
  name: string,
  type: number,
  kind: string,
  body: Buffer[],
  elements: readonly (string | number)[],
): FormedValue {
  return { name, bytes: Buffer.concat([Buffer.from([type]), ...body]), kind, elements };
}

export const oldForms: readonly FormedValue[] = [
  formed(
    "a list, element by element",
    1,
    "list",
    [length(3), string("a"), string(LONG), Buffer.from([0xc0, 0xfb])],
    ["a", LONG, "-5"],
  ),
  formed(
    "a sorted set with scores as text",
    3,
    "zset",
    [
      length(4),
      ...[string("b"), Buffer.from([3]), Buffer.from("2.5")],
      ...[string("i"), Buffer.from([254])],
      ...[string("m"), Buffer.from([255])],
      ...[string("a"), Buffer.from([2]), Buffer.from("-1")],
    ],
    ["b", 2.5, "i", Number.POSITIVE_INFINITY, "m", Number.NEGATIVE_INFINITY, "a", -1],
  ),
  formed(
    "a zipmap",
    9,
    "hash",
    [
      string(
        zipmap([
          ["f", "v"],
          ["g", LONG],
          ["h", ""],
        ]),
      ),
    ],
    ["f", "v", "g", LONG, "h", ""],
  ),
  formed(
    "a zipmap with spare bytes",
    9,
    "hash",
    [
      string(
        zipmap(
          [
            ["f", "v"],
            ["g", "w"],
          ],
          3,
        ),
      ),
    ],
    ["f", "v", "g", "w"],
  ),
  formed("a list in a ziplist", 10, "list", [string(ziplist(MIXED))], texts(MIXED)),
  formed("integers of 16 bits", 11, "set", [string(intset(2, [-5n, 0n, 300n]))], ["-5", "0", "300"]),
  formed(
    "integers of 64 bits",
    11,
    "set",
    [string(intset(8, [-(2n ** 63n), 5n, 2n ** 63n - 1n]))],
    ["-9223372036854775808", "5", "9223372036854775807"],
  ),
  formed(
    "a sorted set in a ziplist",
    12,
    "zset",
    [string(ziplist(["m", "-inf", "a", 1n, "b", "2.5"]))],
    ["m", Number.NEGATIVE_INFINITY, "a", 1, "b", 2.5],
  ),
  formed("a hash in a ziplist", 13, "hash", [string(ziplist(["f", "v", "g", 7n]))], ["f", "v", "g", "7"]),
  formed(
    "a list of ziplists",
    14,
    "list",
    [length(2), string(ziplist(["a", 1n])), string(ziplist([LONG]))],
    ["a", "1", LONG],
  ),
];

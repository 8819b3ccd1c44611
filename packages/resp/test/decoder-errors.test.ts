import { expect, test } from "vitest";
import type { DecoderLimits } from "../src/limits.js";
import { decodeAll } from "./helpers.js";

const PROTOCOL = "ERR Protocol error: ";
const BIG = 65_536;
const waits = "";
const silent = "closed silently";

interface Case {
  input: string;
  /** Commands seen before the end, one word each. */
  before?: string[];
  end: string;
  limits?: Partial<DecoderLimits>;
}

const noAuth = { open: false };

/** Recorded from redis-server 7.0.15. */
const cases: Case[] = [
  ...[
    "*2147483648\r\n",
    "*abc\r\n",
    "*+1\r\n",
    "*01\r\n",
    "*\r\n",
    "*1 \r\n",
    "*-0\r\n",
    "*9223372036854775808\r\n",
  ].map((input) => ({ input, end: `${PROTOCOL}invalid multibulk length` })),
  { input: "*-10\r\n*0\r\n\r\n \t \r\n\n*-9223372036854775808\r\nPING\r\n", before: ["PING"], end: waits },
  { input: "PING\r\n*1\r\nfoo\r\n", before: ["PING"], end: `${PROTOCOL}expected '$', got 'f'` },
  { input: "*1\r\n!4\r\n", end: `${PROTOCOL}expected '$', got '!'` },
  { input: "*1\r\n\xff\r\n", end: `${PROTOCOL}expected '$', got '\xff'` },
  { input: "*1\r\n\n3\r\n", end: `${PROTOCOL}expected '$', got '\n'` },
  { input: "*1\r\n\r\n\r\n", end: `${PROTOCOL}expected '$', got '\r'` },
  ...["$-1", "$-10", "$blabla", "$", "$536870913", "$18446744073709551616", "$00", "$03", "$+3", "$-0", "$ 3"].map(
    (line) => ({
      input: `*1\r\n${line}\r\n`,
      end: `${PROTOCOL}invalid bulk length`,
    }),
  ),
  { input: "*1\r\n$536870912\r\n", end: waits },
  { input: "*1048577\r\n", end: waits },
  { input: "*2147483647\r\n", end: waits },
  { input: "a".repeat(BIG), end: waits },
  { input: "a".repeat(BIG + 1), end: `${PROTOCOL}too big inline request` },
  { input: "*".padEnd(BIG, "1"), end: waits },
  { input: "*".padEnd(BIG + 1, "1"), end: `${PROTOCOL}too big mbulk count string` },
  { input: `*1\r\n${"$".padEnd(BIG, "1")}`, end: waits },
  { input: `*1\r\n${"$".padEnd(BIG + 1, "1")}`, end: `${PROTOCOL}too big bulk count string` },
  { input: 'PING\r\n"a\r\n', before: ["PING"], end: `${PROTOCOL}unbalanced quotes in request` },
  { input: "POST / HTTP/1.1\r\nPING\r\n", end: silent },
  { input: "PING\r\nhost: example.org\r\n", before: ["PING"], end: silent },
  { input: "*1\r\n$4\r\npOsT\r\nPING\r\n", end: silent },
  { input: "*2\r\n$5\r\nHost:\r\n$1\r\nx\r\n", end: silent },
  { input: "GET / HTTP/1.1\r\n", before: ["GET"], end: waits },
  { input: "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", before: ["PING", "PING"], end: waits },
  { input: "*1\rX$4\rYPING\r\nPING\r\n", before: ["PING", "PING"], end: waits },
  { input: "PI\0NG\r\nPING\r\n", end: waits },
  { input: "*1\0\r\n$4\r\nPING\r\n", end: waits },
  { input: `P\0${"\n".repeat(BIG)}`, end: `${PROTOCOL}too big inline request` },
  { input: "*11\r\n", end: `${PROTOCOL}unauthenticated multibulk length`, limits: noAuth },
  { input: "*10\r\n", end: waits, limits: noAuth },
  { input: "*1\r\n$16385\r\n", end: `${PROTOCOL}unauthenticated bulk length`, limits: noAuth },
  // The same length with its bytes, and an argument behind it that has not come.
  {
    input: `*2\r\n$16385\r\n${"x".repeat(16_385)}\r\n`,
    end: `${PROTOCOL}unauthenticated bulk length`,
    limits: noAuth,
  },
  { input: "*1\r\n$16384\r\n", end: waits, limits: noAuth },
  { input: "*1\r\n$536870913\r\n", end: `${PROTOCOL}invalid bulk length`, limits: noAuth },
];

function label(input: string): string {
  return input.length > 40 ? `${JSON.stringify(input.slice(0, 20))}... of ${input.length}` : JSON.stringify(input);
}

for (const { input, before = [], end, limits = {} } of cases) {
  test(`${label(input)} ends with ${JSON.stringify(end)}`, () => {
    const bytes = Buffer.from(input, "latin1");
    const positions = bytes.length < 100 ? bytes.keys() : [1, 100, 30_000, 65_536, bytes.length - 1];
    for (const at of positions) {
      const seen = decodeAll([bytes.subarray(0, at), bytes.subarray(at)], limits);
      expect(seen.end, `split at ${at}`).toBe(end);
      expect(seen.requests.map((args) => args[0])).toEqual(before);
    }
  });
}

import { expect, test } from "vitest";
import { formatDouble, parseFloat64, parseInt64, parseSafeInt } from "../src/numbers.js";
import { seeded } from "./helpers.js";

const seed = Number(process.env.HEARTHKV_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

function over<T>(parse: (buf: Uint8Array, off: number, len: number) => T, text: string): T {
  return parse(Buffer.from(`99${text}99`, "latin1"), 2, text.length);
}

const badIntegers = ["", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "1e3", "0x1", "a", "1\0", "--1", "٣"];

test.each(badIntegers)("%j is not an integer", (text) => {
  expect([over(parseInt64, text), over(parseSafeInt, text)]).toEqual([null, Number.NaN]);
});

test.each(["0", "1", "-1", "10", "9007199254740991", "-9007199254740991"])("%s is a safe integer", (text) => {
  expect([over(parseInt64, text), over(parseSafeInt, text)]).toEqual([BigInt(text), Number(text)]);
});

test.each(["9007199254740992", "-9007199254740993", "9223372036854775807", "-9223372036854775808"])(
  "%s is an int64",
  (text) => {
    expect([over(parseInt64, text), over(parseSafeInt, text)]).toEqual([BigInt(text), Number.NaN]);
  },
);

test.each(["9223372036854775808", "-9223372036854775809", "18446744073709551616", "1".repeat(100)])(
  "%s overflows",
  (text) => {
    expect([over(parseInt64, text), over(parseSafeInt, text)]).toEqual([null, Number.NaN]);
  },
);

/** As ZADD of redis-server 7.0 takes them. */
const doubles: [text: string, value: number | null][] = [
  ["3", 3],
  ["-0", -0],
  ["+5", 5],
  ["007", 7],
  ["5.", 5],
  [".5", 0.5],
  ["-.5e3", -500],
  ["1E+2", 100],
  ["inf", Number.POSITIVE_INFINITY],
  ["+INF", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["0x10", 16],
  ["-0X1.8p1", -3],
  ["0x.8", 0.5],
  ["0x1p-1074", 5e-324],
  ["0x0p99999", 0],
  ["-0x0p99999", -0],
  ["5e-324", 5e-324],
  ["0e-9999", 0],
  ["1.7976931348623157e308", Number.MAX_VALUE],
  ...[
    "",
    " 1",
    "1 ",
    "\t1",
    "nan",
    "-nan",
    "infin",
    ".",
    "e5",
    "1e",
    "1e+",
    "1x",
    "0x",
    "0xg",
    "1\0",
    "1,5",
    "1_0",
    "٣",
  ].map((text): [string, null] => [text, null]),
  ...["1e309", "-1e309", "1e-400", "0x1p1024", "0x1p-1080"].map((text): [string, null] => [text, null]),
];

test.each(doubles)("%j is the double %s", (text, value) => {
  expect(over(parseFloat64, text)).toBe(value);
});

/** As Redis 7.2 prints them (fpconv, and integers up to 2^62 in full). */
const printed: [value: number, text: string][] = [
  [0, "0"],
  [-0, "-0"],
  [3, "3"],
  [-3.5, "-3.5"],
  [0.1, "0.1"],
  [0.30000000000000004, "0.30000000000000004"],
  [1e15, "1000000000000000"],
  [2 ** 53 + 2, "9007199254740994"],
  [1e18, "1000000000000000000"],
  [2 ** 62, "4611686018427387904"],
  [5e18, "5e+18"],
  [1e20, "1e+20"],
  [-1e20, "-1e+20"],
  [1.2345678901234567e19, "12345678901234567000"],
  [1.5e300, "1.5e+300"],
  [1e100, "1e+100"],
  [1e-5, "0.00001"],
  [1e-6, "0.000001"],
  [1e-7, "1e-7"],
  [1.5e-7, "1.5e-7"],
  [0.00012345, "1.2345e-4"],
  [0.0001234, "1.234e-4"],
  [0.000123, "0.000123"],
  [1234.5678901, "1234.5678901"],
  [12345.678901234567, "1.2345678901234567e+4"],
  [12345.5, "12345.5"],
  [5e-324, "5e-324"],
  [Number.MAX_VALUE, "1.7976931348623157e+308"],
  [Number.POSITIVE_INFINITY, "inf"],
  [Number.NEGATIVE_INFINITY, "-inf"],
  [Number.NaN, "nan"],
];

test.each(printed)("%d is printed as %s", (value, text) => {
  expect(formatDouble(value)).toBe(text);
});

test(`what is printed reads back as the same double (seed ${seed})`, () => {
  console.log(`numbers seed ${seed}`);
  const random = seeded(seed);
  const view = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < 20_000; i++) {
    view.setUint32(0, random() * 2 ** 32);
    view.setUint32(4, random() * 2 ** 32);
    const x = i % 2 === 0 ? view.getFloat64(0) : (random() - 0.5) * 10 ** Math.floor(random() * 24);
    if (Number.isFinite(x)) expect(over(parseFloat64, formatDouble(x)), String(x)).toBe(x);
  }
});

test(`prop: plain decimals are read as Number does (seed ${seed})`, () => {
  const random = seeded(seed);
  const digits = (n: number) =>
    Array.from({ length: Math.floor(random() * n) }, () => Math.floor(random() * 10)).join("");
  for (let i = 0; i < 20_000; i++) {
    const text = `${random() < 0.5 ? "-" : ""}${"0".repeat(random() * 4)}${digits(18)}${random() < 0.5 ? `.${digits(24)}` : ""}`;
    const expected = /\d/.test(text) ? Number(text) : null;
    expect(over(parseFloat64, text), text).toBe(expected);
  }
});

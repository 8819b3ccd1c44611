import { expect, test } from "vitest";
import { addLongDouble, formatHumanLongDouble, isLongDouble } from "../src/long-double.js";

const sums: [a: string, b: string, sum: string | null][] = [
  ["10.50", "0.1", "10.6"],
  ["5.0e3", "2.0e2", "5200"],
  ["3", "1.1", "4.1"],
  ["100.1", "0.1", "100.2"],
  ["1234.56", "0.1", "1234.66"],
  ["99999.99", "0.01", "100000"],
  ["1e20", "0", "100000000000000000000"],
  ["1e17", "0.5", "100000000000000000.5"],
  ["0x1p3", "1", "9"],
  ["-0x1.8", "0", "-1.5"],
  ["1e-18", "0", "0"],
  ["-1e-18", "0", "0"],
  ["5e-18", "0", "0.00000000000000001"],
  ["-1", "1", "0"],
  ["-0.0", "-0.0", "0"],
  ["+.5", "5.", "5.5"],
  ["-0.25", "0", "-0.25"],
  ["1e4931", "-1e4931", "0"],
  ["1.1e4932", "1.1e4932", null],
  ["inf", "1", null],
  ["nan", "1", null],
  ["abc", "1", null],
  ["1e5000", "1", null],
];

test.each(sums)("%s + %s is %s", (a, b, sum) => {
  expect(addLongDouble(a, b)).toBe(sum);
});

test.each(["1", "-inf", "Infinity", "1e4932", "0x.8p-3", "1e-4950", "0e99999", ".5", "5."])(
  "%s is a long double",
  (text) => {
    expect(isLongDouble(text)).toBe(true);
  },
);

const bad = [
  "",
  " 1",
  "1 ",
  "nan",
  "1e5000",
  "-1e4933",
  "1e-5000",
  "1e999999999999",
  "0x1p99999",
  "0x",
  ".",
  "1x",
  "1".repeat(5120),
];

test.each(bad)("%s is not", (text) => {
  expect(isLongDouble(text)).toBe(false);
});

test.each<[number, string]>([
  [0, "0"],
  [-0, "0"],
  [3, "3"],
  [100, "100"],
  [-1e-20, "0"],
  [13.361389338970184, "13.36138933897018433"],
  [1e22, "10000000000000000000000"],
])("%d for humans is %s", (x, text) => {
  expect(formatHumanLongDouble(x)).toBe(text);
});

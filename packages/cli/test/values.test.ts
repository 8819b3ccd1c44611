import { expect, test } from "vitest";
import { byteCount, decimalNumber, oneOf, someText, wholeNumber, yesOrNo } from "../src/serve/values.js";

test("whole numbers are decimal digits within their range, and nothing else", () => {
  const port = wholeNumber(0, 65535);
  expect([port("0"), port("6379"), port("65535")]).toEqual([0, 6379, 65535]);
  for (const bad of [
    "",
    " 1",
    "1 ",
    "-1",
    "+1",
    "0x10",
    "1e3",
    "1.0",
    "65536",
    "99999999999999999999",
    "tcp://10.0.0.1:1",
  ]) {
    expect(() => port(bad), bad).toThrow(`must be a whole number from 0 to 65535, not "${bad}"`);
  }
  expect(() => wholeNumber(0)("x")).toThrow("of at least 0");
});

test("numbers may have decimals", () => {
  const seconds = decimalNumber(0, 60);
  expect(["0", "0.2", "1.50", "60"].map(seconds)).toEqual([0, 0.2, 1.5, 60]);
  for (const bad of ["", ".5", "1.", "-1", "1e1", "0x1", "60.1", "1,5"]) {
    expect(() => seconds(bad), bad).toThrow("must be a number from 0 to 60");
  }
});

test("byte counts have Redis's units", () => {
  const size = byteCount(1, 2 ** 40);
  expect(["1", "1b", "2k", "2kb", "3m", "3MB", "1g", "1Gb"].map(size)).toEqual([
    1,
    1,
    2000,
    2048,
    3_000_000,
    3 * 1024 ** 2,
    1e9,
    1024 ** 3,
  ]);
  for (const bad of ["", "0", "kb", "1tb", "1.5mb", "-1", "9999gb"]) expect(() => size(bad), bad).toThrow("bytes");
});

test("yes and no, choices with synonyms, text that is not empty", () => {
  expect(["yes", "TRUE", "1", "on", "no", "False", "0", "off"].map(yesOrNo)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  expect(() => yesOrNo("maybe")).toThrow('must be yes or no, not "maybe"');
  const ack = oneOf(["written", "synced"], { always: "synced" });
  expect([ack("written"), ack("Always")]).toEqual(["written", "synced"]);
  expect(() => ack("constructor")).toThrow(
    'must be one of written, synced (in redis.conf\'s words: always), not "constructor"',
  );
  expect(() => someText("")).toThrow("must not be empty");
});

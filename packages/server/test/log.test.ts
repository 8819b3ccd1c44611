import { expect, test } from "vitest";
import { textLine } from "../src/log.js";

const time = new Date(2026, 0, 31, 12, 30, 1, 5).getTime();
const common = { time, pid: 1, hostname: "h" };

test("for people a line is the time and a sentence", () => {
  expect(textLine({ ...common, level: 30, fraction: 0.5, msg: "loading: 50 %" })).toBe("12:30:01.005 loading: 50 %\n");
});

test("what is wrong comes with its figures, unless the sentence has them", () => {
  const line = {
    ...common,
    level: 40,
    unsyncedMs: 1200,
    wanted: 5,
    msg: "writes of the last 1200 ms are not synced yet",
  };
  expect(textLine(line)).toBe("12:30:01.005 WARN writes of the last 1200 ms are not synced yet (wanted 5)\n");
});

test("an error is told once; one that nobody foresaw with its stack", () => {
  const err = { message: "disk full", code: "ENOSPC", stack: "Error: disk full\n  at x" };
  expect(textLine({ ...common, level: 50, err, msg: "snapshot failed: disk full" })).toBe(
    "12:30:01.005 ERROR snapshot failed: disk full\n",
  );
  const bug = { message: "x is undefined", stack: "TypeError: x is undefined\n  at y" };
  expect(textLine({ ...common, level: 50, err: bug, msg: "a command failed" })).toBe(
    "12:30:01.005 ERROR a command failed: x is undefined\nTypeError: x is undefined\n  at y\n",
  );
});

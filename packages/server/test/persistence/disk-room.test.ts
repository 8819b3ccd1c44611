import { expect, test } from "vitest";
import { freeBytesAt } from "../../src/persistence/disk-room.js";

// Control: what statfs says thrown on, as it was: every snapshot failed where a file system does not answer.
test("a file system that does not tell its room has any", () => {
  expect(freeBytesAt(".")).toBeGreaterThan(0);
  expect(freeBytesAt("/nowhere/at/all")).toBe(Number.POSITIVE_INFINITY);
});

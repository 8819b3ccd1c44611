import { expect, test } from "vitest";
import { decide, RECOVERY_MODES, type RecoveryAction, type SegmentFindings } from "../src/recovery-table.js";

/** Rows from top to bottom, the first that matches counts; what a row does not name may be anything. */
const ROWS: readonly [Partial<SegmentFindings>, RecoveryAction][] = [
  [{ header: "newer" }, "refuse"],
  [{ header: "bad", mode: "strict" }, "refuse"],
  [{ header: "bad", mode: "torn-tail" }, "refuse"],
  [{ header: "bad", mode: "skip-corrupt" }, "skip"],
  [{ gapBefore: false, tail: "clean" }, "accept"],
  [{ mode: "strict" }, "refuse"],
  [{ gapBefore: false, tail: "continued" }, "accept"],
  [{ mode: "torn-tail", proven: true }, "refuse"],
  [{ mode: "torn-tail", proven: false }, "cutTail"],
  [{ mode: "skip-corrupt", gapBefore: true }, "skip"],
  [{ mode: "skip-corrupt", tail: "bad" }, "skip"],
  [{ mode: "skip-corrupt", tail: "torn", proven: true }, "skip"],
  [{ mode: "skip-corrupt", tail: "torn", isLastSegment: false }, "skip"],
  [{ mode: "skip-corrupt", tail: "torn", isLastSegment: true, proven: false }, "cutTail"],
];

function* combinations(): Generator<SegmentFindings> {
  const flags = [false, true];
  for (const mode of RECOVERY_MODES)
    for (const header of ["ok", "bad", "newer"] as const)
      for (const gapBefore of flags)
        for (const tail of ["clean", "continued", "torn", "bad"] as const)
          for (const isLastSegment of flags)
            for (const proven of flags) yield { mode, header, gapBefore, tail, isLastSegment, proven };
}

function matches(findings: SegmentFindings, row: Partial<SegmentFindings>): boolean {
  return Object.entries(row).every(([key, value]) => findings[key as keyof SegmentFindings] === value);
}

test("every combination is decided as the table says", () => {
  let count = 0;
  for (const findings of combinations()) {
    const row = ROWS.find(([pattern]) => matches(findings, pattern));
    expect(decide(findings), JSON.stringify(findings)).toBe(row?.[1]);
    count++;
  }
  expect(count).toBe(3 * 3 * 2 * 4 * 2 * 2);
});

test("what is proven to have been synced is never dropped without skip-corrupt, and strict forgives nothing", () => {
  for (const findings of combinations()) {
    const action = decide(findings);
    const forgiven = findings.tail === "continued" && findings.mode !== "strict";
    const whole = findings.header === "ok" && !findings.gapBefore && (findings.tail === "clean" || forgiven);
    if (findings.mode === "strict") expect(action).toBe(whole ? "accept" : "refuse");
    if (findings.proven && !whole && findings.mode !== "skip-corrupt") expect(action).toBe("refuse");
    if (findings.proven) expect(action).not.toBe("cutTail");
  }
});

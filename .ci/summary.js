// Prints the last line of .ci/run: `node summary.js <vitest's JSON report> <failed checks> <exit code so far>`.
// Exits with 1 when anything failed, so that line and exit code never disagree.
import { readFileSync } from "node:fs";

const [reportFile = "", failedChecks = "0", exitCode = "0"] = process.argv.slice(2);
const count = { passed: 0, failed: 0, skipped: 0 };

let files = [];
try {
  files = JSON.parse(readFileSync(reportFile, "utf8")).testResults;
} catch {
  // No report: the run ended before the tests did. That is counted below.
}
for (const { status, assertionResults } of files) {
  for (const test of assertionResults) {
    if (test.status === "passed") count.passed++;
    else if (test.status === "failed") count.failed++;
    else count.skipped++;
  }
  // A file that could not be loaded has no tests that could fail.
  if (status === "failed" && !assertionResults.some((test) => test.status === "failed")) count.failed++;
}
// Failing tests fail the check named "tests", too: count that one only when it says something new (lint, types, a crash).
count.failed += Math.max(Number(failedChecks) - (count.failed > 0 ? 1 : 0), 0);
if (count.failed === 0 && (Number(exitCode) !== 0 || files.length === 0)) count.failed = 1;

const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
process.stdout.write(`${count.passed} passed, ${count.failed} failed${skipped}\n`);
process.exitCode = count.failed > 0 ? 1 : 0;

/** LATENCY: replies made of what the server has watched. The drawing and the steps of the histogram are those of redis-server 7.0 for the same times. */
import { expect, test } from "vitest";
import { LatencyHistogram } from "../src/table/latency-histogram.js";
import { FakeServer } from "./server-fakes.js";

test("LATENCY shows what was watched", () => {
  const server = new FakeServer();
  expect(server.line("LATENCY LATEST")).toBe("*1 *4 $7 command :0 :100 :400");
  expect(server.line("LATENCY HISTORY command")).toBe("*3 *2 :0 :50 *2 :0 :306 *2 :0 :100");
  expect(server.line("LATENCY HISTORY nope")).toBe("*0");
  expect(server.line("LATENCY RESET a b")).toBe(":2");
  expect(server.line("LATENCY RESET")).toBe(":0");
  expect(server.line("LATENCY GRAPH nope")).toBe("-ERR No samples available for event 'nope'");
  expect(server.line("LATENCY DOCTOR")).toContain("command: 3 samples, 152 ms on average, 400 ms at most.");
  expect(server.line("LATENCY NOPE")).toBe("-ERR unknown subcommand 'NOPE'. Try LATENCY HELP.");
});

// Seen red with the highest step not filled.
test("LATENCY GRAPH draws as redis-server", () => {
  const server = new FakeServer();
  const [, head, line, ...rows] = server.run("LATENCY", "GRAPH", "command").split(/\r?\n/);
  expect(head).toBe("command - high 306 ms, low 50 ms (all time high 400 ms)");
  expect(line).toBe("-".repeat(80));
  expect(rows).toEqual([" # ", " | ", " | ", "_|#", "   ", "000", "sss", "", ""]);
});

test("a histogram has two digits of each value", () => {
  const times = new LatencyHistogram();
  for (const usec of [12, 9, 0.3, 966.655]) times.add(usec, 1);
  times.add(81.2, 64);
  times.add(5e6, 1);
  expect(times.total).toBe(69);
  expect(times.percentile(50)).toBe(81.407);
  expect(times.percentile(0)).toBe(0.301);
  expect(times.percentile(100)).toBe(1_073_741.823);
  expect(times.cumulative()).toEqual([
    [1, 1],
    [16, 3],
    [132, 67],
    [1056, 68],
    [1_073_741, 69],
  ]);
  const small = new LatencyHistogram();
  small.add(1.024, 2);
  expect(small.cumulative()).toEqual([[1, 2]]);
  expect(small.percentile(99.9)).toBe(1.031);
});

/** The queue of MULTI: what comes out is what went in, and what is counted is what is held. */
import { Request } from "@hearthkv/resp";
import { expect, it } from "vitest";
import { CommandQueue } from "../src/clients/command-queue.js";

const NO_LIMIT = Number.MAX_SAFE_INTEGER;

function words(request: Request): string[] {
  return Array.from({ length: request.argc }, (_, i) => request.str(i));
}

function all(queue: CommandQueue): string[][] {
  const seen: string[][] = [];
  const request = new Request();
  queue.each(request, (each) => seen.push(words(each)));
  expect(request.argc).toBe(0);
  return seen;
}

it("prop: gives the commands back in their order, whatever their sizes, again and again", () => {
  const queue = new CommandQueue();
  for (let round = 0; round < 30; round++) {
    const commands: string[][] = [];
    for (let i = round * 5; i >= 0; i--) {
      const length = [0, 1, 7, 8, 100, 600, 5000, 1_100_000][i % (round % 7 === 0 ? 8 : 7)] as number;
      commands.push(["SET", `key ${i}`, "v".repeat(length), ...Array.from({ length: i % 20 }, (_, k) => `${k}`)]);
    }
    for (const command of commands) expect(queue.push(Request.of(...command), NO_LIMIT)).toBe(true);
    expect(queue.count).toBe(commands.length);
    expect(all(queue)).toEqual(commands);
    queue.clear();
    expect([queue.count, all(queue)]).toEqual([0, []]);
    expect(queue.bytes).toBeLessThan(1024);
  }
});

it("holds what it counts: 200,000 small commands cost some 20 bytes each", () => {
  const queue = new CommandQueue();
  const incr = Request.of("INCR", "a");
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 200_000; i++) queue.push(incr, NO_LIMIT);
  const held = process.memoryUsage().arrayBuffers - before;
  expect(queue.bytes).toBeGreaterThanOrEqual(held);
  expect(queue.bytes).toBeLessThan(200_000 * 30);
});

it("takes nothing beyond its limit, and goes on below it", () => {
  const queue = new CommandQueue();
  const limit = 100_000;
  const large = Request.of("SET", "a", "v".repeat(90_000));
  expect(queue.push(large, limit)).toBe(true);
  expect(queue.push(large, limit)).toBe(false);
  let taken = 1;
  while (queue.push(Request.of("INCR", "a"), limit)) taken++;
  expect(queue.count).toBe(taken);
  expect(queue.bytes).toBeLessThanOrEqual(limit);
});

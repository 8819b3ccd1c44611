import { expect, test } from "vitest";
import { CommandRunner } from "./transcript.js";

/** Follows a cursor to its end; returns every element that came, and the number of steps. */
function collect(runner: CommandRunner, step: (cursor: string) => string[]): { elements: string[]; steps: number } {
  const elements: string[] = [];
  let cursor = "0";
  let steps = 0;
  do {
    const words = runner.run(step(cursor)).split("\r\n");
    cursor = words[2];
    // *2 $n cursor *m and then $n element
    for (let i = 5; i < words.length; i += 2) elements.push(words[i]);
    steps++;
  } while (cursor !== "0");
  return { elements, steps };
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `name:${i}`);

test("SCAN gives every key, in steps", () => {
  const runner = new CommandRunner();
  for (const name of names(3000)) runner.run(["set", name, "v"]);
  const { elements, steps } = collect(runner, (cursor) => ["scan", cursor, "count", "100"]);
  expect(new Set(elements)).toEqual(new Set(names(3000)));
  expect(steps).toBeGreaterThan(10);
});

test("SCAN filters by type and pattern", () => {
  const runner = new CommandRunner();
  for (const name of names(200)) runner.run(["set", name, "v"]);
  for (const name of names(50)) runner.run(["sadd", `set:${name}`, "v"]);
  const sets = collect(runner, (cursor) => ["scan", cursor, "type", "set"]).elements;
  expect(new Set(sets)).toEqual(new Set(names(50).map((name) => `set:${name}`)));
  const some = collect(runner, (cursor) => ["scan", cursor, "match", "name:1?"]).elements;
  expect(some.length).toBe(10);
});

test("SCAN, KEYS and RANDOMKEY give no expired key", () => {
  const runner = new CommandRunner();
  for (const name of names(100)) runner.run(["set", name, "v", "px", "10"]);
  runner.run(["set", "stays", "v"]);
  runner.keyspace.nowMs += 11;
  expect(collect(runner, (cursor) => ["scan", cursor]).elements).toEqual(["stays"]);
  expect(runner.line("keys *")).toBe("*1 $5 stays");
});

test.each([
  ["hscan", "hset", 2],
  ["sscan", "sadd", 1],
  ["zscan", "zadd", 2],
])("%s gives every element of a large collection once when nothing changes", (scan, add, width) => {
  const runner = new CommandRunner();
  for (const [i, name] of names(1000).entries()) {
    const element = { hset: [name, String(i)], sadd: [name], zadd: [String(i), name] }[add] ?? [];
    runner.run([add, "k", ...element]);
  }
  const { elements, steps } = collect(runner, (cursor) => [scan, "k", cursor, "count", "50"]);
  expect(steps).toBe(20);
  expect(elements.length).toBe(1000 * width);
  expect(new Set(elements.filter((_, i) => i % width === 0))).toEqual(new Set(names(1000)));
});

test("SSCAN misses no member that stays while others go", () => {
  const runner = new CommandRunner();
  for (const name of names(1000)) runner.run(["sadd", "k", name]);
  const { elements } = collect(runner, (cursor) => {
    for (let i = 0; i < 10; i++) runner.run(["srem", "k", `name:${Number(cursor) % 2 === 0 ? 500 + i : 900 + i}`]);
    return ["sscan", "k", cursor, "count", "20"];
  });
  for (const name of names(500)) expect(elements).toContain(name);
});

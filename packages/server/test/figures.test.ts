/** Figures of INFO that a running server must come by itself. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MemoryServer } from "./support/memory-server.js";
import type { RawClient } from "./support/raw-client.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

describe("figures", () => {
  let server: MemoryServer;
  let client: RawClient;
  beforeAll(async () => {
    server = await MemoryServer.start();
    client = server.connect();
  });
  afterAll(() => server.stop());

  async function field(section: string, name: string): Promise<string> {
    const text = await client.call("INFO", section).call("ECHO", "end").until("end\r\n");
    return new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1] ?? "";
  }

  async function timeOf(command: string): Promise<{ calls: number; usec: number }> {
    const text = await field("commandstats", `cmdstat_${command}`);
    const [, calls, usec] = /^calls=(\d+),usec=(\d+),/.exec(text) ?? [];
    return { calls: Number(calls), usec: Number(usec) };
  }

  it("memory is told in whole bytes", async () => {
    const text = await client.call("INFO", "memory").call("ECHO", "end").until("end\r\n");
    const fractions = text.split("\r\n").filter((line) => /^[^:]*:\d+\.\d+$/.test(line) && !line.includes("ratio"));
    expect(fractions).toEqual([]);
  });

  it("client_recent_max_input_buffer is the most that waited to be whole", async () => {
    await client.call("SET", "k", "v".repeat(3_000_000)).until("+OK\r\n");
    const most = Number(await field("clients", "client_recent_max_input_buffer"));
    expect(most).toBeGreaterThan(2_000_000);
    expect(most).toBeLessThan(20_000_000);
    await client.call("CONFIG", "RESETSTAT").until("+OK\r\n");
    expect(Number(await field("clients", "client_recent_max_input_buffer"))).toBeLessThan(100_000);
  });

  it("used_memory shows what is written at once, and used_memory_peak what was there between two looks", async () => {
    const memory = async (name: string) => Number(await field("memory", name));
    let garbage: object[] = Array.from({ length: 500_000 }, (_, i) => ({ i }));
    const before = await memory("used_memory");
    expect(garbage.length).toBe(500_000);
    garbage = [];
    collectGarbage();
    for (let n = 0; n < 100; n++) {
      client.call("SADD", "members", ...Array.from({ length: 1000 }, (_, i) => `member ${n * 1000 + i}`));
    }
    await client.call("ECHO", "added").until("added\r\n");
    const after = await memory("used_memory");
    // Control, seen red: with the heap's own figure in it, garbage included, used_memory fell meanwhile.
    expect(after - before).toBeGreaterThan(100_000 * "member 12345".length);
    expect(await memory("used_memory_peak")).toBeGreaterThanOrEqual(after);
    await client.call("SET", "large", "v".repeat(20_000_000)).until("+OK\r\n");
    // The cron looks ten times a second; nobody asks meanwhile, and the memory is gone when somebody does.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await client.call("DEL", "large", "members").until(":2\r\n");
    const left = await memory("used_memory");
    expect(left).toBeLessThan(before + 1_000_000);
    expect((await memory("used_memory_peak")) - left).toBeGreaterThan(20_000_000);
  });

  it("replies_held is shown", async () => {
    expect(await field("stats", "replies_held")).toMatch(/^\d+$/);
  });

  it("rare commands have their own time: not none, and not that of others", async () => {
    const members = Array.from({ length: 20_000 }, (_, i) => String(i));
    await client
      .call("SADD", "set", ...members)
      .call("RPUSH", "list", ...members)
      .until(":20000\r\n:20000\r\n");
    await client.call("CONFIG", "RESETSTAT").until("+OK\r\n");
    const startMs = performance.now();
    for (let i = 0; i < 60; i++) client.call("ECHO", "x");
    client.call("SMEMBERS", "set").call("LRANGE", "list", "0", "-1").call("KEYS", "*");
    await client.call("ECHO", "end").until("end\r\n");
    const elapsedUs = (performance.now() - startMs) * 1000;
    const times = [];
    for (const name of ["smembers", "lrange", "keys"]) times.push(await timeOf(name));
    for (const { calls, usec } of times) expect(calls > 0 && usec > 0).toBe(true);
    expect(times.reduce((sum, { usec }) => sum + usec, 0)).toBeLessThan(elapsedUs);
  });
});

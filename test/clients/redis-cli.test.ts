/** redis-cli in all the ways people use it: one-shot, mass insertion, scanning, statistics, and at a terminal. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  encodeRequest,
  hasPeer,
  requirePeer,
  runProcess,
  type ServerProcess,
  startHearth,
  startProcess,
} from "../support/index.js";

let server: ServerProcess;

beforeAll(async () => {
  if (hasPeer("redis-cli")) server = await startHearth();
});
beforeEach((context) => requirePeer(context, "redis-cli"));
afterAll(() => server?.stop());

/** Runs redis-cli and gives its output, which must come with exit code 0. */
async function redisCli(args: readonly string[], stdin: string | Uint8Array = ""): Promise<string> {
  const { code, output } = await runProcess("redis-cli", ["-p", String(server.port), ...args], { stdin });
  expect(code, output).toBe(0);
  return output;
}

test("one-shot, in RESP2 and RESP3", async () => {
  expect(await redisCli(["SET", "greeting", "hello"])).toBe("OK\n");
  expect(await redisCli(["--no-raw", "GET", "greeting"])).toBe('"hello"\n');
  expect(await redisCli(["--no-raw", "HSET", "h", "a", "1", "b", "2"])).toBe("(integer) 2\n");
  expect(await redisCli(["--no-raw", "HGETALL", "h"])).toBe('1) "a"\n2) "1"\n3) "b"\n4) "2"\n');
  expect(await redisCli(["-3", "--no-raw", "HGETALL", "h"])).toBe('1# "a" => "1"\n2# "b" => "2"\n');
  expect(await redisCli(["--no-raw", "GET", "none"])).toBe("(nil)\n");
  expect(await redisCli(["-n", "3", "--no-raw", "GET", "greeting"])).toBe("(nil)\n");
  expect(await redisCli(["--no-raw", "LPUSH", "greeting", "x"])).toContain("(error) WRONGTYPE");
  expect(await redisCli(["PING", "there"])).toBe("there\n");
  expect(await redisCli(["INFO", "server"])).toContain("redis_version:7.2.4");
});

test("binary values through -x", async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  expect(await redisCli(["-x", "SET", "binary"], bytes)).toBe("OK\n");
  const { stdout } = await runProcess("redis-cli", ["-p", String(server.port), "--no-raw", "STRLEN", "binary"]);
  expect(stdout).toBe("(integer) 256\n");
});

test("--pipe loads 20,000 commands without an error", async () => {
  const requests = Array.from({ length: 20_000 }, (_, index) =>
    encodeRequest(["SET", `pipe:${index}`, `value ${index}`]),
  );
  const output = await redisCli(["--pipe"], Buffer.concat(requests));
  expect(output).toContain("errors: 0, replies: 20000");
  expect(await redisCli(["GET", "pipe:19999"])).toBe("value 19999\n");
});

test("--scan sees every key of a pattern once", async () => {
  const lines = (await redisCli(["--scan", "--pattern", "pipe:1*"])).trim().split("\n");
  expect(new Set(lines).size).toBe(11_111);
  expect(lines.every((line) => line.startsWith("pipe:1"))).toBe(true);
});

test("--bigkeys names the biggest of each type", async () => {
  await redisCli(["RPUSH", "list", "a", "b", "c"]);
  await redisCli(["SADD", "set", "a", "b"]);
  await redisCli(["ZADD", "zset", "1", "a"]);
  await redisCli(["SET", "long", "x".repeat(1000)]);
  const output = await redisCli(["--bigkeys"]);
  expect(output).toMatch(/Biggest string found .*long.* has 1000 bytes/);
  expect(output).toMatch(/Biggest\s+list found .*list.* has 3 items/);
  expect(output).toMatch(/Biggest\s+set found .*set.* has 2 members/);
  expect(output).toMatch(/Biggest\s+hash found .*h.* has 2 fields/);
  expect(output).toMatch(/Biggest\s+zset found .*zset.* has 1 members/);
});

test("--latency measures", async () => {
  const [min, max, average, samples] = (await redisCli(["--raw", "--latency", "-i", "1"]))
    .trim()
    .split(" ")
    .map(Number);
  expect(min).toBeLessThanOrEqual(average!);
  expect(average).toBeLessThanOrEqual(max!);
  expect(samples).toBeGreaterThan(10);
});

test("at a terminal: hints, errors, a transaction, another database, quit", async (context) => {
  requirePeer(context, "script");
  // Without a width redis-cli would ask the terminal for it.
  const command = `stty cols 100 rows 30; exec redis-cli -p ${server.port}`;
  const terminal = startProcess("script", ["-qec", command, "/dev/null"], { env: { TERM: "xterm" } });
  const type = async (line: string, expected: RegExp) => {
    terminal.output = "";
    terminal.input.write(`${line}\r`);
    await terminal.waitFor(expected);
  };
  await terminal.waitFor(new RegExp(`127.0.0.1:${server.port}> `));
  await type('SET note "two words"', /\nOK\r/);
  await type("GET note", /\n"two words"\r/);
  await type("NOPE", /\(error\) ERR unknown command 'NOPE'/);
  await type("MULTI", /\(TX\)> /);
  await type("INCR counter", /QUEUED/);
  await type("EXEC", /1\) \(integer\) 1/);
  await type("SELECT 2", /\[2\]> /);
  await type("DBSIZE", /\(integer\) 0/);
  terminal.input.write("quit\r");
  expect((await terminal.exited).code).toBe(0);
});

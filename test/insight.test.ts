/** What the server tells of its own work (SLOWLOG, COMMANDLOG), beside redis-server 7.0 and through real connections. */
import { beforeAll, describe, expect, test } from "vitest";
import { hasPeer, type Reply, RespClient, requirePeer, startHearth, startRedis, waitUntil } from "./support/index.js";

const LONG = "x".repeat(300);
const words = (text: string): string[] => text.split(" ");
/** Each is logged where the limit is 0, but for the last line's. */
const WORK: readonly (readonly string[])[] = [
  ["SET", "k", LONG],
  ["mget", ...Array.from({ length: 40 }, (_, i) => `k${i}`)],
  ["mget", ...Array.from({ length: 31 }, (_, i) => `k${i}`)],
  ["mget", ...Array.from({ length: 32 }, (_, i) => `k${i}`)],
  words("lpush k x"),
  words("client setname someone"),
  words("AUTH secret"),
  words("auth user secret"),
  words("hello 2 AUTH default secret setname x"),
  words("config set maxclients 1000 requirepass secret"),
  words("config set requirepass "),
  words("migrate 127.0.0.1 1 nosuchkey 0 10 copy auth secret"),
  words("migrate 127.0.0.1 1 nosuchkey 0 10 AUTH2 user secret"),
  words("multi"),
  words("incr n"),
  words("get n"),
  words("exec"),
  words("nosuch command"),
  words("get"),
];

/** Of SLOWLOG GET: the arguments and the client's name, oldest first. */
function logged(reply: Reply): unknown[] {
  if (!Array.isArray(reply)) throw new Error(`SLOWLOG GET says ${String(reply)}`);
  return reply.map((entry) => (Array.isArray(entry) ? [entry.length, entry[3], entry[5]] : entry)).reverse();
}

describe("the slow log", () => {
  let ports: { readonly hearth: number; readonly redis: number };

  beforeAll(async () => {
    if (!hasPeer("redis-server")) return;
    const [hearth, redis] = await Promise.all([startHearth(), startRedis(["--appendonly", "no"])]);
    ports = { hearth: hearth.port, redis: redis.port };
  });

  // Seen red without the redaction, with 33 arguments kept, and with EXEC logged.
  test("has the entries of redis-server, cut and redacted alike", async (context) => {
    requirePeer(context, "redis-server");
    const logs: unknown[] = [];
    for (const port of [ports.hearth, ports.redis]) {
      const client = await RespClient.connect(port);
      await client.send("config", "set", "slowlog-log-slower-than", "0");
      await client.send("slowlog", "reset");
      for (const request of WORK) await client.send(...request);
      logs.push(logged(await client.send("slowlog", "get", "-1")));
      client.close();
    }
    expect(logs[0]).toEqual(logs[1]);
    expect(JSON.stringify(logs[0])).not.toContain("secret");
    // Not EXEC, what is no command and what has too few arguments.
    expect(logs[0]).toHaveLength(WORK.length - 3 + 1);
  });

  // Seen red where such a command has its time taken in one of 64 calls only.
  test("misses no call of a command that is not quick by its nature", async () => {
    const { port } = await startHearth({ flags: ["--enable-debug-command", "yes"] });
    const client = await RespClient.connect(port);
    const sleeps = Array.from({ length: 1100 }, () => ["debug", "sleep", "0"]);
    await client.pipeline([...sleeps, ["debug", "sleep", "0.02"], ["debug", "sleep", "0"]]);
    const entries = logged(await client.send("slowlog", "get", "-1"));
    expect(entries).toContainEqual([6, ["debug", "sleep", "0.02"], ""]);
    client.close();
  });

  // Seen red where the call that begins to wait is logged, too.
  test("has what waited for a key once", async (context) => {
    requirePeer(context, "redis-server");
    for (const port of [ports.hearth, ports.redis]) {
      const [client, other] = await Promise.all([RespClient.connect(port), RespClient.connect(port)]);
      await client.send("config", "set", "slowlog-log-slower-than", "0");
      await client.send("slowlog", "reset");
      const popped = client.send("blpop", "waited", "0");
      await waitUntil("the client waits", async () =>
        String(await other.send("info", "clients")).includes("blocked_clients:1"),
      );
      await other.send("rpush", "waited", "x");
      await popped;
      const entries = logged(await client.send("slowlog", "get", "-1"));
      expect(entries.filter((entry) => JSON.stringify(entry).includes("blpop"))).toHaveLength(1);
      client.close();
      other.close();
    }
  });
});

describe("the logs of large commands", () => {
  // Seen red with the request's size taken for the reply's, and without the entry of COMMANDLOG GET itself.
  test("have their sizes on the wire", async () => {
    const { port } = await startHearth();
    const client = await RespClient.connect(port);
    const set = ["commandlog-request-larger-than", "400", "commandlog-reply-larger-than", "300"];
    expect(await client.send("config", "set", ...set)).toBe("OK");
    await client.send("set", "a", LONG);
    await client.send("set", "b", LONG + LONG);
    for (const command of ["multi", "exec"]) {
      await client.send(command);
      await client.send("get", "a");
    }
    const requests = await client.send("commandlog", "get", "-1", "large-request");
    expect(requests).toMatchObject([
      [0, expect.any(Number), 628, ["set", "b", `${"x".repeat(128)}... (472 more bytes)`], expect.any(String), ""],
    ]);
    await client.send("set", "a", "");
    await client.send("commandlog", "get", "-1", "large-request");
    const replies = await client.send("commandlog", "get", "-1", "large-reply");
    expect(replies).toMatchObject([
      [1, expect.any(Number), 308, ["get", "a"], expect.any(String), ""],
      [0, expect.any(Number), 308, ["get", "a"], expect.any(String), ""],
    ]);
    await client.send("config", "set", "commandlog-large-reply-max-len", "1", "slowlog-log-slower-than", "-1");
    await client.send("get", "b");
    expect(await client.send("commandlog", "len", "large-reply")).toBe(1);
    expect(await client.send("config", "get", "commandlog-execution-slower-than")).toEqual([
      "commandlog-execution-slower-than",
      "-1",
    ]);
    client.close();
  });
});

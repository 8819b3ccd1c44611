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

const MONITORED: readonly (readonly string[])[] = [
  ["SET", "k", 'a\0\n\r\t\x07\b"\\\x7f\u00e9'],
  ...WORK.filter(([name]) => name !== "config"),
  words("config get maxclients"),
  words("slowlog len"),
  words("client list"),
  words("select 3"),
  words("get k"),
  words("blpop nothing 0.01"),
  words("echo last"),
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

describe("MONITOR", () => {
  /** What a monitor of the server is shown, without times and addresses, and what its own commands are answered. */
  async function shown(port: number): Promise<unknown[]> {
    const [monitor, client] = await Promise.all([RespClient.connect(port), RespClient.connect(port)]);
    const own: Reply[] = [await monitor.send("monitor")];
    for (const request of MONITORED) await client.send(...request);
    await waitUntil("the monitor has the last command", async () => String(monitor.messages.at(-1)).includes('"last"'));
    const lines = monitor.messages.map((line) =>
      String(line).replace(/^[0-9]+\.[0-9]{6} (\[[0-9]+) [^\]]*/, "$1 address"),
    );
    own.push(await monitor.send("get", "k"), await monitor.send("set", "k", "v"));
    monitor.messages.length = 0;
    own.push(await monitor.send("reset"), await monitor.send("get", "n"));
    await client.send("echo", "nobody looks");
    await monitor.send("ping");
    own.push(await client.send("multi"), await client.send("monitor"), await client.send("exec"));
    monitor.close();
    client.close();
    return [lines, own.map(String), monitor.messages.map(String)];
  }

  // Seen red without the redaction, with administrative commands shown, where a client that is RESET is shown more, and where it may read keys.
  test("shows what redis-server shows", async (context) => {
    requirePeer(context, "redis-server");
    const [hearth, redis] = await Promise.all([startHearth(), startRedis(["--appendonly", "no"])]);
    const [ours, theirs] = [await shown(hearth.port), await shown(redis.port)];
    expect(ours).toEqual(theirs);
    expect(JSON.stringify(ours)).not.toContain("secret");
  });

  test("closes one that does not read at its output limit, and serves the others on", async () => {
    const { port } = await startHearth();
    const [monitor, client] = await Promise.all([RespClient.connect(port), RespClient.connect(port)]);
    await client.send("config", "set", "client-output-buffer-limit", "normal 1000000 0 0");
    await monitor.send("monitor");
    monitor.socket.pause();
    const big = "x".repeat(60_000);
    await waitUntil("the monitor is closed", async () => {
      for (let i = 0; i < 100; i++) await client.send("echo", big);
      return String(await client.send("info", "clients")).includes("connected_clients:1\r\n");
    });
    expect(await client.send("echo", "on")).toBe("on");
    monitor.close();
    client.close();
  });
});

describe("the logs of large commands", () => {
  // Seen red with the request's size taken for the reply's.
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

  // What waited as in Valkey 9.1, seen. Red where what begins to wait is logged, too, and where the texts of a copied request are taken for all of it.
  test("have what waited for a key, and what was in a transaction, once", async () => {
    const { port } = await startHearth();
    const [client, other] = await Promise.all([RespClient.connect(port), RespClient.connect(port)]);
    await other.send("config", "set", "commandlog-request-larger-than", "400");
    const popped = client.send("blpop", ...Array.from({ length: 50 }, (_, i) => `k${i}`), "0");
    await waitUntil("the client waits", async () =>
      String(await other.send("info", "clients")).includes("blocked_clients:1"),
    );
    await other.send("rpush", "k49", "x");
    expect(await popped).toEqual(["k49", "x"]);
    expect(await other.send("commandlog", "len", "large-request")).toBe(1);
    await client.send("multi");
    await client.send("mget", ...Array.from({ length: 50 }, (_, i) => `k${i}`));
    await client.send("exec");
    expect(await other.send("commandlog", "len", "large-request")).toBe(2);
    client.close();
    other.close();
  });

  // Seen red where entries go with the next one that comes.
  test("are cut at once when they are to be shorter", async () => {
    const { port } = await startHearth();
    const client = await RespClient.connect(port);
    await client.send("config", "set", "commandlog-reply-larger-than", "0");
    for (let i = 0; i < 4; i++) await client.send("echo", String(i));
    await client.send("config", "set", "commandlog-large-reply-max-len", "2", "commandlog-reply-larger-than", "-1");
    expect(await client.send("commandlog", "get", "-1", "large-reply")).toMatchObject([
      [4, expect.any(Number), 7, ["echo", "3"], expect.any(String), ""],
      [3, expect.any(Number), 7, ["echo", "2"], expect.any(String), ""],
    ]);
    expect(await client.send("commandlog", "get", "1", "large-reply")).toHaveLength(1);
    await client.send("config", "set", "commandlog-large-reply-max-len", "0");
    expect(await client.send("commandlog", "len", "large-reply")).toBe(0);
    client.close();
  });
});

describe("LATENCY", () => {
  // Seen red without the samples' own threshold.
  test("watches what takes longer than the threshold, as redis-server does", async (context) => {
    requirePeer(context, "redis-server");
    const flags = ["--enable-debug-command", "yes"];
    const [hearth, redis] = await Promise.all([startHearth({ flags }), startRedis(["--appendonly", "no", ...flags])]);
    const seen: unknown[] = [];
    for (const { port } of [hearth, redis]) {
      const client = await RespClient.connect(port);
      await client.send("config", "set", "latency-monitor-threshold", "50");
      await client.send("debug", "sleep", "0");
      await client.send("debug", "sleep", "0.06");
      const latest = await client.send("latency", "latest");
      const [name, , ms, max] = (latest as Reply[][])[0] as Reply[];
      for (let i = 0; i < 3; i++) await client.send("set", "k", "v");
      const histogram = (await client.send("latency", "histogram", "SET", "nope", "config")) as Reply[];
      const info = String(await client.send("info", "latencystats"));
      seen.push([
        [(latest as Reply[]).length, name, Number(ms) >= 60, Number(max) >= 60],
        histogram.map((part) => (Array.isArray(part) ? part.slice(0, 3) : part)),
        info
          .split("\r\n")
          .filter((line) => /^#|_set:p50=[0-9]+\.[0-9]{3},p99=[0-9.]+,p99.9=[0-9.]+$/.test(line))
          .map((line) => line.replace(/[0-9]+\.[0-9]{3}/g, "n")),
        await client.send("latency", "reset", "nope"),
        await client.send("latency", "reset"),
        await client.send("latency", "latest"),
        String(await client.send("config", "set", "latency-tracking-info-percentiles", "101")),
        String(await client.send("config", "set", "latency-tracking-info-percentiles", "x")),
        await client.send("config", "set", "latency-tracking-info-percentiles", "100 12.5"),
        String(await client.send("info", "latencystats")).includes(",p12.5="),
        await client.send("config", "set", "latency-tracking", "no"),
        await client.send("config", "resetstat"),
        String(await client.send("info", "latencystats")),
      ]);
      client.close();
    }
    expect(seen[0]).toEqual(seen[1]);
  });
});

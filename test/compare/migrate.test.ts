/** MIGRATE to redis-server and from it; and to targets that are slow, silent or go away, while others change what is on its way. */
import net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Arg,
  hasPeer,
  type RespClient,
  requirePeer,
  type ServerProcess,
  startHearth,
  startRedis,
  waitUntil,
} from "../support/index.js";

const HOST = "127.0.0.1";
const TIMEOUT_MS = 600_000;

/** A target that answers when it is told to, or never. */
class SlowTarget {
  readonly #server = net.createServer((socket) => this.#accept(socket));
  readonly #sockets: net.Socket[] = [];
  received = "";

  async listen(): Promise<number> {
    this.#server.listen(0, HOST);
    await new Promise((resolve) => this.#server.once("listening", resolve));
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Whatever was asked. */
  answer(line: string): void {
    for (const socket of this.#sockets) socket.write(line);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #accept(socket: net.Socket): void {
    this.#sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
    });
  }
}

let hearth: ServerProcess;
let client: RespClient;
let other: RespClient;
const targets: SlowTarget[] = [];

beforeAll(async () => {
  hearth = await startHearth();
  [client, other] = await Promise.all([hearth.connect(), hearth.connect()]);
});
afterAll(() => {
  for (const target of targets) target.close();
});

/** A MIGRATE that has come so far that its keys were sent; `answer` lets it go on. */
async function underWay(keys: readonly string[], ...options: Arg[]) {
  const target = new SlowTarget();
  targets.push(target);
  const port = await target.listen();
  const reply = client.send("MIGRATE", HOST, port, "", 0, TIMEOUT_MS, ...options, "KEYS", ...keys);
  await waitUntil("SELECT", async () => target.received.includes("SELECT"));
  target.answer("+OK\r\n");
  await waitUntil("the last key", async () => target.received.split("RESTORE").length > keys.length);
  return { reply, target };
}

describe("redis-server", () => {
  let redis: ServerProcess;
  let peer: RespClient;

  beforeAll(async () => {
    if (!hasPeer("redis-server")) return;
    redis = await startRedis(["--requirepass", "secret"]);
    peer = await redis.connect();
    await peer.ok("AUTH", "secret");
  });

  test("takes keys, in another database, with their times, and gives them back", async (context) => {
    requirePeer(context, "redis-server");
    await client.ok("SET", "string", "value", "PX", 1_000_000);
    await client.ok("RPUSH", "list", ...Array.from({ length: 5000 }, (_, i) => `element ${i}`));
    await client.ok("ZADD", "zset", 1.5, "a", "-inf", "b");
    const to = ["MIGRATE", HOST, redis.port, "", 3, TIMEOUT_MS] as const;
    expect(await client.send(...to, "KEYS", "string")).toMatchObject({ message: /^ERR Target instance .*NOAUTH/ });
    expect(await client.send(...to, "AUTH", "secret", "KEYS", "string", "none", "list", "zset")).toBe("OK");
    expect(await client.ok("EXISTS", "string", "list", "zset")).toBe(0);
    await peer.ok("SELECT", 3);
    expect(await peer.ok("LLEN", "list")).toBe(5000);
    expect(await peer.ok("ZRANGE", "zset", 0, -1, "WITHSCORES")).toEqual(["b", "-inf", "a", "1.5"]);
    expect(Number(await peer.ok("PTTL", "string"))).toBeGreaterThan(0);
    expect(await peer.send("MIGRATE", HOST, hearth.port, "", 0, TIMEOUT_MS, "KEYS", "string", "list", "zset")).toBe(
      "OK",
    );
    expect(await client.ok("LRANGE", "list", 4998, -1)).toEqual(["element 4998", "element 4999"]);
    expect(await client.ok("GET", "string")).toBe("value");
    expect(Number(await client.ok("PTTL", "string"))).toBeGreaterThan(0);
  });

  test("COPY leaves them, REPLACE replaces, and what it refuses stays while the others go", async (context) => {
    requirePeer(context, "redis-server");
    await client.ok("MSET", "a", 1, "b", 2);
    const to = ["MIGRATE", HOST, redis.port, "", 0, TIMEOUT_MS, "AUTH2", "default", "secret"] as const;
    expect(await client.send(...to, "COPY", "KEYS", "a")).toBe("OK");
    expect(await client.send(...to, "KEYS", "a", "b")).toMatchObject({ message: /^ERR Target instance .*BUSYKEY/ });
    expect(await client.ok("MGET", "a", "b")).toEqual(["1", null]);
    expect(await client.send(...to, "REPLACE", "KEYS", "a")).toBe("OK");
    expect(await client.send(...to, "REPLACE", "KEYS", "a")).toBe("NOKEY");
  });
});

test("others are served meanwhile, and what they change stays, with an error", async () => {
  await client.ok("MSET", "same", 1, "changed", 1, "deleted", 1);
  const { reply, target } = await underWay(["same", "changed", "deleted"]);
  expect(await other.ok("INCR", "changed")).toBe(2);
  expect(await other.ok("DEL", "deleted")).toBe(1);
  expect(await other.ok("GET", "same")).toBe("1");
  target.answer("+OK\r\n+OK\r\n+OK\r\n");
  expect(await reply).toMatchObject({ message: /^ERR 2 keys were changed while they were sent/ });
  expect(await client.ok("MGET", "same", "changed", "deleted")).toEqual([null, "2", null]);
});

// Control: without flushed() and swapped() of Migrations the key of the other database goes.
test.each([["SWAPDB", 0, 1], ["FLUSHALL"]])("%s: what has the key's name afterwards stays", async (...change) => {
  await client.ok("SET", "key", "sent");
  await other.ok("SELECT", 1);
  await other.ok("SET", "key", "other");
  const { reply, target } = await underWay(["key"]);
  await other.ok(...(change as Arg[]));
  await other.ok("SELECT", 0);
  if (change[0] === "FLUSHALL") await other.ok("SET", "key", "other");
  target.answer("+OK\r\n");
  expect(await reply).toMatchObject({ message: /^ERR 1 keys were changed/ });
  expect(await client.ok("GET", "key")).toBe("other");
});

test("a copy does not mind changes", async () => {
  await client.ok("SET", "copied", 1);
  const { reply, target } = await underWay(["copied"], "COPY");
  await other.ok("INCR", "copied");
  target.answer("+OK\r\n");
  expect(await reply).toBe("OK");
  expect(await client.ok("GET", "copied")).toBe("2");
});

test("what was not answered stays when the target goes away", async () => {
  await client.ok("MSET", "first", 1, "second", 2);
  const { reply, target } = await underWay(["first", "second"]);
  target.answer("+OK\r\n");
  await waitUntil("the first key to go", async () => (await other.ok("EXISTS", "first")) === 0);
  target.close();
  expect(await reply).toMatchObject({ message: "IOERR error or timeout reading to target instance" });
  expect(await client.ok("EXISTS", "first", "second")).toBe(1);
});

test("a silent target, one that nobody listens at, and one that talks too much", async () => {
  await client.ok("SET", "key", 1);
  const silent = new SlowTarget();
  const chatty = new SlowTarget();
  targets.push(silent, chatty);
  const ports = [await silent.listen(), await chatty.listen()];
  const migrate = (port: number, timeoutMs: number) => client.send("MIGRATE", HOST, port, "key", 0, timeoutMs);
  expect(await migrate(ports[0] as number, 50)).toMatchObject({ message: /^IOERR error or timeout reading/ });
  silent.close();
  expect(await migrate(ports[0] as number, TIMEOUT_MS)).toMatchObject({ message: /^IOERR error or timeout writing/ });
  const reply = migrate(ports[1] as number, TIMEOUT_MS);
  await waitUntil("SELECT", async () => chatty.received.includes("SELECT"));
  chatty.answer("x".repeat(100_000));
  expect(await reply).toMatchObject({ message: /^IOERR error or timeout reading/ });
  expect(await client.ok("GET", "key")).toBe("1");
});

test("a transaction does not wait for another server", async () => {
  await client.ok("SET", "key", 1);
  await client.ok("MULTI");
  await client.ok("MIGRATE", HOST, 1, "key", 0, 1);
  await client.ok("MIGRATE", HOST, 1, "none", 0, 1);
  expect(await client.send("EXEC")).toMatchObject([{ message: /not allowed inside a transaction/ }, "NOKEY"]);
});

test("what has gone stays gone after kill -9, and what stayed is there", async () => {
  await client.ok("MSET", "gone", 1, "stayed", 1);
  const { reply, target } = await underWay(["gone", "stayed"]);
  target.answer("+OK\r\n-ERR no room\r\n");
  expect(await reply).toMatchObject({ message: "ERR Target instance replied with error: ERR no room" });
  await hearth.kill();
  hearth = await startHearth({ dataDir: hearth.dataDir });
  [client, other] = await Promise.all([hearth.connect(), hearth.connect()]);
  expect(await client.ok("MGET", "gone", "stayed")).toEqual([null, "1"]);
});

test("a server that ends does not wait for a target", async () => {
  await client.ok("SET", "last", 1);
  const { reply } = await underWay(["last"]);
  const lost = reply.catch(() => null);
  expect((await hearth.stop()).code).toBe(0);
  await lost;
});

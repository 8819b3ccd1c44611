/**
 * DUMP here, RESTORE there, and the other way round: redis-server, and the newer servers where HEARTHKV_PEERS names them. Each value has the same content on both, whichever
 * form it came in. HEARTHKV_PEERS: a folder with redis8-server, valkey9-server, ...
 */
import { beforeAll, describe, expect, test } from "vitest";
import { oldForms } from "../../packages/rdb/test/old-forms.js";
import { payloadOf } from "../differential/payloads.js";
import {
  type Arg,
  hasPeer,
  newerServers,
  type Reply,
  type RespClient,
  requirePeer,
  startHearth,
  startRedis,
} from "../support/index.js";

const LONG = "x".repeat(300);
const numbered = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** Commands that make values, one for each form that a server may choose. */
const makers: Readonly<Record<string, readonly Arg[]>> = {
  empty: ["SET", ""],
  text: ["SET", "hello"],
  repeated: ["SET", "abcabcabc".repeat(4000)],
  int8: ["SET", "-5"],
  int16: ["SET", "1234"],
  int32: ["SET", "-70000"],
  int64: ["SET", "12345678901"],
  binary: ["SET", Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
  list: ["RPUSH", "a", "", "01", "-1", "127", "128", "-4096", "4095", "32768", "8388608", "2147483648", LONG],
  int64s: ["RPUSH", "9223372036854775807", "-9223372036854775808", "9007199254740993"],
  longList: ["RPUSH", ...numbered(3000, "element-")],
  listOfLong: ["RPUSH", "y".repeat(9000), "b"],
  intset: ["SADD", "1", "-2", "70000"],
  intset64: ["SADD", "1", "-9223372036854775808", "9223372036854775807"],
  set: ["SADD", "a", "bb", "12"],
  longSet: ["SADD", ...numbered(1000, "member-")],
  hash: ["HSET", "f", "v", "n", "12", "e", ""],
  longHash: ["HSET", ...numbered(1200, "field-")],
  hashOfLong: ["HSET", "f", LONG],
  zset: ["ZADD", "1", "a", "2.5", "b", "-inf", "c", "inf", "d", "0.1", "e", "1e300", "f", "-5", "g", "5e-324", "h"],
  longZset: ["ZADD", ...Array.from({ length: 1000 }, (_, i) => [String(((i * 7919) % 1000) / 3), `m${i}`]).flat()],
};

const bytesOf = async (client: RespClient, key: string) =>
  Buffer.from(String(await client.send("DUMP", key)), "latin1");

/** Whatever the key holds, sorted where order does not belong to it. Scores are numbers: Redis 7.0 prints them otherwise. */
async function contentOf(client: RespClient, key: string): Promise<unknown> {
  const type = await client.send("TYPE", key);
  if (type === "string") return client.send("GET", key);
  if (type === "list") return client.send("LRANGE", key, 0, -1);
  if (type === "zset") {
    const reply = (await client.send("ZRANGE", key, 0, -1, "WITHSCORES")) as string[];
    return reply.map((part, i) => (i % 2 === 0 ? part : Number(part.replace("inf", "Infinity"))));
  }
  const reply = (await client.send(type === "set" ? "SMEMBERS" : "HGETALL", key)) as Reply[];
  const entries = type === "set" ? reply : reply.flatMap((field, i) => (i % 2 === 0 ? [[field, reply[i + 1]]] : []));
  return entries.map((entry) => JSON.stringify(entry)).sort();
}

const servers = hasPeer("redis-server") ? ["redis-server", ...newerServers()] : [];

test("redis-server is there", (context) => requirePeer(context, "redis-server"));

describe.each(servers)("%s", (program) => {
  let ours: RespClient;
  let theirs: RespClient;

  beforeAll(async () => {
    const [hearth, other] = await Promise.all([startHearth(), startRedis([], undefined, program)]);
    [ours, theirs] = await Promise.all([hearth.connect(), other.connect()]);
  });

  test.each(Object.entries(makers))("%s there and back", async (key, [command, ...args]) => {
    expect(await theirs.send(command as string, key, ...args)).not.toBeInstanceOf(Error);
    const content = await contentOf(theirs, key);
    expect(await ours.send("RESTORE", key, 0, await bytesOf(theirs, key))).toBe("OK");
    expect(await contentOf(ours, key)).toEqual(content);
    expect(await theirs.send("RESTORE", `${key}:back`, 0, await bytesOf(ours, key))).toBe("OK");
    expect(await contentOf(theirs, `${key}:back`)).toEqual(content);
  });

  test.each(oldForms)("$name means the same to both", async ({ name, bytes }) => {
    const payload = payloadOf(bytes);
    expect(await theirs.send("RESTORE", name, 0, payload)).toBe("OK");
    expect(await ours.send("RESTORE", name, 0, payload)).toBe("OK");
    expect(await contentOf(ours, name)).toEqual(await contentOf(theirs, name));
  });
});

/** Subscriptions in both protocol versions. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MemoryServer } from "./support/memory-server.js";
import { bulk, encode, type RawClient } from "./support/raw-client.js";

const list = (kind: string, parts: string[]) => `${kind}${parts.length}\r\n${parts.map((part) => bulk(part)).join("")}`;
const confirmation = (mark: string, kind: string, name: string, count: number) =>
  `${mark}3\r\n${bulk(kind)}${bulk(name)}:${count}\r\n`;

describe.each([
  [2, "*", "$-1\r\n"],
  [3, ">", "_\r\n"],
] as const)("pub/sub with RESP%i", (proto, mark, nil) => {
  let server: MemoryServer;
  let publisher: RawClient;
  beforeAll(async () => {
    server = await MemoryServer.start();
    publisher = server.connect();
  });
  afterAll(() => server.stop());

  async function listener(): Promise<RawClient> {
    const client = server.connect();
    if (proto === 3) await client.send("HELLO 3\r\n").until("*0\r\n");
    return client;
  }

  it("delivers messages of channels and patterns", async () => {
    const client = await listener();
    await client
      .call("SUBSCRIBE", "a", "b")
      .call("PSUBSCRIBE", "a*")
      .expect(
        confirmation(mark, "subscribe", "a", 1) +
          confirmation(mark, "subscribe", "b", 2) +
          confirmation(mark, "psubscribe", "a*", 3),
      );
    await publisher.call("PUBLISH", "a", "hello").expect(":2\r\n");
    await client.expect(list(mark, ["message", "a", "hello"]) + list(mark, ["pmessage", "a*", "a", "hello"]));
    await publisher.call("PUBLISH", "c", "nobody").expect(":0\r\n");
    await publisher.call("PUBSUB", "NUMSUB", "a", "c").expect(`*4\r\n${bulk("a")}:1\r\n${bulk("c")}:0\r\n`);
    await publisher.call("PUBSUB", "NUMPAT").expect(":1\r\n");
    await client
      .call("UNSUBSCRIBE")
      .expect(confirmation(mark, "unsubscribe", "a", 2) + confirmation(mark, "unsubscribe", "b", 1));
    await client.call("PUNSUBSCRIBE", "a*").expect(confirmation(mark, "punsubscribe", "a*", 0));
    await client.call("UNSUBSCRIBE").expect(`${mark}3\r\n${bulk("unsubscribe")}${nil}:0\r\n`);
    await publisher.call("PUBLISH", "a", "x").call("PUBSUB", "CHANNELS").expect(":0\r\n*0\r\n");
    client.close();
  });

  // Negative control: with confirmations that count all names in one it was red.
  it("keeps shard channels apart from the others", async () => {
    const client = await listener();
    await client
      .call("SSUBSCRIBE", "a", "b", "a")
      .call("SUBSCRIBE", "a")
      .call("PSUBSCRIBE", "*")
      .call("SSUBSCRIBE", "c")
      .expect(
        confirmation(mark, "ssubscribe", "a", 1) +
          confirmation(mark, "ssubscribe", "b", 2) +
          confirmation(mark, "ssubscribe", "a", 2) +
          confirmation(mark, "subscribe", "a", 1) +
          confirmation(mark, "psubscribe", "*", 2) +
          confirmation(mark, "ssubscribe", "c", 3),
      );
    await publisher.call("SPUBLISH", "a", "hello").call("SPUBLISH", "z", "x").expect(":1\r\n:0\r\n");
    await client.expect(list(mark, ["smessage", "a", "hello"]));
    await publisher.call("PUBLISH", "b", "y").expect(":1\r\n");
    await client.expect(list(mark, ["pmessage", "*", "b", "y"]));
    await publisher
      .call("PUBSUB", "SHARDNUMSUB", "a", "z")
      .call("PUBSUB", "SHARDCHANNELS", "[c-z]")
      .call("PUBSUB", "CHANNELS")
      .expect(`*4\r\n${bulk("a")}:1\r\n${bulk("z")}:0\r\n*1\r\n${bulk("c")}*1\r\n${bulk("a")}`);
    expect(await publisher.call("CLIENT", "LIST", "TYPE", "pubsub").until("\n\r\n")).toContain(" psub=1 ssub=3 ");
    await client
      .call("UNSUBSCRIBE")
      .call("PUNSUBSCRIBE")
      .expect(confirmation(mark, "unsubscribe", "a", 1) + confirmation(mark, "punsubscribe", "*", 0));
    // Still a subscriber.
    if (proto === 2) await client.call("SPUBLISH", "a", "x").until("allowed in this context\r\n");
    await client
      .call("SUNSUBSCRIBE", "a", "z")
      .call("SUNSUBSCRIBE")
      .call("SUNSUBSCRIBE")
      .call("GET", "k")
      .expect(
        confirmation(mark, "sunsubscribe", "a", 2) +
          confirmation(mark, "sunsubscribe", "z", 2) +
          confirmation(mark, "sunsubscribe", "b", 1) +
          confirmation(mark, "sunsubscribe", "c", 0) +
          `${mark}3\r\n${bulk("sunsubscribe")}${nil}:0\r\n${nil}`,
      );
    await client.call("SSUBSCRIBE", "q").expect(confirmation(mark, "ssubscribe", "q", 1));
    await client.call("RESET").expect("+RESET\r\n");
    await publisher.call("PUBSUB", "SHARDCHANNELS").expect("*0\r\n");
    client.close();
  });

  it("queues SSUBSCRIBE in a transaction, where it fails", async () => {
    const client = await listener();
    await client
      .call("MULTI")
      .call("SSUBSCRIBE", "a")
      .call("SUBSCRIBE", "b")
      .call("EXEC")
      .expect(
        `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n${confirmation(mark, "subscribe", "b", 1)}`,
      );
    client.close();
  });

  it("delivers binary payloads to many", async () => {
    const payload = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("");
    const clients = await Promise.all(Array.from({ length: 20 }, listener));
    for (const client of clients) {
      await client.call("SUBSCRIBE", "bin").expect(confirmation(mark, "subscribe", "bin", 1));
    }
    await publisher.call("PUBLISH", "bin", payload).expect(":20\r\n");
    for (const client of clients) await client.expect(list(mark, ["message", "bin", payload]));
    for (const client of clients) client.close();
  });

  it("restricts commands while subscribed only in RESP2", async () => {
    const client = await listener();
    await client.call("SUBSCRIBE", "a").expect(confirmation(mark, "subscribe", "a", 1));
    if (proto === 2) {
      await client
        .call("GET", "x")
        .expect(
          "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n",
        );
      await client
        .call("PING", "hi")
        .call("PING")
        .expect(list("*", ["pong", "hi"]) + list("*", ["pong", ""]));
    } else {
      await client.call("GET", "x").call("PING").expect("_\r\n+PONG\r\n");
    }
    await client.call("RESET").call("PING").expect("+RESET\r\n+PONG\r\n");
    await publisher.call("PUBSUB", "NUMSUB", "a").expect(`*2\r\n${bulk("a")}:0\r\n`);
    client.close();
  });

  it("forgets subscribers that left", async () => {
    const client = await listener();
    await client.call("SUBSCRIBE", "gone").expect(confirmation(mark, "subscribe", "gone", 1));
    client.close();
    await publisher.expectSilence(30);
    await publisher.call("PUBLISH", "gone", "x").expect(":0\r\n");
  });

  it("bears 100,000 channels on one connection", async () => {
    const client = await listener();
    const names = Array.from({ length: 100_000 }, (_, i) => `channel:${i}`);
    const startMs = performance.now();
    client.send(encode("SUBSCRIBE", ...names));
    await client.until(":100000\r\n");
    expect(performance.now() - startMs).toBeLessThan(30_000);
    await publisher.call("PUBLISH", "channel:77777", "x").expect(":1\r\n");
    await client.expect(list(mark, ["message", "channel:77777", "x"]));
    client.close();
    await publisher.expectSilence(50);
    await publisher.call("PUBSUB", "CHANNELS", "channel:*").expect("*0\r\n");
  });
});

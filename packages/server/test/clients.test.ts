/** Limits per server and per client: maxclients, slow readers, CLIENT LIST and KILL. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MemoryServer } from "./support/memory-server.js";
import { bulk, encode } from "./support/raw-client.js";

describe("maxclients", () => {
  it("refuses the client that is one too many, and takes the next when one has left", async () => {
    const server = await MemoryServer.start({ maxclients: 2 });
    const first = server.connect();
    await first.call("PING").expect("+PONG\r\n");
    await server.connect().call("PING").expect("+PONG\r\n");
    const third = server.connect();
    await third.expect("-ERR max number of clients reached\r\n");
    await third.expectClosed();
    first.close();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await server.connect().call("PING").expect("+PONG\r\n");
    await server.stop();
  });
});

describe("clients", () => {
  let server: MemoryServer;
  beforeAll(async () => {
    server = await MemoryServer.start();
  });
  afterAll(() => server.stop());

  it("describes a client in Redis's line", async () => {
    const client = server.connect().call("CLIENT", "SETNAME", "me").call("SELECT", "5");
    await client.expect("+OK\r\n+OK\r\n");
    const line = await client.call("CLIENT", "INFO").until("\n\r\n");
    expect(line).toMatch(
      /id=\d+ addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ fd=-?\d+ name=me age=\d+ idle=0 flags=N db=5 sub=0 psub=0 ssub=0 multi=-1 qbuf=\d+ qbuf-free=\d+ argv-mem=\d+ multi-mem=0 rbs=\d+ rbp=\d+ obl=0 oll=0 omem=0 tot-mem=\d+ events=r cmd=client\|info user=default redir=-1 resp=2 lib-name= lib-ver=\n/,
    );
  });

  it("lists the clients with the given numbers, each once, in the order given", async () => {
    const one = server.connect().call("CLIENT", "ID");
    const two = server.connect();
    const [first, second] = [await one.until("\r\n"), await two.call("CLIENT", "ID").until("\r\n")].map((id) =>
      id.slice(1, -2),
    );
    const list = await one.call("CLIENT", "LIST", "ID", `${second}`, "999999", `${first}`, `${second}`).until("\n\r\n");
    expect([...list.matchAll(/^(?:\$\d+\r\n)?id=(\d+) /gm)].map((match) => match[1])).toEqual([second, first]);
  });

  it("kills others at once and the caller after the reply", async () => {
    const victim = server.connect().call("SUBSCRIBE", "x");
    await victim.expect(`*3\r\n${bulk("subscribe")}${bulk("x")}:1\r\n`);
    const caller = server.connect().call("CLIENT", "KILL", "TYPE", "pubsub");
    await caller.expect(":1\r\n");
    await victim.expectClosed();
    await caller.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no").call("PING").until(":1\r\n");
    await caller.expectClosed();
  });

  it("bounds the memory of a client that never reads", async () => {
    const writer = server.connect().call("SET", "big", "x".repeat(1_000_000));
    await writer.expect("+OK\r\n");
    const reader = server.connect();
    reader.socket.pause();
    const before = process.memoryUsage().rss;
    const request = encode("GET", "big");
    reader.send(request.repeat(2000));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(process.memoryUsage().rss - before).toBeLessThan(400_000_000);
    expect(reader.closed).toBe(false);
    await writer.call("PING").expect("+PONG\r\n");

    let bytes = 0;
    const size = 2000 * bulk("x".repeat(1_000_000)).length;
    await new Promise<void>((resolve) => {
      reader.socket.removeAllListeners("data");
      reader.socket.on("data", (chunk) => {
        bytes += chunk.length;
        if (bytes === size) resolve();
      });
      reader.socket.resume();
    });
    await writer.call("DEL", "big").expect(":1\r\n");
    reader.close();
  });

  it("closes a subscriber that falls behind by more than 32 MB", async () => {
    const slow = server.connect().call("SUBSCRIBE", "flood");
    await slow.expect(`*3\r\n${bulk("subscribe")}${bulk("flood")}:1\r\n`);
    slow.socket.pause();
    const publisher = server.connect();
    const message = "m".repeat(1_000_000);
    for (let i = 0; i < 80; i++) await publisher.call("PUBLISH", "flood", message).until("\r\n");
    await publisher.call("PUBLISH", "flood", "x").expect(":0\r\n");
    const lines = server.log.filter((line) => String(line.msg).includes("overcoming of output buffer limits"));
    expect(String(lines[0]?.msg)).toMatch(
      /^Client id=\d+ .* scheduled to be closed ASAP for overcoming of output buffer limits\.$/,
    );
  });
});

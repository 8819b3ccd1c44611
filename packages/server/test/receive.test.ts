/** Connections as they come: taken from the listening handle, by net.Server's way where that cannot be, and read together when many come. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { Keyspace } from "@hearthkv/engine";
import { describe, expect, it } from "vitest";
import { receive } from "../src/connection/receive.js";
import type { Resting } from "../src/turn/tick.js";
import { serveFake } from "./support/fake-persistence.js";
import { RawClient } from "./support/raw-client.js";

/** As libuv reports it. */
const EMFILE = -24;
const BUFFER = Buffer.alloc(64);

/** An echo server; `hide`: as if this Node had no handles. */
async function echo(hide: boolean): Promise<{ server: Server; sockets: Socket[]; chunks: Buffer[]; port: number }> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets: Socket[] = [];
  const chunks: Buffer[] = [];
  const handle: unknown = Reflect.get(server, "_handle");
  if (hide) Reflect.set(server, "_handle", null);
  receive(server, BUFFER, (socket, inlet) => {
    sockets.push(socket);
    inlet.receive = (chunk, length) => {
      chunks.push(chunk);
      socket.write(Buffer.from(chunk.subarray(0, length)));
    };
    socket.on("end", () => socket.end());
    socket.on("error", () => socket.destroy());
    socket.resume();
  });
  Reflect.set(server, "_handle", handle);
  return { server, sockets, chunks, port: (server.address() as AddressInfo).port };
}

describe.each([
  ["the listening handle", false],
  ["net.Server, where there is no handle to take", true],
] as const)("sockets from %s", (_way, hide) => {
  it("carry bytes both ways, know their addresses, and see the peer's end", async () => {
    const { server, sockets, chunks, port } = await echo(hide);
    const client = new RawClient(port).send("x".repeat(1000));
    await client.expect("x".repeat(1000));
    expect(sockets[0]?.remotePort).toBe(client.socket.localPort);
    expect(sockets[0]?.localPort).toBe(port);
    // The shared buffer is what tells the two ways apart.
    expect(chunks.every((chunk) => chunk.buffer === BUFFER.buffer)).toBe(!hide);
    client.socket.end("last");
    await client.expect("last");
    await client.expectClosed();
    server.close();
  });

  it("live on when the server stops listening", async () => {
    const { server, port } = await echo(hide);
    const client = new RawClient(port).send("a");
    await client.expect("a");
    server.close();
    await client.send("b").expect("b");
    client.close();
  });

  it("do not end the server when the peer has left before it is looked at", async () => {
    const { server, sockets, port } = await echo(hide);
    const gone = new RawClient(port);
    gone.socket.once("connect", () => gone.socket.resetAndDestroy());
    await gone.expectClosed();
    const client = new RawClient(port).send("a");
    await client.expect("a");
    expect(sockets.length).toBeGreaterThanOrEqual(1);
    client.close();
    server.close();
  });

  /** Negative control: with the status not looked at, nothing was reported. */
  it("are not made of an accept(2) that fails: the server says so, and goes on", async () => {
    const { server, sockets, port } = await echo(hide);
    const failed = once(server, "error");
    const handle: object = Reflect.get(server, "_handle");
    Reflect.apply(Reflect.get(handle, "onconnection"), handle, [EMFILE, undefined]);
    expect((await failed)[0]).toMatchObject({ code: "EMFILE", syscall: "accept" });
    expect(sockets).toEqual([]);
    const client = new RawClient(port).send("a");
    await client.expect("a");
    client.close();
    server.close();
  });
});

/** Negative control: with a socket that is read at once it did not rest, and PONG came. */
it("a connection that comes behind another is read when no more come", async () => {
  const server = await serveFake(new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random }));
  const { ticker, clients, stats } = server.core;
  const resting: Resting[] = [];
  ticker.addResting = (one) => resting.push(one);
  const client = new RawClient(server.port).send("PING\r\n");
  while (clients.size === 0) {
    ticker.accepted();
    await turn();
  }
  for (let i = 0; i < 50; i++) await turn();
  expect(resting.length).toBe(1);
  expect(stats.netInputBytes).toBe(0);
  resting[0]?.readOn();
  await client.expect("+PONG\r\n");
  client.close();
  server.stop();
});

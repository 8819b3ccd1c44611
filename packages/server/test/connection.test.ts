/** What a connection does with replies in large amounts. */
import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { Keyspace } from "@hearthkv/engine";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Clock } from "../src/clock.js";
import { Connection } from "../src/connection/connection.js";
import { serveFake } from "./support/fake-persistence.js";
import { encode, RawClient } from "./support/raw-client.js";

let server: Awaited<ReturnType<typeof serveFake>>;
let keyspace: Keyspace;

beforeEach(async () => {
  keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
  server = await serveFake(keyspace);
});
afterEach(() => server.stop());

/** A connection whose client has read everything before the server's next look: the kernel always takes all bytes at once. */
function connectionToNull(): { connection: Connection; close: () => void } {
  const fd = openSync("/dev/null", "w");
  const socket = new Socket();
  Object.defineProperty(socket, "_handle", { value: { fd, reading: true } });
  // Time stands still: no pipeline takes longer than its share of a turn.
  const clock = new Clock(
    () => 0,
    () => 0,
  );
  const services = { ...server.core, clock, securityLoggedMs: 0, forget: () => {}, unblock: () => {} };
  const identity = { id: 1, address: "127.0.0.1:1", localAddress: "127.0.0.1:2" };
  const connection = new Connection(services, identity, keyspace.db(0));
  connection.authenticated = true;
  connection.attach(socket);
  return { connection, close: () => closeSync(fd) };
}

const VALUE_BYTES = 200_000;
/** Replies of more bytes than a client may owe before its requests have to wait. */
const GETS = 400;

it.each(["held", "collected"])(
  "goes on with a client that has read all it owed at once (replies were %s)",
  async (how) => {
    const { persistence } = server;
    const { connection, close } = connectionToNull();
    const send = (text: string): void => connection.receive(Buffer.from(`${text} `), text.length);
    send(encode("SET", "value", "v".repeat(VALUE_BYTES)));
    persistence.ack(1);
    send(encode("SET", "a", "1") + encode("GET", "value").repeat(GETS) + encode("SET", "last", "1"));
    expect(connection.outputBytes).toBeGreaterThan(64 * 1024 * 1024);
    expect(connection.outputBytes).toBeLessThan(GETS * VALUE_BYTES);
    if (how === "held") await new Promise((resolve) => setImmediate(resolve));
    expect(connection.held).toBe(how === "held");
    persistence.ack(2);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(persistence.lastSequence).toBe(3);
    persistence.ack(3);
    expect(connection.outputBytes).toBe(0);
    connection.closed = true;
    close();
  },
);

// Control, seen red: a writer that is cut back and goes on in the buffer that a stream has been given.
it("sends large replies of one pipeline whole, also to a client that reads late", async () => {
  const { effects } = keyspace;
  effects.enabled = false;
  // Each fits the buffer of the one before.
  const values = ["a", "b", "c", "d"].map((letter, i) => {
    const value = Buffer.alloc(9_000_000 - i * 1_000_000, letter);
    keyspace.db(0).strings.set(Buffer.from(letter), 0, 1, value, 0, value.length, 0);
    return `$${value.length}\r\n${value.toString("latin1")}\r\n`;
  });
  effects.enabled = true;
  const [late, other] = [new RawClient(server.port), new RawClient(server.port)];
  late.socket.pause();
  const gets = ["a", "b", "c", "d"].map((key) => encode("GET", key)).join("");
  for (const client of [late, other]) client.send(`${encode("PING")}${gets}${encode("PING")}`);
  const expected = `+PONG\r\n${values.join("")}+PONG\r\n`;
  await other.expect(expected);
  late.socket.resume();
  await late.expect(expected);
  late.socket.destroy();
  other.socket.destroy();
});

it("sends small and large messages of one turn in their order", async () => {
  const [subscriber, publisher] = [new RawClient(server.port), new RawClient(server.port)];
  await subscriber.call("SUBSCRIBE", "c").until(":1\r\n");
  const sizes = Array.from({ length: 3000 }, (_, i) => (i % 1000 === 500 ? 300_000 : i % 200));
  const texts = sizes.map((size, i) => `${i}:${"m".repeat(size)}`);
  publisher.send(texts.map((text) => encode("PUBLISH", "c", text)).join(""));
  await subscriber.expect(texts.map((text) => encode("message", "c", text)).join(""));
  for (const client of [subscriber, publisher]) client.close();
});

/** Keyspace notifications that no random command shows: expiry, calls that waited, and what is told to whom. test/differential/events.test.ts has the rest. */
import { parseEventClasses } from "@hearthkv/commands";
import { Keyspace } from "@hearthkv/engine";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PublishedEvents } from "../src/pubsub/key-events.js";
import { PubSub } from "../src/pubsub/pubsub.js";
import { KeyWatch } from "../src/waiting/key-observer.js";
import { MemoryServer } from "./support/memory-server.js";
import { bulk, type RawClient } from "./support/raw-client.js";

const message = (channel: string, payload: string) =>
  `*4\r\n${bulk("pmessage")}${bulk("__key*__:*")}${bulk(channel)}${bulk(payload)}`;
const told = (event: string, key: string) => message(`__keyevent@0__:${event}`, key);

describe("keyspace notifications", () => {
  let server: MemoryServer;
  let client: RawClient;
  let listener: RawClient;
  beforeAll(async () => {
    server = await MemoryServer.start();
    client = server.connect();
    listener = server.connect();
    await listener.call("PSUBSCRIBE", "__key*__:*").expect(`*3\r\n${bulk("psubscribe")}${bulk("__key*__:*")}:1\r\n`);
  });
  afterEach(() => client.call("FLUSHALL").expect("+OK\r\n"));
  afterAll(() => server.stop());

  const ask = (classes: string) => client.call("CONFIG", "SET", "notify-keyspace-events", classes).expect("+OK\r\n");

  it("are told on the channels that are asked for, keyspace first, and in no other class", async () => {
    await ask("KE$");
    await client.call("SET", "k", "v", "EX", "100").call("DEL", "k").expect("+OK\r\n:1\r\n");
    await listener.expect(message("__keyspace@0__:k", "set") + message("__keyevent@0__:set", "k"));
    await ask("Kg");
    await client.call("SET", "k", "v").call("DEL", "k").expect("+OK\r\n:1\r\n");
    await listener.expect(message("__keyspace@0__:k", "del"));
    await ask("A");
    await client.call("SET", "k", "v").expect("+OK\r\n");
    await listener.expectSilence();
  });

  // Negative control: without observer.expired in KeyStore.expireRecord both were missing.
  it("tell of keys that a command or the sweep finds expired", async () => {
    await ask("Ex");
    await client.call("SET", "found", "v", "PXAT", "1").call("EXISTS", "found").expect("+OK\r\n:0\r\n");
    await listener.expect(told("expired", "found"));
    await client.call("SET", "swept", "v", "PX", "1").expect("+OK\r\n");
    await listener.expect(told("expired", "swept"));
  });

  it("tell of a call that waited behind what let it go on", async () => {
    await ask("Elg");
    const blocked = server.connect().call("BLPOP", "q", "0");
    await blocked.expectSilence(15);
    await client.call("RPUSH", "q", "x").expect(":1\r\n");
    await blocked.expect(`*2\r\n${bulk("q")}${bulk("x")}`);
    await listener.expect(told("rpush", "q") + told("lpop", "q") + told("del", "q"));
  });

  it("reach a client of RESP3 behind the reply to its own command", async () => {
    await ask("Em");
    const own = server.connect();
    await own.call("HELLO", "3").until("*0\r\n");
    await own.call("SUBSCRIBE", "__keyevent@0__:keymiss").until(":1\r\n");
    const push = `>3\r\n${bulk("message")}${bulk("__keyevent@0__:keymiss")}${bulk("nope")}`;
    await own.call("GET", "nope").expect(`_\r\n${push}`);
    await listener.expect(told("keymiss", "nope"));
  });

  it("refuse what is no class, and show what is asked for as Redis does", async () => {
    const refused = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    await client
      .call("CONFIG", "SET", "notify-keyspace-events", "Kq")
      .expect(`-ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - ${refused}\r\n`);
    for (const [given, shown] of [
      ["KEAnm", "AKEm"],
      ["gxEm$", "g$xEm"],
      ["", ""],
    ] as const) {
      await ask(given);
      await client
        .call("CONFIG", "GET", "notify-keyspace-events")
        .expect(`*2\r\n${bulk("notify-keyspace-events")}${bulk(shown)}`);
    }
  });
});

it("cost the keyspace no observer while only commands tell", () => {
  const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
  const watch = new KeyWatch(keyspace);
  const events = new PublishedEvents(keyspace, new PubSub(() => {}), () => watch.update());
  watch.listen([], events);
  const observed = (text: string) => {
    events.asked = parseEventClasses(text) ?? 0;
    return keyspace.observer !== null;
  };
  expect(["KEg$lshzt", "KEx", "x", "Km", "", "KA", "E$"].map(observed)).toEqual([
    ...[false, true, false, true, false, true, false],
  ]);
  expect(events.classes).toBe(2);
});

/** Who is served in a turn: new connections before busy ones, nobody for long, and nobody called idle who waits for the server. */
import { setImmediate as turn } from "node:timers/promises";
import { Keyspace } from "@hearthkv/engine";
import { ReplyWriter } from "@hearthkv/resp";
import { describe, expect, it } from "vitest";
import { HALT_SUSPENDED } from "../src/clients/client-state.js";
import { Clock } from "../src/clock.js";
import { ServerStats } from "../src/info/stats.js";
import { Ticker } from "../src/turn/tick.js";
import { WriteMarks } from "../src/turn/write-marks.js";
import { FakePersistence, serveFake } from "./support/fake-persistence.js";
import { encode, RawClient } from "./support/raw-client.js";

const newKeyspace = () => new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });

describe("new connections", () => {
  const newTicker = () =>
    new Ticker(new FakePersistence(newKeyspace()), new ServerStats(0), new ReplyWriter(), new WriteMarks());

  it("go first while they come one behind the other", async () => {
    const ticker = newTicker();
    const read: string[] = [];
    ticker.accepted();
    expect(ticker.isAccepting).toBe(false);
    await turn();
    ticker.accepted();
    expect(ticker.isAccepting).toBe(true);
    ticker.addResting({ readOn: () => read.push("a") });
    for (let i = 0; i < 50; i++) {
      await turn();
      ticker.accepted();
      expect(read).toEqual([]);
    }
    // The turn of the last one, and one that brings none.
    await turn();
    await turn();
    await turn();
    expect(read).toEqual(["a"]);
    expect(ticker.isAccepting).toBe(false);
  });

  /** Negative control: without the bound this waited for ever. */
  it("do not keep the others waiting for ever", async () => {
    const ticker = newTicker();
    let isRead = false;
    let accepted = 0;
    ticker.addResting({
      readOn: () => {
        isRead = true;
      },
    });
    for (; !isRead && accepted < 10_000; accepted++) {
      ticker.accepted();
      await turn();
    }
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(1000);
  });

  it("let a socket that has had its share be read again after the turn", async () => {
    const ticker = newTicker();
    let isRead = false;
    ticker.addResting({
      readOn: () => {
        isRead = true;
      },
    });
    expect(isRead).toBe(false);
    await turn();
    await turn();
    expect(isRead).toBe(true);
  });
});

describe("a long pipeline", () => {
  const REQUESTS = 20_000;

  /** Negative control: without the look at the time all of it ran in one turn, and the PING of another came behind it. */
  it("is run in parts, in order, with others between", async () => {
    let ms = 0;
    const clock = new Clock(Date.now, () => ms++);
    const keyspace = newKeyspace();
    const server = await serveFake(keyspace, [], clock);
    server.persistence.ack(Number.MAX_SAFE_INTEGER);
    const [long, other] = [new RawClient(server.port), new RawClient(server.port)];
    long.send(encode("BLPOP", "q", "0") + encode("APPEND", "a", "x").repeat(REQUESTS));
    const [first] = await until(() => [...server.core.clients.all()].filter((client) => client.blocked !== null));
    await until(() => (first !== undefined && first.inputBytes >= 25 * REQUESTS ? [first] : []));
    const seen: number[] = [];
    other.send(encode("RPUSH", "q", "1"));
    while ((seen.at(-1) ?? 0) < REQUESTS) {
      seen.push(keyspace.db(0).keys.lookup(Buffer.from("a"), 0, 1) === 0 ? 0 : keyspace.db(0).keys.valueLen);
      await turn();
    }
    expect(new Set(seen).size).toBeGreaterThan(20);
    await long.take(18);
    const replies = await long.take(Array.from({ length: REQUESTS }, (_, i) => `:${i + 1}\r\n`).join("").length);
    expect(replies).toBe(Array.from({ length: REQUESTS }, (_, i) => `:${i + 1}\r\n`).join(""));
    for (const client of [long, other]) client.close();
    server.stop();
  });
});

describe("timeout", () => {
  /** Negative control: with `blocked` as the only exemption, as it was, the client that waited for a sync was closed. */
  it("closes who is idle, not who waits for the server; the time counts from the answer", async () => {
    let ms = 0;
    const clock = new Clock(Date.now, () => ms);
    const server = await serveFake(newKeyspace(), [], clock);
    server.core.settings.timeoutSeconds = 1;
    const check = (): void => {
      for (const client of [...server.core.clients.all()]) client.check(clock.tick());
    };
    const client = new RawClient(server.port).call("SET", "a", "1").call("WAITAOF", "1", "0", "0");
    await until(() => (server.persistence.syncsAwaited === 1 ? [1] : []));
    ms += 100_000;
    check();
    expect(server.core.clients.size).toBe(1);
    server.persistence.ack(1);
    await client.expect("+OK\r\n");
    const [state] = [...server.core.clients.all()];
    // The sync never comes in this fake: the client's answer is given here.
    state?.abandon?.();
    state?.release(HALT_SUSPENDED);
    ms += 900;
    check();
    expect(server.core.clients.size).toBe(1);
    ms += 200;
    check();
    await client.expectClosed();
    server.stop();
  });

  it("lets held replies wait, whatever the wall clock says", async () => {
    let [ms, wallMs] = [0, 1_000_000];
    const clock = new Clock(
      () => wallMs,
      () => ms,
    );
    const server = await serveFake(newKeyspace(), [], clock);
    server.core.settings.timeoutSeconds = 3600;
    const check = (): void => {
      for (const client of [...server.core.clients.all()]) client.check(clock.tick());
    };
    const client = new RawClient(server.port).call("SET", "a", "1");
    await until(() => [...server.core.clients.all()].filter((each) => each.lastSequence === 1));
    await turn();
    wallMs += 30 * 86_400_000;
    check();
    expect(server.core.clients.size).toBe(1);
    ms += 7_200_000;
    check();
    expect(server.core.clients.size).toBe(1);
    server.persistence.ack(1);
    await client.expect("+OK\r\n");
    check();
    expect(server.core.clients.size).toBe(1);
    wallMs -= 60 * 86_400_000;
    ms += 7_200_000;
    check();
    await client.expectClosed();
    server.stop();
  });
});

/** What `find` gives as soon as it gives anything. */
async function until<T>(find: () => T[]): Promise<T[]> {
  for (;;) {
    const found = find();
    if (found.length > 0) return found;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

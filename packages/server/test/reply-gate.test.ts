/** No reply before the log has it; nothing runs while the log is behind; what a failing disk refuses. */
import { Keyspace, OP_BATCH, OP_SET } from "@hearthkv/engine";
import { ReplyWriter } from "@hearthkv/resp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ServerStats } from "../src/info/stats.js";
import { ReplyGate } from "../src/turn/gate.js";
import { type Outlet, Ticker } from "../src/turn/tick.js";
import { WriteMarks } from "../src/turn/write-marks.js";
import { FakePersistence, serveFake } from "./support/fake-persistence.js";
import { bulk, encode, RawClient } from "./support/raw-client.js";

describe("the gate", () => {
  it("lets go in order, up to what is acknowledged", () => {
    const gate = new ReplyGate();
    const sent: string[] = [];
    const target = {
      transmit: (bytes: Buffer, from: number, to: number) => sent.push(bytes.toString("latin1", from, to)),
    };
    for (let i = 1; i <= 5000; i++) {
      gate.hold(Math.ceil(i / 2), target, Buffer.from(`<${i}>`), 1, 1 + String(i).length, null);
    }
    gate.release(0);
    expect(sent).toEqual([]);
    for (let acked = 1; acked <= 2500; acked += 7) {
      gate.release(acked);
      expect(sent).toHaveLength(acked * 2);
      expect(gate.size).toBe(5000 - acked * 2);
    }
    gate.release(9999);
    expect(sent).toEqual(Array.from({ length: 5000 }, (_, i) => String(i + 1)));
  });

  it("lets go of those who only read, and keeps the order of the others", () => {
    const gate = new ReplyGate();
    const sent: string[] = [];
    const transmit = (bytes: Buffer): number => sent.push(bytes.toString());
    const [writer, reader] = [{ transmit }, { transmit }];
    ["w1", "r1", "w2", "r2"].forEach((text, i) => {
      gate.hold(i + 1, text.startsWith("w") ? writer : reader, Buffer.from(text), 0, text.length, null);
    });
    gate.releaseOf((target) => target === reader);
    expect(sent).toEqual(["r1", "r2"]);
    expect(gate.size).toBe(2);
    gate.release(1);
    expect(sent).toEqual(["r1", "r2", "w1"]);
    gate.release(3);
    expect(sent).toEqual(["r1", "r2", "w1", "w2"]);
  });

  it("refuses what must not be acknowledged, lets go of the rest, in order, and says what was held of it", () => {
    const gate = new ReplyGate();
    const sent: [string, number][] = [];
    const target = {
      transmit: (bytes: Buffer, from: number, to: number, heldBytes: number) => {
        sent.push([bytes.toString("latin1", from, to), heldBytes]);
      },
    };
    const marks = new WriteMarks();
    marks.add(2, 4, 7);
    marks.add(6, 8, 8);
    marks.add(8, 10, 9);
    const turn = Buffer.from("r0w7r1w8w9r2");
    gate.hold(9, target, turn, 0, 6, marks);
    gate.hold(9, target, Buffer.from("message"), 0, 7, null);
    gate.hold(9, target, turn, 6, 12, marks);
    expect(gate.refuse(7, Buffer.from("ERROR"))).toBe(2);
    expect(sent).toEqual([
      ["r0w7r1", 6],
      ["message", 7],
      ["ERRORERRORr2", 6],
    ]);
    expect(gate.size).toBe(0);
  });
});

describe("the end of a turn", () => {
  const turnCopies = (writeError: string | null): (number | null)[] => {
    const persistence = new FakePersistence(new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random }));
    persistence.lastSequence = 1;
    persistence.writeError = writeError;
    const reply = new ReplyWriter();
    const ticker = new Ticker(persistence, new ServerStats(0), reply, new WriteMarks());
    const copies: (number | null)[] = [];
    const outlet = (lastSequence: number): Outlet => ({
      ...{ closed: false, held: false, lastSequence, flush: () => {}, transmit: () => {} },
      hold: (_gate, _sequence, turnReplies) => copies.push(turnReplies?.bytes.length ?? null),
    });
    reply.bulkString("x".repeat(1000));
    for (const lastSequence of [0, 1]) ticker.addOutlet(outlet(lastSequence));
    ticker.finish();
    return copies;
  };

  it("holds all replies in one copy, unless some leave: theirs would stay in memory with the others'", () => {
    expect(turnCopies(null)).toEqual([1009, 1009]);
    expect(turnCopies("MISCONF Errors writing to the AOF file: No space left on device")).toEqual([null]);
  });
});

describe("a server whose log is slow", () => {
  let server: Awaited<ReturnType<typeof serveFake>>;
  let keyspace: Keyspace;
  let writer: RawClient;
  let reader: RawClient;
  const log: Record<string, unknown>[] = [];

  beforeEach(async () => {
    keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
    server = await serveFake(keyspace, log);
    writer = new RawClient(server.port);
    reader = new RawClient(server.port);
    await writer.call("PING").expect("+PONG\r\n");
    await reader.call("PING").expect("+PONG\r\n");
  });
  afterEach(() => {
    writer.close();
    reader.close();
    server.stop();
  });

  it("acknowledges a write only when the log has it", async () => {
    await writer.call("SET", "a", "1").expectSilence();
    server.persistence.ack(1);
    await writer.expect("+OK\r\n");
  });

  it("with ack level synced shows nobody what is not in the log", async () => {
    server.persistence.ackLevel = "synced";
    writer.call("SET", "a", "1");
    await writer.expectSilence();
    await reader.call("GET", "a").expectSilence();
    server.persistence.ack(1);
    await reader.expect(bulk("1"));
    await writer.expect("+OK\r\n");
  });

  it("lets those who only read go on when the log does not get on, and who has written wait", async () => {
    await reader.call("SET", "b", "1").expectSilence(10);
    server.persistence.ack(1);
    await reader.expect("+OK\r\n");
    writer.call("SET", "a", "1");
    await writer.expectSilence();
    await reader.call("GET", "a").expect(bulk("1"));
    await reader.call("GET", "a").expect(bulk("1"));
    writer.call("GET", "a");
    await writer.expectSilence();
    server.persistence.ack(2);
    await writer.expect(`+OK\r\n${bulk("1")}`);
  });

  it("keeps each client's replies in order", async () => {
    writer.call("SET", "a", "1");
    await writer.expectSilence(10);
    writer.call("SET", "b", "2");
    await writer.expectSilence(10);
    writer.call("ECHO", "x");
    await writer.expectSilence(10);
    server.persistence.ack(1);
    await writer.expect("+OK\r\n");
    await writer.expectSilence(10);
    server.persistence.ack(2);
    await writer.expect(`+OK\r\n${bulk("x")}`);
  });

  it("holds messages and the replies of served clients as well", async () => {
    await reader.call("BLPOP", "q", "0").expectSilence(10);
    writer.call("RPUSH", "q", "x");
    await reader.expectSilence();
    expect(server.persistence.lastSequence).toBe(2);
    server.persistence.ack(2);
    await reader.expect(`*2\r\n${bulk("q")}${bulk("x")}`);
    await writer.expect(":1\r\n");
  });

  it("logs one entry for each command and each transaction", async () => {
    server.persistence.ack(1000);
    writer.send(`${encode("SET", "a", "1")}MULTI\r\nSET b 1\r\nDEL a\r\nEXEC\r\nMULTI\r\nSET c 1\r\nEXEC\r\nGET a\r\n`);
    await writer.until("$-1\r\n");
    expect(server.persistence.entries).toEqual([OP_SET, OP_BATCH, OP_SET]);
  });

  it("closes a connection only after its held replies", async () => {
    writer.send(`${encode("SET", "a", "1")}QUIT\r\n`);
    await writer.expectSilence();
    server.persistence.ack(1);
    await writer.expect("+OK\r\n+OK\r\n");
    await writer.expectClosed();
  });

  it("runs nothing that writes while the log is behind, and then everything in order; reads go on", async () => {
    server.persistence.ack(1000);
    server.persistence.congestedAbove = 2;
    writer.send(Array.from({ length: 10 }, (_, i) => encode("RPUSH", "q", String(i))).join(""));
    writer.call("LLEN", "q");
    await reader.call("LLEN", "q").expect(":3\r\n");
    expect(server.persistence.lastSequence).toBe(3);
    const late = new RawClient(server.port);
    late.send("MULTI\r\nLLEN q\r\nEXEC\r\nMULTI\r\nRPUSH q last\r\nEXEC\r\nLLEN q\r\n");
    await late.expect("+OK\r\n+QUEUED\r\n*1\r\n:3\r\n+OK\r\n+QUEUED\r\n");
    await late.expectSilence();
    await reader.call("LLEN", "q").expect(":3\r\n");
    server.persistence.drain();
    await writer.expect(`${Array.from({ length: 10 }, (_, i) => `:${i + 1}\r\n`).join("")}:10\r\n`);
    await late.expect("*1\r\n:11\r\n:11\r\n");
    await reader.call("LRANGE", "q", "0", "-1").until(bulk("last"));
    late.close();
  });

  it("lets those who waited to write go on in the order of their coming, and wait again", async () => {
    server.persistence.ack(1000);
    server.persistence.congestedAbove = 0;
    await writer.call("SET", "order", "").expect("+OK\r\n");
    const clients = Array.from({ length: 5 }, () => new RawClient(server.port));
    for (const [i, client] of clients.entries()) {
      client.call("APPEND", "order", String(i));
      await client.expectSilence(5);
    }
    for (let i = 0; i < clients.length; i++) {
      server.persistence.drain();
      server.persistence.congestedAbove = 0;
      await clients[i]?.until("\r\n");
    }
    await reader.call("GET", "order").expect(bulk("01234"));
    for (const client of clients) client.close();
  });

  it("runs what waited for the log also when the client has ended its sending meanwhile", async () => {
    server.persistence.ack(1000);
    server.persistence.congestedAbove = 0;
    await writer.call("SET", "a", "1").expect("+OK\r\n");
    writer.send(encode("APPEND", "a", "2") + encode("APPEND", "a", "3"));
    await writer.expectSilence(10);
    writer.socket.end();
    await new Promise((resolve) => setTimeout(resolve, 20));
    server.persistence.drain();
    await writer.expect(":2\r\n:3\r\n");
    await writer.expectClosed();
  });

  it("runs nothing any more once it is closing, also when the log catches up", async () => {
    server.persistence.ack(1000);
    server.persistence.congestedAbove = 0;
    await writer.call("SET", "a", "1").call("SET", "a", "2").expect("+OK\r\n");
    server.core.stop();
    server.persistence.drain();
    await writer.call("SET", "a", "3").expectSilence();
    expect(server.persistence.lastSequence).toBe(1);
  });

  it("does not read on while the log is behind", async () => {
    server.persistence.ack(1000);
    server.persistence.congestedAbove = 0;
    writer.call("SET", "a", "1");
    await writer.expect("+OK\r\n");
    const chunk = encode("SET", "a", "x".repeat(100_000));
    let sentBytes = 0;
    while (writer.socket.writableLength < 4_000_000 && sentBytes < 100_000_000) {
      writer.send(chunk);
      sentBytes += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sentBytes).toBeLessThan(100_000_000);
    const [first] = [...server.core.clients.all()];
    expect(first?.inputBytes).toBeLessThan(2_000_000);
    server.persistence.drain();
    await writer.call("ECHO", "end").until(bulk("end"));
  });

  it("shows no reader what is not synced once the level is raised, though the log was late before", async () => {
    writer.call("SET", "a", "1");
    await reader.call("GET", "a").expect(bulk("1")); // late, with level written
    server.persistence.ackLevel = "synced";
    await reader.call("GET", "a").expectSilence();
    server.persistence.ack(1);
    await reader.expect(bulk("1"));
    await writer.expect("+OK\r\n");
  });

  describe("and fails", () => {
    const error = "MISCONF Errors writing to the AOF file: No space left on device";
    const inLog = async (sequence: number) => {
      while (server.persistence.lastSequence < sequence) await new Promise((resolve) => setImmediate(resolve));
    };

    it("refuses writes and goes on reading; the write that waited is refused too, and all that came behind it leaves", async () => {
      writer.call("SET", "a", "1").call("GET", "a").call("PING");
      await inLog(1);
      await writer.expectSilence(10);
      server.persistence.fail(error);
      await writer.expect(`-${error}\r\n${bulk("1")}+PONG\r\n`);
      await writer.call("GET", "a").expect(bulk("1"));
      await reader
        .call("SET", "b", "1")
        .call("GET", "a")
        .call("PING")
        .expect(`-${error}\r\n${bulk("1")}+PONG\r\n`);
      await reader.send("MULTI\r\n").expect("+OK\r\n");
      await reader
        .send("SET b 1\r\nEXEC\r\n")
        .expect(`-${error}\r\n-EXECABORT Transaction discarded because of previous errors.\r\n`);
      server.persistence.fail(null);
      server.persistence.ack(1);
      await writer.expectSilence(10);
      await reader.send("SET c 1\r\n").expectSilence(10);
      server.persistence.ack(2);
      await reader.expect("+OK\r\n");
      expect(server.core.stats.errors.get("MISCONF")).toBe(3);
    });

    it("refuses in a pipeline what is not acknowledged, each write by itself and a transaction as one", async () => {
      server.persistence.ackLevel = "synced";
      server.persistence.ack(1);
      const exec = "MULTI\r\nINCR n\r\nGET n\r\nEXEC\r\nMULTI\r\nGET n\r\nEXEC\r\n";
      writer.send(`SET a 1\r\nSET a 2\r\nGET a\r\nDEL nothing\r\n${exec}HSET a f v\r\nGETDEL a\r\nECHO end\r\n`);
      await inLog(4);
      await writer.expectSilence(10);
      server.persistence.fail(error);
      const refused = `-${error}\r\n`;
      const transactions = `+OK\r\n+QUEUED\r\n+QUEUED\r\n${refused}+OK\r\n+QUEUED\r\n*1\r\n${bulk("1")}`;
      const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
      await writer.expect(`+OK\r\n${refused}${bulk("2")}:0\r\n${transactions}${wrongType}${refused}${bulk("end")}`);
    });

    it("refuses a blocked call that was served, and no message in between; RESP2 and RESP3", async () => {
      const subscriber = new RawClient(server.port);
      await subscriber.call("HELLO", "3").until("*0\r\n");
      await subscriber.call("SUBSCRIBE", "news").expect(`>3\r\n${bulk("subscribe")}${bulk("news")}:1\r\n`);
      await reader.call("BLPOP", "q", "0").expectSilence(10);
      subscriber.call("SET", "a", "1").call("GET", "a");
      await inLog(1);
      writer.send("RPUSH q x\r\nPUBLISH news one\r\n");
      await inLog(3);
      subscriber.call("SET", "b", "1").call("HGETALL", "none");
      await inLog(4);
      await subscriber.expectSilence(10);
      server.persistence.fail(error);
      const refused = `-${error}\r\n`;
      await reader.expect(refused);
      await writer.expect(`${refused}:1\r\n`);
      const message = `>3\r\n${bulk("message")}${bulk("news")}${bulk("one")}`;
      await subscriber.expect(`${refused}${bulk("1")}${message}${refused}%0\r\n`);
      expect(keyspace.db(0).keys.size).toBe(2);
      subscriber.close();
    });

    it("finds the writes among replies that were moved out of the shared buffer", async () => {
      const large = "x".repeat(300_000);
      writer.call("SET", "large", large);
      await inLog(1);
      server.persistence.ack(1);
      await writer.expect("+OK\r\n");
      const batch: string[] = [];
      let expected = "";
      for (let i = 0; i < 40; i++) {
        batch.push(encode("INCR", "n"), encode("GET", i % 7 === 0 ? "large" : "n"), encode("PING"));
        expected += `-${error}\r\n${bulk(i % 7 === 0 ? large : String(i + 1))}+PONG\r\n`;
      }
      writer.send(batch.join(""));
      await inLog(41);
      await writer.expectSilence(20);
      server.persistence.fail(error);
      await writer.expect(expected);
      await writer.call("PING").expect("+PONG\r\n");
      const [first] = [...server.core.clients.all()];
      expect(first?.outputBytes).toBe(0);
    });

    it("refuses what was written in the very turn in which it was told", async () => {
      const { commit } = server.persistence;
      server.persistence.commit = () => {
        commit.call(server.persistence);
        setImmediate(() => {
          server.persistence.writeError = error;
        });
      };
      await writer
        .call("SET", "a", "1")
        .call("GET", "a")
        .expect(`-${error}\r\n${bulk("1")}`);
    });
  });

  it("answers a read that finds an expired key while the disk fails", async () => {
    server.persistence.ack(1);
    await reader.call("SET", "k", "1", "PX", "1").expect("+OK\r\n");
    await new Promise((resolve) => setTimeout(resolve, 5));
    server.persistence.writeError = "MISCONF Errors writing to the AOF file: No space left on device";
    await reader.call("GET", "k").call("PING").expect("$-1\r\n+PONG\r\n");
    expect(server.persistence.lastSequence).toBe(2);
  });

  it("discards a transaction that was queued before the disk failed", async () => {
    const error = "MISCONF Errors writing to the AOF file: Input/output error";
    await writer.send("MULTI\r\nSET a 1\r\n").expect("+OK\r\n+QUEUED\r\n");
    server.persistence.writeError = error;
    await writer.send("EXEC\r\nGET a\r\n").expect(`-EXECABORT Transaction discarded because of: ${error}\r\n$-1\r\n`);
  });

  it("answers a command that throws, keeps its changes and the connection", async () => {
    server.persistence.ack(1000);
    await writer.call("SET", "a", "1").expect("+OK\r\n");
    const { keys } = keyspace.db(0);
    const remove = keys.removeMany;
    keys.removeMany = (...args) => {
      remove.apply(keys, args);
      throw new Error("out of luck");
    };
    await writer.call("DEL", "a", "b").call("EXISTS", "a").expect("-ERR internal error\r\n:0\r\n");
    expect(server.persistence.lastSequence).toBe(2);
    expect(log.some((line) => line.msg === "a command failed unexpectedly" && line.level === 50)).toBe(true);
  });
});

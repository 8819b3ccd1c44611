/** MULTI, EXEC, DISCARD and WATCH. */
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { MemoryServer } from "./support/memory-server.js";
import { bulk, encode, type RawClient } from "./support/raw-client.js";

describe("transactions", () => {
  let server: MemoryServer;
  let client: RawClient;
  let other: RawClient;
  beforeAll(async () => {
    server = await MemoryServer.start();
    client = server.connect();
    other = server.connect();
  });
  afterEach(() => other.call("FLUSHALL").expect("+OK\r\n"));
  afterAll(() => server.stop());

  it("runs what was queued", async () => {
    client.send(`MULTI\r\n${encode("SET", "a", "1")}${encode("INCR", "a")}${encode("GET", "a")}EXEC\r\n`);
    await client.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n");
  });

  it("answers an empty transaction", async () => {
    await client.send("MULTI\r\nEXEC\r\n").expect("+OK\r\n*0\r\n");
  });

  it("shows nothing before EXEC, and nothing after DISCARD", async () => {
    await client.send(`MULTI\r\n${encode("SET", "a", "1")}`).expect("+OK\r\n+QUEUED\r\n");
    await other.call("EXISTS", "a").expect(":0\r\n");
    await client.send("DISCARD\r\nGET a\r\n").expect("+OK\r\n$-1\r\n");
  });

  it("goes on behind a command that fails", async () => {
    client.send(`MULTI\r\nSET a x\r\nINCR a\r\nSET b y\r\nEXEC\r\n`);
    await client.expect(
      "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n+OK\r\n",
    );
  });

  it("ends with an EXEC that is refused itself", async () => {
    const error = "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n";
    await client
      .send("MULTI\r\nSET a 1\r\nEXEC x\r\nGET a\r\nEXEC\r\n")
      .expect(`+OK\r\n+QUEUED\r\n${error}$-1\r\n-ERR EXEC without MULTI\r\n`);
  });

  it.each([
    ["an unknown command", "NOPE\r\n", "-ERR unknown command 'NOPE', with args beginning with: \r\n"],
    ["a wrong number of arguments", "GET\r\n", "-ERR wrong number of arguments for 'get' command\r\n"],
    ["an unknown subcommand", "CONFIG NOPE\r\n", "-ERR unknown subcommand 'NOPE'. Try CONFIG HELP.\r\n"],
    ["a command that is not allowed", "SAVE\r\n", "-ERR Command not allowed inside a transaction\r\n"],
  ])("refuses EXEC after %s", async (_name, request, error) => {
    await client
      .send(`MULTI\r\nSET a 1\r\n${request}EXEC\r\nGET a\r\n`)
      .expect(`+OK\r\n+QUEUED\r\n${error}-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n`);
  });

  it("refuses what makes no sense", async () => {
    await client.send("EXEC\r\nDISCARD\r\n").expect("-ERR EXEC without MULTI\r\n-ERR DISCARD without MULTI\r\n");
    await client
      .send("MULTI\r\nMULTI\r\nWATCH a\r\nEXEC\r\n")
      .expect("+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n*0\r\n");
  });

  it("follows SELECT inside", async () => {
    await client
      .send("MULTI\r\nSELECT 2\r\nSET a two\r\nSELECT 0\r\nGET a\r\nEXEC\r\n")
      .expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n+OK\r\n+OK\r\n+OK\r\n$-1\r\n");
    await client.send("SELECT 2\r\nGET a\r\nSELECT 0\r\n").expect("+OK\r\n$3\r\ntwo\r\n+OK\r\n");
  });

  describe("WATCH", () => {
    const abort = "+OK\r\n+QUEUED\r\n*-1\r\n";
    const passes = "+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n";

    /** What others do between WATCH and MULTI, and whether EXEC then runs. */
    const cases: [name: string, before: string[], between: string[], outcome: string][] = [
      ["nothing", ["SET w 1"], [], passes],
      ["a write", ["SET w 1"], ["SET w 1"], abort],
      ["a delete", ["SET w 1"], ["DEL w"], abort],
      ["a new key", [], ["SET w 1"], abort],
      ["an expiry", ["SET w 1"], ["PEXPIRE w 100000"], abort],
      ["the expiry that it has", ["SET w 1 PXAT 4102444800000"], ["PEXPIREAT w 4102444800000"], abort],
      ["a move to another database", ["SET w 1"], ["MOVE w 1"], abort],
      ["nothing appended, which Redis counts as a write", ["SET w 1"], ['APPEND w ""'], abort],
      ["a push", ["RPUSH w a"], ["RPUSH w b"], abort],
      ["a rename away", ["SET w 1"], ["RENAME w x"], abort],
      ["a rename onto it", ["SET w 1", "SET x 2"], ["RENAME x w"], abort],
      ["FLUSHALL of an existing key", ["SET w 1"], ["FLUSHALL"], abort],
      ["FLUSHALL of no key", [], ["FLUSHALL"], passes],
      ["a write to another key", ["SET w 1"], ["SET x 1"], passes],
      ["a write in another database", ["SET w 1"], ["SELECT 1", "SET w 1", "SELECT 0"], passes],
      ["a write that changes nothing", ["SET w 1"], ["SETNX w 2"], passes],
    ];

    it.each(cases)("%s", async (_name, before, between, outcome) => {
      for (const line of before) await other.send(`${line}\r\n`).until("\r\n");
      await client.send("WATCH w\r\n").expect("+OK\r\n");
      for (const line of between) await other.send(`${line}\r\n`).until("\r\n");
      await client.send("MULTI\r\nPING\r\nEXEC\r\n").expect(outcome);
      await client.send("MULTI\r\nPING\r\nEXEC\r\n").expect(passes);
    });

    it("sees a key whose time ran out", async () => {
      await client.send("SET w 1 PX 30\r\nWATCH w\r\n").expect("+OK\r\n+OK\r\n");
      await client.expectSilence(60);
      await client.send("MULTI\r\nPING\r\nEXEC\r\n").expect(abort);
    });

    it("takes a key whose time had run out before as absent", async () => {
      await client.send("SET w 1 PX 1\r\n").expect("+OK\r\n");
      await client.expectSilence(15);
      await client.send("WATCH w\r\nMULTI\r\nPING\r\nEXEC\r\n").expect(`+OK\r\n${passes}`);
    });

    it("ends with UNWATCH, DISCARD and RESET", async () => {
      for (const end of ["UNWATCH\r\n", "MULTI\r\nDISCARD\r\n", "RESET\r\n"]) {
        await client.send(`SET w 1\r\nWATCH w\r\n${end}`).until(end.startsWith("RESET") ? "+RESET\r\n" : "+OK\r\n");
        await new Promise((resolve) => setTimeout(resolve, 10));
        await client.send("PING\r\n").until("+PONG\r\n");
        await other.send("SET w 2\r\n").expect("+OK\r\n");
        await client.send("MULTI\r\nPING\r\nEXEC\r\n").expect(passes);
      }
    });

    it("tells RESP3 clients with its null", async () => {
      const modern = server.connect().send("HELLO 3\r\n");
      await modern.until("*0\r\n");
      await modern.send("WATCH w\r\n").expect("+OK\r\n");
      await other.send("SET w 1\r\n").expect("+OK\r\n");
      await modern.send("MULTI\r\nPING\r\nEXEC\r\n").expect("+OK\r\n+QUEUED\r\n_\r\n");
    });
  });

  it("sends what a transaction published behind its reply", async () => {
    const modern = server.connect().send("HELLO 3\r\n");
    await modern.until("*0\r\n");
    await modern.call("SUBSCRIBE", "news").expect(`>3\r\n${bulk("subscribe")}${bulk("news")}:1\r\n`);
    modern.send(`MULTI\r\n${encode("PUBLISH", "news", "a")}PING\r\nEXEC\r\n`);
    await modern.expect(
      `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+PONG\r\n>3\r\n${bulk("message")}${bulk("news")}${bulk("a")}`,
    );
  });
});

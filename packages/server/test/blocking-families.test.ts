/** Calls that wait for lists and sorted sets, but for BLPOP and BRPOP (blocking.test.ts). Replies are those of Redis 8.0 and Valkey 9.1, seen. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { MemoryServer } from "./support/memory-server.js";
import type { RawClient } from "./support/raw-client.js";

const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value";

describe("calls that wait", () => {
  let server: MemoryServer;
  let other: RawClient;
  beforeAll(async () => {
    server = await MemoryServer.start();
    other = server.connect();
  });
  afterEach(() => other.call("FLUSHALL").expect("+OK\r\n"));
  afterAll(() => server.stop());

  async function waiting(line: string): Promise<RawClient> {
    const client = server.connect().call(...line.split(" "));
    await client.expectSilence(15);
    return client;
  }

  /** What the call is answered, as a line, when the others are run behind it. */
  async function answer(
    call: string,
    ...lines: [line: string, reply: string][]
  ): Promise<(reply: string) => Promise<void>> {
    const client = await waiting(call);
    for (const [line, reply] of lines) await other.call(...line.split(" ")).expect(onWire(reply));
    return (reply) => client.expect(onWire(reply));
  }

  const onWire = (reply: string) => `${reply.startsWith("-") ? reply : reply.replaceAll(" ", "\r\n")}\r\n`;

  it.each<[call: string, lines: [string, string][], reply: string]>([
    ["BLMOVE a d LEFT RIGHT 0", [["RPUSH a x y", ":2"]], "$1 x"],
    ["BRPOPLPUSH a d 0", [["RPUSH a x y", ":2"]], "$1 y"],
    ["BLMOVE a a LEFT RIGHT 0", [["RPUSH a x y", ":2"]], "$1 x"],
    [
      "BLMOVE a d LEFT RIGHT 0",
      [
        ["SET d x", "+OK"],
        ["RPUSH a x", ":1"],
      ],
      WRONG_TYPE,
    ],
    [
      "BLMOVE a d LEFT RIGHT 0",
      [
        ["SET a x", "+OK"],
        ["DEL a", ":1"],
        ["RPUSH a z", ":1"],
      ],
      "$1 z",
    ],
    ["BLMPOP 0 2 a b RIGHT COUNT 2", [["RPUSH b x y z", ":3"]], "*2 $1 b *2 $1 z $1 y"],
    [
      "BLMPOP 0 2 a b LEFT",
      [
        ["SET a x", "+OK"],
        ["RPUSH b y", ":1"],
      ],
      WRONG_TYPE,
    ],
    [
      "BLPOP a b 0",
      [
        ["SET a x", "+OK"],
        ["RPUSH b y", ":1"],
      ],
      WRONG_TYPE,
    ],
    ["BZPOPMIN a b 0", [["ZADD b 1.5 x 2 y", ":2"]], "*3 $1 b $1 x $3 1.5"],
    ["BZPOPMAX a b 0", [["ZADD b 1.5 x 2 y", ":2"]], "*3 $1 b $1 y $1 2"],
    [
      "BZPOPMIN a b 0",
      [
        ["RPUSH a x", ":1"],
        ["ZADD b 1 y", ":1"],
      ],
      WRONG_TYPE,
    ],
    [
      "BZPOPMIN a 0",
      [
        ["RPUSH a x", ":1"],
        ["DEL a", ":1"],
        ["ZADD a 1 y", ":1"],
      ],
      "*3 $1 a $1 y $1 1",
    ],
    ["BZMPOP 0 1 a MAX COUNT 2", [["ZADD a 1 x 2 y 3 z", ":3"]], "*2 $1 a *2 *2 $1 z $1 3 *2 $1 y $1 2"],
    [
      "BZPOPMIN a 0",
      [
        ["ZADD q 1 x", ":1"],
        ["ZUNIONSTORE a 1 q", ":1"],
      ],
      "*3 $1 a $1 x $1 1",
    ],
    [
      "BZPOPMIN a 0",
      [
        ["ZADD q 1 x", ":1"],
        ["RENAME q a", "+OK"],
      ],
      "*3 $1 a $1 x $1 1",
    ],
    [
      "BZPOPMAX a 0",
      [
        ["ZADD q 1 x", ":1"],
        ["ZRANGESTORE a q 0 0", ":1"],
      ],
      "*3 $1 a $1 x $1 1",
    ],
    [
      "BLPOP a 0",
      [
        ["RPUSH q x", ":1"],
        ["LMOVE q a LEFT LEFT", "$1 x"],
      ],
      "*2 $1 a $1 x",
    ],
  ])("%s", async (call, lines, reply) => {
    await (await answer(call, ...lines))(reply);
  });

  it("an element goes through all who pass it on, to the one who keeps it", async () => {
    const last = await waiting("BLPOP c 0");
    const second = await waiting("BLMOVE b c LEFT RIGHT 0");
    const first = await waiting("BRPOPLPUSH a b 0");
    await other.call("RPUSH", "a", "x").expect(":1\r\n");
    await first.expect("$1\r\nx\r\n");
    await second.expect("$1\r\nx\r\n");
    await last.expect("*2\r\n$1\r\nc\r\n$1\r\nx\r\n");
    await other.call("EXISTS", "a", "b", "c").expect(":0\r\n");
  });

  it("a call whose source has come and gone before its turn waits on, and gets the next", async () => {
    const first = await waiting("BZMPOP 0 1 z MIN COUNT 9");
    const second = await waiting("BZPOPMIN z 0");
    await other.call("ZADD", "z", "1", "a", "2", "b").expect(":2\r\n");
    await first.expect("*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
    await second.expectSilence(15);
    await other.call("ZADD", "z", "3", "c").expect(":1\r\n");
    await second.expect("*3\r\n$1\r\nz\r\n$1\r\nc\r\n$1\r\n3\r\n");
  });

  const calls = [
    "BLMOVE n d LEFT LEFT",
    "BRPOPLPUSH n d",
    "BLMPOP 1 n LEFT",
    "BZPOPMIN n",
    "BZPOPMAX n",
    "BZMPOP 1 n MIN",
  ];
  const withTimeout = (call: string, seconds: string) =>
    call.includes("MPOP") ? call.replace(" ", ` ${seconds} `) : `${call} ${seconds}`;

  it("a time that is up is the null array, in RESP3 the null", async () => {
    for (const call of calls) {
      const args = withTimeout(call, "0.01").split(" ");
      await other.call(...args).expect("*-1\r\n");
      const third = server.connect();
      third.call("HELLO", "3");
      await third.until("*0\r\n");
      await third.call(...args).expect("_\r\n");
    }
  });

  it("in a transaction nothing waits; what would move is the null that LMOVE gives", async () => {
    other.call("MULTI");
    for (const call of calls) other.call(...withTimeout(call, "0").split(" "));
    other.call("EXEC");
    await other.expect(`+OK\r\n${"+QUEUED\r\n".repeat(6)}*6\r\n$-1\r\n$-1\r\n${"*-1\r\n".repeat(4)}`);
  });

  it("who is gone gets nothing, and nothing is lost", async () => {
    const gone = await waiting("BLMOVE a d LEFT RIGHT 0");
    gone.close();
    expect(await waiting("BLPOP x 0")).toBeDefined();
    await other.call("RPUSH", "a", "x").expect(":1\r\n");
    await other.call("LRANGE", "a", "0", "-1").expect("*1\r\n$1\r\nx\r\n");
  });
});

/** What the server answers to malformed input, byte by byte, and whether the connection survives it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MemoryServer } from "./support/memory-server.js";
import { encode } from "./support/raw-client.js";

const PROTOCOL = "-ERR Protocol error: ";
const OPEN = true;
const CLOSED = false;

/** input, reply, whether the connection stays open */
const cases: [name: string, input: string, reply: string, open: boolean][] = [
  ["count above int32", "*2147483648\r\n", `${PROTOCOL}invalid multibulk length\r\n`, CLOSED],
  ["count of letters", "*abc\r\n", `${PROTOCOL}invalid multibulk length\r\n`, CLOSED],
  ["count with plus", "*+1\r\n", `${PROTOCOL}invalid multibulk length\r\n`, CLOSED],
  ["count with leading zero", "*01\r\n", `${PROTOCOL}invalid multibulk length\r\n`, CLOSED],
  ["empty count", "*\r\n", `${PROTOCOL}invalid multibulk length\r\n`, CLOSED],
  ["negative count", "*-10\r\nPING\r\n", "+PONG\r\n", OPEN],
  ["count zero", "*0\r\nPING\r\n", "+PONG\r\n", OPEN],
  ["empty line", "\r\nPING\r\n", "+PONG\r\n", OPEN],
  ["spaces", "   \r\nPING\r\n", "+PONG\r\n", OPEN],
  ["no dollar", "*1\r\nfoo\r\n", `${PROTOCOL}expected '$', got 'f'\r\n`, CLOSED],
  ["other sign", "*1\r\n!4\r\n", `${PROTOCOL}expected '$', got '!'\r\n`, CLOSED],
  ["replies before an error", "PING\r\n*1\r\nfoo\r\n", `+PONG\r\n${PROTOCOL}expected '$', got 'f'\r\n`, CLOSED],
  ["length -1", "*1\r\n$-1\r\n", `${PROTOCOL}invalid bulk length\r\n`, CLOSED],
  ["length -10", "*1\r\n$-10\r\n", `${PROTOCOL}invalid bulk length\r\n`, CLOSED],
  ["length of letters", "*1\r\n$blabla\r\n", `${PROTOCOL}invalid bulk length\r\n`, CLOSED],
  ["empty length", "*1\r\n$\r\n", `${PROTOCOL}invalid bulk length\r\n`, CLOSED],
  ["length above 512 MB", "*1\r\n$536870913\r\n", `${PROTOCOL}invalid bulk length\r\n`, CLOSED],
  ["length 2^64", "*1\r\n$18446744073709551616\r\n", `${PROTOCOL}invalid bulk length\r\n`, CLOSED],
  ["length 512 MB waits", "*1\r\n$536870912\r\n", "", OPEN],
  ["1,048,577 arguments wait", "*1048577\r\n", "", OPEN],
  ["endless length line", `*1\r\n$${"1".repeat(65_540)}`, `${PROTOCOL}too big bulk count string\r\n`, CLOSED],
  ["endless count line", `*${"1".repeat(65_540)}`, `${PROTOCOL}too big mbulk count string\r\n`, CLOSED],
  ["endless inline line", "a".repeat(65_537), `${PROTOCOL}too big inline request\r\n`, CLOSED],
  ["inline line of 64 KB waits", "a".repeat(65_536), "", OPEN],
  ["unbalanced quotes", 'SET a "b\r\n', `${PROTOCOL}unbalanced quotes in request\r\n`, CLOSED],
  ["POST inline", "POST / HTTP/1.1\r\n", "", CLOSED],
  ["Host: inline", "hOsT: example\r\n", "", CLOSED],
  ["POST as RESP", encode("post", "/"), "", CLOSED],
  ["GET / HTTP/1.1", "GET / HTTP/1.1\r\n", "-ERR wrong number of arguments for 'get' command\r\n", OPEN],
  [
    "unknown command",
    encode("FOO", "a", "b"),
    "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' \r\n",
    OPEN,
  ],
  ["unknown subcommand", encode("CONFIG", "NOPE"), "-ERR unknown subcommand 'NOPE'. Try CONFIG HELP.\r\n", OPEN],
  [
    "Unicode does not fold",
    encode(Buffer.from("ſet").toString("latin1"), "a", "b"),
    `-ERR unknown command '${Buffer.from("ſet").toString("latin1")}', with args beginning with: 'a' 'b' \r\n`,
    OPEN,
  ],
  [
    "names of object properties",
    encode("constructor"),
    "-ERR unknown command 'constructor', with args beginning with: \r\n",
    OPEN,
  ],
  ["HELLO 9", encode("HELLO", "9"), "-NOPROTO unsupported protocol version\r\n", OPEN],
  [
    "AUTH without a password set",
    encode("AUTH", "x"),
    "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n",
    OPEN,
  ],
];

describe("protocol errors", () => {
  let server: MemoryServer;
  beforeAll(async () => {
    server = await MemoryServer.start();
  });
  afterAll(() => server.stop());

  it.each(cases)("%s", async (_name, input, reply, open) => {
    const client = server.connect().send(input);
    await client.expect(reply);
    if (open) await client.expectSilence(20);
    else await client.expectClosed();
    client.close();
  });

  it("logs a possible attack at most once a minute", () => {
    const lines = server.log.filter((line) => String(line.msg).includes("SECURITY ATTACK"));
    expect(lines).toHaveLength(1);
  });

  it("still serves after a waiting client sent nothing more", async () => {
    await server.connect().call("PING").expect("+PONG\r\n");
  });
});

describe("before authentication", () => {
  const NOAUTH = "-NOAUTH Authentication required.\r\n";
  let server: MemoryServer;
  beforeAll(async () => {
    server = await MemoryServer.start({ requirepass: "secret" });
  });
  afterAll(() => server.stop());

  const limited: typeof cases = [
    ["PING", encode("PING"), NOAUTH, OPEN],
    ["GET", encode("GET", "a"), NOAUTH, OPEN],
    ["11 arguments", "*11\r\n", `${PROTOCOL}unauthenticated multibulk length\r\n`, CLOSED],
    ["10 arguments", "*10\r\n", "", OPEN],
    ["16,385 bytes", "*1\r\n$16385\r\n", `${PROTOCOL}unauthenticated bulk length\r\n`, CLOSED],
    ["16,384 bytes", "*1\r\n$16384\r\n", "", OPEN],
    [
      "HELLO 3",
      encode("HELLO", "3"),
      "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n",
      OPEN,
    ],
    [
      "a wrong password",
      encode("AUTH", "wrong"),
      "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
      OPEN,
    ],
    [
      "an unknown user",
      encode("AUTH", "nobody", "secret"),
      "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
      OPEN,
    ],
    ["the password", encode("AUTH", "secret") + encode("PING"), "+OK\r\n+PONG\r\n", OPEN],
    ["user and password", encode("AUTH", "default", "secret") + encode("PING"), "+OK\r\n+PONG\r\n", OPEN],
    [
      "limits end with AUTH",
      encode("AUTH", "secret") + encode("ECHO", "x".repeat(20_000)),
      `+OK\r\n$20000\r\n${"x".repeat(20_000)}\r\n`,
      OPEN,
    ],
    [
      "RESET takes authentication back",
      `${encode("AUTH", "secret")}RESET\r\nPING\r\n`,
      `+OK\r\n+RESET\r\n${NOAUTH}`,
      OPEN,
    ],
  ];

  it.each(limited)("%s", async (_name, input, reply, open) => {
    const client = server.connect().send(input);
    await client.expect(reply);
    if (open) await client.expectSilence(20);
    else await client.expectClosed();
    client.close();
  });

  it("drops a client that floods without reading", async () => {
    const client = server.connect();
    client.socket.pause();
    const flood = Buffer.from("PING\r\n".repeat(10_000));
    let isClosed = false;
    client.socket.on("close", () => {
      isClosed = true;
    });
    for (let i = 0; i < 2000 && !isClosed; i++) {
      if (!client.socket.write(flood)) await new Promise((resolve) => setTimeout(resolve, 2));
      if (server.log.some((line) => String(line.msg).includes("output buffer limits"))) break;
    }
    expect(server.log.some((line) => String(line.msg).includes("output buffer limits"))).toBe(true);
  });
});

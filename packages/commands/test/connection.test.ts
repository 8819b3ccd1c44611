import { beforeEach, describe, expect, it } from "vitest";
import { FakeServer } from "./server-fakes.js";

let server: FakeServer;
beforeEach(() => {
  server = new FakeServer();
});

/** Requests and replies; the replies are those of redis-server 7.0.15 unless a newer command is concerned. */
function expectReplies(replies: Record<string, string>): void {
  for (const [request, reply] of Object.entries(replies)) expect(server.line(request), request).toBe(reply);
}

describe("PING and ECHO", () => {
  it("answer", () => {
    expectReplies({
      PING: "+PONG",
      "ping hey": "$3 hey",
      "PING a b": "-ERR wrong number of arguments for 'ping' command",
      ECHO: "-ERR wrong number of arguments for 'echo' command",
    });
    expect(server.run("echo", "\0\r\n\xff")).toBe("$4\r\n\0\r\n\xff\r\n");
  });

  it("PING answers an array while subscribed over RESP2", () => {
    server.session.subscriptions = 1;
    expect(server.run("PING")).toBe("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    expect(server.line("PING x")).toBe("*2 $4 pong $1 x");
    server.session.proto = 3;
    expectReplies({ PING: "+PONG", "PING x": "$1 x" });
  });
});

describe("HELLO", () => {
  const fields = (proto: number): string =>
    `$6 server $5 redis $7 version $5 7.2.4 $5 proto :${proto} $2 id :7 $4 mode $10 standalone $4 role $6 master $7 modules *0`;

  it("tells of the server and switches the protocol", () => {
    expectReplies({ HELLO: `*14 ${fields(2)}`, "HELLO 3": `%7 ${fields(3)}`, hello: `%7 ${fields(3)}` });
    expect(server.session.proto).toBe(3);
    expectReplies({ "HELLO 2": `*14 ${fields(2)}` });
  });

  it("refuses what it does not know and changes nothing then", () => {
    expectReplies({
      "HELLO x": "-ERR Protocol version is not an integer or out of range",
      "HELLO 9": "-NOPROTO unsupported protocol version",
      "HELLO 99999999999999": "-NOPROTO unsupported protocol version",
      "HELLO 3 foo": "-ERR Syntax error in HELLO option 'foo'",
      "HELLO 3 SETNAME": "-ERR Syntax error in HELLO option 'SETNAME'",
      "HELLO 3 AUTH a": "-ERR Syntax error in HELLO option 'AUTH'",
      "HELLO 3 AUTH a b": "-WRONGPASS invalid username-password pair or user is disabled.",
      "HELLO 3 AUTH a b SETNAME": "-WRONGPASS invalid username-password pair or user is disabled.",
    });
    expect(server.run("HELLO", "3", "SETNAME", "a b")).toMatch(/^-ERR Client names cannot contain/);
    expect(server.session).toMatchObject({ proto: 2, name: "" });
  });

  it("authenticates and names", () => {
    server.state.password = "secret";
    server.session.authenticated = false;
    expect(server.line("HELLO 3")).toBe(
      "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
    );
    expect(server.line("HELLO 3 SETNAME me AUTH default secret")).toBe(`%7 ${fields(3)}`);
    expect(server.session).toMatchObject({ proto: 3, name: "me", authenticated: true });
  });
});

describe("AUTH", () => {
  it("without a password lets everyone in who does not ask to be checked", () => {
    expectReplies({
      "AUTH x":
        "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
      "AUTH default x": "+OK",
      "AUTH other x": "-WRONGPASS invalid username-password pair or user is disabled.",
      "AUTH a b c": "-ERR syntax error",
    });
  });

  it("compares the password", () => {
    server.state.password = "secret";
    server.session.authenticated = false;
    const wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
    expectReplies({ "AUTH x": wrong, "AUTH default Secret": wrong, "AUTH other secret": wrong });
    expect(server.session.authenticated).toBe(false);
    expectReplies({ "AUTH secret": "+OK" });
    expect(server.session.authenticated).toBe(true);
  });
});

describe("SELECT, QUIT, RESET", () => {
  it("SELECT stays within the databases", () => {
    const notInteger = "-ERR value is not an integer or out of range";
    expectReplies({
      "SELECT abc": notInteger,
      "SELECT 99999999999999999999": notInteger,
      "SELECT 99999999999": "-ERR value is out of range, value must between -2147483648 and 2147483647",
      "SELECT 9223372036854775807": "-ERR value is out of range, value must between -2147483648 and 2147483647",
      "SELECT 16": "-ERR DB index is out of range",
      "SELECT -1": "-ERR DB index is out of range",
      "SELECT 0 1": "-ERR wrong number of arguments for 'select' command",
      "SELECT 15": "+OK",
    });
    expect(server.session.dbIndex).toBe(15);
  });

  it("QUIT closes after the reply", () => {
    expectReplies({ "QUIT now": "+OK" });
    expect(server.session.closeAfterReply).toBe(true);
  });

  it("RESET goes back to RESP2 before it answers", () => {
    server.session.proto = 3;
    expectReplies({ RESET: "+RESET" });
    expect(server.calls).toEqual([["reset"]]);
  });
});

describe("CLIENT", () => {
  it("names the connection", () => {
    expectReplies({
      "CLIENT GETNAME": "$-1",
      "CLIENT SETNAME x": "+OK",
      "client getname": "$1 x",
      "CLIENT ID": ":7",
      "CLIENT SETINFO LIB-NAME redis-py(x_v1)": "+OK",
      "CLIENT SETINFO lib-ver 1.0": "+OK",
      "CLIENT SETINFO nope 1": "-ERR Unrecognized option 'nope'",
    });
    const names = "-ERR Client names cannot contain spaces, newlines or special characters.\r\n";
    for (const name of ["a b", "a\n", "\xe9", "\x7f"]) expect(server.run("CLIENT", "SETNAME", name)).toBe(names);
    expect(server.run("CLIENT", "SETINFO", "LIB-ver", "a b")).toBe(
      "-ERR LIB-ver cannot contain spaces, newlines or special characters.\r\n",
    );
    expect(server.session).toMatchObject({ name: "x", libName: "redis-py(x_v1)", libVer: "1.0" });
    server.run("CLIENT", "SETNAME", "");
    expectReplies({ "CLIENT GETNAME": "$-1" });
  });

  it("lists connections", () => {
    expectReplies({
      "CLIENT LIST TYPE": "-ERR syntax error",
      "CLIENT LIST TYPE foo": "-ERR Unknown client type 'foo'",
      "CLIENT LIST ID": "-ERR syntax error",
      "CLIENT LIST ID abc": "-ERR Invalid client ID",
      "CLIENT LIST ID 9223372036854775808": "-ERR Invalid client ID",
      "CLIENT LIST ID 1 TYPE normal": "-ERR Invalid client ID",
      "CLIENT LIST foo bar": "-ERR syntax error",
    });
    expect(server.run("CLIENT", "LIST")).toBe("$10\r\nid=7\nid=8\n\r\n");
    server.session.proto = 3;
    expect(server.run("CLIENT", "INFO")).toBe("=9\r\ntxt:id=7\n\r\n");
    server.run("CLIENT", "LIST", "TYPE", "SLAVE");
    server.run("CLIENT", "LIST", "ID", "1", "2");
    server.run("CLIENT", "LIST", "ID", "-1", "9223372036854775807");
    expect(server.calls).toEqual([
      ["describe", {}],
      ["describe", { type: "replica" }],
      ["describe", { ids: new Set([1, 2]) }],
      ["describe", { ids: new Set([-1, 2 ** 63]) }],
    ]);
  });

  it("kills by options, or by address alone", () => {
    expectReplies({
      "CLIENT KILL": "-ERR wrong number of arguments for 'client|kill' command",
      "CLIENT KILL ID abc": "-ERR client-id should be greater than 0",
      "CLIENT KILL ID 0": "-ERR client-id should be greater than 0",
      "CLIENT KILL TYPE foo": "-ERR Unknown client type 'foo'",
      "CLIENT KILL ADDR x SKIPME maybe": "-ERR syntax error",
      "CLIENT KILL USER nobody": "-ERR No such user 'nobody'",
      "CLIENT KILL foo bar": "-ERR syntax error",
      "CLIENT KILL ID 3 TYPE": "-ERR syntax error",
    });
    expect(server.calls).toEqual([]);
    expectReplies({
      "CLIENT KILL 1.2.3.4:5": "+OK",
      "CLIENT KILL ADDR 1.2.3.4:5 LADDR a:1 USER default": ":1",
      "CLIENT KILL ID 3 TYPE pubsub SKIPME no": ":1",
    });
    server.state.killed = 0;
    expectReplies({ "CLIENT KILL 1.2.3.4:5": "-ERR No such client", "CLIENT KILL ID 9223372036854775807": ":0" });
    expect(server.calls.slice(0, 3)).toEqual([
      ["kill", { address: "1.2.3.4:5" }],
      ["kill", { address: "1.2.3.4:5", localAddress: "a:1", user: "default", skipId: 7 }],
      ["kill", { ids: new Set([3]), type: "pubsub" }],
    ]);
  });

  it("knows its subcommands", () => {
    expectReplies({
      CLIENT: "-ERR wrong number of arguments for 'client' command",
      "CLIENT foo": "-ERR unknown subcommand 'foo'. Try CLIENT HELP.",
      "CLIENT ID x": "-ERR wrong number of arguments for 'client|id' command",
      "CLIENT HELP x": "-ERR wrong number of arguments for 'client|help' command",
    });
    expect(server.run("CLIENT", "HELP")).toMatch(
      /^\*\d+\r\n\+CLIENT <subcommand> \[<arg> \[value\] \[opt\] \.\.\.\]\. Subcommands are:\r\n[\s\S]*\+HELP\r\n\+ {4}Prints this help\.\r\n$/,
    );
  });
});

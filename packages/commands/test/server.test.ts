import { beforeEach, describe, expect, it } from "vitest";
import { makeCommandTable } from "../src/families.js";
import { FakeServer } from "./server-fakes.js";

const commandTable = makeCommandTable();

let server: FakeServer;
beforeEach(() => {
  server = new FakeServer();
});

/** The replies are those of redis-server 7.0.15, or in the words of 7.2 for what is newer. */
function expectReplies(replies: Record<string, string>): void {
  for (const [request, reply] of Object.entries(replies)) expect(server.line(request), request).toBe(reply);
}

describe("data as a whole", () => {
  it("DBSIZE, FLUSHDB, FLUSHALL", () => {
    expectReplies({ "SET a 1": "+OK", "SELECT 1": "+OK", "SET b 1": "+OK", DBSIZE: ":1" });
    expectReplies({
      "FLUSHDB foo": "-ERR syntax error",
      "FLUSHDB ASYNC x": "-ERR syntax error",
      "flushdb async": "+OK",
    });
    expectReplies({ DBSIZE: ":0", "SELECT 0": "+OK" });
    expectReplies({ dbsize: ":1", "FLUSHALL SYNC": "+OK" });
    expectReplies({ DBsize: ":0", "DBSIZE x": "-ERR wrong number of arguments for 'dbsize' command" });
  });
});

describe("INFO and TIME", () => {
  it("INFO passes sections on in lower case", () => {
    expectReplies({ INFO: "$2 #", "INFO Server CPU": "$12 # server,cpu" });
    server.session.proto = 3;
    expectReplies({ "INFO x": "=7 txt:# x" });
  });

  it("TIME gives seconds and microseconds that never run backwards", () => {
    const now = (): number => {
      const found = /^\*2\r\n\$\d+\r\n(\d+)\r\n\$\d+\r\n(\d{1,6})\r\n$/.exec(server.run("TIME"));
      return Number(found?.[1]) * 1e6 + Number(found?.[2]);
    };
    const before = now();
    expect(Math.abs(before / 1000 - Date.now())).toBeLessThan(10_000);
    expect(now()).toBeGreaterThanOrEqual(before);
    expectReplies({ "TIME x": "-ERR wrong number of arguments for 'time' command" });
  });
});

describe("CONFIG", () => {
  it("passes pairs on and prefixes the host's errors", () => {
    expectReplies({
      "CONFIG GET a b": "*4 $1 a $1 1 $1 b $1 1",
      "CONFIG SET a 1 b 2": "+OK",
      "CONFIG SET a": "-ERR wrong number of arguments for 'config|set' command",
      "CONFIG SET a b c": "-ERR syntax error",
      "CONFIG GET": "-ERR wrong number of arguments for 'config|get' command",
      "CONFIG REWRITE": "-ERR The server is running without a config file",
      "CONFIG RESETSTAT": "+OK",
    });
    expect(server.calls).toEqual([
      [
        "config.set",
        [
          ["a", "1"],
          ["b", "2"],
        ],
      ],
      ["resetstats"],
    ]);
    server.state.configError = "nope";
    expectReplies({ "CONFIG SET a 1": "-ERR nope" });
    server.session.proto = 3;
    expectReplies({ "CONFIG GET a": "%1 $1 a $1 1" });
  });
});

describe("snapshots and the end", () => {
  it("SAVE, BGSAVE, LASTSAVE", () => {
    expectReplies({
      SAVE: "+OK",
      "SAVE x": "-ERR wrong number of arguments for 'save' command",
      BGSAVE: "+Background saving started",
      "BGSAVE schedule": "+Background saving started",
      "BGSAVE foo": "-ERR syntax error",
      "BGSAVE SCHEDULE x": "-ERR syntax error",
      LASTSAVE: ":1700000000",
    });
    server.state.bgsave = { error: "ERR Background save already in progress" };
    expectReplies({ BGSAVE: "-ERR Background save already in progress" });
    expect(server.calls).toEqual([["save"], ["bgsave", false], ["bgsave", true], ["bgsave", false]]);
  });

  it("SHUTDOWN", () => {
    expectReplies({
      "SHUTDOWN foo": "-ERR syntax error",
      "SHUTDOWN ABORT": "-ERR No shutdown in progress.",
      "SHUTDOWN SAVE NOSAVE": "-ERR syntax error",
      "SHUTDOWN ABORT NOW": "-ERR syntax error",
    });
    expect(server.calls).toEqual([]);
    for (const line of ["SHUTDOWN", "SHUTDOWN nosave now", "SHUTDOWN SAVE FORCE"]) expect(server.line(line)).toBe("");
    expect(server.calls).toEqual([
      ["shutdown", null, false, false],
      ["shutdown", false, true, false],
      ["shutdown", true, false, true],
    ]);
    server.denyBlocking = true;
    expectReplies({ SHUTDOWN: "-ERR SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING client" });
    server.state.shutdownError = "ERR Errors trying to SHUTDOWN. Check logs.";
    expectReplies({ "SHUTDOWN NOW": "-ERR Errors trying to SHUTDOWN. Check logs." });
  });

  it("WAITAOF checks its arguments in Redis's order", () => {
    expectReplies({
      "WAITAOF 0 0": "-ERR wrong number of arguments for 'waitaof' command",
      "WAITAOF x 0 0": "-ERR value is not an integer or out of range",
      "WAITAOF 2 x 0": "-ERR value is out of range, value must between 0 and 1",
      "WAITAOF -1 0 0": "-ERR value is out of range, value must between 0 and 1",
      "WAITAOF 1 x 0": "-ERR value is out of range, must be positive",
      "WAITAOF 1 -1 x": "-ERR value is out of range, must be positive",
      "WAITAOF 1 0 x": "-ERR timeout is not an integer or out of range",
      "WAITAOF 1 0 -5": "-ERR timeout is negative",
      "WAITAOF 1 0 9223372036854775807": "-ERR timeout is out of range",
      "WAITAOF 1 2 300": "+OK",
    });
    expect(server.calls).toEqual([["waitaof", 1, 300, 2]]);
  });
});

describe("DEBUG", () => {
  it("is off unless enabled", () => {
    const off =
      '-ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.';
    expectReplies({
      "DEBUG SLEEP 0": off,
      "DEBUG foo": off,
      DEBUG: "-ERR wrong number of arguments for 'debug' command",
    });
  });

  it("digests, sleeps and reloads", () => {
    server.state.debugEnabled = true;
    expectReplies({
      "DEBUG DIGEST": `+${"0".repeat(40)}`,
      "DEBUG SLEEP 0.25": "+OK",
      "DEBUG SLEEP x": "+OK",
      "DEBUG RELOAD": "+OK",
      "DEBUG RELOAD x": "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
      "DEBUG foo": "-ERR unknown subcommand or wrong number of arguments for 'foo'. Try DEBUG HELP.",
      "DEBUG SLEEP": "-ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.",
    });
    expect(server.calls).toEqual([["sleep", 250], ["sleep", 0], ["reload"]]);
    server.line("SET a 1");
    expect(server.line("DEBUG DIGEST")).toMatch(/^\+[0-9a-f]{40}$/);
    expect(server.line("DEBUG HELP")).toMatch(/^\*9 \+DEBUG <subcommand>/);
  });
});

describe("COMMAND", () => {
  it("counts and lists", () => {
    const rows = commandTable.rows().length;
    expect(server.line("COMMAND COUNT")).toBe(`:${rows}`);
    expect(server.run("COMMAND").startsWith(`*${rows}\r\n*10\r\n`)).toBe(true);
    const all = [...commandTable.allRows()].map(({ name }) => name);
    expect(all.length).toBeGreaterThan(rows);
    expect(server.line("COMMAND LIST")).toBe(
      `*${all.length} ${all.map((name) => `$${name.length} ${name}`).join(" ")}`,
    );
    expectReplies({
      "COMMAND LIST x": "-ERR syntax error",
      "COMMAND LIST FILTERBY": "-ERR syntax error",
      "COMMAND LIST FILTERBY foo bar": "-ERR syntax error",
      "COMMAND LIST FILTERBY MODULE x": "*0",
      "COMMAND LIST FILTERBY ACLCAT nosuch": "*0",
      "COMMAND LIST FILTERBY ACLCAT Transaction": "*5 $7 discard $4 exec $5 multi $7 unwatch $5 watch",
      "COMMAND LIST FILTERBY PATTERN getD*": "*1 $6 getdel",
      "COMMAND foo": "-ERR unknown subcommand 'foo'. Try COMMAND HELP.",
    });
  });

  it("DOCS has a command's history, each change of a row that there is", () => {
    expect(server.line("COMMAND DOCS rpop")).toContain("$7 history *1 *2 $5 6.2.0 $13 takes a count $9 arguments");
    expect(server.line("COMMAND DOCS get")).not.toContain("history");
  });

  it("GETKEYSANDFLAGS of SET depends on GET", () => {
    expectReplies({
      "COMMAND GETKEYSANDFLAGS SET k v": "*1 *2 $1 k *2 +OW +update",
      "COMMAND GETKEYSANDFLAGS SET k v EX 10 NX": "*1 *2 $1 k *2 +OW +update",
      "COMMAND GETKEYSANDFLAGS SET k v nx Get": "*1 *2 $1 k *3 +RW +access +update",
    });
  });

  it("INFO tells of a row in both protocols", () => {
    server.session.proto = 3;
    expect(server.line("COMMAND INFO get")).toBe(
      "*1 *10 $3 get :2 ~2 +readonly +fast :1 :1 :1 ~3 +@read +@string +@fast ~0 ~1 %3 $5 flags ~2 +RO +access $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :1 $9 find_keys %2 $4 type $5 range $4 spec %3 $7 lastkey :0 $7 keystep :1 $5 limit :0 ~0",
    );
    expect(server.line("COMMAND INFO nope constructor")).toBe("*2 _ _");
    server.session.proto = 2;
    expect(server.line("COMMAND INFO nope pInG")).toBe(
      "*2 $-1 *10 $4 ping :-1 *1 +fast :0 :0 :0 *2 +@fast +@connection *2 $25 request_policy:all_shards $29 response_policy:all_succeeded *0 *0",
    );
    const rename = server.line("COMMAND INFO rename");
    expect(rename).toContain("*3 +RW +access +delete $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1");
    expect(rename).toContain("*2 +OW +update $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :2");
    expect(server.line("COMMAND INFO config|get")).toMatch(/^\*1 \*10 \$10 config\|get :-3 /);
    expect(server.line("COMMAND INFO config")).toMatch(
      /^\*1 \*10 \$6 config :-2 \*0 :0 :0 :0 \*1 \+@slow \*0 \*0 \*5 \*10 /,
    );
  });

  it("DOCS tells how to call it", () => {
    server.session.proto = 3;
    expect(server.line("COMMAND DOCS nope")).toBe("%0");
    expect(server.line("COMMAND DOCS getset nope")).toMatch(
      /^%1 \$6 getset %8 \$7 summary .* \$5 since \$5 1\.0\.0 \$5 group \$6 string \$10 complexity \$4 O\(1\) \$9 doc_flags ~1 \+deprecated \$16 deprecated_since \$5 6\.2\.0 \$11 replaced_by \$30 `SET` with the `!GET` argument \$9 arguments \*2 %4 \$4 name \$3 key \$4 type \$3 key \$12 display_text \$3 key \$14 key_spec_index :0 %3 \$4 name \$5 value \$4 type \$6 string \$12 display_text \$5 value$/,
    );
    const config = server.line("COMMAND DOCS config");
    expect(config).toMatch(/ \$11 subcommands %5 \$10 config\|get %/);
    server.session.proto = 2;
    expect(server.run("COMMAND", "DOCS").startsWith(`*${commandTable.rows().length * 2}\r\n`)).toBe(true);
  });

  it("GETKEYS finds the keys", () => {
    expectReplies({
      "COMMAND GETKEYS": "-ERR wrong number of arguments for 'command|getkeys' command",
      "COMMAND GETKEYS set": "-ERR Invalid number of arguments specified for command",
      "COMMAND GETKEYS nope x": "-ERR Invalid command specified",
      "COMMAND GETKEYS config|get x": "-ERR Invalid command specified",
      "COMMAND GETKEYS ping x": "-ERR The command has no key arguments",
      "COMMAND GETKEYS config get x": "-ERR The command has no key arguments",
      "COMMAND GETKEYS set a b": "*1 $1 a",
      "COMMAND GETKEYS mset a 1 b 2": "*2 $1 a $1 b",
      "COMMAND GETKEYS BLPOP a b 0": "*2 $1 a $1 b",
      "COMMAND GETKEYSANDFLAGS copy a b": "*2 *2 $1 a *2 +RO +access *2 $1 b *2 +OW +update",
    });
  });
});

import { Request } from "@hearthkv/resp";
import { describe, expect, it } from "vitest";
import { deprecations, docsOf, documentedNames } from "../src/command-docs.js";
import { parseArguments } from "../src/command-syntax.js";
import { arityHolds, CommandTable, flagBit } from "../src/command-table.js";
import type { CommandRow } from "../src/context.js";
import { makeCommandTable } from "../src/table.js";

const commandTable = makeCommandTable();

function lookup(name: string): string | undefined {
  const bytes = Buffer.from(`xx${name}yy`, "latin1");
  return commandTable.lookup(bytes, 2, bytes.length - 4)?.name;
}

function rowNamed(name: string): CommandRow {
  const get = commandTable.row("get") as CommandRow;
  return { ...get, name };
}

describe("lookup", () => {
  it("finds every command in any case", () => {
    for (const { name } of commandTable.rows()) {
      expect(lookup(name)).toBe(name);
      expect(lookup(name.toUpperCase())).toBe(name);
      expect(lookup(name[0].toUpperCase() + name.slice(1))).toBe(name);
    }
  });

  it("folds only ASCII letters and knows no inherited names", () => {
    const others = [
      "",
      "g",
      "gett",
      "ge",
      "\xfeet",
      "[et",
      "GE\x14",
      "constructor",
      "__proto__",
      "toString",
      "config|get",
    ];
    for (const name of others) expect(lookup(name)).toBeUndefined();
    expect(commandTable.row("constructor")).toBeUndefined();
    // U+017F and U+0131 become S and I in Unicode's upper case.
    for (const bytes of [Buffer.from("ſet"), Buffer.from("ınfo"), Buffer.from("\x7fet", "latin1")]) {
      expect(commandTable.lookup(bytes, 0, bytes.length)).toBeUndefined();
    }
  });

  it("finds names that share a slot", () => {
    const names = Array.from({ length: 300 }, (_, i) => `c${i}`);
    const table = new CommandTable(names.map(rowNamed));
    for (const name of names) expect(table.lookup(Buffer.from(name), 0, name.length)?.name).toBe(name);
    expect(table.lookup(Buffer.from("c300"), 0, 4)).toBeUndefined();
  });

  it("refuses two commands of one name", () => {
    expect(() => new CommandTable([rowNamed("a"), rowNamed("a")])).toThrow("two commands are called a");
  });

  it("resolves subcommands and explains what it did not find", () => {
    expect(commandTable.resolve(Request.of("CONFIG", "gEt", "x"))?.name).toBe("config|get");
    expect(commandTable.resolve(Request.of("config"))?.name).toBe("config");
    expect(commandTable.resolve(Request.of("command"))?.name).toBe("command");
    const nope = Request.of("config", "nope");
    expect(commandTable.resolve(nope)).toBeUndefined();
    expect(commandTable.unknown(nope)).toBe("ERR unknown subcommand 'nope'. Try CONFIG HELP.");
  });

  it("repeats at most 128 bytes of an unknown command and of its arguments", () => {
    const long = "x".repeat(200);
    expect(commandTable.unknown(Request.of("nope"))).toBe("ERR unknown command 'nope', with args beginning with: ");
    const text = commandTable.unknown(Request.of(long, "a", long, "b"));
    expect(text).toBe(
      `ERR unknown command '${long.slice(0, 128)}', with args beginning with: 'a' '${long.slice(0, 124)}' `,
    );
  });
});

describe("rows", () => {
  it("have sound arities, keys and summaries", () => {
    for (const row of commandTable.allRows()) {
      expect(row.name).toMatch(/^[a-z]+(\|[a-z]+)?$/);
      expect(row.arity).not.toBe(0);
      expect(row.summary).toMatch(/\.$/);
      expect(row.firstKey === 0).toBe(row.keyStep === 0);
      expect(row.flags.includes("write") && row.flags.includes("readonly")).toBe(false);
      expect(row.bits & flagBit("write")).toBe(row.flags.includes("write") ? flagBit("write") : 0);
    }
  });

  it("are documented, and nothing else is", () => {
    const names = [...commandTable.allRows()].map((row) => row.name);
    for (const name of [...documentedNames(), ...deprecations.keys()]) expect(names).toContain(name);
    for (const row of commandTable.allRows()) {
      if (row.subcommands !== undefined || ["debug", "exec"].includes(row.name)) continue;
      expect(docsOf(row).complexity, row.name).toMatch(/^O\(/);
    }
  });

  it("tell exact from least numbers of arguments", () => {
    const [get, ping] = [commandTable.row("get"), commandTable.row("ping")] as [CommandRow, CommandRow];
    expect([1, 2, 3].map((argc) => arityHolds(get, argc))).toEqual([false, true, false]);
    expect([1, 2, 9].map((argc) => arityHolds(ping, argc))).toEqual([true, true, true]);
  });

  it("keep counters until they are reset", () => {
    const row = commandTable.row("get");
    if (row === undefined) throw new Error("no GET");
    row.counters.calls += 3;
    commandTable.resetCounters();
    expect(row.counters).toEqual({ calls: 0, usec: 0, rejected: 0, failed: 0 });
  });
});

describe("argument notation", () => {
  it("reads tokens, groups and repetitions", () => {
    const [key, condition, pairs, limit] = parseArguments(
      "@newkey/1 <condition: NX | XX>? (pair: field value)+ LIMIT=(page: offset:integer count:integer)?",
    );
    expect(key).toMatchObject({ name: "newkey", type: "key", keySpec: 1 });
    expect(condition).toMatchObject({
      type: "oneof",
      optional: true,
      args: [{ name: "nx", token: "NX" }, { token: "XX" }],
    });
    expect(pairs).toMatchObject({ type: "block", multiple: true, args: [{ name: "field", type: "string" }, {}] });
    expect(limit).toMatchObject({ token: "LIMIT", optional: true, args: [{ name: "offset", type: "integer" }, {}] });
  });

  it("refuses what it cannot read", () => {
    for (const text of ["a )", "<a: b", "?"]) expect(() => parseArguments(text)).toThrow();
  });
});

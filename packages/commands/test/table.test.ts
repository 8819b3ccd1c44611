import { readFileSync } from "node:fs";
import { Request } from "@hearthkv/resp";
import { describe, expect, it } from "vitest";
import { makeCommandTable } from "../src/families.js";
import { arityHolds, CommandTable, flagBit } from "../src/table/command-table.js";
import type { CommandRow } from "../src/table/declare.js";
import type { KeySpec } from "../src/table/keys.js";
import { commandsPage } from "../src/table/page.js";
import { type CommandArgument, parseArguments } from "../src/table/syntax.js";

const commandTable = makeCommandTable();

function lookup(name: string): string | undefined {
  const bytes = Buffer.from(`xx${name}yy`, "latin1");
  return commandTable.lookup(bytes, 2, bytes.length - 4)?.name;
}

function rowNamed(name: string): CommandRow {
  const get = commandTable.row("get") as CommandRow;
  return { ...get, name };
}

function keySpecs({ keySpec, args }: CommandArgument): number[] {
  return [...(keySpec < 0 ? [] : [keySpec]), ...args.flatMap(keySpecs)];
}

function names({ name, args }: CommandArgument): string[] {
  return [name, ...args.flatMap(names)];
}

/** Whether some of the keys are where only the request can tell. */
function hasMovableKeys(specs: readonly KeySpec[]): boolean {
  return specs.some(({ begin, find }) => typeof begin !== "number" || "count" in find);
}

/** How many words of a request an argument is at least. */
function leastWords({ optional, token, type, args }: CommandArgument): number {
  if (optional) return 0;
  const inner = args.map((arg) => leastWords(type === "oneof" ? { ...arg, optional: false } : arg));
  const own = type === "oneof" ? Math.min(...inner) : type === "block" ? inner.reduce((sum, n) => sum + n, 0) : 1;
  return token !== null && type !== "pure-token" ? own + 1 : own;
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
      expect(row.name).toMatch(/^[a-z_]+(\|[a-z-]+)?$/);
      expect(row.arity).not.toBe(0);
      expect(row.summary).toMatch(/\.$/);
      expect(row.firstKey === 0).toBe(row.keyStep === 0);
      expect(row.flags.includes("write") && row.flags.includes("readonly")).toBe(false);
      expect(row.bits & flagBit("write")).toBe(row.flags.includes("write") ? flagBit("write") : 0);
    }
  });

  it("are documented, and the syntax suits keys and arity", () => {
    for (const row of commandTable.allRows()) {
      const args = parseArguments(row.syntax ?? "");
      const specs = args.flatMap(keySpecs);
      // A shard channel has a slot, as a key has, and is none.
      const keys = row.keys.flatMap(({ use }, nth) => (use === "not_key" ? [] : [nth]));
      expect(new Set(specs), row.name).toEqual(new Set(keys));
      // A type that the notation does not have would become part of the name. Control: SORT's STORE=destination:string.
      expect(
        args
          .flatMap(names)
          .filter((name) => name !== "ip:port")
          .join(" "),
        row.name,
      ).not.toContain(":");
      if (row.syntax !== undefined) {
        const words = row.name.split("|").length;
        expect(Math.abs(row.arity), row.name).toBe(words + args.reduce((sum, arg) => sum + leastWords(arg), 0));
      }
      if (hasMovableKeys(row.keys)) expect(row.flags, row.name).toContain("movablekeys");
      for (const { use } of row.keys)
        expect(use, row.name).toMatch(
          /^not_key$|^(RO|RW|OW|RM)( (access|update|insert|delete|not_key|incomplete|variable_flags))*$/,
        );
      if (row.subcommands !== undefined || ["debug", "exec"].includes(row.name)) continue;
      expect(row.complexity, row.name).toMatch(/^O\(/);
    }
  });

  it("are what COMMANDS.md tells: npm run commands:page writes it", () => {
    expect(readFileSync(new URL("../../../COMMANDS.md", import.meta.url), "utf8")).toBe(commandsPage(commandTable));
  });

  it("say where the elements of a collection stand", () => {
    const elements = Object.fromEntries(
      ["hget", "hmget", "hset", "hincrby", "sadd", "smismember", "zadd", "zincrby", "zrank"].map((name) => {
        return [name, commandTable.row(name)?.elements];
      }),
    );
    expect(elements).toEqual({
      ...{ hget: [2, 1], hmget: [2, 1], hset: [2, 2], hincrby: [2, 2], sadd: [2, 1], smismember: [2, 1] },
      ...{ zadd: [3, 2], zincrby: [3, 2], zrank: [2, 2] },
    });
    for (const name of ["get", "lpush", "config", "hgetall"]) expect(commandTable.row(name)?.elements).toBeNull();
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
    expect(row.counters).toEqual({ calls: 0, usec: 0, rejected: 0, failed: 0, untimed: 0, times: null });
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

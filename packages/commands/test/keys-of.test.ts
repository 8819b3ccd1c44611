/** Which arguments are keys: each kind of specification, and what the commands declare. */
import { Request } from "@hearthkv/resp";
import { describe, expect, it } from "vitest";
import { makeCommandTable } from "../src/families.js";
import { CommandTable, type TableRow } from "../src/table/command-table.js";
import { family } from "../src/table/declare.js";
import { countedKeys, fixedKeys, type KeySpec, key, keyRange, keysBehind, keysOf } from "../src/table/keys.js";

const commands = makeCommandTable();

function found(line: string): string[] {
  const request = Request.of(...line.split(" "));
  return keysOf(commands.resolve(request) as TableRow, request).map(
    ({ index, use }) => `${request.str(index)}: ${use}`,
  );
}

function places(specs: readonly KeySpec[], line: string): number[] {
  const [command] = family("generic", [
    { name: "x", arity: -1, flags: ["movablekeys"], keys: specs, since: "1.0.0", summary: "X.", run: () => {} },
  ]);
  const row = new CommandTable([command]).row("x") as TableRow;
  return keysOf(row, Request.of(...line.split(" "))).map(({ index }) => index);
}

describe("keysOf", () => {
  it("finds the keys of commands", () => {
    expect(found("get a")).toEqual(["a: RO access"]);
    expect(found("mset a 1 b 2")).toEqual(["a: OW update", "b: OW update"]);
    expect(found("rename a b")).toEqual(["a: RW access delete", "b: OW update"]);
    expect(found("blpop a b 0")).toEqual(["a: RW access delete", "b: RW access delete"]);
    expect(found("object encoding a")).toEqual(["a: RO"]);
    expect(found("ping a")).toEqual([]);
    expect(found("config get a")).toEqual([]);
  });

  it("asks the request where the use follows from an option", () => {
    expect(found("set a 1")).toEqual(["a: OW update"]);
    expect(found("set a 1 NX geT")).toEqual(["a: RW access update"]);
  });

  it("reads counts", () => {
    const specs = [key(1, "OW update"), countedKeys(2, "RO access")];
    expect(places(specs, "x d 2 a b weights 1 2")).toEqual([1, 3, 4]);
    for (const count of ["0", "-1", "6", "x", "", "9223372036854775807"])
      expect(places(specs, `x d ${count} a b`)).toEqual([1]);
    expect(places(specs, "x d")).toEqual([1]);
  });

  it("finds words, from the front and from the end, and halves what stands behind", () => {
    const streams = [keysBehind("STREAMS", 1, "RO access", 2)];
    expect(places(streams, "x count 1 streams a b 0 0")).toEqual([4, 5]);
    expect(places(streams, "x count 1 streams")).toEqual([]);
    expect(places(streams, "x count 1 a")).toEqual([]);
    expect(places([keysBehind("KEYS", -2, "RW access")], "x keys 1 keys a b")).toEqual([4, 5]);
  });

  it("leaves out what is no key", () => {
    expect(places([key(1, "OW not_key"), key(2, "RO access")], "x a b")).toEqual([2]);
  });
});

describe("fixedKeys", () => {
  it("joins specifications that adjoin, as Redis does", () => {
    expect(fixedKeys([])).toEqual({ first: 0, last: 0, step: 0 });
    expect(fixedKeys([key(2, "RO")])).toEqual({ first: 2, last: 2, step: 1 });
    expect(fixedKeys([keyRange(1, -1, "OW update", 2)])).toEqual({ first: 1, last: -1, step: 2 });
    expect(fixedKeys([key(1, "RO"), key(2, "RO")])).toEqual({ first: 1, last: 2, step: 1 });
    expect(fixedKeys([key(2, "OW"), keyRange(3, -1, "RO")])).toEqual({ first: 2, last: -1, step: 1 });
    expect(fixedKeys([key(1, "OW"), key(3, "RO")])).toEqual({ first: 0, last: 0, step: 0 });
    expect(fixedKeys([key(1, "OW"), countedKeys(2, "RO")])).toEqual({ first: 1, last: 1, step: 1 });
    expect(fixedKeys([keysBehind("STREAMS", 1, "RO")])).toEqual({ first: 0, last: 0, step: 0 });
  });
});

import { describe, expect, test } from "vitest";
import { Random, seedOf } from "../../engine/test/support/random.js";
import { openPayload, putFooter, RdbError, RdbSource, UnsupportedValueError } from "../src/index.js";
import { intset, length, oldForms, string, ziplist, zipmap } from "./old-forms.js";
import { readAll } from "./read.js";
import { recordedPayloads, recordedStreams } from "./recorded.js";
import { smallValues } from "./small-values.js";

function opened(payload: Uint8Array): RdbSource {
  const source = openPayload(payload, 0, payload.length);
  if (source === null) throw new Error("the footer is not right");
  return source;
}

describe("payloads of real servers", () => {
  test.each(recordedPayloads)("$kind of $server: $hex", ({ hex, kind, elements, expiries }) => {
    expect(readAll(opened(Buffer.from(hex, "hex")))).toEqual({ kind, elements, expiries: expiries ?? [] });
  });

  test.each(recordedStreams)("a stream is refused by name: %s", (hex) => {
    expect(() => readAll(opened(Buffer.from(hex, "hex")))).toThrow(new UnsupportedValueError("a stream"));
  });
});

test.each(oldForms)("$name", ({ bytes, kind, elements }) => {
  expect(readAll(new RdbSource(bytes))).toEqual({ kind, elements, expiries: [] });
});

describe("the footer", () => {
  const payload = Buffer.from(recordedPayloads[0]?.hex ?? "", "hex");
  const withVersion = (version: number) => {
    const bytes = Buffer.concat([Buffer.from([0, 1, 97]), Buffer.alloc(10)]);
    putFooter(bytes, 0, 3);
    bytes.writeUInt16LE(version, 3);
    return bytes;
  };

  test("any other bit refuses the payload", () => {
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const bytes = Buffer.from(payload);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(openPayload(bytes, 0, bytes.length)).toBeNull();
    }
  });

  test("what is shorter than a footer is no payload, nor are eight zeros a checksum", () => {
    expect(openPayload(payload, 0, 9)).toBeNull();
    expect(openPayload(Buffer.concat([payload.subarray(0, -8), Buffer.alloc(8)]), 0, payload.length)).toBeNull();
  });

  test("a newer version is refused, whatever its checksum", () => {
    for (const version of [13, 79, 81, 65535]) {
      const bytes = withVersion(version);
      expect(openPayload(bytes, 0, bytes.length)).toBeNull();
    }
  });
});

describe("refused", () => {
  const bytes = (...parts: (number | Buffer)[]) =>
    Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from([part]) : part)));
  const damaged = (container: Buffer, at: number, value: number) => {
    const other = Buffer.from(container);
    other[at] = value;
    return string(other);
  };
  /** A hash that is this listpack (hexadecimal) of fields, values and expiries. */
  const fieldsWithExpiry = (listpack: string) => bytes(25, Buffer.alloc(8), string(Buffer.from(listpack, "hex")));
  test.each([
    ["nothing", bytes()],
    ["a type that there is not", bytes(8, 0)],
    ["one before Redis 7.4 was released", bytes(23, 0)],
    ["a list without elements", bytes(1, 0)],
    ["a set without members", bytes(2, 0)],
    ["a hash without fields", bytes(4, 0)],
    ["a sorted set without members", bytes(5, 0)],
    ["a list of no nodes", bytes(18, 0)],
    ["a list of an empty node", bytes(14, 1, string(ziplist([])))],
    ["a node of a kind that there is not", bytes(18, 1, 3, string("a"))],
    ["more elements than bytes", bytes(1, length(2 ** 31), string("a"))],
    ["a number of elements beyond all", bytes(1, 0x81, Buffer.alloc(8, 255), string("a"))],
    ["a length of no known form", bytes(0, 0x82, 1, 97)],
    ["a string of no known form", bytes(0, 0xc4, 1)],
    ["a score that is no number", bytes(3, 1, string("a"), 3, Buffer.from("1,5"))],
    ["a score that is NaN, as text", bytes(3, 1, string("a"), 253)],
    ["a score that is NaN", bytes(5, 1, string("a"), Buffer.from("000000000000f87f", "hex"))],
    ["a score of a ziplist that is no number", bytes(12, string(ziplist(["a", "b"])))],
    ["half of a pair", bytes(13, string(ziplist(["a", "b", "c"])))],
    // Control: where these pass, RESTORE makes a hash of no fields of the first, and of the second one that lacks an expiry.
    ["a field alone where expiries are", fieldsWithExpiry("0a0000000100816602ff")],
    ["a field and its value where expiries are", fieldsWithExpiry("0d0000000200816602817602ff")],
    ["a ziplist that says another size", bytes(10, damaged(ziplist(["a"]), 0, 20))],
    ["a ziplist that says another number", bytes(10, damaged(ziplist(["a"]), 8, 2))],
    ["a ziplist without its end", bytes(10, damaged(ziplist(["a"]), 13, 1))],
    ["a ziplist that ends early", bytes(10, damaged(ziplist(["a", "b"]), 10, 255))],
    ["an intset of another width", bytes(11, damaged(intset(2, [1n]), 0, 3))],
    ["an intset that says another number", bytes(11, damaged(intset(2, [1n]), 4, 2))],
    ["an intset without members", bytes(11, string(intset(2, [])))],
    ["a zipmap that ends between key and value", bytes(9, damaged(zipmap([["a", "b"]]), 3, 255))],
  ])("%s", (_what, value) => {
    expect(() => readAll(new RdbSource(value))).toThrow(RdbError);
  });

  test("a module's value, by name", () => {
    expect(() => readAll(new RdbSource(bytes(7, 0x81, Buffer.alloc(8))))).toThrow("a module's value is not supported");
  });
});

test("whatever the bytes are: a value or an RdbError, and nothing outside of them", () => {
  const random = new Random(seedOf("read-value"));
  const outcome = (value: Buffer, len: number, outside: number): string => {
    const buffer = Buffer.concat([Buffer.alloc(16, outside), value, Buffer.alloc(16, outside)]);
    const source = new RdbSource(buffer, 16, len);
    try {
      const { elements } = readAll(source);
      expect(source.at).toBeLessThanOrEqual(16 + len);
      return JSON.stringify(elements);
    } catch (error) {
      if (error instanceof RdbError) return error.message;
      throw error;
    }
  };
  for (let n = 0; n < 100_000; n++) {
    const value = Buffer.from(random.pick(smallValues));
    for (let hits = random.int(4); hits >= 0; hits--)
      value[random.int(value.length)] = random.int(3) === 0 ? 255 : random.int(256);
    const len = random.int(4) === 0 ? random.int(value.length + 1) : value.length;
    // With other bytes around it the outcome is the same.
    expect(outcome(value, len, 0x5a), `seed ${random.seed}, step ${n}`).toBe(outcome(value, len, 0xa5));
  }
});

import RedisParser from "redis-parser";
import { expect, test } from "vitest";
import { ReplyWriter } from "../src/reply-writer.js";
import { seeded } from "./helpers.js";

const seed = Number(process.env.HEARTHKV_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

function written(proto: 2 | 3, write: (w: ReplyWriter) => void): string {
  const writer = new ReplyWriter();
  writer.proto = proto;
  write(writer);
  return writer.bytes.toString("latin1", 0, writer.length);
}

/** RESP2 form, RESP3 form, as redis-server sends them. */
const forms: [name: string, write: (w: ReplyWriter) => void, resp2: string, resp3: string][] = [
  ["ok", (w) => w.ok(), "+OK\r\n", "+OK\r\n"],
  ["pong", (w) => w.pong(), "+PONG\r\n", "+PONG\r\n"],
  ["queued", (w) => w.queued(), "+QUEUED\r\n", "+QUEUED\r\n"],
  ["simple", (w) => w.simple("string"), "+string\r\n", "+string\r\n"],
  ["error", (w) => w.error("ERR bad\r\nthing\n"), "-ERR bad  thing\r\n", "-ERR bad  thing\r\n"],
  ["int", (w) => w.int(-42), ":-42\r\n", ":-42\r\n"],
  ["bigint", (w) => w.int(-(2n ** 63n)), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"],
  ["nil", (w) => w.nil(), "$-1\r\n", "_\r\n"],
  ["nilArray", (w) => w.nilArray(), "*-1\r\n", "_\r\n"],
  ["bulk", (w) => w.bulk(Buffer.from("xabcx"), 1, 3), "$3\r\nabc\r\n", "$3\r\nabc\r\n"],
  ["empty bulk", (w) => w.bulk(Buffer.from("x"), 1, 0), "$0\r\n\r\n", "$0\r\n\r\n"],
  ["bulkString", (w) => w.bulkString("\xe9"), "$1\r\n\xe9\r\n", "$1\r\n\xe9\r\n"],
  ["bulkUtf8", (w) => w.bulkUtf8("é"), "$2\r\n\xc3\xa9\r\n", "$2\r\n\xc3\xa9\r\n"],
  ["array", (w) => w.array(12), "*12\r\n", "*12\r\n"],
  ["map", (w) => w.map(6), "*12\r\n", "%6\r\n"],
  ["set", (w) => w.set(3), "*3\r\n", "~3\r\n"],
  ["push", (w) => w.push(3), "*3\r\n", ">3\r\n"],
  ["double", (w) => w.double(3.5), "$3\r\n3.5\r\n", ",3.5\r\n"],
  ["infinity", (w) => w.double(Number.NEGATIVE_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"],
  ["true", (w) => w.bool(true), ":1\r\n", "#t\r\n"],
  ["false", (w) => w.bool(false), ":0\r\n", "#f\r\n"],
  ["verbatim", (w) => w.verbatim("txt", "Some string"), "$11\r\nSome string\r\n", "=15\r\ntxt:Some string\r\n"],
  ["raw", (w) => w.raw(Buffer.from("+raw\r\n")), "+raw\r\n", "+raw\r\n"],
];

for (const [name, write, resp2, resp3] of forms) {
  test(`${name} in both protocols`, () => {
    expect(written(2, write)).toBe(resp2);
    expect(written(3, write)).toBe(resp3);
  });
}

for (const count of [0, 1, 9, 10, 99, 100, 1000, 12_345]) {
  test(`a deferred array, set and map of ${count} equal those of known count`, () => {
    for (const proto of [2, 3] as const) {
      const body = (w: ReplyWriter, n: number) => {
        for (let i = 0; i < n; i++) w.int(i);
      };
      const known = written(proto, (w) => {
        w.array(3);
        w.array(count);
        body(w, count);
        w.set(count);
        body(w, count);
        w.map(count);
        body(w, 2 * count);
        w.ok();
      });
      const deferred = written(proto, (w) => {
        const outer = w.deferArray();
        const array = w.deferArray();
        body(w, count);
        w.setArray(array, count);
        const set = w.deferSet();
        body(w, count);
        w.setArray(set, count);
        const map = w.deferMap();
        body(w, 2 * count);
        w.setArray(map, count);
        w.setArray(outer, 3);
        w.ok();
      });
      expect(deferred).toBe(known);
    }
  });
}

test("integers of every size", () => {
  const numbers = [0, -1];
  for (let power = 1; power < 2 ** 53; power *= 10) numbers.push(power - 1, power, power + 1, -power);
  numbers.push(2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, -(2 ** 31), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
  for (const n of numbers) expect(written(2, (w) => w.int(n))).toBe(`:${n}\r\n`);
});

test("the buffer grows by doubling, keeps its content, and is given back", () => {
  const writer = new ReplyWriter();
  const value = Buffer.alloc(1_000_000, 0x61);
  writer.ok();
  for (let i = 0; i < 3; i++) writer.bulk(value, 0, value.length);
  expect(writer.bytes.toString("latin1", 0, 15)).toBe("+OK\r\n$1000000\r\n".slice(0, 15));
  expect(writer.length).toBe(5 + 3 * (10 + value.length + 2));
  writer.trim();
  expect(writer.bytes.length).toBe(writer.length);
  writer.reset();
  writer.ok();
  writer.trim();
  expect([writer.bytes.length, writer.bytes.toString("latin1", 0, writer.length)]).toEqual([65_536, "+OK\r\n"]);
});

type Reply = string | number | null | Reply[];

test(`random RESP2 replies are read back by redis-parser (seed ${seed})`, () => {
  console.log(`reply-writer seed ${seed}`);
  const random = seeded(seed);
  const upTo = (n: number) => Math.floor(random() * n);
  const writer = new ReplyWriter();
  const write = (depth: number): Reply => {
    const kind = upTo(depth > 3 ? 4 : 6);
    if (kind === 0) {
      const n = upTo(2) === 0 ? upTo(20) : Math.round((random() - 0.5) * 2 ** upTo(53));
      writer.int(n);
      return n + 0;
    }
    if (kind === 1) {
      writer.nil();
      return null;
    }
    if (kind <= 3) {
      const text = String.fromCharCode(...Array.from({ length: upTo(kind === 2 ? 10 : 300) }, () => upTo(256)));
      if (random() < 0.5) writer.bulkString(text);
      else writer.bulk(Buffer.from(`__${text}`, "latin1"), 2, text.length);
      return text;
    }
    const count = upTo(random() < 0.1 ? 40 : 5);
    const mark = kind === 4 ? writer.deferArray() : -1;
    if (kind === 5) writer.array(count);
    const items = Array.from({ length: count }, () => write(depth + 1));
    if (kind === 4) writer.setArray(mark, count);
    return items;
  };
  const sent: Reply[] = [];
  for (let i = 0; i < 2000; i++) sent.push(write(0));
  const read: Reply[] = [];
  const parser = new RedisParser({
    returnBuffers: true,
    returnReply: (reply: unknown) => read.push(asLatin1(reply)),
    returnError: (error) => {
      throw error;
    },
  });
  parser.execute(writer.bytes.subarray(0, writer.length));
  expect(read).toEqual(sent.map((reply) => normalized(reply)));
});

// Control, seen red: reset() that goes on with the same buffer.
test("what was given away stays as it was, whatever is written afterwards", () => {
  for (const more of [0, 100_000]) {
    const writer = new ReplyWriter();
    writer.raw(Buffer.from("first"));
    const { bytes, length } = writer;
    writer.giveAway();
    writer.raw(Buffer.alloc(more, "x"));
    writer.reset();
    for (let i = 0; i < 2; i++) {
      writer.raw(Buffer.from("other"));
      writer.reset();
    }
    expect(bytes.toString("latin1", 0, length)).toBe("first");
  }
  const writer = new ReplyWriter();
  writer.raw(Buffer.from("firstsecond"));
  const { bytes } = writer;
  writer.giveAway();
  writer.cut(5);
  writer.raw(Buffer.from("other"));
  expect([bytes.toString("latin1", 0, 11), writer.bytes.toString("latin1", 0, writer.length)]).toEqual([
    "firstsecond",
    "firstother",
  ]);
});

function asLatin1(reply: unknown): Reply {
  if (Array.isArray(reply)) return reply.map(asLatin1);
  return Buffer.isBuffer(reply) ? reply.toString("latin1") : normalized(reply as Reply);
}

/** -0 and 0 are the same integer. */
function normalized(reply: Reply): Reply {
  if (Array.isArray(reply)) return reply.map(normalized);
  return reply === 0 ? 0 : reply;
}

import { expect, test } from "vitest";
import { ERROR, MORE, REQUEST, RequestDecoder, SECURITY } from "../src/decoder.js";
import { defaultLimits } from "../src/limits.js";
import { argsOf, decodeAll, drain, encode, newDecoder, type Seen } from "./helpers.js";

/** About 2 KB of everything: plain, inline, empty and binary requests. */
const pipeline = Buffer.concat([
  encode("SET", "key", "value"),
  Buffer.from("PING\r\n"),
  encode("MSET", ...Array.from({ length: 40 }, (_, i) => `k${i}`)),
  Buffer.from("\r\n   \r\n*0\r\n*-1\r\n*-9223372036854775808\r\nSET \"a b\" 'c'\n"),
  encode("SET", "crlf", "\r\n$3\r\n*1\r\n"),
  encode("SET", Buffer.from(Array.from({ length: 256 }, (_, i) => i)), ""),
  encode(""),
  encode("SET", "large", "x".repeat(1200)),
  encode("GET", "key"),
]);
const whole = decodeAll([pipeline]);

test("a whole pipeline gives its requests", () => {
  expect(whole.end).toBe("");
  expect(whole.requests.map((args) => args.length)).toEqual([3, 1, 41, 3, 3, 3, 1, 3, 2]);
  expect(whole.requests[3]).toEqual(["SET", "a b", "c"]);
  expect(whole.requests[4]?.[2]).toBe("\r\n$3\r\n*1\r\n");
});

test("every split position gives the same requests", () => {
  expect(pipeline.length).toBeGreaterThan(1900);
  for (let at = 0; at <= pipeline.length; at++) {
    expect(decodeAll([pipeline.subarray(0, at), pipeline.subarray(at)]), `split at ${at}`).toEqual(whole);
  }
});

test("byte by byte gives the same requests", () => {
  expect(decodeAll(Array.from(pipeline, (byte) => Buffer.of(byte)))).toEqual(whole);
});

test("the limits before authentication give way during a pipeline", () => {
  const decoder = newDecoder({ open: false });
  const bytes = Buffer.concat([encode("AUTH", "secret"), encode("SET", "k", "x".repeat(20_000))]);
  decoder.feed(bytes, bytes.length);
  expect(decoder.next()).toBe(REQUEST);
  decoder.authenticated = true;
  expect(decoder.next()).toBe(REQUEST);
  expect(decoder.request.len[2]).toBe(20_000);
});

test("changes of a shared limits object apply at once", () => {
  const limits = { ...defaultLimits, maxBulkBytes: 10 };
  const decoder = new RequestDecoder(limits);
  const bytes = encode("SET", "k", "x".repeat(11));
  limits.maxBulkBytes = 11;
  decoder.feed(bytes, bytes.length);
  expect(decoder.next()).toBe(REQUEST);
  limits.maxBulkBytes = 10;
  decoder.feed(bytes, bytes.length);
  expect([decoder.next(), decoder.error]).toEqual([ERROR, "ERR Protocol error: invalid bulk length"]);
});

test("stashed bytes go on later, with new bytes behind them", () => {
  const decoder = newDecoder();
  const seen: Seen = { requests: [], end: "" };
  const feed = (bytes: Buffer) => {
    const shared = Buffer.from(bytes);
    decoder.feed(shared, shared.length);
    return shared;
  };
  const first = feed(Buffer.concat([encode("BLPOP", "a", "0"), encode("GET", "b"), Buffer.from("*2\r\n$3\r\nGE")]));
  expect(decoder.next()).toBe(REQUEST);
  decoder.stash();
  expect(argsOf(decoder)).toEqual(["BLPOP", "a", "0"]);
  first.fill(0);
  expect(decoder.bufferedBytes).toBe(encode("GET", "b").length + 10);
  feed(Buffer.from("T\r\n$1\r\nc")).fill(0);
  feed(Buffer.from("\r\nPING\r\n")).fill(0);
  drain(decoder, seen);
  expect(seen.requests).toEqual([["GET", "b"], ["GET", "c"], ["PING"]]);
  expect([decoder.bufferedBytes, decoder.bufferCapacity]).toEqual([0, 256]);
});

test("stash leaves a request that came in pieces intact", () => {
  const decoder = newDecoder();
  const shared = Buffer.from("*1\r\n$5\r\nHE");
  decoder.feed(shared, shared.length);
  expect(decoder.next()).toBe(MORE);
  const rest = Buffer.from("LLO\r\nPING\r\n");
  decoder.feed(rest, rest.length);
  expect(decoder.next()).toBe(REQUEST);
  decoder.stash();
  rest.fill(0);
  expect(argsOf(decoder)).toEqual(["HELLO"]);
  expect(decoder.next()).toBe(REQUEST);
  expect(argsOf(decoder)).toEqual(["PING"]);
});

test("feeding over bytes that were neither consumed nor stashed is a bug of the caller", () => {
  const decoder = newDecoder();
  decoder.feed(Buffer.from("PING\r\nPING\r\n"), 12);
  decoder.next();
  expect(() => decoder.feed(Buffer.from("x"), 1)).toThrow(/neither consumed nor stashed/);
});

test("a stash that grows with many small feeds is copied a bounded number of times", () => {
  const decoder = newDecoder();
  const one = encode("SET", "key", "value");
  decoder.feed(Buffer.concat([one, one]), 2 * one.length);
  decoder.next();
  decoder.stash();
  for (let i = 0; i < 10_000; i++) decoder.feed(one, one.length);
  expect(decoder.copiedBytes).toBeLessThan(4 * decoder.bufferedBytes);
  const seen: Seen = { requests: [], end: "" };
  drain(decoder, seen);
  expect(seen.requests.length).toBe(10_001);
  expect(decoder.bufferCapacity).toBe(0);
});

test("whole requests are not copied", () => {
  const decoder = newDecoder();
  const bytes = Buffer.concat(Array.from({ length: 1000 }, (_, i) => encode("SET", `key:${i}`, "value")));
  decoder.feed(bytes, bytes.length);
  for (let i = 0; i < 1000; i++) {
    expect(decoder.next()).toBe(REQUEST);
    expect(decoder.request.buf).toBe(bytes);
  }
  expect([decoder.next(), decoder.copiedBytes, decoder.bufferCapacity]).toEqual([MORE, 0, 0]);
});

test("after a cut request the rest of the chunk is decoded in place", () => {
  const decoder = newDecoder();
  const one = encode("SET", "key", "value");
  decoder.feed(one.subarray(0, 20), 20);
  expect(decoder.next()).toBe(MORE);
  const rest = Buffer.concat([one.subarray(20), one]);
  decoder.feed(rest, rest.length);
  expect([decoder.next(), decoder.request.buf === rest]).toEqual([REQUEST, false]);
  expect([decoder.next(), decoder.request.buf === rest]).toEqual([REQUEST, true]);
  expect(decoder.copiedBytes).toBeLessThanOrEqual(one.length);
});

test("a million arguments in 64 KB chunks cost linear work", () => {
  const count = 1_000_000;
  const bytes = Buffer.from(`*${count}\r\n${"$3\r\nabc\r\n".repeat(count)}`);
  const decoder = newDecoder();
  let status = -1;
  for (let at = 0; at < bytes.length; at += 65_536) {
    const chunk = bytes.subarray(at, at + 65_536);
    decoder.feed(chunk, chunk.length);
    status = decoder.next();
  }
  expect([status, decoder.request.argc, decoder.request.str(count - 1)]).toEqual([REQUEST, count, "abc"]);
  expect(decoder.copiedBytes).toBeLessThan(2 * bytes.length);
  expect(decoder.next()).toBe(MORE);
  expect([decoder.request.off.length, decoder.bufferCapacity]).toEqual([8, 0]);
});

test("a large bulk costs linear work, is never allocated ahead of its bytes, and is released", () => {
  const size = 16 * 1024 * 1024;
  const header = Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${size}\r\n`);
  const decoder = newDecoder();
  decoder.feed(header, header.length);
  expect(decoder.next()).toBe(MORE);
  expect(decoder.bufferCapacity).toBeLessThanOrEqual(256);
  const chunk = Buffer.alloc(65_536, 0x61);
  for (let at = 0; at < size; at += chunk.length) {
    decoder.feed(chunk, chunk.length);
    expect(decoder.next()).toBe(MORE);
    expect(decoder.bufferCapacity).toBeLessThanOrEqual(2 * decoder.bufferedBytes);
  }
  expect(decoder.bufferCapacity).toBe(size + "SETk\r\n".length);
  decoder.feed(Buffer.from("\r\n"), 2);
  expect([decoder.next(), decoder.request.len[2]]).toEqual([REQUEST, size]);
  expect(decoder.copiedBytes).toBeLessThan(2.1 * size);
  expect([decoder.next(), decoder.bufferCapacity]).toEqual([MORE, 0]);
});

test("headers alone allocate nothing for what they announce", () => {
  for (const header of ["*1048577\r\n", "*2147483647\r\n", "*1\r\n$536870912\r\n"]) {
    const decoder = newDecoder();
    decoder.feed(Buffer.from(header), header.length);
    expect([decoder.next(), decoder.bufferCapacity <= 256, decoder.request.off.length]).toEqual([MORE, true, 8]);
  }
});

test("one request cannot keep more bytes than the query buffer limit", () => {
  const limits = { maxQueryBytes: 1000 };
  expect(decodeAll([encode("SET", "k", "x".repeat(2000))], limits)).toEqual({
    requests: [["SET", "k", "x".repeat(2000)]],
    end: "",
  });
  expect(decodeAll(["*2\r\n$2000\r\n", "x".repeat(1001)], limits)).toEqual({ requests: [], end: "closed silently" });
});

test("a stash cannot keep more bytes than the query buffer limit", () => {
  const decoder = newDecoder({ open: false });
  const seen: Seen = { requests: [], end: "" };
  decoder.feed(Buffer.from("PING\r\nPING\r\n"), 12);
  decoder.next();
  decoder.stash();
  for (let i = 0; i < 17; i++) decoder.feed(Buffer.alloc(65_536, 10), 65_536);
  drain(decoder, seen);
  expect([seen, decoder.bufferedBytes]).toEqual([{ requests: [], end: "closed silently" }, 0]);
  expect(decoder.bufferCapacity).toBeLessThanOrEqual(256);
});

test("who loses its trust among requests that were found ahead is read with the limits of others", () => {
  const decoder = newDecoder({ open: false });
  decoder.authenticated = true;
  const many = encode("MGET", ...Array.from({ length: 20 }, (_, i) => `key:${i}`));
  const stream = Buffer.concat([encode("RESET"), many]);
  decoder.feed(stream, stream.length);
  expect([decoder.next(), decoder.lookAhead()]).toEqual([REQUEST, 1]);
  decoder.authenticated = false;
  expect(decoder.next()).toBe(ERROR);
  expect(decoder.error).toContain("unauthenticated");
});

test("nothing is found ahead behind the last whole plain request, nor a browser's", () => {
  const decoder = newDecoder();
  const stream = Buffer.concat([encode("A"), encode("B"), encode("POST", "/"), encode("C")]);
  decoder.feed(stream, stream.length);
  expect([decoder.next(), decoder.lookAhead(), decoder.lookAhead()]).toEqual([REQUEST, 1, -1]);
  expect([decoder.next(), decoder.lookAhead(), decoder.next()]).toEqual([REQUEST, -1, SECURITY]);
});

/** Gives a decoder a SET of so many bytes in chunks of 16 KB; false while it is not complete. */
function feedSet(decoder: RequestDecoder, bytes: Buffer): boolean {
  let status = MORE;
  for (let at = 0; at < bytes.length; at += 16_384) {
    const chunk = bytes.subarray(at, at + 16_384);
    decoder.feed(chunk, chunk.length);
    status = decoder.next();
  }
  return status === REQUEST;
}

// Controls, each seen red: a buffer that is spare and still in use, one that is given to whoever has little.
test("the buffer of a large request serves the next one, of any connection, and one at a time", () => {
  const set = (letter: string, size: number) => encode("SET", "k", letter.repeat(size));
  const first = newDecoder();
  expect(feedSet(first, set("a", 200_000))).toBe(true);
  const { bufferCapacity } = first;
  expect(first.next()).toBe(MORE);
  const [second, third] = [newDecoder(), newDecoder()];
  const [b, c] = [set("b", 200_000), set("c", 200_000)];
  expect(feedSet(second, b.subarray(0, 40_000))).toBe(false);
  expect(second.bufferCapacity).toBe(bufferCapacity);
  expect(feedSet(third, c)).toBe(true);
  expect(feedSet(second, b.subarray(40_000))).toBe(true);
  expect([argsOf(second)[2], argsOf(third)[2]].map((arg) => new Set(arg))).toEqual([new Set("b"), new Set("c")]);
  // The one that took it over has copied less: nothing was doubled in it.
  expect(second.copiedBytes).toBeLessThan(third.copiedBytes);
  expect([second.next(), third.next()]).toEqual([MORE, MORE]);
  const fourth = newDecoder();
  expect([feedSet(fourth, set("d", 1_000_000)), fourth.next()]).toEqual([true, MORE]);
  expect(feedSet(first, set("e", 200_000).subarray(0, 20_000))).toBe(false);
  expect(first.bufferCapacity).toBeLessThan(40_000);
});

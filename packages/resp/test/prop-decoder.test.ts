import { expect, test } from "vitest";
import { MORE, REQUEST } from "../src/decoder.js";
import { argsIn, argsOf, encode, newDecoder, seeded } from "./helpers.js";

const seed = Number(process.env.HEARTHKV_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`random requests, cut and stashed at random, come out as they went in (seed ${seed})`, () => {
  console.log(`prop-decoder seed ${seed}`);
  const random = seeded(seed);
  const upTo = (n: number) => Math.floor(random() * n);
  const bytesOf = (length: number) => Buffer.from(Array.from({ length }, () => upTo(256)));
  for (let round = 0; round < 150; round++) {
    const sent: string[][] = [];
    const stream: Buffer[] = [];
    for (let i = 0; i < 30; i++) {
      const name = `c${i}`;
      if (random() < 0.1) {
        sent.push([name, "inline"]);
        stream.push(Buffer.from(`${name} inline\r\n`));
      } else {
        const count = upTo(random() < 0.1 ? 40 : 4);
        const args = Array.from({ length: count }, () => bytesOf(upTo(random() < 0.05 ? 4000 : 20)));
        sent.push([name, ...args.map((arg) => arg.toString("latin1"))]);
        stream.push(encode(name, ...args));
      }
      if (random() < 0.1) stream.push(Buffer.from(["\r\n", "*0\r\n", "*-1\r\n"][upTo(3)] ?? ""));
    }
    expect(receive(Buffer.concat(stream), upTo, random)).toEqual(sent);
  }
});

function receive(bytes: Buffer, upTo: (n: number) => number, random: () => number): string[][] {
  const decoder = newDecoder();
  const received: string[][] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = Math.min(bytes.length - at, 1 + upTo(random() < 0.5 ? 10 : 3000));
    const shared = Buffer.from(bytes.subarray(at, at + length));
    at += length;
    decoder.feed(shared, length);
    let expected: string[][] = [];
    for (;;) {
      if (random() < 0.05) {
        decoder.stash();
        break;
      }
      const status = decoder.next();
      if (status === MORE) break;
      expect(status).toBe(REQUEST);
      received.push(argsOf(decoder));
      // What was found ahead comes next, in its order.
      if (expected.length > 0) expect(argsOf(decoder)).toEqual(expected.shift());
      if (random() < 0.5) continue;
      const count = decoder.lookAhead();
      if (count < 0) continue;
      expect(expected).toEqual([]);
      expected = decoder.ahead.slice(0, count).map(argsIn);
    }
    shared.fill(0);
  }
  while (decoder.next() === REQUEST) received.push(argsOf(decoder));
  expect(decoder.bufferedBytes).toBe(0);
  return received;
}

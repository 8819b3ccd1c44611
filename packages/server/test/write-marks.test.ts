import { expect, test } from "vitest";
import { WriteMarks } from "../src/turn/write-marks.js";

const ROUNDS = 200;
const ERROR = Buffer.from("-E\r\n");

interface Reply {
  readonly text: string;
  /** Of its entry; 0 = it is no write's. */
  readonly sequence: number;
}

/** xorshift32: random, and the same for a seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function refused(replies: readonly Reply[], acked: number): { text: string; count: number } {
  const isRefused = (reply: Reply) => reply.sequence > acked;
  return {
    text: replies.map((reply) => (isRefused(reply) ? ERROR.toString() : reply.text)).join(""),
    count: replies.filter(isRefused).length,
  };
}

test("any part of any replies is refused as one by one, in place and moved", () => {
  const seed = Date.now() >>> 0;
  console.log(`write marks: seed ${seed}`);
  const random = randomOf(seed);
  const marks = new WriteMarks();
  for (let round = 0; round < ROUNDS; round++) {
    marks.reset();
    const replies: Reply[] = [];
    const offsets = [0];
    for (let i = random(40); i >= 0; i--) {
      const text = "r".repeat(1 + random(9));
      const sequence = random(3) === 0 ? 0 : replies.length + 1;
      const from = offsets.at(-1) ?? 0;
      if (sequence > 0) marks.add(from, from + text.length, sequence);
      replies.push({ text, sequence });
      offsets.push(from + text.length);
    }
    const bytes = Buffer.from(replies.map((reply) => reply.text).join(""));
    const first = random(replies.length);
    const last = first + random(replies.length - first + 1);
    const [from = 0, to = 0] = [offsets[first], offsets[last]];
    const acked = random(replies.length + 2);
    const expected = refused(replies.slice(first, last), acked);
    const look = (found: ReturnType<WriteMarks["refuse"]>, whole: Buffer) => ({
      text: (found?.bytes ?? whole).toString(),
      count: found?.count ?? 0,
    });
    const part = bytes.subarray(from, to);
    expect(look(marks.refuse(bytes, from, to, acked, ERROR), part), `seed ${seed}`).toEqual(expected);
    expect(look(marks.copy()?.refuse(bytes, from, to, acked, ERROR) ?? null, part), `seed ${seed}`).toEqual(expected);
    const moved = marks.range(from, to, null, 5);
    const behind = Buffer.concat([Buffer.alloc(5), part]);
    expect(look(moved?.refuse(behind, 5, behind.length, acked, ERROR) ?? null, part), `seed ${seed}`).toEqual(expected);
    marks.cut(to);
    expect(look(marks.refuse(bytes, from, to, acked, ERROR), part), `seed ${seed}`).toEqual(expected);
    marks.cut(from);
    expect(marks.refuse(bytes, from, bytes.length, 0, ERROR), `seed ${seed}`).toBeNull();
  }
});

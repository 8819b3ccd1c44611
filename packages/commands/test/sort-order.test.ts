/** The order of SORT, whole and in part, beside a sort of JavaScript's own. */
import { expect, test } from "vitest";
import { Random, seedOf } from "../../engine/test/support/random.js";
import { ByteStrings, byWeight, compareWeights, firstOf, upTo } from "../src/keys/sort-order.js";

const WORDS = ["", "a", "prefix:", "prefix:\0", "prefix:123456", "prefix:1234567", "\xff\xff"];

test("prop: by bytes and by weights", () => {
  const random = new Random(seedOf("sort-order"));
  for (let round = 0; round < 300; round++) {
    const count = random.int(round % 10 === 0 ? 2000 : 40);
    const strings = new ByteStrings(count);
    const common = random.int(2) === 0 ? "common:" : "";
    const texts: (string | null)[] = [];
    for (let i = 0; i < count; i++) {
      const text = random.int(8) === 0 ? null : common + random.pick(WORDS) + String(random.int(30));
      texts.push(text);
      const bytes = Buffer.from(text ?? "", "latin1");
      if (text === null) strings.addAbsent();
      else strings.add(bytes, 0, bytes.length);
    }
    const byBytes = (i: number, j: number) => {
      const [a, b] = [texts[i], texts[j]];
      if (a === null || b === null) return Number(b === null) - Number(a === null);
      return Buffer.compare(Buffer.from(a, "latin1"), Buffer.from(b, "latin1"));
    };
    const all = Array.from({ length: count }, (_, i) => i);
    expect([...strings.sorted(upTo(count))], `seed ${random.seed}`).toEqual(
      all.toSorted((i, j) => byBytes(i, j) || i - j),
    );
    const weights = Float64Array.from(all, () => random.int(6) - 3);
    const expected = all.toSorted((i, j) => weights[i] - weights[j] || byBytes(i, j) || i - j);
    expect([...byWeight(weights, strings)], `seed ${random.seed}`).toEqual(expected);
    // What is equal may be chosen either way.
    const some = random.int(count + 1);
    const found = [...firstOf(count, some, compareWeights(weights, strings))];
    const told = (i: number) => `${weights[i]} ${texts[i]}`;
    expect(found.map(told), `seed ${random.seed}`).toEqual(expected.slice(0, some).map(told));
  }
});

import { expect, test } from "vitest";
import { Random, seedOf } from "../../engine/test/support/random.js";
import { cellAt, geohashText, placeOf, scoreAt, scoresOf } from "../src/geo/geohash.js";
import { sortFirst } from "../src/geo/partial-sort.js";
import { testTranscript } from "./transcript.js";

testTranscript("places");

test("prop: a score leads back to its place, and lies in each cell around it", () => {
  const random = new Random(seedOf("places"));
  const wrong: unknown[] = [];
  for (let i = 0; i < 20_000; i++) {
    const place = [random.next() * 360 - 180, random.next() * 170 - 85] as const;
    const score = scoreAt(...place);
    const [longitude, latitude] = placeOf(score);
    const isNear = Math.abs(longitude - place[0]) < 360 / 2 ** 26 && Math.abs(latitude - place[1]) < 171 / 2 ** 26;
    if (!isNear || scoreAt(longitude, latitude) !== score) wrong.push(place);
    for (let step = 1; step <= 26; step++) {
      const [first, count] = scoresOf(cellAt(...place, step));
      if (score < first || score >= first + count) wrong.push([place, step]);
    }
  }
  expect(wrong).toEqual([]);
});

test("a geohash is the one of geohash.org", () => {
  expect(geohashText(-5.6, 42.6)).toMatch(/^ezs42/);
  expect(geohashText(10.40744, 57.64911)).toMatch(/^u4pruydqq/);
});

test("prop: the first items are those that sorting would give", () => {
  const random = new Random(7);
  for (let round = 0; round < 500; round++) {
    const values = 1 + random.int(60);
    const items = Array.from({ length: random.int(300) }, () => random.int(values));
    const wanted = random.int(items.length + 1);
    const expected = items.toSorted((a, b) => a - b).slice(0, wanted);
    sortFirst(items, wanted, (a, b) => a - b);
    expect(items.slice(0, wanted)).toEqual(expected);
  }
});

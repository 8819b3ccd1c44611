import { expect, test } from "vitest";
import { TYPE_ZSET } from "../../src/types/type-codes.js";
import { ZSET_NEW, ZSET_SAME, ZSET_UPDATED, ZsetValue } from "../../src/types/zset.js";
import { seeded } from "./seeded.js";

function members(zset: ZsetValue, from = 0, to = zset.size): string[] {
  const out: string[] = [];
  zset.iterate(from, to, (member) => out.push(member));
  return out;
}

test("adds, updates and deletes", () => {
  const zset = new ZsetValue();
  expect(zset.type).toBe(TYPE_ZSET);
  expect([zset.add("a", 1), zset.add("a", 1), zset.add("a", 2), zset.add("b", 1)]).toEqual([
    ZSET_NEW,
    ZSET_SAME,
    ZSET_UPDATED,
    ZSET_NEW,
  ]);
  expect([zset.score("a"), zset.score("x"), zset.has("b"), zset.rank("a"), zset.rank("x")]).toEqual([
    2,
    undefined,
    true,
    1,
    -1,
  ]);
  expect([zset.at(1), zset.outMember, zset.outScore, zset.at(2), zset.at(-1)]).toEqual([true, "a", 2, false, false]);
  expect([zset.delete("b"), zset.delete("b"), zset.size]).toEqual([true, false, 1]);
});

test("infinities are scores, -0 stays as it is and equals 0, NaN does not enter", () => {
  const zset = new ZsetValue();
  zset.add("top", Number.POSITIVE_INFINITY);
  zset.add("bottom", Number.NEGATIVE_INFINITY);
  zset.add("b", 0);
  zset.add("a", -0);
  expect(members(zset)).toEqual(["bottom", "a", "b", "top"]);
  expect(Object.is(zset.score("a"), -0)).toBe(true);
  expect(zset.at(1) && Object.is(zset.outScore, -0)).toBe(true);
  expect([zset.add("a", 0), zset.rankUpper(-0, false), zset.rankLower(0, false)]).toEqual([ZSET_SAME, 3, 1]);
  expect(() => zset.add("c", Number.NaN)).toThrow(RangeError);
  expect(zset.has("c")).toBe(false);
});

test("ranges of scores are intervals of ranks", () => {
  const zset = new ZsetValue();
  [1, 2, 2, 3, 3, 3].forEach((score, i) => {
    zset.add("abcdef"[i], score);
  });
  const range = (min: number, minEx: boolean, max: number, maxEx: boolean) =>
    members(zset, zset.rankLower(min, minEx), zset.rankUpper(max, maxEx)).join("");
  expect(range(2, false, 3, false)).toBe("bcdef");
  expect(range(2, true, 3, false)).toBe("def");
  expect(range(1, false, 3, true)).toBe("abc");
  expect(range(2, true, 2, false)).toBe("");
  expect(range(3, false, 1, false)).toBe("");
  expect([zset.countLess(2), zset.countLessOrEqual(2)]).toEqual([1, 3]);
});

test("ranges of members compare bytes", () => {
  const zset = new ZsetValue();
  for (const member of ["a", "B", "aa", "\xff", "", "b"]) zset.add(member, 0);
  expect(members(zset)).toEqual(["", "B", "a", "aa", "b", "\xff"]);
  const range = (min: string, minEx: boolean, max: string, maxEx: boolean) =>
    members(zset, zset.rankLowerLex(min, minEx), zset.rankUpperLex(max, maxEx));
  expect(range("a", false, "b", false)).toEqual(["a", "aa", "b"]);
  expect(range("a", true, "b", true)).toEqual(["aa"]);
  expect(range("c", false, "\xff", false)).toEqual(["\xff"]);
});

test("prop: map and order always agree; popping from both ends empties it; bytes return", () => {
  const { below, random } = seeded("zset");
  const zset = new ZsetValue();
  const emptyBytes = zset.bytes;
  const model = new Map<string, number>();
  for (let step = 0; step < 100_000; step++) {
    const member = `m${below(2000)}`;
    const score = below(4) === 0 ? below(20) : random();
    if (below(4) > 0) {
      const before = model.get(member);
      const expected = before === undefined ? ZSET_NEW : before === score ? ZSET_SAME : ZSET_UPDATED;
      if (zset.add(member, score) !== expected) throw new Error(`add ${member} at ${step}`);
      model.set(member, score);
    } else if (zset.delete(member) !== model.delete(member)) throw new Error(`delete ${member} at ${step}`);
    if (zset.score(member) !== model.get(member) || zset.size !== model.size) throw new Error(`${member} at ${step}`);
    const rank = zset.rank(member);
    if (rank >= 0 && !(zset.at(rank) && zset.outMember === member)) throw new Error(`rank of ${member} at ${step}`);
  }
  const sorted = [...model].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([member]) => member);
  expect(members(zset)).toEqual(sorted);
  const scanned = new Map<string, number>();
  zset.scan(0, 5000, (member, score) => scanned.set(member, score));
  expect(scanned).toEqual(model);
  const slot = zset.randomSlot(random);
  expect(zset.scoreAt(slot)).toBe(model.get(zset.memberAt(slot)));
  while (zset.size > 0) {
    const low = below(2) === 0;
    zset.at(low ? 0 : zset.size - 1);
    expect(zset.outMember).toBe(low ? sorted.shift() : sorted.pop());
    zset.delete(zset.outMember);
  }
  expect(zset.bytes).toBe(emptyBytes);
});

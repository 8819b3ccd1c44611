import { expect, test } from "vitest";
import { TYPE_ZSET } from "../../src/types/type-codes.js";
import { ZsetValue } from "../../src/types/zset.js";
import { ranged, seeded, tableHome, textAt } from "./seeded.js";

/** A sorted set by names. */
class Named {
  readonly zset = new ZsetValue(tableHome());

  place(member: string): number {
    const [buf, off, len] = ranged(member);
    return this.zset.find(buf, off, len);
  }

  set(member: string, score: number): void {
    const place = this.place(member);
    const [buf, off, len] = ranged(member);
    if (place !== 0) this.zset.setScore(place, score);
    else this.zset.add(this.zset.hashOf(buf, off, len), buf, off, len, score);
  }

  delete(member: string): boolean {
    const place = this.place(member);
    if (place !== 0) this.zset.delete(place);
    return place !== 0;
  }

  score(member: string): number | undefined {
    const place = this.place(member);
    return place === 0 ? undefined : this.zset.scoreOf(place);
  }

  at(rank: number): string {
    let found = "";
    this.zset.visit(this.zset.at(rank), (buf, off, len) => {
      found = textAt(buf, off, len);
    });
    return found;
  }

  members(from = 0, to = this.zset.size, reverse = false): string[] {
    const out: string[] = [];
    this.zset.iterate(from, to, reverse, (buf, off, len) => out.push(textAt(buf, off, len)));
    return out;
  }

  countByMember(member: string, orEqual: boolean): number {
    return this.zset.countByMember(...ranged(member), orEqual);
  }
}

test("adds, updates and deletes", () => {
  const named = new Named();
  expect(named.zset.type).toBe(TYPE_ZSET);
  named.set("a", 1);
  named.set("b", 1);
  named.set("a", 2);
  expect([named.score("a"), named.score("x"), named.zset.size]).toEqual([2, undefined, 2]);
  expect([named.zset.rankOf(named.place("a")), named.at(0), named.at(1), named.zset.at(2)]).toEqual([1, "b", "a", 0]);
  expect([named.delete("b"), named.delete("b"), named.zset.size]).toEqual([true, false, 1]);
});

test("infinities are scores, -0 stays as it is and equals 0", () => {
  const named = new Named();
  named.set("top", Number.POSITIVE_INFINITY);
  named.set("bottom", Number.NEGATIVE_INFINITY);
  named.set("b", 0);
  named.set("a", -0);
  expect(named.members()).toEqual(["bottom", "a", "b", "top"]);
  expect(named.members(1, 4, true)).toEqual(["top", "b", "a"]);
  expect(Object.is(named.score("a"), -0)).toBe(true);
  expect([named.zset.countByScore(-0, true), named.zset.countByScore(0, false)]).toEqual([3, 1]);
});

test("counts by scores, and by the bytes of members", () => {
  const named = new Named();
  [1, 2, 2, 3, 3, 3].forEach((score, i) => {
    named.set("abcdef"[i] as string, score);
  });
  const counts = [0, 1, 2, 2.5, 3, 4].flatMap((x) => [
    named.zset.countByScore(x, false),
    named.zset.countByScore(x, true),
  ]);
  expect(counts).toEqual([0, 0, 0, 1, 1, 3, 3, 3, 3, 6, 6, 6]);
  const names = new Named();
  for (const member of ["a", "B", "aa", "\xff", "", "b"]) names.set(member, 0);
  expect(names.members()).toEqual(["", "B", "a", "aa", "b", "\xff"]);
  const bounds = ["", "a", "ab", "\xff"].flatMap((m) => [names.countByMember(m, false), names.countByMember(m, true)]);
  expect(bounds).toEqual([0, 1, 2, 3, 4, 4, 5, 6]);
});

test("a slice with a score that is no number is refused", () => {
  const slice = Buffer.alloc(17);
  slice.writeUInt32LE(1);
  slice.writeDoubleLE(Number.NaN, 4);
  slice.writeUInt32LE(1, 12);
  expect(() => new Named().zset.decodeInto(slice, 0, slice.length)).toThrow(RangeError);
});

// Few long members, so that chunks die and records move while the order names them. Negative controls, each seen red: the tree is not told of
// moves; inner nodes do not follow a move.
test.each([
  ["short", 2000, 1],
  ["long", 100, 1000],
])(
  "prop: table and order always agree with %s members; popping from both ends empties it",
  (name, possible, repeat) => {
    const { below, random } = seeded(`zset ${name}`);
    const named = new Named();
    const { zset } = named;
    const emptyBytes = zset.bytes;
    const model = new Map<string, number>();
    const steps = repeat === 1 ? 60_000 : 5000;
    for (let step = 0; step < steps; step++) {
      const member = `m${below(possible)}`.repeat(1 + below(2) * below(repeat));
      const score = below(4) === 0 ? below(20) : random();
      if (below(4) > (step % 1000 < 500 ? 0 : 2)) {
        named.set(member, score);
        model.set(member, score);
      } else if (named.delete(member) !== model.delete(member)) throw new Error(`delete at ${step}`);
      if (named.score(member) !== model.get(member) || zset.size !== model.size) throw new Error(`step ${step}`);
      const place = named.place(member);
      if (place !== 0 && zset.at(zset.rankOf(place)) !== place) throw new Error(`rank at ${step}`);
    }
    const sorted = [...model].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([member]) => member);
    expect(named.members()).toEqual(sorted);
    const scanned = new Map<string, number>();
    zset.scan(0, steps, (buf, off, len, score) => scanned.set(textAt(buf, off, len), score));
    expect(scanned).toEqual(model);
    while (zset.size > 0) {
      const low = below(2) === 0;
      const member = named.at(low ? 0 : zset.size - 1);
      if (member !== (low ? sorted.shift() : sorted.pop())) throw new Error(`popped ${member}`);
      named.delete(member);
    }
    zset.free();
    expect(zset.bytes).toBe(emptyBytes);
  },
);

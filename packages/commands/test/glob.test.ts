import { describe, expect, it } from "vitest";
import { Glob } from "../src/arguments/glob.js";

function globMatch(pattern: string, text: string, anyCase = false): boolean {
  return new Glob(pattern, anyCase).matchesText(text);
}

/** Checked against PSUBSCRIBE and KEYS of redis-server 7.0.15. */
const CASES: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ["", "", true],
  ["", "a", false],
  ["a", "a", true],
  ["a", "A", false],
  ["*", "anything", true],
  ["**a", "bca", true],
  ["a*c", "abbbc", true],
  ["a*c", "abbb", false],
  ["a*b*c", "a1b2b3c", true],
  ["?", "", false],
  ["?", "\xff", true],
  ["??", "ab", true],
  ["h[ae]llo", "hello", true],
  ["h[ae]llo", "hillo", false],
  ["h[^e]llo", "hallo", true],
  ["h[^e]llo", "hello", false],
  ["h[a-c]llo", "hbllo", true],
  ["h[c-a]llo", "hbllo", true],
  ["[a-]", "a-", false],
  ["[\\]]", "]", true],
  ["[]a]", "a", false],
  ["[]", "a", false],
  ["[^]", "a", true],
  ["[abc", "b", true],
  ["[abc", "d", false],
  ["[", "[", false],
  ["\\*", "*", true],
  ["\\*", "a", false],
  ["a\\", "a\\", true],
  ["\\a", "a", true],
  ["a*\\*", "abc*", true],
  ["[\\a-c]", "b", false],
  ["*", "", false],
  ["**", "", false],
];

/** The rules again, as a recursion: slow, and without a second thought about stars. */
function slowMatch(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") {
    for (let i = 0; i <= text.length; i++) if (slowMatch(pattern.slice(1), text.slice(i))) return true;
    return false;
  }
  if (text === "") return false;
  if (pattern[0] === "?") return slowMatch(pattern.slice(1), text.slice(1));
  if (pattern[0] === "\\" && pattern.length > 1) {
    return pattern[1] === text[0] && slowMatch(pattern.slice(2), text.slice(1));
  }
  return pattern[0] === text[0] && slowMatch(pattern.slice(1), text.slice(1));
}

describe("globMatch", () => {
  it.each(CASES)("%j against %j: %s", (pattern, text, matches) => {
    expect(globMatch(pattern, text)).toBe(matches);
  });

  it("agrees with a plain recursion on random patterns", () => {
    const seed = Date.now() % 1_000_000;
    let state = seed;
    const next = (n: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (state >>> 8) % n;
    };
    const word = (letters: string, most: number): string =>
      Array.from({ length: next(most) }, () => letters[next(letters.length)]).join("");
    for (let i = 0; i < 20_000; i++) {
      const pattern = word("ab*?\\", 8);
      const text = word("ab*", 8);
      const matches = text === "" ? pattern === "" : slowMatch(pattern, text);
      expect(globMatch(pattern, text), `seed ${seed}: ${pattern} ${text}`).toBe(matches);
    }
  });

  it("stays fast and flat on hostile patterns", () => {
    const start = performance.now();
    expect(globMatch(`${"a*".repeat(25)}b`, "a".repeat(65_536))).toBe(false);
    expect(globMatch("*a".repeat(200_000), "a".repeat(1000))).toBe(false);
    expect(globMatch("[".repeat(200_000), "a".repeat(1000))).toBe(false);
    expect(globMatch(`*[${"bc".repeat(50_000)}]`, "a".repeat(100_000))).toBe(false);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it("gives every byte the same answer in a long bracket as in short ones", () => {
    const contents = ["abc", "^abc", "a-fx", "^f-a", "\\]x-z", "^\\^", "^", "A-cX", "\\A"];
    for (const content of contents) {
      for (const anyCase of [false, true]) {
        const short = new Glob(`[${content}]`, anyCase);
        const long = new Glob(`[${content}${content.replace(/^\^/, "").repeat(100)}]`, anyCase);
        for (let round = 0; round < 2; round++) {
          for (let byte = 0; byte < 256; byte++) {
            const text = String.fromCharCode(byte);
            expect(long.matchesText(text), `${content} against ${byte}`).toBe(short.matchesText(text));
          }
        }
      }
    }
  });

  it("keeps brackets of one pattern apart, also when they are tried again behind a star", () => {
    const long = (content: string): string => `[${content.repeat(100)}]`;
    const glob = new Glob(`*${long("ab")}${long("bc")}[cd]${long("^d")}`);
    expect(["abca", "xxabdx", "aabcdabbcx"].map((text) => glob.matchesText(text))).toEqual([true, true, true]);
    expect(["abcd", "xxadcx", ""].map((text) => glob.matchesText(text))).toEqual([false, false, false]);
  });

  it("can ignore the case of ASCII letters, with Redis's two exceptions", () => {
    expect(globMatch("MAX*[A-C]", "maxB", true)).toBe(true);
    expect(globMatch("\\M", "m", true)).toBe(true);
    expect(globMatch("\xc0", "\xe0", true)).toBe(false);
    expect(globMatch("[\\M]", "m", true)).toBe(false);
    expect(globMatch("[a-C]", "b", true)).toBe(false);
  });
});

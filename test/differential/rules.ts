/** When two replies count as the same. An error counts as nothing but itself; that is settled before a rule is asked. */
import { type Reply, sameReply, showReply } from "./reply.js";

/** Judges a reply of HearthKV beside Redis's. */
export type Rule = (hearth: Reply, redis: Reply) => boolean;

/** The same bytes and types. */
export const exact: Rule = sameReply;

/** The same items in any order. */
export const unordered: Rule = (h, r) => {
  return h.kind === r.kind && h.items.length === r.items.length && joined(sorted(h.items)) === joined(sorted(r.items));
};

/** The same pairs in any order, whether a map or a flat array. */
export const unorderedPairs: Rule = (h, r) => {
  if (h.kind !== r.kind || h.items.length !== r.items.length) return false;
  return joined(sortedPairs(h.items)) === joined(sortedPairs(r.items));
};

/** The same types, whatever the values and however many items. */
export const kinds: Rule = (h, r) => {
  if (h.kind !== r.kind) return false;
  const kindsIn = (reply: Reply) => new Set(reply.items.map((item) => item.kind));
  if (h.items.length === 0 || r.items.length === 0) return true;
  return [...kindsIn(h)].sort().join() === [...kindsIn(r)].sort().join();
};

/** Integers that may be some way apart once they are large: times. Small ones (-2, -1, 0) are answers and must be equal. */
export function near(tolerance: number): Rule {
  return (h, r) => {
    if (h.kind !== ":" || r.kind !== ":") return false;
    const [a, b] = [Number(h.text), Number(r.text)];
    return h.text === r.text || (a > tolerance && b > tolerance && Math.abs(a - b) <= tolerance);
  };
}

/**
 * Equal scores. Redis 7.2 prints integers as such and of other doubles the shortest text that reads back as the same, 7.0 prints 17 digits:
 * where the texts differ ours must be that of 7.2.
 */
export const score: Rule = (h, r) => {
  if (h.kind !== r.kind) return false;
  if (h.text === r.text) return true;
  if (h.kind !== "$" && h.kind !== ",") return false;
  const value = Number(h.text);
  if (value !== Number(r.text)) return false;
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 62) return h.text === String(BigInt(value));
  return significantDigits(h.text) === significantDigits(String(value));
};

/** The same, where any text may be a score. */
export const scoresAnywhere: Rule = (h, r) => {
  if (h.kind !== r.kind || h.items.length !== r.items.length) return false;
  if (h.items.length > 0) return h.items.every((item, i) => scoresAnywhere(item, r.items[i]));
  return exact(h, r) || score(h, r);
};

/** Members and scores in turn, flat or nested. */
export const memberScores: Rule = (h, r) => {
  if (h.kind !== r.kind || h.items.length !== r.items.length) return false;
  return h.items.every((item, i) => {
    const other = r.items[i];
    if (item.kind === "*") return memberScores(item, other);
    return i % 2 === 1 ? score(item, other) : exact(item, other);
  });
};

/** A step of SCAN or its kin. Where one began or ended in the middle only its form can be compared. */
export function scanStep(began: string, withScores: boolean, pairs: boolean): Rule {
  return (h, r) => {
    if (h.kind !== "*" || r.kind !== "*" || h.items.length !== 2 || r.items.length !== 2) return false;
    const [[hCursor, hItems], [rCursor, rItems]] = [h.items, r.items];
    if (hCursor.kind !== "$" || hItems.kind !== "*" || !/^\d+$/.test(hCursor.text)) return false;
    if (began !== "0" || hCursor.text !== "0" || rCursor.text !== "0") return kinds(hItems, rItems);
    if (!pairs) return unordered(hItems, rItems);
    if (!withScores) return unorderedPairs(hItems, rItems);
    return memberScores(inOrder(hItems), inOrder(rItems));
  };
}

/** Maps that agree in everything but the values of some keys. */
export function mapExcept(...keys: readonly string[]): Rule {
  const without = (reply: Reply): Reply => ({
    ...reply,
    items: reply.items.filter((_, i) => !keys.includes(reply.items[i - (i % 2)].text)),
  });
  return (h, r) => h.items.length === r.items.length && exact(without(h), without(r));
}

/** The form of a reply as one text. */
export function joined(items: readonly Reply[]): string {
  return items.map((item) => showReply(item, Number.POSITIVE_INFINITY)).join("\n");
}

/** Items in the order of their texts. */
export function sorted(items: readonly Reply[]): Reply[] {
  return items
    .map((item) => ({ item, text: showReply(item, Number.POSITIVE_INFINITY) }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ item }) => item);
}

function sortedPairs(items: readonly Reply[]): Reply[] {
  const pairs: { first: Reply; second: Reply; text: string }[] = [];
  for (let i = 0; i + 1 < items.length; i += 2)
    pairs.push({ first: items[i], second: items[i + 1], text: joined([items[i]]) });
  return pairs.sort((a, b) => (a.text < b.text ? -1 : 1)).flatMap(({ first, second }) => [first, second]);
}

function inOrder(reply: Reply): Reply {
  return { ...reply, items: sortedPairs(reply.items) };
}

function significantDigits(text: string): number {
  return text.replace(/e.*$/i, "").replace(/\D/g, "").replace(/^0+/, "").replace(/0+$/, "").length;
}

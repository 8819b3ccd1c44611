/**
 * Cuts a list down to `count` items chosen at random, in random order: the first steps of a Fisher-Yates shuffle. Where there are no more items than that
 * it stays as it is. `random` gives [0, 1).
 */
export function choose(items: number[], count: number, random: () => number): number[] {
  if (count >= items.length) return items;
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (items.length - i));
    const chosen = items[j];
    items[j] = items[i];
    items[i] = chosen;
  }
  items.length = count;
  return items;
}

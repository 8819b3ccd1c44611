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

/** `count` different numbers below `size`, or all; in random order unless all. What chooses ranks, of which there may be millions. */
export function chooseBelow(size: number, count: number, random: () => number): number[] {
  if (count >= size) return Array.from({ length: size }, (_, i) => i);
  // As above, on numbers that are at home but for those in `moved`.
  const moved = new Map<number, number>();
  const chosen: number[] = [];
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (size - i));
    chosen.push(moved.get(j) ?? j);
    moved.set(j, moved.get(i) ?? i);
  }
  return chosen;
}

/**
 * What became of commands that were refused because the disk failed: their outcome is unknown (DURABILITY.md). Of some that were refused one
 * after the other those that had run already come first, and none that came later ran.
 */
import { describeValue, type Operation, type State } from "./model.js";

/** A command that was answered. */
export interface Answered {
  readonly operation: Operation;
  readonly refused: boolean;
}

/** Every outcome that there may be: for each command whether it has an effect. */
export function* outcomes(answered: readonly Answered[], from = 0): Generator<boolean[]> {
  const first = answered.findIndex((one, i) => i >= from && one.refused);
  if (first < 0) {
    yield answered.slice(from).map(() => true);
    return;
  }
  let end = first;
  while (answered[end]?.refused === true) end++;
  for (const rest of outcomes(answered, end)) {
    for (let ran = first; ran <= end; ran++) {
      yield [
        ...Array.from({ length: first - from }, () => true),
        ...Array.from({ length: end - first }, (_, i) => first + i < ran),
        ...rest,
      ];
    }
  }
}

/** The outcome that leads from `base` to exactly what was found of the keys that begin with `own`; null = none does. */
export function outcomeOf(
  base: State,
  answered: readonly Answered[],
  found: ReadonlyMap<string, string>,
  own: string,
): boolean[] | null {
  const foundOwn = [...found.keys()].filter((key) => key.startsWith(own));
  for (const outcome of outcomes(answered)) {
    const state = structuredClone(base);
    answered.forEach(({ operation }, i) => {
      if (outcome[i] === true) operation.apply(state);
    });
    const isThere = (key: string): boolean => describeValue(key, state.get(key)) === found.get(key);
    if (foundOwn.every(isThere) && [...state.keys()].every(isThere)) return outcome;
  }
  return null;
}

/** The command as one that has no effect. */
export function withoutEffect(operation: Operation): Operation {
  return { ...operation, orderAt: -1, apply: () => {} };
}

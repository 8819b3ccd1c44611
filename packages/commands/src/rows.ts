/** Makes a family's rows short enough to be read as a table. */
import type { CommandContext, CommandFlag, CommandGroup, CommandRow } from "./context.js";

/** Positions of a command's keys: first, last (negative counts from the end), step. */
export type KeyPositions = readonly [first: number, last: number, step: number];

export const NO_KEY: KeyPositions = [0, 0, 0];
export const ONE_KEY: KeyPositions = [1, 1, 1];
export const TWO_KEYS: KeyPositions = [1, 2, 1];
/** Every argument is a key. */
export const ALL_KEYS: KeyPositions = [1, -1, 1];
/** Keys and values in turn. */
export const KEY_VALUE_PAIRS: KeyPositions = [1, -1, 2];
/** Every argument but the last is a key. */
export const ALL_KEYS_BUT_LAST: KeyPositions = [1, -2, 1];

export const READ: readonly CommandFlag[] = ["readonly"];
export const READ_FAST: readonly CommandFlag[] = ["readonly", "fast"];
/** Writes that free memory or keep it as it is. */
export const WRITE: readonly CommandFlag[] = ["write"];
export const WRITE_FAST: readonly CommandFlag[] = ["write", "fast"];
/** Writes that may need more memory. */
export const GROW: readonly CommandFlag[] = ["write", "denyoom"];
export const GROW_FAST: readonly CommandFlag[] = ["write", "denyoom", "fast"];

export type RowMaker = (
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  since: string,
  summary: string,
  run: (ctx: CommandContext) => void,
  keys?: KeyPositions,
) => CommandRow;

/** A function that makes rows of one group. Without `keys` a command has one, its first argument. */
export function rowMaker(group: CommandGroup): RowMaker {
  return (name, arity, flags, since, summary, run, [firstKey, lastKey, keyStep] = ONE_KEY) => ({
    name,
    arity,
    flags,
    firstKey,
    lastKey,
    keyStep,
    group,
    since,
    summary,
    run,
  });
}

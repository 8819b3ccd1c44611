import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Library, type LibraryControl, stopTimers } from "./library-run.js";
import { CONTROL_STATES, CONTROLS, type Conditions, campaign, crashStates, SEED } from "./power-loss.js";

/*
 * The same power losses (power-loss.ts) for programs on the library: WriteAheadLog at all levels with batches, groups, rotation and
 * checkpoints, and recoverState.
 *
 *   I1  what is recovered is the effect of a prefix of what was appended; of what the disk refused, nothing
 *   I2  the prefix contains everything that `syncedSequence` covered, and what an earlier recovery had returned
 *   I6  a batch and a group is whole or absent; never a wrong entry; a replay gives what recovery gave
 *
 * HEARTHKV_CRASH_STATES and HEARTHKV_CRASH_SEED as in power-loss.test.ts.
 */
const STATES = crashStates(5_000);

beforeAll(stopTimers);
afterAll(() => {
  vi.useRealTimers();
});

test(`${STATES} power losses under a WriteAheadLog`, { timeout: 3_600_000 }, async () => {
  console.log(`library power loss seed ${SEED}`);
  const { states, failure } = await campaign(() => new Library(), SEED, STATES, {});
  expect(failure).toBeNull();
  expect(states).toBeGreaterThanOrEqual(STATES);
});

const LIBRARY_CONTROLS: Readonly<Record<string, LibraryControl>> = {
  "accepted is taken for durable": { acceptedIsDurable: true },
  "a batch counts without its last entry": { countsBatchesOneByOne: true },
};

const ALL_CONTROLS: readonly (readonly [string, Conditions, LibraryControl])[] = [
  ...Object.entries(CONTROLS).map(([what, conditions]) => [what, conditions, {}] as const),
  ...Object.entries(LIBRARY_CONTROLS).map(([what, control]) => [what, {}, control] as const),
];

test.each(ALL_CONTROLS)("control: %s", async (what, conditions, control) => {
  const { states, failure } = await campaign(() => new Library(control), SEED, CONTROL_STATES, conditions);
  expect(failure).not.toBeNull();
  console.log(`control "${what}" is red after ${states} states: ${failure?.split("\n")[1]}`);
});

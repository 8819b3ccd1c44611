import { expect, test } from "vitest";
import { CommitOrder, recoverAndJudge } from "./commit-order.js";
import { CONTROL_STATES, CONTROLS, campaign, crashStates, SEED, type Subject } from "./power-loss.js";
import { ProcessRun } from "./process-run.js";

/*
 * Power losses. Random programs write, sync, rotate, publish snapshots and prune over a disk that forgets what was not
 * synced and fails now and then (power-loss.ts).
 *
 *   I1  what is recovered is the effect of a prefix of the commit order
 *   I2  the prefix contains everything whose sync had returned, and what an earlier recovery had returned
 *   I6  never a wrong payload, shard or time
 *
 * A refusal to start is a failure too: nothing here is damage. HEARTHKV_CRASH_STATES: how many states (default 20,000).
 * A failure names its own seed: HEARTHKV_CRASH_SEED=that HEARTHKV_CRASH_STATES=1 repeats it alone.
 */
const STATES = crashStates(20_000);

function processes(): Subject<number> {
  const order = new CommitOrder();
  return {
    expectation: () => order.synced,
    recover: async (disk, synced, nowMs) => {
      const { lastSequence, bytesCut } = await recoverAndJudge(disk, order, synced, nowMs);
      return { expected: lastSequence, lastSequence, bytesCut };
    },
    run: (disk, random, number) => {
      const run = new ProcessRun(disk, order, random, number);
      return { start: () => run.attempt(() => run.start()), step: () => run.step() };
    },
  };
}

test(`${STATES} power losses`, { timeout: 3_600_000 }, async () => {
  console.log(`power loss seed ${SEED}`);
  const { states, failure } = await campaign(processes, SEED, STATES, {});
  expect(failure).toBeNull();
  expect(states).toBeGreaterThanOrEqual(STATES);
});

for (const [what, conditions] of Object.entries(CONTROLS)) {
  test(`control: ${what}`, async () => {
    const { states, failure } = await campaign(processes, SEED, CONTROL_STATES, conditions);
    expect(failure).not.toBeNull();
    console.log(`control "${what}" is red after ${states} states: ${failure?.split("\n")[1]}`);
  });
}

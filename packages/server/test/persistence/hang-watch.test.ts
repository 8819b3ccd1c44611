import { expect, test } from "vitest";
import { HangWatch } from "../../src/persistence/hang-watch.js";
import * as slot from "../../src/persistence/slots.js";

const FEW_LOOKS = 5;
const LOOKS_OF_A_SLOW_CALL = 100;
const LOOKS_WITHOUT_END = 200;

function watched(): { control: Int32Array; looks: (count: number) => boolean[] } {
  const control = new Int32Array(new SharedArrayBuffer(slot.CONTROL_SLOTS * 4));
  const watch = new HangWatch(control);
  return { control, looks: (count) => Array.from({ length: count }, () => watch.hangs()) };
}

test("a loop that stands still hangs after some looks, and no longer when it beats", () => {
  const { control, looks } = watched();
  expect(looks(FEW_LOOKS)).toEqual([false, false, false, true, true]);
  Atomics.add(control, slot.HEARTBEAT, 1);
  expect(looks(1)).toEqual([false]);
});

test("a slow call is no hanging, nor is the moment after it; one without an end is", () => {
  const { control, looks } = watched();
  Atomics.store(control, slot.IN_LONG_CALL, 1);
  expect(looks(LOOKS_OF_A_SLOW_CALL)).not.toContain(true);
  Atomics.store(control, slot.IN_LONG_CALL, 0);
  expect(looks(2)).toEqual([false, false]);
  expect(looks(FEW_LOOKS)).toContain(true);
  Atomics.store(control, slot.IN_LONG_CALL, 1);
  expect(looks(LOOKS_WITHOUT_END).at(-1)).toBe(true);
});

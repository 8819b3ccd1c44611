import { expect, test } from "vitest";
import { HangWatch } from "../../src/persistence/hang-watch.js";
import * as slot from "../../src/persistence/slots.js";

const FEW_LOOKS = 5;
const LOOKS_OF_A_SLOW_CALL = 100;
const LOOKS_WITHOUT_END = 200;

function watched(): { control: Int32Array; looks: (count: number) => boolean[] } {
  const control = new Int32Array(new SharedArrayBuffer(slot.CONTROL_SLOTS * 4));
  const watch = new HangWatch(control);
  return { control, looks: (count) => Array.from({ length: count }, () => watch.standsStill() !== null) };
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

test("an fdatasync without an end stands still for those who wait for it, a slow one and many short ones do not", () => {
  const { control, looks } = watched();
  const beating = (count: number, each = () => {}) =>
    Array.from({ length: count }, () => {
      Atomics.add(control, slot.HEARTBEAT, 1);
      each();
      return looks(1)[0];
    });
  Atomics.store(control, slot.FSYNC_IN_FLIGHT, 1);
  expect(beating(LOOKS_WITHOUT_END)).not.toContain(true); // level memory
  Atomics.store(control, slot.ACK_LEVEL, slot.ACK_WRITTEN);
  expect(beating(LOOKS_WITHOUT_END)).not.toContain(true);
  Atomics.store(control, slot.ACK_LEVEL, slot.ACK_SYNCED);
  expect(beating(LOOKS_WITHOUT_END, () => Atomics.add(control, slot.FSYNCS, 1))).not.toContain(true);
  expect(beating(LOOKS_OF_A_SLOW_CALL)).not.toContain(true);
  expect(beating(LOOKS_OF_A_SLOW_CALL).at(-1)).toBe(true);
  Atomics.add(control, slot.FSYNCS, 1);
  expect(beating(1)).toEqual([false]);
});

test("the age of a time of which only the low 32 bits are known holds across their end, and where two clocks cross", () => {
  const wrapMs = 2 ** 32 * 407;
  for (const beganMs of [wrapMs - 20, wrapMs - 1, wrapMs, wrapMs + 2 ** 31 - 20, 1_700_000_000_123]) {
    for (const laterMs of [0, 1, 20, 40, 3_600_000]) {
      expect(slot.msSince(beganMs | 0, beganMs + laterMs + 0.5)).toBe(laterMs);
    }
    expect(slot.msSince(beganMs | 0, beganMs - 1)).toBe(0);
  }
});

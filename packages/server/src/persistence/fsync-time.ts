/**
 * How long an fdatasync of the log takes, for those who decide by it in which thread the next one is made. A busy machine makes single calls look
 * slow, and none look quick: so a shorter time counts at once, a longer one by an eighth of the difference.
 */
import * as slot from "./slots.js";

/** The usual fdatasync is quick up to here: handing it to another thread and hearing of its end would take about as long. */
const QUICK_US = 1000;
const LONGER_SHARE = 1 / 8;

/** An fdatasync ended well. By whoever made it, while nobody else can make one. */
export function noteFsync(control: Int32Array, tookMs: number): void {
  const us = Math.max(1, Math.round(tookMs * 1000));
  const usual = Atomics.load(control, slot.USUAL_FSYNC_US);
  const longer = usual > 0 && us > usual;
  Atomics.store(control, slot.USUAL_FSYNC_US, longer ? Math.ceil(usual + (us - usual) * LONGER_SHARE) : us);
  Atomics.store(control, slot.LAST_FSYNC_US, us);
  Atomics.add(control, slot.FSYNCS, 1);
}

/** Whether the usual fdatasync is quick; `otherwise` where none was made yet. */
export function fsyncsAreQuick(control: Int32Array, otherwise: boolean): boolean {
  const usual = Atomics.load(control, slot.USUAL_FSYNC_US);
  return usual === 0 ? otherwise : usual <= QUICK_US;
}

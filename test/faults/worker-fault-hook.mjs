/**
 * Loaded into a server and its threads by NODE_OPTIONS. The persistence worker looks at every step for the file that WORKER_FAULT_ORDER
 * names, and does what stands in it: throw, exit, memory (takes all there is), or stall (stands still until the file is gone).
 */
import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { WorkerLog } from "../../packages/server/dist/persistence/worker-log.js";

const file = process.env.WORKER_FAULT_ORDER;

function ordered() {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

const faults = {
  throw: () => {
    throw new Error("thrown on purpose");
  },
  exit: () => process.exit(3),
  memory: () => {
    for (const kept = []; ; ) kept.push(new Array(100_000).fill(0.5));
  },
  stall: () => {
    const nobody = new Int32Array(new SharedArrayBuffer(4));
    while (ordered() !== "") Atomics.wait(nobody, 0, 0, 20);
  },
};

if (!isMainThread) {
  const { step } = WorkerLog.prototype;
  WorkerLog.prototype.step = function stepOrFault(nowMs) {
    faults[ordered()]?.();
    step.call(this, nowMs);
  };
}

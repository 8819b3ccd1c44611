/** PFSELFTEST: whether registers hold what was written, and counts are as near as they should be. */
import { hashElement } from "./element-hash.js";
import { estimate, VALUES } from "./estimate.js";
import { countRegisters, DENSE_BYTES, denseRegister, REGISTER_BITS, REGISTERS, setDenseRegister } from "./format.js";
import { CORRUPT, Sketch } from "./sketch.js";

const ELEMENTS = 20_000;
const SPARSE_BYTES_MAX = 3000;
/** Standard deviations of an estimate that no count may be off. */
const DEVIATIONS = 5;
const DEVIATION = 1.04 / Math.sqrt(REGISTERS);

/** What is wrong, or null. */
export function selfTest(): string | null {
  return registersFault() ?? countFault();
}

function registersFault(): string | null {
  const dense = new Uint8Array(DENSE_BYTES);
  const expectedAt = (i: number) => (i * 7 + (i >>> 5)) % VALUES;
  for (let i = 0; i < REGISTERS; i++) setDenseRegister(dense, i, VALUES - 1);
  for (let i = 0; i < REGISTERS; i++) setDenseRegister(dense, i, expectedAt(i));
  for (let i = 0; i < REGISTERS; i++) {
    const found = denseRegister(dense, 0, i);
    if (found !== expectedAt(i)) return `register ${i} should be ${expectedAt(i)} but is ${found}`;
  }
  return null;
}

/** Elements go to a value that begins sparse and to one that is dense from the first on. */
function countFault(): string | null {
  const [sparse, dense] = [new Sketch(), new Sketch()];
  for (const sketch of [sparse, dense]) sketch.clear();
  dense.toDense();
  const element = new Uint8Array(4);
  const view = new DataView(element.buffer);
  for (let i = 1, next = 1; i <= ELEMENTS; i++) {
    view.setUint32(0, i);
    const hash = hashElement(element, 0, element.length);
    for (const sketch of [sparse, dense]) {
      if (sketch.raise(hash & (REGISTERS - 1), hash >>> REGISTER_BITS, SPARSE_BYTES_MAX) === CORRUPT)
        return "corrupt runs";
    }
    if (i < next) continue;
    const [a, b] = [countOf(sparse), countOf(dense)];
    if (a !== b) return `${i} elements are ${a} sparse and ${b} dense`;
    if (Math.abs(a - i) > Math.ceil(i * DEVIATION * DEVIATIONS)) return `${i} elements are counted as ${a}`;
    next *= 2;
  }
  return null;
}

function countOf({ bytes, length }: Sketch): number {
  const histogram = new Int32Array(VALUES);
  countRegisters(bytes, 0, length, histogram);
  return estimate(histogram);
}

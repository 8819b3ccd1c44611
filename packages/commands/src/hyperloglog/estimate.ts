/**
 * How many different elements registers stand for: the improved estimator of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017,
 * arXiv:1702.01284, algorithm 6), which Redis uses since 5.0. The sums are taken in the order of the paper, so that the last digit is the same.
 */
import { REGISTER_BITS, REGISTERS } from "./format.js";

/** Highest value of a register: one more than the hash has bits behind the register's. */
const VALUE_MAX = 64 - REGISTER_BITS + 1;
/** 1 / (2 ln 2) */
const ALPHA = 0.7213475204444817;

/** Values that a register of six bits can have. */
export const VALUES = 64;

/** @param histogram how many registers have each value, 0 to 63 */
export function estimate(histogram: ArrayLike<number>): number {
  const m = REGISTERS;
  let z = m * tau((m - histogram[VALUE_MAX]) / m);
  for (let value = VALUE_MAX - 1; value >= 1; value--) z = (z + histogram[value]) * 0.5;
  z += m * sigma(histogram[0] / m);
  return Math.round((ALPHA * m * m) / z);
}

function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY;
  let power = x;
  let factor = 1;
  let sum = x;
  for (let before = Number.NaN; sum !== before; factor += factor) {
    power *= power;
    before = sum;
    sum += power * factor;
  }
  return sum;
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let root = x;
  let factor = 1;
  let sum = 1 - x;
  for (let before = Number.NaN; sum !== before; ) {
    root = Math.sqrt(root);
    before = sum;
    factor *= 0.5;
    sum -= (1 - root) * (1 - root) * factor;
  }
  return sum / 3;
}

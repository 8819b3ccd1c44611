/**
 * The hash by which an element finds its register: MurmurHash64A (Austin Appleby, public domain) with Redis's seed, so that a value moved from one server to the
 * other counts the same. 64 bits are two halves here: BigInt would cost a microsecond for each step.
 */
import { REGISTER_BITS } from "./format.js";

const SEED = 0xadc83b19;
const MULTIPLIER_HIGH = 0xc6a4a793 | 0;
const MULTIPLIER_LOW = 0x5bd1e995;
const MULTIPLIER_LOW_HIGH16 = MULTIPLIER_LOW >>> 16;
const MULTIPLIER_LOW_LOW16 = MULTIPLIER_LOW & 0xffff;
/** xor-shift by 47 bits: of the lower half the upper one, moved by 15. */
const SHIFT = 15;
/** Bits of the hash behind those that choose the register. */
const REST_BITS = 64 - REGISTER_BITS;

/** The number being computed. */
let high = 0;
let low = 0;

/**
 * Hashes an element.
 * @returns rank * 2^14 + register: the number of the register, and how many bits of the rest it takes to find the first one that is set (1 to 51)
 */
export function hashElement(buf: Uint8Array, off: number, len: number): number {
  high = 0;
  low = len;
  multiply();
  low ^= SEED;
  let h = high;
  let l = low;
  let p = off;
  for (const end = off + (len & ~7); p < end; p += 8) {
    low = buf[p] | (buf[p + 1] << 8) | (buf[p + 2] << 16) | (buf[p + 3] << 24);
    high = buf[p + 4] | (buf[p + 5] << 8) | (buf[p + 6] << 16) | (buf[p + 7] << 24);
    multiply();
    low ^= high >>> SHIFT;
    multiply();
    high ^= h;
    low ^= l;
    multiply();
    h = high;
    l = low;
  }
  if ((len & 7) !== 0) {
    for (let i = 0; i < (len & 7); i++) {
      if (i < 4) low ^= buf[p + i] << (8 * i);
      else high ^= buf[p + i] << (8 * (i - 4));
    }
    multiply();
  }
  low ^= high >>> SHIFT;
  multiply();
  low ^= high >>> SHIFT;
  const restLow = (low >>> REGISTER_BITS) | (high << (32 - REGISTER_BITS));
  const restHigh = (high >>> REGISTER_BITS) | (1 << (REST_BITS - 32));
  const rank = restLow !== 0 ? firstBit(restLow) + 1 : firstBit(restHigh) + 33;
  return (rank << REGISTER_BITS) | (low & ((1 << REGISTER_BITS) - 1));
}

/** Number of the lowest bit that is set. */
function firstBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Multiplies the number by the hash's constant, modulo 2^64. */
function multiply(): void {
  const a = low & 0xffff;
  const b = low >>> 16;
  const middle = b * MULTIPLIER_LOW_LOW16 + ((a * MULTIPLIER_LOW_LOW16) >>> 16);
  const other = a * MULTIPLIER_LOW_HIGH16 + (middle & 0xffff);
  const carried = b * MULTIPLIER_LOW_HIGH16 + (middle >>> 16) + (other >>> 16);
  high = (carried + Math.imul(high, MULTIPLIER_LOW) + Math.imul(low, MULTIPLIER_HIGH)) | 0;
  low = Math.imul(low, MULTIPLIER_LOW);
}

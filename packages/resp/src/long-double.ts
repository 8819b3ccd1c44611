import { parseHexFloat } from "./numbers.js";

/*
 * INCRBYFLOAT and HINCRBYFLOAT: C's long double as x86 has it, digit for digit.
 *
 *   mantissa * 2^exponent        mantissa of 64 bits at most, exponent at least -16445, the whole below 2^16384
 *
 * Text is rounded to the nearest (strtold), so is the sum (to even where two are as near), and "%.17Lf" prints all of it. Redis's digits depend on
 * the machine; these are the ones that nearly every client has seen: 1234.56 + 0.1 is 1234.66000000000000003. BigInt does it exactly, off
 * the hot path. Source: IEEE 754-1985 (double extended), C17 7.22.1.3 and 7.21.6.1.
 */

/** A number that a long double can be; the sign is the mantissa's. */
interface LongDouble {
  readonly mantissa: bigint;
  readonly exponent: number;
}

/** Redis copies the text into a buffer of 5 * 1024 chars before it reads it. */
const TEXT_CHARS_MAX = 5 * 1024 - 1;
const FRACTION_DIGITS = 17;
const FRACTION = 10n ** BigInt(FRACTION_DIGITS);
const MANTISSA_BITS = 64;
const EXPONENT_MIN = -16_445;
const OVERFLOW_BITS = 16_384;
/** Beyond these powers of ten, or of two in a hexadecimal float, nothing is in range: no need to compute it. */
const POWER_MAX = 4932;
const POWER_MIN = -4952;
const HEX_EXPONENT_MAX = 40_000;

const DECIMAL = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d+))?$/i;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** Whether Redis takes `text` as a long double ("ERR value is not a valid float" otherwise). Infinities are taken. */
export function isLongDouble(text: string): boolean {
  return INFINITE.test(text) || parse(text) !== null;
}

/**
 * The sum of two numbers in text form, as INCRBYFLOAT prints it: no exponent, no trailing zeros, 17 decimals at most.
 * @returns null when one is not a number, is infinite, or the sum is beyond the range of a long double.
 */
export function addLongDouble(aText: string, bText: string): string | null {
  const a = parse(aText);
  const b = parse(bText);
  if (a === null || b === null) return null;
  const exponent = Math.min(a.exponent, b.exponent);
  const shifted = (value: LongDouble) => value.mantissa << BigInt(value.exponent - exponent);
  const sum = rounded(shifted(a) + shifted(b), exponent, false);
  return sum === null ? null : print(sum);
}

/** A double as Redis prints it "for humans" (%.17Lf without trailing zeros), for instance coordinates. Finite numbers only. */
export function formatHumanLongDouble(x: number): string {
  if (Math.abs(x) >= 1e21) return String(BigInt(x));
  const text = stripZeros(x.toFixed(FRACTION_DIGITS));
  return text === "-0" ? "0" : text;
}

/** Null where `text` is no number, infinite, too large, or so small that it becomes 0 (strtold's range errors). */
function parse(text: string): LongDouble | null {
  if (text.length > TEXT_CHARS_MAX) return null;
  const parts = DECIMAL.exec(text);
  if (parts === null) return parseHex(text);
  const fraction = parts[3] ?? parts[4] ?? "";
  const digits = ((parts[2] ?? "") + fraction).replace(/^0+/, "");
  if (digits === "") return ZERO;
  const power = Number(parts[5] ?? 0) - fraction.length;
  if (power + digits.length - 1 > POWER_MAX || power + digits.length - 1 < POWER_MIN) return null;
  const size = BigInt(digits);
  const tens = 10n ** BigInt(Math.abs(power));
  return nearest(parts[1] === "-" ? -size : size, power < 0 ? 1n : tens, power < 0 ? tens : 1n);
}

const ZERO: LongDouble = { mantissa: 0n, exponent: 0 };

function parseHex(text: string): LongDouble | null {
  const hex = parseHexFloat(text);
  if (hex === null) return null;
  if (hex.mantissa === 0n) return ZERO;
  if (Math.abs(hex.exponent) > HEX_EXPONENT_MAX) return null;
  return nonZero(rounded(text.startsWith("-") ? -hex.mantissa : hex.mantissa, hex.exponent, false));
}

/** The nearest to size * factor / divisor, which is not 0. */
function nearest(size: bigint, factor: bigint, divisor: bigint): LongDouble | null {
  const numerator = size * factor;
  // The quotient gets two bits more than will stay; what lies below them decides only where they are half.
  const exponent = bitsOf(numerator) - bitsOf(divisor) - MANTISSA_BITS - 2;
  const top = exponent < 0 ? numerator << BigInt(-exponent) : numerator;
  const bottom = exponent < 0 ? divisor : divisor << BigInt(exponent);
  const quotient = top / bottom;
  return nonZero(rounded(quotient, exponent, quotient * bottom !== top));
}

function nonZero(value: LongDouble | null): LongDouble | null {
  return value?.mantissa === 0n ? null : value;
}

/** The nearest to mantissa * 2^exponent, the even one of two; `more`: a little lies beyond the mantissa. Null where it is too large. */
function rounded(mantissa: bigint, exponent: number, more: boolean): LongDouble | null {
  const size = mantissa < 0n ? -mantissa : mantissa;
  const drop = Math.max(bitsOf(size) - MANTISSA_BITS, EXPONENT_MIN - exponent, 0);
  const kept = shiftedToEven(size, drop, more);
  if (kept !== 0n && bitsOf(kept) + exponent + drop > OVERFLOW_BITS) return null;
  return { mantissa: mantissa < 0n ? -kept : kept, exponent: exponent + drop };
}

/** size / 2^bits rounded to the nearest, to the even one of two as near. */
function shiftedToEven(size: bigint, bits: number, more: boolean): bigint {
  if (bits === 0) return size;
  const kept = size >> BigInt(bits);
  const rest = size - (kept << BigInt(bits));
  const half = 1n << BigInt(bits - 1);
  const isUp = rest > half || (rest === half && (more || (kept & 1n) === 1n));
  return isUp ? kept + 1n : kept;
}

function bitsOf(value: bigint): number {
  const digits = (value < 0n ? -value : value).toString(16);
  return 4 * (digits.length - 1) + (32 - Math.clz32(Number.parseInt(digits[0] as string, 16)));
}

/** "%.17Lf" without trailing zeros. */
function print({ mantissa, exponent }: LongDouble): string {
  const size = mantissa < 0n ? -mantissa : mantissa;
  const units =
    exponent >= 0 ? (size << BigInt(exponent)) * FRACTION : shiftedToEven(size * FRACTION, -exponent, false);
  if (units === 0n) return "0";
  const digits = String(units).padStart(FRACTION_DIGITS + 1, "0");
  const point = digits.length - FRACTION_DIGITS;
  return (mantissa < 0n ? "-" : "") + stripZeros(`${digits.slice(0, point)}.${digits.slice(point)}`);
}

function stripZeros(text: string): string {
  return text.replace(/\.?0+$/, "");
}

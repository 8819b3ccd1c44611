import { parseHexFloat } from "./numbers.js";

/*
 * INCRBYFLOAT and HINCRBYFLOAT: exact decimal addition, printed with at most 17 digits after the point.
 *
 * Redis adds C long doubles, whose precision depends on the machine. Decimal addition gives what quad-precision machines give.
 * On x86 (64 bits of mantissa) Redis shows noise in the last places, now and then from two digits before the point and nearly
 * always from five: 1234.56 + 0.1 is 1234.66000000000000003 there and 1234.66 here.
 */

/** coefficient * 10^exponent */
interface Decimal {
  coefficient: bigint;
  exponent: number;
}

/** Redis copies the text into a buffer of 5 * 1024 chars before it reads it. */
const TEXT_CHARS_MAX = 5 * 1024 - 1;
const FRACTION_DIGITS = 17;
/** Powers of ten of the largest long double, 1.18e4932, and of the smallest, 3.6e-4951. */
const POWER_MAX = 4932;
const POWER_MIN = -4951;
/** Nothing finite is this large: 2^16384. */
const OVERFLOW = 2n ** 16_384n;
const HEX_EXPONENT_MAX = 40_000;

const DECIMAL = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d+))?$/i;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** Whether Redis takes `text` as a long double ("ERR value is not a valid float" otherwise). Infinities are taken. */
export function isLongDouble(text: string): boolean {
  return INFINITE.test(text) || parseDecimal(text) !== null;
}

/**
 * The sum of two numbers in text form, as INCRBYFLOAT prints it: no exponent, no trailing zeros, 17 decimals at most.
 * @returns null when one is not a number, is infinite, or the sum is beyond the range of a long double.
 */
export function addLongDouble(aText: string, bText: string): string | null {
  const a = parseDecimal(aText);
  const b = parseDecimal(bText);
  if (a === null || b === null) return null;
  const exponent = Math.min(a.exponent, b.exponent);
  const coefficient = scaled(a, exponent) + scaled(b, exponent);
  return print({ coefficient, exponent });
}

/** A double as Redis prints it "for humans" (%.17Lf without trailing zeros), for instance coordinates. Finite numbers only. */
export function formatHumanLongDouble(x: number): string {
  if (Math.abs(x) >= 1e21) return String(BigInt(x));
  const text = stripZeros(x.toFixed(FRACTION_DIGITS));
  return text === "-0" ? "0" : text;
}

function parseDecimal(text: string): Decimal | null {
  if (text.length > TEXT_CHARS_MAX) return null;
  const parts = DECIMAL.exec(text);
  if (parts === null) return parseHex(text);
  const fraction = parts[3] ?? parts[4] ?? "";
  const digits = ((parts[2] ?? "") + fraction).replace(/^0+/, "");
  if (digits === "") return { coefficient: 0n, exponent: 0 };
  const exponent = Number(parts[5] ?? 0) - fraction.length;
  const power = exponent + digits.length - 1;
  if (power > POWER_MAX || power < POWER_MIN) return null;
  return finite({ coefficient: BigInt(parts[1] === "-" ? `-${digits}` : digits), exponent });
}

/** m * 2^-k is m * 5^k * 10^-k, so every hexadecimal float has an exact decimal form. */
function parseHex(text: string): Decimal | null {
  const hex = parseHexFloat(text);
  if (hex === null) return null;
  if (hex.mantissa === 0n) return { coefficient: 0n, exponent: 0 };
  if (Math.abs(hex.exponent) > HEX_EXPONENT_MAX) return null;
  const k = BigInt(Math.abs(hex.exponent));
  const size = hex.exponent >= 0 ? hex.mantissa << k : hex.mantissa * 5n ** k;
  return finite({ coefficient: text.startsWith("-") ? -size : size, exponent: Math.min(hex.exponent, 0) });
}

function finite(value: Decimal): Decimal | null {
  const size = value.coefficient < 0n ? -value.coefficient : value.coefficient;
  const whole = value.exponent >= 0 ? size * 10n ** BigInt(value.exponent) : size / 10n ** BigInt(-value.exponent);
  return whole < OVERFLOW ? value : null;
}

function scaled(value: Decimal, exponent: number): bigint {
  return value.coefficient * 10n ** BigInt(value.exponent - exponent);
}

/** Rounds half away from zero to 17 decimals. */
function print(value: Decimal): string | null {
  if (finite(value) === null) return null;
  const negative = value.coefficient < 0n;
  let units = negative ? -value.coefficient : value.coefficient;
  const shift = value.exponent + FRACTION_DIGITS;
  if (shift >= 0) units *= 10n ** BigInt(shift);
  else {
    const divisor = 10n ** BigInt(-shift);
    units = (units + divisor / 2n) / divisor;
  }
  if (units === 0n) return "0";
  const digits = String(units).padStart(FRACTION_DIGITS + 1, "0");
  const point = digits.length - FRACTION_DIGITS;
  return (negative ? "-" : "") + stripZeros(`${digits.slice(0, point)}.${digits.slice(point)}`);
}

function stripZeros(text: string): string {
  return text.replace(/\.?0+$/, "");
}

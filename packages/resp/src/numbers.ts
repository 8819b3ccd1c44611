/*
 * Numbers as Redis reads and prints them.
 *
 *   integers   string2ll: "0", "-12"; never "+1", "01", "-0", " 1" or "1 "; within int64
 *   doubles    strtod on the whole argument: "3", "-.5e3", "0x1.8p1", "inf", "-INFINITY"; never "", " 1", "1 ", "nan";
 *              too large, or too small to be told from zero, is an error as well
 */

const MINUS = 45;
const POINT = 46;
const ZERO = 48;
/** A sign and the 16 digits of 2^53 - 1. */
const SAFE_INT_CHARS_MAX = 17;
/** A sign and the 19 digits of 2^63. */
const INT64_CHARS_MAX = 20;
/** The range of 64-bit integers, which is that of Redis's. */
export const INT64_MAX = 2n ** 63n - 1n;
export const INT64_MIN = -(2n ** 63n);

/** The integer in `buf[off, off + len)`, or NaN when it is not a strict int64 or lies beyond ±(2^53 - 1). Allocates nothing. */
export function parseSafeInt(buf: Uint8Array, off: number, len: number): number {
  if (len === 0 || len > SAFE_INT_CHARS_MAX) return Number.NaN;
  const end = off + len;
  const negative = buf[off] === MINUS;
  let p = negative ? off + 1 : off;
  if (p === end) return Number.NaN;
  if (buf[p] === ZERO) return len === 1 ? 0 : Number.NaN;
  let value = 0;
  for (; p < end; p++) {
    const digit = buf[p] - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  if (value > Number.MAX_SAFE_INTEGER) return Number.NaN;
  return negative ? -value : value;
}

/** The strict int64 in `buf[off, off + len)`, or null. */
export function parseInt64(buf: Uint8Array, off: number, len: number): bigint | null {
  const safe = parseSafeInt(buf, off, len);
  if (!Number.isNaN(safe)) return BigInt(safe);
  if (len > INT64_CHARS_MAX) return null;
  const text = latin1(buf, off, len);
  if (!/^-?[1-9][0-9]*$/.test(text)) return null;
  const value = BigInt(text);
  return value >= INT64_MIN && value <= INT64_MAX ? value : null;
}

const DECIMAL = /^[+-]?(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e[+-]?\d+)?$/i;
const HEX = /^([+-]?)0x(?:([0-9a-f]+)(?:\.([0-9a-f]*))?|\.([0-9a-f]+))(?:p([+-]?\d+))?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** The double in `buf[off, off + len)`, or null when strtod would not take all of it (see above). Infinities are allowed. */
export function parseFloat64(buf: Uint8Array, off: number, len: number): number | null {
  const plain = parsePlainDecimal(buf, off, len);
  if (!Number.isNaN(plain)) return plain;
  const text = latin1(buf, off, len);
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) {
    const digits = (decimal[1] ?? "") + (decimal[2] ?? "") + (decimal[3] ?? "");
    return inRange(Number(text), /[1-9]/.test(digits));
  }
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const hex = parseHexFloat(text);
  if (hex === null) return null;
  if (hex.mantissa === 0n) return text.startsWith("-") ? -0 : 0;
  // Scaled in two steps, because 2 ** exponent alone may leave the range of doubles while the result does not.
  const half = Math.trunc(hex.exponent / 2);
  const value = Number(hex.mantissa) * 2 ** half * 2 ** (hex.exponent - half);
  return inRange(text.startsWith("-") ? -value : value, true);
}

/** So many chars leave at most 22 digits behind the point, and 10^22 is the last power of ten that is an exact double. */
const PLAIN_CHARS_MAX = 23;

/**
 * The number in `buf[off, off + len)` when it is digits with perhaps a minus and a point, and as an integer a safe one; else NaN. Allocates
 * nothing. Digits and power of ten are exact doubles, so their quotient is the double nearest to the text (W. D. Clinger, 1990).
 */
function parsePlainDecimal(buf: Uint8Array, off: number, len: number): number {
  if (len === 0 || len > PLAIN_CHARS_MAX) return Number.NaN;
  const end = off + len;
  const negative = buf[off] === MINUS;
  let value = 0;
  let digits = 0;
  let divisor = 0;
  for (let p = negative ? off + 1 : off; p < end; p++) {
    const digit = buf[p] - ZERO;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      divisor *= 10;
      digits++;
    } else if (buf[p] === POINT && divisor === 0) divisor = 1;
    else return Number.NaN;
  }
  if (digits === 0 || value > Number.MAX_SAFE_INTEGER) return Number.NaN;
  if (divisor > 1) value /= divisor;
  return negative ? -value : value;
}

/** What a hexadecimal float of C denotes: mantissa * 2^exponent, the sign left out; null when `text` is none. */
export function parseHexFloat(text: string): { mantissa: bigint; exponent: number } | null {
  const hex = HEX.exec(text);
  if (hex === null) return null;
  const fraction = hex[3] ?? hex[4] ?? "";
  return { mantissa: BigInt(`0x${(hex[2] ?? "") + fraction}`), exponent: Number(hex[5] ?? 0) - 4 * fraction.length };
}

/** strtod's range error: a finite number too large, or one not zero that became zero. */
function inRange(value: number, nonZero: boolean): number | null {
  return Number.isFinite(value) && (value !== 0 || !nonZero) ? value : null;
}

function latin1(buf: Uint8Array, off: number, len: number): string {
  return Buffer.from(buf.buffer, buf.byteOffset + off, len).toString("latin1");
}

/** Redis prints doubles with an integer value up to 2^62 as integers. */
const INTEGER_FORM_MAX = 2 ** 62;

/**
 * A double as Redis 7.2 prints it (scores, RESP3 doubles): "inf", "-0", "3", "3.5", "1e+20", "1.5e-7", "nan".
 * The shortest digits that read back as the same double; the choice between plain and exponent form is that of fpconv.
 */
export function formatDouble(x: number): string {
  if (Number.isSafeInteger(x)) return x === 0 && Object.is(x, -0) ? "-0" : String(x);
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (Math.abs(x) <= INTEGER_FORM_MAX && Number.isInteger(x)) return String(BigInt(x));
  const [mantissa = "", exponentText = ""] = Math.abs(x).toExponential().split("e");
  return (x < 0 ? "-" : "") + layOut(mantissa.replace(".", ""), Number(exponentText));
}

/** @param exponent power of ten of the first digit. */
function layOut(digits: string, exponent: number): string {
  const lastPower = exponent - digits.length + 1;
  const size = Math.abs(exponent);
  if (lastPower >= 0 && size < digits.length + 7) return digits + "0".repeat(lastPower);
  if (lastPower < 0 && (lastPower > -7 || size < 4)) {
    if (exponent < 0) return `0.${"0".repeat(size - 1)}${digits}`;
    return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  }
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
  return `${digits.charAt(0)}${fraction}e${exponent < 0 ? "-" : "+"}${size}`;
}

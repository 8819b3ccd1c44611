/**
 * How the text of a setting becomes its value. Flags, environment variables and files all hold text, so each kind is read by one function.
 * A function throws a UsageError that says what is expected; the caller puts the place (flag, variable, file and line) before it.
 */
import { UsageError } from "../errors.js";

/** Reads the text of one setting; throws a UsageError such as `must be …`. */
export type ValueReader<T> = (text: string) => T;

/** A whole number in [min, max], written in decimal digits and nothing else (so "0x10", "1e3" and " 1" are refused). */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): ValueReader<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new UsageError(`must be a whole number ${range}, not "${text}"`);
    return value;
  };
}

/** A number in [min, max], whole or with a decimal point, in digits and nothing else (so "1e3" and "0x10" are refused). */
export function decimalNumber(min: number, max: number): ValueReader<number> {
  return (text) => {
    const value = /^\d{1,16}(\.\d{1,16})?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new UsageError(`must be a number from ${min} to ${max}, not "${text}"`);
    return value;
  };
}

const unitBytes: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["k", 1000],
  ["kb", 1024],
  ["m", 1000 ** 2],
  ["mb", 1024 ** 2],
  ["g", 1000 ** 3],
  ["gb", 1024 ** 3],
]);

/** A number of bytes with Redis's units: 1k is 1000, 1kb is 1024, and so on up to gb; upper or lower case. */
export function byteCount(min: number, max: number): ValueReader<number> {
  return (text) => {
    const [, digits = "", unit = ""] = /^(\d{1,16})([a-z]{0,2})$/i.exec(text) ?? [];
    const value = digits === "" ? Number.NaN : Number(digits) * (unitBytes.get(unit.toLowerCase()) ?? Number.NaN);
    if (!(value >= min && value <= max)) {
      throw new UsageError(
        `must be a number of bytes from ${min} to ${max} (kb, mb and gb are understood), not "${text}"`,
      );
    }
    return value;
  };
}

const truthWords: ReadonlyMap<string, boolean> = new Map([
  ["yes", true],
  ["true", true],
  ["1", true],
  ["on", true],
  ["no", false],
  ["false", false],
  ["0", false],
  ["off", false],
]);

/** yes or no (also true, false, 1, 0, on, off). */
export function yesOrNo(text: string): boolean {
  const value = truthWords.get(text.toLowerCase());
  if (value === undefined) throw new UsageError(`must be yes or no, not "${text}"`);
  return value;
}

/**
 * One of the named choices; `synonyms` are other words for some of them, those of redis.conf.
 * @param choices what `--help` shows
 */
export function oneOf<const T extends string>(
  choices: readonly T[],
  synonyms: Readonly<Record<string, NoInfer<T>>> = {},
): ValueReader<T> {
  const words = new Map<string, T>([
    ...choices.map((choice) => [choice, choice] as const),
    ...Object.entries(synonyms),
  ]);
  const others = Object.keys(synonyms);
  const known = choices.join(", ") + (others.length === 0 ? "" : ` (in redis.conf's words: ${others.join(", ")})`);
  return (text) => {
    const value = words.get(text.toLowerCase());
    if (value === undefined) throw new UsageError(`must be one of ${known}, not "${text}"`);
    return value;
  };
}

/** Any text but none at all. */
export function someText(text: string): string {
  if (text === "") throw new UsageError("must not be empty");
  return text;
}

/** Any text; "" where that means "none". */
export function anyText(text: string): string {
  return text;
}

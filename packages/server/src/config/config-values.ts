/** Kinds of configuration parameters: how a text is read, checked and printed. The error texts are those of Redis. */
import { lowerAscii } from "@hearthkv/commands";
import { parseInt64 } from "@hearthkv/resp";

/** A value that was read and found good, not yet in force. Putting it in force cannot fail. */
export type Change = { readonly apply: () => void } | { readonly error: string };

/** One parameter of CONFIG GET and CONFIG SET. */
export interface Parameter {
  readonly name: string;
  readonly get: () => string;
  /** Reads a new value (latin1). Absent: the parameter is fixed while the server runs; `refusal` says why. */
  readonly read?: (text: string) => Change;
  readonly refusal?: string;
  /** Reads the value that a file gives at the start. Absent: `read` does; where that is absent, only the present value is taken. */
  readonly atStart?: (text: string) => Change;
  /** The value has no effect: it is only remembered. */
  readonly remembered?: true;
  /** A line of a file may give it several words. */
  readonly severalWords?: true;
}

/** A place that holds a value. */
export interface Cell<T> {
  get(): T;
  set(value: T): void;
}

export const INT32_MAX = 2n ** 31n - 1n;
export const INT64_MAX = 2n ** 63n - 1n;

/** A cell of its own: for parameters of Redis that mean nothing here and are only remembered. */
export function kept<T>(initial: T): Cell<T> {
  let value = initial;
  return {
    get: () => value,
    set: (next) => {
      value = next;
    },
  };
}

/** A cell that takes the nearest value within [min, max]. */
export function clamped(min: number, max: number, cell: Cell<number>): Cell<number> {
  return { get: cell.get, set: (value) => cell.set(Math.min(max, Math.max(min, value))) };
}

/** The field of an object as a cell. */
export function field<T extends object, K extends keyof T>(object: T, key: K): Cell<T[K]> {
  return {
    get: () => object[key],
    set: (value) => {
      object[key] = value;
    },
  };
}

/** Can be read only. */
export function fixed(name: string, value: string): Parameter {
  return { name, get: () => value, refusal: "can't set immutable config" };
}

/** Can be read only because a client that could set it could write files where it likes. */
export function protectedText(name: string, value: string): Parameter {
  return { name, get: () => value, refusal: "can't set protected config" };
}

/** A whole number within [min, max]. */
export function integer(name: string, min: bigint, max: bigint, cell: Cell<number>): Parameter {
  return { name, get: () => String(cell.get()), read: (value) => integerChange(value, min, max, cell) };
}

/** A number of bytes: a whole number with or without a unit (1gb, 256mb, 100k). */
export function memory(name: string, min: bigint, max: bigint, cell: Cell<number>): Parameter {
  const read = (text: string): Change => {
    const bytes = parseMemory(text);
    return bytes === null ? { error: "argument must be a memory value" } : inRange(bytes, min, max, cell);
  };
  return { name, get: () => String(cell.get()), read };
}

export function yesNo(name: string, cell: Cell<boolean>): Parameter {
  const read = (text: string): Change => {
    const value = lowerAscii(text);
    if (value !== "yes" && value !== "no") return { error: "argument must be 'yes' or 'no'" };
    return { apply: () => cell.set(value === "yes") };
  };
  return { name, get: () => (cell.get() ? "yes" : "no"), read };
}

/** One of several words; `values` maps each to what it means. */
export function choice<T>(
  name: string,
  values: readonly (readonly [word: string, value: T])[],
  cell: Cell<T>,
): Parameter {
  const words = values.map(([word]) => word).join(", ");
  return {
    name,
    get: () => values.find(([, value]) => value === cell.get())?.[0] ?? "",
    read: (text) => {
      const found = values.find(([word]) => word === lowerAscii(text));
      if (found === undefined) return { error: `argument(s) must be one of the following: ${words}` };
      return { apply: () => cell.set(found[1]) };
    },
  };
}

export function text(name: string, cell: Cell<string>): Parameter {
  return { name, get: cell.get, read: (value) => ({ apply: () => cell.set(value) }) };
}

/** The same parameter under its other name. */
export function alias(name: string, parameter: Parameter): Parameter {
  return { ...parameter, name };
}

/** A value that a file gives at the start: what `read` makes of it, or nothing to do where it is the present one. */
export function changeAtStart(
  { get, read, atStart, refusal = "can't set immutable config" }: Parameter,
  text: string,
): Change {
  const reader = atStart ?? read;
  if (reader !== undefined) return reader(text);
  return lowerAscii(text) === lowerAscii(get()) ? { apply: () => {} } : { error: `${refusal}: it is '${get()}'` };
}

/** Bytes that a text such as "100", "64k", "1gb" means (k = 1000, kb = 1024); null when it means none. */
export function parseMemory(value: string): bigint | null {
  const found = /^(\d{1,19})(b|kb?|mb?|gb?)?$/i.exec(value);
  if (found === null) return null;
  const [, digits = "", unit = "b"] = found;
  const base = unit.length === 2 ? 1024n : 1000n;
  const power = BigInt(" kmg".indexOf(lowerAscii(unit.slice(0, 1))));
  return BigInt(digits) * (power > 0n ? base ** power : 1n);
}

/** Reads a whole number within [min, max]. */
export function integerChange(value: string, min: bigint, max: bigint, cell: Cell<number>): Change {
  const bytes = Buffer.from(value, "latin1");
  return inRange(parseInt64(bytes, 0, bytes.length), min, max, cell);
}

function inRange(value: bigint | null, min: bigint, max: bigint, cell: Cell<number>): Change {
  if (value === null) return { error: "argument couldn't be parsed into an integer" };
  if (value < min || value > max) return { error: `argument must be between ${min} and ${max} inclusive` };
  return { apply: () => cell.set(Number(value)) };
}

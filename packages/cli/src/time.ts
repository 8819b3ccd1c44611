import { UsageError } from "./errors.js";

/** Milliseconds since 1970 from digits, or from a date such as 2026-01-31T12:00:00Z. Throws UsageError naming `flag`. */
export function timeOrMs(flag: string, text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(value)) {
    throw new UsageError(
      `${flag} must be milliseconds since 1970 or a time such as 2026-01-31T12:00:00Z, not "${text}"`,
    );
  }
  return value;
}

/**
 * Described values as JSON, and back:
 *
 *   bytes     the text where they are UTF-8, else {"base64": "..."}
 *   number    a number; "inf", "-inf" where it is infinite; an integer beyond 2^53 as its digits
 */
import type { Described } from "@hearthkv/engine";

export type Json = string | number | null | readonly Json[] | { readonly [name: string]: Json };

/** A described value as JSON knows it. */
export function toJson(value: Described): Json {
  if (Buffer.isBuffer(value)) return bytesToJson(value);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : value > 0 ? "inf" : "-inf";
  if (typeof value === "string") return value;
  return (value as readonly Described[]).map(toJson);
}

function bytesToJson(bytes: Buffer): Json {
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : { base64: bytes.toString("base64") };
}

/** The bytes that stand in a JSON document; null where it is none of the two forms, to the letter: half a surrogate pair is no text. */
export function bytesFromJson(value: unknown): Buffer | null {
  if (typeof value === "string") {
    const bytes = Buffer.from(value, "utf8");
    return bytes.toString("utf8") === value ? bytes : null;
  }
  if (typeof value !== "object" || value === null || !("base64" in value) || Object.keys(value).length !== 1)
    return null;
  if (typeof value.base64 !== "string") return null;
  const bytes = Buffer.from(value.base64, "base64");
  return bytes.toString("base64") === value.base64 ? bytes : null;
}
